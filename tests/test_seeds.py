"""Seed files: what is read, what is refused and where, and which prompts they produce."""

from itertools import islice
from pathlib import Path

import pytest

import seeds
from tests.command_line import PROJECT

GOOD = "### Prompt\nExtract **all** of it.\n\n- as JSON\n---\nOne fact.\n\nTwo facts,\non two lines.\n"


def written(folder: Path, content: str | bytes, name: str = "facts.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_prompt_is_the_files_prompt_an_empty_line_and_one_sentence(tmp_path: Path) -> None:
    file = seeds.read_file(written(tmp_path, GOOD))
    assert [(prompt.prompt_id, prompt.payload) for prompt in file.prompts] == [
        ("facts.txt#1", "Extract **all** of it.\n\n- as JSON\n\nOne fact."),
        ("facts.txt#2", "Extract **all** of it.\n\n- as JSON\n\nTwo facts,\non two lines."),
    ]


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD + "\n\n\n",
        GOOD.rstrip("\n"),
        "\n" + GOOD,
        GOOD.replace("---\n", "---\n\n"),
    ],
    ids=["CRLF", "BOM", "trailing blank lines", "no final line feed", "leading blank line", "blank after delimiter"],
)
def test_harmless_differences_are_accepted(
    tmp_path: Path, content: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    plain = seeds.read_file(written(tmp_path, GOOD)).prompts
    assert seeds.read_file(written(tmp_path, content)).prompts == plain
    assert not caplog.records


def test_more_than_one_blank_line_is_accepted_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = seeds.read_file(written(tmp_path, GOOD.replace("One fact.\n\n", "One fact.\n\n\n")))
    assert len(file.prompts) == 2
    assert "facts.txt:8: more than one blank line" in caplog.text


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
    with pytest.raises(seeds.SeedError) as refused:
        seeds.read_file(written(tmp_path, content))
    assert str(refused.value).startswith(str(tmp_path / "facts.txt"))
    assert complaint in str(refused.value)


def test_a_file_name_that_is_not_utf_8_is_shown_as_text(tmp_path: Path) -> None:
    file = seeds.read_file(written(tmp_path, GOOD, "caf\udce9.txt"))
    assert (file.name, file.prompts[0].prompt_id) == ("caf\ufffd.txt", "caf\ufffd.txt#1")


def test_a_folder_without_seed_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(seeds.SeedError, match="no seed file"):
        seeds.read_folder(tmp_path)
    with pytest.raises(seeds.SeedError, match="no such folder"):
        seeds.read_folder(tmp_path / "nowhere")


def two_files(folder: Path) -> list[seeds.SeedFile]:
    written(folder, GOOD, "a.txt")
    written(folder, GOOD, "b.txt")
    return seeds.read_folder(folder)


def test_single_file_draws_one_file_for_the_run(tmp_path: Path) -> None:
    prompts = seeds.Prompts(two_files(tmp_path), "single-file", seed=1)
    drawn = [next(prompts).prompt_id for _ in range(50)]
    assert len({name.split("#")[0] for name in drawn}) == 1
    assert len(set(drawn)) == 2


def test_all_files_draws_a_file_for_each_call(tmp_path: Path) -> None:
    prompts = seeds.Prompts(two_files(tmp_path), "all-files", seed=1)
    assert {next(prompts).prompt_id.split("#")[0] for _ in range(50)} == {"a.txt", "b.txt"}


@pytest.mark.parametrize("mode", ["single-file", "all-files"])
def test_the_same_seed_draws_the_same_prompts(tmp_path: Path, mode: seeds.SelectionMode) -> None:
    files = two_files(tmp_path)
    first, again = seeds.Prompts(files, mode, seed=7), seeds.Prompts(files, mode, seed=7)
    assert [next(first) for _ in range(20)] == [next(again) for _ in range(20)]


def test_cache_bust_makes_every_payload_unique_and_keeps_the_prompt(tmp_path: Path) -> None:
    prompts = seeds.Prompts(two_files(tmp_path), "single-file", seed=1, cache_bust=True)
    payloads = [next(prompts).payload for _ in range(100)]
    assert len(set(payloads)) == 100
    assert all(payload.startswith("Extract") for payload in payloads)


def test_the_shipped_files_are_many_and_varied() -> None:
    files = seeds.read_folder(PROJECT / "unstructured_data")
    assert len(files) >= 5
    assert "programming_languages_varied.txt" in {file.name for file in files}
    for file in files:
        sentences = [prompt.payload.rsplit("\n\n", 1)[1] for prompt in file.prompts]
        openings = {tuple(sentence.split()[:2]) for sentence in sentences}
        assert len(set(sentences)) >= 40
        assert len(openings) > 0.9 * len(sentences)


def test_prompts_go_on_without_end(tmp_path: Path) -> None:
    prompts = seeds.Prompts(two_files(tmp_path), "all-files", seed=3)
    assert len(list(islice(iter(lambda: next(prompts), None), 1000))) == 1000
