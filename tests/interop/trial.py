"""Runs one case through the project's own command line and holds its summary against what was expected."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .cases import CALLS, CASES, Case
from .layout import PROJECT, RUN
from .servers import KEY

TRIAL_TIMEOUT_S = 60
MODELS_FILE = RUN / "models.json"

AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "interop",
    "AWS_SECRET_ACCESS_KEY": "interop",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Counts:
    """What a run says of itself."""

    total: int
    succeeded: int
    failed: int


@dataclass(frozen=True)
class Verdict:
    """`complaint` is empty when the case holds."""

    case: Case
    counts: Counts | None
    complaint: str


class NoSummaryError(Exception):
    """The run ended without telling how its calls went."""


def write_models_file() -> None:
    models: dict[str, list[str]] = {}
    for case in CASES:
        models.setdefault(case.provider, []).append(case.model)
    MODELS_FILE.write_text(json.dumps(models, indent=2))


def try_case(case: Case, number: int, addresses: dict[str, str]) -> Verdict:
    prefix = RUN / f"{number:02}-{case.provider}"
    try:
        counts = _counts(_load_test(_command(case, case.host(addresses), prefix), prefix.with_suffix(".log")))
    except NoSummaryError as error:
        return Verdict(case, None, str(error))
    return Verdict(case, counts, _complaint(case, counts))


def _complaint(case: Case, seen: Counts) -> str:
    expected = Counts(CALLS, 0, CALLS) if case.fails else Counts(CALLS, CALLS, 0)
    return "" if seen == expected else f"expected {expected}, saw {seen}"


def _counts(summary: str) -> Counts:
    try:
        told = json.loads(summary)
        return Counts(told["total_requests"], told["success_count"], told["failure_count"])
    except (ValueError, KeyError, TypeError) as error:
        raise NoSummaryError(f"stdout is no summary: {error!r}") from error


def _load_test(command: list[str], log: Path) -> str:
    try:
        with log.open("w") as output:
            finished = subprocess.run(
                command,
                cwd=PROJECT,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                timeout=TRIAL_TIMEOUT_S,
                check=True,
                text=True,
            )
    except subprocess.SubprocessError as error:
        raise NoSummaryError(f"{_ending(error)}, see {log.relative_to(PROJECT)}") from error
    return finished.stdout


def _ending(error: subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"exit code {error.returncode}"
    return f"still running after {TRIAL_TIMEOUT_S} s"


def _command(case: Case, host: str, prefix: Path) -> list[str]:
    options = {
        "-u": "2",
        "-i": str(CALLS),
        "-p": case.provider,
        "-m": case.model,
        "-H": host,
        "--api": case.api,
        "--models-file": str(MODELS_FILE),
        "--csv": str(prefix),
        "-o": "json",
    }
    if case.api_version:
        options["--api-version"] = case.api_version
    flags = ["--headless", *(["--stream"] if case.stream else [])]
    return [sys.executable, "-m", "locust", *flags, *(word for pair in options.items() for word in pair)]


def _environment() -> dict[str, str]:
    """The caller's own settings stay out: a proxy or a real key among them would change what is tried."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | AWS_ENVIRONMENT | {"LLM_API_KEY": KEY}
