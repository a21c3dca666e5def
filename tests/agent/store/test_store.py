"""The store: what reads give, the queue of commits, and going back."""

from __future__ import annotations

import gc
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from mibagent.errors import (
    InconsistentName,
    InconsistentValue,
    Index,
    LocalError,
    NoSuchName,
    ResourceUnavailable,
)
from mibagent.store.store import SYSTEM
from mibagent.store.transaction import State
from mibagent.store.wish import Wish
from tests.agent.store.kit import (
    ACTIVE,
    DESTROY,
    FIG,
    GO,
    PEAR,
    SUSPEND,
    USER,
    WAIT,
    Outcome,
    Recorder,
    Rig,
    files_of,
    rows_of,
    state_of,
    trial,
)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


# -- reading

def test_what_was_never_set_is_its_default(rig: Rig) -> None:
    get = rig.store.get
    assert [get(name) for name in (
        "trialGreeting", "trialLimit", "trialLevel", "trialLock", "trialPlace", "trialAddress",
        "trialUptime")] == [b"hello", 10, 200, 0, (0, 0), bytes(4), 0]


@pytest.mark.parametrize(("name", "index"), [
    ("trialNothing", ()), ("trialGreeting", (1,)), ("trialFruitPrice", FIG),
    ("trialFruitPrice", ()), ("trialCareWater", FIG), ("trialShelfLabel", (1,)),
    ("trialReset", (1,)), ("trialShelfEmpty", (1,)), ("trialUptime", (1,)),
    ("trialStallVisitors", (b"nuts",))])
def test_what_is_not_there_has_no_name(rig: Rig, name: str, index: Index) -> None:
    rig.store.provide("trialUptime", lambda _: 1)
    rig.store.provide("trialStallVisitors", lambda _: 1)
    with pytest.raises(NoSuchName):
        rig.store.get(name, index)


def test_a_column_without_a_value_is_not_there_yet(rig: Rig) -> None:
    rig.change(("trialFruitRowStatus", WAIT, FIG))
    with pytest.raises(NoSuchName):
        rig.store.get("trialFruitColour", FIG)


def test_every_kind_of_value_comes_back_after_a_restart(rig: Rig) -> None:
    wishes: list[tuple[Any, ...]] = [
        ("trialGreeting", "grüß".encode()), ("trialLimit", 100), ("trialLevel", 300),
        ("trialPlace", (1, 3, 6, 4294967295)), ("trialAddress", bytes([192, 0, 2, 255]))]
    rig.change(*wishes)
    rig.make(FIG, PEAR)
    rig.change(("trialFruitFriend", b"pear", FIG), ("trialFruitRowStatus", SUSPEND, FIG))
    rig.reopen()
    for name, value in wishes:
        assert rig.store.get(name) == value
    assert rig.store.get("trialFruitFriend", FIG) == b"pear"
    assert rig.store.get("trialFruitRowStatus", FIG) == SUSPEND


def test_a_provider_answers_and_is_not_kept(rig: Rig) -> None:
    rig.store.provide("trialUptime", lambda _: 42)
    assert rig.store.get("trialUptime") == 42
    assert not rig.store.is_kept(rig.model["trialUptime"])
    assert rig.store.is_kept(rig.model["trialGreeting"])
    with pytest.raises(LocalError, match="two providers"):
        rig.store.provide("trialUptime", lambda _: 43)


# -- telling

def test_listeners_hear_of_rows_first_and_then_of_their_columns(rig: Rig) -> None:
    recorder = Recorder(rig.store)
    rig.make(FIG)
    assert recorder.told == [
        ("added", "trialFruitTable", FIG), ("added", "trialCareTable", FIG),
        ("changed", "trialFruitColour", FIG)]
    recorder.told.clear()
    rig.change(("trialFruitRowStatus", SUSPEND, FIG))
    assert recorder.told == [("changed", "trialFruitRowStatus", FIG)]
    recorder.told.clear()
    rig.change(("trialFruitRowStatus", DESTROY, FIG))
    assert [each for each in recorder.told if each[0] == "removed"] == [
        ("removed", "trialFruitTable", FIG), ("removed", "trialCareTable", FIG)]


def test_listeners_hear_of_aliases(rig: Rig) -> None:
    rig.store.aliases["sysGreeting"] = "trialGreeting"
    recorder = Recorder(rig.store)
    rig.change(("trialGreeting", b"x"))
    assert recorder.told == [("changed", "trialGreeting", ()), ("changed", "sysGreeting", ())]


