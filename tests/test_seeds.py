"""Seed files: what is read, what is refused and where, and which prompts they produce."""

from pathlib import Path
from typing import get_args

import pytest

from prompts.draws import Prompts, SelectionMode, drawn
from prompts.files import SeedFile, read, read_file, sha256
from providers.prompt import Prompt
from seeds import SeedError
from tests.command_line import PROJECT

MODES: tuple[SelectionMode, ...] = get_args(SelectionMode)
GOOD = "### Prompt\nExtract **all** of it.\n\n- as JSON\n---\nOne fact.\n\nTwo facts,\non two lines.\n"


def written(folder: Path, content: str | bytes, name: str = "facts.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_prompt_is_the_files_prompt_an_empty_line_and_one_sentence(tmp_path: Path) -> None:
    file = read_file(written(tmp_path, GOOD))
    assert [(prompt.prompt_id, prompt.payload) for prompt in file.prompts] == [
        ("facts.txt#1", "Extract **all** of it.\n\n- as JSON\n\nOne fact."),
        ("facts.txt#2", "Extract **all** of it.\n\n- as JSON\n\nTwo facts,\non two lines."),
    ]


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD + "\n\n\n",
        GOOD.rstrip("\n"),
        "\n" + GOOD,
        GOOD.replace("---\n", "---\n\n"),
    ],
    ids=[
        "CRLF",
        "CR",
        "BOM",
        "trailing blank lines",
        "no final line feed",
        "leading blank line",
        "blank after delimiter",
    ],
)
def test_harmless_differences_are_accepted(
    tmp_path: Path, content: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    plain = read_file(written(tmp_path, GOOD)).prompts
    assert read_file(written(tmp_path, content)).prompts == plain
    assert not caplog.records


def test_more_than_one_blank_line_is_accepted_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = read_file(written(tmp_path, GOOD.replace("One fact.\n\n", "One fact.\n\n\n")))
    assert len(file.prompts) == 2
    assert "facts.txt:8: more than one blank line" in caplog.text


def test_wide_gaps_in_a_file_are_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "facts.txt"
    path.write_text("### Prompt\nSay it again:\n---\n" + "One.\n\n\n" * 50 + "Two.\n")
    assert len(read_file(path).prompts) == 51
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}:6: more than one blank line between two sentences (50 times)"
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", ":1: the first line must be '### Prompt'"),
        ("\n\nPrompt\n---\nOne.\n", ":3: the first line must be '### Prompt'"),
        ("### Prompt\nExtract.\nOne.\n", ": no line '---'"),
        ("### Prompt\n\n---\nOne.\n", ":2: no prompt"),
        ("### Prompt\nExtract.\n---\n\n\n", ":3: no sentence"),
        (b"### Prompt\nExtract.\n---\nCaf\xe9.\n", ":4: not UTF-8 (byte 0xe9)"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path: Path, content: str | bytes, complaint: str) -> None:
    with pytest.raises(SeedError) as refused:
        read_file(written(tmp_path, content))
    assert str(refused.value).startswith(str(tmp_path / "facts.txt"))
    assert complaint in str(refused.value)


def test_a_file_name_that_is_not_utf_8_is_shown_as_text(tmp_path: Path) -> None:
    file = read_file(written(tmp_path, GOOD, "caf\udce9.txt"))
    assert (file.name, file.prompts[0].prompt_id) == ("caf\ufffd.txt", "caf\ufffd.txt#1")


def test_a_folder_without_seed_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="no seed file"):
        read(tmp_path)
    with pytest.raises(SeedError, match="no such file or folder"):
        read(tmp_path / "nowhere")


def two_files(folder: Path) -> list[SeedFile]:
    written(folder, GOOD, "a.txt")
    written(folder, GOOD, "b.txt")
    return read(folder)


def drawn_by(prompts: Prompts, calls: int) -> list[Prompt]:
    return [prompts.of_call(number) for number in range(1, calls + 1)]


def test_single_file_draws_one_file_for_the_run(tmp_path: Path) -> None:
    drawn = [prompt.prompt_id for prompt in drawn_by(Prompts(two_files(tmp_path), "single-file", seed=1), 50)]
    assert len({name.split("#")[0] for name in drawn}) == 1
    assert len(set(drawn)) == 2


