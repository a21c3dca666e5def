"""Rows that follow from parameters stand beside the stored ones, and nobody writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mibagent.errors import NoSuchName, NotWritable
from tests.agent.store.kit import DESTROY, FIG, GO, PEAR, SUSPEND, Recorder, Rig, rows_of

FRUIT = "trialFruitTable"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.make(PEAR)
    rig.store.follow(FRUIT).add("fig", {
        "trialFruitColour": b"blue", "trialFruitRecipe": b"jam", "trialFruitRowStatus": 1})
    yield rig
    rig.journal.close()


def test_it_is_read_like_any_other(rig: Rig) -> None:
    assert rows_of(rig.store, FRUIT) == [FIG, PEAR]
    assert rig.store.has_row(rig.model.tables[FRUIT], FIG)
    assert rig.store.get("trialFruitColour", FIG) == b"blue"
    assert rig.store.get("trialFruitRowStatus", FIG) == 1


def test_what_it_leaves_out_is_the_default_and_a_secret_is_not_shown(rig: Rig) -> None:
    assert rig.store.get("trialFruitPrice", FIG) == rig.model["trialFruitPrice"].default
    assert rig.store.get("trialFruitRecipe", FIG) == b""
    rig.store.follow(FRUIT).add("nut", {})
    with pytest.raises(NoSuchName):
        rig.store.get("trialFruitRowStatus", (b"nut",))


@pytest.mark.parametrize("wish", [
    ("trialFruitColour", b"red", FIG), ("trialFruitRowStatus", DESTROY, FIG),
    ("trialFruitRowStatus", SUSPEND, FIG), ("trialFruitRowStatus", GO, FIG)])
def test_nobody_writes_it(rig: Rig, wish: tuple[str, object, object]) -> None:
    refusal = rig.refusal(wish)
    assert isinstance(refusal, NotWritable)
    assert "follows from parameters" in refusal.why


def test_its_coming_and_going_is_told_and_leaves_nothing_behind(rig: Rig) -> None:
    recorder = Recorder(rig.store)
    rows = rig.store.follow(FRUIT)
    rows.remove("fig")
    rows.add("nut", {"trialFruitColour": b"brown"})
    assert recorder.told == [("removed", FRUIT, FIG), ("added", FRUIT, (b"nut",))]
    rig.reopen()
    assert rows_of(rig.store, FRUIT) == [PEAR]


def test_one_that_is_stored_too_is_there_once(rig: Rig) -> None:
    rig.store.follow(FRUIT).add("pear", {"trialFruitColour": b"yellow"})
    assert rows_of(rig.store, FRUIT) == [FIG, PEAR]
    assert rig.store.get("trialFruitColour", PEAR) == b"yellow"
