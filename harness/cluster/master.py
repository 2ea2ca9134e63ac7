"""The master's side of a distributed run: it grants permits, receives rows, and waits for both at the end."""

import logging
import math
from collections.abc import Callable
from typing import Any, cast

import gevent
from locust.rpc.protocol import Message
from locust.runners import STATE_MISSING, STATE_RUNNING, STATE_STOPPING

import locust_inside
from harness.cluster import clock
from harness.cluster.drain import Drain
from harness.errors import BAD_USAGE, NoWorkers
from harness.load.closed_loop import Budget
from harness.load.open_loop import OpenLoop
from harness.load.permits import PermitLedger
from harness.messages import BACK, CALLS, GRANT, PREPARED, REFUSED, RUN, UNWANT, WANT
from harness.record.recorder import Recorder
from harness.record.requests_csv import REQUEST
from harness.record.row_check import are_figures, is_row
from providers.call import Json
from providers.permit import Permit
from wire.exchange import now

_log = logging.getLogger("llm")

PATIENCE_S = 60.0
TELL_EVERY_S = 5.0

IMPORT_S = 20.0
"""A worker that is connected for this long and not prepared is not waited for: it may run another locustfile."""

BEATS_AT_START = 30
"""A worker may be busy importing an SDK: until all workers have reported on the run, none is taken for dead."""

LOOK_EVERY_S = 0.5
SILENCE_S = 1.0
"""A worker reports four times per second. One that is silent for this long may be dead; Locust notices after 5 s."""


def _accepts(recorder: Recorder, ledger: PermitLedger, worker: str, cells: object) -> bool:
    """Return whether a worker's row is valid and belongs to a call that the worker was granted and has not reported.
    An invalid row ends its call too, so that nobody waits for it."""
    number = cells[REQUEST] if isinstance(cells, list) and len(cells) > REQUEST else None
    is_given = isinstance(number, int) and (not recorder.is_counted_out or ledger.has(worker, number))
    if is_given:
        ledger.end(worker, cast(int, number))
    return is_given and is_row(cells, recorder.run_id)


def _tolerant(listener: Callable[..., None]) -> Callable[..., None]:
    """Make a listener log a message with other data than it expects, from whoever sent it, in one line."""

    def listen(msg: Message, **others: Any) -> None:
        try:
            listener(msg=msg, **others)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            _log.error("%r sent a message that can't be read: %r", msg.node_id, error)

    return listen


