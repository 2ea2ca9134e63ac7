"""Text files: the project's own seed files, and plain lines. Stdlib only."""

import logging
from collections.abc import Iterator
from pathlib import Path

from providers.prompt import Prompt, said
from seeds.text import SeedError, text_of

HEADER = "### Prompt"
DELIMITER = "---"

_log = logging.getLogger(__name__)


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
        yield Prompt(f"{path.name}#{number}", said(f"{prompt}\n\n{sentence}"))


def line_prompts(path: Path) -> Iterator[Prompt]:
    """Yield a prompt per line that isn't empty. Raises `SeedError`."""
    lines = filter(None, map(str.strip, text_of(path).split("\n")))
    for number, line in enumerate(lines, 1):
        yield Prompt(f"{path.name}#{number}", said(line))


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
