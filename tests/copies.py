"""Copies of the project: with the compiled files, or each would compile it anew."""

import shutil
import subprocess
from importlib.util import cache_from_source
from pathlib import Path

from tests.command_line import PROJECT

TRACKED = ("--cached",)
NOT_IGNORED = ("--cached", "--others", "--exclude-standard")


def copy_project(folder: Path, which: tuple[str, ...] = TRACKED) -> None:
    """Copy the project's files, as `git ls-files` lists them."""
    listed = subprocess.run(["git", "ls-files", "-z", *which], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        for path in (PROJECT / name, Path(cache_from_source(str(PROJECT / name)))):
            if path.is_file():
                copied = folder / path.relative_to(PROJECT)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copied)
