"""Results for people, for CI, and for the next run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tools.conformance.registry import FAIL, PASS, SKIP, Result

_COLOURS = {PASS: "green", FAIL: "bold red", SKIP: "yellow"}


class BadBaseline(Exception):
    """The file is no report of ours; the text says why."""


def summary(results: Iterable[Result]) -> str:
    """Give the numbers in one line."""
    told = Counter(result.verdict for result in results)
    return f"{told[PASS]} pass, {told[FAIL]} fail, {told[SKIP]} skipped"


def show(console: Console, target: str, results: list[Result], known: set[str]) -> None:
    """Print a table, and of each failure what was said."""
    table = Table(title=f"SNMP conformance of {escape(target)}", title_justify="left")
    table.add_column("check", no_wrap=True)
    table.add_column("clause")
    table.add_column("verdict")
    table.add_column("what the clause wants, or what is wrong")
    for result in results:
        verdict = result.verdict
        word = "known" if verdict == FAIL and result.name in known else verdict
        text = escape(result.says if verdict == PASS else result.why)
        table.add_row(result.name, escape(result.clause), f"[{_COLOURS[verdict]}]{word}[/]", text)
    console.print(table)
    for result in results:
        if result.verdict == FAIL:
            console.print(f"\n[bold]{result.name}[/] ({escape(result.clause)}): "
                          f"{escape(result.says)}", highlight=False)
            console.print(f"  {escape(result.why)}", highlight=False)
            for line in result.seen[-8:]:
                console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    console.print(f"\n{summary(results)}")


def as_json(target: str, results: list[Result]) -> str:
    """Give a report that a later run can be compared with."""
    return json.dumps({"target": target, "results": [asdict(each) for each in results]},
                      indent=1, ensure_ascii=False) + "\n"


def known_failures(path: Path) -> set[str]:
    """Give the checks that failed in an earlier report. Raises BadBaseline, OSError."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {each["name"] for each in told["results"] if each["verdict"] == FAIL}
    except (ValueError, KeyError, TypeError) as error:
        raise BadBaseline(f"{path} is no report of --json: {error!r}") from None


def as_junit(target: str, results: list[Result], known: set[str]) -> str:
    """Give JUnit XML: a testcase a check, its clause as the classname; what is known is skipped."""
    failures = [each for each in results if each.verdict == FAIL and each.name not in known]
    skipped = sum(each.verdict != PASS for each in results) - len(failures)
    suite = ElementTree.Element("testsuite", {
        "name": f"snmp conformance of {target}", "tests": str(len(results)),
        "failures": str(len(failures)), "errors": "0", "skipped": str(skipped),
        "time": f"{sum(each.seconds for each in results):.3f}"})
    for each in results:
        case = ElementTree.SubElement(suite, "testcase", {
            "classname": each.clause, "name": each.name, "time": f"{each.seconds:.3f}"})
        if each in failures:
            failure = ElementTree.SubElement(case, "failure", {"message": _clean(each.why)})
            failure.text = _clean("\n".join([each.says, *each.seen]))
        elif each.verdict != PASS:
            word = "known failure: " if each.verdict == FAIL else ""
            ElementTree.SubElement(case, "skipped", {"message": _clean(word + each.why)})
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(
        suite, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return "".join(each if each >= " " or each in "\n\t" else "?" for each in text)
