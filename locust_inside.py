"""Every use of Locust beyond its documented API, each with its purpose.

No other file uses Locust's private names or replaces its functions. Each function here has a canary test, which fails
when a new Locust breaks it.
"""

import logging
import math
import termios
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, cached_property, wraps
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import gevent
import locust.html
import locust.log
import locust.rpc.zmqrpc
import locust.runners
import locust.stats
import locust.util.exception_handler
import locust.web
from gevent import Greenlet, pywsgi
from locust import User, argument_parser
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.event import Events
from locust.exception import RPCError, RPCSendError
from locust.input_events import UnixKeyPoller
from locust.rpc.protocol import Message
from locust.runners import (
    STATE_RUNNING,
    STATE_SPAWNING,
    MasterRunner,
    Runner,
    WorkerNode,
    WorkerNodes,
    WorkerRunner,
)
from locust.stats import RequestStats
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING
from locust.web import WebUI

USUAL_BEATS = locust.runners.HEARTBEAT_LIVENESS
"""How many heartbeats, one per second, a worker can miss before its master takes it for dead."""

LISTS_OF_OPTIONS = tuple(f"{which}args_included_in_web_ui" for which in ("", "secret_", "required_", "multiple_"))


# In every process


def refine_percentiles(
    round_time: Callable[[float], float], percentile: Callable[[Mapping[float, int], float], float]
) -> None:
    """Replace Locust's rounding of times, which is off by up to 5 % (two digits) and meant to be replaced, and its
    percentiles, which for few samples are far from the summary's.

    percentile  is called with how often each time was seen, and a share from 0 to 1
    """

    def of_response_times(response_times: Mapping[float, int], num_requests: int, percent: float) -> float:
        return round(percentile(response_times, percent), 6)  # the page shows 429.1999999999996 as it is

    locust.stats.bucket_response_time = round_time  # type: ignore[assignment]  # typed for its own rounding
    locust.stats.calculate_response_time_percentile = of_response_times  # type: ignore[assignment]  # as above


def forget_callers() -> None:
    """Disable the caller lookup in `Runner.stop`, which only its debug log needs: it blocks the event loop for up to
    half a second the first time, which would be added to the latency of calls in flight."""
    locust.runners.inspect = SimpleNamespace()  # type: ignore[attr-defined, assignment]  # a module it imports


class _Messages:
    """Stands in for Locust's class `Message` where it reads what has come."""

    @staticmethod
    def unserialize(data: bytes) -> Message:
        try:
            return Message.unserialize(data)  # type: ignore[no-any-return]  # Locust's is untyped
        except Exception:  # msgpack raises many kinds, and so does the constructor
            return Message("unreadable", None, None)


def read_any_message() -> None:
    """Make what a master or worker can't read a message of an unknown kind: as an exception, it would end the listener.
    Anything can answer at a port that was given by mistake."""
    locust.rpc.zmqrpc.Message = _Messages  # type: ignore[assignment, attr-defined]  # only `unserialize` is called there


def end_at_a_port_without_a_master() -> None:
    """Make a worker end in one line if its master's port is another ZeroMQ socket, which takes no messages. Locust logs
    a traceback per attempt."""
    WorkerRunner.connect_to_master = _connect_or_end  # type: ignore[method-assign]  # Locust's main handles its errors
    logging.getLogger(locust.util.exception_handler.__name__).addFilter(_is_in_one_line)


def end_at_a_port_in_use(end: Callable[[str], None]) -> None:
    """Call `end`, which raises, when a port is in use although it was free when the options were checked: two masters
    or pages may start at the same moment. Locust logs a traceback, or exits with one."""
    MasterRunner.__init__ = _ending(MasterRunner.__init__, end)  # type: ignore[method-assign]  # no hook comes before
    WebUI.start_server = _ending(WebUI.start_server, end)  # type: ignore[method-assign]  # as above


def _ending(listens: Callable[..., None], end: Callable[[str], None]) -> Callable[..., None]:
    @wraps(listens)
    def listen(*arguments: Any, **settings: Any) -> None:
        try:
            listens(*arguments, **settings)
        except (OSError, RPCError) as error:
            end(str(error))

    return listen


