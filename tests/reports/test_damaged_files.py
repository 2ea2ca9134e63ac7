"""report.py on files that a crash, a copy, a full disk or an editor has damaged: it says what is lost, or refuses."""

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import report
from summary.rows import blocks
from summary.rows.rows import REQUIRED, parsed, read
from summary.run_files import MARKS
from tests.running import run

CALLS = 40
FILES = ("requests.csv", "summary.json", "run.json")
SEED = '### Prompt\nDécris « ceci »\n---\nPremière phrase, « citée ».\n\nDeux "mots"; 日本語 🎉\nsur deux lignes.\n'
UNHARMED = {
    "unreadable": 0, "double_numbers": 0, "missing_numbers": 0, "unknown_outcomes": 0, "runs": 1, "differs": [],
    "is_cut": False,
}  # fmt: skip

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a run whose prompts contain line breaks, quotes and multi-byte characters."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "seeds").mkdir()
    (folder / "seeds" / "a.txt").write_text(SEED, encoding="utf-8")
    options = ("--stream", "-i", str(CALLS), "-d", str(folder / "seeds"), "--seed", "3", "--mock-error-rate", "0.1")
    with pytest.MonkeyPatch.context() as monkeypatch:
        run(folder, *options, users=3, monkeypatch=monkeypatch)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of these files, to be damaged."""
    for name in FILES:
        shutil.copy(whole / f"run_{name}", tmp_path)
    return tmp_path


def requests(folder: Path) -> Path:
    return folder / "run_requests.csv"


def reported(folder: Path) -> dict[str, Any]:
    out = folder / "report.json"
    assert report.main([str(folder / "run"), "-o", "json", "--out", str(out)]) == 0
    return dict(json.loads(out.read_text(encoding="utf-8")))


def lost(folder: Path) -> dict[str, Any]:
    """Return only what is wrong with the rows."""
    return {name: value for name, value in reported(folder)["rows"].items() if value != UNHARMED[name]}


def edited(folder: Path, edit: Callable[[Rows], Rows]) -> None:
    """Write the rows as a program would that reads, edits and writes them."""
    rows = list(csv.DictReader(io.StringIO(requests(folder).read_text(encoding="utf-8"), newline="")))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(edit(rows))
    requests(folder).write_text(text.getvalue(), encoding="utf-8", newline="")


def replaced(number: int, **cells: str) -> Callable[[Rows], Rows]:
    return lambda rows: [row | cells if row["request"] == str(number) else row for row in rows]


def test_an_intact_file_lacks_nothing_and_agrees_with_its_run(folder: Path) -> None:
    assert reported(folder)["rows"] == UNHARMED
    assert json.loads((folder / "run_summary.json").read_text(encoding="utf-8"))["rows"] == UNHARMED


def test_a_file_that_ends_within_its_last_row_has_lost_only_that_row(folder: Path) -> None:
    (folder / "run_summary.json").unlink()
    data = requests(folder).read_bytes()
    start = data.rindex(b"\n2") + 1
    inside_a_character = data.index("é".encode(), start) + 1
    for end in (start + 1, start + 29, inside_a_character, data.index(b"\n", start) + 1, len(data) - 9, len(data) - 1):
        requests(folder).write_bytes(data[:end])
        assert reported(folder)["total_requests"] == CALLS - 1, data[start:end]
        assert lost(folder) == {"is_cut": True}


DAMAGE: dict[str, tuple[Callable[[Rows], Rows], dict[str, int]]] = {
    "no number of seconds": (replaced(7, latency_s="fast"), {"unreadable": 1, "missing_numbers": 1}),
    "an infinite number": (replaced(7, start_s="inf"), {"unreadable": 1, "missing_numbers": 1}),
    "seconds of many years": (replaced(7, latency_s="9e300"), {"unreadable": 1, "missing_numbers": 1}),
    "a negative time": (replaced(7, ttft_s="-0.001"), {"unreadable": 1, "missing_numbers": 1}),
    "half a byte": (replaced(7, response_bytes="1.5"), {"unreadable": 1, "missing_numbers": 1}),
    "no time of day": (replaced(7, timestamp="yesterday"), {"unreadable": 1, "missing_numbers": 1}),
    "a time that pandas knows": (replaced(7, timestamp="now"), {"unreadable": 1, "missing_numbers": 1}),
    "a year without nanoseconds": (
        replaced(7, timestamp="9999-12-31T00:00:00Z"),
        {"unreadable": 1, "missing_numbers": 1},
    ),
    "the last year with nanoseconds": (
        replaced(7, timestamp="2262-04-11T23:47:16Z"),
        {"unreadable": 1, "missing_numbers": 1},
    ),
    "a row without a number": (replaced(7, request=""), {"unreadable": 1, "missing_numbers": 1}),
    "an unknown phase": (replaced(7, phase="cooldown"), {"unreadable": 1, "missing_numbers": 1}),
    "an unknown outcome": (replaced(7, outcome="okay"), {"unknown_outcomes": 1, "missing_numbers": 1}),
    "no outcome": (replaced(7, outcome=""), {"unknown_outcomes": 1, "missing_numbers": 1}),
    "a row that is missing": (lambda rows: rows[:6] + rows[7:], {"missing_numbers": 1}),
    "rows that are missing at the end": (lambda rows: rows[:-4], {}),
    "a row that is there twice": (lambda rows: [rows[0], *rows], {"double_numbers": 1}),
    "failures that became successes": (lambda rows: [row | {"outcome": "ok"} for row in rows], {}),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_to_the_rows_is_counted_and_the_runs_totals_differ(case: str, folder: Path) -> None:
    edit, expected = DAMAGE[case]
    edited(folder, edit)
    found = lost(folder)
    assert found.pop("differs")
    assert found == expected


def test_calls_that_ended_without_their_time_are_unreadable(folder: Path) -> None:
    """Their rates would be over no number of seconds, which JSON can't hold."""
    edited(folder, lambda rows: [row | {"latency_s": "", "outcome": "failed"} for row in rows])
    (folder / "run_summary.json").unlink()
    assert lost(folder)["unreadable"] == CALLS
    assert reported(folder)["throughput_rps"] is None
    edited(folder, lambda rows: [row | {"outcome": "aborted"} for row in rows])
    assert reported(folder)["aborted_count"] == CALLS


