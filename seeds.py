"""Seed files, and other text files: what is in them, and what is wrong with one."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from providers.prompt import Prompt, said

HEADER = "### Prompt"
DELIMITER = "---"
LARGEST_BYTES = 2**30

_log = logging.getLogger(__name__)


class SeedError(Exception):
    """A file or folder of prompts can't be used. The message names the file and line."""


class Wrong(Exception):
    """What is wrong with one line of a file, for a `SeedError`."""


def text_of(path: Path) -> str:
    """Return a file's text with LF line ends, whichever it has, and without a BOM. Raises `SeedError`."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SeedError(f"{path}: not a regular file")
        if found.st_size > LARGEST_BYTES:
            raise SeedError(f"{path}: larger than 1 GiB")
        data = path.read_bytes()
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        return text if "\n" in text else text.replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SeedError(f"{path}:{line}: not UTF-8 (byte {data[error.start]:#04x})") from error
    except OSError as error:
        raise SeedError(f"{path}: {error.strerror}") from error


def name_of(path: Path) -> str:
    """Return a file's name as rows and messages can hold it."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def seed_prompts(path: Path) -> Iterator[Prompt]:
    """Yield a seed file's prompts: the file's own, an empty line, and one of its sentences. Raises `SeedError`."""
    lines = [line.rstrip() for line in text_of(path).split("\n")]
    head = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines[head].strip() != HEADER:
        raise SeedError(f"{path}:{head + 1}: the first line must be '{HEADER}' (or use --plain: each line is a prompt)")
    rest = lines[head + 1 :]
    if DELIMITER not in rest:
        raise SeedError(f"{path}:{len(lines)}: no line '{DELIMITER}' between the prompt and the sentences")
    cut = rest.index(DELIMITER)
    prompt = "\n".join(rest[:cut]).strip()
    if not prompt:
        raise SeedError(f"{path}:{head + 2}: no prompt between '{HEADER}' and '{DELIMITER}'")
    for number, sentence in enumerate(_sentences(path, rest[cut + 1 :], first_line=head + cut + 3), 1):
        yield Prompt(f"{name_of(path)}#{number}", said(f"{prompt}\n\n{sentence}"))


def line_prompts(path: Path) -> Iterator[Prompt]:
    """Yield a prompt per line that isn't empty. Raises `SeedError`."""
    lines = filter(None, map(str.strip, text_of(path).split("\n")))
    for number, line in enumerate(lines, 1):
        yield Prompt(f"{name_of(path)}#{number}", said(line))


def _sentences(path: Path, lines: list[str], first_line: int) -> list[str]:
    sentences: list[list[str]] = [[]]
    blanks, wide = 0, list[int]()
    for number, line in enumerate(lines, first_line):
        if not line:
            blanks += 1
            continue
        if blanks and sentences[-1]:
            if blanks > 1:
                wide.append(number - 1)
            sentences.append([])
        blanks = 0
        sentences[-1].append(line)
    if wide:
        more = f" ({len(wide)} times)" if len(wide) > 1 else ""
        _log.warning("%s:%d: more than one blank line between two sentences%s", path, wide[0], more)
    if not sentences[-1]:
        raise SeedError(f"{path}:{first_line - 1}: no sentence after '{DELIMITER}'")
    return ["\n".join(sentence) for sentence in sentences]
