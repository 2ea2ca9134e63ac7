"""Google's Gemini, with a key or on Vertex AI. https://ai.google.dev/api/generate-content"""

import os
from typing import Any

import orjson

from providers.call import Answer, Delta, Finish, Usage
from providers.settings import Settings
from providers.user import LLMUser
from wire.exchange import Wire
from wire.httpx2_plug import client

DEFAULT_API_VERSION = "v1beta"
DEFAULT_VERTEX_API_VERSION = "v1beta1"


class VertexAIUser(LLMUser):
    """Asks through google-genai: the Gemini API with a key, or Vertex AI where the SDK's own variables say so."""

    provider = "vertex-ai"
    apis = ("chat", "completions")

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        from google.genai import Client

        if on_vertex():
            return Client(**_vertex_access(settings), http_options=_http_options(settings, wire))
        return Client(vertexai=False, api_key=settings.api_key, http_options=_http_options(settings, wire))

    def on_start(self) -> None:
        from google.genai import types

        super().on_start()
        self.config = types.GenerateContentConfig(
            temperature=self.settings.temperature,
            max_output_tokens=self.settings.max_tokens,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            should_return_http_response=True,
        )

    def chat(self, payload: str) -> Answer:
        answer = self.client.models.generate_content(model=self.settings.model, contents=payload, config=self.config)
        body = orjson.loads(answer.sdk_http_response.body)
        candidate = body["candidates"][0]
        for part in candidate.get("content", {}).get("parts", []):
            yield Delta(part.get("text", ""), reasoning=part.get("thought", False))
        yield _usage(body.get("usageMetadata") or {})
        yield Finish(candidate.get("finishReason"))

    completions = chat


def on_vertex() -> bool:
    """Tell whether the SDK's own variable asks for Vertex AI."""
    return os.environ.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("true", "1")


def _vertex_access(settings: Settings) -> dict[str, Any]:
    """Return the client's arguments for Vertex AI. The run's key is an OAuth access token; without one, Google's
    default credentials sign."""
    from google.oauth2.credentials import Credentials

    return {
        "vertexai": True,
        "project": os.environ.get("GOOGLE_CLOUD_PROJECT"),
        "location": os.environ.get("GOOGLE_CLOUD_LOCATION"),
        "credentials": Credentials(token=settings.api_key) if settings.api_key else None,  # type: ignore[no-untyped-call]
    }


def _http_options(settings: Settings, wire: Wire) -> Any:
    from google.genai import types

    version = settings.api_version or (DEFAULT_VERTEX_API_VERSION if on_vertex() else DEFAULT_API_VERSION)
    return types.HttpOptions(base_url=settings.host, api_version=version, httpx_client=client(wire))


def _usage(usage: dict[str, Any]) -> Usage:
    """Gemini counts thoughts apart from the candidates' tokens; as output they are one."""
    thoughts, visible = usage.get("thoughtsTokenCount"), usage.get("candidatesTokenCount")
    counted = [count for count in (thoughts, visible) if count is not None]
    return Usage(usage.get("promptTokenCount"), sum(counted) if counted else None)
