"""Messages that carry notifications, and what comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mibagent.smi.syntax import Base
from mibagent.snmp.message import V1, V2C, V3, read_message, read_version
from mibagent.snmp.notify import Answered, Learnt
from mibagent.snmp.outgoing import OutgoingMessages
from mibagent.snmp.pdu import Kind as PduKind
from mibagent.snmp.targets import Address, Kind, Params, Target
from mibagent.snmp.trap import Notification, Variable
from mibagent.snmp.vacm import EVERYTHING, NOTHING, Family, View

EVENT = (1, 3, 6, 1, 4, 1, 32473, 1, 1400, 0, 303)
NAME = (1, 3, 6, 1, 4, 1, 32473, 1, 1400, 1, 9, 1)
NOTE = Notification(EVENT, 100, (Variable(NAME, Base.OCTETS, b"default"),))
HOST = Address("192.0.2.1", 162)
OURS = bytes((192, 0, 2, 7))


class Standing:
    def __init__(self) -> None:
        self.community: bytes | None = b"somebody"
        self.view: View | None = EVERYTHING

    def community_for(self, params: Params) -> bytes | None:
        return self.community

    def notify_view_for(self, params: Params) -> View | None:
        return self.view


class Secure:
    def seal(
        self, now: float, target: Target, kind: Kind, pdu: bytes, request_id: int
    ) -> bytes | None:
        return b"sealed " + pdu

    def open(self, now: float, datagram: bytes, address: Address) -> Answered | Learnt | None:
        return Learnt()


def to(version: int, host: Address = HOST) -> Target:
    return Target(b"a", host, Params(b"p", version, version + 1, b"s", 1))


def make(standing: Standing | None = None, secure: Secure | None = None) -> OutgoingMessages:
    return OutgoingMessages(standing or Standing(), lambda host: OURS, secure)


def seal(version: int, kind: Kind = Kind.TRAP, host: Address = HOST) -> bytes:
    found = make().seal(0, to(version, host), kind, NOTE, 77)
    assert found is not None
    return found


@pytest.mark.parametrize(("version", "kind", "tag"), [
    (V1, Kind.TRAP, PduKind.TRAP_V1), (V2C, Kind.TRAP, PduKind.TRAP),
    (V2C, Kind.INFORM, PduKind.INFORM)])
def test_each_version_has_its_pdu_and_the_community(
    version: int, kind: Kind, tag: PduKind
) -> None:
    datagram = seal(version, kind)
    found, at = read_version(datagram)
    message = read_message(datagram, found, at)
    assert (found, message.community, message.tag) == (version, b"somebody", tag)


def test_a_v1_receiver_sees_our_address_and_over_ipv6_none() -> None:
    assert b"\x40\x04" + OURS in seal(V1)
    assert b"\x40\x04" + bytes(4) in seal(V1, host=Address("2001:db8::1", 162))


def test_without_a_community_or_a_user_there_is_no_message() -> None:
    standing = Standing()
    standing.community = None
    for version in (V1, V2C, V3):
        assert make(standing).seal(0, to(version), Kind.TRAP, NOTE, 77) is None


def test_v3_is_made_by_who_knows_keys() -> None:
    assert make(secure=Secure()).seal(0, to(V3), Kind.TRAP, NOTE, 77) == \
        b"sealed " + NOTE.pdu(PduKind.TRAP, 77)


@pytest.mark.parametrize(("view", "may"), [
    (EVERYTHING, True), (NOTHING, False), (None, False),
    (View(b"v", (Family(EVENT[:-2]),)), True),
    (View(b"v", (Family(EVENT),)), False),                                   # a variable is hidden
    (View(b"v", (Family(NAME),)), False),
    (View(b"v", (Family((1,)), Family(NAME, included=False))), False)])
def test_the_notify_view_shows_the_whole_or_nothing_is_told(view: View | None, may: bool) -> None:
    standing = Standing()
    standing.view = view
    assert make(standing).may_be_told(to(V2C).params, NOTE) is may


def response(datagram: bytes, status: int = 0) -> bytes:
    """Answer an inform as a receiver does: the same, with another tag."""
    version, at = read_version(datagram)
    message = read_message(datagram, version, at)
    content = datagram[message.start:].replace(b"\x02\x01\x00", b"\x02\x01%c" % status, 1)
    return datagram[:message.pdu_at] + bytes((PduKind.RESPONSE,)) \
        + datagram[message.pdu_at + 1:message.start] + content


@pytest.mark.parametrize("status", [0, 5])
def test_an_answer_names_what_it_answers(status: int) -> None:
    assert make().open(0, response(seal(V2C, Kind.INFORM), status), HOST) == Answered(77, status)


@pytest.mark.parametrize("datagram", [
    b"", b"\x30", b"\x30\x00", bytes(50), seal(V1), seal(V2C), seal(V2C, Kind.INFORM),
    response(seal(V2C, Kind.INFORM))[:-1], response(seal(V2C, Kind.INFORM)) + b"\x00",
    response(seal(V2C, Kind.INFORM)).replace(b"\x02\x01\x01", b"\x02\x01\x07", 1)])
def test_what_is_no_answer_means_nothing(datagram: bytes) -> None:
    assert make().open(0, datagram, HOST) is None


def test_every_octet_of_an_answer_may_be_wrong() -> None:
    good = response(seal(V2C, Kind.INFORM))
    messages = make()
    for at in range(len(good)):
        for octet in (0, 1, 0x30, 0x7F, 0x80, 0xFF):
            found = messages.open(0, good[:at] + bytes((octet,)) + good[at + 1:], HOST)
            assert found is None or isinstance(found, Answered)


def test_what_v3_brings_is_read_by_who_knows_keys() -> None:
    datagram = b"\x30\x03\x02\x01\x03"
    assert make().open(0, datagram, HOST) is None
    assert make(secure=Secure()).open(0, datagram, HOST) == Learnt()


def test_a_target_of_another_size_is_the_same_message() -> None:
    small = replace(to(V2C), max_size=484)
    assert make().seal(0, small, Kind.TRAP, NOTE, 77) == seal(V2C)
