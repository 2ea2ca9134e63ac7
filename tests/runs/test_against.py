"""Runs with `--against`: pairs of calls to a target and a baseline, from the command line to the rows."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Command, Ended, locust, locusts, rows_in, stats_in, summary_in
from tests.mock_server import MockServer, serving

PAIRS = ["--headless", "--csv", "run", "--seed", "7", "-o", "json"]
AGAINST_MOCK = [*PAIRS, "--mock", "--against", "mock"]
MOCKS = [*AGAINST_MOCK, "--mock-latency", "0"]
SLEEPERS = [*AGAINST_MOCK, "--mock-latency", "60"]
CLAUDE = "claude-3-opus-20240229"
SLOWER = [*AGAINST_MOCK, "--mock-latency", "0.05", "--against-mock-latency", "0", "-i", "12"]
RUNS = {
    "closed": [*MOCKS, "-u", "4", "-r", "4", "-i", "30", "--warmup", "3"],
    "stream": [*MOCKS, "-i", "10", "--stream", "--against-mock-latency", "0.01"],
    "rate": [*MOCKS, "--rate", "100", "-i", "20", "--warmup", "2"],
    "stages": [*MOCKS, "--rate-stages", "50:0.2s,100:0.2s"],
    "another provider": [*MOCKS, "-i", "5", "--against-provider", "anthropic", "--against-model", CLAUDE],
    "cut off": [*SLEEPERS, "-t", "1", "-u", "2", "-r", "2", "--stop-timeout", "0"],
    "a gate kept": [*SLOWER, "--fail-if", "added_latency_median>29s", "--fail-if", "added_error_rate>1%"],
    "a gate breached": [*SLOWER, "--fail-if", "added_latency_median>1ms"],
    "a gate not surely kept": [*MOCKS, "-i", "20", "--fail-if", "added_error_rate>1%?"],
    "a gate without pairs enough": [*MOCKS, "-i", "5", "--fail-if", "added_latency_p95>29s"],
    "no user free": [*SLEEPERS, "-u", "1", "--timeout", "2", "--rate-stages", "2:2s"],
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, Path]]:
    folder = tmp_path_factory.mktemp("against")
    for name in RUNS:
        (folder / name).mkdir()
    done = locusts(folder, {name: Command(arguments) for name, arguments in RUNS.items()})
    return {name: (done[name], folder / name) for name in RUNS}


def pairs_in(folder: Path) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in sorted(rows_in(folder), key=lambda row: int(row["request"])):
        found[row["pair"]].append(row)
    return found


@pytest.mark.parametrize("run", RUNS)
def test_every_pair_is_one_call_to_each_side_with_the_same_prompt(
    run: str, ended: dict[str, tuple[Ended, Path]]
) -> None:
    pairs = pairs_in(ended[run][1])
    assert pairs
    for number, calls in pairs.items():
        assert sorted(call["side"] for call in calls) == ["baseline", "target"], number
        assert [call["order"] for call in calls] == ["1", "2"]
        assert [int(call["request"]) for call in calls] == [2 * int(number) - 1, 2 * int(number)]
        assert calls[0]["prompt"] == calls[1]["prompt"]
        assert calls[0]["phase"] == calls[1]["phase"]


def test_n_iterations_are_n_pairs_after_the_warm_up_ones(ended: dict[str, tuple[Ended, Path]]) -> None:
    done, folder = ended["closed"]
    assert done.code == 0, done.stderr
    pairs = pairs_in(folder)
    assert sorted(map(int, pairs)) == list(range(1, 34))
    assert Counter(calls[0]["phase"] for calls in pairs.values()) == {"warmup": 3, "measured": 30}
    stats = (folder / "run_stats.csv").read_text()
    assert stats_in(folder)["Request Count"] == "60"
    for side in SIDES:
        assert f"openai,chat gpt-4o ({side}),30,0," in stats


def test_the_second_call_of_a_pair_starts_after_the_first_has_ended(ended: dict[str, tuple[Ended, Path]]) -> None:
    for first, second in pairs_in(ended["closed"][1]).values():
        assert float(second["start_s"]) >= float(first["start_s"]) + float(first["latency_s"])


@pytest.mark.parametrize(("run", "count"), [("rate", 20), ("stages", 30)])
def test_a_schedule_is_one_of_pairs(run: str, count: int, ended: dict[str, tuple[Ended, Path]]) -> None:
    done, folder = ended[run]
    assert done.code == 0, done.stderr
    measured = [calls for calls in pairs_in(folder).values() if calls[0]["phase"] == "measured"]
    assert len(measured) == count
    assert all(first["scheduled_at"] and first["stage"] for first, _ in measured)
    assert all(second["stage"] and not second["scheduled_at"] for _, second in measured), "it waits for the first"


def test_a_pair_that_no_user_is_free_for_is_dropped_whole(ended: dict[str, tuple[Ended, Path]]) -> None:
    outcomes = [[call["outcome"] for call in calls] for calls in pairs_in(ended["no user free"][1]).values()]
    assert ["dropped", "dropped"] in outcomes


def test_a_pair_that_the_end_cuts_off_keeps_both_rows(ended: dict[str, tuple[Ended, Path]]) -> None:
    done, folder = ended["cut off"]
    assert done.code == 0, done.stderr
    outcomes = [[call["outcome"] for call in calls] for calls in pairs_in(folder).values()]
    assert outcomes == [["aborted", "aborted"]] * 2
    assert summary_in(folder)["rows"]["missing_numbers"] == 0


def test_the_baseline_is_described_beside_the_options_it_shares(ended: dict[str, tuple[Ended, Path]]) -> None:
    options = json.loads((ended["another provider"][1] / "run_run.json").read_text())["options"]
    named = {name: options["against"][name] for name in ("provider", "model", "api", "mode", "host")}
    assert named == {
        "provider": "anthropic", "model": CLAUDE, "api": "chat", "mode": "mock", "host": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("run", "code"),
    [("a gate kept", 0), ("a gate breached", 3), ("a gate not surely kept", 3), ("a gate without pairs enough", 3)],
)
def test_a_gate_on_what_the_target_adds_decides_the_exit_code(
    run: str, code: int, ended: dict[str, tuple[Ended, Path]]
) -> None:
    done = ended[run][0]
    assert done.code == code, done.stderr
    assert ("breach: added_" in done.stderr) == bool(code)


def test_the_summary_is_the_targets_with_what_it_adds(ended: dict[str, tuple[Ended, Path]]) -> None:
    summary = summary_in(ended["closed"][1])
    against = summary["against"]
    assert (summary["total_requests"], against["pairs"], against["baseline"]["success_count"]) == (30, 30, 30)
    assert against["is_target_itself"]
    slower = summary_in(ended["a gate kept"][1])["against"]
    assert not slower["is_target_itself"]
    assert slower["difference"]["latency_s"]["told_apart"]


def test_each_side_gets_its_own_address_key_and_headers(tmp_path: Path, mock_server: MockServer) -> None:
    keys = {"LLM_API_KEY": "key-of-target", "LLM_AGAINST_API_KEY": "key-of-baseline"}
    with serving() as baseline:
        target = ["-H", mock_server.url, "--header", "x-side: one-target"]
        against = ["--against", baseline.url, "--against-header", "x-side: one-baseline"]
        options = [*PAIRS, "-p", "openai", "-m", "gpt-4o", *target, *against, "-i", "6"]
        mock_server.reset()
        done = locust(tmp_path, *options, **keys)
        counts = mock_server.stats()["requests"], baseline.stats()["requests"]
    assert done.code == 0, done.stderr
    assert counts == (6, 6)
    connections = {side: [row["connection"] for row in rows_in(tmp_path) if row["side"] == side] for side in SIDES}
    assert connections == {side: ["new"] + 5 * ["reused"] for side in SIDES}
    written = "".join(path.read_text() for path in tmp_path.iterdir() if path.is_file())
    for secret in (*keys.values(), "one-target", "one-baseline"):
        assert secret not in written


SIDES = ("target", "baseline")
KEY = {"LLM_AGAINST_API_KEY": "key-of-baseline"}
REAL = "http://127.0.0.1:9"
REAL_PAIRS = [*PAIRS, "-p", "openai", "-m", "gpt-4o", "-H", REAL, "-k", "test-key-123", "--against", REAL]
REFUSED = {
    "no key": (Command([*PAIRS, "--mock", "--against", REAL]), 2, "set LLM_AGAINST_API_KEY or OPENAI_API_KEY"),
    "dead": (Command([*PAIRS, "--mock", "--against", REAL], KEY), 1, f"the baseline {REAL} can't be reached"),
    "not an address": (Command([*PAIRS, "--mock", "--against", "proxy"]), 2, "--against must look like http"),
    "a query": (Command([*PAIRS, "--mock", "--against", f"{REAL}?key=secret-1"]), 2, "must not contain a query"),
    "a password": (Command([*PAIRS, "--mock", "--against", "http://u:secret-1@b"]), 2, "use --against-header Auth"),
    "a stray option": (Command([*PAIRS, "--mock", "--against-model", "x"]), 2, "--against-model needs --against"),
    "a mock that is none": (
        Command([*PAIRS, "--mock", "--against", REAL, "--against-mock-latency", "1"], KEY), 2,
        "--against-mock-latency needs --against mock",
    ),
    "options of a mock": (
        Command([*REAL_PAIRS, "--mock-error-rate", "0.1"], KEY), 2, "--mock-error-rate needs --mock",
    ),
    "no model": (
        Command([*PAIRS, "--mock", "--against", REAL, "--against-provider", "anthropic"], KEY), 2,
        "--against-provider anthropic needs --against-model",
    ),
    "unknown model": (Command([*MOCKS, "--against-model", "x"]), 2, "the baseline: unknown model 'x'"),
}  # fmt: skip


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    return locusts(tmp_path_factory.mktemp("refused"), {name: command for name, (command, _, _) in REFUSED.items()})


@pytest.mark.parametrize("case", REFUSED)
def test_a_baseline_that_can_not_be_asked_is_refused_in_one_line(case: str, refused: dict[str, Ended]) -> None:
    _, code, said = REFUSED[case]
    assert refused[case].code == code
    assert said in refused[case].error_line
    assert "secret-1" not in refused[case].stderr