def test_calls_of_dead_workers_and_of_a_killed_run_have_numbers_and_need_no_rows(folder: Path) -> None:
    edited(folder, lambda rows: rows[:3] + rows[7:])
    summary = json.loads((folder / "run_summary.json").read_text(encoding="utf-8"))
    (folder / "run_summary.json").write_text(json.dumps(summary | {"lost": {"calls": 4, "workers": 1}}))
    assert set(lost(folder)) == {"differs"}
    (folder / "run_summary.json").unlink()
    facts = json.loads((folder / "run_run.json").read_text(encoding="utf-8"))
    (folder / "run_run.json").write_text(json.dumps(facts | {"options": {"num_users": 3}}))
    # Three users each had a call in flight when it was killed; a fourth call is missing.
    assert lost(folder) == {"missing_numbers": 1}


def of_a_success(**cells: str) -> Callable[[Rows], Rows]:
    def edit(rows: Rows) -> Rows:
        place = next(place for place, row in enumerate(rows) if row["outcome"] == "ok")
        return [*rows[:place], rows[place] | cells, *rows[place + 1 :]]

    return edit


FALSE_TIMES: dict[str, tuple[Callable[[Rows], Rows], set[str]]] = {
    "a latency with another digit": (of_a_success(latency_s="9.5"), {"latency_s", "total_execution_time_s"}),
    "a start with another digit": (of_a_success(start_s="99.5"), {"total_execution_time_s"}),
    "times that are missing": (lambda rows: [row | {"tpot_s": ""} for row in rows], {"tpot_s"}),
    "columns that changed places": (
        lambda rows: [row | {"ttft_s": row["tpot_s"], "tpot_s": row["ttft_s"]} for row in rows], {"ttft_s", "tpot_s"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FALSE_TIMES)
def test_times_that_the_run_did_not_report_are_noticed(case: str, folder: Path) -> None:
    edit, names = FALSE_TIMES[case]
    edited(folder, edit)
    assert names <= set(lost(folder)["differs"])
    assert not reported(folder)["verdict"]["believable"]


UNUSED = {
    **dict.fromkeys(("ttfb_s", "itl_max_s", "itl_mean_s", "content_events", "cached_tokens", "lag_s"), "77"),
    **dict.fromkeys(("finish_reason", "connection", "error_reason"), "other"),
}


@pytest.mark.parametrize("column", UNUSED)
def test_columns_that_are_in_no_figure_of_the_run_are_compared_too(column: str, folder: Path) -> None:
    """A --slo, a comparison or a chart can use them later."""
    edited(folder, replaced(7, **{column: UNUSED[column]}))
    assert f"checksums.{column}" in lost(folder)["differs"]


SAID = ('{"cache_hit":true}', '{"region":"eu"}', '{"server_s":0.1}', "{")


@pytest.mark.parametrize("said", SAID)
def test_what_a_server_never_said_is_noticed(said: str, folder: Path) -> None:
    edited(folder, replaced(7, server_says=said))
    assert "checksums.server_says" in lost(folder)["differs"]


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("before", ['{"server_s":0.2}', '{"region":"us"}'])
def test_what_a_server_said_otherwise_is_noticed(before: str, said: str, folder: Path) -> None:
    edited(folder, replaced(7, server_says=before))
    summary = json.loads((folder / "run_summary.json").read_text(encoding="utf-8"))
    new = summary | {"checksums": reported(folder)["checksums"]}
    (folder / "run_summary.json").write_text(json.dumps(new), encoding="utf-8")
    assert lost(folder) == {}
    for edit in (replaced(7, server_says=said), replaced(8, server_says=before), replaced(7, server_says="")):
        edited(folder, edit)
        assert "checksums.server_says" in lost(folder)["differs"]
        edited(folder, replaced(8, server_says=""))
        edited(folder, replaced(7, server_says=before))


def test_what_a_version_before_these_checksums_did_not_look_at_is_no_difference(folder: Path) -> None:
    edited(folder, replaced(7, server_says='{"cache_hit":true}'))
    summary = json.loads((folder / "run_summary.json").read_text(encoding="utf-8"))
    older = {name: value for name, value in summary["checksums"].items() if name != "server_says"}
    (folder / "run_summary.json").write_text(json.dumps(summary | {"checksums": older}), encoding="utf-8")
    assert [name for name in lost(folder).get("differs", []) if "sai" in name or "says" in name] == []


def test_prompts_that_the_run_did_not_send_are_noticed(folder: Path) -> None:
    edited(folder, lambda rows: [row | {"prompt": "the same"} for row in rows])
    assert lost(folder) == {"differs": ["repeated_payloads"]}


def test_values_that_changed_places_are_noticed(folder: Path) -> None:
    def swapped(rows: Rows) -> Rows:
        first, second, *others = rows
        return [first | {"ttfb_s": second["ttfb_s"]}, second | {"ttfb_s": first["ttfb_s"]}, *others]

    edited(folder, swapped)
    assert lost(folder) == {"differs": ["checksums.ttfb_s"]}


def test_rows_that_a_spreadsheet_sorted_are_the_same(folder: Path) -> None:
    edited(folder, lambda rows: sorted(rows, key=lambda row: row["latency_s"]))
    assert lost(folder) == {}


def test_stages_that_the_run_did_not_report_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "--rate-stages", "500:0.1s,600:0.1s", users=10, monkeypatch=monkeypatch)
    assert lost(tmp_path) == {}
    edited(tmp_path, lambda rows: [row | {"stage": "1"} for row in rows])
    assert "checksums.stage" in set(lost(tmp_path)["differs"])


def test_a_row_of_another_run_is_noticed(folder: Path) -> None:
    edited(folder, replaced(7, run_id="another"))
    assert lost(folder) == {"runs": 2}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"run_id": "another"}, {"runs": 2, "differs": ["run_id"]}),
        ({"seed": 4, "options": {"num_users": 9}}, {"differs": ["seed", "options"]}),
    ],
)
def test_facts_of_another_run_are_noticed(facts: dict[str, Any], expected: dict[str, Any], folder: Path) -> None:
    file = folder / "run_run.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | facts), encoding="utf-8")
    assert lost(folder) == expected
    assert not reported(folder)["verdict"]["believable"]


