"""Command-line mistakes: each is refused by name, with the nearest option."""

import difflib
import itertools
import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.command_line import certificate, class_settings, config_files, ports, utf8
from harness.process.outlet import check_outlet, hold_open
from harness.secrets import SHORTEST
from summary.cells import printable

AFTER_NAME = re.compile(r"[^\w-].*", re.DOTALL)
QUOTED = re.compile(r"(?<=can't be set to a list) '.*'(?= unless)|: '.*'(?=\. Expecting)", re.DOTALL)
"""What the parser quotes from a config file or variable, such as `api-key = [a, b]` or `stream = b`."""

LIKE_A_KEY = re.compile(r"--(?=.*[0-9]).{12}")
"""What the parser makes of a config file's line that is nothing but a key: an option."""

LARGEST_EXIT_CODE = 255
MOST_PROCESSES = 16
"""Per core. One per core is enough; a thousand leave a machine no time to end them."""

BYTE_ORDER_MARK = "\ufeff"


def refuse_mistakes(parser: Any, user_classes: Sequence[str]) -> None:
    """Make a parser exit with code 2 and one line for unknown arguments and for unusable log files and ports.

    Argparse would take a mistyped option's value for a User class and complain about that. It would also accept
    `--max-token` for `--max-tokens` but let an environment variable override it, so abbreviations are disabled.
    """
    parser.allow_abbrev = False
    parse, fail = parser.parse_known_args, parser.error
    parser.error = lambda message: fail(QUOTED.sub("", message))

    def parse_known_args(args: Sequence[str] | None = None, *others: Any, **settings: Any) -> tuple[Any, list[str]]:
        try:
            options, unknown = parse(args, *others, **settings)
        except OverflowError:
            parser.exit(2, f"{parser.prog}: error: --run-time or --stop-timeout is too long\n")
        given = sys.argv[1:] if args is None else list(args)
        of_arguments = _arguments_refusal(parser, given, unknown, options, user_classes)
        if refusal := of_arguments or _values_refusal(parser, options, user_classes):
            parser.exit(2, f"{parser.prog}: error: {printable(refusal)}\n")
        return options, unknown

    parser.parse_known_args = parse_known_args
    config_files.refuse_losses(parser)


def _arguments_refusal(
    parser: ArgumentParser, given: list[str], unknown: list[str], options: Namespace, user_classes: Sequence[str]
) -> str | None:
    known = [name for action in parser._actions for name in action.option_strings]
    if any(argument.startswith(f"--{BYTE_ORDER_MARK}") for argument in unknown):
        return "the config file begins with a byte order mark: save it as UTF-8 without one"
    if mistyped := [argument for argument in unknown if argument.startswith("-")]:
        return f"unrecognized arguments: {' '.join(_with_hint(_name(text, known), known) for text in mistyped)}"
    if several := config_files.refusal_of_several(given):
        return several
    left_over = [name for name in [*options.user_classes, *unknown] if name not in user_classes]
    if left_over and (
        one_dash := [argument for argument in given if argument[:2] != "--" and _long(argument) in known]
    ):
        return f"unrecognized arguments: {' '.join(_with_hint(name, known) for name in one_dash)}"
    if left_over:
        return f"{_left_over(left_over[0], user_classes)}: choose from {', '.join(user_classes)}"
    return f"unrecognized arguments: {' '.join(unknown)}" if unknown else None


def _values_refusal(parser: ArgumentParser, options: Namespace, user_classes: Sequence[str]) -> str | None:
    return (
        _missing_refusal(parser, options)
        or _class_settings_refusal(options, user_classes)
        or _encoding_refusal(parser, options)
        or _locusts_refusal(options)
        or ports.refusal(options)
        or certificate.refusal(options)
        or _log_refusal(options.logfile)
    )


def _missing_refusal(parser: ArgumentParser, options: Namespace) -> str | None:
    """Return which option's value is `--`: argparse drops it, and some versions then take `[]` for the value."""
    for action in parser._actions:
        value = getattr(options, action.dest, None)
        if action.nargs is None and isinstance(value, list) and value != action.default and [] in [value, *value]:
            return f"argument {'/'.join(action.option_strings)}: expected one argument"
    return None


def _class_settings_refusal(options: Namespace, user_classes: Sequence[str]) -> str | None:
    given = list(itertools.chain(*options.config_users or ()))
    if any(isinstance(config, dict) and config.get("host") for config in given):
        return "--config-users: a host is not read there: give -H"
    refusals = (class_settings.refusal(config, user_classes) for config in given)
    return next((f"--config-users: {reason}" for reason in refusals if reason), None)


