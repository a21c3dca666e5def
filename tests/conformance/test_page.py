"""The list of checks in the pages is the list of checks."""

from __future__ import annotations

import re

from tools.conformance.page import PAGE, page
from tools.conformance.registry import CHECKS


def test_the_page_lists_the_checks_as_they_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "python -m tools.conformance.page makes it anew"


def test_every_check_names_a_clause_of_an_rfc() -> None:
    for each in CHECKS.values():
        assert re.match(r"RFC \d{4} ?[\d (]", each.clause), each
