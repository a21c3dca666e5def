"""Traps and informs going out, with another engine of ours as the receiver."""

from __future__ import annotations

import pytest

from mibagent.snmp.ber import SEQUENCE, BerError, encode_integer, tlv
from mibagent.snmp.message import read_version
from mibagent.snmp.originator import (
    MAX_DISCOVERIES,
    Again,
    Answered,
    CannotSecure,
    Informant,
    Rejected,
    trap,
)
from mibagent.snmp.pdu import Kind, encode_response
from mibagent.snmp.secured import read_header, read_scoped, scoped_front
from mibagent.snmp.users import User
from mibagent.snmp.usm import Unsecured, Usm
from mibagent.snmp.vacm import Level
from tests.agent.snmp.fakes import ROOT, null, pdu
from tests.agent.snmp.secure import ENGINE, OTHER_ENGINE, Answer, FakeUsers, SecureWire, user_of

BODY = pdu(Kind.INFORM, null((*ROOT, 1, 1, 0)), request_id=33)


def there() -> User:
    return user_of(engine_id=OTHER_ENGINE)


class Receiver(SecureWire):
    """A notification receiver: an engine that answers informs."""

    def __init__(self, *users: User) -> None:
        super().__init__(*users)
        self.usm = Usm(OTHER_ENGINE, 44, self.users, lambda: self.now)
        self.engine.secure(self.usm)
        self.now = 5000.0
        self.taken: list[bytes] = []

    def gets(self, datagram: bytes) -> bytes:
        """Give the answer: a report, or the response to an inform."""
        _, at = read_version(datagram)
        header = read_header(datagram, at)
        try:
            taken = self.usm.take(datagram, header)
            read_scoped(taken.scoped, taken.at, padded=True)
        except (Unsecured, BerError):
            report = self.ask(datagram)
            assert report is not None
            return report
        self.taken.append(datagram)
        scoped = tlv(SEQUENCE, scoped_front(OTHER_ENGINE, b"")
                     + encode_response(encode_integer(33)[2:], 0, 0, b""))
        return taken.user.seal(taken.level, *self.usm.boots_and_time(), header.msg_id, scoped)


class Sender:
    """An informant with its clock."""

    def __init__(self, user: User | None = None, level: int = Level.AUTH_PRIV) -> None:
        self.now = 0.0
        self.users = FakeUsers(user_of())
        self.users.elsewhere[b"eva", OTHER_ENGINE] = user or there()
        self.informant = Informant(self.users, b"eva", level, lambda: self.now)

    def tell(self, receiver: Receiver) -> list[object]:
        """Send until something is decided; give all outcomes."""
        outcomes: list[object] = []
        while not outcomes or outcomes[-1] == Again():
            outcomes.append(self.informant.received(receiver.gets(self.informant.message(BODY))))
        return outcomes


@pytest.mark.parametrize("level", [Level.AUTH_NO_PRIV, Level.AUTH_PRIV])
def test_an_inform_discovers_engine_and_time_and_then_goes_straight(level: Level) -> None:
    receiver, sender = Receiver(there()), Sender(level=level)
    first = sender.tell(receiver)
    assert [type(each) for each in first] == [Again, Again, Answered]
    assert isinstance(first[-1], Answered) and first[-1].pdu.request_id == b"\x21"
    assert sender.informant.engine_id == OTHER_ENGINE
    for passed in (100, 10_000, 86_400):
        sender.now += passed
        receiver.now += passed
        assert [type(each) for each in sender.tell(receiver)] == [Answered]
    assert all(Answer(each, there()).level is level for each in receiver.taken)


def test_a_receiver_that_restarted_is_followed() -> None:
    receiver, sender = Receiver(there()), Sender()
    sender.tell(receiver)
    receiver.usm = Usm(OTHER_ENGINE, 45, receiver.users, lambda: receiver.now)
    receiver.engine.secure(receiver.usm)
    assert [type(each) for each in sender.tell(receiver)] == [Again, Answered]


def test_another_password_there_is_said() -> None:
    receiver, sender = Receiver(there()), Sender(user_of(
        engine_id=OTHER_ENGINE, password=b"molasses"))
    assert sender.tell(receiver)[-1] == Rejected("it found another authentication key")
    sender = Sender(user_of(engine_id=OTHER_ENGINE, priv_password=b"otherwise"))
    assert sender.tell(receiver)[-1] == Rejected("it could not decipher: another privacy key")
    assert Sender(there()).tell(Receiver(user_of(b"tom", engine_id=OTHER_ENGINE)))[-1] == \
        Rejected("it does not know the user")


