"""Canaries: what `locust_inside` relies on still exists. A failing one names what a new Locust has changed."""

import inspect
import math
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gevent
import gevent.socket
import locust.argument_parser
import locust.log
import locust.main
import locust.rpc.zmqrpc
import locust.runners
import locust.stats
import locust.util.exception_handler
import locust.web
import msgpack  # type: ignore[import-untyped]  # it has no stubs
import pytest
import zmq.green as zmq
from gevent import GreenletExit
from locust import User, task
from locust.argument_parser import LocustArgumentParser
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.input_events import UnixKeyPoller
from locust.rpc.protocol import Message
from locust.runners import (
    STATE_MISSING,
    STATE_RUNNING,
    MasterRunner,
    Runner,
    WorkerNode,
    WorkerNodes,
    WorkerRunner,
)
from locust.stats import RequestStats, StatsEntry
from locust.web import WebUI

import locust_inside
from tests.certificates import make_certificate
from tests.command_line import PROJECT
from wire.exchange import now

PRIVATE = re.compile(r"\b(environment|runner|web_ui|dispatcher|user|locust(\.\w+)+)\._(?!_)\w+")
REPLACED = re.compile(r"^\s*locust\.\w+\.\w+\s*=[^=]", re.MULTILINE)
SOURCES = [PROJECT / "locustfile.py", *(PROJECT / "providers").rglob("*.py"), *(PROJECT / "harness").rglob("*.py")]


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    """Leave Locust as it was."""
    kept = [
        (module, name, vars(module)[name])
        for module, name in (
            (locust.stats, "bucket_response_time"),
            (locust.stats, "calculate_response_time_percentile"),
            (locust.argument_parser, "default_args_dict"),
            (locust.runners, "WORKER_REPORT_INTERVAL"),
            (locust.runners, "MASTER_HEARTBEAT_TIMEOUT"),
            (locust.runners, "HEARTBEAT_LIVENESS"),
            (locust.log, "unhandled_greenlet_exception"),
            (locust.rpc.zmqrpc, "Message"),
            (UnixKeyPoller, "cleanup"),
            (MasterRunner, "__init__"),
            (WebUI, "start_server"),
            (locust.web, "pywsgi"),
            *((LocustArgumentParser, name) for name in locust_inside.LISTS_OF_OPTIONS),
        )
    ]
    yield
    for module, name, value in kept:
        setattr(module, name, value)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_other_file_touches_what_locust_keeps_to_itself(path: Path) -> None:
    source = path.read_text()
    assert not PRIVATE.search(source)
    assert not REPLACED.search(source)


@pytest.mark.parametrize(
    ("function", "reads"),
    [
        (Runner.stop, "inspect."),
        (UnixKeyPoller.cleanup, "termios."),
        (User.stop, "LOCUST_STATE_STOPPING"),
        (WorkerRunner.stats_reporter, "WORKER_REPORT_INTERVAL"),
        (WorkerRunner.stats_reporter, "self._send_stats()"),
        (WorkerRunner.handle_message, "argument_parser.default_args_dict()"),
        (WorkerRunner.worker, "self.client.recv()"),
        (WorkerRunner.worker, "self.handle_message("),
        (WorkerRunner.heartbeat_timeout_checker, "MASTER_HEARTBEAT_TIMEOUT"),
        (MasterRunner.handle_message, "HEARTBEAT_LIVENESS"),
        (MasterRunner.handle_message, "self.spawning_completed"),
        (MasterRunner.client_listener, "self.handle_message("),
        (locust.rpc.zmqrpc.Server.recv_from_client, "Message.unserialize("),
        (locust.rpc.zmqrpc.Client.recv, "Message.unserialize("),
        (WebUI.__init__, "self._update_user_classes("),
        (WebUI.__init__, "self._cancel_run_time_timer("),
        (WebUI.__init__, "self.update_template_args("),
        (locust.main.main, "if options.html_file:"),
        (locust.main.main, "if options.json_file:"),
    ],
)
def test_locust_still_reads_what_is_set_for_it(function: Callable[..., Any], reads: str) -> None:
    assert reads in inspect.getsource(function), f"{function.__qualname__} does not use {reads} any more"