def _is_in_one_line(record: logging.LogRecord) -> bool:
    return not record.exc_info


_connect = WorkerRunner.connect_to_master


def _connect_or_end(worker: WorkerRunner) -> None:
    vars(worker)["asked_to_join_at"] = perf_counter()
    try:
        _connect(worker)  # type: ignore[no-untyped-call]  # Locust's is untyped
    except RPCSendError as error:
        raise ConnectionError(f"{worker.master_host}:{worker.master_port} is not a master's port") from error


def asked_to_join_at(worker: WorkerRunner) -> float:
    """Return when a worker last asked to join: its master gives it users from then on, whatever holds it up."""
    return float(vars(worker)["asked_to_join_at"])


def survive_a_lost_terminal() -> None:
    """Keep Locust from failing at its end, when it restores the keyboard of a terminal that is gone."""
    put_back = UnixKeyPoller.cleanup

    def cleanup(poller: UnixKeyPoller) -> None:
        with suppress(termios.error):
            put_back(poller)  # type: ignore[no-untyped-call]  # Locust's is untyped

    UnixKeyPoller.cleanup = cleanup  # type: ignore[method-assign]  # there is no event to listen to


def hear_of_user_errors_first(environment: Environment, listener: Callable[..., None]) -> None:
    """Add a listener to `user_error` before Locust's own, which shows the exception on its page and sends it to the
    master."""
    environment.events.user_error._handlers.insert(0, listener)


def has_unhandled_exception(environment: Environment) -> bool:
    """Return whether a greenlet or a listener ended with an unhandled exception."""
    return locust.log.unhandled_greenlet_exception or bool(environment.runner and environment.runner.exceptions)


def stop_after_this_call(user: User) -> None:
    """Ask a user to stop when its task ends. `User.stop` kills a user between two tasks, which may have begun its next
    call by the time the kill arrives."""
    user._state = LOCUST_STATE_STOPPING


def keep_stopping_users(runner: Runner) -> None:
    """Let users that a ramp-down has asked to stop go on if their number is changed during their last call. Locust
    counts them among those that stay, and would have too few once they are gone."""
    name = "start_worker" if isinstance(runner, WorkerRunner) else "_start"
    start = getattr(runner, name)

    def start_again(*args: Any, **options: Any) -> None:
        for user in [each.args[0] for each in runner.user_greenlets if each.args]:
            if user._state == LOCUST_STATE_STOPPING:
                user._state = LOCUST_STATE_RUNNING
        start(*args, **options)

    setattr(runner, name, start_again)


def start_one_at_a_time(runner: Runner) -> None:
    """Make each start, or change of the number of users, end the one before it. Locust's page ends only its own, one
    after the other: two at once, or one during the ramp-up of `--autostart`, share a generator, and one fails."""
    start: Callable[..., None] = runner.start
    current: Greenlet[..., None] = Greenlet()

    def start_alone(*args: Any, **options: Any) -> None:
        nonlocal current
        while current:  # Another can have begun by the time one has ended.
            current.kill()
        mine = current = gevent.spawn(start, *args, **options)
        try:
            mine.get()
        finally:
            mine.kill()

    runner.start = start_alone  # type: ignore[method-assign]  # the web UI calls it by this name


def is_unstarted(user: User) -> bool:
    """Return whether a user's greenlet has yet to start."""
    return user._state is None


def html_report(environment: Environment) -> str:
    """Return what Locust writes into the file of `--html`."""
    return str(locust.html.get_html_report(environment, show_download_link=False))


def named_html(html_file: str, options: Any) -> str:
    """Return the path of `--html`, with the users, their rate and the run time for `{u}`, `{r}` and `{t}`."""
    own = SimpleNamespace(**{**vars(options), "html_file": html_file})
    locust.html.process_html_filename(own)
    return str(own.html_file)


# In a worker


def build_default_options_once() -> None:
    """Cache Locust's default options. At each step of a ramp-up a worker builds a parser for every option that its
    master sends, which blocks the event loop for 0.15 s."""
    if not hasattr(argument_parser.default_args_dict, "cache_info"):
        argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
    argument_parser.default_args_dict()


def report_every(interval_s: float) -> None:
    """Set how often reports are sent: what has not been sent is lost with the worker. Locust's default is 3 s."""
    locust.runners.WORKER_REPORT_INTERVAL = interval_s


