"""The user's own prompts: JSON lines, CSV, ShareGPT's arrays and plain lines; what is refused, with file and line."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from prompts.files import PATTERNS, SUFFIXES, read, read_file
from providers.prompt import EXCERPT_CHARACTERS, Prompt, Turn, said
from seeds import LARGEST_BYTES, SeedError

WHOLE = "First paragraph.\n\n\nSecond, with a 🎈 and \u2028.\n"
SYSTEM = {"role": "system", "content": "Be brief."}
USER, ANSWER, AGAIN = (
    {"role": role, "content": text} for role, text in [("user", "Hi."), ("assistant", "Yes?"), ("user", "Go.")]
)


def prompts(folder: Path, name: str, content: str | bytes, lines: bool = False) -> tuple[Prompt, ...]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path, lines).prompts


def refusal(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(SeedError) as refused:
        prompts(folder, name, content)
    return str(refused.value).removeprefix(f"{folder}/")


def lines(*records: Any) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


def test_a_json_line_has_a_prompt_a_text_or_messages(tmp_path: Path) -> None:
    given = lines(
        {"prompt": WHOLE}, {"text": "Two.", "id": "second"}, {"messages": [SYSTEM, USER, ANSWER, AGAIN], "id": 3}
    )
    assert prompts(tmp_path, "a.jsonl", given) == (
        Prompt("a.jsonl#1", said(WHOLE)),
        Prompt("a.jsonl#second", said("Two.")),
        Prompt("a.jsonl#3", (Turn("user", "Hi."), Turn("assistant", "Yes?"), Turn("user", "Go.")), "Be brief."),
    )


def test_a_line_can_have_a_limit_and_a_time_and_other_fields_are_ignored(tmp_path: Path) -> None:
    [prompt] = prompts(
        tmp_path, "a.jsonl", lines({"prompt": "One.", "max_tokens": 7, "at": 1, "model": "gpt", "n": [1]})
    )
    assert (prompt.max_tokens, prompt.at_s) == (7, 1.0)


def test_a_line_can_have_a_system_message_of_its_own(tmp_path: Path) -> None:
    given = lines(
        {"prompt": "One.", "system": "Be terse."},
        {"messages": [SYSTEM, USER], "system": [{"text": "In French."}]},
        {"text": "One.", "system": None},
        {"text": "One.", "system": ""},
    )
    found = prompts(tmp_path, "a.jsonl", given)
    assert [prompt.system for prompt in found] == ["Be terse.", "In French.\n\nBe brief.", None, None]
    found = prompts(tmp_path, "a.csv", "prompt,system\nOne.,Be terse.\nTwo.,\n")
    assert [prompt.system for prompt in found] == ["Be terse.", None]


def test_what_follows_the_users_last_turn_is_left_out(tmp_path: Path) -> None:
    [prompt] = prompts(tmp_path, "a.jsonl", lines({"messages": [USER, ANSWER]}))
    assert prompt.turns == said("Hi.")


def test_system_and_developer_messages_are_joined_and_text_parts_too(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    given = [SYSTEM, {"role": "developer", "content": "In French."}, {"role": "user", "content": parts}]
    [prompt] = prompts(tmp_path, "a.jsonl", lines({"messages": given}))
    assert (prompt.system, prompt.payload) == ("Be brief.\n\nIn French.", "One.\n\nTwo.")


def test_a_csv_has_a_column_prompt_whose_cells_can_have_paragraphs(tmp_path: Path) -> None:
    given = 'id,prompt,max_tokens,at,note\nfirst,"One.\n\nAnd ""more"", too.",5,0.5,x\n\n,Two.,,,\n'
    expected = (
        Prompt("a.csv#first", said('One.\n\nAnd "more", too.'), max_tokens=5, at_s=0.5),
        Prompt("a.csv#2", said("Two.")),
    )
    assert prompts(tmp_path, "a.csv", given) == expected
    assert prompts(tmp_path, "a.csv", b"\xef\xbb\xbf" + given.replace("\n", "\r\n").encode()) == expected


def test_a_cell_and_a_line_can_be_longer_than_any_buffer(tmp_path: Path) -> None:
    long = "word " * 200_000
    assert prompts(tmp_path, "a.csv", f"prompt\n{long}\n")[0].payload == long
    assert prompts(tmp_path, "a.jsonl", lines({"prompt": long}))[0].payload == long


def test_sharegpts_conversations_begin_with_the_humans_first_turn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def told(*spoken: tuple[str, str], **more: str) -> dict[str, Any]:
        return {"conversations": [{"from": who, "value": text} for who, text in spoken], **more}

    given = [
        told(("system", "Be brief."), ("gpt", "Hello!"), ("human", "Hi."), ("gpt", "Yes?"), ("human", "Go."), id="x_1"),
        told(),
        told(("gpt", "Alone.")),
        told(("human", "Hi."), ("gpt", ""), ("human", "Still there?")),
        told(("user", "One."), ("chatgpt", "Two.")),
    ]
    with caplog.at_level(logging.WARNING):
        found = prompts(tmp_path, "a.json", json.dumps(given))
    assert found == (
        Prompt("a.json#x_1", (Turn("user", "Hi."), Turn("assistant", "Yes?"), Turn("user", "Go.")), "Be brief."),
        Prompt("a.json#5", said("One.")),
    )
    assert "a.json: 3 conversations without a word of the user's were skipped" in caplog.text


def test_plain_lines_are_prompts_whatever_they_say(tmp_path: Path) -> None:
    found = prompts(tmp_path, "a.txt", "### Prompt\r\n\r\n  One. \n---\n", lines=True)
    assert [(prompt.prompt_id, prompt.payload) for prompt in found] == [
        ("a.txt#1", "### Prompt"), ("a.txt#2", "One."), ("a.txt#3", "---"),
    ]  # fmt: skip


def test_a_folder_can_mix_all_kinds_and_a_file_can_stand_alone(tmp_path: Path) -> None:
    (tmp_path / "b.JSONL").write_text(lines({"prompt": "One."}))
    (tmp_path / "a.txt").write_text("### Prompt\nSay it.\n---\nOne.\n")
    (tmp_path / ".hidden.json").write_text("no JSON")
    (tmp_path / "notes.md").write_text("# Not a prompt")
    assert [file.name for file in read(tmp_path)] == ["a.txt", "b.JSONL"]
    assert [file.name for file in read(tmp_path / "b.JSONL")] == ["b.JSONL"]
    with pytest.raises(SeedError, match=r"notes\.md: not a file of prompts"):
        read(tmp_path / "notes.md")
    with pytest.raises(SeedError, match="--plain is for text files"):
        read(tmp_path / "b.JSONL", lines=True)


REFUSED: dict[str, tuple[str, str | bytes, str]] = {
    "not JSON": ("a.jsonl", '{"prompt": "One."}\n{"prompt": }\n', "a.jsonl:2: not JSON: Expecting value"),
    "two values on a line": ("a.jsonl", '{"prompt": "One."} {"prompt": "Two."}', "a.jsonl:1: more than one JSON value"),
    "an object over several lines": ("a.jsonl", '{\n"prompt": "One."\n}', "a.jsonl:1: not JSON"),
    "nested too deeply": ("a.jsonl", "[" * 100_000, "a.jsonl:1: nested too deeply"),
    "a number of too many digits": ("a.jsonl", f'{{"at": {"9" * 5000}}}', "a.jsonl:1: not JSON: a number with"),
    "no object": ("a.jsonl", '"One."\n', "a.jsonl:1: expected an object, not a text"),
    "no prompt": (
        "a.jsonl", '\n{"question": "One."}',
        "a.jsonl:2: expected one of prompt, text, messages, conversations; it has question",
    ),
    "nothing": ("a.jsonl", "{}", "messages, conversations; it has none"),
    "endless names": ("a.jsonl", lines({f"{n}{'x' * 900}": 1 for n in range(900)}), f"4{'x' * 29}, …"),
    "two prompts": ("a.jsonl", '{"prompt": "One.", "text": "Two.", "id": "a"}', "; it has prompt, text"),
    "a text over two lines": (
        "a.jsonl", '{"prompt": "One.\nTwo."}', "a.jsonl:1: not JSON: a text without its closing quote (a line break in"
    ),
    "a line break in a text": ("a.json", '[{"prompt": "One.\nTwo."}]', "a line break in a text is written as \\n"),
    "an object that does not end": ("a.jsonl", '{"prompt": "One.",', "a.jsonl:1: not JSON: it ends within an object"),
    "a comma after it": ("a.jsonl", '{"prompt": "One."},\n', "a.jsonl:1: a comma after the object"),
    "an array in lines": ("a.jsonl", '[{"prompt": "One."}]', "a.jsonl:1: an array: name the file *.json"),
    "an array over several lines": ("a.jsonl", '[\n{"prompt": "One."}\n]', "a.jsonl:1: an array: name the file *.json"),
    "lines in an array's file": (
        "a.json", lines({"prompt": "One."}, {"prompt": "Two."}), "with an object per line, name the file *.jsonl"
    ),
    "a system of numbers": ("a.jsonl", lines({"prompt": "x", "system": 5}), "system must be a text, not a number"),
    "a prompt of numbers": ("a.jsonl", '{"prompt": 5}', "a.jsonl:1: prompt must be a text, not a number"),
    "an empty prompt": ("a.jsonl", '{"prompt": " \\n"}', "a.jsonl:1: prompt is empty"),
    "half an emoji": ("a.jsonl", '{"prompt": "\\ud83d"}', "a.jsonl:1: prompt contains half of a character"),
    "messages that are none": ("a.jsonl", '{"messages": "One."}', "a.jsonl:1: messages must be an array, not a text"),
    "no messages": ("a.jsonl", '{"messages": []}', "a.jsonl:1: messages: no message of the user's"),
    "a message without a role": ("a.jsonl", '{"messages": [{"content": "x"}]}', "messages[0] must be an object"),
    "an unknown role": ("a.jsonl", lines({"messages": [USER | {"role": "tool"}]}), "[0]: unknown role 'tool'"),
    "no content": ("a.jsonl", lines({"messages": [USER, ANSWER | {"content": None}]}), "messages[1].content must"),
    "a picture": (
        "a.jsonl", lines({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}), "not text: 'image_url'"
    ),
    "a late system message": ("a.jsonl", lines({"messages": [USER, SYSTEM, AGAIN]}), "a system message must come"),
    "an id twice": (
        "a.jsonl", lines({"prompt": "x", "id": "a"}, {"prompt": "y"}, {"prompt": "z", "id": "a"}),
        "a.jsonl:3: the id 'a' is already that of line 1",
    ),
    "an id of the wrong type": ("a.jsonl", lines({"prompt": "x", "id": 1.5}), "a.jsonl:1: id must be a text"),
    "an endless id": ("a.jsonl", lines({"prompt": "x", "id": "a" * 201}), "a.jsonl:1: id is longer than 200"),
    "no limit": ("a.jsonl", lines({"prompt": "x", "max_tokens": 0}), "max_tokens must be a positive integer, not 0"),
    "a true limit": ("a.jsonl", lines({"prompt": "x", "max_tokens": True}), "must be a positive integer, not True"),
    "a time before the start": ("a.jsonl", lines({"prompt": "x", "at": -1}), "at must be a number of seconds from 0"),
    "no time": ("a.jsonl", '{"prompt": "x", "at": NaN}', "at must be a number of seconds"),
    "an endless time": ("a.jsonl", lines({"prompt": "x", "at": 10**400}), "at must be a number of seconds"),
    "a time of words": ("a.csv", "prompt,at\nx,soon\n", "a.csv:2: at must be a number of seconds from 0 to"),
    "no column prompt": ("a.csv", "question\nx\n", "a.csv:1: the first line must name the columns"),
    "a column twice": ("a.csv", "prompt,at,at\nx,1,2\n", "a.csv:1: two columns are named 'at'"),
    "semicolons": ("a.csv", "id;prompt\n1;x\n", "a.csv:1: the first line must name the columns, with commas between"),
    "a cell too many": ("a.csv", 'prompt\n"x\ny"\nz,z\n', "a.csv:4: 2 cells, but 1 columns"),
    "an open quote": ("a.csv", 'prompt\nx\n"y\nz\n', "a.csv:3: not CSV: unexpected end of data"),
    "an empty cell": ("a.csv", 'prompt,id\n"",7\n', "a.csv:2: expected one of prompt, "),
    "an object for an array": ("a.json", '{"data": []}', "a.json:1: not a JSON array"),
    "an array that ends too early": ("a.json", '[{"prompt": "x"},\n{"prompt": "y"}', "a.json:2: not JSON: expected"),
    "an array with a wrong item": ("a.json", '[\n{"prompt": "x"},\n5]', "a.json:3: expected an object, not a number"),
    "an item that is no JSON": ("a.json", '[{"prompt": "x"},\n{"prompt":\n oops}]', "a.json:3: not JSON: Expecting"),
    "more after the array": ("a.json", '[{"prompt": "x"}]\n[]', "a.json:1: not JSON: more after the array"),
    "not UTF-8": ("a.jsonl", b'{"prompt": "x"}\n{"prompt": "\xe9"}', "a.jsonl:2: not UTF-8 (byte 0xe9)"),
    "UTF-16": ("a.csv", "prompt\nx\n".encode("utf-16"), "a.csv:1: not UTF-8 (byte 0xff)"),
    **{f"an empty {suffix}": (f"a{suffix}", "", f"a{suffix}:1: ") for suffix in SUFFIXES},
    "an empty array": ("a.json", "[ ]", "a.json:1: no prompt in this file"),
    "a table without rows": ("a.csv", "prompt\n", "a.csv:1: no prompt in this file"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_prompt_is_refused_with_file_and_line(case: str, tmp_path: Path) -> None:
    name, content, says = REFUSED[case]
    found = refusal(tmp_path, name, content)
    assert says in found
    assert found.startswith(f"{name}:")
    assert len(found.splitlines()) == 1
    assert len(found) < 300


def test_a_text_file_that_is_no_seed_file_is_told_of_plain(tmp_path: Path) -> None:
    assert "--plain" in refusal(tmp_path, "a.txt", "Say it.\n")


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(SeedError, match=r"a\.jsonl: larger than 1 GiB"):
        read_file(path)


def test_a_row_shows_a_bounded_prompt_and_different_prompts_differ() -> None:
    long = "x" * (EXCERPT_CHARACTERS + 5)
    assert Prompt("a", said(long[:EXCERPT_CHARACTERS])).excerpt == long[:EXCERPT_CHARACTERS]
    shown = {Prompt("a", said(f"{long}{end}")).excerpt for end in "ab"}
    assert len(shown) == 2
    assert all(len(text) < EXCERPT_CHARACTERS + 20 for text in shown)
    after = [Prompt("a", (*said(first), Turn("assistant", "Yes?"), Turn("user", "Go."))).excerpt for first in "ab"]
    assert after[0] != after[1]
    assert all(text.startswith("Go. [") for text in after)


def test_the_patterns_name_every_kind() -> None:
    assert PATTERNS == "*.txt, *.jsonl, *.json, *.csv"
