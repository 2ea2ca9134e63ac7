"""Which prompt each call of a run sends. Stdlib only."""

import hashlib
from dataclasses import replace
from typing import Literal

from prompts.files import SeedFile
from providers.prompt import Prompt, Turn

SelectionMode = Literal["single-file", "all-files", "in-order"]


class Prompts:
    """The prompt of each call of a run, by the call's number: the same seed gives the same prompts.

    `single-file` draws one file for the run and then a sentence per call; `all-files` draws the file per call, too.
    `in-order` takes all prompts of all files one after the other, then again, whatever the seed: the first measured
    call takes the first, and the warm-up calls before it take the last ones.

    Draws with the same seed and another `stream` (one per worker, if each numbers its calls for itself) use the same
    file but other sentences. With `cache_bust`, each payload ends in a unique line, so that no cache has an answer to
    it. `system` is for prompts that have no system's text of their own.

    A conversation that is played counts as one prompt, and has a number of its own.
    """

    def __init__(
        self,
        files: list[SeedFile],
        mode: SelectionMode,
        seed: int,
        cache_bust: bool = False,
        stream: int = 0,
        warmup_calls: int = 0,
        system: str | None = None,
    ) -> None:
        self._files = [files[drawn(len(files), f"{seed}/file")]] if mode == "single-file" else files
        self._in_order = in_order(files) if mode == "in-order" else []
        self._key, self._warmup_calls = f"{seed}/{stream}", warmup_calls
        self._cache_bust, self._system = cache_bust, system

    def of_call(self, number: int) -> Prompt:
        """Return the prompt of a call, whose number counts from 1 and includes warm-up calls."""
        prompt = self._chosen(number)
        if not self._cache_bust:
            return prompt
        return replace(prompt, turns=(*prompt.turns[:-1], self._with_a_unique_line(prompt.turns[-1], str(number))))

    def of_conversation(self, number: int) -> Prompt:
        """Return the whole of a conversation to play, whose number counts from 1. All that the user says in it ends in
        a unique line with `cache_bust`."""
        prompt = self._chosen(number)
        if not self._cache_bust:
            return prompt
        numbered = enumerate(prompt.turns)
        return replace(prompt, turns=tuple(self._with_a_unique_line(turn, f"{number}/{at}") for at, turn in numbered))

    def _chosen(self, number: int) -> Prompt:
        prompt = self._next(number) if self._in_order else self._drawn(number)
        return replace(prompt, system=self._system) if self._system and not prompt.system else prompt

    def _with_a_unique_line(self, turn: Turn, place: str) -> Turn:
        if turn.role != "user":
            return turn
        line = f"[{_hashed(f'{self._key}/{place}/line'):016x}]"
        return turn._replace(text=f"{turn.text}\n\n{line}")

    def _next(self, number: int) -> Prompt:
        return self._in_order[(number - self._warmup_calls - 1) % len(self._in_order)]

    def _drawn(self, number: int) -> Prompt:
        file = self._files[drawn(len(self._files), f"{self._key}/{number}/file")]
        return file.prompts[drawn(len(file.prompts), f"{self._key}/{number}/sentence")]


def in_order(files: list[SeedFile]) -> list[Prompt]:
    """Return all prompts in the files' order; those that have a time, in the order of their times."""
    return sorted((prompt for file in files for prompt in file.prompts), key=lambda prompt: prompt.at_s or 0.0)


def drawn(count: int, key: str) -> int:
    """Return a number from 0 to `count` - 1 that depends on nothing but the key, in every version of this tool and of
    Python: the first 8 bytes of the key's SHA-256, as a fraction of 2^64, times `count`, rounded down."""
    return _hashed(key) * count >> 64


def _hashed(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