def test_facts_that_are_lost_are_taken_from_the_summary(folder: Path) -> None:
    expected = reported(folder)
    (folder / "run_run.json").unlink()
    assert reported(folder) == expected
    assert lost(folder) == {}


def test_other_conditions_than_the_runs_own_are_no_difference(folder: Path) -> None:
    assert report.summary_of(folder / "run", slo="ttft<1", fail_if=["p95>9"])["rows"] == UNHARMED


def of_baseline(**cells: str) -> Callable[[Rows], Rows]:
    return lambda rows: [row | cells if row["side"] == "baseline" else row for row in rows]


FALSE_PAIRS: dict[str, tuple[Callable[[Rows], Rows], set[str]]] = {
    "nothing": (lambda rows: rows, set()),
    "latencies of the baseline": (of_baseline(latency_s="9.5"), {"baseline.latency_s"}),
    "failures of the baseline": (
        of_baseline(outcome="failed"), {"baseline.success_count", "baseline.failure_count", "baseline.latency_s"}
    ),
    "tokens of the baseline": (of_baseline(output_tokens="9"), set()),
    "another order": (lambda rows: [row | {"order": "1"} for row in rows], set()),
    "pairs of other calls": (
        lambda rows: [row | {"pair": f"{int(row['pair']) + (row['side'] == 'target')}"} for row in rows], {"pairs"}
    ),
    "no pairs": (lambda rows: [row | {"side": "", "pair": ""} for row in rows], set()),
}  # fmt: skip


