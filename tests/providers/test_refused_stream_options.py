"""Servers that refuse `stream_options`: the run goes on without it, and says so."""

import json
from typing import Any

import pytest
from gevent import sleep

from tests.asking import Asker
from tests.raw_server import Peer, Script, answer, serving

EXTRA = "Extra inputs are not permitted"
REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "param": ("400 Bad Request", {"error": {"message": EXTRA, "param": "stream_options"}}),
    "place": (
        "422 Unprocessable",
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": EXTRA}]},
    ),
    "words": ("400 Bad Request", {"error": {"message": "Unrecognized request argument supplied: stream_options"}}),
}
OTHER = {"error": {"message": "stream_options.include_usage must be a boolean", "param": "stream_options"}}

CHUNKS = (
    {"choices": [{"index": 0, "delta": {"content": "Hi"}, "text": "Hi", "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "text": "", "finish_reason": "stop"}]},
)
STREAM = answer(
    b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in CHUNKS) + b"data: [DONE]\n\n",
    "Content-Type: text/event-stream",
)

EVERY_REFUSAL = pytest.mark.parametrize("name", REFUSALS)


def refusing(status: str, body: dict[str, Any], good: bytes = STREAM) -> Script:
    """Refuse each request that has the field, in a whole answer, and answer the others."""
    refusal = answer(json.dumps(body).encode(), "Content-Type: application/json", status=status)

    def script(peer: Peer) -> None:
        while received := peer.request():
            peer.send(refusal if "stream_options" in json.loads(received.body) else good)

    return script


@EVERY_REFUSAL
@pytest.mark.parametrize("api", ["chat", "completions"])
def test_a_call_that_was_refused_for_it_is_made_again_without_it(name: str, api: str) -> None:
    with serving(refusing(*REFUSALS[name])) as server:
        asker = Asker("openai", server.url, api=api, stream=True)
        first, second = asker.ask(), asker.ask()
    assert [call.outcome for call in (first, second)] == ["ok", "ok"]
    assert ["stream_options" in json.loads(request.body) for request in server.requests] == [True, False, False]
    assert first.server_says == '{"stream_options_refused":true}'
    assert second.server_says is None
    assert len(asker.session.calls) == len(asker.events) == 2


def test_its_clock_starts_with_the_second_request() -> None:
    with serving(refusing(*REFUSALS["param"])) as server:
        asker = Asker("openai", server.url, stream=True)
        call = asker.ask()
    (exchange,) = asker.session.exchanges
    assert exchange.requests == 1
    assert (call.connection, call.connect_s) == ("new", None)  # the refused request opened it, before the clock
    assert call.start_s > 0
    assert call.ttft_s is not None
    assert call.ttft_s <= (call.latency_s or 0)


def test_the_wait_for_the_refusal_is_not_a_late_start() -> None:
    """A call made again is due when the refusal has come."""
    waited_s = 0.2

    def slow(peer: Peer) -> None:
        peer.request()
        sleep(waited_s)
        peer.send(answer(json.dumps(REFUSALS["param"][1]).encode(), status="400 Bad Request"))
        peer.request()
        peer.send(STREAM)

    with serving(slow) as server:
        asker = Asker("openai", server.url, stream=True)
        asker.session.scheduled_s = 0.0
        call = asker.ask()
    assert call.start_lag_s is not None
    assert call.start_s - call.start_lag_s > waited_s / 2
    assert (call.latency_from_schedule_s or 0) == pytest.approx(call.start_lag_s + (call.latency_s or 0))


def test_it_is_made_again_in_what_is_left_of_its_timeout() -> None:
    """A run's end waits for one timeout, not for two."""

    def slow(peer: Peer) -> None:
        peer.request()
        sleep(0.3)
        peer.send(answer(json.dumps(REFUSALS["param"][1]).encode(), status="400 Bad Request"))
        peer.request()
        sleep(5)

    with serving(slow) as server:
        call = Asker("openai", server.url, stream=True, timeout_s=0.6).ask()
    assert call.outcome == "failed"
    assert "no complete answer within 0.6 s" in (call.error or "")
    assert (call.latency_s or 1) < 0.5


def test_a_refusal_that_stays_is_a_failure() -> None:
    status, body = REFUSALS["param"]
    refusal = answer(json.dumps(body).encode(), "Content-Type: application/json", status=status)
    with serving(refusing(status, body, good=refusal)) as server:
        call = Asker("openai", server.url, stream=True).ask()
    assert (call.outcome, call.status) == ("failed", 400)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [("400 Bad Request", OTHER), ("500 Oops", REFUSALS["param"][1])],
    ids=["another fault", "another status"],
)
def test_nothing_else_is_made_again(status: str, body: dict[str, Any]) -> None:
    with serving(refusing(status, body)) as server:
        call = Asker("openai", server.url, stream=True).ask()
    assert call.outcome == "failed"
    assert len(server.requests) == 1


def test_what_the_user_asked_for_stays() -> None:
    own = {"stream_options": {"include_usage": True}}
    with serving(refusing(*REFUSALS["param"])) as server:
        call = Asker("openai", server.url, stream=True, extra_body=own).ask()
    assert (call.outcome, len(server.requests)) == ("failed", 1)
