"""A day of SNMPv3 in seconds: restarts, time windows, replays, informs to a receiver that comes
and goes. Twisted's Clock is the time of both ends.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Any

from mibagent.snmp.ber import SEQUENCE, tlv
from mibagent.snmp.counters import Counters
from mibagent.snmp.message import read_version
from mibagent.snmp.notify import LONGEST_WAIT_S, MOST_LESSONS, Originator
from mibagent.snmp.outgoing import OutgoingMessages
from mibagent.snmp.outgoing_v3 import SecureOutgoing
from mibagent.snmp.pdu import Kind as PduKind
from mibagent.snmp.pdu import encode_response, read_pdu
from mibagent.snmp.secured import read_header, read_scoped, scoped_front
from mibagent.snmp.shell import NotificationPort
from mibagent.snmp.targets import Address, Kind, Params, Target, Targets
from mibagent.snmp.trap import Notification
from mibagent.snmp.usm import TIME_WINDOW_S, Unsecured, Usm
from mibagent.snmp.vacm import EVERYTHING, View
from tests.agent.snmp.fakes import PEER, ROOT
from tests.agent.snmp.secure import (
    ENGINE,
    OTHER_ENGINE,
    PASSWORD,
    PRIV_PASSWORD,
    FakeUsers,
    SecureWire,
    user_of,
)
from tests.gateway.kit import Port, Reactor
from tools.conformance.agent import Agent, Secure
from tools.conformance.credentials import Credentials
from tools.conformance.pdu import GET, REPORT, binding
from tools.conformance.usm import User
from tools.conformance.v3 import read_message

HOUR_S = 3600
DAY_S = 24 * HOUR_S
RESTARTS = tuple(hour * HOUR_S + 1800 for hour in (5, 11, 12, 20))
NUMBER = (*ROOT, 1, 1, 0)
EVA = User("eva", "SHA-256", PASSWORD.decode(), "AES", PRIV_PASSWORD.decode())
EVENT = (*ROOT, 0, 1)
TIMEOUT_S, RETRIES = 15.0, 3
RECEIVER = Address("192.0.2.162", 162)


class Unit:
    """An engine that starts again and again; boots are what a unit would keep."""

    lag_s = 0.0

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self.boots = self.refused_for_time = 0
        self._came: deque[bytes] = deque()
        self.start()

    def start(self) -> None:
        """Start, or start again."""
        self.boots += 1
        self.started_at = self._reactor.seconds()
        self.wire = SecureWire()
        self.usm = Usm(ENGINE, self.boots, self.wire.users, self._reactor.seconds)
        self.wire.engine.secure(self.usm)

    def hears(self, octets: bytes) -> bytes | None:
        """Give the answer to a datagram."""
        before = self.wire.counted("usmStatsNotInTimeWindows")
        answer = self.wire.engine.answer(octets, PEER, self._came.append)
        self.refused_for_time += self.wire.counted("usmStatsNotInTimeWindows") - before
        return answer

    def send(self, octets: bytes) -> None:
        answer = self.hears(octets)
        if answer is not None:
            self._came.append(answer)

    def receive(self, wait_s: float) -> bytes | None:
        return self._came.popleft() if self._came else None

    def fresh(self) -> None:
        self._came.clear()

    def pause(self, seconds: float) -> None:
        raise AssertionError("the day is driven from outside")


def test_a_day_of_questions_restarts_and_replays() -> None:
    reactor = Reactor()
    unit = Unit(reactor)
    agent = Agent(unit, Credentials(users={"main": EVA}), wait_s=0.0, tries=1,
                  clock=reactor.seconds)
    manager = Secure(agent, EVA, 3)
    boots_seen, answered, recorded = list[int](), 0, list[tuple[float, int, bytes]]()
    for now in range(120, DAY_S + 1, 120):
        reactor.advance(120)
        if now in RESTARTS:
            unit.start()
        answer = manager.answer(GET, binding(NUMBER))
        answered += 1
        assert answer.time == int(now - unit.started_at)
        if not boots_seen or boots_seen[-1] != answer.boots:
            boots_seen.append(answer.boots)
        if now % 600 == 0:
            recorded.append((now, unit.boots, manager.request(GET, binding(NUMBER))))
    assert answered == DAY_S // 120
    assert boots_seen == [1, 2, 3, 4, 5]
    assert unit.refused_for_time == len(RESTARTS), "once after each restart, and never else"
    keys = EVA.keys(ENGINE)
    for at, boots, octets in recorded:
        is_fresh = boots == unit.boots and reactor.seconds() - at <= TIME_WINDOW_S
        told = unit.hears(octets)
        assert told is not None
        assert (read_message(told, keys).pdu.kind == REPORT) is not is_fresh


def test_the_window_closes_at_its_second() -> None:
    reactor = Reactor()
    unit = Unit(reactor)
    agent = Agent(unit, Credentials(users={"main": EVA}), wait_s=0.0, clock=reactor.seconds)
    reactor.advance(DAY_S)
    octets = Secure(agent, EVA, 1).request(GET, binding(NUMBER))
    reactor.advance(TIME_WINDOW_S)
    kept = unit.hears(octets)
    reactor.advance(1)
    late = unit.hears(octets)
    assert kept is not None and late is not None
    keys = EVA.keys(ENGINE)
    assert [read_message(each, keys).pdu.kind == REPORT for each in (kept, late)] == [False, True]


class Receiver:
    """A manager that takes informs, while it listens."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self.boots = 40
        self.taken: list[int] = []
        self.heard_at: dict[bool, list[float]] = {False: [], True: []}
        """Datagrams that came, by whether it listened."""
        self.is_listening = True
        self.start()

    def start(self) -> None:
        self.boots += 1
        self.wire = SecureWire(user_of(engine_id=OTHER_ENGINE))
        self.usm = Usm(OTHER_ENGINE, self.boots, self.wire.users, self._reactor.seconds)
        self.wire.engine.secure(self.usm)

    def hears(self, datagram: bytes) -> bytes | None:
        """Give the answer: a response to an inform, or a report."""
        self.heard_at[self.is_listening].append(self._reactor.seconds())
        if not self.is_listening:
            return None
        _, at = read_version(datagram)
        header = read_header(datagram, at)
        try:
            taken = self.usm.take(datagram, header)
        except Unsecured:
            return self.wire.engine.answer(datagram, PEER, self.wire.sent.append)
        scoped = read_scoped(taken.scoped, taken.at, padded=True)
        inform = read_pdu(PduKind.INFORM, taken.scoped, scoped.start, scoped.end)
        self.taken.append(int.from_bytes(inform.request_id, "big"))
        answer = tlv(SEQUENCE, scoped_front(OTHER_ENGINE, b"")
                     + encode_response(inform.request_id, 0, 0, b""))
        return taken.user.seal(taken.level, *self.usm.boots_and_time(), header.msg_id, answer)