@pytest.mark.parametrize("case", FALSE_PAIRS)
def test_a_baseline_that_the_run_did_not_report_is_noticed(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit, names = FALSE_PAIRS[case]
    run(tmp_path, "--against", "mock", "-i", "5", monkeypatch=monkeypatch)
    edited(tmp_path, edit)
    found = set(reported(tmp_path)["rows"]["differs"])
    assert {f"against.{name}" for name in names} <= found
    assert bool(found) == (case != "nothing")


def test_starts_that_the_run_did_not_report_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "--rate", "500", "-i", "10", users=10, monkeypatch=monkeypatch)
    assert lost(tmp_path) == {}
    were_late = reported(tmp_path)["late_count"] == 10  # on a machine that was busy
    edited(tmp_path, lambda rows: [row | {"start_lag_s": "0" if were_late else "0.5"} for row in rows])
    assert lost(tmp_path) == {"differs": ["late_count", "start_lag_s", "checksums.start_lag_s"]}


def test_numbers_that_a_spreadsheet_shortened_are_the_same(folder: Path) -> None:
    def shortened(rows: Rows) -> Rows:
        return [
            {name: f"{float(cell):.15g}" if name.endswith("_s") and cell else cell for name, cell in row.items()}
            for row in rows
        ]

    edited(folder, shortened)
    assert lost(folder) == {}


def test_a_damaged_row_costs_no_other_row(folder: Path) -> None:
    """Whatever byte replaces another: an odd number of quotes does not swallow the rest of the file."""
    data = requests(folder).read_bytes()
    row = data.index(b"\n20", 2000) + 1
    for place in (*range(row, row + 32, 7), *range(row + 32, data.index(b"\n20", row), 61)):
        for byte in (b'"', b",", b"\n", b"\0", b"\xff"):
            requests(folder).write_bytes(data[:place] + byte + data[place + 1 :])
            assert len(read(requests(folder))) >= CALLS - 2, (place, byte)


QUOTED = "20261126T093856.581Z-3c5946"
"""A run's id: with a number after it, a line looks like the beginning of a row."""


