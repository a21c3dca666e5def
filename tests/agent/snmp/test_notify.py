"""The notification originator: what is sent to whom, and when again."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base
from mibagent.snmp.notify import (
    BURST_S,
    LINE_LENGTH,
    LONGEST_WAIT_S,
    MOST_LESSONS,
    WINDOW,
    Answered,
    Effect,
    Heard,
    Learnt,
    Originator,
    Send,
    Silent,
)
from mibagent.snmp.targets import Address, Filter, Kind, Params, Target, Targets
from mibagent.snmp.trap import Notification, Variable
from mibagent.snmp.vacm import Family

DAY_S = 86_400.0
EVENT = (1, 3, 6, 1, 4, 1, 32473, 1, 1400, 0, 303)
NOTE = Notification(EVENT, 100)
WIDE = Notification(EVENT, 100, (Variable((*EVENT, 1), Base.COUNTER64, 1),))
HOST = Address("192.0.2.1", 162)


class Wire:
    """Messages whose octets can be read: who, what, which number."""

    def __init__(self) -> None:
        self.hidden: set[Oid] = set()
        self.is_broken = False
        self.pad = 0

    def may_be_told(self, params: Params, notification: Notification) -> bool:
        return notification.oid not in self.hidden

    def seal(
        self, now: float, target: Target, kind: Kind, notification: Notification, request_id: int
    ) -> bytes | None:
        if self.is_broken:
            return None
        return b"%s %s %d" % (target.name, kind.name.encode(), request_id) + b"x" * self.pad

    def open(self, now: float, datagram: bytes, address: Address) -> Answered | Learnt | None:
        if datagram == b"learnt":
            return Learnt()
        word, _, number = datagram.partition(b" ")
        status = {b"yes": 0, b"no": 5}.get(word)
        return None if status is None else Answered(int(number), status)


def target(name: str, version: int = 1, host: Address = HOST, timeout: float = 15.0,
           retries: int = 3) -> Target:
    return Target(name.encode(), host, Params(b"p", version, version + 1, b"s", 1), timeout,
                  retries)


def targets(*kinds: Kind, to: tuple[Target, ...] = (target("a"),), **filters: Filter) -> Targets:
    return Targets([(b"x", kind) for kind in kinds],
                   [(each, frozenset({b"x"})) for each in to],
                   {name.encode(): found for name, found in filters.items()})


def make(*kinds: Kind, **given: object) -> tuple[Originator, Wire]:
    wire = Wire()
    originator = Originator(wire, 0)
    assert originator.aim(0, targets(*kinds, **given)) == []  # type: ignore[arg-type]
    return originator, wire


def sends(effects: Sequence[Effect]) -> list[Send]:
    return [effect for effect in effects if isinstance(effect, Send)]


def sent(effects: Sequence[Effect]) -> list[str]:
    return [effect.datagram.rstrip(b"x").decode() for effect in sends(effects)]


def number_of(effect: Send) -> int:
    return int(effect.datagram.split()[2])


def answer(originator: Originator, now: float, effect: Send, word: bytes = b"yes") -> list[Send]:
    return sends(originator.received(now, b"%s %d" % (word, number_of(effect)), effect.address))


def run(originator: Originator, now: float, until: float) -> list[tuple[float, Send]]:
    """Let time pass; give what was sent, with its time."""
    found: list[tuple[float, Send]] = []
    while (due := originator.deadline) is not None and due <= until:
        now = max(now, due)
        effects = originator.tick(now)
        found += [(now, effect) for effect in sends(effects)]
        assert effects or originator.deadline != due, "nothing done, and due again at once"
    return found


# -- traps


def test_a_trap_is_sent_once_to_each() -> None:
    originator, _ = make(Kind.TRAP, to=(target("a"), target("b", 0)))
    assert sent(originator.issue(0, NOTE)) == ["a TRAP 1", "b TRAP 2"]
    assert originator.deadline is None
    assert (originator.tally.traps, originator.expects_answers) == (2, False)


def test_nobody_is_sent_nothing() -> None:
    originator = Originator(Wire(), 0)
    assert originator.issue(0, NOTE) == []
    assert originator.tally.dropped == 0


def test_a_counter64_goes_to_no_v1_receiver() -> None:
    originator, _ = make(Kind.TRAP, to=(target("a", 0), target("b")))
    assert sent(originator.issue(0, WIDE)) == ["b TRAP 1"]


def test_a_filter_keeps_back_what_it_does_not_include() -> None:
    originator, _ = make(Kind.TRAP, p=Filter((Family(EVENT[:-1]),)))
    assert len(originator.issue(0, NOTE)) == 1
    assert originator.issue(0, Notification((*EVENT[:-2], 1, 303), 1)) == []


def test_what_the_notify_view_hides_is_not_told() -> None:
    originator, wire = make(Kind.TRAP, Kind.INFORM)
    wire.hidden.add(EVENT)
    assert originator.issue(0, NOTE) == []
    assert (originator.waiting, originator.tally.dropped) == (0, 0)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_no_message_can_be_made_for_is_counted(kind: Kind) -> None:
    originator, wire = make(kind)
    wire.is_broken = True
    assert originator.issue(0, NOTE) == []
    wire.is_broken, wire.pad = False, 65507
    assert originator.issue(0, NOTE) == []
    assert (originator.tally.dropped, originator.waiting, originator.deadline) == (2, 0, None)


def test_a_trap_that_the_host_cannot_send_is_lost_and_an_inform_is_not() -> None:
    originator, _ = make(Kind.TRAP, Kind.INFORM)
    for effect in originator.issue(0, NOTE):
        originator.unsent(effect)
    assert (originator.tally.traps, originator.tally.dropped) == (0, 1)
    assert originator.waiting == 1


# -- informs


def test_an_answered_inform_is_over() -> None:
    originator, _ = make(Kind.INFORM)
    (inform,) = originator.issue(0, NOTE)
    assert (originator.deadline, originator.expects_answers) == (15.0, True)
    assert answer(originator, 1, inform) == []
    assert (originator.deadline, originator.tally.acknowledged) == (None, 1)


def test_an_answer_with_an_error_ends_it_too() -> None:
    originator, _ = make(Kind.INFORM)
    (inform,) = originator.issue(0, NOTE)
    assert answer(originator, 1, inform, b"no") == []
    assert originator.deadline is None
    assert (originator.tally.acknowledged, originator.tally.refused) == (0, 1)


def test_one_that_is_not_answered_is_sent_again_with_its_number_and_ends() -> None:
    originator, _ = make(Kind.INFORM)
    (inform,) = originator.issue(0, NOTE)
    again = run(originator, 0, 1000)
    assert again == [(15.0, inform), (30.0, inform), (45.0, inform)]
    assert (originator.tally.repeats, originator.tally.unanswered) == (3, 1)
    assert originator.waiting == 0


def test_a_late_answer_still_counts_and_one_after_the_end_does_not() -> None:
    originator, _ = make(Kind.INFORM)
    (inform,) = originator.issue(0, NOTE)
    run(originator, 0, 45)
    answer(originator, 59, inform)
    assert originator.tally.acknowledged == 1
    (inform,) = originator.issue(100, NOTE)
    run(originator, 100, 500)
    answer(originator, 500, inform)
    assert (originator.tally.acknowledged, originator.tally.unanswered) == (1, 1)


@pytest.mark.parametrize(("datagram", "address"), [
    (b"yes 99", HOST), (b"nonsense", HOST), (b"yes 1", Address("192.0.2.2", 162)),
    (b"yes 1", Address("192.0.2.1", 163))])
def test_an_answer_to_something_else_or_from_somewhere_else_means_nothing(
    datagram: bytes, address: Address
) -> None:
    originator, _ = make(Kind.INFORM)
    originator.issue(0, NOTE)
    assert originator.received(1, datagram, address) == []
    assert (originator.waiting, originator.tally.acknowledged) == (1, 0)


def test_an_answer_counts_once() -> None:
    originator, _ = make(Kind.INFORM)
    (inform,) = originator.issue(0, NOTE)
    answer(originator, 1, inform)
    answer(originator, 1, inform)
    assert originator.tally.acknowledged == 1


def test_one_is_under_way_until_the_receiver_is_heard_and_then_a_few() -> None:
    originator, _ = make(Kind.INFORM)
    first = [effect for _ in range(WINDOW + 3) for effect in originator.issue(0, NOTE)]
    assert sent(first) == ["a INFORM 1"]
    under_way = answer(originator, 1, first[0])
    assert len(under_way) == WINDOW
    assert sent(answer(originator, 1, under_way[3])) == [f"a INFORM {WINDOW + 2}"]


def test_a_report_makes_it_be_sent_again_at_once_but_not_for_ever() -> None:
    originator, _ = make(Kind.INFORM)
    originator.issue(0, NOTE)
    for _ in range(MOST_LESSONS):
        assert sent(originator.received(1, b"learnt", HOST)) == ["a INFORM 1"]
    assert originator.received(1, b"learnt", HOST) == []
    assert (originator.tally.repeats, originator.deadline) == (0, 16.0)


def test_each_receiver_has_a_line_of_its_own() -> None:
    other = Address("192.0.2.2", 162)
    originator, _ = make(Kind.INFORM, to=(target("a"), target("b", host=other)))
    a, b = originator.issue(0, NOTE)
    answer(originator, 1, b)
    assert [effect for _, effect in run(originator, 1, 15)] == [a]


def test_two_targets_at_one_address_are_told_apart_by_number() -> None:
    originator, _ = make(Kind.INFORM, to=(target("a"), target("b")))
    a, _ = originator.issue(0, NOTE)
    answer(originator, 1, a)
    assert (originator.waiting, originator.tally.acknowledged) == (1, 1)


# -- a receiver that is dead


def test_a_silent_receiver_is_tried_one_at_a_time_after_waits_that_double() -> None:
    originator, _ = make(Kind.INFORM, to=(target("a", timeout=1.0, retries=0),))
    for _ in range(20):
        originator.issue(0, NOTE)
    tries = [at for at, _ in run(originator, 0, 600)]
    gaps = [after - before for before, after in itertools.pairwise(tries)]
    assert gaps[:8] == [3, 5, 9, 17, 33, 65, 129, 257]
    assert originator.waiting == 20 - 1 - len(tries)


def test_one_that_comes_back_gets_all_that_waits() -> None:
    originator, _ = make(Kind.INFORM, to=(target("a", timeout=1.0, retries=0),))
    for _ in range(WINDOW + 30):
        originator.issue(0, NOTE)
    ((_, probe),) = run(originator, 0, 2)
    under_way = answer(originator, 2, probe)
    assert len(under_way) == WINDOW
    while under_way:
        under_way += answer(originator, 4, under_way.pop())
    assert (originator.waiting, originator.tally.acknowledged) == (0, WINDOW + 29)


def test_what_waits_is_bounded_and_what_is_lost_is_the_oldest_and_counted() -> None:
    originator, _wire = make(Kind.INFORM)
    notes = [Notification((*EVENT, number), 1) for number in range(1000)]
    for note in notes:
        originator.issue(0, note)
    assert originator.waiting == 1 + LINE_LENGTH
    assert originator.tally.dropped == 1000 - 1 - LINE_LENGTH
    (line,) = originator._lines.values()
    assert list(line.waiting) == notes[-LINE_LENGTH:]


def test_a_day_of_silence_costs_little_and_holds_little() -> None:
    originator, _ = make(Kind.INFORM)
    now, count, most = 0.0, 0, 0
    while now < DAY_S:
        count += len(originator.issue(now, NOTE)) + len(run(originator, now, now + 1))
        most = max(most, originator.waiting)
        now += 1
    assert most <= WINDOW + LINE_LENGTH
    # each probe takes four datagrams in a minute, and then five minutes pass
    assert 4 * DAY_S / (60 + LONGEST_WAIT_S) <= count <= 4 * DAY_S / (60 + LONGEST_WAIT_S) + 64
    tally = originator.tally
    assert tally.informs == tally.unanswered + originator.expects_answers
    assert tally.informs + tally.dropped + len(
        next(iter(originator._lines.values())).waiting) == DAY_S


@pytest.mark.parametrize("seed", range(4))
def test_a_day_of_losses_ends_with_every_notification_accounted_for(seed: int) -> None:
    luck = random.Random(seed)
    originator, _ = make(Kind.INFORM, to=(target("a", timeout=5.0), target("b", retries=1)))
    issued, now, alive = 0, 0.0, True
    pending: list[Send] = []
    while now < DAY_S:
        alive ^= luck.random() < 0.002
        if luck.random() < 0.3:
            pending += originator.issue(now, NOTE)
            issued += 2
        due = originator.deadline
        if due is not None and due <= now:
            pending += sends(originator.tick(now))
        if alive and pending and luck.random() < 0.8:
            pending += answer(originator, now, pending.pop(luck.randrange(len(pending))))
        elif pending and luck.random() < 0.5:
            pending.pop()
        now += luck.choice((0.1, 1, 10))
    tally = originator.tally
    assert tally.acknowledged > 500 and tally.unanswered > 10 and tally.repeats > 50
    assert issued == (tally.acknowledged + tally.refused + tally.unanswered + tally.dropped
                      + originator.waiting)


def test_a_receiver_that_falls_silent_is_told_once_and_once_that_it_is_back() -> None:
    a = target("a", timeout=1.0, retries=0)
    originator, _ = make(Kind.INFORM, to=(a,))
    for _ in range(3):
        originator.issue(0, NOTE)
    assert originator.tick(1) == [Silent(a)]
    (probe,) = sends(originator.tick(2))
    assert originator.tick(3) == []
    (probe,) = sends(originator.tick(5))
    assert originator.received(5, b"yes %d" % number_of(probe), HOST) == [Heard(a)]
    (inform,) = originator.issue(6, NOTE)
    assert originator.received(6, b"yes %d" % number_of(inform), HOST) == []


def test_a_silent_receiver_that_is_let_go_is_trouble_no_more() -> None:
    a = target("a", timeout=1.0, retries=0)
    originator, _ = make(Kind.INFORM, to=(a,))
    originator.issue(0, NOTE)
    originator.tick(1)
    moved = target("a", timeout=2.0)
    assert originator.aim(2, targets(Kind.INFORM, to=(moved,))) == [Heard(a, is_gone=True)]
    assert originator.aim(3, Targets()) == []


# -- other targets


def test_informs_of_a_target_that_is_gone_are_dropped() -> None:
    originator, _ = make(Kind.INFORM)
    for _ in range(12):
        originator.issue(0, NOTE)
    assert originator.aim(1, Targets()) == []
    assert (originator.waiting, originator.tally.dropped, originator.deadline) == (0, 12, None)


def test_a_target_that_moves_takes_its_informs_along() -> None:
    originator, _ = make(Kind.INFORM)
    originator.issue(0, NOTE)
    moved = Address("192.0.2.9", 162)
    originator.aim(1, targets(Kind.INFORM, to=(target("a", host=moved),)))
    ((_, again),) = run(originator, 1, 15)
    assert again.address == moved
    answer(originator, 16, again)
    assert originator.tally.acknowledged == 1


def test_a_silent_target_that_is_changed_is_tried_at_once() -> None:
    originator, _ = make(Kind.INFORM, to=(target("a", timeout=1.0, retries=0),))
    for _ in range(WINDOW + 1):
        originator.issue(0, NOTE)
    run(originator, 0, 1)
    changed = originator.aim(1.5, targets(Kind.INFORM, to=(target("a", timeout=2.0),)))
    assert sent(changed) == ["a INFORM 2"]


# -- storms


def admitted(originator: Originator, now: float) -> list[Send]:
    return originator.issue(now, NOTE) if originator.admits(now) else []


def test_where_nobody_is_told_nothing_is_admitted_and_nothing_lost() -> None:
    originator = Originator(Wire(), 0, 10)
    assert not originator.admits(0)
    assert originator.tally.dropped == 0


def test_a_storm_is_bounded_and_what_is_lost_of_it_counted() -> None:
    originator, _ = make(Kind.TRAP, Kind.INFORM)
    originator.limit(100)
    count = 0
    for second in range(10):
        for _ in range(10_000):
            count += sum(effect.datagram.startswith(b"a TRAP")
                         for effect in admitted(originator, second))
    assert count == originator.tally.traps == 100 * BURST_S + 9 * 100
    assert originator.tally.dropped >= 100_000 - count


def test_a_quiet_minute_gives_no_more_than_one_burst() -> None:
    originator, _ = make(Kind.TRAP)
    originator.limit(10)
    for now in (0.0, 60.0, 60.5):
        for _ in range(1000):
            admitted(originator, now)
    assert originator.tally.traps == 50 + 50 + 5


def test_without_a_limit_all_are_sent() -> None:
    originator, _ = make(Kind.TRAP)
    originator.limit(0)
    assert sum(len(admitted(originator, 0)) for _ in range(5000)) == 5000
