"""What a run with --against says of its target and its baseline."""

import pandas as pd

from summary.comparison import sides
from summary.comparison.difference import differences
from summary.comparison.error_rates import error_rates
from summary.comparison.pairs import Pairs, numbers_of, whole
from summary.comparison.prompt_sizes import by_prompt_size
from summary.registry import NAMED, used
from summary.vocabulary import Summary


def against(rows: pd.DataFrame, run: Summary) -> Summary:
    """Return `against` as an entry of the summary, from the measured rows of both sides; {} for a run of one side.

    is_target_itself  both sides are asked alike (A against A): the differences show what chance and the client do
    pairs             all pairs of which at least one call has a row
    incomplete_pairs  one call has no row, or was aborted
    failed_pairs      of the others, those in which a call failed: they are in no difference
    unequal_pairs     of the rest, those whose answers differ in output tokens
    warm_pairs        of the rest, those in which neither call opened a connection
    connections       which pairs `difference` is over: warm, or cold if most pairs are
    opened            how many connections each side opened in the pairs of `difference`
    difference        see `summary.comparison.difference`; by figure
    cold              the same over the cold pairs, if `difference` is over the warm ones
    equal_output      the latency's difference over the pairs of equal output tokens
    by_prompt_size    see `summary.comparison.prompt_sizes`
    error_rate        see `summary.comparison.error_rates`
    baseline          the baseline's own figures
    """
    if not sides.are_in(rows):
        return {}
    pairs = whole(rows)
    count = int(numbers_of(rows).nunique())
    return {
        "against": {
            "is_target_itself": _is_target_itself(run),
            "pairs": count,
            "failed_pairs": int(pairs.has_failed.sum()),
            "incomplete_pairs": count - len(pairs),
            **_of_successes(pairs.where(~pairs.has_failed)),
            "error_rate": error_rates(pairs),
            "baseline": sides.figures_of_baseline(rows),
        }
    }


def _is_target_itself(run: Summary) -> bool:
    options = run.get("options") or {}
    target, baseline = {**options, **run}, options.get("against") or {}
    return bool(baseline) and all(target.get(name) == value for name, value in baseline.items())


def _of_successes(pairs: Pairs) -> Summary:
    warm, cold = pairs.where(pairs.is_warm), pairs.where(~pairs.is_warm)
    mainly_warm = len(warm) >= len(cold)
    compared = warm if mainly_warm else cold
    return {
        "unequal_pairs": int(pairs.has_unequal_output.sum()),
        "warm_pairs": len(warm),
        "connections": "warm" if mainly_warm else "cold",
        "opened": compared.opened,
        "difference": differences(compared, used("difference")),
        "cold": differences(cold, used("difference")) if mainly_warm else {},
        "equal_output": differences(compared.where(compared.has_equal_output), [NAMED["latency_s"]]),
        "by_prompt_size": by_prompt_size(compared),
    }
