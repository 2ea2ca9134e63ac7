"""Bedrock's converse and invoke: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""

import re
from base64 import b64encode
from collections.abc import Iterator

import orjson

from mock.ask import Ask
from mock.formats import eventstream
from mock.formats.bedrock_families import family
from mock.formats.converse import converse, converse_timeline
from mock.formats.format import Format
from mock.formats.message import Headers, Json, Part
from mock.formats.utterance import Utterance

MODEL = r"/model/(?P<model>[^/]+)"
ERROR_TYPES = {
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    409: "ConflictException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


def converse_events(ask: Ask, said: Utterance) -> Iterator[Part]:
    """Yield a frame per event."""
    for at_s, name, payload in converse_timeline(said):
        yield Part(at_s, eventstream.event(name, payload))


def invoke(ask: Ask, said: Utterance) -> Json:
    """Return a whole answer, in the shape of the model's family."""
    return family(ask.model).plain(ask, said)


def invoke_events(ask: Ask, said: Utterance) -> Iterator[Part]:
    """Yield the family's chunks in base64; the last one carries Bedrock's own counts."""
    *chunks, (last_s, last) = family(ask.model).timeline(ask, said)
    for at_s, data in chunks:
        yield Part(at_s, chunk(data))
    yield Part(last_s, chunk({**last, "amazon-bedrock-invocationMetrics": invocation_metrics(said)}))


def chunk(data: Json) -> bytes:
    return eventstream.event("chunk", {"bytes": b64encode(orjson.dumps(data)).decode()})


def invocation_metrics(said: Utterance) -> Json:
    """Return token counts, and latencies in milliseconds."""
    return {
        "inputTokenCount": said.input_tokens,
        "outputTokenCount": said.output_tokens,
        "invocationLatency": round(said.last_s * 1000),
        "firstByteLatency": round(said.first_s * 1000),
    }


def invoke_headers(ask: Ask, said: Utterance) -> Headers:
    """Return the headers with which a plain invoke reports its counts, no matter what the family's body contains."""
    return [
        ("x-amzn-bedrock-input-token-count", str(said.input_tokens)),
        ("x-amzn-bedrock-output-token-count", str(said.output_tokens)),
        ("x-amzn-bedrock-invocation-latency", str(round(said.last_s * 1000))),
    ]


def invoke_stream_headers(ask: Ask, said: Utterance) -> Headers:
    return [("x-amzn-bedrock-content-type", "application/json")]


def error(status: int, message: str) -> tuple[Headers, Json]:
    """Return the error object, with the error's class in a header."""
    kind = ERROR_TYPES.get(status, "InternalServerException" if status >= 500 else "ValidationException")
    return [("x-amzn-errortype", kind)], {"message": message}


STREAM_ERROR = eventstream.exception("modelStreamErrorException", "The model failed while it was answering")


FORMATS = (
    Format(
        name="bedrock converse",
        path=re.compile(MODEL + "/converse"),
        plain=converse,
        events=converse_events,
        error=error,
        stream_error=STREAM_ERROR,
        streams=False,
        id_header="x-amzn-requestid",
    ),
    Format(
        name="bedrock converse_stream",
        path=re.compile(MODEL + "/converse-stream"),
        plain=converse,
        events=converse_events,
        error=error,
        stream_error=STREAM_ERROR,
        streams=True,
        media_type=eventstream.MEDIA_TYPE,
        comment=b"",
        id_header="x-amzn-requestid",
    ),
    Format(
        name="bedrock invoke_model",
        path=re.compile(MODEL + "/invoke"),
        plain=invoke,
        events=invoke_events,
        error=error,
        stream_error=STREAM_ERROR,
        streams=False,
        id_header="x-amzn-requestid",
        headers=invoke_headers,
    ),
    Format(
        name="bedrock invoke_model_with_response_stream",
        path=re.compile(MODEL + "/invoke-with-response-stream"),
        plain=invoke,
        events=invoke_events,
        error=error,
        stream_error=STREAM_ERROR,
        streams=True,
        media_type=eventstream.MEDIA_TYPE,
        comment=b"",
        id_header="x-amzn-requestid",
        headers=invoke_stream_headers,
    ),
)