def test_a_statistic_can_be_set_to_round_and_count_differently() -> None:
    locust_inside.refine_percentiles(lambda time_ms: time_ms + 0.5, lambda seen, share: share + max(seen))
    entry = StatsEntry(Environment().stats, "a call", "POST")
    entry.log(7, 0)
    assert entry.get_response_time_percentile(0.5) == 8.0


def test_a_listener_gets_a_users_error_before_locust() -> None:
    environment, heard = Environment(), []
    environment.events.user_error.add_listener(lambda **_: heard.append("Locust"))
    locust_inside.hear_of_user_errors_first(environment, lambda **_: heard.append("first"))
    environment.events.user_error.fire(user_instance=None, exception=None, tb=None)
    assert heard == ["first", "Locust"]


def test_an_exception_in_a_listener_is_noticed() -> None:
    environment = Environment()

    def stumble(**_: object) -> None:
        raise ValueError

    environment.events.quit.add_listener(stumble)
    assert not locust_inside.has_unhandled_exception(environment)
    environment.events.quit.fire(exit_code=0)
    assert locust_inside.has_unhandled_exception(environment)


def test_a_user_knows_that_it_should_stop() -> None:
    user = User(Environment())
    assert locust_inside.is_unstarted(user)
    locust_inside.stop_after_this_call(user)
    assert not locust_inside.is_unstarted(user)


def test_default_options_are_built_once() -> None:
    built = locust.argument_parser.default_args_dict()
    locust_inside.build_default_options_once()
    assert locust.argument_parser.default_args_dict() is locust.argument_parser.default_args_dict()
    assert locust.argument_parser.default_args_dict() == built


def test_options_on_the_page_are_listed_once_and_are_the_same() -> None:
    shown = locust.argument_parser.ui_extra_args_dict([])
    locust_inside.list_options_once()
    locust_inside.list_options_once()
    parser = locust.argument_parser.get_parser()
    for name in locust_inside.LISTS_OF_OPTIONS:
        assert getattr(parser, name) is getattr(parser, name)
    assert locust.argument_parser.ui_extra_args_dict([]) == shown


def test_intervals_are_what_they_were_set_to() -> None:
    locust_inside.report_every(0.25)
    locust_inside.never_give_up_on_the_master()
    assert (0.25, math.inf) == (locust.runners.WORKER_REPORT_INTERVAL, locust.runners.MASTER_HEARTBEAT_TIMEOUT)


class Master:
    """The parts of a master that the functions use."""

    def __init__(self) -> None:
        self.clients = WorkerNodes()
        self.clients["one"] = WorkerNode("one")
        self._users_dispatcher: UsersDispatcher | None = UsersDispatcher([WorkerNode("one")], [User])
        self.spawning_completed = True


@pytest.fixture
def real_master() -> Iterator[MasterRunner]:
    """A master at a port of its own."""
    master = Environment().create_master_runner("127.0.0.1", 0)
    yield master
    master.greenlet.kill()
    master.server.close(linger=0)


def test_workers_can_join_during_an_iteration(real_master: MasterRunner) -> None:
    locust_inside.let_workers_come_and_go(real_master)
    real_master.clients["one"] = WorkerNode("one")
    for _ in real_master.clients.all:
        real_master.clients["two"] = WorkerNode("two")
    assert len(real_master.clients) == 2