@pytest.mark.parametrize(("zero", "ending"), [("", ', "of'), ("\0", ""), ("", "\n")])
def test_a_text_that_quotes_rows_is_no_row(zero: str, ending: str, folder: Path) -> None:
    own = requests(folder).read_text(encoding="utf-8").splitlines()[1].partition(",")[0]
    row = requests(folder).read_text(encoding="utf-8").splitlines()[-1]
    text = f"Explain{zero}\n{QUOTED},3,openai\n{own},4,openai{ending}\n{row}\n" + 20 * f"{QUOTED},5\n" + f"{QUOTED},6,x"
    edited(folder, lambda rows: [row | {"error": text} for row in rows])
    assert lost(folder) == {"differs": ["checksums.error"]}
    whole = requests(folder).read_bytes()
    edited(folder, lambda rows: rows[:-1])
    last = len(requests(folder).read_bytes())
    for end in (len(whole) - 1, whole.rindex(b",6,x"), whole.rindex(b",5\n"), whole.rindex(b"Explain"), last + 4):
        requests(folder).write_bytes(whole[:end])
        found = lost(folder)
        assert found.pop("differs")
        assert found == {"is_cut": True}


def test_a_damaged_row_near_the_end_costs_no_other_row(folder: Path) -> None:
    data = requests(folder).read_bytes()
    for row in [found.start() for found in re.finditer(rb"\n2", data)][-6:-1]:
        requests(folder).write_bytes(data[: row + 60] + b'"' + data[row + 60 :])
        assert reported(folder)["total_requests"] >= CALLS - 1, row