def start_users_whatever_the_clock_says(runner: WorkerRunner) -> None:
    """Follow each message to start users. They arrive in order, but Locust discards those that are older than the
    latest by their master's wall clock: all of them once that is set back."""
    handle = runner.handle_message

    def handle_message(msg: Message) -> None:
        if msg.type == "spawn":
            runner.last_received_spawn_timestamp = -math.inf  # type: ignore[assignment]  # only compared with a float
        handle(msg)

    runner.handle_message = handle_message  # type: ignore[method-assign]  # the worker's greenlet calls it by this name


def receive_first(runner: WorkerRunner, kind: str, is_enough: Callable[[], bool]) -> None:
    """While a message is handled, handle those of one kind that come, until it is enough. The others come after it."""
    client: Any = runner.client
    receive: Callable[[], Message] = client.recv
    put_off = deque[Message]()

    def receive_put_off() -> Message:
        if put_off:
            return put_off.popleft()
        if client.recv is receive_put_off:  # else it is called by a later one's, which keeps others
            client.recv = receive
        return receive()

    client.recv = receive_put_off
    while not is_enough():
        message = receive()
        runner.handle_message(message) if message.type == kind else put_off.append(message)


def never_give_up_on_the_master() -> None:
    """Keep a worker from quitting when the wall clock says that its master has been silent for a minute."""
    locust.runners.MASTER_HEARTBEAT_TIMEOUT = math.inf  # type: ignore[assignment]  # only compared with a float


def send_report(runner: WorkerRunner) -> None:
    """Send the next report now."""
    runner._send_stats()


# In a master


class _Workers(WorkerNodes):
    """Locust's list of workers, made safe to iterate while workers come and go, as Locust's own heartbeat does."""

    def __init__(self, nodes: WorkerNodes) -> None:
        super().__init__()
        self._worker_nodes = nodes._worker_nodes

    @property
    def all(self) -> list[WorkerNode]:  # type: ignore[override]  # Locust's is a view, which breaks when a worker joins
        return list(self._worker_nodes.values())


def let_workers_come_and_go(runner: MasterRunner) -> None:
    """Make the master's list of workers safe to iterate in one greenlet while another changes it. To Locust, a worker
    that joins twice starts all users again, during which nothing is heard. And one that answers the end of a test only
    when the next is on has left that, although it is about to start its users. Of one that comes back after others were
    given its users, all keep them.
    """
    runner.clients = _Workers(runner.clients)
    handle = runner.handle_message

    def handle_message(client_id: str, msg: Message) -> None:
        if msg.type == "client_ready" and client_id in runner.clients:
            runner.send_message("ack", {"index": runner.get_worker_index(client_id)}, client_id)
            return
        if msg.type == "client_stopped" and runner.state in (STATE_SPAWNING, STATE_RUNNING):
            return
        handle(client_id, msg)
        if msg.type == "heartbeat" and runner.state == STATE_RUNNING and _has_users_to_move(runner):
            runner.greenlet.spawn(runner.start, runner.target_user_count, runner.spawn_rate)

    runner.handle_message = handle_message  # type: ignore[method-assign]  # the listener calls it by this name


def _has_users_to_move(runner: MasterRunner) -> bool:
    """Return whether a worker has come or gone since users were last dealt out, all of which have been started. Once
    Locust has moved some, it takes itself to be still about it, and moves no more."""
    dispatcher = runner._users_dispatcher
    return dispatcher is not None and dispatcher._rebalance and runner.spawning_completed


def share_users_beside_messages(runner: MasterRunner) -> None:
    """Make a master that handles a message start no users, which takes it a second or more, during which it hears
    nothing: it would take workers for missing, and keep the others waiting. When a worker comes or goes, users are
    shared at the next heartbeat instead. It must be the last to change how a master starts users."""
    handle, start, handling = runner.handle_message, runner.start, set[object]()

    def handle_message(client_id: str, msg: Message) -> None:
        handling.add(gevent.getcurrent())
        try:
            handle(client_id, msg)
        finally:
            handling.clear()

    def start_beside_messages(*args: Any, **options: Any) -> None:
        if gevent.getcurrent() not in handling:
            start(*args, **options)

    runner.handle_message = handle_message  # type: ignore[method-assign]  # the listener calls it by this name
    runner.start = start_beside_messages  # type: ignore[method-assign]  # the web UI calls it by this name


