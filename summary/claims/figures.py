"""The figures of what servers said: times beside the measured ones, caches, retries, costs and quotas."""

from http import HTTPStatus

import numpy as np
import pandas as pd

from summary import calls
from summary.cells import iso
from summary.claims.cell import HEAD, is_any_said, said
from summary.vocabulary import CLAIM_COUNTS, CLAIM_SHARES, CLAIM_SPANS, QUOTAS, Summary

ROUNDED_S = 0.001
"""Most claims are whole milliseconds."""


Times = dict[str, "pd.Series[float]"]


def claims(rows: pd.DataFrame, is_stream: bool) -> Summary | None:
    """Return what was said; `None` if nothing was, and no call was refused with a 429. Each part that nobody spoke of
    is `None`.

    latency_s, head_s, ttft_s  by the measured time that claims of successes speak of: see `_span`
    cache_hits                 successes that a proxy answered from its cache
    retried_calls, retries     calls that a proxy sent more than once, and how many times more in total
    fallback_calls             calls that a proxy sent on to another model or provider than the first
    stream_options_refusals    calls that were made again without that field
    cost_usd                   of all calls
    too_many_requests          see `_refusals`
    lowest_remaining           see `_lowest`
    """
    found: Summary = dict.fromkeys((*CLAIM_SPANS, *CLAIM_COUNTS, "too_many_requests", "lowest_remaining"))
    found["too_many_requests"] = _refusals(rows)
    if is_any_said(rows):
        found |= {**_spans(calls.of_successes(rows), is_stream), **_counts(rows), "lowest_remaining": _lowest(rows)}
    return found if any(value is not None for value in found.values()) else None


def _counts(rows: pd.DataFrame) -> Summary:
    return {
        "cache_hits": _count(calls.of_successes(rows), "cache_hit"),
        "retried_calls": _count(rows, "retries"),
        "retries": _total(rows, "retries", 0),
        "fallback_calls": _count(rows, "fallbacks"),
        "stream_options_refusals": _count(rows, "stream_options_refused"),
        "cost_usd": _total(rows, "cost_usd", 9),
    }


def _spans(successes: pd.DataFrame, is_stream: bool) -> dict[str, Summary | None]:
    """Return the times by what they speak of. A stream's headers are sent before its body, so they speak of the time
    to them; a field of the body speaks of the whole answer, or of its first token."""
    of_headers, of_body = _of_headers(successes), _of_provider(_of_body(successes))
    if is_stream:
        by_span = {"latency_s": of_body, HEAD: of_headers}
    else:
        by_span = {"latency_s": {name: of_headers[name].fillna(of_body[name]) for name in of_headers}}
    by_span["ttft_s"] = _of_provider(said(successes, "server_ttft_s"))
    return {
        name: _span(calls.numbers(successes, name), by_span[name]) if name in by_span else None for name in CLAIM_SPANS
    }


def _of_headers(rows: pd.DataFrame) -> Times:
    """Return the shares of proxy and provider, and their total. A share that is not claimed is the rest of the total,
    if that is."""
    whole, upstream = said(rows, "proxy_s"), said(rows, "upstream_s")
    proxy = said(rows, "overhead_s").fillna(whole - upstream)
    provider = upstream.fillna(whole - proxy).fillna(said(rows, "server_s"))
    return {"proxy": proxy, "provider": provider, "total": whole.fillna(provider + proxy.fillna(0))}


def _of_body(rows: pd.DataFrame) -> "pd.Series[float]":
    return said(rows, "server_total_s") + said(rows, "queue_s").fillna(0)


def _of_provider(provider: "pd.Series[float]") -> Times:
    return {"proxy": provider * np.nan, "provider": provider, "total": provider}


def _span(measured: "pd.Series[float]", claimed: Times) -> Summary | None:
    """Return the distributions of the shares, over the calls with a claimed total; each is subtracted per call.

    longer  calls whose claimed total is longer than what was measured, which can't be true
    """
    unaccounted = (measured - claimed["total"]).dropna()
    if unaccounted.empty:
        return None
    shares = {**claimed, "measured": measured, "unaccounted": unaccounted}
    return {
        **{name: _distribution(shares[name].loc[unaccounted.index]) for name in CLAIM_SHARES},
        "longer": int((unaccounted < -ROUNDED_S).sum()),
    }


def _distribution(values: "pd.Series[float]", top: str = "p95") -> Summary:
    found = calls.distribution_of(values)
    return {name: found[name] for name in ("median", top, "samples")}


def _count(rows: pd.DataFrame, key: str) -> int | None:
    """Count the calls with more than 0 under a key; `None` if no call has the key."""
    values = said(rows, key)
    return int((values > 0).sum()) if values.notna().any() else None


def _total(rows: pd.DataFrame, key: str, digits: int) -> float | None:
    values = said(rows, key)
    if not values.notna().any():
        return None
    return round(float(values.sum()), digits) if digits else int(values.sum())


def _refusals(rows: pd.DataFrame) -> Summary | None:
    """Count the calls that were refused with a 429; `retry_after_s` is the wait that these asked for."""
    refused = rows[calls.numbers(rows, "status") == HTTPStatus.TOO_MANY_REQUESTS]
    if refused.empty:
        return None
    asked = said(refused, "retry_after_s")
    return {"count": len(refused), "retry_after_s": _distribution(asked, "max") if asked.notna().any() else None}


def _lowest(rows: pd.DataFrame) -> Summary | None:
    """Return the lowest quota that remained, of each kind, and when the call that was told so began."""
    found: Summary = {}
    for quota in QUOTAS:
        remaining = said(rows, f"remaining_{quota}")
        if remaining.notna().any():
            at = pd.Timestamp(rows["timestamp"].to_numpy()[remaining.argmin()])
            found[quota] = {"value": int(remaining.min()), "at": iso(at)}
    return found or None
