"""RowStatus by RFC 2579's figure: as a table, and as whole transactions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mibagent.errors import (
    InconsistentName,
    InconsistentValue,
    NoCreation,
    Refused,
    WrongValue,
)
from mibagent.store.rows import FIGURE, Act, Status, next_status
from mibagent.store.wish import Wish
from tests.agent.store.kit import (
    ACTIVE,
    DESTROY,
    FIG,
    GO,
    NOT_READY,
    PEAR,
    SUSPEND,
    WAIT,
    Rig,
    rows_of,
)

COLOUR = ("trialFruitColour", b"green", FIG)
PRICE = ("trialFruitPrice", 7, FIG)


def status(value: int, index: tuple[bytes, ...] = FIG) -> tuple[Any, ...]:
    return ("trialFruitRowStatus", value, index)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def arrive(rig: Rig, state: int | None, complete: bool) -> None:
    """Bring fig into a state of the figure, its one column without a DEFVAL set or not."""
    if state is None:
        return
    assert complete or state == NOT_READY
    rig.change(status(WAIT))
    if complete:
        rig.change(COLOUR)
    if state == ACTIVE:
        rig.change(status(ACTIVE))


def state_of_fig(rig: Rig) -> int | None:
    return rig.store.get("trialFruitRowStatus", FIG) if FIG in rows_of(
        rig.store, "trialFruitTable") else None  # type: ignore[return-value]


# RFC 2579 section 2, RowStatus: columns A (does not exist), B (notReady), C (notInService),
# D (active) of the figure; each with the row lacking its column and with the PDU bringing it.
A, B, C, D = None, NOT_READY, SUSPEND, ACTIVE
YES, NO = True, False
CELLS: list[tuple[int | None, int, bool, Any]] = [
    # state, written, whether the same PDU brings what is lacking, outcome
    (A, GO, YES, ACTIVE),
    (A, GO, NO, InconsistentValue),
    (B, GO, YES, InconsistentValue),
    (B, GO, NO, InconsistentValue),
    (C, GO, NO, InconsistentValue),
    (D, GO, NO, InconsistentValue),
    (A, WAIT, NO, NOT_READY),
    (A, WAIT, YES, SUSPEND),
    (B, WAIT, NO, InconsistentValue),
    (B, WAIT, YES, InconsistentValue),
    (C, WAIT, NO, InconsistentValue),
    (D, WAIT, NO, InconsistentValue),
    (A, ACTIVE, NO, InconsistentValue),
    (A, ACTIVE, YES, InconsistentValue),
    (B, ACTIVE, NO, InconsistentValue),
    (B, ACTIVE, YES, ACTIVE),
    (C, ACTIVE, NO, ACTIVE),
    (D, ACTIVE, NO, ACTIVE),
    (A, SUSPEND, NO, InconsistentValue),
    (A, SUSPEND, YES, InconsistentValue),
    (B, SUSPEND, NO, InconsistentValue),
    (B, SUSPEND, YES, SUSPEND),
    (C, SUSPEND, NO, SUSPEND),
    (D, SUSPEND, NO, SUSPEND),
    (A, DESTROY, NO, None),
    (B, DESTROY, NO, None),
    (C, DESTROY, NO, None),
    (D, DESTROY, NO, None),
    (A, NOT_READY, NO, WrongValue),
    (B, NOT_READY, NO, WrongValue),
    (C, NOT_READY, NO, WrongValue),
    (D, NOT_READY, NO, WrongValue),
]


@pytest.mark.parametrize(("state", "written", "brings", "outcome"), CELLS)
@pytest.mark.parametrize("last", [False, True], ids=["status-first", "status-last"])
def test_each_cell_of_the_figure(
    rig: Rig, state: int | None, written: int, brings: bool, outcome: Any, last: bool
) -> None:
    arrive(rig, state, complete=state in (SUSPEND, ACTIVE))
    wishes = [status(written), *([COLOUR] if brings else [])]
    if last:
        wishes.reverse()
    if isinstance(outcome, type):
        refusal = rig.refusal(*wishes)
        assert type(refusal) is outcome
        assert (refusal.name, refusal.index) == ("trialFruitRowStatus", FIG)
        assert state_of_fig(rig) == state
    else:
        rig.change(*wishes)
        assert state_of_fig(rig) == outcome


def test_the_tests_cover_the_figure() -> None:
    tried = {(Act(written), None if state is None else Status(state))
             for state, written, _, _ in CELLS}
    assert tried == {cell for cell in FIGURE if cell[0] is not Act.COLUMNS}


@pytest.mark.parametrize(("state", "outcome"), [
    (A, InconsistentName), (B, SUSPEND), (C, SUSPEND), (D, ACTIVE)])
def test_columns_set_by_themselves(rig: Rig, state: int | None, outcome: Any) -> None:
    arrive(rig, state, complete=state in (SUSPEND, ACTIVE))
    if isinstance(outcome, type):
        refusal = rig.refusal(PRICE, COLOUR)
        assert (type(refusal), refusal.name) == (outcome, "trialFruitPrice")
    else:
        rig.change(PRICE, COLOUR)
        assert state_of_fig(rig) == outcome
        assert rig.store.get("trialFruitPrice", FIG) == 7


def test_a_column_with_a_default_makes_no_row_ready(rig: Rig) -> None:
    rig.change(status(WAIT))
    rig.change(PRICE)
    assert state_of_fig(rig) == NOT_READY


def test_a_row_in_one_pdu_takes_its_varbinds_in_any_order(rig: Rig) -> None:
    rig.change(PRICE, ("trialCareWater", 9, FIG), status(GO), COLOUR)
    assert [rig.store.get(name, FIG) for name in (
        "trialFruitName", "trialFruitColour", "trialFruitPrice", "trialCareWater")] \
        == [b"fig", b"green", 7, 9]


def test_a_row_in_many_pdus(rig: Rig) -> None:
    rig.change(status(WAIT))
    rig.change(PRICE)
    assert isinstance(rig.refusal(status(ACTIVE)), InconsistentValue)
    rig.change(COLOUR)
    assert state_of_fig(rig) == SUSPEND
    rig.change(status(ACTIVE))
    assert state_of_fig(rig) == ACTIVE


def test_one_wrong_column_makes_no_row(rig: Rig) -> None:
    refusal = rig.refusal(status(GO), COLOUR, ("trialFruitPrice", 1001, FIG))
    assert (type(refusal), refusal.name) == (WrongValue, "trialFruitPrice")
    assert rows_of(rig.store, "trialFruitTable") == []


def test_a_varbind_given_twice_counts_once(rig: Rig) -> None:
    rig.change(status(GO), COLOUR, status(GO), ("trialFruitColour", b"blue", FIG))
    assert rig.store.get("trialFruitColour", FIG) == b"blue"


def test_two_rows_in_one_pdu_stand_or_fall_together(rig: Rig) -> None:
    refusal = rig.refusal(status(GO), COLOUR, status(GO, PEAR))
    assert (refusal.name, refusal.index) == ("trialFruitRowStatus", PEAR)
    rig.change(status(GO), COLOUR, status(GO, PEAR), ("trialFruitColour", b"red", PEAR))
    assert rows_of(rig.store, "trialFruitTable") == [FIG, PEAR]


def test_destroy_takes_columns_of_the_same_pdu_with_it(rig: Rig) -> None:
    rig.make(FIG)
    rig.change(PRICE, status(DESTROY))
    assert rows_of(rig.store, "trialFruitTable") == []
    rig.make(FIG)
    assert rig.store.get("trialFruitPrice", FIG) == 5


def test_destroying_no_row_is_no_change(rig: Rig) -> None:
    assert rig.change(status(DESTROY)) is None


def test_a_bad_key_names_no_row_that_could_be(rig: Rig) -> None:
    for index in ((b"",), (b"x" * 65,), (b"\xff",), (3,), (b"a", b"b"), ()):
        refusal = rig.refusal(("trialFruitRowStatus", GO, index))
        assert type(refusal) is NoCreation, index


# -- companions

def test_companions_come_and_go_with_their_row(rig: Rig) -> None:
    care = rig.model.tables["trialCareTable"]
    assert not rig.store.has_row(care, FIG)
    rig.make(FIG)
    assert rig.store.has_row(care, FIG) and rig.store.get("trialCareWater", FIG) == 3
    assert rig.store.get("trialCareFruitName", FIG) == b"fig"
    rig.change(("trialCareWater", 8, FIG), ("trialCareNote", b"dry", FIG))
    rig.change(status(DESTROY))
    assert not rig.store.has_row(care, FIG)
    rig.make(FIG)
    assert (rig.store.get("trialCareWater", FIG), rig.store.get("trialCareNote", FIG)) == (3, b"")
    rig.reopen()
    assert (rig.store.get("trialCareWater", FIG), rig.store.get("trialCareNote", FIG)) == (3, b"")


def test_a_companion_of_no_row_is_not_made(rig: Rig) -> None:
    refusal = rig.refusal(("trialCareWater", 8, FIG))
    assert (type(refusal), refusal.name, refusal.index) == (InconsistentName, "trialCareWater", FIG)


def test_a_companion_s_columns_leave_the_state_of_the_row(rig: Rig) -> None:
    rig.change(status(WAIT))
    rig.change(("trialCareWater", 8, FIG))
    assert state_of_fig(rig) == NOT_READY


# -- fixed rows

def test_fixed_rows_are_there_and_no_others_can_be_made(rig: Rig) -> None:
    rig.store.give_fixed("trialShelfTable", [(1,), (2,)])
    assert rows_of(rig.store, "trialShelfTable") == [(1,), (2,)]
    rig.change(("trialShelfLabel", b"top", (2,)))
    assert rig.store.get("trialShelfLabel", (2,)) == b"top"
    assert rig.store.get("trialShelfLabel", (1,)) == b""
    assert type(rig.refusal(("trialShelfLabel", b"x", (3,)))) is NoCreation
    assert type(rig.refusal(("trialShelfLabel", b"x", (21,)))) is NoCreation


def test_a_fixed_row_that_is_gone_keeps_its_values(rig: Rig) -> None:
    rig.store.give_fixed("trialShelfTable", [(1,), (2,)])
    rig.change(("trialShelfLabel", b"top", (2,)))
    rig.reopen()
    rig.store.give_fixed("trialShelfTable", [(1,)])
    assert rows_of(rig.store, "trialShelfTable") == [(1,)]
    rig.reopen()
    rig.store.give_fixed("trialShelfTable", [(1,), (2,)])
    assert rig.store.get("trialShelfLabel", (2,)) == b"top"


# -- rows that the unit makes

def test_only_the_unit_makes_its_rows_and_others_may_destroy_them(rig: Rig) -> None:
    rig.store.unit_made.add("trialFruitTable")
    assert type(rig.refusal(status(GO), COLOUR)) is NoCreation
    rig.put(Wish("trialFruitRowStatus", FIG, GO), Wish("trialFruitColour", FIG, b"red"))
    rig.change(PRICE)
    assert type(rig.refusal(status(SUSPEND))) is WrongValue
    assert rig.change(status(ACTIVE)) is None
    rig.change(status(ACTIVE), ("trialFruitPrice", 11, FIG))
    assert rig.store.get("trialFruitPrice", FIG) == 11
    rig.change(status(DESTROY))
    assert rows_of(rig.store, "trialFruitTable") == []


# -- the figure itself

def test_the_figure_is_whole() -> None:
    states = (None, Status.NOT_READY, Status.NOT_IN_SERVICE, Status.ACTIVE)
    assert set(FIGURE) == {(act, state) for act in Act for state in states}


def test_a_refusal_of_the_figure_names_the_row_and_says_why() -> None:
    with pytest.raises(Refused) as caught:
        next_status(Act.CREATE_AND_GO, None, lambda: False, "trialFruitRowStatus", FIG)
    assert str(caught.value) == (
        "trialFruitRowStatus[fig]: a column without a default has no value")
