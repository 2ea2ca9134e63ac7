"""The clients that are compared, each as the arguments with which Locust makes the same calls. Stdlib only."""

import json
from dataclasses import dataclass

from benchmarks.processes import PROJECT

CLIENTS = PROJECT / "benchmarks" / "clients"
DATA = PROJECT / "unstructured_data"
MODELS_FILE = PROJECT / "models.json"
MODELS: dict[str, str] = json.loads(MODELS_FILE.read_text())["default"]
PROVIDERS = ("openai", "anthropic", "azure-openai", "deepseek", "vertex-ai", "aws-bedrock")
OF_EACH_FORMAT = ("openai", "anthropic", "vertex-ai", "aws-bedrock")
SIGNED = ("aws-bedrock",)
"""With a key, Bedrock would not sign; the SDK's default path does."""
SEED = 1
KEY = "bench-key-123"


@dataclass(frozen=True)
class Case:
    """What is called: a provider, plain or streaming."""

    provider: str
    stream: bool

    @property
    def answers(self) -> str:
        return "stream" if self.stream else "plain"


def ours(case: Case, host: str, beside: str = "") -> list[str]:
    """Return the arguments for this project as it is, harness and all; `beside` is another Locust file to load."""
    files = ["--models-file", str(MODELS_FILE), "--data-dir", str(DATA), "--seed", str(SEED)]
    key = [] if case.provider in SIGNED else ["-k", KEY]
    return [*_files(str(PROJECT / "locustfile.py"), beside), *files, *key, *_target(case, host)]


def sdk_default(case: Case, host: str, beside: str = "") -> list[str]:
    """Return those for the same SDK's default path, with one client for all users, as here and as the SDKs advise."""
    return [*_files(str(CLIENTS / "sdk_default.py"), beside), *_target(case, host)]


def sdk_own_clients(case: Case, host: str, beside: str = "") -> list[str]:
    """Return those for one client per user instead: httpx2 checks every idle connection of a client at each call."""
    return [*sdk_default(case, host, beside), "--own-clients"]


def fast_http(case: Case, host: str, beside: str = "") -> list[str]:
    """Return those for sending the same bytes without an SDK."""
    return [*_files(str(CLIENTS / "fast_http.py"), beside), *_target(case, host)]


def _files(locustfile: str, beside: str) -> list[str]:
    return ["-f", f"{locustfile},{CLIENTS / beside}" if beside else locustfile]


def _target(case: Case, host: str) -> list[str]:
    stream = ["--stream"] if case.stream else []
    return ["--host", host, "--provider", case.provider, "--model", MODELS[case.provider], *stream]