def _can_be_counted(msg: Message) -> bool:
    """Return whether Locust can count what a worker reports, calls or users: as an exception in a listener or in the
    master's own greenlets, a failure would end the run with an internal error, or leave it waiting."""
    try:
        if msg.type == "stats":
            _count_elsewhere(msg.data)
        if msg.type in ("stats", "spawning_complete"):
            _add_users(msg.data["user_classes_count"])
    except Exception:  # of every kind that arithmetic with unknown types and missing keys raises
        return False
    return True


def _add_users(counts: Any) -> None:
    """Add up users by class, as Locust will."""
    sum(counts.values())
    "".join(counts)


def _count_elsewhere(report: Any) -> None:
    """Count a report as Locust will, but apart from what has been counted; twice, so that it is also added to."""
    events, stats = Events(), RequestStats()
    locust.stats.setup_distributed_stats_event_listeners(events, stats)
    for count in 2 * events.worker_report._handlers:
        count("", report)
    "".join(part for key in stats.entries for part in key)
    for entry in (stats.total, *stats.entries.values()):
        sum(entry.response_times)


def outlive_bad_messages(runner: MasterRunner, tell: Callable[[str], None]) -> None:
    """Keep a master listening when it gets a message that it can't read or handle, and tell who sent it. Locust's would
    stop listening, and wait forever for workers that it no longer hears; and anyone can connect to its port: what an
    HTTP client sends is a message, too. An exception that is no worker's would make the run's end an internal error."""
    handle = runner.handle_message

    def handle_message(client_id: str, msg: Message) -> None:
        if msg.node_id != client_id or not _can_be_counted(msg):
            tell(f"{client_id!r} sent a message that can't be read")
            return
        if msg.type == "exception" and client_id not in runner.clients:
            tell(f"{client_id!r} sent a message that can't be handled: it is no worker")
            return
        try:
            handle(client_id, msg)
        except Exception as error:
            tell(f"{client_id!r} sent a message that can't be handled: {error!r}")
            if client_id in runner.clients:  # Locust's flag would end a master that is starting, without a word.
                runner.log_exception(client_id, f"a message that can't be handled: {error!r}", "")

    runner.handle_message = handle_message  # type: ignore[method-assign]  # the listener calls it by this name


def count_no_other_calls(environment: Environment, is_counted: Callable[[Any], bool]) -> None:
    """Take the calls out of each report that is not counted, before Locust's own listener adds them to its statistics:
    a worker that was held up may report those of an earlier test."""

    def leave_out(data: Any, **_: object) -> None:
        if not is_counted(data):
            data.update(stats=[], errors={}, stats_total=RequestStats().total.serialize())

    environment.events.worker_report._handlers.insert(0, leave_out)


def worker_name(client_id: str, index: int) -> str:
    """Return HOST-INDEX for a worker; Locust's id of it is HOST_UUID."""
    return f"{client_id.split('_')[0]}-{index}"


def expect_beats(runner: MasterRunner, beats: int) -> None:
    """Set how many missed heartbeats make a worker count as dead from now on."""
    if beats != locust.runners.HEARTBEAT_LIVENESS:
        locust.runners.HEARTBEAT_LIVENESS = beats
        for worker in runner.clients.all:
            worker.heartbeat = beats


def end_ramp_up(runner: MasterRunner) -> None:
    """Start no more users. Locust's master would go on starting them after `stop`, which its workers take for a new
    test, and would restart the test whenever a worker joins or leaves."""
    if (dispatcher := runner._users_dispatcher) is not None:
        dispatcher._target_user_count = dispatcher._current_user_count
    runner._users_dispatcher, runner.spawning_completed = None, False


def start_no_users_at_the_end(runner: MasterRunner, is_stopping: Callable[[], bool]) -> None:
    """Keep a master from starting users while it waits for a test's last calls: it would go on after that, and its
    workers would take them for a new test's, and never hear of the next one."""
    start = runner.start

    def start_unless_stopping(*args: Any, **options: Any) -> None:
        if not is_stopping():
            start(*args, **options)

    runner.start = start_unless_stopping  # type: ignore[method-assign]  # the web UI calls it by this name


