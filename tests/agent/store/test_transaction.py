"""Wishes: what is refused at once, what by the whole, and whose name a refusal bears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mibagent.errors import (
    InconsistentName,
    InconsistentValue,
    LocalError,
    NoAccess,
    NoCreation,
    NoSuchName,
    NotWritable,
    Refused,
    ResourceUnavailable,
    WrongLength,
    WrongType,
    WrongValue,
)
from mibagent.store.access import Principal
from mibagent.store.live import LiveTable
from mibagent.store.transaction import State
from mibagent.store.wish import Wish
from tests.agent.store.kit import (
    ADMIN,
    DESTROY,
    FIG,
    GO,
    OBSERVER,
    PEAR,
    USER,
    Recorder,
    Rig,
    rows_of,
    state_of,
)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


# -- refused by the MIB alone

@pytest.mark.parametrize(("wish", "refusal"), [
    (("trialNothing", 1), NoSuchName),
    (("trialUptime", 1), NotWritable),
    (("trialFruitName", b"x", FIG), NotWritable),
    (("trialFruitKey", b"x", FIG), NoAccess),
    (("trialGreeting", 1), WrongType),
    (("trialLimit", b"1"), WrongType),
    (("trialGreeting", b"x" * 256), WrongLength),
    (("trialGreeting", b"\xff"), WrongValue),
    (("trialLimit", 101), WrongValue),
    (("trialLevel", 150), WrongValue),
    (("trialFruitRowStatus", 7, FIG), WrongValue),
    (("trialReset", 11), WrongValue),
    (("trialGreeting", b"x", (1,)), NoCreation),
    (("trialFruitPrice", 1, ()), NoCreation),
    (("trialShelfLabel", b"x", (1,)), NoCreation),
    (("trialStallClose", 10, (b"x",)), NoCreation),
])
def test_what_the_mib_refuses_is_refused_when_it_is_set(
    rig: Rig, wish: tuple[Any, ...], refusal: type[Refused]
) -> None:
    name, value, *index = wish
    transaction = rig.store.begin(ADMIN)
    with pytest.raises(Refused) as caught:
        transaction.set(name, index[0] if index else (), value)
    assert type(caught.value) is refusal
    assert (caught.value.name, caught.value.index) == (name, index[0] if index else ())
    assert transaction.asked() == []


@pytest.mark.parametrize(("who", "name", "value", "may"), [
    (OBSERVER, "trialGreeting", b"x", False),
    (USER, "trialGreeting", b"x", True),
    (ADMIN, "trialGreeting", b"x", True),
    (USER, "trialGuarded", 1, False),
    (ADMIN, "trialGuarded", 1, True),
    (OBSERVER, "trialPassword", b"x", False),
    (USER, "trialPassword", b"x", False),
    (ADMIN, "trialPassword", b"x", True),
    (OBSERVER, "trialReset", 10, False),
    (USER, "trialReset", 10, True),
])
def test_who_may_write_what(rig: Rig, who: Principal, name: str, value: Any, may: bool) -> None:
    if may:
        assert rig.change((name, value), who=who)
    else:
        assert type(rig.refusal((name, value), who=who)) is NoAccess


def test_a_right_is_asked_before_the_value_is_looked_at(rig: Rig) -> None:
    assert type(rig.refusal(("trialGreeting", 1), who=OBSERVER)) is NoAccess
    assert type(rig.refusal(("trialUptime", b"no number"))) is NotWritable


def test_what_nobody_serves_is_not_writable(rig: Rig) -> None:
    rig.store.served = {"trialLimit"}
    assert type(rig.refusal(("trialGreeting", b"x"))) is NotWritable
    rig.change(("trialLimit", 3))


def test_an_alias_is_refused_by_its_own_name(rig: Rig) -> None:
    rig.store.aliases["sysGreeting"] = "trialGreeting"
    assert rig.refusal(("sysGreeting", b"x" * 256)).name == "sysGreeting"
    rig.change(("sysGreeting", b"hi"))
    assert rig.store.get("trialGreeting") == rig.store.get("sysGreeting") == b"hi"
    recorder = Recorder(rig.store)

    def refuse() -> None:
        raise InconsistentValue("trialGreeting", "no")

    recorder.complaint = refuse
    assert rig.refusal(("sysGreeting", b"ho")).name == "sysGreeting"


# -- nothing changes when nothing changes

def test_setting_what_stands_changes_nothing(rig: Rig) -> None:
    recorder = Recorder(rig.store)
    assert rig.change(("trialGreeting", b"hello"), ("trialLimit", 10)) is None
    rig.change(("trialGreeting", b"hi"), ("trialPassword", b"pw"))
    told, calls = list(recorder.told), rig.calls
    assert rig.change(("trialGreeting", b"hi")) is None
    assert rig.change(("trialPassword", b"pw")) is None
    assert rig.change(("trialReset", 0)) is None
    assert (recorder.told, rig.calls, len(rig.store.audit())) == (told, calls, 1)


def test_going_back_to_the_default_leaves_nothing_behind(rig: Rig) -> None:
    rig.change(("trialGreeting", b"hi"))
    rig.change(("trialGreeting", b"hello"))
    assert rig.store.configured.scalars == {}
    assert list(rig.journal.values(rig.unit)) == []


def test_a_profile_s_value_is_the_default(tmp_path: Path) -> None:
    rig = Rig(tmp_path, profile={("trialLimit", ()): 20})
    assert rig.store.get("trialLimit") == 20
    assert rig.change(("trialLimit", 20)) is None
    rig.change(("trialLimit", 10))
    assert rig.store.get("trialLimit") == 10
    rig.change(("trialLimit", 20))
    assert rig.store.configured.scalars == {}


# -- refused by the whole

def test_a_refusal_names_the_wish_that_a_check_names(rig: Rig) -> None:
    rig.make(FIG, PEAR)
    recorder = Recorder(rig.store)

    def refuse_with(refusal: Refused) -> Callable[[], None]:
        def refuse() -> None:
            raise refusal
        return refuse

    wishes: list[tuple[Any, ...]] = [
        ("trialGreeting", b"x"), ("trialFruitPrice", 1, FIG), ("trialFruitPrice", 2, PEAR)]
    for refusal, named in [
        (InconsistentValue("trialFruitPrice", "no", PEAR), ("trialFruitPrice", PEAR)),
        (InconsistentValue("trialFruitPrice", "no", (b"plum",)), ("trialFruitPrice", FIG)),
        (InconsistentValue("trialLimit", "no", (), ("trialLimit", "trialFruitPrice")),
         ("trialFruitPrice", FIG)),
        (InconsistentValue("trialLimit", "no"), ("trialGreeting", ())),
    ]:
        recorder.complaint = refuse_with(refusal)
        found = rig.refusal(*wishes)
        assert (found.name, found.index, found.why) == (*named, "no")


def test_the_asker_s_wish_wins_over_what_completes_it(rig: Rig) -> None:
    recorder = Recorder(rig.store)
    recorder.further = [Wish("trialLimit", (), 50), Wish("trialLevel", (), 300)]
    revision = rig.change(("trialGreeting", b"x"), ("trialLimit", 60))
    assert revision is not None
    assert {change.name: change.new for change in revision.changes} \
        == {"trialGreeting": b"x", "trialLimit": 60, "trialLevel": 300}
    (line, ) = rig.store.audit()
    assert {name for name, *_ in line.changes} == {"trialGreeting", "trialLimit", "trialLevel"}


def test_nothing_is_completed_when_nothing_changes(rig: Rig) -> None:
    recorder = Recorder(rig.store)
    recorder.further = [Wish("trialLimit", (), 50)]
    assert rig.change(("trialGreeting", b"hello")) is None
    assert rig.store.get("trialLimit") == 10


def test_a_refused_completion_blames_who_asked(rig: Rig) -> None:
    recorder = Recorder(rig.store)
    recorder.further = [Wish("trialFruitPrice", FIG, 1)]
    refusal = rig.refusal(("trialGreeting", b"x"))
    assert (type(refusal), refusal.name) == (InconsistentName, "trialGreeting")


# -- who came first

def test_a_wish_older_than_the_last_change_is_refused_and_says_who(rig: Rig) -> None:
    slow = rig.store.begin(USER)
    slow.set("trialGreeting", (), b"slow")
    rig.change(("trialGreeting", b"quick"))
    with pytest.raises(InconsistentValue, match="by ada at 00:16:40 UTC") as caught:
        slow.prepare()
    assert caught.value.name == "trialGreeting"
    assert slow.state is State.ROLLED_BACK
    assert rig.store.get("trialGreeting") == b"quick"


def test_other_objects_do_not_conflict(rig: Rig) -> None:
    slow = rig.store.begin(USER)
    slow.set("trialGreeting", (), b"slow")
    rig.change(("trialLimit", 3))
    slow.prepare()
    slow.rollback()


def test_a_queued_change_conflicts_too(rig: Rig) -> None:
    slow = rig.store.begin(USER)
    slow.set("trialGreeting", (), b"slow")
    rig.asked(("trialGreeting", b"quick"))
    with pytest.raises(InconsistentValue):
        slow.prepare()


def test_a_withdrawn_change_does_not_conflict_but_one_before_it_does(rig: Rig) -> None:
    one, two = rig.store.begin(USER), rig.store.begin(USER)
    one.set("trialLimit", (), 7)
    two.set("trialGreeting", (), b"slow")
    rig.change(("trialGreeting", b"quick"))
    for name, value in [("trialGreeting", b"x"), ("trialLimit", 9)]:
        withdrawn = rig.prepared((name, value))
        withdrawn.rollback()
    one.prepare()
    one.rollback()
    with pytest.raises(InconsistentValue):
        two.prepare()


def test_who_overrides_is_not_asked(rig: Rig) -> None:
    slow = rig.store.begin(USER, override=True)
    slow.set("trialGreeting", (), b"slow")
    rig.change(("trialGreeting", b"quick"))
    slow.prepare()
    slow.rollback()


def test_what_the_unit_puts_is_made_now(rig: Rig) -> None:
    rig.change(("trialGreeting", b"a"))
    rig.put(Wish("trialGreeting", (), b"b"))
    assert rig.store.get("trialGreeting") == b"b"


# -- its states

def test_one_at_a_time_is_prepared(rig: Rig) -> None:
    first = rig.prepared(("trialGreeting", b"a"))
    second = rig.store.begin(USER)
    second.set("trialLimit", (), 5)
    with pytest.raises(ResourceUnavailable) as caught:
        second.prepare()
    assert caught.value.name == "trialLimit"
    assert second.state is State.ROLLED_BACK
    first.rollback()
    rig.change(("trialLimit", 5))


def test_leaving_the_block_rolls_back(rig: Rig) -> None:
    before = state_of(rig.store)
    with rig.store.begin(ADMIN) as transaction:
        transaction.set("trialGreeting", (), b"x")
        transaction.prepare()
        assert rig.store.tip.cell("trialGreeting", ()) == b"x"
    assert transaction.state is State.ROLLED_BACK
    assert state_of(rig.store) == before
    with pytest.raises(RuntimeError), rig.store.begin(ADMIN) as broken:
        broken.set("trialGreeting", (), b"x")
        raise RuntimeError
    assert broken.state is State.ROLLED_BACK


def test_steps_out_of_order_are_our_own_fault(rig: Rig) -> None:
    transaction = rig.store.begin(ADMIN)
    with pytest.raises(LocalError):
        transaction.commit()
    transaction.prepare()
    for step in (lambda: transaction.set("trialLimit", (), 1), transaction.prepare):
        with pytest.raises(LocalError):
            step()
    rig.awaited(transaction.commit())
    with pytest.raises(LocalError):
        transaction.commit()
    with pytest.raises(LocalError):
        transaction.rollback()


def test_a_check_that_breaks_leaves_nothing_prepared(rig: Rig) -> None:
    recorder = Recorder(rig.store)

    def break_down() -> None:
        raise ZeroDivisionError

    recorder.complaint = break_down
    with pytest.raises(ZeroDivisionError):
        rig.change(("trialGreeting", b"x"))
    recorder.complaint = lambda: None
    rig.change(("trialGreeting", b"x"))


# -- special objects

def test_a_lock_goes_up_by_one_for_who_knows_it(rig: Rig) -> None:
    rig.change(("trialLock", 0))
    assert rig.store.get("trialLock") == 1
    refusal = rig.refusal(("trialLock", 0), ("trialGreeting", b"x"))
    assert (type(refusal), refusal.name) == (InconsistentValue, "trialLock")
    rig.change(("trialLock", 1))
    rig.put(Wish("trialLock", (), 2))
    assert rig.store.get("trialLock") == 3


def test_a_lock_at_its_end_begins_anew(rig: Rig) -> None:
    rig.store.configured.put("trialLock", (), 2**31 - 1)
    rig.change(("trialLock", 2**31 - 1))
    assert rig.store.get("trialLock") == 0


def test_a_lock_is_taken_by_one_of_two(rig: Rig) -> None:
    one = rig.asked(("trialLock", 0), ("trialGreeting", b"one"))
    with pytest.raises(InconsistentValue):
        rig.prepared(("trialLock", 0), ("trialGreeting", b"two"))
    rig.settle()
    assert one.revision()
    assert rig.store.get("trialGreeting") == b"one"


def test_a_secret_reads_empty_and_can_be_emptied(rig: Rig) -> None:
    assert rig.change(("trialPassword", b"")) is None
    rig.change(("trialPassword", b"pw"))
    assert rig.store.get("trialPassword") == b"" and rig.store.has_secret("trialPassword")
    rig.change(("trialPassword", b""))
    assert not rig.store.has_secret("trialPassword")


def test_a_command_is_carried_once_and_never_stored(rig: Rig) -> None:
    revision = rig.change(("trialReset", 10))
    assert revision is not None
    assert [wish.name for wish in revision.commands] == ["trialReset"]
    assert revision.changes == ()
    assert rig.store.get("trialReset") == 0
    assert list(rig.journal.values(rig.unit)) == []


def test_a_command_of_a_row_wants_the_row(rig: Rig) -> None:
    rig.store.give_fixed("trialShelfTable", [(1,)])
    stalls: LiveTable[object] = LiveTable()
    rig.store.provide_table("trialStallTable", stalls)
    stalls.add("nuts", object())
    assert rig.change(("trialShelfEmpty", 10, (1,)), ("trialStallClose", 10, (b"nuts",)))
    assert rig.store.get("trialStallClose", (b"nuts",)) == 0
    assert type(rig.refusal(("trialShelfEmpty", 10, (2,)))) is NoCreation
    assert type(rig.refusal(("trialStallClose", 10, (b"figs",)))) is NoCreation
    with pytest.raises(NoSuchName):
        rig.store.get("trialStallClose", (b"figs",))


def test_checks_hear_of_commands(rig: Rig) -> None:
    recorder = Recorder(rig.store)
    rig.change(("trialReset", 10))
    assert recorder.checked == [[("trialReset", ())]]


def test_hidden_parts_go_with_their_row(rig: Rig) -> None:
    rig.store.hidden["trialSealTable"] = ("trialSeal@key",)
    rig.put(Wish("trialSealRowStatus", (b"k",), GO), Wish("trialSeal@key", (b"k",), b"sealed"))
    assert rig.store.configured.cell("trialSeal@key", (b"k",)) == b"sealed"
    rig.reopen()
    rig.store.hidden["trialSealTable"] = ("trialSeal@key",)
    assert rig.store.configured.cell("trialSeal@key", (b"k",)) == b"sealed"
    rig.change(("trialSealRowStatus", DESTROY, (b"k",)))
    assert rig.store.configured.cell("trialSeal@key", (b"k",)) is None
    assert type(rig.refusal(("trialSeal@key", b"x", (b"k",)))) is NoSuchName


def test_a_later_participant_is_asked_too(rig: Rig) -> None:
    first, second = Recorder(rig.store), Recorder(rig.store)
    first.further, second.further = [Wish("trialLimit", (), 2)], [Wish("trialLevel", (), 100)]
    rig.change(("trialGreeting", b"x"))
    assert (rig.store.get("trialLimit"), rig.store.get("trialLevel")) == (2, 100)
    assert rows_of(rig.store, "trialFruitTable") == []


