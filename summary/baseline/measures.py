"""What is compared between runs: each figure of `summary.registry`, in sections of the run's time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from summary import calls
from summary.comparison import sectioning
from summary.comparison.sectioning import Sectioned
from summary.gates.relative import COMPARED, samples_needed
from summary.gates.slo import Slo
from summary.goodput import met
from summary.registry import PERCENTILES, SAMPLES_NEEDED, Figure
from summary.vocabulary import Summary


@dataclass(frozen=True)
class Run:
    """A finished run, or a stage of one.

    name     its path, for people
    rows     its measured calls, in the order of their start
    summary  its summary; of a stage, the stage's
    facts    the content of PREFIX_run.json; {} if it is lost
    """

    name: str
    rows: pd.DataFrame
    summary: Summary
    facts: Summary

    @cached_property
    def successes(self) -> pd.DataFrame:
        return calls.of_successes(self.rows)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure, or one statistic of a distribution, by its name in conditions."""

    name: str
    figure: Figure
    statistic: str | None

    @property
    def samples_needed(self) -> int:
        """The values that a run needs to have the figure at all."""
        return SAMPLES_NEEDED.get(self.statistic or "", 1)

    @property
    def _fewest(self) -> int:
        """The values that each section needs."""
        return samples_needed(self.statistic) // sectioning.SECTIONS

    def of(self, run: Run, level: Slo | None) -> Sectioned | None:
        """Return the figure of a run; `None` if it has none, or too few samples. `level` is what calls should meet."""
        found = self._found(run, level)
        return found if found is not None and found.samples >= self.samples_needed else None

    def _found(self, run: Run, level: Slo | None) -> Sectioned | None:
        if self.statistic is None:
            return _SCALARS[self.figure.name](run, level, self._fewest)
        if self.figure.over == "gaps":
            return _of_gaps(run.summary.get(self.figure.name), self.statistic)
        values = calls.numbers(run.successes, self.figure.name).dropna().to_numpy(dtype=float)
        if self.statistic == "avg":
            return sectioning.of_values(values, np.mean, self._fewest)
        return sectioning.percentile(values, PERCENTILES[self.statistic] / 100, self._fewest)


def _of_gaps(distribution: Summary | None, statistic: str) -> Sectioned | None:
    """Return a statistic of all gaps, which rows don't have: without sections. Raises `summary.rows.finished.ODD` for
    what no run wrote."""
    value = (distribution or {}).get(statistic)
    if value is None or distribution is None:
        return None
    if isinstance(value, str):
        raise TypeError("a gap between reads must be a number, not a text")
    return Sectioned(float(value), int(distribution["gaps"]))


def _error_rate(run: Run, level: Slo | None, fewest: int) -> Sectioned | None:
    ended = _ended(run.rows)
    return sectioning.share(ended["outcome"].isin(calls.FAILED).to_numpy(), fewest)


def _attainment(run: Run, level: Slo | None, fewest: int) -> Sectioned | None:
    ended = _ended(run.rows)
    return sectioning.share(met(level, ended).to_numpy(), fewest) if level else None


def _throughput(run: Run, level: Slo | None, fewest: int) -> Sectioned | None:
    return _rate(run.rows, run.rows["outcome"] == "ok", fewest)


def _goodput(run: Run, level: Slo | None, fewest: int) -> Sectioned | None:
    return _rate(run.rows, met(level, run.rows), fewest) if level else None


def _tokens(run: Run, level: Slo | None, fewest: int) -> Sectioned | None:
    if not calls.is_reported(run.successes, "output_tokens"):
        return None
    return _rate(run.rows, calls.numbers(run.successes, "output_tokens").reindex(run.rows.index), fewest)


def _ended(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["outcome"] != "aborted"]


def _rate(rows: pd.DataFrame, amounts: "pd.Series[Any]", fewest: int) -> Sectioned | None:
    """Return an amount per second from the first send to the last end, as in `summary.calls`."""
    is_sent = ~rows["outcome"].isin(("aborted", "dropped"))
    start_s, end_s = rows.loc[is_sent, "start_s"], (rows["start_s"] + rows["latency_s"])[is_sent]
    if not is_sent.any() or end_s.isna().all():
        return None
    found = amounts[is_sent].fillna(0).to_numpy(dtype=float)
    return sectioning.rate(found, end_s.to_numpy(dtype=float), (float(start_s.min()), float(end_s.max())), fewest)


_SCALARS: dict[str, Callable[[Run, Slo | None, int], Sectioned | None]] = {
    "error_rate": _error_rate,
    "throughput_rps": _throughput,
    "slo_attainment": _attainment,
    "goodput_rps": _goodput,
    "output_tokens_per_s": _tokens,
}
MEASURES = tuple(Measure(name, subject.figure, subject.statistic) for name, subject in COMPARED.items())
OF_GAPS = tuple(measure for measure in MEASURES if measure.figure.over == "gaps")
"""Those that are read from a summary instead of computed from rows."""