def test_note_comes_before_the_answer_and_react_a_turn_after(rig: Rig) -> None:
    recorder = Recorder(rig.store)
    outcome = rig.asked(("trialGreeting", b"x"))
    assert outcome.is_open
    rig.turn()
    assert not outcome.is_open and len(recorder.noted) == 1 and recorder.reacted == []
    rig.turn()
    assert len(recorder.reacted) == 1


def test_one_that_breaks_holds_up_nobody(rig: Rig) -> None:
    class Broken(Recorder):
        def changed(self, name: str, index: Index) -> None:
            raise ZeroDivisionError

        note = react = lambda self, revision: 1 / 0  # type: ignore[assignment]

    Broken(rig.store)
    recorder = Recorder(rig.store)
    rig.change(("trialGreeting", b"x"))
    rig.change(("trialGreeting", b"y"))
    assert (len(recorder.told), len(recorder.noted), len(recorder.reacted)) == (2, 2, 2)


# -- the queue

def test_reads_give_what_is_down_and_new_wishes_build_on_what_is_queued(rig: Rig) -> None:
    rig.is_held = True
    first = rig.asked(("trialFruitRowStatus", GO, FIG), ("trialFruitColour", b"green", FIG))
    second = rig.asked(("trialFruitPrice", 7, FIG))
    rig.settle()
    assert first.is_open and second.is_open
    assert rows_of(rig.store, "trialFruitTable") == []
    assert rig.store.tip.cell("trialFruitPrice", FIG) == 7
    rig.release()
    assert rig.store.get("trialFruitPrice", FIG) == 7
    assert first.revision() and second.revision()
    assert rig.store.tip.cells == {}


def test_commits_of_one_turn_are_one_batch(rig: Rig) -> None:
    outcomes = [rig.asked(("trialLimit", number)) for number in range(1, 33)]
    rig.settle()
    assert rig.calls == 1
    assert [revision.number for outcome in outcomes if (revision := outcome.revision())] \
        == sorted(line.number for line in rig.store.audit())
    assert rig.store.get("trialLimit") == 32


def test_what_comes_while_a_batch_is_written_is_the_next_batch(rig: Rig) -> None:
    rig.is_held = True
    rig.asked(("trialLimit", 1))
    rig.settle()
    others = [rig.asked(("trialLimit", number)) for number in range(2, 30)]
    rig.settle()
    assert rig.calls == 1
    rig.release()
    rig.release()
    assert rig.calls == 2
    assert all(not other.is_open for other in others)


def test_a_full_disk_refuses_all_that_is_queued_and_changes_nothing(rig: Rig) -> None:
    rig.change(("trialGreeting", b"before"))
    recorder = Recorder(rig.store)
    before = state_of(rig.store)
    rig.is_held = True
    first = rig.asked(("trialGreeting", b"a"), ("trialLimit", 3))
    rig.settle()
    behind = rig.asked(("trialGreeting", b"b"), ("trialLevel", 300))
    rig.broken = OSError("No space left on device")
    rig.release()
    for outcome in (first, behind):
        with pytest.raises(ResourceUnavailable, match="No space left") as caught:
            outcome.revision()
        assert caught.value.name == "trialGreeting"
    assert state_of(rig.store) == before
    assert (recorder.told, recorder.noted) == ([], [])
    rig.broken, rig.is_held = None, False
    rig.change(("trialGreeting", b"c"))
    rig.reopen()
    assert (rig.store.get("trialGreeting"), rig.store.get("trialLimit")) == (b"c", 10)


def test_a_lost_batch_is_nobody_s_change(rig: Rig) -> None:
    slow = rig.store.begin(USER)
    slow.set("trialGreeting", (), b"slow")
    rig.broken = OSError("no")
    lost = rig.asked(("trialGreeting", b"a"))
    rig.settle()
    with pytest.raises(ResourceUnavailable):
        lost.revision()
    rig.broken = None
    slow.prepare()
    rig.awaited(slow.commit())
    assert rig.store.get("trialGreeting") == b"slow"