NO_CALLS = RequestStats().total.serialize()
EMPTY_REPORT = {"stats": [], "stats_total": NO_CALLS, "errors": {}, "user_classes_count": {}}
BAD_REPORTS: dict[str, Any] = {
    "a nameless call": {"stats": [{}]},
    "a call named 5": {"stats": [{**NO_CALLS, "name": 5}]},
    "no total": {"stats_total": {}},
    "a total in words": {"stats_total": {**NO_CALLS, "num_requests": "five"}},
    "a time in words": {"stats_total": {**NO_CALLS, "response_times": {"five": 1}}},
    "a nameless error": {"errors": {"five": {}}},
    "users in words": {"user_classes_count": {"OpenAIUser": "five"}},
}
BAD_MESSAGES: dict[str, Any] = {
    "nothing": None,
    "too little": ("stats", {}),
    "no report": ("stats", None, "stranger"),
    "an empty report": ("stats", {}, "stranger"),
    "a report of numbers": ("stats", {"stats": 5, "stats_total": 5, "errors": 5}, "stranger"),
    **{name: ("stats", {**EMPTY_REPORT, **changes}, "stranger") for name, changes in BAD_REPORTS.items()},
    "no users": ("spawning_complete", {}, "stranger"),
    "a total of users in words": ("spawning_complete", {"user_classes_count": {"OpenAIUser": "five"}}, "stranger"),
    "users of the class 5": ("spawning_complete", {"user_classes_count": {5: 1}}, "stranger"),
    "an exception without its text": ("exception", {}, "stranger"),
    "a kind that is a list": ([], {}, "stranger"),
    "another worker's name": ("quit", None, "worker"),
}


@pytest.mark.parametrize("sent", [b"", b"\xc1", b"\x91" * 2_000, *map(msgpack.dumps, BAD_MESSAGES.values())])
def test_a_master_reports_a_message_that_it_can_not_read_and_goes_on_listening(
    sent: bytes, real_master: MasterRunner
) -> None:
    told: list[str] = []
    locust_inside.read_any_message()
    locust_inside.outlive_bad_messages(real_master, told.append)
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.setsockopt(zmq.IDENTITY, b"stranger")
        stranger.connect(f"tcp://127.0.0.1:{real_master.server.port}")
        stranger.send(sent)
        stranger.send(msgpack.dumps(("client_ready", -1, "stranger")))
        with gevent.Timeout(10):
            while "stranger" not in real_master.clients:
                gevent.sleep(0.01)
    assert len(told) == 1
    assert told[0].startswith("'stranger' sent a message that can't be ")
    assert not locust_inside.has_unhandled_exception(real_master.environment)


def test_a_message_from_a_worker_that_can_not_be_handled_is_an_error_at_the_end_and_ends_no_start(
    real_master: MasterRunner,
) -> None:
    """Locust's flag of unhandled exceptions would end a master that is starting with exit code 1, without a word."""
    locust_inside.outlive_bad_messages(real_master, lambda text: None)
    real_master.clients["worker"] = WorkerNode("worker")
    real_master.handle_message("worker", Message("exception", {}, "worker"))
    assert locust_inside.has_unhandled_exception(real_master.environment)
    assert not locust.log.unhandled_greenlet_exception


def test_an_exception_of_a_stranger_is_told_and_no_error_of_the_run(real_master: MasterRunner) -> None:
    told: list[str] = []
    locust_inside.outlive_bad_messages(real_master, told.append)
    real_master.handle_message("stranger", Message("exception", {"msg": "no", "traceback": ""}, "stranger"))
    assert told == ["'stranger' sent a message that can't be handled: it is no worker"]
    assert not locust_inside.has_unhandled_exception(real_master.environment)


def test_calls_in_a_report_that_is_not_counted_are_in_none_of_locusts_statistics(real_master: MasterRunner) -> None:
    real_master.clients["worker"] = WorkerNode("worker")
    locust_inside.count_no_other_calls(real_master.environment, lambda report: report["is ours"])
    for is_ours in (True, False, True):
        seen = RequestStats()
        seen.log_request("POST", "a call", 7, 0)
        seen.log_error("POST", "a call", "an error")
        report: dict[str, Any] = {
            "stats_total": seen.total.serialize(),
            "errors": seen.serialize_errors(),
            "is ours": is_ours,
        }
        report |= {"stats": seen.serialize_stats(), "user_classes_count": {"User": 2}}
        real_master.handle_message("worker", Message("stats", report, "worker"))
    assert real_master.stats.total.num_requests == real_master.stats.get("a call", "POST").num_requests == 2
    assert [error.occurrences for error in real_master.stats.errors.values()] == [2]
    assert real_master.clients["worker"].user_classes_count == {"User": 2}


