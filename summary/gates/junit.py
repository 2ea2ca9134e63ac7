"""Verdicts as a JUnit report, which every CI system can show."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from summary.gates.verdict import Verdict
from summary.vocabulary import Summary

SUITE = "llm-load-tester"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
OPENING = f'{_DECLARATION}<testsuite name="{SUITE}"'.encode()
"""What every report of ours begins with."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(verdicts: Sequence[Verdict], summary: Summary) -> str:
    """Return one test suite with a test case a gate; a breach is its failure."""
    suite = ElementTree.Element("testsuite", _suite_attributes(verdicts, summary))
    for verdict in verdicts:
        case = ElementTree.SubElement(suite, "testcase", {"classname": SUITE, "name": _legal(verdict.gate.text)})
        if verdict.breached:
            ElementTree.SubElement(case, "failure", {"message": _legal(verdict.reason)})
        else:
            ElementTree.SubElement(case, "system-out").text = _legal(verdict.reason)
    ElementTree.indent(suite)
    return _DECLARATION + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _suite_attributes(verdicts: Sequence[Verdict], summary: Summary) -> dict[str, str]:
    breaches = sum(verdict.breached for verdict in verdicts)
    attributes = {"name": SUITE, "tests": str(len(verdicts)), "failures": str(breaches), "errors": "0", "skipped": "0"}
    attributes["time"] = f"{summary.get('total_execution_time_s') or 0:.3f}"
    if summary.get("start"):
        attributes["timestamp"] = _legal(str(summary["start"]))
    return attributes


def _legal(text: str) -> str:
    """Return the text with a replacement character for each that XML 1.0 can't hold, escaped or not."""
    return _NOT_XML.sub("\ufffd", text)
