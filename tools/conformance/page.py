"""Writes the list of checks into docs/conformance.md: `python -m tools.conformance.page`."""

from __future__ import annotations

from pathlib import Path

import tools.conformance.checks
import tools.conformance.managers  # noqa: F401  (both fill the registry)
from tools.conformance.registry import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
BEGIN, END = "<!-- checks -->\n", "<!-- end of checks -->\n"
_ORDER = ("messages", "reads", "bulk", "sets", "rows", "snmpv1", "mpd", "mpd_refusals", "usm",
          "usm_answers", "vacm", "engine", "managers")


def rows() -> str:
    """Give the table, by subject."""
    ordered = sorted(CHECKS.values(),
                     key=lambda each: _ORDER.index(each.run.__module__.rpartition(".")[2]))
    lines = ["| clause | what it wants | check |", "|---|---|---|"]
    lines += [f"| {each.clause} | {each.says} | `{each.name}` |" for each in ordered]
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Give the page with the list as it is now."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + rows() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