def test_a_lost_batch_does_not_hide_a_change_before_it(rig: Rig) -> None:
    slow = rig.store.begin(USER)
    slow.set("trialGreeting", (), b"slow")
    rig.change(("trialGreeting", b"quick"))
    rig.broken = OSError("no")
    for value in (b"a", b"b"):
        rig.asked(("trialGreeting", value))
    rig.settle()
    rig.broken = None
    with pytest.raises(InconsistentValue):
        slow.prepare()


@pytest.mark.parametrize("goes_on", [True, False])
def test_the_tip_may_fall_from_under_a_prepared_transaction(rig: Rig, goes_on: bool) -> None:
    rig.is_held = True
    rig.asked(("trialLimit", 3))
    rig.settle()
    prepared = rig.prepared(("trialLimit", 4), ("trialGreeting", b"x"))
    rig.broken = OSError("no")
    rig.release()
    if goes_on:
        outcome = Outcome(prepared.commit())
        with pytest.raises(ResourceUnavailable) as caught:
            outcome.revision()
        assert caught.value.name == "trialLimit"
    else:
        prepared.rollback()
    assert rig.store.tip.cells == {}
    rig.broken, rig.is_held = None, False
    rig.change(("trialLimit", 5))
    assert (rig.store.get("trialLimit"), rig.store.get("trialGreeting")) == (5, b"hello")


def test_a_prepared_transaction_outlives_the_batch_before_it(rig: Rig) -> None:
    for ending in ("commit", "rollback"):
        rig.is_held = True
        rig.asked(("trialLimit", 3))
        rig.settle()
        prepared = rig.prepared(("trialLimit", 4))
        rig.release()
        rig.is_held = False
        if ending == "commit":
            rig.awaited(prepared.commit())
            assert rig.store.get("trialLimit") == 4
        else:
            prepared.rollback()
            assert rig.store.get("trialLimit") == 3
        assert rig.store.tip.cells == {}


def test_no_change_is_answered_only_once_what_it_agrees_with_is_down(rig: Rig) -> None:
    rig.is_held = True
    rig.asked(("trialLimit", 3))
    same = rig.asked(("trialLimit", 3))
    rig.settle()
    late = rig.asked(("trialLimit", 3))
    assert same.is_open and late.is_open
    rig.release()
    assert same.revision() is None and late.revision() is None
    assert len(rig.store.audit()) == 1


def test_no_change_on_what_is_lost_is_lost(rig: Rig) -> None:
    rig.is_held, rig.broken = True, OSError("no")
    rig.asked(("trialLimit", 3))
    rig.settle()
    same = rig.asked(("trialLimit", 3))
    rig.release()
    with pytest.raises(ResourceUnavailable):
        same.revision()


def test_idle_is_when_all_is_down(rig: Rig) -> None:
    assert not Outcome(rig.store.idle()).is_open
    rig.is_held = True
    rig.asked(("trialLimit", 3))
    idle = Outcome(rig.store.idle())
    rig.settle()
    assert idle.is_open
    rig.release()
    assert not idle.is_open


def test_who_hears_of_a_refusal_may_ask_again_at_once(rig: Rig) -> None:
    rig.broken = OSError("no")
    done = rig.prepared(("trialLimit", 3)).commit()
    again: list[Outcome] = []

    def ask_again(_: object) -> None:
        rig.broken = None
        again.append(rig.asked(("trialLimit", 4)))

    done.addErrback(ask_again)  # type: ignore[attr-defined]
    rig.settle()
    assert again[0].revision()
    assert rig.store.get("trialLimit") == 4


# -- secrets

def test_a_secret_is_in_no_file_and_no_audit(rig: Rig) -> None:
    rig.change(("trialPassword", b"open sesame"), ("trialGreeting", b"plain text"))
    rig.change(("trialPassword", b"shut sesame"))
    rig.make(FIG)
    rig.change(("trialFruitRecipe", b"figs, sesame", FIG))
    rig.change(("trialBakeRowStatus", WAIT, (1,)), ("trialBakeToken", b"token sesame", (1,)))
    assert b"plain text" in files_of(rig.folder)
    assert b"sesame" not in files_of(rig.folder)
    shown = {(name, old, new) for line in rig.store.audit()
             for name, _, old, new in line.changes}
    assert ("trialPassword", "", "********") in shown
    assert ("trialPassword", "********", "********") in shown
    assert ("trialGreeting", "", "plain text") in shown
    assert ("trialBakeToken", "********", "********") in shown
    assert "sesame" not in str(shown)
    rig.reopen()
    assert b"sesame" not in files_of(rig.folder)
    assert rig.store.configured.cell("trialPassword", ()) == b"shut sesame"
    assert rig.store.configured.cell("trialFruitRecipe", FIG) == b"figs, sesame"


