"""Toy, a provider that exists only in a test. Its SDK is httpx2's client."""

from typing import Any

from providers.answers import toy as answers
from providers.answers.reading import streamed, whole
from providers.base import Provider
from providers.call import Answer
from providers.prompt import Prompt, flattened
from providers.settings import Settings
from wire.exchange import Wire
from wire.httpx2_plug import client


class Toy(Provider):
    """Posts each prompt as it is."""

    name = "toy"
    apis = ("chat",)
    key_variable = "TOY_API_KEY"
    secret_variables = ("TOY_TENANT_SECRET",)
    packages = ("h11",)
    loggers = ("toy",)

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        return client(wire)

    def __init__(self, settings: Settings, client: Any) -> None:
        super().__init__(settings, client)
        self.url, self.headers = f"{settings.host}/toy/talk", {"x-toy-key": settings.api_key or ""}

    def chat(self, prompt: Prompt) -> Answer:
        return whole(self._talk(prompt).content, answers.talk)

    def chat_stream(self, prompt: Prompt) -> Answer:
        return streamed(self._talk(prompt, stream=True), answers.talk_stream)

    def _talk(self, prompt: Prompt, **more: Any) -> Any:
        settings = self.settings
        asked = {"temperature": settings.temperature, "most": prompt.max_tokens or settings.max_tokens}
        given = {name: value for name, value in asked.items() if value is not None}
        fields = {"model": settings.model, "question": flattened(prompt), **given, **more}
        request = self.client.build_request("POST", self.url, headers=self.headers, json=fields)
        response = self.client.send(request, stream=bool(more))
        if response.is_error or response.is_redirect:
            response.read()
        return response.raise_for_status()
