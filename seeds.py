"""Seed files: a prompt and sentences to combine it with, turned into an endless sequence of prompts. Stdlib only."""

import logging
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SelectionMode = Literal["single-file", "all-files"]

HEADER = "### Prompt"
DELIMITER = "---"

_log = logging.getLogger(__name__)


class SeedError(Exception):
    """A seed file or folder can't be used. The message names the file and line."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt. `prompt_id` is `file#number`, where `number` is the sentence's, counted from 1."""

    prompt_id: str
    payload: str


@dataclass(frozen=True, slots=True)
class SeedFile:
    """The prompts of one file, each the file's prompt, an empty line, and one of its sentences."""

    name: str
    prompts: tuple[Prompt, ...]


class Prompts:
    """An endless sequence of prompts; the same seed gives the same sequence.

    `single-file` draws one file for the run and then a sentence per call; `all-files` draws the file per call, too.
    Sequences with the same seed and another `stream` (one per worker) use the same file but draw other sentences.
    With `cache_bust`, each payload ends in a unique line, so that no cache has an answer to it.
    """

    def __init__(
        self, files: list[SeedFile], mode: SelectionMode, seed: int, cache_bust: bool = False, stream: int = 0
    ) -> None:
        self._files = [random.Random(seed).choice(files)] if mode == "single-file" else files
        self._random = random.Random(f"{seed}/{stream}")
        self._cache_bust = cache_bust

    def __next__(self) -> Prompt:
        prompt = self._random.choice(self._random.choice(self._files).prompts)
        if not self._cache_bust:
            return prompt
        return Prompt(prompt.prompt_id, f"{prompt.payload}\n\n[{self._random.getrandbits(64):016x}]")


def read_folder(folder: Path) -> list[SeedFile]:
    """Return the seed files (`*.txt`) of a folder, sorted by name. Raises `SeedError`."""
    if not folder.is_dir():
        raise SeedError(f"{folder}: no such folder")
    files = [read_file(path) for path in sorted(folder.glob("*.txt"))]
    if not files:
        raise SeedError(f"{folder}: no seed file (*.txt) in this folder")
    return files


def read_file(path: Path) -> SeedFile:
    """Return a seed file's prompts. Raises `SeedError`."""
    lines = _lines(path)
    head = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if not lines or lines[head].strip() != HEADER:
        raise SeedError(f"{path}:{head + 1}: the first line must be '{HEADER}'")
    rest = lines[head + 1 :]
    if DELIMITER not in rest:
        raise SeedError(f"{path}:{len(lines)}: no line '{DELIMITER}' between the prompt and the sentences")
    cut = rest.index(DELIMITER)
    prompt = "\n".join(rest[:cut]).strip()
    if not prompt:
        raise SeedError(f"{path}:{head + 2}: no prompt between '{HEADER}' and '{DELIMITER}'")
    sentences = _sentences(path, rest[cut + 1 :], first_line=head + cut + 3)
    name = os.fsencode(path.name).decode("utf-8", "replace")  # Neither rows nor messages can hold other bytes.
    prompts = (Prompt(f"{name}#{number}", f"{prompt}\n\n{sentence}") for number, sentence in enumerate(sentences, 1))
    return SeedFile(name, tuple(prompts))


def _lines(path: Path) -> list[str]:
    if path.exists() and not path.is_file():
        raise SeedError(f"{path}: not a regular file")
    try:
        data = path.read_bytes()
        return [line.rstrip() for line in data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")]
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SeedError(f"{path}:{line}: not UTF-8 (byte {data[error.start]:#04x})") from error
    except OSError as error:
        raise SeedError(f"{path}: {error.strerror}") from error


def _sentences(path: Path, lines: list[str], first_line: int) -> list[str]:
    sentences: list[list[str]] = [[]]
    blanks = 0
    for number, line in enumerate(lines, first_line):
        if not line:
            blanks += 1
            continue
        if blanks and sentences[-1]:
            if blanks > 1:
                _log.warning("%s:%d: more than one blank line between two sentences", path, number - 1)
            sentences.append([])
        blanks = 0
        sentences[-1].append(line)
    if not sentences[-1]:
        raise SeedError(f"{path}:{first_line - 1}: no sentence after '{DELIMITER}'")
    return ["\n".join(sentence) for sentence in sentences]