def test_all_files_draws_a_file_for_each_call(tmp_path: Path) -> None:
    prompts = Prompts(two_files(tmp_path), "all-files", seed=1)
    assert {prompt.prompt_id.split("#")[0] for prompt in drawn_by(prompts, 50)} == {"a.txt", "b.txt"}


@pytest.mark.parametrize("mode", ["single-file", "all-files", "in-order"])
def test_the_same_seed_draws_the_same_prompts(tmp_path: Path, mode: SelectionMode) -> None:
    files = two_files(tmp_path)
    first, again = Prompts(files, mode, seed=7), Prompts(files, mode, seed=7)
    assert drawn_by(first, 20) == drawn_by(again, 20)


def test_cache_bust_makes_every_payload_unique_and_keeps_the_prompt(tmp_path: Path) -> None:
    prompts = Prompts(two_files(tmp_path), "single-file", seed=1, cache_bust=True)
    payloads = [prompt.payload for prompt in drawn_by(prompts, 100)]
    assert len(set(payloads)) == 100
    assert all(payload.startswith("Extract") for payload in payloads)


def test_the_shipped_files_are_many_and_varied() -> None:
    files = read(PROJECT / "unstructured_data")
    assert len(files) >= 5
    assert "programming_languages_varied.txt" in {file.name for file in files}
    for file in files:
        sentences = [prompt.payload.rsplit("\n\n", 1)[1] for prompt in file.prompts]
        openings = {tuple(sentence.split()[:2]) for sentence in sentences}
        assert len(set(sentences)) >= 40
        assert len(openings) > 0.9 * len(sentences)


def test_in_order_takes_each_sentence_once_and_then_again(tmp_path: Path) -> None:
    prompts = Prompts(two_files(tmp_path), "in-order", seed=1)
    once = ["a.txt#1", "a.txt#2", "b.txt#1", "b.txt#2"]
    assert [prompt.prompt_id for prompt in drawn_by(prompts, 10)] == [*once, *once, *once[:2]]


def test_in_order_begins_after_the_warm_up_calls_which_take_the_last_sentences(tmp_path: Path) -> None:
    prompts = Prompts(two_files(tmp_path), "in-order", seed=1, warmup_calls=3)
    assert [prompt.prompt_id for prompt in drawn_by(prompts, 5)] == [
        "a.txt#2",
        "b.txt#1",
        "b.txt#2",
        "a.txt#1",
        "a.txt#2",
    ]


def test_a_seed_draws_the_same_in_every_version(tmp_path: Path) -> None:
    """If this test fails, `--seed` means something else than before: mend the draw, not the test."""
    written(tmp_path, GOOD.replace("Two facts,\non two lines.", "Two.\n\nThree.\n\nFour.\n\nFive."), "c.txt")
    files = two_files(tmp_path)
    found = {mode: drawn_by(Prompts(files, mode, seed=7), 8) for mode in MODES}
    assert {mode: " ".join(prompt.prompt_id.replace(".txt#", "") for prompt in found[mode]) for mode in MODES} == {
        "single-file": "a1 a1 a1 a1 a2 a1 a1 a2",
        "all-files": "c2 a1 c1 c1 a2 c2 c1 a2",
        "in-order": "a1 a2 b1 b2 c1 c2 c3 c4",
    }
    assert Prompts(files, "in-order", seed=7, cache_bust=True).of_call(1).payload.endswith("[b99a37dac064c2c8]")
    assert [drawn(10, f"a key/{number}") for number in range(12)] == [0, 0, 9, 2, 8, 7, 8, 4, 4, 7, 5, 1]


def test_a_hash_of_the_files_depends_on_names_and_prompts_alone(tmp_path: Path) -> None:
    """If the first line fails, the hashes of earlier runs no longer compare."""
    files = two_files(tmp_path)
    held = sha256(files)
    assert held == "6f031bbb3c5e0984e2d6496d91860ca8724e2525c73c8f7bbb0ebea3be6df156"
    written(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode(), "a.txt")
    assert sha256(reversed(read(tmp_path))) == held
    written(tmp_path, GOOD.replace("One", "Two"), "a.txt")
    changed = sha256(read(tmp_path))
    (tmp_path / "a.txt").rename(tmp_path / "c.txt")
    assert len({held, changed, sha256(read(tmp_path))}) == 3
