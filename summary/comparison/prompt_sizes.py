"""What the target adds to short, middling and long prompts: a proxy's cost often grows with the body."""

import numpy as np

from summary.comparison.difference import differences
from summary.comparison.pairs import Pairs
from summary.registry import NAMED
from summary.vocabulary import Summary

FIGURES = (NAMED["latency_s"], NAMED["ttft_s"])
MEASURES = {"prompt_characters": "characters", "input_tokens": "input tokens"}
"""What a prompt's size is measured by: the first one that the rows have."""


def by_prompt_size(pairs: Pairs) -> list[Summary] | None:
    """Return the differences for each third of the pairs by the size of their prompt: its unit, the least and the
    greatest size, and the figures. `None` if sizes are unknown or all the same."""
    column = next((name for name in MEASURES if not np.isnan(_sizes(pairs, name)).all()), None) if len(pairs) else None
    if column is None:
        return None
    sizes = _sizes(pairs, column)
    in_thirds = [is_in for is_in in (_thirds(sizes) == third for third in range(3)) if is_in.any()]
    found = [_of_third(pairs, sizes, is_in, MEASURES[column]) for is_in in in_thirds]
    return found if len(found) > 1 else None


def _of_third(pairs: Pairs, sizes: np.ndarray, is_wanted: np.ndarray, unit: str) -> Summary:
    of_third = sizes[is_wanted]
    return {
        "unit": unit,
        "from": int(of_third.min()),
        "to": int(of_third.max()),
        "pairs": int(is_wanted.sum()),
        "difference": differences(pairs.where(is_wanted), FIGURES),
    }


def _sizes(pairs: Pairs, column: str) -> np.ndarray:
    """Return each prompt's size; where the target doesn't report it, as the baseline does."""
    of_target, of_baseline = pairs.both(column)
    return np.where(np.isnan(of_target), of_baseline, of_target)


def _thirds(sizes: np.ndarray) -> np.ndarray:
    """Return 0, 1 or 2 for each size; prompts of one size are in one third. -1 where the size is unknown."""
    known = sizes[~np.isnan(sizes)]
    ends = np.percentile(known, [100 / 3, 200 / 3])
    return np.where(np.isnan(sizes), -1, np.searchsorted(ends, sizes, side="left"))
