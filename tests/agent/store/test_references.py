"""References: no name of a row that is not there, no row taken from under a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mibagent.errors import InconsistentValue, Refused
from tests.agent.store.kit import DESTROY, FIG, GO, PEAR, Rig, rows_of

LIKES_FIG = ("trialFavourite", b"fig")
NO_FIG = ("trialFruitRowStatus", DESTROY, FIG)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_name_of_no_row_is_refused(rig: Rig) -> None:
    refusal = rig.refusal(LIKES_FIG)
    assert type(refusal) is InconsistentValue
    assert (refusal.name, refusal.why) == ("trialFavourite", "trialFruitTable has no row fig")


def test_a_row_may_be_named_in_the_pdu_that_makes_it(rig: Rig) -> None:
    rig.change(LIKES_FIG, ("trialFruitRowStatus", GO, FIG), ("trialFruitColour", b"x", FIG))
    assert rig.store.get("trialFavourite") == b"fig"


def test_a_row_that_is_named_stays(rig: Rig) -> None:
    rig.make(FIG, PEAR)
    rig.change(LIKES_FIG)
    refusal = rig.refusal(NO_FIG)
    assert (refusal.name, refusal.index) == ("trialFruitRowStatus", FIG)
    assert "trialFavourite refers to it" in refusal.why
    rig.change(("trialFavourite", b"pear"))
    rig.change(NO_FIG)
    assert rows_of(rig.store, "trialFruitTable") == [PEAR]


def test_a_refusal_says_which_row_names_it(rig: Rig) -> None:
    rig.make(FIG, PEAR)
    rig.change(("trialFruitFriend", b"fig", PEAR))
    assert "trialFruitFriend[pear] refers to it" in rig.refusal(NO_FIG).why
    rig.change(("trialFruitRowStatus", DESTROY, PEAR))
    rig.change(NO_FIG)


def test_rows_that_name_each_other_go_together(rig: Rig) -> None:
    rig.make(FIG, PEAR)
    rig.change(("trialFruitFriend", b"fig", PEAR), ("trialFruitFriend", b"pear", FIG))
    assert isinstance(rig.refusal(NO_FIG), InconsistentValue)
    rig.change(NO_FIG, ("trialFruitRowStatus", DESTROY, PEAR))
    assert rows_of(rig.store, "trialFruitTable") == []


def test_a_row_that_names_itself_can_go(rig: Rig) -> None:
    rig.make(FIG)
    rig.change(("trialFruitFriend", b"fig", FIG))
    rig.change(NO_FIG)


def test_naming_and_destroying_in_one_pdu_is_refused(rig: Rig) -> None:
    rig.make(FIG)
    assert isinstance(rig.refusal(LIKES_FIG, NO_FIG), InconsistentValue)


def test_letting_go_and_destroying_in_one_pdu_is_well(rig: Rig) -> None:
    rig.make(FIG)
    rig.change(LIKES_FIG)
    rig.change(NO_FIG, ("trialFavourite", b""))


def test_a_name_that_is_only_queued_counts(rig: Rig) -> None:
    rig.make(FIG)
    rig.is_held = True
    rig.asked(LIKES_FIG)
    with pytest.raises(InconsistentValue):
        rig.prepared(NO_FIG)


def test_a_name_that_was_let_go_and_taken_again_in_the_queue_counts(rig: Rig) -> None:
    rig.make(FIG, PEAR)
    rig.change(LIKES_FIG)
    rig.is_held = True
    rig.asked(("trialFavourite", b"pear"))
    rig.settle()
    rig.asked(LIKES_FIG)
    rig.release()
    with pytest.raises(InconsistentValue):
        rig.prepared(NO_FIG)
    rig.release()
    with pytest.raises(InconsistentValue):
        rig.prepared(NO_FIG)


@pytest.mark.parametrize("ending", ["rolled back", "lost"])
def test_a_name_that_never_came_to_be_holds_nothing(rig: Rig, ending: str) -> None:
    rig.make(FIG)
    if ending == "rolled back":
        rig.prepared(LIKES_FIG).rollback()
    else:
        rig.broken = OSError("no")
        rig.asked(LIKES_FIG)
        rig.settle()
        rig.broken = None
    assert rig.store.references.of("trialFruitTable", FIG) == []
    rig.change(NO_FIG)


def test_a_lost_letting_go_leaves_the_name(rig: Rig) -> None:
    rig.make(FIG)
    rig.change(LIKES_FIG)
    rig.broken = OSError("no")
    rig.asked(("trialFavourite", b""))
    rig.settle()
    rig.broken = None
    assert isinstance(rig.refusal(NO_FIG), InconsistentValue)


def test_names_are_known_after_a_restart(rig: Rig) -> None:
    rig.make(FIG)
    rig.change(LIKES_FIG)
    rig.reopen()
    with pytest.raises(Refused):
        rig.prepared(NO_FIG)
    assert rig.store.references.of("trialFruitTable", FIG) == [("trialFavourite", ())]
