"""`python -m mock`: the mock server's command line."""

import argparse
import ssl
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from mock.server import serve
from mock.service import Service
from mock.stall import Stall
from mock.timing import Pace


class Parser(argparse.ArgumentParser):
    """Reports an error in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"mock: {message}\n")

    def read(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Parse the arguments. From `--port=--` some versions of argparse would make `[]`."""
        options = self.parse_args(arguments)
        for name, value in vars(options).items():
            if value == []:
                self.error(f"argument --{name.replace('_', '-')}: expected one argument")
        return options


def between(low: float, high: float, unit: str) -> Callable[[str], float]:
    """Return a parser of numbers within these limits."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not {unit} from {low:g} to {high:g}")
        return value

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of integers within these limits."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer from {low} to {high}")
        return int(text)

    return parse


def parser() -> Parser:
    seconds = between(0, 86_400, "a number of seconds")
    options = Parser(prog="python -m mock", description="Answers like every provider here, free of charge.")
    add = options.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=whole(0, 65_535), default=8000, help="0 picks a free port")
    add(
        "--latency",
        type=seconds,
        default=0.7,
        help="median time of a whole answer, in seconds (%(default)s)",
    )
    add("--ttft", type=seconds, help="exact time to the first token, in seconds")
    add("--itl", type=seconds, help="exact time between tokens, in seconds")
    add("--tokens", type=whole(1, 1_000_000), default=64, help="median output tokens (%(default)s)")
    add("--exact-tokens", action="store_true", help="every answer has exactly --tokens")
    add("--error-rate", type=between(0, 1, "a rate"), default=0.0, help="fraction of requests that fail, 0 to 1")
    add("--error-status", type=whole(300, 599), default=500, help="HTTP status of failed requests (%(default)s)")
    add("--seed", type=int, help="reproduce the same times, lengths and errors")
    add("--merge", action="store_true", help="send parts that are due together in one write")
    add("--stall", type=seconds, metavar="SECONDS", help="let the whole server fall silent for SECONDS")
    add("--stall-every", type=seconds, metavar="SECONDS", help="at the end of every SECONDS-long period")
    add("--tls-cert", metavar="FILE", help="serve HTTPS with this certificate (PEM)")
    add("--tls-key", metavar="FILE", help="its key, if not in the same file")
    return options


def tls_context(options: argparse.Namespace, error: Callable[[str], NoReturn]) -> ssl.SSLContext | None:
    if options.tls_cert is None:
        return error("--tls-key needs --tls-cert") if options.tls_key else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(options.tls_cert, options.tls_key)
    except OSError as reason:
        error(f"--tls-cert {options.tls_cert}: {reason.strerror or reason}")
    return context


def stall(options: argparse.Namespace, error: Callable[[str], NoReturn]) -> Stall | None:
    if options.stall is None:
        return error("--stall-every needs --stall") if options.stall_every is not None else None
    if options.stall_every is None:
        error("--stall needs --stall-every")
    if options.stall >= options.stall_every:
        error("--stall must be shorter than --stall-every")
    return Stall(options.stall, options.stall_every)


def service(options: argparse.Namespace) -> Service:
    pace = Pace(options.latency, options.ttft, options.itl, options.seed)
    return Service(
        pace,
        seed=options.seed,
        tokens=options.tokens,
        error_rate=options.error_rate,
        error_status=options.error_status,
        exact_tokens=options.exact_tokens,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    command_line = parser()
    options = command_line.read(arguments)
    tls = tls_context(options, command_line.error)
    silence = stall(options, command_line.error)
    try:
        serve(service(options), options.host, options.port, tls, options.merge, silence)
    except OSError as reason:
        cause = str(reason.strerror).rpartition(": ")[2]  # uvloop puts the address before the cause
        print(f"mock: cannot listen on {options.host}:{options.port}: {cause}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
