"""What a run leaves behind: for people, for CI, for the next run; and no secret in any of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from tests.conformance.test_checks import OF_DATAGRAMS, judged
from tools.conformance import report
from tools.conformance.registry import CHECKS, FAIL, PASS, SKIP, Result, run, run_one

RESULTS = [
    Result("fine", "RFC 1 2", "It is fine.", PASS),
    Result("broken", "RFC 1 3", "It is [whole].", FAIL, "it is \x00broken", 0.5, ["> 3000"]),
    Result("apart", "RFC 1 4", "It is there.", SKIP, "it is elsewhere"),
]


def test_people_read_clause_reason_and_octets() -> None:
    console = Console(file=io.StringIO(), width=120)
    report.show(console, "[::1]:161", RESULTS, set())
    told = console.file.getvalue()  # type: ignore[attr-defined]
    for word in ("[::1]:161", "RFC 1 3", "[whole]", "broken", "> 3000", "elsewhere",
                 "1 pass, 1 fail, 1 skipped"):
        assert word in told


def test_junit_can_be_read_and_counts_new_failures_alone() -> None:
    suite = ElementTree.fromstring(report.as_junit("a unit", RESULTS, set()))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None and "3000" in (failure.text or "")
    suite = ElementTree.fromstring(report.as_junit("a unit", RESULTS, {"broken"}))
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "2")


def test_a_report_is_the_next_runs_baseline(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text(report.as_json("a unit", RESULTS), encoding="utf-8")
    assert report.known_failures(path) == {"broken"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": [1]}', '{"results": 3}'])
def test_what_is_no_report_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(report.BadBaseline, match="no report"):
        report.known_failures(path)


def test_no_community_and_no_password_stands_in_a_report() -> None:
    told = report.as_json("a unit", run(judged("get-sorts"), OF_DATAGRAMS.values()))
    for secret in ("public", "private", "main authenticates", "main encrypts"):
        assert secret not in told
        assert secret.encode().hex() not in told


def test_octets_of_a_failure_are_kept() -> None:
    result = run_one(CHECKS["get-of-no-object"], judged("no-such-object-as-instance"))
    assert json.loads(report.as_json("x", [result]))["results"][0]["seen"]
    assert [line[:2] for line in result.seen] == ["> ", "< "]
