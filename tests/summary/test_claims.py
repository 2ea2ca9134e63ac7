"""What servers said beside what was measured, worked out by hand; and what of it the verdict names."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.record.requests_csv import COLUMNS as ALL_COLUMNS
from summary.claims import cell
from summary.figures import summarise
from summary.render.render import as_csv, as_json, as_table
from summary.rows import blocks
from summary.rows.rows import concat, frame, read

COLUMNS = (
    "run_id", "request", "timestamp", "start_s", "latency_s", "response_bytes", "status", "outcome", "error", "prompt",
    "ttft_s", "head_s", "server_request_id", "server_says",
)  # fmt: skip
RUN_ID = "20260101T000000.000Z-abcdef"


def a_row(number: int, said: dict[str, Any] | str | None = None, **cells: Any) -> list[str]:
    """The row of a call that started at a second, and took half a second."""
    says = json.dumps(said) if isinstance(said, dict) else said
    usual = {
        "run_id": RUN_ID, "request": number, "timestamp": f"2026-01-01T00:00:{number % 60:02}.000Z", "start_s": number,
        "latency_s": 0.5, "response_bytes": 10, "status": 200, "outcome": "ok", "prompt": "p", "server_says": says,
    }  # fmt: skip
    return ["" if (value := {**usual, **cells}.get(name)) is None else str(value) for name in COLUMNS]


def summary(*rows: list[str], stream: bool = False) -> dict[str, Any]:
    return summarise(frame(COLUMNS, rows), {"stream": stream}, {})


def claims(*rows: list[str], stream: bool = False) -> dict[str, Any]:
    return dict(summary(*rows, stream=stream)["claims"])


def medians(span: dict[str, Any]) -> dict[str, Any]:
    return {name: span[name]["median"] for name in ("measured", "proxy", "provider", "unaccounted")}


@pytest.mark.parametrize(
    ("said", "proxy", "provider", "unaccounted"),
    [
        ({"proxy_s": 0.4, "overhead_s": 0.1}, 0.1, 0.3, 0.1),  # LiteLLM, MLflow
        ({"proxy_s": 0.4}, None, None, 0.1),  # LiteLLM where it doesn't know its overhead
        ({"proxy_s": 0.4, "server_s": 0.2}, None, 0.2, 0.1),
        ({"proxy_s": 0.4, "upstream_s": 0.35}, 0.05, 0.35, 0.1),
        ({"overhead_s": 0.1, "upstream_s": 0.3}, 0.1, 0.3, 0.1),  # Kong
        ({"upstream_s": 0.3}, None, 0.3, 0.2),  # Bifrost, Envoy
        ({"upstream_s": 0.3, "server_s": 0.25}, None, 0.3, 0.2),
        ({"server_s": 0.3}, None, 0.3, 0.2),  # OpenAI
        ({"server_total_s": 0.3, "queue_s": 0.1}, None, 0.4, 0.1),  # Groq
        ({"overhead_s": 0.4, "proxy_s": 0.4}, 0.4, 0.0, 0.1),  # a LiteLLM that took all of it for its own
    ],
)
def test_the_rest_is_unaccounted(said: dict[str, Any], proxy: Any, provider: Any, unaccounted: float) -> None:
    expected = {"measured": 0.5, "proxy": proxy, "provider": provider, "unaccounted": unaccounted}
    assert medians(claims(a_row(1, said))["latency_s"]) == pytest.approx(expected)


def test_an_overhead_alone_accounts_for_no_call() -> None:
    assert claims(a_row(1, {"overhead_s": 0.1, "cost_usd": 1}))["latency_s"] is None


def test_claims_are_subtracted_per_call_and_not_between_percentiles() -> None:
    """The slowest calls here are those that the provider claims the least of."""
    said_s, latencies_s = np.linspace(0.1, 0.9, 101), np.linspace(2, 1, 101)
    pairs = enumerate(zip(said_s, latencies_s, strict=True))
    span = claims(*(a_row(n, {"server_s": said}, latency_s=latency) for n, (said, latency) in pairs))["latency_s"]
    assert span["unaccounted"]["p95"] == pytest.approx(np.percentile(latencies_s - said_s, 95))
    assert span["unaccounted"]["p95"] > span["measured"]["p95"] - span["provider"]["p95"]
    assert [span[name]["samples"] for name in ("measured", "proxy", "provider", "unaccounted")] == [101, 0, 101, 101]


def test_a_streams_headers_speak_of_the_time_to_them() -> None:
    found = claims(a_row(1, {"server_s": 0.08}, head_s=0.1, ttft_s=0.3), stream=True)
    assert (found["latency_s"], found["ttft_s"]) == (None, None)
    assert medians(found["head_s"]) == pytest.approx(
        {"measured": 0.1, "proxy": None, "provider": 0.08, "unaccounted": 0.02}
    )


def test_a_streams_body_speaks_of_the_whole_and_of_its_first_token() -> None:
    said = {"server_total_s": 0.4, "server_ttft_s": 0.25, "overhead_s": 0.01, "upstream_s": 0.05}
    found = claims(a_row(1, said, head_s=0.1, ttft_s=0.3), stream=True)
    rests = {name: found[name]["unaccounted"]["median"] for name in ("latency_s", "head_s", "ttft_s")}
    assert rests == pytest.approx({"latency_s": 0.1, "head_s": 0.04, "ttft_s": 0.05})


def test_rows_without_their_run_show_by_themselves_whether_they_are_of_streams() -> None:
    rows = [a_row(1, {"server_s": 0.08}, head_s=0.1, ttft_s=0.3)]
    assert summarise(frame(COLUMNS, rows), {}, {})["claims"]["head_s"]["measured"]["median"] == 0.1


def test_only_successes_have_their_times_compared() -> None:
    failed = a_row(2, {"server_s": 0.1, "retries": 3}, outcome="failed", error="E: x", status=500)
    found = claims(a_row(1, {"server_s": 0.3}), failed)
    assert found["latency_s"]["measured"]["samples"] == 1
    assert (found["retried_calls"], found["retries"]) == (1, 3)


def finding(found: dict[str, Any], about: str) -> dict[str, Any] | None:
    return next((each for each in found["verdict"]["findings"] if each["about"] == about), None)


def some(number: int, of: int, **said: Any) -> list[list[str]]:
    return [a_row(n, said if n < number else None) for n in range(of)]


def test_the_verdict_names_a_cache_without_disbelieving_the_figures() -> None:
    found = finding(summary(*some(40, 100, cache_hit=True)), "cache")
    assert found is not None
    assert (found["ok"], found["kind"]) == (False, "server")
    assert found["says"].startswith(
        "40 % of the answers came from the proxy's cache: they did not measure the provider"
    )
    assert "latency_s" in found["touches"]


@pytest.mark.parametrize(
    ("about", "said", "begins"),
    [
        ("cache", {"cache_hit": True}, "2 of 100 answers came from the proxy's cache"),
        ("retries", {"retries": 2}, "2 of 100 calls were retried behind the proxy, 4 times in total"),
        ("fallbacks", {"fallbacks": 1}, "2 of 100 calls went to a fallback behind the proxy"),
        ("claims", {"server_s": 0.7}, "2 of 2 times that servers claim are longer than what was measured"),
    ],
)
def test_one_or_two_calls_are_only_a_remark(about: str, said: dict[str, Any], begins: str) -> None:
    few, many = (finding(summary(*some(count, 100, **said)), about) for count in (2, 3))
    assert few is not None
    assert many is not None
    assert few["says"].startswith(begins)
    assert (few["ok"], many["ok"]) == (True, False)


def test_a_proxy_that_did_none_of_this_is_not_mentioned() -> None:
    found = summary(*some(9, 9, cache_hit=False, retries=0, fallbacks=0, server_s=0.5004))
    assert [finding(found, about) for about in ("cache", "retries", "fallbacks", "claims")] == [None] * 4
    assert (found["claims"]["cache_hits"], found["claims"]["retries"]) == (0, 0)


def test_429s_are_counted_with_the_wait_that_they_ask_for() -> None:
    limited: dict[str, Any] = {"status": 429, "outcome": "failed", "error": "RateLimitError: slow"}
    found = summary(
        a_row(1, {"remaining_requests": 5, "remaining_tokens": 900}), a_row(2, {"retry_after_s": 2}, **limited),
        a_row(3, {"retry_after_s": 8, "remaining_requests": 0}, **limited), a_row(4, **limited),
        a_row(5, {"remaining_tokens": 700, "cost_usd": 0.25}), a_row(6, {"cost_usd": 0.5, "retry_after_s": 99}),
    )  # fmt: skip
    said = found["claims"]
    assert said["too_many_requests"] == {"count": 3, "retry_after_s": {"median": 5, "max": 8, "samples": 2}}
    assert said["lowest_remaining"] == {
        "requests": {"value": 0, "at": "2026-01-01T00:00:03.000Z"},
        "tokens": {"value": 700, "at": "2026-01-01T00:00:05.000Z"},
    }
    assert said["cost_usd"] == 0.75
    lines = " ".join(as_table(found).split())
    waits = "3; Retry-After: median 5.000 s, longest 8.000 s"
    for line in (waits, "0 at least, at 00:00:03.000Z", "0.75 USD, as the proxy"):
        assert line in lines


def test_the_table_has_the_claims_below_the_measured_time() -> None:
    rows = [a_row(n, {"proxy_s": 0.375, "overhead_s": 0.125}) for n in range(20)]
    table = as_table(summary(*rows, a_row(20, {"server_s": 0.75})))
    lines = [[part.strip() for part in line.split("│")[1:-1]] for line in table.splitlines() if line.startswith("│ ")]
    assert ["latency, measured, ms", "500", "500", "21"] in lines
    assert ["· claimed by the proxy", "125", "125", "20"] in lines
    assert ["· claimed for the provider", "250", "250", "21"] in lines
    assert ["· unaccounted", "125", "125", "21"] in lines


def test_a_claim_longer_than_the_call_is_shown_as_it_is() -> None:
    (line,) = (line for line in as_table(summary(a_row(1, {"server_s": 0.75}))).splitlines() if "unaccounted" in line)
    assert [part.strip() for part in line.split("│")[2:-1]] == ["-250", "-250*", "1"]


OLD = COLUMNS[: COLUMNS.index("head_s")]


def test_older_rows_and_silent_ones_have_no_claims() -> None:
    silent = [a_row(n) for n in range(3)]
    for found in (summary(*silent), summarise(frame(OLD, [row[: len(OLD)] for row in silent]), {}, {})):
        assert found["claims"] is None
        assert "What the servers say" not in as_table(found)


def test_older_rows_still_count_their_429s() -> None:
    row = a_row(1, status=429, outcome="failed", error="E: x")[: len(OLD)]
    found = summarise(frame(OLD, [row]), {}, {})
    assert found["claims"]["too_many_requests"] == {"count": 1, "retry_after_s": None}
    assert "none with a Retry-After" in as_table(found)


def test_csv_has_the_same_columns_for_every_run() -> None:
    said = summary(a_row(1, {"server_s": 0.3, "remaining_tokens": 7}))
    (head, cells), (other, _) = (csv.reader(io.StringIO(as_csv(each))) for each in (said, summary(a_row(1))))
    assert head == other
    found = dict(zip(head, cells, strict=True))
    assert float(found["claims.latency_s.unaccounted.median"]) == pytest.approx(0.2)
    assert found["claims.lowest_remaining.tokens.value"] == "7"
    assert json.loads(as_json(said))["claims"]["latency_s"]["longer"] == 0


DAMAGED = ("{", "[1]", "7", "null", '{"server_s": 0.1}},{"a": 1', '{"server_s": "x"}', '{"server_s": -1}', "nonsense")
HUGE = ('{"server_s": 1e400}', f'{{"server_s": {10**400}}}', '{"server_s": [0.1]}', '{"server_s": null}')


@pytest.mark.parametrize("text", [*DAMAGED, *HUGE])
def test_a_damaged_cell_says_nothing_and_spoils_no_other(text: str) -> None:
    found = claims(a_row(1, {"server_s": 0.3}), a_row(2, text))
    assert found["latency_s"]["provider"] == {"median": 0.3, "p95": 0.3, "samples": 1}


def test_claims_need_not_be_in_every_block_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2000)
    rows = [a_row(n, {"server_s": n / 1000} if 40 <= n < 80 else None, head_s=n / 100) for n in range(120)]
    path = tmp_path / "x_requests.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    table = read(path)
    said = cell.said(table, "server_s")
    assert said.dropna().tolist() == [n / 1000 for n in range(40, 80)]
    assert said.dropna().index.tolist() == list(range(40, 80))
    assert table["head_s"].tolist() == [n / 100 for n in range(120)]  # its checksum must not depend on the blocks


def test_rows_that_could_not_be_written_keep_their_claims() -> None:
    silent, said = frame(COLUMNS, [a_row(1)]), frame(COLUMNS, [a_row(2, {"server_s": 0.25})])
    for table in (concat(silent, said), concat(said, silent)):
        assert summarise(table, {"stream": False}, {})["claims"]["latency_s"]["provider"]["median"] == 0.25


def test_the_cells_name_is_that_of_the_rows_column() -> None:
    assert {cell.CELL, cell.HEAD} <= set(ALL_COLUMNS)
