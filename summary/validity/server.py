"""What the server, or a proxy in front of it, did: worth knowing, but no reason to disbelieve the figures."""

from collections.abc import Iterator
from typing import Any

from finishes import is_known
from summary.validity.finding import LATENCY, PACE, RATES, finding, is_many, listed, percent
from summary.vocabulary import CLAIM_SPANS, OTHER_REASONS, Summary

NEW_CONNECTIONS_LIMIT = 0.1
MOST_NAMED = 3


def findings(summary: Summary) -> Iterator[Summary]:
    for look in (_connections, _buffering, _no_content, _finish_reasons, _outages, _claims):
        yield from look(summary)


def _connections(summary: Summary) -> Iterator[Summary]:
    """Report new connections. Each call in flight needs one, so only those beyond the peak count."""
    new, calls = (summary["client"] or {}).get("new_connections"), summary["total_requests"]
    if new is None or not calls:
        return
    says = f"{new} opened for {calls} call{'s' if calls > 1 else ''}"
    spare = new - summary.get("peak_in_flight", 0)
    if is_many(spare, calls, NEW_CONNECTIONS_LIMIT):
        says = f"{says}: latency includes their set-up; --warmup opens them first"
        yield finding("connections", "server", False, says, (*LATENCY, "ttft_s", "ttfv_s"))
    else:
        yield finding("connections", "server", True, says)


def _buffering(summary: Summary) -> Iterator[Summary]:
    reads = summary.get("reads") or {}
    if not reads.get("unpaced"):
        return
    streams, one_piece, others = reads["streams"], reads["one_piece"], reads["unpaced"] - reads["one_piece"]
    counted = [f"{one_piece:,} of {streams:,} streams came in one piece"] if one_piece else []
    counted += [f"{others:,} of {streams:,} streams came in too few reads to show a pace"] if others else []
    says = ", ".join(counted)
    if is_many(reads["unpaced"], streams):
        says += ": the server or a proxy holds tokens back, so TTFT is late, and these have no TPOT and no ITL"
        yield finding("buffering", "server", False, says, PACE)
    else:
        yield finding("buffering", "server", True, says)


def _no_content(summary: Summary) -> Iterator[Summary]:
    if count := summary.get("no_content_count"):
        successes = summary["success_count"]
        says = f"{count:,} of {successes:,} successes have no content: no text, reasoning, tool call or refusal"
        yield finding("answers", "server", False, says, (*LATENCY, "success_count", "throughput_rps", "error_rate"))


def _finish_reasons(summary: Summary) -> Iterator[Summary]:
    """Name reasons that no API documents: their answers count as successes, which they may not be."""
    counts: dict[str, int] = summary.get("finish_reasons") or {}
    unknown = [reason for reason in counts if not is_known(reason) and reason != OTHER_REASONS]
    if unknown:
        names = [*unknown[:MOST_NAMED], *(["others"] if len(unknown) > MOST_NAMED else [])]
        count = sum(counts[reason] for reason in unknown)
        answers = f"{count:,} of {summary['success_count']:,} answers"
        says = f"{answers} ended for a reason that no API documents: {listed(names)}"
        yield finding("finish", "server", False, says)


def _outages(summary: Summary) -> Iterator[Summary]:
    outages = summary.get("outages") or []
    reported = [f"{each['count']} failures in a row, {each['start']} to {each['end']}" for each in outages[:MOST_NAMED]]
    if len(outages) > MOST_NAMED:
        reported.append(f"and {len(outages) - MOST_NAMED} more")
    if reported:
        yield finding("outage" if len(outages) == 1 else "outages", "server", False, "; ".join(reported))


def _claims(summary: Summary) -> Iterator[Summary]:
    """Report what servers say that they did."""
    for look in (_cache, _retries, _fallbacks, _refusals, _untrue):
        yield from look(summary)


def _cache(summary: Summary) -> Iterator[Summary]:
    """Report answers from a proxy's cache. The figures are right for the proxy's clients, so this is no reason to
    disbelieve them; but they are not the provider's."""
    if not (hits := _claimed(summary, "cache_hits")):
        return
    answers = summary["success_count"]
    if is_many(hits, answers):
        says = f"{percent(hits, answers)} of the answers came from the proxy's cache: they did not measure the provider"
        says += "; --cache-bust makes each prompt new"
        yield finding("cache", "server", False, says, (*LATENCY, *PACE, *RATES))
    else:
        yield finding("cache", "server", True, f"{hits:,} of {answers:,} answers came from the proxy's cache")


def _retries(summary: Summary) -> Iterator[Summary]:
    if calls := _claimed(summary, "retried_calls"):
        of = summary["total_requests"]
        retries = _claimed(summary, "retries")
        says = f"{calls:,} of {of:,} calls were retried behind the proxy, {retries:,} times in total"
        says += ": their times include the failed attempts"
        yield finding("retries", "server", not is_many(calls, of), says, (*LATENCY, *PACE, "error_rate"))


def _fallbacks(summary: Summary) -> Iterator[Summary]:
    if calls := _claimed(summary, "fallback_calls"):
        of = summary["total_requests"]
        says = (
            f"{calls:,} of {of:,} calls went to a fallback behind the proxy: another model or provider than the first"
        )
        yield finding("fallbacks", "server", not is_many(calls, of), says, (*LATENCY, *PACE, "error_rate"))


def _refusals(summary: Summary) -> Iterator[Summary]:
    """Report streams that could not be asked for their token counts."""
    if calls := _claimed(summary, "stream_options_refusals"):
        says = f"{calls:,} call{'s were' if calls > 1 else ' was'} made again without stream_options, which the server"
        yield finding("tokens", "server", True, f"{says} refuses: streams have the token counts that it sends unasked")


def _untrue(summary: Summary) -> Iterator[Summary]:
    """Report claimed times that can't be true."""
    spans = [span for name in CLAIM_SPANS if (span := _claimed(summary, name))]
    longer, of = sum(span["longer"] for span in spans), sum(span["measured"]["samples"] for span in spans)
    if longer:
        says = f"{longer:,} of {of:,} times that servers claim are longer than what was measured: they can't be true"
        yield finding("claims", "server", not is_many(longer, of), says)


def _claimed(summary: Summary, name: str) -> Any:
    return (summary.get("claims") or {}).get(name)
