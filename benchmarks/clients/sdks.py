"""The SDKs as documented: own HTTP client and typed answers, but one attempt per call."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Protocol

from benchmarks.contenders import KEY

MAX_TOKENS = 1024
AZURE_API_VERSION = "2024-10-21"
REGION = "us-east-1"


class SDK(Protocol):
    """A client of a provider."""

    def __init__(self, host: str, model: str) -> None: ...

    def plain(self, payload: str) -> str | None:
        """Return the text of a whole answer."""

    def stream(self, payload: str) -> Iterator[str | None]:
        """Yield each piece of a streamed answer's text, to its end."""


class OpenAISDK:
    """openai, typed."""

    def __init__(self, host: str, model: str) -> None:
        self._client, self._model = self._connect(host), model

    def _connect(self, host: str) -> Any:
        from openai import OpenAI

        return OpenAI(base_url=host, api_key=KEY, max_retries=0)

    def plain(self, payload: str) -> str | None:
        answer = self._client.chat.completions.create(**self._request(payload))
        text: str | None = answer.choices[0].message.content
        return text

    def stream(self, payload: str) -> Iterator[str | None]:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        for chunk in self._client.chat.completions.create(**self._request(payload), **options):
            yield chunk.choices[0].delta.content if chunk.choices else None

    def _request(self, payload: str) -> dict[str, Any]:
        return {"model": self._model, "messages": [{"role": "user", "content": payload}], "temperature": 0.0}


class AzureOpenAISDK(OpenAISDK):
    """openai's client for Azure."""

    def _connect(self, host: str) -> Any:
        from openai import AzureOpenAI

        return AzureOpenAI(azure_endpoint=host, api_key=KEY, api_version=AZURE_API_VERSION, max_retries=0)


class AnthropicSDK:
    """anthropic, typed."""

    def __init__(self, host: str, model: str) -> None:
        from anthropic import Anthropic

        self._client: Any = Anthropic(base_url=host, api_key=KEY, max_retries=0)
        self._model = model

    def plain(self, payload: str) -> str | None:
        text: str = self._client.messages.create(**self._request(payload)).content[0].text
        return text

    def stream(self, payload: str) -> Iterator[str | None]:
        for event in self._client.messages.create(**self._request(payload), stream=True):
            yield event.delta.text if event.type == "content_block_delta" else None

    def _request(self, payload: str) -> dict[str, Any]:
        messages = [{"role": "user", "content": payload}]
        return {"model": self._model, "messages": messages, "max_tokens": MAX_TOKENS}


class GenAISDK:
    """google-genai, typed."""

    def __init__(self, host: str, model: str) -> None:
        from google.genai import Client, types

        options = types.HttpOptions(base_url=host, api_version="v1beta")
        self._client = Client(vertexai=False, api_key=KEY, http_options=options)
        self._models: Any = self._client.models
        self._request = {"model": model, "config": types.GenerateContentConfig(temperature=0.0)}

    def plain(self, payload: str) -> str | None:
        text: str | None = self._models.generate_content(contents=payload, **self._request).text
        return text

    def stream(self, payload: str) -> Iterator[str | None]:
        for chunk in self._models.generate_content_stream(contents=payload, **self._request):
            yield chunk.text


class BedrockSDK:
    """boto3's Converse. Clients share a session: a new one costs 160 ms."""

    def __init__(self, host: str, model: str) -> None:
        from botocore.config import Config

        once = Config(retries={"total_max_attempts": 1})
        self._client = _session().client("bedrock-runtime", endpoint_url=host, region_name=REGION, config=once)
        self._model = model

    def plain(self, payload: str) -> str | None:
        text: str = self._client.converse(**self._request(payload))["output"]["message"]["content"][0]["text"]
        return text

    def stream(self, payload: str) -> Iterator[str | None]:
        for event in self._client.converse_stream(**self._request(payload))["stream"]:
            yield event.get("contentBlockDelta", {}).get("delta", {}).get("text")

    def _request(self, payload: str) -> dict[str, Any]:
        messages = [{"role": "user", "content": [{"text": payload}]}]
        return {"modelId": self._model, "messages": messages, "inferenceConfig": {"temperature": 0.0}}


@cache
def _session() -> Any:
    from boto3 import Session

    return Session()


SDKS: dict[str, type[SDK]] = {
    "openai": OpenAISDK,
    "anthropic": AnthropicSDK,
    "azure-openai": AzureOpenAISDK,
    "deepseek": OpenAISDK,
    "vertex-ai": GenAISDK,
    "aws-bedrock": BedrockSDK,
}
