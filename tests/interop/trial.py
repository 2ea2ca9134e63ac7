"""Runs one case as a load test and compares the run's summary with what was expected."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import command_line
from .cases import CALLS, Case
from .layout import PROJECT, RUN

TRIAL_TIMEOUT_S = 60


@dataclass(frozen=True)
class Counts:
    """What a run reports."""

    total: int
    succeeded: int
    failed: int

    def __str__(self) -> str:
        return f"{self.succeeded} ok and {self.failed} failed of {self.total}"


@dataclass(frozen=True)
class Verdict:
    """`complaint` is empty if the case holds; `counts` is `None` if the run reported none."""

    case: Case
    counts: Counts | None
    complaint: str


class NoSummaryError(Exception):
    """The run ended without reporting how its calls went."""


def try_case(case: Case, number: int, addresses: dict[str, str]) -> Verdict:
    prefix = RUN / f"{number:02}-{case.provider}"
    command = command_line.words(case, case.host(addresses), prefix)
    try:
        counts = _counts(_stdout(command, command_line.environment(case), prefix.with_suffix(".log")))
    except NoSummaryError as error:
        return Verdict(case, None, str(error))
    return Verdict(case, counts, _complaint(case, counts))


def _complaint(case: Case, seen: Counts) -> str:
    expected = Counts(CALLS, 0, CALLS) if case.fails else Counts(CALLS, CALLS, 0)
    return "" if seen == expected else f"expected {expected}, saw {seen}"


def _counts(stdout: str) -> Counts:
    try:
        summary = json.loads(stdout)
        return Counts(summary["total_requests"], summary["success_count"], summary["failure_count"])
    except (ValueError, KeyError, TypeError) as error:
        raise NoSummaryError(f"stdout is no summary: {error!r}") from error


def _stdout(command: list[str], environment: dict[str, str], log: Path) -> str:
    try:
        with log.open("w") as stderr:
            return subprocess.run(
                command,
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                timeout=TRIAL_TIMEOUT_S,
                check=True,
                text=True,
            ).stdout
    except subprocess.SubprocessError as error:
        raise NoSummaryError(f"{_ending(error)}, see {log.relative_to(PROJECT)}") from error


def _ending(error: subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"exit code {error.returncode}"
    return f"still running after {TRIAL_TIMEOUT_S} s"
