"""From a request to its answer: the route, the model's tokens, the provider's format, and any fault asked for."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from random import Random

import orjson

from mock.ask import Ask
from mock.faults import FAULTS
from mock.formats import eventstream
from mock.formats.format import Format
from mock.formats.message import Answer, Headers, Json, Part, Request
from mock.formats.utterance import Speaker, Utterance
from mock.routes import nearest, route
from mock.stats import Stats
from mock.timing import Pace

RETRY_AFTER_S = 1
REDIRECT = "/redirected"


class RefusedError(Exception):
    """The request gets this status instead of what it asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Service:
    """All providers at once, each format on its own paths.

    Requests fail at once with probability `error_rate`, drawn from the seed. A request can ask for an error or a fault
    with `x-mock-status: 429` or `x-mock-fault: NAME` (see `mock.faults`), and with `x-mock-cached: N` for N of its
    tokens to be reported as cached.
    """

    def __init__(
        self,
        pace: Pace,
        seed: int | None = None,
        tokens: int = 64,
        error_rate: float = 0.0,
        error_status: int = 500,
        exact_tokens: bool = False,
    ) -> None:
        self.stats = Stats()
        self._speaker = Speaker(pace, tokens, exact_tokens, seed)
        self._random = Random(seed)
        self._error_rate = error_rate
        self._error_status = error_status

    def answer(self, request: Request) -> Answer:
        """Return the answer and count it. Its bytes are counted by the caller as it sends them (`stats.sent`)."""
        path = request.target.partition("?")[0]
        format, model = route(path) or (None, "")
        try:
            answer = self._serve(format, model, request)
        except RefusedError as refused:
            answer = refusal(format or nearest(path), refused.status, str(refused))
        self.stats.answered(format.name if format else "unknown", answer.status)
        return answer

    def _serve(self, format: Format | None, model: str, request: Request) -> Answer:
        if format is None:
            raise RefusedError(404, f"Unknown path: {request.target}")
        if request.method != "POST":
            raise RefusedError(405, f"Method {request.method} is not allowed here")
        self._refuse_at_will(request.headers)
        ask = read_ask(format, model, request)
        said = self._speaker.utter(ask)
        answer = stream_answer(format, ask, said) if ask.stream else plain_answer(format, ask, said)
        if fault := request.headers.get("x-mock-fault"):
            return spoiled(answer, fault, format, ask)
        self.stats.billed(said.input_tokens, said.output_tokens, ask.history_messages)
        return answer

    def _refuse_at_will(self, headers: Mapping[str, str]) -> None:
        status = header_number(headers, "x-mock-status", 200)
        if status == 200 and self._random.random() < self._error_rate:
            status = self._error_status
        if status == 200:
            return
        if not 300 <= status <= 599:
            raise RefusedError(400, f"x-mock-status: {status} is not between 300 and 599")
        raise RefusedError(status, f"The mock was asked for a {status}")


def read_ask(format: Format, model: str, request: Request) -> Ask:
    """Return what a request asks, from its path, body and headers."""
    body = read_json(request.body)
    return Ask(
        model=model or str(body.get("model", "mock")),
        body=body,
        stream=body.get("stream") is True if format.streams is None else format.streams,
        path=request.target.partition("?")[0],
        cached_tokens=header_number(request.headers, "x-mock-cached", 0),
        prompt_fields=format.prompt_fields,
        limit_fields=format.limit_fields,
    )


def read_json(body: bytes) -> Json:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, f"The body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise RefusedError(400, "The body is not a JSON object")
    return value


def header_number(headers: Mapping[str, str], name: str, default: int) -> int:
    value = headers.get(name, str(default))
    if not value.isdecimal():
        raise RefusedError(400, f"{name}: {value!r} is not a number")
    return int(value)


def plain_answer(format: Format, ask: Ask, said: Utterance) -> Answer:
    """Return the whole answer as one part, due with its last token."""
    body = orjson.dumps(format.plain(ask, said))
    headers = [*plain_headers(body), (format.id_header, said.id), *format.headers(ask, said)]
    return Answer(200, headers, [Part(said.last_s, body)])


def stream_answer(format: Format, ask: Ask, said: Utterance) -> Answer:
    """Return a part per event, each due with its token; a comment precedes the middle one."""
    parts = list(format.events(ask, said))
    middle = parts[len(parts) // 2]
    parts[len(parts) // 2] = replace(middle, data=format.comment + middle.data)
    headers = [("content-type", format.media_type), (format.id_header, said.id), *format.headers(ask, said)]
    return Answer(200, headers, parts)


def spoiled(answer: Answer, fault: str, format: Format, ask: Ask) -> Answer:
    """Return the answer with the fault in it; for `error-in-stream` on a plain answer, a 500."""
    if fault not in FAULTS:
        raise RefusedError(400, f"x-mock-fault: {fault!r} is not one of {', '.join(FAULTS)}")
    if fault == "error-in-stream" and not ask.stream:
        raise RefusedError(500, "The mock was asked for an error")
    if fault == "bad-crc" and format.media_type != eventstream.MEDIA_TYPE:
        raise RefusedError(400, "x-mock-fault: bad-crc is only for Bedrock's streams")
    return FAULTS[fault](answer, format.stream_error)


def refusal(format: Format, status: int, message: str) -> Answer:
    """Return an error in the provider's own shape, due at once."""
    headers, error = format.error(status, message)
    body = orjson.dumps(error)
    return Answer(status, [*plain_headers(body), *headers, *status_headers(status)], [Part(0.0, body)])


def plain_headers(body: bytes) -> Headers:
    return [("content-type", "application/json"), ("content-length", str(len(body)))]


def status_headers(status: int) -> Headers:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return [("retry-after", str(RETRY_AFTER_S))]
    return [("location", REDIRECT)] if 300 <= status < 400 else []
