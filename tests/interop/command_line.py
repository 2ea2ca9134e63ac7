"""How the project is run for a case: its arguments, its environment, its models file."""

import json
import os
import sys
from pathlib import Path

from .cases import CALLS, CASES, Case
from .layout import RUN
from .servers import KEY

MODELS_FILE = RUN / "models.json"

AWS_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "interop",
    "AWS_SECRET_ACCESS_KEY": "interop",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def write_models_file() -> None:
    models: dict[str, list[str]] = {}
    for case in CASES:
        models.setdefault(case.provider, []).append(case.model)
    MODELS_FILE.write_text(json.dumps(models, indent=2))


def words(case: Case, host: str, csv_prefix: Path) -> list[str]:
    options = {
        "-u": "2",
        "-r": "2",
        "-i": str(CALLS),
        "-p": case.provider,
        "-m": case.model,
        "-H": host,
        "--api": case.api,
        "--models-file": str(MODELS_FILE),
        "--csv": str(csv_prefix),
        "-o": "json",
    }
    if case.api_version:
        options["--api-version"] = case.api_version
    flags = ["--headless", *(["--stream"] if case.stream else [])]
    return [sys.executable, "-m", "locust", *flags, *(word for pair in options.items() for word in pair)]


def environment(case: Case) -> dict[str, str]:
    """Keep the caller's settings out: a proxy or a real key among them would change what is tested."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | (AWS_CREDENTIALS if case.provider == "aws-bedrock" else {"LLM_API_KEY": KEY})