def test_of_a_derived_secret_only_the_figure_is_kept(rig: Rig) -> None:
    rig.store.derive["trialHashed"] = lambda plain: b"hash of " + plain[::-1]
    rig.is_held = True
    outcome = rig.asked(("trialHashed", b"sesame"))
    rig.settle()
    assert rig.store.configured.cell("trialHashed", ()) is None
    rig.release()
    rig.release()
    revision = outcome.revision()
    assert revision is not None
    assert rig.store.configured.cell("trialHashed", ()) == b"hash of emases"
    assert b"sesame" not in repr(revision).encode()
    rig.reopen()
    assert rig.store.configured.cell("trialHashed", ()) == b"hash of emases"


def test_what_is_kept_of_a_secret_can_be_put_as_it_is(rig: Rig) -> None:
    rig.store.derive["trialHashed"] = lambda plain: b"hash of " + plain
    rig.put(Wish("trialHashed", (), b"hash of old", raw=True))
    assert rig.store.configured.cell("trialHashed", ()) == b"hash of old"


# -- confirm or roll back

def test_an_unconfirmed_change_is_taken_back_whole(rig: Rig) -> None:
    rig.make(PEAR)
    rig.change(("trialPassword", b"old"))
    before = state_of(rig.store)[:2]
    revision = rig.change(
        ("trialPassword", b"new"), ("trialGreeting", b"x"), ("trialFruitRowStatus", DESTROY, PEAR),
        ("trialFruitRowStatus", GO, FIG), ("trialFruitColour", b"green", FIG), confirm_within=60)
    assert revision is not None and revision.confirm_by == 1060.0
    assert rig.store.pending == {revision.number: 1060.0}
    undo = rig.awaited(rig.store.take_back(revision.number))
    assert undo.undoes == revision.number and undo.principal == SYSTEM
    assert state_of(rig.store)[:2] == before
    assert rig.store.pending == {}
    rig.reopen()
    assert (state_of(rig.store)[:2], rig.store.pending) == (before, {})
    assert rig.store.audit()[0].undoes == revision.number


def test_the_deadline_outlives_the_process(rig: Rig) -> None:
    rig.change(("trialPassword", b"old"))
    revision = rig.change(("trialPassword", b"new"), confirm_within=60)
    assert revision is not None
    rig.reopen()
    assert rig.store.pending == {revision.number: 1060.0}
    rig.awaited(rig.store.take_back(revision.number))
    assert rig.store.configured.cell("trialPassword", ()) == b"old"
    rig.reopen()
    assert rig.store.configured.cell("trialPassword", ()) == b"old"
    assert rig.store.pending == {}


def test_a_first_password_is_taken_back_to_none(rig: Rig) -> None:
    rig.store.derive["trialHashed"] = lambda plain: b"hash of " + plain
    revision = rig.change(("trialHashed", b"new"), confirm_within=60)
    assert revision is not None
    rig.reopen()
    rig.awaited(rig.store.take_back(revision.number))
    assert not rig.store.has_secret("trialHashed")


def test_what_somebody_changed_since_stays(rig: Rig) -> None:
    revision = rig.change(("trialGreeting", b"x"), ("trialLimit", 3), confirm_within=60)
    assert revision is not None
    rig.change(("trialGreeting", b"y"))
    rig.awaited(rig.store.take_back(revision.number))
    assert (rig.store.get("trialGreeting"), rig.store.get("trialLimit")) == (b"y", 10)


def test_when_all_was_changed_since_nothing_waits_any_more(rig: Rig) -> None:
    revision = rig.change(("trialGreeting", b"x"), confirm_within=60)
    assert revision is not None
    rig.change(("trialGreeting", b"y"))
    assert rig.awaited(rig.store.take_back(revision.number)) is None
    assert rig.store.pending == {}
    rig.reopen()
    assert rig.store.pending == {}


def test_a_confirmed_change_waits_no_more(rig: Rig) -> None:
    revision = rig.change(("trialGreeting", b"x"), confirm_within=60)
    assert revision is not None
    rig.broken = OSError("no")
    with pytest.raises(OSError):
        rig.awaited(rig.store.confirm(revision.number))
    assert rig.store.pending
    rig.broken = None
    rig.awaited(rig.store.confirm(revision.number))
    assert rig.store.pending == {}
    rig.reopen()
    assert rig.store.pending == {}


