"""Confidence intervals of the difference between runs whose calls depend on each other: sectioning.

Calls of one run are not independent, so tests over rows (Mann-Whitney, a bootstrap of rows) find differences between
two runs of the same server: of AR(1) log-latencies with a correlation of 0.9, in over half of all trials. Here a run is
cut into 10 sections of its time. The estimate comes from all its calls, and its variance from how far each section's
own estimate is from it: Asmussen & Glynn, Stochastic Simulation, III.5. Sections are long, so they hardly depend on
each other, whatever neighbouring calls do; Student's t allows for there being only 10. In simulations 10 sections keep
to 5 % false alarms (20 sections, or a bootstrap of 20 blocks: up to 10 %), without random numbers: see
tests/simulations/test_sectioning.py.

A percentile at which values lie in two groups (cache hits and misses, half each, at the median) jumps from one group to
the other by chance, mostly in all sections at once: sectioning alone takes equal runs for different ones in half of all
trials. So the interval also contains what the percentile can be, given how far the share of values below it may be off:
Woodruff, JASA 47 (1952), with that share's variance from sections, but at least that of independent calls; combined for
two runs as by Zou & Donner, Statistics in Medicine 27 (2008).

With several runs on a side, the unit is the run: Student's t over the runs' own estimates, with one spread for both
sides, and never less than the calls' own. It contains what differs between runs besides their calls. A hierarchical
bootstrap would resample so few runs that it finds differences too often: about 7 % with three runs on each side,
10 % with two and 17 % with one against three, where this finds 4 to 5 %.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from summary.comparison.bootstrap import t_975
from summary.comparison.intervals import Ends

SECTIONS = 10

Scale = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Sectioned:
    """A figure of one run.

    whole           over all its calls
    samples         how many values it is of
    parts           in each section; empty if they would have too few values
    least_variance  what the variance of `whole` is at least, whatever the sections say
    ends            of a percentile, the values between which it is, whatever the sections say
    """

    whole: float
    samples: int
    parts: tuple[float, ...] = ()
    least_variance: float = 0.0
    ends: Ends | None = None


def of_values(values: np.ndarray, statistic: Callable[[np.ndarray], float], fewest: int) -> Sectioned | None:
    """Return a statistic of values in the order of their calls' start; `None` without values.

    fewest  the values that each section needs
    """
    if not len(values):
        return None
    parts = np.array_split(values, SECTIONS) if len(values) >= SECTIONS * fewest else []
    return Sectioned(float(statistic(values)), len(values), tuple(float(statistic(part)) for part in parts))


def percentile(values: np.ndarray, below: float, fewest: int) -> Sectioned | None:
    """Return a percentile, likewise; `below` is 0.95 for p95."""
    found = of_values(values, partial(np.quantile, q=below), fewest)
    if found is None or not found.parts:
        return found
    shares = [np.mean(part <= found.whole) for part in np.array_split(values, SECTIONS)]
    variance = max(np.var(shares, ddof=1) / SECTIONS, below * (1 - below) / len(values))
    half = t_975(np.inf) * np.sqrt(variance)
    lower = max(0, int(np.floor((below - half) * len(values))) - 1)
    upper = min(len(values) - 1, int(np.ceil((below + half) * len(values))))
    ordered = np.partition(values, (lower, upper))
    return replace(found, ends=(float(ordered[lower]), float(ordered[upper])))


def share(is_one: np.ndarray, fewest: int) -> Sectioned | None:
    """Return the share of calls, in the order of their start, of which something is true.

    The variance is at least that of independent calls, with one more of each kind: a few failures in sections of their
    own prove little (Agresti & Caffo, The American Statistician 54, 2000).
    """
    found = of_values(is_one.astype(float), np.mean, fewest)
    if found is None:
        return None
    smoothed = (is_one.sum() + 1) / (len(is_one) + 2)
    least_variance = float(smoothed * (1 - smoothed) / (len(is_one) + 2))
    return Sectioned(found.whole, found.samples, found.parts, least_variance)


def rate(amounts: np.ndarray, at_s: np.ndarray, span_s: Ends, fewest: int) -> Sectioned | None:
    """Return an amount per second over a run's time, of which the sections are equal parts.

    amounts  what each call adds, at the time `at_s` of its end
    span_s   the run's first send and last end
    """
    duration_s = span_s[1] - span_s[0]
    if not len(amounts) or duration_s <= 0:
        return None
    parts = np.histogram(at_s, SECTIONS, span_s, weights=amounts)[0] * SECTIONS / duration_s
    is_enough = len(amounts) >= SECTIONS * fewest
    return Sectioned(float(amounts.sum() / duration_s), len(amounts), tuple(parts) if is_enough else ())


def difference(new: Sequence[Sectioned], old: Sequence[Sectioned]) -> tuple[float, Ends | None]:
    """Return new - old in the figure's unit, with its 95 % confidence interval, or `None` if there is too little to
    find one."""
    return _difference(new, old, lambda values: values)


def difference_of_shares(new: Sequence[Sectioned], old: Sequence[Sectioned]) -> tuple[float, Ends | None]:
    """Return the same of shares, which can't differ by more than 1."""
    found, ends = difference(new, old)
    return found, ends and (max(-1.0, ends[0]), min(1.0, ends[1]))


