"""Writes the list of checks into docs/conformance.md: `python -m tools.conformance.page`."""

from __future__ import annotations

import re
from pathlib import Path

import tools.conformance.checks
import tools.conformance.managers  # noqa: F401  (both fill the registry)
from tools.conformance.registry import CHECKS, Check

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
BEGIN, END = "<!-- checks -->\n", "<!-- end of checks -->\n"
_RFC = re.compile(r"RFC (\d+)")
_FIRST = ("3412", "3414", "3415", "3416", "3584")
"""The RFCs whose every visible MUST has a check; others follow by their number."""


def rows() -> str:
    """Give the tables, one an RFC; a check of two RFCs stands in both."""
    by_rfc: dict[str, list[Check]] = {rfc: [] for rfc in _FIRST}
    for each in sorted(CHECKS.values(), key=lambda each: (each.clause, each.name)):
        for rfc in dict.fromkeys(_RFC.findall(each.clause)):
            by_rfc.setdefault(rfc, []).append(each)
    lines = []
    for rfc, checks in sorted(by_rfc.items(), key=lambda pair: (pair[0] not in _FIRST, pair[0])):
        lines += [f"### RFC {rfc}", "", "| clause | what it wants | check |", "|---|---|---|"]
        lines += [f"| {each.clause} | {each.says} | `{each.name}` |" for each in checks]
        lines.append("")
    return "\n".join(lines)


def page(text: str) -> str:
    """Give the page with the list as it is now."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + rows() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
