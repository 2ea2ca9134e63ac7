"""Seed files: a prompt and sentences to combine it with, and which of them each call sends. Stdlib only."""

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

SelectionMode = Literal["single-file", "all-files", "in-order"]

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
    """The prompt of each call of a run, by the call's number: the same seed gives the same prompts.

    `single-file` draws one file for the run and then a sentence per call; `all-files` draws the file per call, too.
    `in-order` takes all sentences of all files one after the other, then again, whatever the seed: call 1 takes the
    first, and warm-up calls, which come before it, take the last ones.

    Draws with the same seed and another `stream` (one per worker, if each numbers its calls for itself) use the same
    file but other sentences. With `cache_bust`, each payload ends in a unique line, so that no cache has an answer to
    it.
    """

    def __init__(
        self,
        files: list[SeedFile],
        mode: SelectionMode,
        seed: int,
        cache_bust: bool = False,
        stream: int = 0,
        warmup_calls: int = 0,
    ) -> None:
        self._files = [files[drawn(len(files), f"{seed}/file")]] if mode == "single-file" else files
        self._in_order = [prompt for file in files for prompt in file.prompts] if mode == "in-order" else []
        self._key, self._warmup_calls = f"{seed}/{stream}", warmup_calls
        self._cache_bust = cache_bust

    def of_call(self, number: int) -> Prompt:
        """Return the prompt of a call, whose number counts from 1 and includes warm-up calls."""
        prompt = self._next(number) if self._in_order else self._drawn(number)
        if not self._cache_bust:
            return prompt
        return Prompt(prompt.prompt_id, f"{prompt.payload}\n\n[{_hashed(f'{self._key}/{number}/line'):016x}]")

    def _next(self, number: int) -> Prompt:
        return self._in_order[(number - self._warmup_calls - 1) % len(self._in_order)]

    def _drawn(self, number: int) -> Prompt:
        file = self._files[drawn(len(self._files), f"{self._key}/{number}/file")]
        return file.prompts[drawn(len(file.prompts), f"{self._key}/{number}/sentence")]


def drawn(count: int, key: str) -> int:
    """Return a number from 0 to `count` - 1 that depends on nothing but the key, in every version of this tool and of
    Python: the first 8 bytes of the key's SHA-256, as a fraction of 2^64, times `count`, rounded down."""
    return _hashed(key) * count >> 64


def _hashed(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


def sha256(files: Iterable[SeedFile]) -> str:
    """Return a hash of the files' names and prompts as read. Neither the order of the files nor what is read alike
    (line ends, a BOM) changes it."""
    whole = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        for record in (file.name, *map(astuple, file.prompts)):
            whole.update(json.dumps(record).encode() + b"\n")
    return whole.hexdigest()


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
    prompts = (
        Prompt(f"{path.name}#{number}", f"{prompt}\n\n{sentence}") for number, sentence in enumerate(sentences, 1)
    )
    return SeedFile(path.name, tuple(prompts))


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
