"""Where things lie. What is installed or generated goes below one folder that git ignores."""

from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
INSTALLED = PROJECT / ".interop"
RUN = INSTALLED / "run"
