"""A SET PDU is one transaction. RFC 3416 section 4.2.5; RFC 3584 section 4.4."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, fail

from mibagent.errors import (
    InconsistentName,
    InconsistentValue,
    NoAccess,
    NoCreation,
    Refused,
    ResourceUnavailable,
    WrongValue,
)
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base
from mibagent.snmp.ber import tlv
from mibagent.snmp.northbound import IN_WORDS_OF_V1, status_of
from mibagent.snmp.pdu import Kind, Status
from mibagent.snmp.vacm import Family, View
from tests.agent.snmp.fakes import PEER, ROOT, Wire, request, response, sample, set_request, value

NUMBER = (*ROOT, 1, 1, 0)
TEXT = (*ROOT, 1, 2, 0)
ROW = (*ROOT, 2, 1, 2, 1, 97)
FIVE = value(Base.INTEGER, 5)
FINE = (TEXT, value(Base.OCTETS, b"fine"))


def asked(wire: Wire, *bindings: tuple[Oid, bytes], version: int = 1,
          community: bytes = b"private") -> tuple[int, int]:
    found = wire.reply(set_request(*bindings, version=version, community=community))
    assert len(found.varbinds) == len(bindings)
    return found.first, found.second


def test_a_set_is_carried_out_and_echoed() -> None:
    wire = Wire(sample())
    octets = set_request((NUMBER, value(Base.INTEGER, 77)), FINE)
    assert wire.ask(octets) is None
    assert len(wire.sent) == 1
    found = response(wire.sent.pop())
    assert (found.first, found.second, found.octets) == (0, 0, octets[-len(found.octets):])
    assert wire.source.values["oneNumber", ()] == 77
    assert wire.reply(request(Kind.GET, NUMBER)).varbinds[0].content == bytes((77,))
    counters = wire.engine.counters
    assert (counters["snmpInSetRequests"], counters["snmpInTotalSetVars"]) == (1, 2)
    assert counters["snmpOutPkts"] == counters["snmpInPkts"] == 2


@pytest.mark.parametrize(("binding", "status", "in_v1"), [
    (((2, 999, 1), FIVE), Status.NO_ACCESS, Status.NO_SUCH_NAME),
    (((1, 9, 1), FIVE), Status.NOT_WRITABLE, Status.NO_SUCH_NAME),
    (((*ROOT, 1), FIVE), Status.NOT_WRITABLE, Status.NO_SUCH_NAME),
    (((*ROOT, 1, 5, 0), value(Base.COUNTER32, 5)), Status.NOT_WRITABLE, Status.NO_SUCH_NAME),
    (((*ROOT, 1, 5, 0), FIVE), Status.NOT_WRITABLE, Status.NO_SUCH_NAME),
    ((NUMBER, value(Base.OCTETS, b"5")), Status.WRONG_TYPE, Status.BAD_VALUE),
    ((NUMBER, value(Base.UNSIGNED32, 5)), Status.WRONG_TYPE, Status.BAD_VALUE),
    ((NUMBER, b"\x05\x00"), Status.WRONG_TYPE, Status.BAD_VALUE),
    ((TEXT, FIVE), Status.WRONG_TYPE, Status.BAD_VALUE),
    ((TEXT, value(Base.OPAQUE, b"x")), Status.WRONG_TYPE, Status.BAD_VALUE),
    (((*ROOT, 1, 3, 0), FIVE), Status.WRONG_TYPE, Status.BAD_VALUE),
    ((TEXT, value(Base.OCTETS, b"123456789")), Status.WRONG_LENGTH, Status.BAD_VALUE),
    (((*ROOT, 1, 4, 0), tlv(0x40, b"123")), Status.WRONG_ENCODING, Status.BAD_VALUE),
    ((NUMBER, b"\x02\x00"), Status.WRONG_ENCODING, Status.BAD_VALUE),
    ((NUMBER, b"\x02\x05\x00\x00\x00\x00\x05"), Status.WRONG_ENCODING, Status.BAD_VALUE),
    (((*ROOT, 1, 6, 0), b"\x42\x01\xff"), Status.WRONG_ENCODING, Status.BAD_VALUE),
    (((*ROOT, 1, 3, 0), b"\x06\x01\x80"), Status.WRONG_ENCODING, Status.BAD_VALUE),
    (((*ROOT, 1, 5, 0), b"\x41\x00"), Status.NOT_WRITABLE, Status.NO_SUCH_NAME),
    ((NUMBER, value(Base.INTEGER, 101)), Status.WRONG_VALUE, Status.BAD_VALUE),
    (((*ROOT, 1, 1, 1), FIVE), Status.NO_CREATION, Status.NO_SUCH_NAME),
    (((*ROOT, 1, 1), FIVE), Status.NO_CREATION, Status.NO_SUCH_NAME),
    (((*ROOT, 1, 1, 1), value(Base.OCTETS, b"5")), Status.WRONG_TYPE, Status.BAD_VALUE),
    (((*ROOT, 2, 1, 2, 2, 97), FIVE), Status.NO_CREATION, Status.NO_SUCH_NAME),
    (((*ROOT, 2, 1, 2, 1, 300), FIVE), Status.NO_CREATION, Status.NO_SUCH_NAME),
])
def test_refused_by_the_mib(binding: tuple[Oid, bytes], status: Status, in_v1: Status) -> None:
    wire = Wire(sample())
    assert asked(wire, binding) == (status, 1)
    assert asked(wire, FINE, binding, FINE) == (status, 2)
    assert asked(wire, FINE, FINE, binding, version=0) == (in_v1, 3)
    assert all(each.rolled_back for each in wire.source.transactions)
    assert wire.source.values["oneText", ()] == b"abc"
    assert wire.sent == []


def test_without_a_write_view_a_set_is_refused_whole() -> None:
    wire = Wire(sample())
    wire.access.of[b"private"] = {"write": None}
    assert asked(wire, (NUMBER, FIVE)) == (Status.AUTHORIZATION_ERROR, 0)
    assert asked(wire, (NUMBER, FIVE), version=0) == (Status.NO_SUCH_NAME, 0)
    assert wire.engine.counters["snmpInBadCommunityUses"] == 2


def test_a_view_that_shows_some_rows_is_asked_at_each_set() -> None:
    wire = Wire(sample())
    shown = View(b"row", (Family((*ROOT, 1)), Family(ROW)))
    other = (*ROW[:-1], 98)
    for _ in range(2):
        assert asked(wire, (ROW, FIVE)) == asked(wire, (other, FIVE))   # both are known now
    wire.access.of[b"private"] = {"write": shown}
    wire.engine.forget()
    assert asked(wire, (other, FIVE))[0] == Status.NO_ACCESS
    assert asked(wire, (ROW, FIVE))[0] != Status.NO_ACCESS
    assert asked(wire, (NUMBER, FIVE)) == (0, 0)
    wire.access.of[b"private"] = {"write": View(b"none", ())}
    wire.engine.forget()
    assert asked(wire, (ROW, FIVE))[0] == asked(wire, (NUMBER, FIVE))[0] == Status.NO_ACCESS


def test_out_of_the_write_view_nothing_is_written_and_nothing_else_is_asked() -> None:
    """An admin too. RFC 3416 section 4.2.5, step 1, comes before type and existence."""
    wire = Wire(sample())
    wire.access.of[b"private"] = {"write": View(b"some", (Family(NUMBER[:-1]),))}
    assert asked(wire, (NUMBER, FIVE)) == (0, 0)
    outside = (*ROOT, 1, 2, 0)
    assert asked(wire, (NUMBER, FIVE), (outside, FIVE)) == (Status.NO_ACCESS, 2)
    assert asked(wire, ((1, 3, 9), FIVE)) == (Status.NO_ACCESS, 1)
    assert wire.engine.counters["snmpInBadCommunityUses"] == 1


def test_an_observer_may_not_write() -> None:
    wire = Wire(sample())
    assert asked(wire, (NUMBER, FIVE), community=b"public") == (Status.NO_ACCESS, 1)
    wrong = (NUMBER, value(Base.OCTETS, b"5"))
    assert asked(wire, wrong, community=b"public") == (Status.NO_ACCESS, 1)
    assert wire.engine.counters["snmpInBadCommunityUses"] == 2


@pytest.mark.parametrize(("refusal", "status", "index"), [
    (InconsistentValue("namedNumber", "", (b"a",)), Status.INCONSISTENT_VALUE, 2),
    (InconsistentName("oneText"), Status.INCONSISTENT_NAME, 1),
    (NoCreation("namedNumber", "", (b"b",)), Status.NO_CREATION, 3),
    (WrongValue("namedNumber", "", (b"zz",)), Status.WRONG_VALUE, 2),
    (InconsistentValue("somethingElse"), Status.INCONSISTENT_VALUE, 1),
    (ResourceUnavailable(""), Status.RESOURCE_UNAVAILABLE, 1),
    (RuntimeError("a bug"), Status.GEN_ERR, 1),
])
def test_refused_by_the_whole(refusal: Exception, status: Status, index: int) -> None:
    wire = Wire(sample())
    wire.source.refuse_prepare = refusal
    bindings = (FINE, (ROW, FIVE), ((*ROW[:-1], 98), FIVE))
    assert asked(wire, *bindings) == (status, index)
    assert asked(wire, *bindings, version=0) == (IN_WORDS_OF_V1.get(status, status), index)
    assert all(each.rolled_back for each in wire.source.transactions)


def test_refusals_of_the_store_keep_their_words() -> None:
    wire = Wire(sample())
    refusals: list[Refused] = [
        NoAccess("oneText"), NoCreation("oneText"), InconsistentName("oneText")]
    for refusal in refusals:
        wire.source.refuse_set["oneText"] = refusal
        assert asked(wire, (NUMBER, FIVE), FINE) == (refusal.status, 2)
        wire.now += 10


@pytest.mark.parametrize(("failure", "status", "in_v1"), [
    (ResourceUnavailable("", "disk full"), Status.RESOURCE_UNAVAILABLE, Status.GEN_ERR),
    (RuntimeError("a bug"), Status.COMMIT_FAILED, Status.GEN_ERR),
])
def test_a_commit_that_fails(failure: Exception, status: Status, in_v1: Status) -> None:
    wire = Wire(sample())
    wire.source.on_commit = lambda: fail(failure)
    assert asked(wire, FINE) == (status, 1)
    assert asked(wire, FINE, version=0) == (in_v1, 1)
    assert wire.source.values["oneText", ()] == b"abc"


def test_every_status_has_words_in_v1() -> None:
    kinds: list[type[Refused]] = [Refused, *Refused.__subclasses__()]
    assert {status_of(kind(""), 0) for kind in kinds} <= {2, 3, 4, 5}
    assert all(status_of(kind(""), 1) == kind.status for kind in kinds)


def test_an_answer_waits_for_the_commit_and_a_retransmission_for_the_answer() -> None:
    wire = Wire(sample())
    waiting: Deferred[object] = Deferred()
    wire.source.on_commit = lambda: waiting
    octets = set_request(FINE)
    for _ in range(3):
        assert wire.ask(octets) is None
    assert (len(wire.source.transactions), wire.sent) == (1, [])
    assert wire.reply(request(Kind.GET, TEXT)).varbinds[0].content == b"abc"
    waiting.callback(None)
    assert len(wire.sent) == 1
    for _ in range(3):
        assert wire.ask(octets) == wire.sent[0]
    assert len(wire.source.transactions) == 1


def test_another_peer_or_a_later_time_is_another_set() -> None:
    wire = Wire(sample())
    octets = set_request(FINE)
    wire.ask(octets)
    wire.ask(octets, (PEER[0], PEER[1] + 1))
    wire.ask(set_request(FINE, request_id=8))
    assert len(wire.source.transactions) == 3
    wire.now = 60.0
    wire.ask(octets)
    assert len(wire.source.transactions) == 4


def test_a_retransmission_is_judged_first() -> None:
    wire = Wire(sample())
    octets = set_request(FINE)
    wire.ask(octets)
    del wire.access.communities[b"private"]
    assert wire.ask(octets) is None
    assert len(wire.sent) == 1


def test_refused_sets_are_remembered_too() -> None:
    wire = Wire(sample())
    octets = set_request((NUMBER, value(Base.INTEGER, 101)))
    assert wire.ask(octets) == wire.ask(octets)
    assert len(wire.source.transactions) == 1


def test_what_waits_is_bounded() -> None:
    wire = Wire(sample())
    waiting: list[Deferred[object]] = []

    def commit() -> Deferred[object]:
        waiting.append(Deferred())
        return waiting[-1]

    wire.source.on_commit = commit
    for number in range(1024):
        assert wire.ask(set_request(FINE, request_id=number)) is None
    answer = wire.ask(set_request(FINE, request_id=5000))
    assert answer is not None and response(answer).first == Status.RESOURCE_UNAVAILABLE
    for each in waiting:
        each.callback(None)
    assert len(wire.sent) == 1024
    assert wire.ask(set_request(FINE, request_id=5000)) is None


def test_a_set_too_big_to_echo_is_not_carried_out() -> None:
    wire = Wire(sample(), max_size=484)
    octets = set_request(*[FINE] * 40)
    found = wire.reply(octets)
    assert (found.first, found.second, found.varbinds) == (Status.TOO_BIG, 0, [])
    assert wire.source.transactions == []


def test_an_empty_set_is_answered() -> None:
    wire = Wire(sample())
    assert asked(wire) == (0, 0)


def test_a_sender_that_fails_is_survived() -> None:
    wire = Wire(sample())

    def broken(answer: bytes) -> None:
        raise OSError("closed")

    assert wire.engine.answer(set_request(FINE), PEER, broken) is None
    assert wire.source.values["oneText", ()] == b"fine"


def test_v1_takes_no_counter64() -> None:
    wire = Wire(sample())
    assert wire.ask(set_request((NUMBER, value(Base.COUNTER64, 5)), version=0)) is None
    assert wire.engine.counters["snmpInASNParseErrs"] == 1
