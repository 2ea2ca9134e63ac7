"""Anthropic. https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/api/complete"""

from typing import Any

import httpx2

from providers.answers import anthropic as answers
from providers.answers.reading import Dialect, streamed, whole
from providers.base import Provider
from providers.call import Answer
from providers.prompt import Prompt, dialogue, turns
from providers.settings import DEMANDED_MAX_TOKENS, Settings
from wire.exchange import Wire
from wire.httpx2_plug import client

DIALECT = Dialect(only_named=True, has_done=False)
"""Both APIs refuse a request without a limit."""


class Anthropic(Provider):
    """Makes calls through anthropic's client; answers are read raw, and the prompt is sent as `extra_body`."""

    name = "anthropic"
    key_variable = "ANTHROPIC_API_KEY"
    secret_variables = (
        "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_WEBHOOK_SIGNING_KEY", "ANTHROPIC_WORKSPACE_ID",
    )  # fmt: skip
    header_variables = ("ANTHROPIC_CUSTOM_HEADERS",)
    packages = ("anthropic",)
    loggers = ("anthropic",)
    models_path = "/v1/models"

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        import anthropic

        return anthropic.Anthropic(
            base_url=settings.host,
            api_key=settings.api_key,
            max_retries=0,
            timeout=None,
            http_client=client(wire),
            open_telemetry=False,
        )

    def __init__(self, settings: Settings, client: Any) -> None:
        super().__init__(settings, client)
        temperature = settings.temperature
        self.options = {} if temperature is None else {"temperature": temperature}
        self.max_tokens = settings.max_tokens or DEMANDED_MAX_TOKENS

    def chat(self, prompt: Prompt) -> Answer:
        return whole(self._message(prompt).read(), answers.message)

    def chat_stream(self, prompt: Prompt) -> Answer:
        return streamed(self._message(prompt, stream=True).http_response, answers.message_stream, DIALECT)

    def completions(self, prompt: Prompt) -> Answer:
        return whole(self._completion(prompt).content, answers.completion)

    def completions_stream(self, prompt: Prompt) -> Answer:
        return streamed(self._completion(prompt, stream=True), answers.completion_stream, DIALECT)

    def _message(self, prompt: Prompt, **options: Any) -> Any:
        system = {"system": prompt.system} if prompt.system else {}
        return self.client.messages.with_raw_response.create(
            model=self.settings.model,
            max_tokens=prompt.max_tokens or self.max_tokens,
            messages=(),
            extra_body={**system, "messages": turns(prompt), **self.options},
            timeout=None,
            **options,
        )

    def _completion(self, prompt: Prompt, stream: bool = False) -> Any:
        """Call the Text Completions API through the SDK's public `post`: the SDK no longer has a method for it."""
        body = {
            "model": self.settings.model,
            "prompt": dialogue(prompt, user="Human"),
            "max_tokens_to_sample": prompt.max_tokens or self.max_tokens,
            **({"stream": True} if stream else {}),
            **self.options,
        }
        return self.client.post("/v1/complete", cast_to=httpx2.Response, body=body, stream=stream)