def test_a_worker_that_answers_a_tests_end_during_the_next_stays_in_that(real_master: MasterRunner) -> None:
    """The next had lost its last worker, and ended without a call."""
    locust_inside.let_workers_come_and_go(real_master)
    real_master.clients["worker"] = WorkerNode("worker")
    real_master.update_state(STATE_RUNNING)
    for message in Message("client_stopped", None, "worker"), Message("client_ready", -1, "worker"):
        real_master.handle_message("worker", message)
    assert (real_master.state, list(real_master.clients)) == (STATE_RUNNING, ["worker"])


def test_a_worker_that_comes_back_shares_the_users_with_those_that_were_given_its_own(
    real_master: MasterRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All kept theirs: the run went on with more users than it was asked for."""
    locust_inside.let_workers_come_and_go(real_master)
    real_master.environment.user_classes = [User]
    asked: dict[str, int] = {}

    def answer(message: Message) -> None:
        if message.type == "spawn":
            counts = message.data["user_classes_count"]
            asked[message.node_id] = counts["User"]
            real_master.clients[message.node_id].user_classes_count = counts

    monkeypatch.setattr(real_master.server, "send_to_client", answer)
    for name in ("one", "two"):
        real_master.clients[name] = WorkerNode(name)
    real_master.start(4, 100)
    real_master.update_state(STATE_RUNNING)
    for _ in range(2):
        lost = real_master.clients["two"]
        lost.state, lost.user_classes_count = STATE_MISSING, {}
        assert real_master._users_dispatcher is not None
        real_master._users_dispatcher.remove_worker(lost)
        real_master.start(4, 100)
        assert asked["one"] == 4
        beat = Message("heartbeat", {"state": STATE_RUNNING, "current_cpu_usage": 0}, "two")
        real_master.handle_message("two", beat)
        with gevent.Timeout(10):
            while asked != {"one": 2, "two": 2} or not real_master.spawning_completed:
                gevent.sleep(0.01)


@pytest.mark.parametrize(
    ("message", "shared"),
    [
        (Message("quit", None, "two"), {"one": 4}),
        (Message("client_ready", -1, "three"), {"one": 2, "two": 1, "three": 1}),
    ],
    ids=["one leaves", "one joins"],
)
def test_a_master_hears_its_workers_while_it_shares_users_again(
    message: Message, shared: dict[str, int], real_master: MasterRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It started them first, and waited a second for the workers to report that, deaf to what they reported."""
    locust_inside.let_workers_come_and_go(real_master)
    locust_inside.share_users_beside_messages(real_master)
    real_master.environment.user_classes = [User]
    asked: dict[str, int] = {}

    def note(sent: Message) -> None:
        if sent.type == "spawn":
            asked[sent.node_id] = sent.data["user_classes_count"]["User"]

    monkeypatch.setattr(real_master.server, "send_to_client", note)
    for name in ("one", "two"):
        real_master.clients[name] = WorkerNode(name)
    real_master.start(4, 100)
    real_master.update_state(STATE_RUNNING)
    asked.clear()
    real_master.handle_message(message.node_id, message)
    beat = Message("heartbeat", {"state": STATE_RUNNING, "current_cpu_usage": 0}, "one")
    real_master.handle_message("one", beat)
    assert asked == {}
    with gevent.Timeout(10):
        while asked != shared:
            gevent.sleep(0.01)


def test_a_worker_starts_users_after_its_masters_clock_was_set_back(real_master: MasterRunner) -> None:
    class Idle(User):
        @task
        def nothing(self) -> None: ...

    worker = Environment(user_classes=[Idle]).create_worker_runner("127.0.0.1", real_master.server.port)
    locust_inside.start_users_whatever_the_clock_says(worker)
    for count, timestamp in enumerate((2e9, 1e9), 1):
        options: dict[str, Any] = {"timestamp": timestamp, "host": "", "stop_timeout": 0, "parsed_options": {}}
        real_master.send_message("spawn", {**options, "user_classes_count": {"Idle": count}}, worker.client_id)
        with gevent.Timeout(10):
            while worker.user_count != count:
                gevent.sleep(0.01)
    worker.quit()


def test_a_worker_that_joins_again_and_again_starts_no_users_again(real_master: MasterRunner) -> None:
    locust_inside.let_workers_come_and_go(real_master)
    joined: list[str] = []
    real_master.environment.events.worker_connect.add_listener(lambda client_id, **_: joined.append(client_id))
    for _ in range(3):
        real_master.handle_message("worker", Message("client_ready", -1, "worker"))
    left = Message("client_stopped", None, "worker"), Message("client_ready", -1, "worker")
    for message in left:
        real_master.handle_message("worker", message)
    assert joined == ["worker", "worker"]


def test_an_http_client_at_a_masters_port_is_reported_in_one_line(real_master: MasterRunner) -> None:
    """To ZeroMQ, the letter G is the length of a name."""
    told: list[str] = []
    locust_inside.read_any_message()
    locust_inside.outlive_bad_messages(real_master, told.append)
    with socket.create_connection(("127.0.0.1", real_master.server.port)) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + 40 * b"X-Scrape: 1\r\n" + b"\r\n")
        with gevent.Timeout(10):
            while not told:
                gevent.sleep(0.01)
    assert all("\n" not in line and "can't be read" in line for line in told)


