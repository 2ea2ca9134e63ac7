"""Where runs are, and what the files of one are called. Stdlib only."""

import os
from pathlib import Path

RESULTS = Path("results")
LATEST, NEWEST = RESULTS / "latest", RESULTS / "newest.json"
"""A link to the newest run in `RESULTS`, and a file that says where the newest one outside it is."""

CLAIM = "run.json"
MARKS = (
    "requests.csv", CLAIM, "summary.json", "stats.csv", "stats_history.csv", "failures.csv", "exceptions.csv",
)  # fmt: skip
"""What their names end in, after `PREFIX_`."""


def is_named_like_one(path: Path) -> bool:
    """Return whether a file's name is that of a run's, which can be alone: a copy, or of an older version."""
    return os.path.realpath(path).endswith(tuple(f"_{mark}" for mark in MARKS))


def is_of_a_run(path: Path) -> bool:
    """Return whether a run's `PREFIX_run.json` is beside the file, and its name is that of another of the run's."""
    place = Path(os.path.realpath(path))
    prefixes = [place.name.removesuffix(mark) for mark in MARKS if place.name.endswith(f"_{mark}")]
    return place.is_file() and any(place.with_name(prefix + CLAIM).is_file() for prefix in prefixes)
