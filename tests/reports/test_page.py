"""The report page: what it says, what it hides, and what it never loads."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import report
from charts.data.run import Run, told_apart
from charts.page import file
from charts.page.page import page
from summary.numbers.written import time, written
from summary.registry import STATISTICS, used
from tests.charts.made import STREAMED, Page, call, failed, made, run_of
from tests.running import run

EVIL = "</script><img src=x onerror=alert(1)> [bold]&amp; {{x}} ${y}"
STAGES = [{"from_rps": 10.0, "to_rps": 10.0, "duration_s": 22.0}] * 2
MOST_BYTES = 8_000_000


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, dict[str, Any], Path]:
    """The page of a run through the whole tool, the run's summary, and its prefix."""
    folder = tmp_path_factory.mktemp("run")
    options = ("--stream", "-i", "40", "--fail-if", "p95>9", "--slo", "ttft<5", "--html-report", str(folder / "p.html"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        _, prefix = run(folder, *options, users=4, monkeypatch=monkeypatch)
    summary = json.loads(prefix.with_name("run_summary.json").read_text())
    return Page((folder / "p.html").read_text()), summary, prefix


def test_every_number_of_the_table_is_the_summarys_to_the_last_digit(
    streamed: tuple[Page, dict[str, Any], Path],
) -> None:
    found, summary, _ = streamed
    figures = [figure for figure in used("table") if figure.over and summary.get(figure.name)]
    assert len(figures) >= 5
    for figure in figures:
        expected = [repr(summary[figure.name][name]) for name in STATISTICS if name != "p99_9"]
        within = iter(found.numbers[figure.title])
        assert all(value in within for value in expected)
    assert found.numbers["calls"] == ["40"]
    assert found.numbers["throughput"] == [repr(summary["throughput_rps"])]
    assert found.blocks["summaries"] == [summary]


def test_it_opens_with_the_verdict_the_run_and_its_gates(streamed: tuple[Page, dict[str, Any], Path]) -> None:
    text = streamed[0].text
    order = ["Can these figures be believed?", "40 calls in", "Gates: none breached", "p95>9", "latency median"]
    assert sorted(order, key=text.index) == order


def test_report_draws_the_same_page_from_the_runs_files(
    streamed: tuple[Page, dict[str, Any], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, summary, prefix = streamed
    assert report.main([str(prefix), "--html", str(tmp_path / "p.html")]) == 0
    assert capsys.readouterr() == ("", f"charts: {tmp_path / 'p.html'}\n")
    again = Page((tmp_path / "p.html").read_text())
    assert again.blocks["summaries"] == [summary]
    assert again.blocks["figures"] == found.blocks["figures"]


def test_a_run_with_a_baseline_shows_the_comparison(
    streamed: tuple[Page, dict[str, Any], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = str(streamed[2])
    options = ("--stream", "-i", "40", "--baseline", old, "--html-report", str(tmp_path / "p.html"))
    run(tmp_path, *options, users=4, monkeypatch=monkeypatch)
    found = Page((tmp_path / "p.html").read_text())
    assert f"Against {old}: " in found.text
    assert "One run on each side" in found.text


def _staged(number: int, latency_s: float) -> dict[str, Any]:
    return call(number, number / 10, latency_s=latency_s, stage=1 + number // 220, start_lag_s=0.0)


def test_a_comparison_opens_its_page_with_its_notes_and_gates(tmp_path: Path) -> None:
    old, new = (
        str(made(tmp_path / name, [_staged(n, s + n % 7 / 100) for n in range(440)], options={"rate_stages": STAGES}))
        for name, s in (("old", 1.0), ("new", 2.0))
    )
    options = ["--html", str(tmp_path / "p.html"), "--fail-if", "p95>+10%"]
    assert report.main([new, "--against", old, *options]) == 3
    found = Page((tmp_path / "p.html").read_text())
    order = [
        "Worse: latency (median, p95, p99)",
        f"New: {new}, old: {old}",
        "Stage 1: Worse: latency (median",
        "Stage 2: Worse: latency (median",
        "One run on each side",
        "Gates: 1 of 1 breached",
        "Can these figures be believed?",
        "Side by side",
    ]
    assert sorted(order, key=found.text.index) == order
    assert found.blocks["comparison"]["comparison"]["latency_median"]["says"] == "worse"


def test_nothing_is_loaded_and_nothing_is_sent(streamed: tuple[Page, dict[str, Any], Path]) -> None:
    found = streamed[0]
    addressed = [each for _, attributes in found.tags for each in attributes if each in ("src", "href", "srcset")]
    assert addressed == []
    policies = [each.get("content") for tag, each in found.tags if tag == "meta" and "http-equiv" in each]
    assert [str(policy).startswith("default-src 'none'") for policy in policies] == [True]
    config = found.blocks["style"]["config"]
    assert (config["showSendToCloud"], config["plotlyServerURL"], config["displaylogo"]) == (False, "", False)


def test_what_servers_and_users_say_is_shown_and_never_run(tmp_path: Path) -> None:
    calls = [call(1, model=EVIL), failed(2, error=f"{EVIL}: {EVIL}", error_reason=EVIL, finish_reason=EVIL)]
    prefix = made(tmp_path / "[b]<i>", calls, model=EVIL, host=EVIL, options={"extra_body": {"<b>": EVIL}})
    markup = page(told_apart([report.run_at(prefix), report.run_at(prefix)]))
    shown = Page(markup)
    assert "img" not in {tag for tag, _ in shown.tags}
    assert not [name for _, attributes in shown.tags for name in attributes if name.startswith("on")]
    assert EVIL in shown.text
    in_figures = json.dumps(shown.blocks["figures"])
    assert "img src" in in_figures
    assert set(re.findall("<[^>]*>?", in_figures)) <= {"<extra>", "</extra>", "<br>"}


def test_a_run_without_a_success_has_no_figures_to_believe(tmp_path: Path) -> None:
    found = Page(page([run_of(tmp_path, [failed(n, n / 10) for n in range(3)])]))
    assert "Can these figures be believed? There are none: all 3 calls failed." in found.text
    assert "Yes." not in found.text


@pytest.mark.parametrize(
    ("calls", "absent"),
    [
        ([], ["Latency over time", "Calls in flight", "Errors over time"]),
        ([call(1)], ["Time to first token over time", "Percentile spectrum", "Errors over time"]),
        ([call(1, **STREAMED)], ["Percentile spectrum", "Distributions"]),
        ([failed(1)], ["Percentile spectrum", "Where the time went"]),
        ([failed(1, latency_s=None, outcome="aborted", status=None, error=None)], ["Errors over time"]),
        ([failed(1, latency_s=None, outcome="dropped", status=None, stage=1)], ["Calls in flight"]),
        ([call(1, phase="warmup")], ["Calls in flight", "Where the time went"]),
    ],
    ids=["no call", "one plain call", "one stream", "one failure", "one cut off", "one dropped", "only warm-up"],
)
def test_a_chart_without_data_is_left_out_with_a_word_why(
    calls: list[dict[str, Any]], absent: list[str], tmp_path: Path
) -> None:
    found = Page(page([run_of(tmp_path, calls)]))
    drawn, _, left_out = found.text.partition("Not drawn")
    assert [title for title in absent if title in drawn] == []
    assert [title for title in absent if f"{title}: " not in left_out] == []


@pytest.mark.parametrize(("calls", "is_starred", "has_intervals"), [(20, True, False), (2000, False, True)])
def test_the_table_explains_only_the_marks_that_it_has(
    calls: int, is_starred: bool, has_intervals: bool, tmp_path: Path
) -> None:
    found = Page(page([run_of(tmp_path, (call(n, n / 100, latency_s=1 + n % 97 / 100) for n in range(calls)))]))
    assert ("* Too few samples" in found.text) == is_starred
    assert ("Small print" in found.text) == has_intervals


def test_several_runs_are_laid_over_each_other(tmp_path: Path) -> None:
    places = [
        str(made(tmp_path / name, (call(n, n / 10, latency_s=latency_s) for n in range(30))))
        for name, latency_s in (("old", 1.0), ("new", 2.0))
    ]
    assert report.main([*places, "--html", str(tmp_path / "p.html")]) == 0
    found = Page((tmp_path / "p.html").read_text())
    assert found.numbers["latency median"] == ["1.0", "2.0"]
    assert found.text.count("Can these figures be believed?") == 2
    side_by_side = found.text[found.text.index("Side by side") : found.text.index("Latency over time")]
    assert "* Too few samples: p95 needs 20, p99 needs 100." in side_by_side
    named = {trace.get("name", "") for figure in found.blocks["figures"] for trace in figure["data"]}
    assert {"old/run latency", "new/run latency"} <= named


def test_a_run_of_pairs_says_what_its_target_adds(tmp_path: Path) -> None:
    calls = [
        {
            **call(2 * pair + order, pair / 10, side=side, pair=pair, order=order),
            "latency_s": latency_s + pair % 7 / 1000,
        }
        for pair in range(60)
        for order, (side, latency_s) in enumerate((("target", 1.2), ("baseline", 1.0)), 1)
    ]
    run = run_of(tmp_path, calls)
    against = {"provider": run.summary["provider"], "model": run.summary["model"], "host": "http://behind:8001/v1"}
    summary = {**run.summary, "options": {"against": against}}
    found = Page(page([Run(run.name, summary, run.rows)]))
    assert "against http://behind:8001/v1, " in found.text
    assert "Against the baseline: latency +200 ms at the median" in found.text
    histogram = found.blocks["figures"][0]["layout"]
    assert histogram["annotations"][0]["text"].startswith("median 200 ms (95 % CI ")
    assert found.text.index("Against the baseline") < found.text.index("Target against baseline")


def test_several_runs_need_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(made(tmp_path, [call(1)]))
    for options in ([], ["--html", str(tmp_path / "p.html"), "-o", "json"]):
        assert report.main([place, place, *options]) == 2
        assert "several runs can only be drawn (--html FILE" in capsys.readouterr().err
    assert not (tmp_path / "p.html").exists()


def test_one_run_can_have_a_page_a_summary_and_gates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(made(tmp_path, [call(1)]))
    code = report.main([place, "--html", str(tmp_path / "p.html"), "-o", "json", "--fail-if", "max>0.5"])
    assert code == 3
    assert json.loads(capsys.readouterr().out)["total_requests"] == 1
    assert "Gates: 1 of 1 breached" in Page((tmp_path / "p.html").read_text()).text


def test_a_page_and_a_summary_in_the_same_file_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, file = str(made(tmp_path, [call(1)])), tmp_path / "p.html"
    assert report.main([place, "--html", str(file), "--out", f"{tmp_path}/./p.html"]) == 2
    assert "--html and --out are the same file" in capsys.readouterr().err
    assert not file.exists()


def test_locusts_statistics_have_a_page_without_charts(tmp_path: Path) -> None:
    stats = tmp_path / "x_stats.csv"
    stats.write_text(
        "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
        "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,95%,99%\n"
        ",Aggregated,10,1,120,130,100,200,50,2,0.1,120,190,200\n"
    )
    assert report.main([str(stats), "--html", str(tmp_path / "p.html")]) == 0
    found = Page((tmp_path / "p.html").read_text())
    assert found.blocks["figures"] == []
    assert "120 ms" in found.text
    assert report.main([str(stats), str(made(tmp_path, [call(1)])), "--html", str(tmp_path / "both.html")]) == 0
    assert "120 ms" in Page((tmp_path / "both.html").read_text()).text


def test_tens_of_thousands_of_calls_stay_small_and_keep_their_extremes(tmp_path: Path) -> None:
    calls = (
        failed(n, n / 100, latency_s=0.01) if n % 50 == 0 else call(n, n / 100, latency_s=1 + n % 97 / 100, **STREAMED)
        for n in range(29_998)
    )
    slow, fast = call(29_998, 150.005, latency_s=24.987), call(29_999, 210.005, latency_s=0.123)
    markup = page([run_of(tmp_path, [*calls, slow, fast])])
    assert len(markup.encode()) < MOST_BYTES
    drawn = Page(markup).blocks["figures"][0]["data"]
    values = {value for trace in drawn for value in trace["y"]}
    assert {24.987, 0.123} <= values
    assert sum(len(trace["y"]) for trace in drawn) < 10_000
    dots = len(next(trace["x"] for trace in drawn if trace["name"] == "succeeded"))
    assert f"Of 29,400 successes {dots:,} are drawn" in markup


def test_several_runs_share_the_dots_and_all_are_counted(tmp_path: Path) -> None:
    """Only one run has more than its share."""
    sizes, runs = (2_500, 30), []
    for size in sizes:
        folder = tmp_path / str(size)
        folder.mkdir()
        runs.append(run_of(folder, [call(n, n / 100, latency_s=1 + n % 97 / 100, **STREAMED) for n in range(size)]))
    markup = page(runs)
    drawn = Page(markup).blocks["figures"][0]["data"]
    dots = sum(len(trace["x"]) for trace in drawn if trace["name"].endswith("succeeded"))
    assert dots < 2_100
    assert f"Of 2,530 successes {dots:,} are drawn" in markup


def test_a_server_that_makes_up_errors_fills_no_page(tmp_path: Path) -> None:
    found = Page(page([run_of(tmp_path, (failed(n, n / 100, error=f"E{n}: {EVIL}") for n in range(300)))]))
    assert len(found.blocks["summaries"][0]["failures"]) == 50
    assert "and 250 further kinds of failure" in found.text
    bars = next(figure for figure in found.blocks["figures"] if figure["layout"].get("barmode") == "stack")
    assert sum(sum(trace["y"]) for trace in bars["data"]) == 300


def test_an_old_page_is_replaced_whole_and_no_other_file_is(tmp_path: Path) -> None:
    target = tmp_path / "new" / "p.html"
    file.write(target, page([run_of(tmp_path, [call(1)])]))
    file.write(target, file.OPENING.decode() + "new")
    assert target.read_text().endswith("new")
    other = tmp_path / "notes.html"
    other.write_text("<html>mine</html>")
    with pytest.raises(file.NotOurs, match="is not a report of this tool"):
        file.write(other, "x")
    assert other.read_text() == "<html>mine</html>"
    assert sorted(path.name for path in target.parent.iterdir()) == ["p.html"]


def test_a_page_spares_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / ".p.html.part").symlink_to(tmp_path / "other")
    mine = tmp_path / ".r.html.part"
    mine.write_text("mine")
    before = {path.name for path in tmp_path.iterdir()}
    for name in ("p.html", "r.html"):
        file.check(tmp_path / name)
        assert {path.name for path in tmp_path.iterdir()} == before
    for name in ("p.html", "r.html"):
        file.write(tmp_path / name, file.OPENING.decode())
    assert {path.name for path in tmp_path.iterdir()} == before | {"p.html", "r.html"}
    assert mine.read_text() == "mine"


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(made(tmp_path, [call(1)]))
    for target, why in (
        (tmp_path, "is a directory"),
        (Path("/dev/full"), "no space left"),
        (tmp_path / "run_run.json", "not a report"),
    ):
        assert report.main([place, "--html", str(target)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert why in line


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0 ms"), (5.9e-6, "0.0059 ms"), (0.00654, "6.54 ms"), (0.0423, "42.3 ms"), (0.09996, "100 ms"),
        (0.711, "711 ms"), (0.9994, "999 ms"), (0.9996, "1.000 s"), (1.0612, "1.061 s"), (123.45, "123.5 s"),
    ],
)  # fmt: skip
def test_times_below_a_second_are_in_milliseconds(seconds: float, expected: str) -> None:
    assert time(seconds) == expected


def test_counts_and_shares_read_well() -> None:
    assert (written("count", 100_000), written("share", 0.0239), written("rate", 1451.03)) == (
        "100,000",
        "2.39 %",
        "1,451/s",
    )
