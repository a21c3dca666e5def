"""Volatile rows end with the process, unfinished ones after five minutes. RFC 2579 section 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from mibagent.store.storage import Storage
from mibagent.store.upkeep import UNFINISHED_S, Upkeep
from mibagent.store.wish import Wish
from tests.agent.store.kit import (
    ACTIVE,
    FIG,
    GO,
    PEAR,
    SUSPEND,
    WAIT,
    Rig,
    rows_of,
)

COLOUR = ("trialFruitColour", b"green", FIG)


class Kept(Rig):
    """A store with its upkeep, and a clock for both."""

    def open(self) -> None:
        super().open()
        self.clock = Clock()
        self.upkeep = Upkeep(self.store, self.clock.callLater, self.clock.seconds)

    def begin(self) -> None:
        """Start, as a unit does."""
        self.awaited(self.upkeep.start())

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.settle()

    def fruit(self) -> list[object]:
        return list(rows_of(self.store, "trialFruitTable"))


@pytest.fixture
def rig(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def parcel(rig: Rig, number: int, storage: Storage) -> None:
    rig.put(Wish("trialParcelRowStatus", (number,), GO),
            Wish("trialParcelContent", (number,), b"tea"),
            Wish("trialParcelStorageType", (number,), int(storage)))


def test_volatile_rows_are_gone_after_a_kill_and_all_others_stay(rig: Kept) -> None:
    for storage in Storage:
        parcel(rig, int(storage), storage)
    rig.reopen()
    rig.begin()
    assert rows_of(rig.store, "trialParcelTable") == [(1,), (3,), (4,), (5,)]
    rig.reopen()
    assert rows_of(rig.store, "trialParcelTable") == [(1,), (3,), (4,), (5,)]


def test_a_restart_in_the_same_process_ends_them_too(rig: Kept) -> None:
    parcel(rig, 2, Storage.VOLATILE)
    rig.begin()
    assert rows_of(rig.store, "trialParcelTable") == []


def test_a_row_that_was_volatile_and_is_not_any_more_stays(rig: Kept) -> None:
    rig.change(("trialParcelRowStatus", GO, (2,)), ("trialParcelContent", b"tea", (2,)),
               ("trialParcelStorageType", int(Storage.VOLATILE), (2,)))
    rig.change(("trialParcelStorageType", int(Storage.NON_VOLATILE), (2,)))
    rig.reopen()
    rig.begin()
    assert rig.store.get("trialParcelContent", (2,)) == b"tea"


def test_a_start_with_nothing_to_forget_writes_no_revision(rig: Kept) -> None:
    rig.begin()
    assert rig.store.audit() == []


def test_an_unfinished_row_goes_after_five_minutes(rig: Kept) -> None:
    rig.change(("trialFruitRowStatus", WAIT, FIG))
    rig.wait(UNFINISHED_S - 1)
    assert rig.fruit() == [FIG]
    rig.wait(1)
    assert rig.fruit() == []
    assert rig.store.audit()[0].principal == "system"
    assert not rig.clock.getDelayedCalls()


def test_working_on_it_begins_its_time_anew(rig: Kept) -> None:
    rig.change(("trialFruitRowStatus", WAIT, FIG))
    rig.wait(UNFINISHED_S - 1)
    rig.change(("trialCareWater", 9, FIG))
    rig.wait(UNFINISHED_S - 1)
    rig.change(("trialFruitPrice", 9, FIG))
    rig.wait(UNFINISHED_S - 1)
    assert rig.fruit() == [FIG]
    rig.wait(1)
    assert rig.fruit() == []


@pytest.mark.parametrize("last", [SUSPEND, ACTIVE])
def test_a_finished_row_stays_in_service_or_not(rig: Kept, last: int) -> None:
    rig.change(("trialFruitRowStatus", WAIT, FIG))
    rig.change(COLOUR, ("trialFruitRowStatus", last, FIG))
    rig.wait(10 * UNFINISHED_S)
    assert rig.fruit() == [FIG]


def test_each_row_has_its_own_time(rig: Kept) -> None:
    rig.change(("trialFruitRowStatus", WAIT, FIG))
    rig.wait(100)
    rig.change(("trialFruitRowStatus", WAIT, PEAR))
    rig.wait(UNFINISHED_S - 100)
    assert rig.fruit() == [PEAR]
    rig.wait(100)
    assert rig.fruit() == []


def test_after_a_kill_its_time_begins_anew(rig: Kept) -> None:
    rig.change(("trialFruitRowStatus", WAIT, FIG))
    rig.reopen()
    rig.begin()
    rig.wait(UNFINISHED_S - 1)
    assert rig.fruit() == [FIG]
    rig.wait(1)
    assert rig.fruit() == []


def test_a_row_that_is_just_being_finished_stays(rig: Kept) -> None:
    rig.change(("trialFruitRowStatus", WAIT, FIG))
    rig.is_held = True
    finishing = rig.asked(COLOUR, ("trialFruitRowStatus", ACTIVE, FIG))
    rig.turn()
    rig.clock.advance(UNFINISHED_S)
    rig.is_held = False
    rig.release()
    rig.settle()
    assert finishing.revision() is not None and rig.fruit() == [FIG]


def test_nothing_is_removed_once_it_has_stopped(rig: Kept) -> None:
    rig.change(("trialFruitRowStatus", WAIT, FIG))
    rig.upkeep.stop()
    rig.wait(10 * UNFINISHED_S)
    assert rig.fruit() == [FIG]