# In the web UI


class _Handler(pywsgi.WSGIHandler):
    def _handle_client_error(self, ex: Exception) -> object:
        """Report a request that can't be read in one line, as gevent does for a `ValueError`. For any other exception,
        such as that of a connection that is reset, it prints a traceback."""
        return super()._handle_client_error(  # type: ignore[misc]  # gevent's is untyped
            ex if isinstance(ex, ValueError) else ValueError(str(ex))
        )


class _Server(pywsgi.WSGIServer):
    """gevent's server, which prints tracebacks when a connection breaks or a browser refuses the certificate."""

    handler_class = _Handler

    def __init__(self, *listener: Any, **settings: Any) -> None:
        super().__init__(*listener, **{"error_log": logging.getLogger("locust.web"), **settings})

    def handle(self, sock: Any, address: Any) -> None:
        with suppress(ConnectionError):
            super().handle(sock, address)

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        try:
            super().wrap_socket_and_handle(client_socket, address)
        except OSError as error:
            self.error_log.write(f"no TLS connection from {address[0]}: {error}\n")


def outlive_bad_connections() -> None:
    """Make the page's server report in one line, or not at all, what it can't read and connections that break."""
    locust.web.pywsgi = SimpleNamespace(WSGIServer=_Server)  # type: ignore[attr-defined, assignment]  # a module it imports


def check_before_serving(web_ui: WebUI, check: Callable[[], None]) -> None:
    """Check the page before it listens, once all listeners of `init` have set it up: Locust has no event for that."""
    start = web_ui.start

    def start_checked() -> None:
        check()
        start()  # type: ignore[no-untyped-call]  # Locust's is untyped

    web_ui.start = start_checked  # type: ignore[method-assign]  # Locust's main calls it by this name


def list_options_once() -> None:
    """Have each of Locust's lists of the options that its page shows made once per parser. Locust makes them anew for
    each option on each option's behalf, which blocks the event loop for 50 ms whenever the page is opened."""
    for name in LISTS_OF_OPTIONS:
        listed = vars(LocustArgumentParser)[name]
        if isinstance(listed, property) and listed.fget:
            once = cached_property(listed.fget)
            once.__set_name__(LocustArgumentParser, name)
            setattr(LocustArgumentParser, name, once)


def keep_user_classes(web_ui: WebUI, is_running: Callable[[], bool]) -> None:
    """Keep a running test's User class: with the class picker, the form that changes the number of users posts every
    class, and Locust would start users of all of them."""
    update = web_ui._update_user_classes

    def update_user_classes(user_classes: Any) -> None:
        if not is_running():
            update(user_classes)  # type: ignore[no-untyped-call]  # Locust's is untyped

    web_ui._update_user_classes = update_user_classes  # type: ignore[method-assign]  # the view calls it by this name


def keep_run_time(web_ui: WebUI, is_kept: Callable[[], bool]) -> None:
    """Keep a running test's time limit: Locust would drop it whenever the number of users is changed, and the test
    would never end."""
    cancel = web_ui._cancel_run_time_timer

    def cancel_unless_kept() -> None:
        if not is_kept():
            cancel()  # type: ignore[no-untyped-call]  # Locust's is untyped

    web_ui._cancel_run_time_timer = cancel_unless_kept  # type: ignore[method-assign]  # the view calls it by this name


def show_current_options(web_ui: WebUI) -> None:
    """Fill in Locust's forms with the options in use rather than the command line's: otherwise the form that changes
    the number of users of a test that another page has started posts options other than the test's."""
    update = web_ui.update_template_args

    def update_template_args() -> None:
        update()  # type: ignore[no-untyped-call]  # Locust's is untyped
        given = vars(web_ui.environment.parsed_options)
        for name, option in web_ui.template_args["extra_options"].items():
            value = option["default_value"] = given[name]
            if option["choices"]:
                option["choices"] = list(dict.fromkeys([*option["choices"], value]))  # any model can be given

    web_ui.update_template_args = update_template_args  # type: ignore[method-assign]  # the view calls it by this name