@pytest.mark.parametrize("size", [4096, 20_000])
def test_a_text_that_quotes_rows_is_no_row_where_a_block_ends(
    size: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
    edited(folder, lambda rows: [row | {"error": f"\n{QUOTED},5" * 20 + f"\n{row['run_id']},6,x\n"} for row in rows])
    assert lost(folder) == {"differs": ["checksums.error"]}


def test_rows_with_quotes_around_every_cell_are_read_in_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a file of over 256 MB would be refused, as no row seemed to end."""
    with requests(folder).open(newline="", encoding="utf-8") as file:
        cells = list(csv.reader(file))
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(cells)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(blocks, "LONGEST_BYTES", 3 * 4096)
    requests(folder).write_text(text.getvalue(), encoding="utf-8")
    assert lost(folder) == {}


def test_a_block_that_was_lost_in_the_middle_is_noticed(folder: Path) -> None:
    data = requests(folder).read_bytes()
    requests(folder).write_bytes(data[:4000] + b"\0" * 3000 + data[7000:])
    found = lost(folder)
    assert found["unreadable"] >= 1
    assert found["missing_numbers"] >= 1


def test_what_a_spreadsheet_or_a_power_cut_leaves_is_read(folder: Path) -> None:
    data = requests(folder).read_bytes()
    for changed in (b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"), data + b"\0" * 4096):
        requests(folder).write_bytes(changed)
        assert reported(folder)["total_requests"] == CALLS
        assert lost(folder) in ({}, {"is_cut": True})


class CountedReads(io.BytesIO):
    """A file that counts how often it was read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


@pytest.mark.parametrize("filling", [b"\n", b'"\n'])
def test_the_longer_no_row_ends_the_more_is_read_at_once(
    filling: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is held is searched after each read: with reads of one size, a file of line breaks took hours."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1000)
    head, _, rest = requests(folder).read_bytes().partition(b"\n")
    file = CountedReads(head + b"\n" + filling * 200_000 + rest)
    table, damage = parsed(file, Path("rows"))
    assert len(table) == CALLS
    assert damage.unreadable >= 100_000
    assert file.reads < 20 + len(rest) / 1000


def test_a_file_is_read_the_same_in_blocks_of_any_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = reported(folder)
    for size in (700, 1500, 4096):
        monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
        monkeypatch.setattr(blocks, "TAIL_BYTES", 64)
        assert reported(folder) == expected


def is_one_line(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> bool:
    capsys.readouterr()
    code = report.main([str(folder / "run"), *arguments])
    captured = capsys.readouterr()
    return code == 2 and captured.out == "" and len(captured.err.splitlines()) == 1 and "Traceback" not in captured.err


REFUSED = {
    "nothing": b"", "a number": b"1", "a list": b"[]", "half of it": b'{"run_id": "x", ', "deep": b"[" * 100_000,
    "no text": b"\xff\xfe", "a large number": b'{"a": ' + b"9" * 5000 + b"}",
    "a number that JSON has not": b'{"a": NaN}', "an infinite number": b'{"a": -1e999}',
    "other types": b'{"options": 5, "client": "ok", "lost": [], "itl_s": 3}',
    "other names": b'{"client": {"verdict": "ok"}, "options": {"rate_stages": [{}, {}]}}',
}  # fmt: skip


@pytest.mark.parametrize("name", ["summary.json", "run.json"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_json_file_that_is_not_of_a_run_is_refused_in_one_line(
    case: str, name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / f"run_{name}").write_bytes(REFUSED[case])
    assert is_one_line(folder, capsys)


def test_a_number_of_too_many_digits_is_called_that(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "run_run.json").write_bytes(REFUSED["a large number"])
    assert report.main([str(folder / "run")]) == 2
    assert capsys.readouterr().err.endswith("run_run.json: not JSON (a number with too many digits)\n")


def with_gaps(folder: Path, count: str) -> None:
    """Edit how often the first gap between reads occurred."""
    file = folder / "run_summary.json"
    written = json.loads(file.read_text(encoding="utf-8"))
    first = next(iter(written["itl_s"]["histogram_ms"]))
    written["itl_s"]["histogram_ms"][first] = count
    file.write_text(json.dumps(written), encoding="utf-8")


@pytest.mark.parametrize("count", ["1e309", "1e308", "-1", "nan", "a" * 5000])
def test_a_count_that_no_run_has_is_refused_in_one_short_line(
    count: str, folder: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_gaps(folder, count)
    sound, damaged, page = str(whole / "run"), str(folder / "run"), str(folder / "page.html")
    assert report.main([sound, "--against", damaged, "-o", "json", "--html", page]) == 2
    line = capsys.readouterr().err
    assert f"{sound} or {damaged}: " in line
    assert len(line.splitlines()) == 1
    assert len(line) < 500 + len(sound) + len(damaged)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_instead_of_a_file_is_refused_in_one_line(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / f"run_{name}").unlink()
    (folder / f"run_{name}").mkdir()
    assert is_one_line(folder, capsys)


@pytest.mark.parametrize("option", ["--against", "--slo", "--fail-if", "--html", "--out", "--output-format"])
def test_two_dashes_are_not_taken_for_no_value(option: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        report.main([str(folder), f"{option}=--"])
    assert ended.value.code == 2
    assert f"error: argument {option}: expected" in capsys.readouterr().err


def test_a_folder_that_cannot_be_read_is_not_called_empty(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def iterdir(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert report.main([str(folder)]) == 2
    assert capsys.readouterr().err == f"report.py: error: {folder}: permission denied\n"


def test_of_many_runs_in_a_folder_some_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(100):
        (tmp_path / f"{number:02}_requests.csv").touch()
    assert report.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith(
        ": name one of " + "".join(f"0{n}_requests.csv, " for n in range(10)) + "…\n"
    )


def test_a_run_is_found_in_the_current_folder(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert report.main([".", "--against", str(folder), "-o", "json"]) == 0
    capsys.readouterr()
    assert report.main(["/"]) == 2
    assert "no run found" in capsys.readouterr().err


@pytest.mark.parametrize("name", MARKS)
def test_a_report_never_overwrites_a_runs_file(
    name: str, whole: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / f"run_{name}"
    before = (whole / file.name).read_bytes()
    file.write_bytes(before)
    (folder / "link").symlink_to(file)
    (folder / "hard_link").hardlink_to(file)
    for out in (file, folder / "link", folder / "hard_link"):
        assert is_one_line(folder, capsys, "--out", str(out))
    assert file.read_bytes() == before


def test_rows_of_a_version_without_a_column_are_summarised_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    (tmp_path / "talks.jsonl").write_text(json.dumps({"messages": spoken}), encoding="utf-8")
    options = ("--stream", "--rate-stages", "100:0.2s,50:0.2s", "-d", str(tmp_path / "talks.jsonl"))
    run(tmp_path, *options, "--mock-error-rate", "0.3", "--seed", "1", users=9, monkeypatch=monkeypatch)
    columns, *rows = list(csv.reader(io.StringIO(requests(tmp_path).read_text(encoding="utf-8"), newline="")))
    optional = [name for name in columns if name not in REQUIRED]
    for missing in (*zip(optional[::2], optional[1::2], strict=False), optional):
        kept = [place for place, name in enumerate(columns) if name not in missing]
        with requests(tmp_path).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([row[place] for place in kept] for row in (columns, *rows))
        assert reported(tmp_path)["total_requests"] == len(rows), missing
    assert report.main([str(tmp_path / "run"), "--html", str(tmp_path / "run.html")]) == 0


@pytest.mark.parametrize("data", [b"", b"\n", b"a;b;c\n1;2;3\n", b"\0" * 9000, b"a,a\n", b"\xff\xfe\x00"])
def test_a_file_without_the_columns_is_refused_in_one_line(
    data: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests(folder).write_bytes(data)
    assert is_one_line(folder, capsys)


def test_a_refusal_moves_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert is_one_line(tmp_path / "\x1b[2Jgone\r\n", capsys)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(FILES), data=st.data(), output=st.sampled_from(["table", "json", "csv"]))
def test_no_cut_and_no_byte_causes_a_traceback(
    name: str, data: st.DataObject, output: str, whole: Path, tmp_path: Path
) -> None:
    for other in FILES:
        shutil.copy(whole / f"run_{other}", tmp_path)
    content = bytearray((whole / f"run_{name}").read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] = data.draw(st.integers(0, 255))
    else:
        del content[place : data.draw(st.integers(place + 1, len(content)))]
    (tmp_path / f"run_{name}").write_bytes(content)
    assert report.main([str(tmp_path / "run"), "-o", output, "--out", str(tmp_path / "out")]) in (0, 2)


STATS = (
    b"Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    b"Max Response Time,Average Content Size,Requests/s,Failures/s,50%,95%,99%,100%\r\n"
    b'GET,"a ""b"", c",2,0,10,10,10,10,5,1,0,10,10,10,10\r\n'
    b",Aggregated,2,0,10,10,10,10,5,1,0,10,10,10,10\r\n"
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(STATS) - 1), byte=st.none() | st.integers(0, 255))
def test_nor_does_one_in_locusts_statistics(place: int, byte: int | None, tmp_path: Path) -> None:
    rest = b"" if byte is None else bytes([byte]) + STATS[place + 1 :]
    (tmp_path / "own_stats.csv").write_bytes(STATS[:place] + rest)
    assert report.main([str(tmp_path / "own"), "--out", str(tmp_path / "out")]) in (0, 2)


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        (b"-2,0,10,10,10,10,5,1,0,10,10,10,10", "the Request Count of 'Aggregated' is not a number: '-2'"),
        (b"1_0,0,10,10,10,10,5,1,0,10,10,10,10", "the Request Count of 'Aggregated' is not a number: '1_0'"),
        (b"2,3,10,10,10,10,5,1,0,10,10,10,10", "3 of 2 requests can't have failed"),
        (b"2,0,10,10,10,10,5,-1,0,10,10,10,10", "the Requests/s of 'Aggregated' is negative: '-1'"),
        (b"2,0,10,10,10,10,5,1,0,10,-10,10,10", "the 95% of 'Aggregated' is negative: '-10'"),
    ],
)
def test_locusts_statistics_with_impossible_numbers_are_refused(
    numbers: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run_stats.csv").write_bytes(STATS.split(b"\r\n")[0] + b"\n,Aggregated," + numbers + b"\n")
    assert report.main([str(tmp_path / "run")]) == 2
    assert says in capsys.readouterr().err


def test_locusts_statistics_without_a_request_have_no_percentile(tmp_path: Path) -> None:
    head = STATS.split(b"\r\n")[0]
    (tmp_path / "own_stats.csv").write_bytes(head + b"\n,Aggregated,0,0,0,0,0,0,0,0,0,N/A,N/A,N/A,N/A\n")
    summary = report.summary_of(tmp_path / "own")
    assert (summary["total_requests"], summary["latency_s"]["p95"]) == (0, None)