class Master:
    """Listens to a master's workers, one run after another.

    refuse        ends the run with a reason and an exit code, when a worker can't take part
    is_signalled  returns whether a signal ends the run: a terminal sends it to the workers too
    is_stopping   whether the master waits for the workers' last calls; several may stop a test: the page, its time
                  limit, the loss of its last worker
    """

    def __init__(self, runner: Any, refuse: Callable[[str, int], None], is_signalled: Callable[[], bool]) -> None:
        self._runner, self._refuse, self._is_signalled = runner, refuse, is_signalled
        locust_inside.let_workers_come_and_go(runner)
        locust_inside.outlive_bad_messages(runner, _log.error)
        self._drain = Drain(runner)
        self._recorder: Recorder | None = None
        self._ledger: PermitLedger | None = None
        self._at_start: set[str] = set()
        self._took_part: set[str] = set()
        self._missing: set[str] = set()
        self._was_missing: set[str] = set()
        self._heard_at: dict[str, float] = {}
        self._prepared: set[str] = set()
        self._strange_since: dict[str, float] = {}
        self._has_refused_strangers = self._is_over = False
        self._stops = 0
        locust_inside.start_no_users_at_the_end(runner, lambda: self.is_stopping)
        self._listen(runner)
        clock.answer(runner)
        runner.greenlet.spawn(self._watch_workers)

    def _listen(self, runner: Any) -> None:
        for message, listener in {
            PREPARED: self._on_prepared, REFUSED: self._on_refused, WANT: self._on_want, UNWANT: self._on_unwant,
            BACK: self._on_back,
        }.items():  # fmt: skip
            runner.register_message(message, _tolerant(listener))
        locust_inside.count_no_other_calls(runner.environment, self._is_report_of_this_run)
        runner.environment.events.worker_report.add_listener(self._on_report)
        runner.environment.events.test_stopping.add_listener(self._on_stopping)
        runner.environment.events.test_stop.add_listener(self._on_stop)
        # Runs after Locust's own listener, which sets the state to running even if the test has ended by then.
        runner.environment.events.spawning_complete.add_listener(self._stay_stopped)

    def wait_for_workers(self, count: int, patience_s: float = PATIENCE_S, import_s: float = math.inf) -> None:
        """Wait until `count` workers have imported their SDK: Locust considers a worker ready, and starts the clock,
        before that. Raises `NoWorkers` after `patience_s`; Locust itself would wait forever. A worker that is
        still not prepared after `import_s` ends the wait.
        """
        give_up_at, tell_at = now() + patience_s, now() + TELL_EVERY_S
        while (ready := self._ready_count()) < count and not self._strangers_for(import_s):
            if now() > give_up_at:
                self._runner.quit()
                raise NoWorkers(f"{ready} of {count} workers were ready within {patience_s:g} s")
            if now() > tell_at:
                tell_at += TELL_EVERY_S
                _log.info("waiting for workers: %d of %d are ready", ready, count)
            gevent.sleep(0.05)

    def _ready_count(self) -> int:
        return len(self._prepared.intersection(worker.id for worker in self._runner.clients.all))

    @property
    def is_stopping(self) -> bool:
        return self._stops > 0

    @property
    def workers_gone(self) -> int:
        """The number of the run's workers, if none of them are left; else 0."""
        return 0 if self._runner.worker_count else len(self._of_this_run)

    @property
    def _of_this_run(self) -> set[str]:
        """The workers that were there at the run's start, as some of its users are theirs, or have reported on it."""
        return self._at_start | self._took_part

    def cut(self) -> None:
        """Abort the calls in flight."""
        self._drain.cut()

    def _on_prepared(self, msg: Message, **_: object) -> None:
        self._prepared.add(msg.node_id)

    def _on_refused(self, msg: Message, **_: object) -> None:
        self._refuse(msg.data["reason"], msg.data["exit_code"])

    def begin(self, recorder: Recorder, budget: Budget | OpenLoop) -> None:
        """Grant permits and accept rows for this run from now on."""
        self._recorder, self._ledger = recorder, PermitLedger(budget, self._grant, self._is_there)
        self._at_start = {worker.id for worker in self._runner.clients.all if worker.state != STATE_MISSING}
        self._took_part.clear()
        self._was_missing.clear()
        self._drain.begin()
        self._has_refused_strangers = self._is_over = False
        locust_inside.expect_beats(self._runner, BEATS_AT_START)

    def end(self) -> None:
        """Ignore what workers still send: the run's files are closed."""
        self._recorder = self._ledger = None

    def _grant(self, worker: str, permit: Permit) -> None:
        data = {"run_id": self._recorder and self._recorder.run_id, "permit": list(permit)}
        self._runner.send_message(GRANT, data, client_id=worker)

    def _is_there(self, worker: str) -> bool:
        return now() - self._heard_at.get(worker, 0.0) < SILENCE_S

    def _is_of_this_run(self, msg: Message) -> bool:
        return self._recorder is not None and msg.data["run_id"] == self._recorder.run_id

    def _is_report_of_this_run(self, report: Json) -> bool:
        return self._recorder is not None and report.get(RUN) == self._recorder.run_id

    def _on_want(self, msg: Message, **_: object) -> None:
        self._heard_at[msg.node_id] = now()
        if self._ledger is not None and self._is_of_this_run(msg):
            self._ledger.want(msg.node_id, bool(msg.data["begins"]))

    def _on_unwant(self, msg: Message, **_: object) -> None:
        if self._ledger is not None and self._is_of_this_run(msg):
            self._ledger.unwant(msg.node_id, bool(msg.data["begins"]))

    def _on_back(self, msg: Message, **_: object) -> None:
        if self._ledger is not None and self._is_of_this_run(msg):
            self._ledger.take_back(msg.node_id, msg.data["number"])

    def _on_report(self, client_id: str, data: Json, **_: object) -> None:
        self._heard_at[client_id] = now()
        if self._recorder is None or self._ledger is None:
            return
        self._ledger.serve()
        if not self._is_report_of_this_run(data):
            return
        self._took_part.add(client_id)
        if self._took_part >= {worker.id for worker in self._runner.clients.all}:
            locust_inside.expect_beats(self._runner, locust_inside.USUAL_BEATS)
        self._receive(self._recorder, self._ledger, client_id, data)

    def _receive(self, recorder: Recorder, ledger: PermitLedger, worker: str, report: Json) -> None:
        """Pass on a report with only the rows of calls that were granted to this worker."""
        try:
            rows = report.get(CALLS, ())
            report[CALLS] = [cells for cells in rows if _accepts(recorder, ledger, worker, cells)]
            recorder.refuse(len(rows) - len(report[CALLS]))
            if not are_figures(report):
                _log.error("%r sent figures that can't be read", worker)
                report = {CALLS: report[CALLS]}
            recorder.receive(worker, report)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            _log.error("%r sent a report that can't be read: %r", worker, error)

    def _on_stopping(self, **_: object) -> None:
        """Wait for the last rows, and count the workers and calls that are lost: also calls that a worker was granted
        and has not reported."""
        self._stops += 1
        left = set() if self._is_signalled() else self._of_this_run - {worker.id for worker in self._runner.clients.all}
        locust_inside.end_ramp_up(self._runner)
        self._drain.wait()
        self._bury_the_dead()
        if self._recorder is not None and self._ledger is not None:
            dead, out_of_touch = self._of_this_run & self._missing, self._of_this_run & self._was_missing
            silent = self._ledger.give_up() | (self._of_this_run & self._drain.late)
            counted = self._recorder.is_counted_out
            calls = self._ledger.lost_count if counted else self._recorder.in_flight(dead)
            self._recorder.lose(calls, len(out_of_touch | left | silent | self._strangers()))
        self._is_over = True

    def _on_stop(self, **_: object) -> None:
        self._stops -= 1

    def _stay_stopped(self, **_: object) -> None:
        if self._is_over and self._runner.state == STATE_RUNNING:
            self._runner.update_state(STATE_STOPPING)

    def _watch_workers(self) -> None:
        while True:
            gevent.sleep(LOOK_EVERY_S)
            self._bury_the_dead()
            self._refuse_strangers()

    def _strangers(self) -> set[str]:
        """Return the workers that never said that they are prepared. Locust gives them their share of the users, who
        make no call."""
        return {worker.id for worker in self._runner.clients.all} - self._prepared

    def _refuse_strangers(self) -> None:
        """End a run in which a worker is a stranger for long: it runs another locustfile, or hangs."""
        self._strange_since = {worker: self._strange_since.get(worker, now()) for worker in self._strangers()}
        late = self._strangers_for(PATIENCE_S)
        if late and self._recorder is not None and not self._has_refused_strangers:
            self._has_refused_strangers = True
            self._refuse(f"worker {self._name(late[0])} makes no calls: does it run this locustfile?", BAD_USAGE)

    def _strangers_for(self, patience_s: float) -> list[str]:
        return [worker for worker, since_s in self._strange_since.items() if now() - since_s > patience_s]

    def _name(self, worker: str) -> str:
        return locust_inside.worker_name(worker, self._runner.get_worker_index(worker))

    def _bury_the_dead(self) -> None:
        """Report the permits of dead workers as lost. Workers that quit have left Locust's list; missing ones stay on
        it for a minute."""
        workers = self._runner.clients.all
        living = {worker.id for worker in workers if worker.state != STATE_MISSING}
        self._missing = (self._missing | {worker.id for worker in workers}) - living
        self._was_missing |= self._missing & self._of_this_run
        if self._ledger is not None:
            self._ledger.bury(living)
