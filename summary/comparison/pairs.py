"""The pairs of a run with --against: the same prompt to both sides, one right after the other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from summary.calls import FAILED, numbers
from summary.comparison import sides

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs in order of their start: the rows at one place of both tables are one pair."""

    target: pd.DataFrame
    baseline: pd.DataFrame

    def __len__(self) -> int:
        return len(self.target)

    def where(self, is_wanted: Flags) -> "Pairs":
        return Pairs(self.target[is_wanted], self.baseline[is_wanted])

    def both(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a column of both sides as numbers; NaN where it was not observed."""
        of_target, of_baseline = numbers(self.target, column), numbers(self.baseline, column)
        return of_target.to_numpy(dtype=float), of_baseline.to_numpy(dtype=float)

    @property
    def has_failed(self) -> Flags:
        """For each pair, whether either call failed."""
        return failures(self.target) | failures(self.baseline)

    @property
    def is_warm(self) -> Flags:
        """For each pair, whether neither call opened a connection."""
        return np.logical_not(_is_new(self.target) | _is_new(self.baseline))

    @property
    def opened(self) -> dict[str, int]:
        """How many calls of each side opened a connection."""
        return {"target": int(_is_new(self.target).sum()), "baseline": int(_is_new(self.baseline).sum())}

    @property
    def has_equal_output(self) -> Flags:
        """For each pair, whether both answers had the same number of output tokens."""
        of_target, of_baseline = self.both("output_tokens")
        return _flags(of_target == of_baseline)

    @property
    def has_unequal_output(self) -> Flags:
        of_target, of_baseline = self.both("output_tokens")
        return _flags((of_target != of_baseline) & ~np.isnan(of_target) & ~np.isnan(of_baseline))


def whole(rows: pd.DataFrame) -> Pairs:
    """Return the pairs whose calls both ended, well or not."""
    ended = rows[(rows["outcome"] != "aborted").to_numpy()]
    ended = ended.assign(pair=numbers_of(ended))
    of_target, of_baseline = _by_pair(sides.of_target(ended)), _by_pair(sides.of_baseline(ended))
    known = of_target.index.intersection(of_baseline.index)
    of_target, of_baseline = of_target.loc[known], of_baseline.loc[known]
    began_s = np.minimum(of_target["start_s"].to_numpy(dtype=float), of_baseline["start_s"].to_numpy(dtype=float))
    order = np.argsort(began_s, kind="stable")
    return Pairs(of_target.iloc[order], of_baseline.iloc[order])


def numbers_of(rows: pd.DataFrame) -> "pd.Series[Any]":
    """Return each row's pair, as a number. Each run numbers its pairs from 1, so in a file of several runs it is
    another number: else the target's call of one run would be paired with the baseline's of another."""
    if rows["run_id"].nunique(dropna=False) <= 1:
        return rows["pair"]
    return rows.groupby(["run_id", "pair"], dropna=False).ngroup()


def failures(rows: pd.DataFrame) -> Flags:
    """Return for each row whether its call failed or was dropped."""
    return _flags(rows["outcome"].isin(FAILED))


def _by_pair(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by their pair's number; of a damaged file's rows of the same number, the first."""
    return rows.drop_duplicates("pair").set_index("pair")


def _is_new(rows: pd.DataFrame) -> Flags:
    if "connection" not in rows:
        return np.zeros(len(rows), dtype=bool)
    return _flags(rows["connection"] == "new")


def _flags(values: Any) -> Flags:
    return np.asarray(values, dtype=bool)