def test_a_row_that_somebody_has_changed_since_stays_whole(rig: Rig) -> None:
    revision = rig.change(
        ("trialFruitRowStatus", GO, FIG), ("trialFruitColour", b"green", FIG),
        ("trialCareWater", 9, FIG), ("trialGreeting", b"x"), confirm_within=60)
    assert revision is not None
    rig.change(("trialFruitPrice", 7, FIG))
    rig.awaited(rig.store.take_back(revision.number))
    assert [rig.store.get(name, FIG) for name in (
        "trialFruitRowStatus", "trialFruitColour", "trialFruitPrice", "trialCareWater")] \
        == [ACTIVE, b"green", 7, 9]
    assert rig.store.get("trialGreeting") == b"hello"


def test_a_row_that_was_made_anew_since_is_not_mixed_with_the_old(rig: Rig) -> None:
    rig.make(FIG)
    rig.change(("trialFruitPrice", 7, FIG))
    revision = rig.change(("trialFruitRowStatus", DESTROY, FIG), confirm_within=60)
    assert revision is not None
    rig.make(FIG, colour=b"violet")
    rig.awaited(rig.store.take_back(revision.number))
    assert rig.store.get("trialFruitPrice", FIG) == 5


def test_no_column_comes_back_without_its_row(rig: Rig) -> None:
    rig.make(FIG)
    rig.change(("trialFruitPrice", 7, FIG))
    revision = rig.change(("trialFruitPrice", 5, FIG), confirm_within=60)
    assert revision is not None
    rig.change(("trialFruitRowStatus", DESTROY, FIG))
    assert rig.awaited(rig.store.take_back(revision.number)) is None
    rig.make(FIG)
    assert rig.store.get("trialFruitPrice", FIG) == 5


def test_what_the_mibs_no_longer_know_does_not_keep_the_rest_from_going_back(rig: Rig) -> None:
    revision = rig.change(("trialGreeting", b"x"), ("trialLimit", 3), confirm_within=60)
    assert revision is not None
    rig.reopen(trial(("trialLimit", "trialBound")))
    rig.awaited(rig.store.take_back(revision.number))
    assert rig.store.get("trialGreeting") == b"hello"
    assert rig.store.pending == {}


# -- other MIBs, other formats

def test_values_of_unknown_objects_are_set_aside_and_come_back(rig: Rig) -> None:
    rig.store.hidden["trialSealTable"] = ("trialSeal@key",)
    rig.put(Wish("trialSealRowStatus", (b"k",), GO), Wish("trialSeal@key", (b"k",), b"sealed"))
    rig.change(("trialLimit", 90), ("trialGreeting", b"x"))
    known = rig.model
    rig.reopen(trial(("trialLimit", "trialBound"), ("trialSeal", "trialStamp"),
                     ("TrialSeal", "TrialStamp")))
    assert [text.partition(":")[0] for text in rig.store.set_aside] \
        == ["trialLimit", "trialSeal@key.1.107", "trialSealRowStatus.1.107"]
    assert rig.store.get("trialGreeting") == b"x"
    rig.change(("trialGreeting", b"y"))
    rig.reopen(known)
    assert rig.store.set_aside == []
    assert (rig.store.get("trialLimit"), rig.store.get("trialGreeting")) == (90, b"y")
    assert rig.store.configured.cell("trialSeal@key", (b"k",)) == b"sealed"


def test_values_that_the_mib_refuses_now_are_set_aside_and_come_back(rig: Rig) -> None:
    rig.change(("trialLimit", 90))
    known = rig.model
    rig.reopen(trial(("Unsigned32 (1..100)", "Unsigned32 (1..50)")))
    (aside,) = rig.store.set_aside
    assert aside.startswith("trialLimit: ") and "1..50" in aside
    assert rig.store.get("trialLimit") == 10
    rig.reopen(known)
    assert (rig.store.set_aside, rig.store.get("trialLimit")) == ([], 90)


def test_a_value_that_is_set_anew_replaces_what_was_set_aside(rig: Rig) -> None:
    rig.change(("trialLimit", 90))
    known = rig.model
    rig.reopen(trial(("Unsigned32 (1..100)", "Unsigned32 (1..50)")))
    rig.change(("trialLimit", 20))
    rig.reopen(known)
    assert rig.store.get("trialLimit") == 20


