"""OpenAI, and any endpoint that speaks its API. https://platform.openai.com/docs/api-reference"""

import os
import re
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from providers.answers import openai as answers
from providers.answers.content import number_asked
from providers.answers.reading import streamed, whole
from providers.answers.refusal import refused_in
from providers.base import FieldRefused, Provider
from providers.call import Answer
from providers.prompt import Prompt, flattened, messages
from providers.settings import API, Settings
from wire.exchange import Wire, current
from wire.httpx2_plug import client

_REASONING_MODEL = re.compile(r"(?:^|[/:])(?:o[1-9]\d*|gpt-(?:[5-9]|[12]\d))(?!\w)", re.IGNORECASE)
"""o1, o3-mini, GPT-5 and later, also with a gateway's prefix (`openai/gpt-5`) or fine-tuned (`ft:o3-mini:…`)."""

USAGE_FIELD = "stream_options"
WITH_USAGE = {USAGE_FIELD: {"include_usage": True}}
"""What makes a stream end with its token counts; some servers refuse it."""


class OpenAI(Provider):
    """Makes calls through openai's client; answers are read raw, at a tenth of the cost of its model objects.

    All fields are sent as `extra_body`, which the SDK passes through, and its required typed arguments are `omit`: it
    walks them in search of files to upload and aliases to replace, a quarter of a call's cost. The bytes sent are the
    same.
    """

    name = "openai"
    apis: ClassVar[tuple[API, ...]] = ("chat", "completions", "responses")
    key_variable = "OPENAI_API_KEY"
    secret_variables: ClassVar[tuple[str, ...]] = (
        "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "OPENAI_WEBHOOK_SECRET",
    )  # fmt: skip
    header_variables = ("OPENAI_CUSTOM_HEADERS",)
    packages = ("openai",)
    loggers = ("openai",)
    models_path: ClassVar[str | None] = "/models"
    model_is_typed = False
    """Whether the SDK itself needs the model, and not only the server."""
    has_reasoning_models = True
    """Whether models with such names are OpenAI's reasoning models, which refuse `max_tokens` in a chat."""

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        import openai

        return openai.OpenAI(
            base_url=settings.host, api_key=settings.api_key, max_retries=0, timeout=None, http_client=client(wire)
        )

    def __init__(self, settings: Settings, client: Any) -> None:
        from openai import omit

        super().__init__(settings, client)
        self.limit = self.limit_name(settings.api, settings.model)
        self.fields = {"model": settings.model, **sampling(settings, max_tokens=self.limit)}
        self.omit = omit
        self.model = settings.model if self.model_is_typed else omit
        self.usage: dict[str, Any] = WITH_USAGE
        self.read_stream = partial(answers.chat_stream, asked=choices_asked(settings))

    @classmethod
    def header_values(cls) -> dict[str, str | None]:
        return {name: os.environ.get(name) for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID")}

    @classmethod
    def limit_name(cls, api: API, model: str) -> str:
        """Return the name of `--max-tokens` in a request: OpenAI's reasoning models refuse the old one.

        https://platform.openai.com/docs/api-reference/chat/create#chat-create-max_tokens
        """
        if api == "responses":
            return "max_output_tokens"
        renamed = cls.has_reasoning_models and api == "chat" and _REASONING_MODEL.search(model)
        return "max_completion_tokens" if renamed else "max_tokens"

    def chat(self, prompt: Prompt) -> Answer:
        return whole(self._chat(prompt).content, answers.chat)

    def chat_stream(self, prompt: Prompt) -> Answer:
        return streamed(self._streaming(self._chat, prompt), self.read_stream)

    def completions(self, prompt: Prompt) -> Answer:
        return whole(self._completion(prompt).content, answers.chat)

    def completions_stream(self, prompt: Prompt) -> Answer:
        return streamed(self._streaming(self._completion, prompt), self.read_stream)

    def responses(self, prompt: Prompt) -> Answer:
        return whole(self._response(prompt).content, answers.response)

    def responses_stream(self, prompt: Prompt) -> Answer:
        return streamed(self._response(prompt, stream=True).http_response, answers.response_stream)

    def _streaming(self, create: Callable[..., Any], prompt: Prompt) -> Any:
        """Ask for a stream, with its token counts unless the server has refused that. The user's own fields stay.

        Raises `FieldRefused` at a first refusal.
        """
        usage = self.usage
        try:
            return create(prompt, stream=True, **usage).http_response
        except Exception as error:
            if not usage or USAGE_FIELD in self.settings.extra_body or refused_in(current()) != USAGE_FIELD:
                raise
            self.usage = {}
            raise FieldRefused(USAGE_FIELD) from error

    def _fields(self, prompt: Prompt) -> dict[str, Any]:
        """Return what all requests have in common, but with the prompt's own limit."""
        return {**self.fields, self.limit: prompt.max_tokens} if prompt.max_tokens else self.fields

    def _chat(self, prompt: Prompt, stream: bool = False, **more: Any) -> Any:
        fields = {"messages": messages(prompt), **self._fields(prompt), **more}
        return self.client.chat.completions.with_raw_response.create(
            messages=self.omit, model=self.model, extra_body=fields, stream=stream or self.omit
        )

    def _completion(self, prompt: Prompt, stream: bool = False, **more: Any) -> Any:
        fields = {"prompt": flattened(prompt), **self._fields(prompt), **more}
        return self.client.completions.with_raw_response.create(
            prompt=self.omit, model=self.model, extra_body=fields, stream=stream or self.omit
        )

    def _response(self, prompt: Prompt, stream: bool = False) -> Any:
        is_alone = len(prompt.turns) == 1 and not prompt.system
        fields = {"input": prompt.payload if is_alone else messages(prompt), **self._fields(prompt)}
        return self.client.responses.with_raw_response.create(
            input=self.omit, model=self.model, extra_body=fields, stream=stream or self.omit
        )


def choices_asked(settings: Settings) -> int | None:
    """Return how many choices a request asks for; `None` if the number is invalid."""
    return number_asked(settings.extra_body.get("n"))


def sampling(settings: Settings, max_tokens: str) -> dict[str, Any]:
    """Return the run's sampling options, with the token limit under the API's name for it, `max_tokens`."""
    asked = {"temperature": settings.temperature, max_tokens: settings.max_tokens}
    return {name: value for name, value in asked.items() if value is not None}
