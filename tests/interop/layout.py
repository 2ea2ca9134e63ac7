"""Where things are. What is installed or generated goes into a folder that git ignores."""

from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
INSTALLED = PROJECT / ".interop"
RUN = INSTALLED / "run"