def test_what_a_row_left_behind_is_not_in_its_successor(rig: Rig) -> None:
    rig.make(FIG)
    rig.journal.close()
    with sqlite3.connect(rig.folder / "unit.db") as database:
        database.execute("INSERT INTO value VALUES (?, 'trialFruitPrice', '4.112.101.97.114',"
                         " 7, 0)", (rig.unit,))
    rig.open()
    rig.make(PEAR)
    assert rig.store.get("trialFruitPrice", PEAR) == 5
    rig.reopen()
    assert rig.store.get("trialFruitPrice", PEAR) == 5


# -- what else it keeps

def test_it_remembers_beside_its_configuration(rig: Rig) -> None:
    rig.awaited(rig.store.remember({"boots": b"3", "gone": b"x"}))
    rig.awaited(rig.store.remember({"gone": None}))
    rig.reopen()
    assert rig.store.memory == {"boots": b"3"}
    assert rig.store.audit() == []


def test_the_audit_says_who_when_and_by_which_door(rig: Rig) -> None:
    rig.change(("trialGreeting", b"x"), who=USER)
    rig.now = 2000.0
    rig.change(("trialGreeting", b"y"))
    newest, oldest = rig.store.audit()
    assert (oldest.principal, oldest.northbound, oldest.peer, oldest.at) \
        == ("ulf", "snmp", "192.0.2.2", 1000.0)
    assert (newest.principal, newest.at, newest.changes) \
        == ("ada", 2000.0, (("trialGreeting", "", "x", "y"),))


def test_a_snapshot_stays_as_it_is(rig: Rig) -> None:
    rig.make(FIG)
    frozen = rig.store.snapshot()
    rig.change(("trialGreeting", b"x"))
    rig.change(("trialFruitPrice", 9, FIG), ("trialCareWater", 9, FIG))
    rig.make(PEAR)
    fruit = rig.model.tables["trialFruitTable"]
    assert list(frozen.rows(fruit)) == [FIG]
    assert frozen.cell("trialFruitPrice", FIG) is frozen.cell("trialCareWater", FIG) is None
    assert frozen.scalars == {}
    newer = rig.store.snapshot()
    rig.change(("trialFruitRowStatus", DESTROY, FIG))
    assert list(newer.rows(fruit)) == [FIG, PEAR] and list(frozen.rows(fruit)) == [FIG]
    assert newer.cell("trialFruitPrice", FIG) == 9


# -- what it costs

def test_a_set_costs_the_same_in_a_table_of_10_and_of_100_000_rows(tmp_path: Path) -> None:
    costs = []
    for count in (10, 100_000):
        (tmp_path / str(count)).mkdir()
        rig = Rig(tmp_path / str(count))
        rig.change(("trialGreeting", b"x"))
        put = rig.store.configured.put
        for number in range(count):
            put("trialRuleRowStatus", (number + 1,), ACTIVE)
        costs.append([
            _cost(rig, ("trialGreeting", b"y")),
            _cost(rig, ("trialRuleAction", 200, (5,))),
            _cost(rig, ("trialRuleRowStatus", GO, (200_000,))),
            _cost(rig, ("trialRuleRowStatus", DESTROY, (5,))),
            _cost(rig, ("trialRuleAction", 200, (6,)), ("trialRuleRowStatus", DESTROY, (7,)))])
    assert costs[0] == costs[1]


def _cost(rig: Rig, *wishes: tuple[Any, ...]) -> tuple[int, int]:
    """Give how many lines of Python a change runs, and how many calls it makes."""
    lines = calls = 0

    def count(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines, calls
        lines += event == "line"
        calls += event == "call"
        return count

    before = sys.gettrace()
    gc.disable()                # its callbacks are lines of Python too
    sys.settrace(count)
    try:
        rig.change(*wishes)
    finally:
        sys.settrace(before)
        gc.enable()
    return lines, calls


def test_a_refused_prepare_is_rolled_back(rig: Rig) -> None:
    transaction = rig.store.begin(USER)
    transaction.set("trialFruitPrice", FIG, 1)
    with pytest.raises(InconsistentName):
        transaction.prepare()
    assert transaction.state is State.ROLLED_BACK