def change(new: Sequence[Sectioned], old: Sequence[Sectioned]) -> tuple[float | None, Ends | None]:
    """Return new / old - 1 with its 95 % confidence interval, both from logarithms; `None` if a side is not positive.
    If a section is not, as when nothing ended in it, the interval is that of the difference, as a share of old."""
    if any(run.whole <= 0 for run in (*new, *old)):
        return None, None
    found, ends = _difference(new, old, np.log)
    if ends is None and (apart := difference(new, old)[1]):
        before = np.mean([run.whole for run in old])
        return float(np.expm1(found)), (float(apart[0] / before), float(apart[1] / before))
    return float(np.expm1(found)), ends and (float(np.expm1(ends[0])), float(np.expm1(ends[1])))


def _difference(new: Sequence[Sectioned], old: Sequence[Sectioned], scale: Scale) -> tuple[float, Ends | None]:
    sides = [scale(np.array([run.whole for run in side])) for side in (new, old)]
    found = float(sides[0].mean() - sides[1].mean())
    half = _of_runs(sides) if len(new) + len(old) > 2 else _of_sections(new[0], old[0], scale)
    if half is not None:
        half = max(half, t_975(np.inf) * np.sqrt(_least_variance(new, scale) + _least_variance(old, scale)))
    reach = _reach(new, old, scale), _reach(old, new, scale)
    if half is None or not np.isfinite(reach).all():
        return found, None
    return found, (found - max(half, reach[0]), found + max(half, reach[1]))


def _reach(lower: Sequence[Sectioned], upper: Sequence[Sectioned], scale: Scale) -> float:
    """Return how far a difference can be off because the first side is nearer its lower ends, and the second its upper
    ones."""
    return float(np.sqrt(_squares(lower, 0, scale) + _squares(upper, 1, scale)))


def _squares(side: Sequence[Sectioned], end: int, scale: Scale) -> float:
    with np.errstate(divide="ignore"):
        away = [scale(np.array([run.whole, run.ends[end]])) for run in side if run.ends]
    return float(sum((whole - other) ** 2 for whole, other in away) / len(side) ** 2)


def _of_runs(sides: Sequence[np.ndarray]) -> float:
    """Return half the interval's length from the spread of the runs on each side, which is taken to be the same."""
    freedom = sum(len(side) - 1 for side in sides)
    variance = sum(((side - side.mean()) ** 2).sum() for side in sides) / freedom
    return float(t_975(freedom) * np.sqrt(variance * sum(1 / len(side) for side in sides)))


def _of_sections(new: Sectioned, old: Sectioned, scale: Scale) -> float | None:
    """Return half the interval's length from the sections of one run each (Welch); `None` if there are none."""
    variances = np.array([_variance(run, scale) for run in (new, old)])
    if not np.isfinite(variances).all():
        return None
    variance = variances.sum()
    freedom = variance**2 / (variances**2 / (SECTIONS - 1)).sum() if variance else np.inf
    return float(t_975(freedom) * np.sqrt(variance))


def _least_variance(side: Sequence[Sectioned], scale: Scale) -> float:
    """Return the variance that the calls alone give a side's mean: runs that agree by luck prove no more."""
    return float(sum(np.nanmax([run.least_variance, _variance(run, scale)]) for run in side) / len(side) ** 2)


def _variance(run: Sectioned, scale: Scale) -> float:
    if not run.parts or (scale is np.log and min(run.parts) <= 0):
        return np.nan
    away = scale(np.array(run.parts)) - scale(np.array(run.whole))
    return float((away**2).sum() / (SECTIONS - 1) / SECTIONS)
