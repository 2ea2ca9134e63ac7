"""The text of a file of prompts, and what is wrong with one. Stdlib only."""

import stat
from pathlib import Path

LARGEST_BYTES = 2**30


class SeedError(Exception):
    """A file or folder of prompts can't be used. The message names the file and line."""


class Wrong(Exception):
    """What is wrong with one line of a file, for a `SeedError`."""


def text_of(path: Path) -> str:
    """Return a file's text with LF line ends and without a BOM. Raises `SeedError`."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SeedError(f"{path}: not a regular file")
        if found.st_size > LARGEST_BYTES:
            raise SeedError(f"{path}: larger than 1 GiB")
        data = path.read_bytes()
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SeedError(f"{path}:{line}: not UTF-8 (byte {data[error.start]:#04x})") from error
    except OSError as error:
        raise SeedError(f"{path}: {error.strerror}") from error
