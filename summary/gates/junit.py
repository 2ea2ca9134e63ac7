"""Gate verdicts as a JUnit report, which every CI system can show."""

import re
from xml.etree import ElementTree

from summary.vocabulary import Summary

SUITE = "llm-load-tester"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
OPENING = f'{_DECLARATION}<testsuite name="{SUITE}"'.encode()
"""The beginning of every report written here."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(summary: Summary) -> str:
    """Return a judged run as one test suite with a test case per gate; a breach is its failure."""
    suite = ElementTree.Element("testsuite", _suite_attributes(summary))
    for gate in summary["gates"]:
        case = ElementTree.SubElement(suite, "testcase", {"classname": SUITE, "name": _legal(gate["gate"])})
        if gate["breached"]:
            ElementTree.SubElement(case, "failure", {"message": _legal(gate["reason"])})
        else:
            ElementTree.SubElement(case, "system-out").text = _legal(gate["reason"])
    ElementTree.indent(suite)
    return _DECLARATION + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _suite_attributes(summary: Summary) -> dict[str, str]:
    gates = summary["gates"]
    breaches = sum(gate["breached"] for gate in gates)
    attributes = {"name": SUITE, "tests": str(len(gates)), "failures": str(breaches), "errors": "0", "skipped": "0"}
    attributes["time"] = f"{summary.get('total_execution_time_s') or 0:.3f}"
    if summary.get("start"):
        attributes["timestamp"] = _legal(str(summary["start"]))
    return attributes


def _legal(text: str) -> str:
    """Return the text with a replacement character for each one that XML 1.0 can't contain, even escaped."""
    return _NOT_XML.sub("\ufffd", text)