def test_without_keys_for_the_receiver_nothing_is_sent() -> None:
    receiver, sender = Receiver(there()), Sender()
    sender.users.elsewhere.clear()
    assert sender.informant.received(
        receiver.gets(sender.informant.message(BODY))) == Again()
    with pytest.raises(CannotSecure, match="no SNMPv3 keys there"):
        sender.informant.message(BODY)


def test_an_old_or_foreign_answer_is_none() -> None:
    receiver, sender = Receiver(there()), Sender()
    sender.tell(receiver)
    answer = receiver.gets(sender.informant.message(BODY))
    assert isinstance(sender.informant.received(answer), Answered)
    assert sender.informant.received(answer) is None
    waiting = receiver.gets(sender.informant.message(BODY))
    forged = waiting[:-1] + bytes((waiting[-1] ^ 1,))
    assert sender.informant.received(forged) is None
    for at in range(len(waiting)):
        assert not isinstance(sender.informant.received(waiting[:at]), Answered)
    late = receiver.gets(sender.informant.message(BODY))
    sender.now += 151
    assert sender.informant.received(late) is None


def test_a_receiver_that_never_says_who_it_is_is_given_up() -> None:
    receiver, sender = Receiver(there()), Sender()
    for _ in range(MAX_DISCOVERIES):
        probe = sender.informant.message(BODY)
        sender.informant.received(receiver.gets(probe))
        sender.informant.forget()
    assert isinstance(sender.informant.received(
        receiver.gets(sender.informant.message(BODY))), Rejected)


def test_informs_side_by_side_are_told_the_same_and_none_is_given_up() -> None:
    """RFC 3414 section 4: what a report teaches, it may teach many at once."""
    receiver, sender = Receiver(there()), Sender()
    many = 3 * MAX_DISCOVERIES
    for told in (Again(), Again()):                       # its engine, its time
        datagrams = [sender.informant.message(BODY) for _ in range(many)]
        assert [sender.informant.received(receiver.gets(each)) for each in datagrams] \
            == [told] * many
    outcomes = [sender.informant.received(receiver.gets(sender.informant.message(BODY)))
                for _ in range(many)]
    assert {type(each) for each in outcomes} == {Answered}


def test_an_unsigned_time_is_not_believed() -> None:
    """RFC 3414 section 4: only an authenticated report moves the clock."""
    receiver, sender = Receiver(there()), Sender()
    sender.informant.received(receiver.gets(sender.informant.message(BODY)))
    unsigned = User(b"eva", OTHER_ENGINE, None)
    _, at = read_version(message := sender.informant.message(BODY))
    scoped = tlv(SEQUENCE, scoped_front(OTHER_ENGINE, b"") + pdu(
        Kind.REPORT, null((1, 3, 6, 1, 6, 3, 15, 1, 1, 2, 0))))
    forged = unsigned.seal(1, 99, 99, read_header(message, at).msg_id, scoped)
    assert isinstance(sender.informant.received(forged), Rejected)


@pytest.mark.parametrize("level", Level)
def test_a_trap_carries_our_own_engine_and_time(level: Level) -> None:
    now = 60.0
    usm = Usm(ENGINE, 3, FakeUsers(user_of()), lambda: now, 0.0)
    found = Answer(trap(usm, b"eva", level, pdu(Kind.TRAP, null(ROOT))), user_of())
    assert found.kind is Kind.TRAP and found.level is level
    assert (found.security.engine_id, found.security.boots, found.security.time) == (ENGINE, 3, 60)
    assert found.scoped.engine_id == ENGINE and not found.header.flags & 4


@pytest.mark.parametrize(("user", "why"), [
    (None, "no SNMPv3 keys"), (user_of(priv=""), "no keys for that security level"),
    (User(b"eva", ENGINE, None, unusable="under 8 characters"), "under 8 characters")])
def test_a_trap_that_cannot_be_protected_is_refused(user: User | None, why: str) -> None:
    usm = Usm(ENGINE, 3, FakeUsers(*([user] if user else [])), lambda: 0.0)
    with pytest.raises(CannotSecure, match=why):
        trap(usm, b"eva", Level.AUTH_PRIV, pdu(Kind.TRAP, null(ROOT)))
