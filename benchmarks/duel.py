"""Rounds of several clients in turn, on one core, against one server, close together in time for a fair ratio."""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contenders import Case
from benchmarks.processes import CLIENT_CORE, BenchmarkFailed, Process, client, complaint, pin
from benchmarks.rounds import READY, Round

USERS = 64
WARM_UP_S = 0.3
METERED = ["-u", str(USERS), "-r", str(USERS), "-t", "1h"]

Contender = Callable[[Case, str, str], list[str]]


def duel(contenders: Sequence[Contender], case: Case, host: str, repeats: int, duration_s: float) -> list[list[Round]]:
    """Return the rounds of each contender; rounds with the same index ran one right after the other."""
    with ExitStack() as stack:
        arguments = [[*contender(case, host, "meter.py"), *METERED] for contender in contenders]
        clients = [Metered(*stack.enter_context(client(one))) for one in arguments]
        for metered in clients:
            metered.get_ready()
        for metered in clients:
            metered.hold(WARM_UP_S)
        turns = [[metered.hold(duration_s) for metered in clients] for _ in range(repeats)]
    return [list(rounds) for rounds in zip(*turns, strict=True)]


class Metered:
    """A client that runs with `clients.meter`."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process, self._folder = process, folder

    def get_ready(self) -> None:
        """Wait until every user has made a call, then pin the client; until then, clients start up on any core."""
        if self._line() != READY:
            raise BenchmarkFailed(f"a client did not start: {complaint(self._folder)}")
        pin(self._process, CLIENT_CORE)

    def hold(self, duration_s: float) -> Round:
        print(duration_s, file=self._process.stdin, flush=True)
        held = Round(**json.loads(self._line()))
        if held.error:
            raise BenchmarkFailed(f"a call failed: {held.error}")
        return held

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
