"""What a provider is: how its SDK is asked, and all that the rest of the project needs to know of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from providers.call import Answer
from providers.settings import API, Settings
from wire.exchange import Wire


class Provider:
    """Asks one provider's APIs through its official SDK. It works without Locust, and measures nothing.

    An instance makes one user's calls. It has a generator for each of its `apis`, plain and streaming (`chat` and
    `chat_stream`), of the parts of an answer; `answer` is the one that the settings choose.

    name              as `--provider` and models.json have it
    key_variable      holds its key where neither -k nor LLM_API_KEY does
    secret_variables  further variables whose values the SDK sends, or signs with
    header_variables  variables with a header `NAME: VALUE` on each line, which the SDK adds to every request
    packages          the SDK's distributions, for run.json
    loggers           those that log a line per call at INFO, and whole requests, keys included, at DEBUG
    signs             the SDK signs target and body, so `connect` puts the settings' query and extra body in before
    """

    name: ClassVar[str]
    apis: ClassVar[tuple[API, ...]] = ("chat", "completions")
    key_variable: ClassVar[str]
    secret_variables: ClassVar[tuple[str, ...]] = ()
    header_variables: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]]
    loggers: ClassVar[tuple[str, ...]]
    signs: ClassVar[bool] = False

    def __init__(self, settings: Settings, client: Any) -> None:
        """Prepare what all calls share; `client` is what `connect` returned."""
        self.settings, self.client = settings, client
        self.answer: Callable[[str], Answer] = getattr(self, settings.api + ("_stream" if settings.stream else ""))

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        """Return the SDK's client for a run: on the wire, without retries, without timeouts of its own.

        It imports the SDK, so that a run pays for no other: all of them take three seconds.
        """
        raise NotImplementedError

    @classmethod
    def missing_key(cls) -> str | None:
        """Return why no run is possible without a key; `None` if the SDK finds credentials itself."""
        return f"no API key for {cls.name}: set {cls.key_variable}, LLM_API_KEY or -k"

    @classmethod
    def header_values(cls) -> Mapping[str, str | None]:
        """Return what the SDK takes from the environment and sends as a header's value, by its variable."""
        return {}

    @staticmethod
    def credentials() -> Iterable[str | None]:
        """Return the secrets that the SDK finds itself and signs with."""
        return ()