def test_a_worker_refuses_in_one_line_what_is_no_master(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locust.runners, "CONNECT_TIMEOUT", 0.1)
    monkeypatch.setattr(locust.util.exception_handler, "time", SimpleNamespace(sleep=lambda _: None))
    locust_inside.end_at_a_port_without_a_master()
    with zmq.Context() as context, context.socket(zmq.PUB) as stranger:
        port = stranger.bind_to_random_port("tcp://127.0.0.1")
        with gevent.Timeout(30), pytest.raises(ConnectionError, match=f"^127.0.0.1:{port} is not a master's port$"):
            Environment().create_worker_runner("127.0.0.1", port)
    assert not [record for record in caplog.records if record.exc_info]


def test_a_worker_knows_when_it_asked_to_join(real_master: MasterRunner) -> None:
    locust_inside.end_at_a_port_without_a_master()
    before_s = now()
    worker = Environment().create_worker_runner("127.0.0.1", real_master.server.port)
    assert before_s < locust_inside.asked_to_join_at(worker) < now()
    worker.quit()


@pytest.mark.parametrize(
    "listen",
    [lambda port: Environment().create_master_runner("127.0.0.1", port),
     lambda port: Environment().create_web_ui("127.0.0.1", port).start_server()],
    ids=["master", "page"],
)  # fmt: skip
def test_a_port_that_is_in_use_after_all_ends_the_process_in_one_line(listen: Callable[[int], object]) -> None:
    MasterRunner.__init__ = inspect.unwrap(MasterRunner.__init__)  # type: ignore[method-assign]
    WebUI.start_server = inspect.unwrap(WebUI.start_server)  # type: ignore[method-assign]
    told: list[str] = []

    def end(reason: str) -> None:
        told.append(reason)
        raise GreenletExit

    locust_inside.end_at_a_port_in_use(end)
    with socket.create_server(("127.0.0.1", 0)) as taken, suppress(GreenletExit):
        listen(taken.getsockname()[1])
    assert len(told) == 1
    assert "Address already in use" in told[0]


