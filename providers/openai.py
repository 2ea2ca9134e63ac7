"""OpenAI, and any endpoint that speaks its API. https://platform.openai.com/docs/api-reference"""

from typing import Any, ClassVar

import orjson

from providers.call import Answer, Delta, Finish, Usage
from providers.settings import API, Settings
from providers.user import LLMUser
from wire.exchange import Wire
from wire.httpx2_plug import client


class OpenAIUser(LLMUser):
    """Asks through openai's own client; the answers are read raw, which costs a third of its model objects."""

    provider = "openai"
    apis: ClassVar[tuple[API, ...]] = ("chat", "completions", "responses")

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        from openai import OpenAI

        return OpenAI(
            base_url=settings.host, api_key=settings.api_key, max_retries=0, timeout=None, http_client=client(wire)
        )

    def on_start(self) -> None:
        super().on_start()
        self.options = sampling(self.settings, max_tokens="max_tokens")

    def chat(self, payload: str) -> Answer:
        answer = self.client.chat.completions.with_raw_response.create(
            model=self.settings.model, messages=[{"role": "user", "content": payload}], **self.options
        )
        body = orjson.loads(answer.content)
        message = body["choices"][0]["message"]
        if reasoning := message.get("reasoning_content"):
            yield Delta(reasoning, reasoning=True)
        yield Delta(message.get("content") or "")
        yield from completion_end(body)

    def completions(self, payload: str) -> Answer:
        answer = self.client.completions.with_raw_response.create(
            model=self.settings.model, prompt=payload, **self.options
        )
        body = orjson.loads(answer.content)
        yield Delta(body["choices"][0]["text"])
        yield from completion_end(body)

    def responses(self, payload: str) -> Answer:
        answer = self.client.responses.with_raw_response.create(
            model=self.settings.model, input=payload, **sampling(self.settings, max_tokens="max_output_tokens")
        )
        body = orjson.loads(answer.content)
        for item in body["output"]:
            for content in item.get("content") or []:
                yield Delta(content.get("text", ""))
        usage = body.get("usage") or {}
        yield Usage(usage.get("input_tokens"), usage.get("output_tokens"))
        if body["status"] in ("completed", "incomplete"):
            yield Finish((body.get("incomplete_details") or {}).get("reason") or body["status"])


def sampling(settings: Settings, max_tokens: str) -> dict[str, Any]:
    """Return the sampling options that the run asks for, `max_tokens` under the name the API gives it."""
    asked = {"temperature": settings.temperature, max_tokens: settings.max_tokens}
    return {name: value for name, value in asked.items() if value is not None}


def completion_end(body: dict[str, Any]) -> Answer:
    """Yield what follows the text of a chat or text completion: its usage, if reported, and its finish."""
    usage = body.get("usage") or {}
    yield Usage(usage.get("prompt_tokens"), usage.get("completion_tokens"))
    yield Finish(body["choices"][0].get("finish_reason"))
