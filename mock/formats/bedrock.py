"""Bedrock's converse and invoke: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

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


def _format(operation: str, path: str, plain: Any, events: Any, **more: Any) -> Format:
    """Return the format of an operation; those of a stream end in `stream`."""
    if streams := path.endswith("stream"):
        more |= {"media_type": eventstream.MEDIA_TYPE, "comment": b""}
    return Format(
        name=f"bedrock {operation}",
        path=re.compile(MODEL + path),
        plain=plain,
        events=events,
        error=error,
        stream_error=STREAM_ERROR,
        streams=streams,
        id_header="x-amzn-requestid",
        **more,
    )


FORMATS = (
    _format("converse", "/converse", converse, converse_events, near=re.compile("/model/.*")),
    _format("converse_stream", "/converse-stream", converse, converse_events),
    _format("invoke_model", "/invoke", invoke, invoke_events, headers=invoke_headers),
    _format(
        "invoke_model_with_response_stream",
        "/invoke-with-response-stream",
        invoke,
        invoke_events,
        headers=invoke_stream_headers,
    ),
)
