"""The JUnit report of a run's gates."""

import resource
from argparse import Namespace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.errors import UsageError
from harness.run.gates import check_junit, passes
from summary.gates.junit import as_junit

KEPT = {"gate": "p95>2", "breached": False, "reason": "p95 is 1.500 s (400 samples)"}
BREACHED = {"gate": "error_rate>1%", "breached": True, "reason": "error_rate is 25.00 % (400 samples)"}
SUMMARY = {"total_execution_time_s": 12.3456, "start": "2026-01-01T00:00:00.000Z"}


def test_a_gate_is_a_test_case_and_a_breach_its_failure() -> None:
    assert as_junit({**SUMMARY, "gates": [KEPT, BREACHED]}).splitlines() == [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<testsuite name="llm-load-tester" tests="2" failures="1" errors="0" skipped="0" time="12.346" '
        'timestamp="2026-01-01T00:00:00.000Z">',
        '  <testcase classname="llm-load-tester" name="p95&gt;2">',
        "    <system-out>p95 is 1.500 s (400 samples)</system-out>",
        "  </testcase>",
        '  <testcase classname="llm-load-tester" name="error_rate&gt;1%">',
        '    <failure message="error_rate is 25.00 % (400 samples)" />',
        "  </testcase>",
        "</testsuite>",
    ]


def test_a_run_that_never_began_has_a_report_too() -> None:
    suite = ElementTree.fromstring(as_junit({"total_execution_time_s": None, "start": None, "gates": []}))
    assert suite.attrib == {
        "name": "llm-load-tester", "tests": "0", "failures": "0", "errors": "0", "skipped": "0", "time": "0.000",
    }  # fmt: skip


def test_characters_that_xml_cant_hold_are_replaced() -> None:
    gate = {"gate": 'a<"&>\x00\x1b\ud800\ufffe', "breached": True, "reason": "é\x08\x0b😀"}
    report = as_junit({"start": "\x01", "gates": [gate]})
    suite = ElementTree.fromstring(report.encode())
    assert suite[0].attrib["name"] == 'a<"&>\ufffd\ufffd\ufffd\ufffd'
    assert suite[0][0].attrib["message"] == "é\ufffd\ufffd😀"
    assert suite.attrib["timestamp"] == "\ufffd"


@pytest.mark.parametrize(
    "content",
    ["", "print('mine')\n", "<testsuite/>", '<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="pytest">'],
)
def test_a_file_that_is_not_our_report_is_left_alone(content: str, tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    path.write_text(content)
    with pytest.raises(UsageError, match="exists and is not a report of this tool"):
        check_junit(path)
    assert path.read_text() == content


def test_a_previous_report_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    path.write_text(as_junit({"gates": []}))
    check_junit(path)
    assert not path.exists()


def test_a_link_is_kept_and_what_it_points_to_is_removed(tmp_path: Path) -> None:
    path, link = tmp_path / "report.xml", tmp_path / "link"
    link.symlink_to(path)
    for content in (as_junit({"gates": []}), None):
        if content:
            path.write_text(content)
        check_junit(link)
        assert link.is_symlink()
        assert not path.exists()


def test_a_full_disk_leaves_no_report(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(UsageError, match="file too large"):
            passes(Namespace(junit=path), {**SUMMARY, "gates": [KEPT]})  # type: ignore[arg-type]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    check_junit(path)
    assert not path.exists()


def test_a_report_can_be_written_to_what_is_not_a_file() -> None:
    check_junit(Path("/dev/null"))
    assert Path("/dev/null").exists()
