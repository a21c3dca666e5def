"""Notifications in SNMPv3: an originator with a receiver that is another engine of ours."""

from __future__ import annotations

import logging

import pytest

from mibagent.snmp.notify import Effect, Originator, Send
from mibagent.snmp.outgoing import OutgoingMessages
from mibagent.snmp.outgoing_v3 import MOST_INFORMANTS, SecureOutgoing
from mibagent.snmp.pdu import Kind as PduKind
from mibagent.snmp.targets import Address, Kind, Params, Target, Targets
from mibagent.snmp.trap import Notification
from mibagent.snmp.usm import Usm
from mibagent.snmp.vacm import EVERYTHING, Level, View
from tests.agent.snmp.secure import ENGINE, OTHER_ENGINE, Answer, FakeUsers, user_of
from tests.agent.snmp.test_originator import Receiver, there

EVENT = (1, 3, 6, 1, 4, 1, 32473, 1, 1400, 0, 303)
NOTE = Notification(EVENT, 100)
HOST = Address("192.0.2.1", 162)


class Standing:
    def community_for(self, params: Params) -> bytes | None:
        return None

    def notify_view_for(self, params: Params) -> View | None:
        return EVERYTHING


class Bench:
    """An originator whose clock the test moves."""

    def __init__(self, kind: Kind, name: bytes = b"eva", level: int = Level.AUTH_PRIV) -> None:
        self.now = 0.0
        self.users = FakeUsers(user_of())
        self.users.elsewhere[b"eva", OTHER_ENGINE] = there()
        self.secure = SecureOutgoing(self.users, lambda: self.now)
        self.secure.speak_as(Usm(ENGINE, 7, self.users, lambda: self.now))
        # request-id 33 is what the receiver of test_originator answers to
        self.originator = Originator(
            OutgoingMessages(Standing(), lambda host: bytes(4), self.secure), 32)
        target = Target(b"a", HOST, Params(b"p", 3, 3, name, level))
        self.originator.aim(0, Targets([(b"x", kind)], [(target, frozenset({b"x"}))]))

    def tell(self, receiver: Receiver, most: int = 20) -> int:
        """Issue, and carry datagrams there and back until nothing is left; give how many."""
        effects: list[Effect] = [*self.originator.issue(self.now, NOTE)]
        count = 0
        while effects and count < most:
            count += 1
            effect = effects.pop(0)
            assert isinstance(effect, Send)
            effects += self.originator.received(
                self.now, receiver.gets(effect.datagram), effect.address)
        return count


@pytest.mark.parametrize("level", list(Level))
def test_a_trap_is_of_our_own_engine(level: Level) -> None:
    bench = Bench(Kind.TRAP, level=level)
    (effect,) = bench.originator.issue(0, NOTE)
    found = Answer(effect.datagram, user_of())
    assert (found.kind, found.level, found.security.engine_id) == (PduKind.TRAP, level, ENGINE)


def test_an_inform_finds_its_receivers_engine_and_time_by_itself() -> None:
    bench, receiver = Bench(Kind.INFORM), Receiver(there())
    assert bench.tell(receiver) == 3             # who are you, what time is it, here it is
    tally = bench.originator.tally
    assert (tally.informs, tally.acknowledged, tally.repeats) == (1, 1, 0)
    assert (bench.originator.waiting, bench.originator.deadline) == (0, None)


def test_a_receiver_that_has_another_key_is_named_once_in_the_log(
    caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(Kind.INFORM)
    bench.users.elsewhere[b"eva", OTHER_ENGINE] = user_of(
        engine_id=OTHER_ENGINE, password=b"molasses")
    receiver = Receiver(there())
    with caplog.at_level(logging.WARNING):
        bench.tell(receiver)
        while bench.originator.deadline is not None:
            bench.now = bench.originator.deadline
            for effect in bench.originator.tick(bench.now):
                if isinstance(effect, Send):
                    bench.originator.received(
                        bench.now, receiver.gets(effect.datagram), effect.address)
    assert bench.originator.tally.unanswered == 1
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "it found another authentication key" in told[0]


@pytest.mark.parametrize(("kind", "why"), [
    (Kind.TRAP, "no SNMPv3 keys"), (Kind.INFORM, "no SNMPv3 keys")])
def test_a_user_without_keys_is_told_nothing_and_counted(
    kind: Kind, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench, receiver = Bench(kind, b"tom"), Receiver(there())
    with caplog.at_level(logging.WARNING):
        bench.tell(receiver)
        for _ in range(5):
            bench.now += 15
            bench.originator.tick(bench.now)
    assert receiver.taken == []
    tally = bench.originator.tally
    assert tally.dropped + tally.unanswered == 1
    assert why in caplog.text


def test_while_snmpv3_is_off_no_trap_goes_out() -> None:
    bench = Bench(Kind.TRAP)
    bench.secure.speak_as(None)
    assert bench.originator.issue(0, NOTE) == []
    assert bench.originator.tally.dropped == 1


def test_changed_keys_are_used_after_forgetting() -> None:
    bench, receiver = Bench(Kind.INFORM), Receiver(there())
    bench.tell(receiver)
    bench.secure.forget()
    bench.originator = Originator(
        OutgoingMessages(Standing(), lambda host: bytes(4), bench.secure), 32)
    bench.originator.aim(0, Targets([(b"x", Kind.INFORM)], [(
        Target(b"a", HOST, Params(b"p", 3, 3, b"eva", 3)), frozenset({b"x"}))]))
    assert bench.tell(receiver) == 3


def test_receivers_that_are_remembered_are_bounded() -> None:
    bench = Bench(Kind.INFORM)
    for number in range(MOST_INFORMANTS + 50):
        target = Target(b"a", Address("192.0.2.1", number + 1), Params(b"p", 3, 3, b"eva", 3))
        assert bench.secure.seal(0, target, Kind.INFORM, b"", 1) is not None
    assert len(bench.secure._informants) == MOST_INFORMANTS


def test_what_comes_from_elsewhere_means_nothing() -> None:
    bench, receiver = Bench(Kind.INFORM), Receiver(there())
    (probe,) = bench.originator.issue(0, NOTE)
    report = receiver.gets(probe.datagram)
    assert bench.secure.open(0, report, Address("192.0.2.9", 162)) is None
    for at in range(len(report)):
        assert bench.secure.open(0, report[:at], HOST) is None
