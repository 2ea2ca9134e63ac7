"""The two sides of a run with --against: its target, and the baseline that the target is compared with."""

import pandas as pd

from summary import calls, failures
from summary.vocabulary import Summary


def are_in(rows: pd.DataFrame) -> bool:
    return calls.is_reported(rows, "side")


def of_target(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the target's rows: all rows of a run without --against."""
    return rows[rows["side"] == "target"] if are_in(rows) else rows


def of_baseline(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["side"] == "baseline"]


def first_calls(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the first call of each pair, to which its due time belongs: all rows of a run without --against."""
    return rows[calls.numbers(rows, "order") != 2] if are_in(rows) else rows


def figures_of_baseline(rows: pd.DataFrame) -> Summary:
    """Return the baseline's own counts, rates, distributions and failures, as the summary has them for the target."""
    rows = of_baseline(rows)
    return {
        **calls.counts(rows),
        **calls.rates(rows),
        **calls.times(rows),
        "too_few_samples": calls.too_few(rows),
        "failures": failures.grouped(failures.each(rows)),
    }
