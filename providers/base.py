"""What a provider is: how to call its SDK, and everything that the rest of the project needs to know about it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from providers.call import Answer
from providers.prompt import Prompt
from providers.settings import API, Settings
from wire.exchange import Wire


class FieldRefused(Exception):
    """The server refused a field that the provider leaves out from now on, so that the call can be made again."""

    def __init__(self, field: str) -> None:
        super().__init__(f"the server refuses {field}")
        self.field = field


class Provider:
    """Calls one provider's APIs through its official SDK. It works without Locust, and measures nothing.

    An instance makes the calls to one side of a run: to its target, or to a baseline. For each of its `apis` it has two
    generators of an answer's parts, plain and streaming (`chat` and `chat_stream`); `answer` is the one that the
    settings choose. It can raise `FieldRefused`.

    name              as in `--provider` and models.json
    key_variable      the environment variable with its key, used if neither -k nor LLM_API_KEY is set
    secret_variables  further variables whose values the SDK sends or signs with
    header_variables  variables with one header `NAME: VALUE` per line, which the SDK adds to every request
    packages          the SDK's distributions, for run.json
    loggers           those that log a line per call at INFO, and whole requests, keys included, at DEBUG
    models_path       where, below the base address, its models are listed; `None` if that is not known
    signs             whether the SDK signs target and body, so that `connect` must add the settings' query and extra
                      body before signing
    """

    name: ClassVar[str]
    apis: ClassVar[tuple[API, ...]] = ("chat", "completions")
    key_variable: ClassVar[str]
    secret_variables: ClassVar[tuple[str, ...]] = ()
    header_variables: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]]
    loggers: ClassVar[tuple[str, ...]]
    models_path: ClassVar[str | None] = None
    signs: ClassVar[bool] = False

    def __init__(self, settings: Settings, client: Any) -> None:
        """Prepare what all calls share; `client` is what `connect` returned."""
        self.settings, self.client = settings, client
        self.answer: Callable[[Prompt], Answer] = getattr(self, settings.api + ("_stream" if settings.stream else ""))

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        """Return the SDK's client for a run: on the given wire, without retries or timeouts.

        The SDK is imported here, so that a run pays only for the one it uses: importing all takes three seconds.
        """
        raise NotImplementedError

    @classmethod
    def missing_key(cls) -> str | None:
        """Return why a run needs a key; `None` if the SDK finds credentials by itself."""
        return f"no API key for {cls.name}: set {cls.key_variable}, LLM_API_KEY or -k"

    @classmethod
    def header_values(cls) -> Mapping[str, str | None]:
        """Return, by variable, the values that the SDK takes from the environment and sends in headers."""
        return {}

    @staticmethod
    def credentials() -> Iterable[str | None]:
        """Return the secrets that the SDK finds by itself, and signs with or exchanges for others."""
        return ()

    @staticmethod
    def hear_secrets(listener: Callable[[str], None]) -> None:
        """Call `listener` with each secret that the SDK exchanges for another during the run, before it is sent: the
        server may repeat it."""
