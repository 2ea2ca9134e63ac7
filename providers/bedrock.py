"""AWS Bedrock. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from functools import cache, partial
from typing import Any

import orjson

from providers import aws_files, aws_servers, aws_tokens
from providers import bedrock_families as families
from providers.answers import converse, eventstream, reading
from providers.answers.content import number_asked
from providers.answers.document import Event
from providers.base import Provider
from providers.call import Answer
from providers.prompt import Prompt
from providers.settings import DEFAULT_REGION, MOCK_HOST, Settings
from providers.token_servers import in_words
from wire.exchange import Wire, current
from wire.extra_body import patched_body
from wire.extra_headers import WithHeaders

SERVICE = "bedrock-runtime"

os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
"""Elsewhere than on EC2, a start without credentials would wait two seconds for an answer."""


class Bedrock(Provider):
    """Makes calls through boto3: `converse`, the same for all models, or `invoke_model`, which differs by family."""

    name = "aws-bedrock"
    key_variable = "AWS_BEARER_TOKEN_BEDROCK"
    secret_variables = (
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    )  # fmt: skip
    packages = ("boto3",)
    loggers = ("botocore", "boto3", "urllib3")
    signs = True

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        from wire.botocore_plug import plug

        if settings.api_key:
            wire = WithHeaders(wire, (("Authorization", f"Bearer {settings.api_key}"),))
        client = _client(settings)
        plug(client, wire, SERVICE)
        if settings.extra_body:
            client.meta.events.register(f"before-call.{SERVICE}", _merging(settings.extra_body))
        return client

    @classmethod
    def missing_key(cls) -> str | None:
        try:
            if _credentials():
                return None
        except Exception as error:  # botocore's own, and whatever a file, a command or a login of the user's raises
            return f"boto3 can't get the AWS credentials: {in_words(error)}"
        return (
            f"no AWS credentials for {cls.name}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            f"{cls.key_variable}, or -k"
        )

    @classmethod
    def header_values(cls) -> dict[str, str | None]:
        access_key, _, token = _found_credentials() or (None, None, None)
        return {"AWS_ACCESS_KEY_ID": access_key, "AWS_SESSION_TOKEN": token}

    @staticmethod
    def credentials() -> Iterator[str | None]:
        yield from _found_credentials()
        yield from aws_files.secrets()

    @staticmethod
    def hear_secrets(listener: Callable[[str], None]) -> None:
        aws_tokens.listeners.add(listener)

    def __init__(self, settings: Settings, client: Any) -> None:
        super().__init__(settings, client)
        asked = {"temperature": settings.temperature, "maxTokens": settings.max_tokens}
        self.limits = {name: value for name, value in asked.items() if value is not None}
        self.family = families.of(settings.model)
        number = settings.extra_body.get("n", settings.extra_body.get("num_generations"))  # the latter is Cohere's
        self.read_stream = partial(self.family.answer_stream, asked=number_asked(number))

    def chat(self, prompt: Prompt) -> Answer:
        self.client.converse(**self._conversation(prompt))
        return reading.whole(current().unread.content.decode(), converse.message)

    def chat_stream(self, prompt: Prompt) -> Answer:
        self.client.converse_stream(**self._conversation(prompt))
        return self._streamed(
            "ConverseStream", lambda events: reading.quick_stream(events, converse.checked_stream, reading.FRAMES)
        )

    def completions(self, prompt: Prompt) -> Answer:
        answer = self.client.invoke_model(**self._invocation(prompt))
        return self.family.answer(answer["body"].read(), answer["ResponseMetadata"]["HTTPHeaders"])

    def completions_stream(self, prompt: Prompt) -> Answer:
        self.client.invoke_model_with_response_stream(**self._invocation(prompt))
        return self._streamed("InvokeModelWithResponseStream", self.read_stream)

    def _streamed(self, operation: str, read: Callable[[Iterable[Event]], Answer]) -> Answer:
        """Yield the parts that `read` makes of the call's event stream, as they arrive.

        botocore leaves the stream unread until its own reader is used, which costs twice as much per frame as this one.
        """
        known = self.client.meta.service_model.operation_model(operation).get_event_stream_output().members
        with closing(current().unread.raw) as raw:
            yield from read(eventstream.events(raw.pieces(), known))

    def _conversation(self, prompt: Prompt) -> dict[str, Any]:
        """Return the arguments of `converse`."""
        own_limit = {"maxTokens": prompt.max_tokens} if prompt.max_tokens else {}
        return {
            "messages": families.blocks(prompt),
            **({"system": [{"text": prompt.system}]} if prompt.system else {}),
            "modelId": self.settings.model,
            "inferenceConfig": self.limits | own_limit,
        }

    def _invocation(self, prompt: Prompt) -> dict[str, Any]:
        settings = self.settings
        body = self.family.request(prompt, settings.temperature, prompt.max_tokens or settings.max_tokens)
        return {"modelId": settings.model, "contentType": "application/json", "body": orjson.dumps(body)}


@cache
def aws_session() -> Any:
    """Return the process's only session: each one costs 160 ms and 8 MB."""
    from boto3 import Session

    aws_servers.set_bounds()
    session = Session()
    aws_tokens.listen_in(session.events)
    aws_tokens.listen_to_the_machine()
    return session


def _found_credentials() -> tuple[str | None, ...]:
    with suppress(Exception):  # `missing_key` says why, if they are needed
        return _credentials()
    return ()


def _credentials() -> tuple[str | None, ...]:
    """Return the key's id, the key and the session's token that requests are signed with now; none if there are none.
    Raises what boto3 raises."""
    found = aws_session().get_credentials()
    return tuple(found.get_frozen_credentials()[:3]) if found else ()


@cache
def _user_agent() -> str:
    """Return botocore's user agent for clients with a given address. A client that is told its user agent doesn't
    rebuild it for every request: a sixth of a call's cost."""
    config = _config(is_signed=True, user_agent=None)
    client = aws_session().client(SERVICE, endpoint_url=MOCK_HOST, region_name=DEFAULT_REGION, config=config)
    return str(client.meta.config.user_agent)


def _client(settings: Settings) -> Any:
    return aws_session().client(
        SERVICE,
        endpoint_url=settings.host + (f"?{settings.host_query}" if settings.host_query else ""),
        region_name=settings.region,
        config=_config(is_signed=not settings.api_key, user_agent=_user_agent()),
    )


def _merging(extra: dict[str, Any]) -> Callable[..., None]:
    """Return a handler that merges fields into a request's body after botocore has built it and before it is signed."""

    def before_call(params: dict[str, Any], **_: Any) -> None:
        params["body"] = patched_body(params["body"], extra)

    return before_call


def _config(is_signed: bool, user_agent: str | None) -> Any:
    """Return a configuration with a single attempt, and no signature if a bearer key replaces it."""
    from botocore import UNSIGNED
    from botocore.config import Config

    return Config(
        retries={"total_max_attempts": 1},
        signature_version=None if is_signed else UNSIGNED,
        parameter_validation=False,
        user_agent=user_agent,
    )
