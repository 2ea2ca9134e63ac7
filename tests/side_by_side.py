"""Tests in several processes: `pytest -p tests.side_by_side --processes 4` collects the tests once, then forks.

What the tests import is imported once, and a process that has finished a file takes the next one, in the order in which
they are named on the command line.
"""

import gc
import os
import pickle
from array import array
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import chain, groupby, pairwise, takewhile
from mmap import mmap
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

import pytest

from tests import prefork

IMPORTED = (*prefork.IMPORTED, "plotly.graph_objects", "questionary")
"""What most tests import late."""

Files = list[list[pytest.Item]]
NUMBER_BYTES, END = 2, 65535


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processes", type=int, default=1, help="in how many processes to run the tests")


def pytest_configure(config: pytest.Config) -> None:
    """Begin what takes seconds: the process that others are forked from imports while this one collects the tests. So
    many objects are made then that looking for garbage among them, again and again, takes a fifth of the time."""
    if config.option.processes > 1 and not config.option.collectonly:
        prefork.orders()
        gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    options = session.config.option
    if options.processes < 2 or options.collectonly or session.testsfailed:
        return None
    files = [list(items) for _, items in groupby(session.items, lambda item: item.path)]
    _prepare(session.config)
    queue, is_over = _queue([*range(len(files)), *[END] * options.processes]), mmap(-1, 1)
    processes = dict(_process(session, _taken(files, queue, is_over)) for _ in range(options.processes))
    while processes:
        for source in wait(list(processes)):
            assert isinstance(source, Connection)
            try:
                _pass_on(session.config, pickle.loads(source.recv_bytes()))
            except EOFError:
                _end(processes.pop(source))
            is_over[0] = is_over[0] or bool(session.shouldfail)
    return True


def _prepare(config: pytest.Config) -> None:
    """Do once what each process would do."""
    for name in IMPORTED:
        import_module(name)
    config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # They share its folder.
    gc.collect()
    gc.freeze()
    gc.enable()


def _queue(numbers: Sequence[int]) -> int:
    """Return a pipe that holds numbers; whoever reads one has it to itself."""
    reading, writing = os.pipe()
    os.write(writing, array("H", numbers).tobytes())
    return reading


def _process(session: pytest.Session, items: Iterator[pytest.Item]) -> tuple[Connection, int]:
    """Fork a process; return where its messages arrive, and its pid."""
    messages, out = Pipe(duplex=False)
    if pid := os.fork():
        out.close()
        return messages, pid
    code = 1
    try:
        _Reporter(session.config, out).run(items)
        code = 0
    finally:
        os._exit(code)


def _pass_on(config: pytest.Config, told: dict[str, Any]) -> None:
    """Report here what another process reported."""
    if "warning" in told:
        config.hook.pytest_warning_recorded.call_historic(kwargs=told["warning"])
        return
    report = config.hook.pytest_report_from_serializable(config=config, data=told)
    config.hook.pytest_runtest_logreport(report=report)
    config.hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)


def _end(pid: int) -> None:
    """Fail if a process did not come to its end: its tests are missing then."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise pytest.UsageError(f"a process of tests ended with {code}: without --processes pytest says where")


class _Reporter:
    """Runs tests in a forked process, and sends what is reported of them."""

    def __init__(self, config: pytest.Config, out: Connection) -> None:
        self.config, self.out = config, out
        capture: Any = config.pluginmanager.getplugin("capturemanager")
        capture.stop_global_capturing()
        capture.start_global_capturing()
        config.get_terminal_writer()._file = open(os.devnull, "w")  # noqa: SIM115  # It outlives the tests.
        config.pluginmanager.register(self)

    def run(self, items: Iterator[pytest.Item]) -> None:
        for item, following in pairwise(chain(items, [None])):
            assert item is not None
            self.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._send(self.config.hook.pytest_report_to_serializable(config=self.config, report=report))

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str, location: Any) -> None:
        of = {"when": when, "nodeid": nodeid, "location": location}
        self._send({"warning": {"warning_message": warning_message, **of}})

    def _send(self, told: dict[str, Any]) -> None:
        self.out.send_bytes(pickle.dumps(told))


def _taken(files: Files, queue: int, is_over: mmap) -> Iterator[pytest.Item]:
    """Yield the items of one file after another from the queue, until `is_over`, as after a failure with -x."""
    while (number := array("H", os.read(queue, NUMBER_BYTES))[0]) != END:
        yield from takewhile(lambda _: not is_over[0], files[number])
