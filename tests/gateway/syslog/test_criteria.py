"""Which notifications a rule takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibgateway.syslog.criteria import Criteria, Item, parse_criteria


@pytest.mark.parametrize(
    ("text", "taken", "left"),
    [
        ("All", [(1400, 303, "info"), (900, 1, "debug")], []),
        ("all.all", [(1400, 303, "info")], []),
        ("1400.All", [(1400, 303, "info")], [(900, 303, "info")]),
        ("1400.303", [(1400, 303, "info")], [(1400, 310, "info"), (900, 303, "info")]),
        ("All.303", [(1400, 303, "info"), (900, 303, "error")], [(1400, 310, "info")]),
        ("All.E,All.c", [(1, 1, "error"), (2, 2, "critical")], [(1, 1, "warning")]),
        (" 1400.I , 900.W ", [(1400, 1, "info"), (900, 1, "warning")], [(900, 1, "info")]),
        ("All,-1400.D", [(1400, 1, "info"), (900, 1, "debug")], [(1400, 1, "debug")]),
        ("All.All,-1400.303,1400.310", [(1400, 302, "error")], [(1400, 303, "info"),
                                                                 (1400, 310, "info")]),
        ("1400.303,-1400.All,-900.1", [], [(1400, 303, "info"), (900, 1, "info")]),
        ("", [], [(1400, 303, "info")]),
    ],
)
def test_a_rule_takes_what_its_criteria_say(
    text: str, taken: list[tuple[int, int, str]], left: list[tuple[int, int, str]]
) -> None:
    criteria = parse_criteria(text)
    assert [event for event in taken if not criteria.matches(*event)] == []
    assert [event for event in left if criteria.matches(*event)] == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1400", "'1400' is neither All nor"),
        ("SipEp.All", "'SipEp.All' is neither"),
        ("All.X", "'All.X' is neither"),
        ("All,", "'' is neither"),
        ("All,,1400.E", "'' is neither"),
        ("1400.303.1", "'1400.303.1' is neither"),
        ("1400.-1", "'1400.-1' is neither"),
        ("All,--1400.1", "'-1400.1' is neither"),
        ("-1400.D", "it only excludes"),
        ("9" * 400, "'999999999999999999999999' is neither"),
        ("٣.All", "'٣.All' is neither"),
    ],
)
def test_criteria_that_mean_nothing_are_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="^" + why):
        parse_criteria(text)


items = st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3)).map(
    lambda pair: Item(*pair)
)


def printed(item: Item) -> str:
    return ".".join("All" if part is None else str(part) for part in (item.service, item.number))


@given(st.lists(items, min_size=1, max_size=4), st.lists(items, max_size=4), st.booleans())
def test_printed_criteria_read_the_same(
    included: list[Item], excluded: list[Item], every_minus: bool
) -> None:
    tail = ["-" * (every_minus or not at) + printed(item) for at, item in enumerate(excluded)]
    text = ",".join([*map(printed, included), *tail])
    assert parse_criteria(text) == Criteria(tuple(included), tuple(excluded))