BROKEN: dict[str, tuple[bytes, str]] = {
    "too many headers": (b"GET / HTTP/1.1\r\n" + 101 * b"A: b\r\n" + b"\r\n", "more than 100 headers"),
    "reset within a header": (b"GET / HTTP/1.1\r\nHost: lo", "reset by peer"),
    "a browser without TLS": (b"GET / HTTP/1.1\r\n\r\n", "no TLS connection from 127.0.0.1: [SSL: HTTP_REQUEST]"),
}


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated")  # gevent uses it
@pytest.mark.parametrize("case", BROKEN)
def test_the_page_tells_of_a_broken_connection_in_one_line(
    case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sent, told = BROKEN[case]
    locust_inside.outlive_bad_connections()
    certificate = make_certificate(tmp_path) if "TLS" in case else None
    files = (str(certificate.path), str(certificate.key_path)) if certificate else ("", "")
    web_ui: Any = Environment().create_web_ui("127.0.0.1", 0, tls_cert=files[0], tls_key=files[1])
    gevent.sleep(0.1)
    with gevent.socket.create_connection(("127.0.0.1", web_ui.server.server_port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(sent)
        gevent.sleep(0.1)
    gevent.sleep(0.1)
    web_ui.stop()
    assert [told in record.getMessage() for record in caplog.records] == [True]
    assert capfd.readouterr().err == ""


def test_workers_are_allowed_more_missed_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locust.runners, "HEARTBEAT_LIVENESS", locust_inside.USUAL_BEATS)
    master: Any = Master()
    locust_inside.expect_beats(master, 30)
    assert [worker.heartbeat for worker in master.clients.all] == [30]
    assert locust.runners.HEARTBEAT_LIVENESS == 30


def test_users_in_their_last_call_stay_if_the_number_is_raised_again() -> None:
    class Busy(User):
        @task
        def call(self) -> None:
            gevent.sleep(0.2)

    environment = Environment(user_classes=[Busy], stop_timeout=10)
    runner = environment.create_local_runner()
    locust_inside.keep_stopping_users(runner)
    for users in (3, 0, 4):
        runner.start(users, 100)
        gevent.sleep(0.05)
    gevent.sleep(0.5)
    remaining = runner.user_count
    runner.quit()
    assert remaining == 4
    assert callable(WorkerRunner.start_worker)


def test_a_ramp_up_ends_where_it_is() -> None:
    master: Any = Master()
    dispatcher = master._users_dispatcher
    dispatcher.new_dispatch(4, 2)
    dispatched = sum(next(dispatcher)["one"].values())
    locust_inside.end_ramp_up(master)
    assert (dispatched, list(dispatcher)) == (2, [])
    assert (master._users_dispatcher, master.spawning_completed) == (None, False)


def test_a_master_starts_no_users_while_its_test_ends(
    real_master: MasterRunner, caplog: pytest.LogCaptureFixture
) -> None:
    is_stopping = [True]
    locust_inside.start_no_users_at_the_end(real_master, lambda: is_stopping[0])
    real_master.start(1, 1)
    assert caplog.text == ""
    is_stopping[0] = False
    real_master.start(1, 1)
    assert "at least one worker" in caplog.text


def test_a_change_of_users_ends_a_ramp_up_that_is_still_on(real_master: MasterRunner) -> None:
    """Two ramp-ups at once shared a generator: one ended in a traceback."""
    locust_inside.start_one_at_a_time(real_master)
    real_master.clients["worker"] = WorkerNode("worker")
    real_master.environment.user_classes = [User]
    starts = [gevent.spawn(real_master.start, users, 10) for users in (50, 40, 35)]
    gevent.joinall(starts, timeout=30)
    assert [start.successful() for start in starts] == [True] * 3
    assert real_master.target_user_classes_count == {"User": 35}


def test_a_start_that_is_killed_starts_no_more_users(real_master: MasterRunner) -> None:
    """As by the page's Stop."""
    locust_inside.start_one_at_a_time(real_master)
    real_master.clients["worker"] = WorkerNode("worker")
    real_master.environment.user_classes = [User]
    begun, dispatched = gevent.spawn(real_master.start, 50, 10), 0
    while not dispatched:
        gevent.sleep(0.01)
        dispatched = real_master._users_dispatcher.get_current_user_count() if real_master._users_dispatcher else 0
    begun.kill()
    gevent.sleep(1.5)
    assert real_master._users_dispatcher is not None
    assert real_master._users_dispatcher.get_current_user_count() == dispatched


def test_a_running_test_keeps_its_user_class() -> None:
    class Page:
        def __init__(self) -> None:
            self.classes: list[str] = []

        def _update_user_classes(self, user_classes: list[str]) -> None:
            self.classes = user_classes

    page: Any = Page()
    running = [True]
    locust_inside.keep_user_classes(page, lambda: running[0])
    page._update_user_classes(["OpenAIUser"])
    assert page.classes == []
    running[0] = False
    page._update_user_classes(["OpenAIUser"])
    assert page.classes == ["OpenAIUser"]


def test_a_running_test_keeps_its_time_limit() -> None:
    cancelled: list[str] = []
    kept = [True]
    page: Any = SimpleNamespace(_cancel_run_time_timer=lambda: cancelled.append("limit"))
    locust_inside.keep_run_time(page, lambda: kept[0])
    page._cancel_run_time_timer()
    assert cancelled == []
    kept[0] = False
    page._cancel_run_time_timer()
    assert cancelled == ["limit"]


def test_locusts_forms_show_the_options_in_use() -> None:
    model, seed = {"default_value": "", "choices": ["", "gpt-4o"]}, {"default_value": "", "choices": None}
    options = {"model": model, "seed": seed}
    environment = SimpleNamespace(parsed_options=SimpleNamespace(model="mine", seed="5"))
    page: Any = SimpleNamespace(environment=environment, template_args={"extra_options": options})
    page.update_template_args = lambda: None
    locust_inside.show_current_options(page)
    page.update_template_args()
    assert options == {
        "model": {"default_value": "mine", "choices": ["", "gpt-4o", "mine"]},
        "seed": {"default_value": "5", "choices": None},
    }


def test_the_page_is_checked_once_all_listeners_of_init_have_set_it_up() -> None:
    assert "web_ui.start()" in inspect.getsource(locust.main.main).partition("events.init.fire")[2]
    seen = list[str]()
    page: Any = SimpleNamespace(start=lambda: seen.append("served"))
    locust_inside.check_before_serving(page, lambda: seen.append("checked"))
    page.start()
    assert seen == ["checked", "served"]


def test_messages_that_come_before_the_one_that_is_awaited_are_put_off() -> None:
    coming, handled = iter("abcd"), list[str]()
    client = SimpleNamespace(recv=lambda: Message(next(coming), None, None))
    runner: Any = SimpleNamespace(client=client, handle_message=lambda message: handled.append(message.type))
    locust_inside.receive_first(runner, "c", lambda: bool(handled))
    assert handled == ["c"]
    assert [client.recv().type for _ in range(3)] == ["a", "b", "d"]


def test_messages_that_are_put_off_again_and_again_come_in_their_order() -> None:
    coming, handled = iter("acbcdce"), list[str]()
    client = SimpleNamespace(recv=lambda: Message(next(coming), None, None))
    runner: Any = SimpleNamespace(client=client, handle_message=lambda message: handled.append(message.type))
    for _ in range(3):
        handled.clear()
        locust_inside.receive_first(runner, "c", lambda: bool(handled))
    assert [client.recv().type for _ in range(4)] == ["a", "b", "d", "e"]


def test_waiting_for_a_message_in_each_run_leaves_nothing_behind() -> None:
    handled = list[Message]()
    client = SimpleNamespace(recv=lambda: Message("c", None, None))
    receive, runner = client.recv, cast(Any, SimpleNamespace(client=client, handle_message=handled.append))
    for _ in range(3):
        handled.clear()
        locust_inside.receive_first(runner, "c", lambda: bool(handled))
        client.recv()
        assert client.recv is receive
