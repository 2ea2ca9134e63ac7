"""A start form in the order of the questions: where calls go, how many, what is asked. Locust's own is one
alphabetical list. This one posts to the same route, and is checked by the same `start_form`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response
from locust.env import Environment
from locust.web import WebUI

from harness.plan.models import Models
from harness.plan.values import Options
from harness.watch import llm_page
from harness.watch.start_form import is_on
from providers.base import Provider

NONE = " "
ONLY_OPEN, ONLY_MOCK, ONLY_REAL = "open", "mock", "real"
OF_PROVIDER = {"api_version": "azure-openai vertex-ai", "region": "aws-bedrock"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form.

    label  instead of its name
    only   which choice shows it
    hint   instead of the option's help; `NONE` if the label says all
    """

    name: str
    label: str = ""
    only: str = ""
    hint: str = ""


GROUPS: dict[str, tuple[Field, ...]] = {
    "Where calls go": (
        Field("provider", hint="its SDK sends the requests"), Field("model"), Field("api", "API"), Field("mock"),
        Field("host", "Address", ONLY_REAL, "the SDK's base address"),
        Field("api_version", "API version", ONLY_REAL, "empty: the usual one"),
        Field("region", "AWS region", ONLY_REAL, NONE),
        Field("mock_latency", "Median latency", ONLY_MOCK, "in seconds"),
        Field("mock_tokens", "Median output tokens", ONLY_MOCK, NONE),
        Field("mock_error_rate", "Share of errors", ONLY_MOCK, "from 0 to 1"),
        Field("mock_error_status", "Status of errors", ONLY_MOCK, NONE),
    ),
    "Load": (
        Field("rate", "Calls per second", ONLY_OPEN, "however long answers take"),
        Field("rate_stages", "or rates over time", ONLY_OPEN, "such as 5:30s,10:30s,5-20:1m"),
        Field("arrival", "Arrival", ONLY_OPEN, "evenly spaced, or at random"),
        Field("replay", "or at the prompts' own times", ONLY_OPEN, "the seconds in their field “at”"),
        Field("user_count", "Users", hint="each makes one call at a time"),
        Field("iterations", "Calls", hint="empty: until it is stopped"),
        Field("run_time", "Run time", hint="such as 30s or 5m; empty: no limit"),
        Field("spawn_rate", "Users started per second", hint=NONE),
        Field("warmup", "Warm-up calls", hint="first, and in no figure"),
    ),
    "Each call": (
        Field("stream", "Stream the answer", hint="TTFT, ITL and TPOT need it"),
        Field("max_tokens", "Most output tokens", hint="empty: no limit"),
        Field("slo", "What it should meet", hint="such as ttft<0.5 latency<3: gives goodput"),
        Field("timeout", hint="in seconds"), Field("temperature", hint="“none” leaves it out"),
    ),
    "Prompts": (
        Field("selection_mode", "Selection", hint="one file, a random one per call, or all in order"),
        Field("cache_bust", "Get past caches", hint="a unique line ends each prompt"),
        Field("seed", hint="the same seed, the same prompts; empty: a new one"),
    ),
}  # fmt: skip
OF_LOCUST = ("host", "user_count", "spawn_rate", "run_time")
HIDDEN = ("any_model",)
ADVANCED = (
    "spawn_rate", "warmup", "temperature", "timeout", "arrival", "replay", "mock_error_status",
)  # fmt: skip


def attach(
    web_ui: Any,
    base_path: str,
    environment: Environment,
    providers: Iterable[type[Provider]],
    offered: Callable[[], Models],
    chosen_provider: Callable[[Options], str],
) -> None:
    """Add the page `/llm/start`.

    offered          returns the models by provider
    chosen_provider  returns the provider that the options name or imply
    """
    known = {provider.name: list(provider.apis) for provider in providers}

    def page() -> Response:
        given, options = vars(environment.parsed_options), web_ui.template_args["extra_options"]
        chosen = chosen_provider(given)
        return llm_page.render(
            "start.html",
            is_on=is_on(environment), groups=list(_groups(options, given)), known=list(known),
            chosen=chosen, against=given["against"], classes=_classes(web_ui, environment),
            choices={"models": _models(known, offered(), chosen, given["model"]), "apis": known},
        )  # fmt: skip

    web_ui.app.route(f"{base_path}/llm/start", endpoint="llm/start")(web_ui.auth_required_if_enabled(page))


def _classes(web_ui: WebUI, environment: Environment) -> list[str]:
    """Return the User classes of the class picker, if there is one: the provider chooses among them."""
    return list(environment.available_user_classes or ()) if web_ui.userclass_picker_is_active else []


def _models(known: Iterable[str], offered: Models, chosen: str, given: str) -> dict[str, dict[str, object]]:
    """Return each provider's models, its default, and the one that was given, which need not be listed."""
    return {
        name: {
            "listed": offered.of(name),
            "default": offered.default(name),
            "given": given if name == chosen else "",
        }
        for name in known
    }


def _groups(options: Mapping[str, Options], given: Options) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield the groups with their fields; options that no group knows come last."""
    for title, fields in GROUPS.items():
        yield title, [_field(field, options, given) for field in fields if field.name in (*options, *OF_LOCUST)]
    named = {field.name for fields in GROUPS.values() for field in fields}
    if others := [_field(Field(name), options, given) for name in options if name not in (*named, *HIDDEN)]:
        yield "More", others


def _field(field: Field, options: Mapping[str, Options], given: Options) -> dict[str, object]:
    option = options.get(field.name) or {}
    value = given["num_users"] if field.name == "user_count" else given.get(field.name)
    if field.name in ("user_count", "spawn_rate"):
        value = value or 1
    return {
        "name": field.name, "label": field.label or field.name.replace("_", " ").capitalize(), "only": field.only,
        "hint": (field.hint or option.get("help_text") or "").strip(),
        "choices": option.get("choices"), "value": _shown(value),
        "providers": OF_PROVIDER.get(field.name, ""), "is_advanced": field.name in ADVANCED,
    }  # fmt: skip


def _shown(value: object) -> object:
    """Return a value as people write it; a switch stays what it is."""
    return "" if value is None else f"{value:g}" if isinstance(value, float) else value
