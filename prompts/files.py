"""Files and folders of prompts. Stdlib only."""

import hashlib
import json
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prompts import tables
from providers.prompt import Prompt
from seeds import SeedError, line_prompts, name_of, seed_prompts

TEXT = ".txt"
SUFFIXES = (TEXT, *tables.READERS)
PATTERNS = ", ".join(f"*{suffix}" for suffix in SUFFIXES)


@dataclass(frozen=True)
class SeedFile:
    """The prompts of one file."""

    name: str
    prompts: tuple[Prompt, ...]

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of a JSON line for each prompt: its id, system, turns, limit and time."""
        return _hashed(_fields(prompt) for prompt in self.prompts)


def read(place: Path, lines: bool = False) -> list[SeedFile]:
    """Return the prompts of a file, or of all such files in a folder, sorted by name. Raises `SeedError`.

    lines  whether each line of a text file is a prompt, rather than the file a seed file
    """
    try:
        paths = _files_in(place) if stat.S_ISDIR(place.stat().st_mode) else [place]
    except FileNotFoundError:
        raise SeedError(f"{place}: no such file or folder") from None
    except OSError as error:
        raise SeedError(f"{place}: {error.strerror}") from error
    if lines and not any(_suffix(path) == TEXT for path in paths):
        raise SeedError(f"{place}: --plain is for text files (*{TEXT}), and there is none")
    return [read_file(path, lines) for path in paths]


def read_file(path: Path, lines: bool = False) -> SeedFile:
    """Return a file's prompts. Raises `SeedError`."""
    if _suffix(path) not in SUFFIXES:
        raise SeedError(f"{path}: not a file of prompts ({PATTERNS})")
    prompts = tuple(_reader(path, lines)(path))
    if not prompts:
        raise SeedError(f"{path}:1: no prompt in this file")
    return SeedFile(name_of(path), prompts)


def sha256(files: Iterable[SeedFile]) -> str:
    """Return a hash of the files' names and prompts as read: the SHA-256 of a JSON line for each file, with its name
    and hash, in the order of the names. What is read alike (line ends, a BOM) has the same hash."""
    return _hashed(sorted([file.name, file.sha256] for file in files))


def _fields(prompt: Prompt) -> list[object]:
    return [prompt.prompt_id, prompt.system, prompt.turns, prompt.max_tokens, prompt.at_s]


def _hashed(records: Iterable[list[object]]) -> str:
    whole = hashlib.sha256()
    for record in records:
        whole.update(json.dumps(record).encode() + b"\n")
    return whole.hexdigest()


def _reader(path: Path, lines: bool) -> Callable[[Path], Iterator[Prompt]]:
    if _suffix(path) != TEXT:
        return tables.table_prompts
    return line_prompts if lines else seed_prompts


def _files_in(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if _suffix(path) in SUFFIXES and path.name[0] != ".")
    if not found:
        raise SeedError(f"{folder}: no seed file ({PATTERNS}) in this folder")
    return found


def _suffix(path: Path) -> str:
    return path.suffix.lower()
