"""The requests that this project sends, captured in a separate process, so that this one imports no SDK."""

import json
import subprocess
import sys
from typing import TypedDict

from benchmarks.contenders import MODELS, Case
from benchmarks.processes import ENVIRONMENT, PROJECT, BenchmarkFailed


class Captured(TypedDict):
    """A request, without the headers that any client sets itself."""

    target: str
    headers: dict[str, str]
    body: str


def captured(case: Case, host: str) -> list[Captured]:
    """Return the requests for the first prompts."""
    command = ["benchmarks.clients.capture", case.provider, MODELS[case.provider], host, case.answers]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=PROJECT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkFailed(f"no requests were captured: {done.stderr[-2000:]}")
    requests: list[Captured] = json.loads(done.stdout)
    return requests