class Everybody:
    """Whoever is sent something may know all of it."""

    def community_for(self, params: Params) -> bytes | None:
        return b"public"

    def notify_view_for(self, params: Params) -> View | None:
        return EVERYTHING


def test_a_day_of_informs_to_a_receiver_that_comes_and_goes() -> None:
    reactor = Reactor()
    receiver = Receiver(reactor)
    users = FakeUsers(user_of())
    users.elsewhere[b"eva", OTHER_ENGINE] = user_of(engine_id=OTHER_ENGINE)
    secure = SecureOutgoing(users, reactor.seconds)
    secure.speak_as(Usm(ENGINE, 1, users, reactor.seconds))
    messages = OutgoingMessages(Everybody(), lambda host: b"\0" * 4, secure)
    originator, counters = Originator(messages, 1000), Counters()
    sender = NotificationPort(reactor, originator, lambda: counters, "0.0.0.0")
    target = Target(b"t", RECEIVER, Params(b"p", 3, 3, b"eva", 3), TIMEOUT_S, RETRIES)
    sender.aim(Targets([(b"x", Kind.INFORM)], [(target, frozenset({b"x"}))]))

    def carry() -> None:
        """Take what was sent to the receiver, and its answers back, until all is said."""
        for port in [port for port in reactor.ports if port.kind == "udp"]:
            while port.written:
                datagram, _ = port.written.pop(0)
                answer = receiver.hears(datagram)
                if answer is not None:
                    give(port, answer)

    def give(port: Port, answer: bytes) -> None:
        taker: Any = port.given
        taker.datagramReceived(answer, (RECEIVER.host, RECEIVER.port))

    issued = 0
    for now in range(1, DAY_S + 1):
        reactor.advance(1)
        if now == 15 * HOUR_S:
            receiver.start()            # it has forgotten the time, and boots one more
        receiver.is_listening = not 8 * HOUR_S <= now < 11 * HOUR_S
        if now % 600 == 0 and now < DAY_S:
            sender.issue(Notification(EVENT, now * 100))
            issued += 1
        carry()
        assert len(reactor.getDelayedCalls()) <= 1, "one timer"
    tally = originator.tally
    assert originator.waiting == 0
    assert originator.deadline is None
    assert tally.acknowledged + tally.unanswered + tally.dropped == issued
    assert tally.acknowledged == len(receiver.taken) == len(set(receiver.taken))
    assert issued - tally.acknowledged < 3 * 6 + 1, "only those of three silent hours may be lost"
    silent = receiver.heard_at[False]
    assert min(later - before for before, later in pairwise(silent)) >= TIMEOUT_S
    a_try = (RETRIES + 1) * TIMEOUT_S + LONGEST_WAIT_S
    assert len(silent) <= (RETRIES + 1) * (3 * HOUR_S / a_try + 6)
    assert tally.repeats >= len(silent) / 2
    assert len(receiver.heard_at[True]) <= tally.acknowledged + 2 * MOST_LESSONS + RETRIES
