"""The ways of making the same calls that are held against each other: each the arguments of a Locust. Stdlib only."""

import json
from dataclasses import dataclass

from benchmarks.processes import PROJECT

CLIENTS = PROJECT / "benchmarks" / "clients"
DATA = PROJECT / "unstructured_data"
MODELS_FILE = PROJECT / "models.json"
MODELS: dict[str, str] = {provider: models[0] for provider, models in json.loads(MODELS_FILE.read_text()).items()}
PROVIDERS = ("openai", "anthropic", "azure-openai", "deepseek", "vertex-ai", "aws-bedrock")
OF_EACH_FORMAT = ("openai", "anthropic", "vertex-ai", "aws-bedrock")
SIGNED = ("aws-bedrock",)
"""With a key, Bedrock would not sign; the SDK's default path does."""
SEED = 1
KEY = "bench-key-123"


@dataclass(frozen=True)
class Case:
    """What is called."""

    provider: str
    stream: bool

    @property
    def answers(self) -> str:
        return "stream" if self.stream else "plain"


def ours(case: Case, host: str, beside: str = "") -> list[str]:
    """The project as it is, harness and all. `beside`: another Locust file that is loaded with it."""
    files = ["--models-file", str(MODELS_FILE), "--data-dir", str(DATA), "--seed", str(SEED)]
    key = [] if case.provider in SIGNED else ["-k", KEY]
    return [*_files(str(PROJECT / "locustfile.py"), beside), *files, *key, *_target(case, host)]


def sdk_default(case: Case, host: str, beside: str = "") -> list[str]:
    """The same SDK by its default path, one client for all users: so do we, and so the SDKs' documentation advises."""
    return [*_files(str(CLIENTS / "sdk_default.py"), beside), *_target(case, host)]


def sdk_own_clients(case: Case, host: str, beside: str = "") -> list[str]:
    """The same, a client for each user: httpx2 looks at every idle connection of a client at each of its calls."""
    return [*sdk_default(case, host, beside), "--own-clients"]


def fast_http(case: Case, host: str, beside: str = "") -> list[str]:
    """The same bytes without an SDK."""
    return [*_files(str(CLIENTS / "fast_http.py"), beside), *_target(case, host)]


def _files(locustfile: str, beside: str) -> list[str]:
    return ["-f", f"{locustfile},{CLIENTS / beside}" if beside else locustfile]


def _target(case: Case, host: str) -> list[str]:
    stream = ["--stream"] if case.stream else []
    return ["--host", host, "--provider", case.provider, "--model", MODELS[case.provider], *stream]
