"""The options added to Locust's: all strings, since `harness.plan.plan` validates those of every source alike."""

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from harness.command_line import variables
from harness.command_line.mistakes import refuse_mistakes
from harness.command_line.option_help import ShowHelp, Topic
from harness.load.schedule import Arrival
from harness.plan.models import described
from harness.plan.target import MOCK_DEFAULTS
from harness.plan.values import DATA_DIR, MODELS_FILE
from prompts.draws import SelectionMode
from providers.conversation import History
from providers.settings import API, DEFAULT_REGION
from summary.gates.slo import AddedConditions
from summary.render.render import RENDERERS

SECRET = ("api_key", "header", "against_api_key", "against_header")
"""Options whose values never leave the process: not for the web UI, a file, a log or a message to a worker."""

DEFAULT_HOST = "http://localhost:8000"
LOOPBACK = "127.0.0.1"
STOP_TIMEOUT_OF_THE_RUN = -1
"""Means: as long as a call can take."""


Offer = Mapping[str, list[str]]
"""The models that the form offers, by provider; without any, its field takes any text."""


class _Named:
    """A parser that gives each option an environment variable, unless one is named, the way Locust names its own.

    added  the options added to it so far
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser
        self.added: list[argparse.Action] = []

    def add_argument(self, *names: str, **settings: Any) -> None:
        longest = next(name for name in names if name.startswith("--"))
        variable = "LOCUST_" + longest.removeprefix("--").replace("-", "_").upper()
        action = self._parser.add_argument(*names, **{"env_var": variable, **settings})
        self.added.append(action)


class Offered(list[str]):
    """Choices that the web UI's form offers but argparse doesn't enforce: our own error messages say more."""

    def __contains__(self, _: object) -> bool:
        return True


def add_arguments(parser: argparse.ArgumentParser, models: Offer, user_classes: Iterable[str]) -> None:
    """Add every option, and this project's aliases and defaults for Locust's own."""
    refuse_mistakes(parser, sorted(user_classes))
    parser.set_defaults(
        host=DEFAULT_HOST, exit_code_on_error=0, enable_rebalancing=True, stop_timeout=STOP_TIMEOUT_OF_THE_RUN,
        web_host=LOOPBACK,
    )  # fmt: skip
    topics = {}
    for name, (title, add, examples) in _TOPICS.items():
        named = _Named(parser)
        add(named, models) if add is _add_target else add(named)
        topics[name] = Topic(title, examples, named.added)
    parser.add_argument(
        "--llm-help", action=ShowHelp, topics=topics, include_in_web_ui=False, help="show these options, by topic"
    )
    _take_over_csv(parser)
    ours = [action for topic in topics.values() for action in topic.actions]
    if refusal := variables.refusal(parser, ours, os.environ):
        parser.exit(2, f"{parser.prog}: error: {refusal}\n")


def _add_target(parser: _Named, models: Offer) -> None:
    every_model = sorted({model for of_provider in models.values() for model in of_provider})
    every_model += {described()} - {"", *every_model} if every_model else []
    parser.add_argument(
        "-p", "--provider", default="", env_var="LLM_PROVIDER", choices=Offered(["", *models]),
        help="which provider's SDK sends the requests, one per run",
    )  # fmt: skip
    parser.add_argument(
        "-m", "--model", default="", env_var="LLM_MODEL_NAME",
        choices=Offered(["", *every_model]) if every_model else None,
        help="one of the provider's models in models.json, or any with --any-model",
    )  # fmt: skip
    parser.add_argument(
        "--any-model", action="store_true", default=False, help="take any model, not only those in models.json"
    )
    parser.add_argument(
        "--proxy-url", dest="host", default=argparse.SUPPRESS, env_var="LLM_ENDPOINT_URL", include_in_web_ui=False,
        help="same as --host",
    )  # fmt: skip
    parser.add_argument(
        "-k", "--api-key", default="", env_var="LLM_API_KEY", include_in_web_ui=False,
        help="the API key; prefer the environment, which process lists don't show",
    )  # fmt: skip
    parser.add_argument(
        "--header", action="append", default=[], metavar="NAME:VALUE", include_in_web_ui=False,
        help="a header for every request, replacing the SDK's header of that name; repeatable",
    )  # fmt: skip
    parser.add_argument("--api-version", default="", help="API version, for azure-openai and vertex-ai")
    parser.add_argument("--region", default=DEFAULT_REGION, env_var="AWS_REGION", help="AWS region, for aws-bedrock")
    parser.add_argument(
        "--models-file", default=MODELS_FILE, include_in_web_ui=False, help="JSON file of each provider's models"
    )


def _add_baseline(parser: _Named) -> None:
    parser.add_argument(
        "--against", default="", metavar="URL", include_in_web_ui=False,
        help="make each call twice, in pairs: to the host, and to this baseline ('mock' for the mock)",
    )  # fmt: skip
    for name, what in (("provider", "provider"), ("model", "model"), ("api", "API")):
        parser.add_argument(
            f"--against-{name}", default="", include_in_web_ui=False,
            help=f"the baseline's {what}, if it differs from the target's",
        )  # fmt: skip
    parser.add_argument(
        "--against-api-key", default="", env_var="LLM_AGAINST_API_KEY", include_in_web_ui=False,
        help="the baseline's API key; prefer the environment, which process lists don't show",
    )  # fmt: skip
    parser.add_argument(
        "--against-header", action="append", default=[], metavar="NAME:VALUE", include_in_web_ui=False,
        help="a header for every request to the baseline; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--against-mock-latency", default="", include_in_web_ui=False,
        help="the median latency of '--against mock', in seconds, if it differs from --mock-latency",
    )  # fmt: skip


def _add_request(parser: _Named) -> None:
    parser.add_argument("--api", default="chat", choices=Offered(get_args(API)), help="which API to call")
    parser.add_argument("--stream", action="store_true", default=False, help="stream the answers")
    parser.add_argument("--timeout", default="30", metavar="SECONDS", help="total deadline of each call, in seconds")
    parser.add_argument("--temperature", default="0", help="sampling temperature; 'none' omits it")
    parser.add_argument("--max-tokens", default="", help="maximum number of output tokens per call")
    parser.add_argument(
        "--extra-body", default="", metavar="JSON", include_in_web_ui=False,
        help="a JSON object merged into each request's body; null removes a field",
    )  # fmt: skip


def _add_load(parser: _Named) -> None:
    parser.add_argument(
        "-i", "--iterations", "-n", "--num-requests", default="",
        help="exactly this many calls in total, or pairs of calls with --against",
    )  # fmt: skip
    parser.add_argument("--rate", default="", help="open loop: calls started per second, however long answers take")
    parser.add_argument(
        "--arrival", default="constant", choices=Offered(get_args(Arrival)),
        help="open loop: calls evenly spaced, or at random",
    )  # fmt: skip
    parser.add_argument("--rate-stages", default="", help="open loop: rates over time, such as 5:30s,10:30s,5-20:1m")
    parser.add_argument(
        "--warmup", default="", help="number of extra calls to make first, recorded but excluded from all figures"
    )


def _add_prompts(parser: _Named) -> None:
    parser.add_argument(
        "-d", "--data-dir", "--prompts", default=DATA_DIR, metavar="PATH", include_in_web_ui=False,
        help="your prompts: a folder of seed files, or of *.jsonl, *.csv or *.json; or one such file; "
        "calls draw from them as --selection-mode says",
    )  # fmt: skip
    parser.add_argument(
        "--plain", action="store_true", default=False, include_in_web_ui=False,
        help="each line of a *.txt file is a prompt",
    )  # fmt: skip
    parser.add_argument(
        "--system", default="", metavar="TEXT", include_in_web_ui=False,
        help="system message for all prompts that have none; @FILE reads it from a file",
    )  # fmt: skip
    parser.add_argument(
        "--history", default="answers", choices=Offered(get_args(History)), include_in_web_ui=False,
        help="prompts of several turns: a call per turn, after the answers so far (answers) or those in the file "
        "(recorded); or one call with all of it (whole)",
    )  # fmt: skip
    parser.add_argument(
        "--replay", action="store_true", default=False,
        help="open loop: send each prompt at its own time, the seconds in its field 'at'",
    )  # fmt: skip
    parser.add_argument(
        "--selection-mode", default="single-file", choices=Offered(get_args(SelectionMode)),
        help="one random file for the whole run, a random one per call, each with random prompts, which can "
        "repeat; or all prompts in order, then again",
    )  # fmt: skip
    parser.add_argument(
        "--seed", default="", help="makes the sequence of prompts reproducible (default: random, recorded)"
    )
    parser.add_argument(
        "--cache-bust", action="store_true", default=False,
        help="end each prompt with a unique line, so that no cache can answer it",
    )  # fmt: skip


def _add_gates(parser: _Named) -> None:
    parser.add_argument(
        "--slo", default="", action=AddedConditions,
        help='what each call should meet, such as "ttft<0.5 latency<3"; repeatable',
    )  # fmt: skip
    parser.add_argument(
        "--fail-if", action="append", default=[], metavar="CONDITION", include_in_web_ui=False,
        help='exit with code 3 if this is true of the summary, such as "p95>800ms"; repeatable',
    )  # fmt: skip
    parser.add_argument(
        "--baseline", action="append", default=[], metavar="PATH", include_in_web_ui=False,
        help='an earlier run to compare with, for a --fail-if such as "p95>+10%%"; repeatable',
    )  # fmt: skip
    parser.add_argument(
        "--fail-fast", action="store_true", default=False, include_in_web_ui=False,
        help="end the run as soon as a --fail-if can no longer be avoided",
    )  # fmt: skip
    parser.add_argument(
        "--junit", default="", metavar="FILE", include_in_web_ui=False, help="JUnit file for the --fail-if verdicts"
    )


def _add_mock(parser: _Named) -> None:
    parser.add_argument("--mock", action="store_true", default=False, help="answer in-process: no network, no key")
    for name, what in (
        ("latency", "the mock's median latency, in seconds"),
        ("tokens", "the mock's median number of output tokens"),
        ("error-rate", "fraction of the mock's answers that fail, 0 to 1"),
        ("error-status", "HTTP status of the mock's errors"),
    ):
        default = MOCK_DEFAULTS[f"mock_{name.replace('-', '_')}"]
        parser.add_argument(f"--mock-{name}", default=default, help=what)


def _add_output(parser: _Named) -> None:
    *first, last = RENDERERS
    parser.add_argument(
        "-o", "--output-format", default="table", choices=Offered(RENDERERS),
        include_in_web_ui=False, help=f"format of the summary on stdout: {' or '.join([', '.join(first), last])}",
    )  # fmt: skip
    parser.add_argument(
        "--html-report", default="", metavar="FILE", include_in_web_ui=False,
        help="one HTML page with the run's charts, written at its end; it works offline",
    )  # fmt: skip
    parser.add_argument(
        "-j", "--json-response", action="store_true", default=False, include_in_web_ui=False,
        help="log each raw response as one JSON line",
    )  # fmt: skip
    parser.add_argument(
        "--log-file", dest="logfile", default=argparse.SUPPRESS, include_in_web_ui=False, help="same as --logfile"
    )
    parser.add_argument(
        "--interactive", action="store_true", default=None, include_in_web_ui=False,
        help="ask for a missing provider or model in menus (default: only on a terminal)",
    )  # fmt: skip
    parser.add_argument(
        "--no-interactive", dest="interactive", action="store_false", default=argparse.SUPPRESS,
        include_in_web_ui=False, help="never ask",
    )  # fmt: skip


def _add_page(parser: _Named) -> None:
    parser.add_argument(
        "--web-allow-host", action="append", default=[], metavar="HOST", include_in_web_ui=False,
        help="another host that the web UI can send keys to; * for any; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--web-name", action="append", default=[], metavar="NAME", include_in_web_ui=False,
        help="another name that browsers can open the web UI by; repeatable",
    )  # fmt: skip


_TOPICS: dict[str, tuple[str, Callable[..., None], Sequence[str]]] = {
    "target": (
        "Where calls go", _add_target, ["locust --headless -p openai -m gpt-4o -H http://localhost:4000/v1 -i 100"],
    ),
    "against": (
        "What to compare them with", _add_baseline,
        ["locust --headless … -H http://localhost:4000/v1 --against https://api.openai.com/v1 -i 200"],
    ),
    "request": ("What is asked", _add_request, ["locust --headless --mock --stream --max-tokens 50 -i 20"]),
    "load": (
        "How much, and when", _add_load,
        ["locust --headless --mock -u 8 -r 8 -i 100", "locust --headless --mock --rate-stages 5:30s,10:30s,5-20:1m"],
    ),
    "prompts": (
        "Which prompts", _add_prompts, ["locust --headless --mock -d mine.jsonl --selection-mode in-order -i 20"],
    ),
    "gates": (
        "What fails a run", _add_gates,
        ['locust --headless --mock -i 200 -u 20 --fail-if "p95>2s" --fail-if "error_rate>1%"'],
    ),
    "mock": ("Answers without a network", _add_mock, ["locust --headless --mock --mock-latency 0.2 -i 20"]),
    "output": ("What is printed and asked", _add_output, ["locust --headless --mock -i 20 -o json > summary.json"]),
    "page": ("The web UI", _add_page, ["locust --mock"]),
}  # fmt: skip


def _take_over_csv(parser: argparse.ArgumentParser) -> None:
    """Keep `--csv` from Locust, which would truncate an earlier run's files before any listener is called."""
    for action in parser._actions:
        action.dest = {"csv_prefix": "results_prefix", "stats_history_enabled": "full_history"}.get(
            action.dest, action.dest
        )
    parser.set_defaults(csv_prefix=None, stats_history_enabled=False)
