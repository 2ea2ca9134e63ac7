"""Google's Gemini, with a key or on Vertex AI. https://ai.google.dev/api/generate-content"""

import os
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from providers import google_files, google_tokens
from providers.answers import gemini as answers
from providers.answers import gemini_lines
from providers.answers.content import number_asked
from providers.answers.reading import Dialect, streamed, whole
from providers.base import Provider
from providers.call import Answer
from providers.prompt import Prompt, Turn
from providers.settings import Settings
from providers.token_servers import in_words
from wire.exchange import Wire, current
from wire.httpx2_plug import client

DIALECT = Dialect(gemini_lines.events, has_done=False)
DEFAULT_API_VERSION = "v1beta"
DEFAULT_VERTEX_API_VERSION = "v1beta1"

USE_VERTEX = ("GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_GENAI_USE_VERTEXAI")


class VertexAI(Provider):
    """Makes calls through google-genai: the Gemini API with a key, or Vertex AI if the SDK's variables say so."""

    name = "vertex-ai"
    key_variable = "GOOGLE_API_KEY"
    secret_variables = ("GEMINI_API_KEY", "GOOGLE_CLOUD_QUOTA_PROJECT")
    packages = ("google-genai",)
    loggers = ("google_genai", "google.auth")

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        from google.genai import Client

        if on_vertex():
            google_tokens.listen_in()
            return Client(**_vertex_access(settings), http_options=_http_options(settings, wire))
        return Client(vertexai=False, api_key=settings.api_key, http_options=_http_options(settings, wire))

    @classmethod
    def missing_key(cls) -> str | None:
        if not on_vertex():
            return super().missing_key()
        import google.auth
        from google.auth.exceptions import GoogleAuthError

        google_tokens.listen_in()  # It may ask a machine's server, of which nothing is known yet.
        try:
            google.auth.default()
        except GoogleAuthError as error:  # Its second argument is the error behind it.
            return f"google-auth can't get Google's credentials: {' '.join(str(error.args[0]).split())}"
        except Exception as error:  # It knows many kinds of files, which can be damaged in as many ways.
            return f"google-auth can't get Google's credentials: {in_words(error)}"
        return google_files.refusal()

    @staticmethod
    def credentials() -> list[str]:
        return list(google_files.secrets()) if on_vertex() else []

    @staticmethod
    def hear_secrets(listener: Callable[[str], None]) -> None:
        google_tokens.listeners.add(listener)

    def __init__(self, settings: Settings, client: Any) -> None:
        from google.genai import types

        super().__init__(settings, client)
        self.config = _config_class()(
            temperature=settings.temperature,
            max_output_tokens=settings.max_tokens,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            should_return_http_response=not settings.stream,
        )
        self.read_stream = partial(answers.content_stream, asked=candidates_asked(settings))

    def chat(self, prompt: Prompt) -> Answer:
        answer = self.client.models.generate_content(**self._request(prompt))
        return whole(answer.sdk_http_response.body, answers.content)

    def chat_stream(self, prompt: Prompt) -> Answer:
        """Send the request and check the answer's head through the SDK, but read the stream here: the SDK reads streams
        only through its models, at 0.2 ms per chunk."""
        for _ in self.client.models.generate_content_stream(**self._request(prompt)):
            pass
        return streamed(current().unread, self.read_stream, DIALECT)

    completions, completions_stream = chat, chat_stream

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        """Return the SDK's arguments. A single turn is sent as a text, which costs the SDK least."""
        own: dict[str, Any] = {"system_instruction": prompt.system, "max_output_tokens": prompt.max_tokens}
        own = {name: value for name, value in own.items() if value}
        return {
            "model": self.settings.model,
            "contents": prompt.payload if len(prompt.turns) == 1 else [_content(turn) for turn in prompt.turns],
            "config": self.config.model_copy(update=own) if own else self.config,
        }


def candidates_asked(settings: Settings) -> int | None:
    """Return how many candidates a request asks for; `None` if that is invalid, or said under Google's other names."""
    config = settings.extra_body.get("generationConfig") or {}
    if not isinstance(config, dict) or {"generation_config", "candidate_count"} & {*settings.extra_body, *config}:
        return None
    return number_asked(config.get("candidateCount"))


def _content(turn: Turn) -> dict[str, Any]:
    return {"role": "model" if turn.role == "assistant" else "user", "parts": [{"text": turn.text}]}


@cache
def _config_class() -> Any:
    """Return a faster version of the SDK's configuration class. For every field of every request the SDK evaluates
    `name in config`, for which a pydantic model walks all its fields, always to say no: a fifth of a call's cost."""
    from google.genai import types

    class Config(types.GenerateContentConfig):
        def __contains__(self, name: object) -> bool:
            return False

    return Config


def on_vertex() -> bool:
    """Return whether the SDK's environment variables ask for Vertex AI: the new one, or else the old one."""
    chosen = next((os.environ[name] for name in USE_VERTEX if name in os.environ), "")
    return chosen.lower() in ("true", "1")


def _vertex_access(settings: Settings) -> dict[str, Any]:
    """Return the client's arguments for Vertex AI. The run's key is an OAuth access token; without one, Google's
    default credentials are used."""
    from google.oauth2.credentials import Credentials

    return {
        "vertexai": True,
        "project": os.environ.get("GOOGLE_CLOUD_PROJECT"),
        "location": os.environ.get("GOOGLE_CLOUD_LOCATION"),
        "credentials": Credentials(token=settings.api_key) if settings.api_key else None,  # type: ignore[no-untyped-call]  # untyped
    }


def _http_options(settings: Settings, wire: Wire) -> Any:
    from google.genai import types

    version = settings.api_version or (DEFAULT_VERTEX_API_VERSION if on_vertex() else DEFAULT_API_VERSION)
    return types.HttpOptions(base_url=settings.host, api_version=version, httpx_client=client(wire, keep_streams=True))