def _with_hint(name: str, known: list[str]) -> str:
    """Return a mistyped option and the nearest known one, without its value: that may be a secret, as in `-Ksk-123`."""
    if nearest := _nearest(_long(name), known):
        return f"{name} (did you mean {nearest[0]}?)"
    return "--…" if LIKE_A_KEY.match(name) else name if name.startswith("--") else name[:2]


def _nearest(name: str, known: list[str]) -> list[str]:
    """Return the known option that a name begins, or else resembles; none if there is none."""
    begun = [option for option in known if len(name) > len("--t") and option.startswith(name)]
    return difflib.get_close_matches(name, begun or known, n=1, cutoff=0.0 if begun else 0.6)


def _name(argument: str, known: list[str]) -> str:
    """Return a mistyped option without its value, even if they are separated by `:` or run together, as in
    `--api-keysk-123`: what follows a known name may be a key, or the rest of an unknown one, as in `--stream-options`.
    """
    name = AFTER_NAME.sub("", argument)
    run_in = [option for option in known if option.startswith("--") and _long(name).startswith(option)]
    longest = max(run_in, key=len, default=name)
    return f"{longest}…" if len(name) >= len(longest) + SHORTEST else name


def _left_over(text: str, user_classes: Sequence[str]) -> str:
    """Describe an argument that belongs to no option. It is shown only if it resembles a User class, because it may be
    a secret, as in `-key sk-123`, `OPENAI_API_KEY=sk-123` or `--header Authorization:Bearer sk-123`."""
    if difflib.get_close_matches(text, user_classes, n=1):
        return f"unknown User class {text!r}"
    return "a value that belongs to no option and is not a User class"


def _long(name: str) -> str:
    """Return the usual spelling of an option written as `-rate-stages`, `--rate_stages` or `--RATE-STAGES`."""
    return "--" + name.strip("-").replace("_", "-").lower() if name.startswith("-") else ""


def _encoding_refusal(parser: ArgumentParser, options: Namespace) -> str | None:
    """Return which option's value is not UTF-8: Locust's master could not send it, and would hang. A NUL, which only a
    config file can hold, is in no file's name."""
    for action in parser._actions:
        value = getattr(options, action.dest, None)
        texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        name = action.option_strings[-1] if action.option_strings else action.dest
        if not all(map(utf8.is_utf8, texts)):
            return utf8.refusal(name)
        if "\0" in "".join(texts):
            return f"{name} contains a NUL character"
    return None


def _locusts_refusal(options: Namespace) -> str | None:
    """Return what Locust itself would refuse later, with exit code 1, which here means an unreachable host."""
    if options.processes is not None and options.processes < -1:
        return f"--processes must be a positive integer, or -1 for one per core, not {options.processes}"
    if options.processes and options.processes > (most := MOST_PROCESSES * (os.cpu_count() or 1)):
        return f"--processes must be at most {MOST_PROCESSES} per core, {most} here, not {options.processes}"
    if options.processes and options.master:
        return "--processes and --master are mutually exclusive: --processes starts its own master"
    if options.processes and not options.worker and options.master_port != options.master_bind_port:
        return "--processes needs one port: give --master-port and --master-bind-port the same"
    if options.master and options.worker:
        return "--master and --worker are mutually exclusive: use --processes for a master with workers"
    if options.expect_workers_max_wait < 0:
        return f"--expect-workers-max-wait must be 0 or more seconds, not {options.expect_workers_max_wait}"
    if not 0 <= options.exit_code_on_error <= LARGEST_EXIT_CODE:
        return f"--exit-code-on-error must be from 0 to {LARGEST_EXIT_CODE}, not {options.exit_code_on_error}"
    if options.autoquit != -1 and not options.autostart:
        return "--autoquit needs --autostart"
    if options.web_base_path and not options.web_base_path.startswith("/"):
        return f"--web-base-path must start with a slash, not {options.web_base_path!r}"
    return None


def _log_refusal(path: str | None) -> str | None:
    """Return why a --logfile can't be written: Locust would exit with a traceback."""
    if not path:
        return None
    try:
        check_outlet(Path(path))
        hold_open(Path(path))
    except OSError as error:
        return f"--logfile {path}: {(error.strerror or str(error)).lower()}"
    return None
