"""The options added to Locust's: all strings, since `harness.plan.plan` validates those of every source alike."""

import argparse
from collections.abc import Iterable
from typing import Any

from harness.plan.models import Models
from harness.process.command_line import refuse_mistakes
from providers.settings import DEFAULT_REGION

SECRET = ("api_key", "header")
"""Options whose values never leave the process: not for the web UI, a file, a log or a message to a worker."""

DEFAULT_HOST = "http://localhost:8000"
LOOPBACK = "127.0.0.1"
STOP_TIMEOUT_OF_THE_RUN = -1
"""Means: as long as a call can take."""


class _Named:
    """A parser that gives each option an environment variable, unless one is named, the way Locust names its own."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def add_argument(self, *names: str, **settings: Any) -> Any:
        longest = next(name for name in names if name.startswith("--"))
        variable = "LOCUST_" + longest.removeprefix("--").replace("-", "_").upper()
        return self._parser.add_argument(*names, **{"env_var": variable, **settings})


class Offered(list[str]):
    """Choices that the web UI's form offers but argparse doesn't enforce: our own error messages say more."""

    def __contains__(self, _: object) -> bool:
        return True


def add_arguments(parser: Any, models: Models, user_classes: Iterable[str]) -> None:
    """Add every option, and this project's aliases and defaults for Locust's own."""
    refuse_mistakes(parser, sorted(user_classes))
    parser = _Named(parser)
    parser.set_defaults(
        host=DEFAULT_HOST, exit_code_on_error=0, enable_rebalancing=True, stop_timeout=STOP_TIMEOUT_OF_THE_RUN,
        web_host=LOOPBACK,
    )  # fmt: skip
    _add_target(parser, models)
    _add_request(parser)
    _add_load(parser)
    _add_gates(parser)
    _add_mock(parser)
    _add_output(parser)
    _add_page(parser)
    _take_over_csv(parser)


def _add_target(parser: Any, models: Models) -> None:
    every_model = sorted({model for of_provider in models.values() for model in of_provider})
    parser.add_argument(
        "-p", "--provider", default="", env_var="LLM_PROVIDER", choices=Offered(["", *models]),
        help="which provider's SDK sends the requests",
    )  # fmt: skip
    parser.add_argument(
        "-m", "--model", default="", env_var="LLM_MODEL_NAME", choices=Offered(["", *every_model]),
        help="one of the provider's models in models.json",
    )  # fmt: skip
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
        help="a header for every request; repeatable",
    )  # fmt: skip
    parser.add_argument("--api-version", default="", help="API version, for azure-openai and vertex-ai")
    parser.add_argument("--region", default=DEFAULT_REGION, env_var="AWS_REGION", help="AWS region, for aws-bedrock")
    parser.add_argument(
        "--models-file", default="./models.json", include_in_web_ui=False, help="JSON file of each provider's models"
    )


def _add_request(parser: Any) -> None:
    parser.add_argument(
        "--api", default="chat", choices=Offered(["chat", "completions", "responses"]), help="which API to call"
    )
    parser.add_argument("--stream", action="store_true", default=False, help="stream the answers")
    parser.add_argument("--timeout", default="30", help="total deadline of each call, in seconds")
    parser.add_argument("--temperature", default="0", help="sampling temperature; 'none' omits it")
    parser.add_argument("--max-tokens", default="", help="maximum number of output tokens per call")
    parser.add_argument(
        "--extra-body", default="", metavar="JSON", include_in_web_ui=False,
        help="a JSON object merged into each request's body; null removes a field",
    )  # fmt: skip


def _add_load(parser: Any) -> None:
    parser.add_argument(
        "-i", "--iterations", "-n", "--num-requests", default="", help="exactly this many calls in total"
    )
    parser.add_argument("--rate", default="", help="open loop: calls started per second, however long answers take")
    parser.add_argument(
        "--arrival", default="constant", choices=Offered(["constant", "poisson"]),
        help="open loop: calls evenly spaced, or at random",
    )  # fmt: skip
    parser.add_argument("--rate-stages", default="", help="open loop: rates over time, such as 5:30s,10:30s,5-20:1m")
    parser.add_argument(
        "--warmup", default="", help="number of extra calls to make first, recorded but excluded from all figures"
    )
    parser.add_argument(
        "-d", "--data-dir", default="./unstructured_data", include_in_web_ui=False, help="folder of seed files"
    )
    parser.add_argument(
        "--selection-mode", default="single-file", choices=Offered(["single-file", "all-files"]),
        help="one seed file for the whole run, or a random one per call",
    )  # fmt: skip
    parser.add_argument("--seed", default="", help="makes the sequence of prompts reproducible")
    parser.add_argument(
        "--cache-bust", action="store_true", default=False,
        help="end each payload with a unique line, so that no cache can answer it",
    )  # fmt: skip


def _add_gates(parser: Any) -> None:
    parser.add_argument("--slo", default="", help='what each call should meet, such as "ttft<0.5 latency<3"')
    parser.add_argument(
        "--fail-if", action="append", default=[], metavar="CONDITION", include_in_web_ui=False,
        help='exit with code 3 if this is true of the summary, such as "p95>800ms"; repeatable',
    )  # fmt: skip
    parser.add_argument(
        "--fail-fast", action="store_true", default=False, include_in_web_ui=False,
        help="end the run as soon as a --fail-if can no longer be avoided",
    )  # fmt: skip
    parser.add_argument(
        "--junit", default="", metavar="FILE", include_in_web_ui=False, help="JUnit file for the --fail-if verdicts"
    )


def _add_mock(parser: Any) -> None:
    parser.add_argument("--mock", action="store_true", default=False, help="answer in-process: no network, no key")
    parser.add_argument("--mock-latency", default="0.7", help="the mock's median latency, in seconds")
    parser.add_argument("--mock-tokens", default="64", help="the mock's median number of output tokens")
    parser.add_argument("--mock-error-rate", default="0", help="fraction of the mock's answers that fail, 0 to 1")
    parser.add_argument("--mock-error-status", default="500", help="HTTP status of the mock's errors")


def _add_output(parser: Any) -> None:
    parser.add_argument(
        "-o", "--output-format", default="table", choices=Offered(["table", "json", "csv"]), include_in_web_ui=False,
        help="format of the summary on stdout: table, json or csv",
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


def _add_page(parser: Any) -> None:
    parser.add_argument(
        "--web-allow-host", action="append", default=[], metavar="HOST", include_in_web_ui=False,
        help="another host that the web UI can send keys to; * for any; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--web-name", action="append", default=[], metavar="NAME", include_in_web_ui=False,
        help="another name that browsers can open the web UI by; repeatable",
    )  # fmt: skip


def _take_over_csv(parser: Any) -> None:
    """Keep `--csv` from Locust, which would truncate an earlier run's files before any listener is called."""
    for action in parser._actions:
        action.dest = {"csv_prefix": "results_prefix", "stats_history_enabled": "full_history"}.get(
            action.dest, action.dest
        )
    parser.set_defaults(csv_prefix=None, stats_history_enabled=False)
