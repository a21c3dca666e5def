"""Groups, access entries and views, by RFC 3415."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.smi.oid import Oid
from mibagent.snmp.vacm import (
    EVERYTHING,
    NO_VIEWS,
    NOTHING,
    Entry,
    Family,
    Level,
    Model,
    Vacm,
    View,
)

SYSTEM = (1, 3, 6, 1, 2, 1, 1)
INTERFACES = (1, 3, 6, 1, 2, 1, 2)
IF_ENTRY = (*INTERFACES, 2, 1)


def view(*families: Family) -> View:
    return View(b"some", families)


# -- views


def test_a_view_without_families_shows_nothing() -> None:
    assert not view().shows(SYSTEM)
    assert view().covers((1,)) is False


def test_the_two_that_are_always_there() -> None:
    assert EVERYTHING.is_whole
    assert EVERYTHING.shows((1, 3, 6, 1, 4, 1, 7, 0))
    assert NOTHING.covers((1,)) is False
    assert not NOTHING.is_whole


@pytest.mark.parametrize(("oid", "shown"), [
    ((1, 3, 6, 1, 2, 1), False), (SYSTEM, True), ((*SYSTEM, 1, 0), True),
    ((*SYSTEM, 4, 0), False), ((*SYSTEM, 4, 0, 7), True), (INTERFACES, False),
])
def test_the_longest_family_that_holds_a_name_decides(oid: Oid, shown: bool) -> None:
    found = view(Family(SYSTEM), Family((*SYSTEM, 4), included=False), Family((*SYSTEM, 4, 0, 7)))
    assert found.shows(oid) is shown


def test_a_mask_lets_sub_identifiers_be_any() -> None:
    """The row of one interface, in every column: bits 1111 1111 101, RFC 3415's own example."""
    row = view(Family((*IF_ENTRY, 0, 2), b"\xff\xa0"))
    for column in (1, 7, 22):
        assert row.shows((*IF_ENTRY, column, 2))
        assert row.shows((*IF_ENTRY, column, 2, 9))
        assert not row.shows((*IF_ENTRY, column, 3))
        assert row.covers((*IF_ENTRY, column)) is None
    assert not row.shows((*IF_ENTRY, 1))
    assert row.covers(SYSTEM) is False


def test_a_short_mask_is_filled_with_ones_and_a_long_one_is_cut() -> None:
    assert view(Family(SYSTEM, b"\xbf")).shows((1, 9, *SYSTEM[2:], 5))
    assert not view(Family(SYSTEM, b"\xbf")).shows((1, 9, *SYSTEM[2:6], 2))
    assert view(Family((1, 3), b"\xff\x00\x00")).shows(SYSTEM)


def test_among_families_as_long_the_greatest_decides() -> None:
    wild = Family((*IF_ENTRY, 1, 2), b"\xff\xa0", included=False)
    plain = Family((*IF_ENTRY, 3, 2))
    assert view(wild, plain).shows((*IF_ENTRY, 3, 2))
    greater = Family((*IF_ENTRY, 4, 2), b"\xff\xa0", included=False)
    assert not view(greater, plain).shows((*IF_ENTRY, 3, 2))


ARCS = st.integers(0, 2)
OIDS = st.lists(ARCS, min_size=1, max_size=4).map(tuple)
FAMILIES = st.lists(st.builds(
    Family, OIDS, st.sampled_from([b"", b"\x00", b"\x40", b"\xa0", b"\xd0"]), st.booleans()),
    max_size=5).map(tuple)


@given(FAMILIES, OIDS)
def test_what_is_covered_is_what_is_shown_below(families: tuple[Family, ...], oid: Oid) -> None:
    found = view(*families)
    below = {found.shows((*oid, *more)) for size in range(4)
             for more in product(range(3), repeat=size)}
    covered = found.covers(oid)
    assert covered is None or below == {covered}


# -- access

ALL, PART = View(b"all", (Family((1,)),)), View(b"part", (Family(SYSTEM),))


def tables(*entries: Entry) -> Vacm:
    return Vacm.of({(Model.USM, b"eva"): b"crew", (Model.V2C, b"eva"): b"guests"}, entries,
                   [ALL, PART])


def reads(found: Vacm, model: int = Model.USM, name: bytes = b"eva", level: int = Level.AUTH_PRIV,
          context: bytes = b"") -> bytes | None:
    read = found.views_of(model, name, level, context).read
    return None if read is None else read.name


def test_without_a_group_an_entry_or_a_view_there_is_no_access() -> None:
    assert tables().views_of(Model.USM, b"eva", Level.AUTH_PRIV) == NO_VIEWS
    found = tables(Entry(b"crew", read=b"all", write=b"lost"))
    assert reads(found) == b"all"
    assert reads(found, name=b"tom") is None
    assert reads(found, Model.V1) is None
    views = found.views_of(Model.USM, b"eva", Level.AUTH_PRIV)
    assert (views.write, views.notify) == (None, None)


def test_an_entry_is_for_its_level_and_above() -> None:
    found = tables(Entry(b"crew", read=b"all", level=Level.AUTH_NO_PRIV))
    assert [reads(found, level=level) for level in Level] == [None, b"all", b"all"]


def test_an_entry_is_for_its_model_or_for_any() -> None:
    found = tables(Entry(b"crew", read=b"all", model=Model.V2C), Entry(b"guests", read=b"all"))
    assert reads(found) is None
    assert reads(found, Model.V2C) == b"all"


def test_a_context_is_matched_whole_or_by_its_beginning() -> None:
    whole = tables(Entry(b"crew", read=b"all", context=b"line"))
    begins = tables(Entry(b"crew", read=b"all", context=b"line", is_exact=False))
    assert [reads(whole, context=name) for name in (b"", b"line", b"line2")] == [None, b"all", None]
    assert [reads(begins, context=name) for name in (b"lin", b"line", b"line2")] \
        == [None, b"all", b"all"]


@pytest.mark.parametrize(("better", "worse"), [
    (Entry(b"crew", b"part", model=Model.USM, is_exact=False),
     Entry(b"crew", b"all", level=Level.AUTH_PRIV, context=b"line")),
    (Entry(b"crew", b"part", context=b"line"),
     Entry(b"crew", b"all", context=b"lin", is_exact=False, level=Level.AUTH_PRIV)),
    (Entry(b"crew", b"part", context=b"lin", is_exact=False),
     Entry(b"crew", b"all", context=b"l", is_exact=False, level=Level.AUTH_PRIV)),
    (Entry(b"crew", b"part", context=b"line", level=Level.AUTH_NO_PRIV),
     Entry(b"crew", b"all", context=b"line")),
])
def test_model_then_context_then_level_choose_among_entries(better: Entry, worse: Entry) -> None:
    assert reads(tables(better, worse), context=b"line") == b"part"
    assert reads(tables(worse, better), context=b"line") == b"part"
