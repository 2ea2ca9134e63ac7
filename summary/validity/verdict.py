"""The verdict: every finding, and the conclusion."""

from summary.validity import client, run, samples, server
from summary.validity.finding import present
from summary.vocabulary import Summary

DECISIVE = ("client", "run")


def verdict_on(summary: Summary) -> Summary:
    """Return the findings (see `summary.validity.finding`) and the conclusion.

    believable      no finding about the client or the run counts against the figures
    enough_samples  every percentile has the samples it needs
    """
    findings = [each for look in (samples, client, run, server) for each in look.findings(summary)]
    for each in findings:
        each["touches"] = present(summary, each["touches"])
    return {
        "believable": all(each["ok"] for each in findings if each["kind"] in DECISIVE),
        "enough_samples": all(each["ok"] for each in findings if each["kind"] == "samples"),
        "findings": findings,
    }


def no_figures(summary: Summary) -> str | None:
    """Return why a run has no figures to believe; `None` if a call succeeded."""
    calls, failed = summary.get("total_requests"), summary.get("failure_count")
    if calls is None or summary["success_count"]:
        return None
    if calls and calls == failed:
        return f"all {calls:,} calls failed" if calls > 1 else "the only call failed"
    return "no call succeeded" if calls else "no call was made"


def notes_on(figure: str, verdict: Summary | None) -> list[str]:
    """Return how the client affected a figure; each note completes "the client itself …"."""
    findings = (verdict or {}).get("findings", ())
    return [each["note"] for each in findings if figure in each.get("touches", ()) and each.get("note")]
