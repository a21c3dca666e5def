"""Reads, by RFC 3416 section 4.2, RFC 1157 and RFC 3584."""

from __future__ import annotations

import logging
from functools import partial

import pytest

from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base
from mibagent.snmp.ber import encode_oid
from mibagent.snmp.pdu import Kind, Pdu, Status
from mibagent.snmp.peer import OVER_TCP
from mibagent.snmp.targets import End
from mibagent.snmp.vacm import Family, View
from tests.agent.snmp.fakes import (
    PEER,
    ROOT,
    FakeSource,
    Wire,
    binding,
    message,
    null,
    pdu,
    request,
    response,
    sample,
    scalar,
)

ONE_NUMBER = (*ROOT, 1, 1, 0)
ONE_WIDE = (*ROOT, 1, 8, 0)
LAST = (*ROOT, 40000, 1, 70000, 2**31 - 1)


def get(wire: Wire, *oids: Oid, version: int = 1) -> Pdu:
    return wire.reply(request(Kind.GET, *oids, version=version))


def get_next(wire: Wire, *oids: Oid, version: int = 1) -> Pdu:
    return wire.reply(request(Kind.GET_NEXT, *oids, version=version))


def get_bulk(wire: Wire, *oids: Oid, several: int = 0, repeat: int = 0) -> Pdu:
    return wire.reply(request(Kind.GET_BULK, *oids, first=several, second=repeat))


def tags(found: Pdu) -> list[int]:
    return [varbind.tag for varbind in found.varbinds]


def names(found: Pdu) -> list[bytes]:
    return [varbind.name for varbind in found.varbinds]


def status(found: Pdu) -> tuple[int, int]:
    return found.first, found.second


def test_a_get_on_the_wire() -> None:
    wire = Wire(sample())
    asked = bytes.fromhex(
        "302a020101040670" "75626c6963" "a01d020107020100020100" "3012" "3010"
        "060c2b0601040181fd5909010100" "0500")
    told = bytes.fromhex(
        "302b020101040670" "75626c6963" "a21e020107020100020100" "3013" "3011"
        "060c2b0601040181fd5909010100" "020105")
    for _ in range(3):
        assert wire.ask(asked) == told


def test_a_community_of_some_ports_counts_from_those_alone_and_never_by_tcp() -> None:
    wire = Wire(sample())
    wire.access.of[b"public"] = {"ends": (End(161, 0xFFFF), End(4000, 0xFF00))}
    asked = request(Kind.GET, ONE_NUMBER)
    for _ in range(3):
        for host, port, is_taken in (("192.0.2.1", 161, True), ("192.0.2.1", 162, False),
                                     ("192.0.2.1", 4001, True), ("192.0.2.1", 5000, False),
                                     ("192.0.2.1" + OVER_TCP, 161, False)):
            assert (wire.ask(asked, (host, port)) is not None) is is_taken, port
    assert wire.engine.counters["snmpInBadCommunityNames"] == len(wire.refused) == 9


def test_a_community_of_a_host_is_answered_on_the_fast_path_but_not_by_tcp() -> None:
    wire = Wire(sample())
    wire.access.of[b"public"] = {"ends": (End(161, 0),)}
    asked = request(Kind.GET, ONE_NUMBER)
    for port in (161, 4000):
        assert wire.ask(asked, ("192.0.2.1", port)) is not None
    assert wire.engine.fast.answer(asked, ("192.0.2.1", 5000)) is not None
    assert wire.ask(asked, ("192.0.2.1" + OVER_TCP, 161)) is None


def test_the_size_that_an_end_takes_bounds_its_answers() -> None:
    wire = Wire(sample())
    wire.access.of[b"public"] = {"ends": (End(161, 0xFFFF), End(0, 0, 484))}
    wide = request(Kind.GET_BULK, ROOT, second=500)
    for _ in range(3):
        by_port = {port: wire.ask(wide, ("192.0.2.1", port)) for port in (161, 4000)}
        assert by_port[161] is not None and len(by_port[161]) > 484
        assert by_port[4000] is not None and 300 < len(by_port[4000]) <= 484
    wire.access.of[b"public"] = {"ends": (End(0, 0, 484),)}
    wire.engine.forget()
    by_fast = [wire.ask(wide) for _ in range(3)]
    assert by_fast == [by_port[4000]] * 3


def test_without_a_view_a_read_is_refused_whole() -> None:
    wire = Wire(sample())
    wire.access.of[b"public"] = {"read": None}
    for kind in (Kind.GET, Kind.GET_NEXT):
        assert status(wire.reply(request(kind, ONE_NUMBER))) == (Status.AUTHORIZATION_ERROR, 0)
        assert status(wire.reply(request(kind, ONE_NUMBER, version=0))) \
            == (Status.NO_SUCH_NAME, 0)
    found = get_bulk(wire, ONE_NUMBER, repeat=3)
    assert status(found) == (Status.AUTHORIZATION_ERROR, 0)
    assert names(found) == [encode_oid(ONE_NUMBER)]
    assert wire.engine.counters["snmpInBadCommunityUses"] == 5


def test_what_is_out_of_view_is_not_there() -> None:
    """No such object where the view shows nothing of it, else no such instance."""
    wire = Wire(sample())
    wire.access.of[b"public"] = {"read": View(b"some", (
        Family((*ROOT, 1, 2)), Family((*ROOT, 40000, 1, 1, 127))))}
    rows = (*ROOT, 40000, 1)
    found = get(wire, ONE_NUMBER, (*ROOT, 1, 2, 0), (*rows, 1, 127), (*rows, 1, 128),
                (*rows, 200, 127))
    assert (status(found), tags(found)) == ((0, 0), [0x80, 4, 2, 0x81, 0x80])
    found = get(wire, (*ROOT, 1, 2, 0), (*rows, 1, 128), version=0)
    assert status(found) == (Status.NO_SUCH_NAME, 2)
    assert names(get_next(wire, (1, 3), (*ROOT, 1, 2, 0), (*rows, 1, 127))) == [
        encode_oid((*ROOT, 1, 2, 0)), encode_oid((*rows, 1, 127)), encode_oid((*rows, 1, 127))]


@pytest.mark.parametrize(("oid", "tag"), [
    ((*ROOT, 1, 1), 0x81), ((*ROOT, 1, 1, 1), 0x81), ((*ROOT, 1, 1, 0, 0), 0x81),
    ((*ROOT, 1, 11, 0), 0x80), ((1, 3), 0x80), ((2, 999), 0x80), ((0, 0), 0x80),
    ((*ROOT, 1, 10, 0), 0x80), ((*ROOT, 2, 1, 1, 1, 97), 0x80),
    ((*ROOT, 2, 1, 2, 1, 99), 0x81), ((*ROOT, 2, 1, 2), 0x81), ((*ROOT, 2, 1), 0x80),
])
def test_what_is_not_there(oid: Oid, tag: int) -> None:
    wire = Wire(sample())
    found = get(wire, ONE_NUMBER, oid)
    assert (status(found), tags(found)) == ((0, 0), [2, tag])
    found = get(wire, ONE_NUMBER, oid, version=0)
    assert (status(found), tags(found)) == ((Status.NO_SUCH_NAME, 2), [5, 5])


def test_values_of_every_type() -> None:
    found = get(Wire(sample()), *((*ROOT, 1, arc, 0) for arc in range(1, 10)))
    assert tags(found) == [2, 4, 6, 0x40, 0x41, 0x42, 0x43, 0x46, 4]


def test_v1_knows_no_counter64() -> None:
    wire = Wire(sample())
    for _ in range(3):
        assert status(get(wire, ONE_WIDE, version=0)) == (Status.NO_SUCH_NAME, 1)
        after = get_next(wire, (*ROOT, 1, 7, 0), version=0)
        assert names(after) == [encode_oid((*ROOT, 1, 9, 0))]
        after = get_next(wire, (*ROOT, 2, 1, 3, 2, 255, 255), version=0)
        assert names(after) == [encode_oid((*ROOT, 3, 1, 0))]
        assert get(wire, ONE_WIDE).varbinds[0].tag == 0x46


def test_the_end() -> None:
    wire = Wire(sample())
    for _ in range(2):
        assert tags(get_next(wire, ONE_NUMBER, LAST)) == [4, 0x82]
        assert names(get_next(wire, LAST)) == [encode_oid(LAST)]
        assert status(get_next(wire, ONE_NUMBER, LAST, version=0)) == (Status.NO_SUCH_NAME, 2)


def test_an_empty_tree_answers() -> None:
    wire = Wire(FakeSource([]))
    assert tags(get(wire, ONE_NUMBER)) == [0x80]
    assert tags(get_next(wire, (1, 3))) == [0x82]
    assert tags(get_bulk(wire, (1, 3), repeat=9)) == [0x82]


@pytest.mark.parametrize(("several", "repeat", "count"), [
    (0, 0, 0), (0, 1, 3), (1, 0, 1), (1, 2, 5), (3, 9, 3), (9, 9, 3), (-5, 2, 6), (2, -7, 2),
    (2**31 - 1, 2**31 - 1, 3),
])
def test_non_repeaters_and_max_repetitions(several: int, repeat: int, count: int) -> None:
    wire = Wire(sample())
    for _ in range(2):
        found = get_bulk(wire, ONE_NUMBER, ONE_NUMBER, ONE_NUMBER, several=several, repeat=repeat)
        assert (status(found), len(found.varbinds)) == ((0, 0), count)


def test_getbulk_stops_after_a_row_of_ends() -> None:
    wire = Wire(sample())
    for _ in range(2):
        found = get_bulk(wire, LAST, (*ROOT, 40000, 1, 70000, 2**28), repeat=50)
        assert tags(found) == [0x82, 4, 0x82, 0x82]
        assert names(found)[2:] == [encode_oid(LAST)] * 2


def test_getbulk_is_cut_to_the_size() -> None:
    wire = Wire(sample(), max_size=484)
    for _ in range(3):
        answer = wire.ask(request(Kind.GET_BULK, (1, 3), second=2**31 - 1))
        assert answer is not None and 400 < len(answer) <= 484
        assert status(response(answer)) == (0, 0)


def test_getbulk_is_bounded_in_varbinds() -> None:
    wire = Wire(sample(), max_varbinds=10)
    for _ in range(2):
        assert len(get_bulk(wire, (1, 3), (1, 3), (1, 3), repeat=1000).varbinds) == 9
        many = get_bulk(wire, *[(1, 3)] * 20, repeat=1000)
        assert len(many.varbinds) == 20


@pytest.mark.parametrize("version", [0, 1])
def test_too_big(version: int) -> None:
    source = sample()
    source.put("namedText", (b"a",), b"x" * 600)
    wire = Wire(source, max_size=484)
    for _ in range(2):
        found = get(wire, (*ROOT, 2, 1, 3, 1, 97), version=version)
        assert status(found) == (Status.TOO_BIG, 0)
        assert len(found.varbinds) == (1 if version == 0 else 0)
    assert wire.engine.counters["snmpOutTooBigs"] == 2


def test_an_answer_too_big_to_say_so_is_dropped_and_counted() -> None:
    wire = Wire(sample(), max_size=484)
    assert wire.ask(request(Kind.GET, *[(*ROOT, 1, 2, 0)] * 40, version=0)) is None
    assert wire.engine.counters["snmpSilentDrops"] == 1


@pytest.mark.parametrize("kind", [Kind.GET, Kind.GET_NEXT, Kind.GET_BULK])
def test_a_failing_reader_is_gen_err_of_its_varbind(
    kind: Kind, caplog: pytest.LogCaptureFixture,
) -> None:
    def fails() -> int:
        raise RuntimeError("no reading")

    source = sample(lambda node: node.name != "oneText")
    source.computed["oneText", ()] = fails
    wire = Wire(source)
    asked = (*ROOT, 1, 2, 0) if kind is Kind.GET else ONE_NUMBER
    fine = (*ROOT, 3, 1, 0)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            found = wire.reply(request(kind, fine, asked, second=2 * (kind is Kind.GET_BULK)))
            assert status(found) == (Status.GEN_ERR, 2)
            assert tags(found) == [5, 5]
    assert (wire.engine.counters.read_failures, len(caplog.records)) == (3, 1)
    assert "oneText" in caplog.text


def test_a_reader_that_gives_no_value_of_its_type_is_gen_err() -> None:
    source = sample(lambda node: False)
    source.values["oneNumber", ()] = b"text"
    assert status(get(Wire(source), ONE_NUMBER)) == (Status.GEN_ERR, 1)


def test_a_kept_value_is_read_once_until_it_changes() -> None:
    source = sample()
    wire = Wire(source)
    for _ in range(5):
        assert get(wire, ONE_NUMBER).varbinds[0].content == b"\x05"
    assert source.reads == 1
    source.put("oneNumber", (), 6)
    assert get(wire, ONE_NUMBER).varbinds[0].content == b"\x06"
    assert source.reads == 2


def test_a_computed_value_is_read_each_time() -> None:
    source = sample(lambda node: False)
    wire = Wire(source)
    for number in range(5):
        source.values["oneNumber", ()] = number
        assert get(wire, ONE_NUMBER).varbinds[0].content == bytes((number,))


def shows(wire: Wire, counter: str) -> int:
    return wire.engine.counters[counter]


def test_counters_show_what_came_before_whichever_path_answers() -> None:
    source = sample(lambda node: False)
    wire = Wire(source)
    asked = request(Kind.GET, ONE_NUMBER)
    for counter in ("snmpInPkts", "snmpInGetRequests", "snmpOutGetResponses"):
        source.computed["oneNumber", ()] = partial(shows, wire, counter)
        shown = []
        for strictly in (True, False, False, True, False, True):
            answer = (wire.engine.answer_strictly(asked, PEER, wire.sent.append) if strictly
                      else wire.ask(asked))
            assert answer is not None
            shown.append(int.from_bytes(response(answer).varbinds[0].content, "big"))
        assert [number - shown[0] for number in shown] == [0, 1, 2, 3, 4, 5], counter


def test_a_value_that_vanished_and_came_back() -> None:
    source = sample()
    wire = Wire(source)
    oid = (*ROOT, 2, 1, 2, 1, 97)
    assert tags(get(wire, oid)) == [2]
    source.take("namedNumber", (b"a",))
    for _ in range(2):
        assert tags(get(wire, oid)) == [0x81]
        assert names(get_next(wire, oid[:-2])) == [encode_oid((*ROOT, 2, 1, 2, 1, 98))]
    source.put("namedNumber", (b"a",), 9)
    for _ in range(2):
        assert get(wire, oid).varbinds[0].content == b"\x09"
        assert names(get_next(wire, oid[:-2])) == [encode_oid(oid)]


def test_nothing_is_asked_before_the_first_request() -> None:
    source = sample()
    wire = Wire(source)
    assert (source.asked_for_rows, source.reads) == ([], 0)
    get(wire, ONE_NUMBER)
    assert source.asked_for_rows == []
    get(wire, (*ROOT, 2, 1, 2, 1, 97))
    assert source.asked_for_rows == ["named"]


def test_a_refused_community_is_counted_told_and_unanswered() -> None:
    wire = Wire(sample())
    for version in (0, 1):
        octets = request(Kind.GET, ONE_NUMBER, version=version, community=b"guessed")
        assert wire.ask(octets) is None
    assert wire.engine.counters["snmpInBadCommunityNames"] == 2
    assert len(wire.refused) == 2 and "guessed" not in "".join(wire.refused)


@pytest.mark.parametrize("version", [2, 3, 4, 127])
def test_other_versions_are_counted(version: int) -> None:
    wire = Wire(sample())
    assert wire.ask(request(Kind.GET, ONE_NUMBER, version=version)) is None
    assert wire.engine.counters["snmpInBadVersions"] == 1


@pytest.mark.parametrize(("kind", "version", "counter"), [
    (Kind.RESPONSE, 1, "snmpInGetResponses"), (Kind.RESPONSE, 0, "snmpInGetResponses"),
    (Kind.TRAP, 1, "snmpInTraps"), (Kind.TRAP_V1, 0, "snmpInTraps"),
    (Kind.INFORM, 1, "snmpUnknownPDUHandlers"), (Kind.REPORT, 1, "snmpUnknownPDUHandlers"),
    (Kind.GET_BULK, 0, "snmpInASNParseErrs"), (Kind.TRAP, 0, "snmpInASNParseErrs"),
    (Kind.TRAP_V1, 1, "snmpInASNParseErrs"), (0xA9, 1, "snmpInASNParseErrs"),
    (0x30, 1, "snmpInASNParseErrs"),
])
def test_what_no_agent_answers(kind: int, version: int, counter: str) -> None:
    wire = Wire(sample())
    assert wire.ask(request(kind, ONE_NUMBER, version=version)) is None
    assert wire.engine.counters[counter] == 1


def test_request_ids_come_back_as_they_came() -> None:
    wire = Wire(sample())
    for request_id in (0, 1, -1, 127, 128, 2**31 - 1, -(2**31)):
        for _ in range(2):
            octets = request(Kind.GET, ONE_NUMBER, request_id=request_id)
            answer = wire.ask(octets)
            assert answer is not None
            assert response(answer).request_id == request_id.to_bytes(
                ((request_id if request_id >= 0 else ~request_id).bit_length() >> 3) + 1,
                "big", signed=True)


def test_long_lengths_and_odd_values_are_read_all_the_same() -> None:
    wire = Wire(sample())
    name = b"\x06\x81\x0c" + encode_oid(ONE_NUMBER)
    varbind = b"\x30\x82\x00\x11" + name + b"\x05\x00"
    for _ in range(2):
        assert tags(wire.reply(message(pdu(Kind.GET, varbind)))) == [2]
    odd = binding(Base.OCTETS, ONE_NUMBER, b"ignored")
    assert tags(wire.reply(message(pdu(Kind.GET, odd + null(ONE_NUMBER))))) == [2, 2]


def test_secrets_read_empty() -> None:
    assert get(Wire(sample()), (*ROOT, 1, 9, 0)).varbinds[0].content == b""


def test_a_scalar_alone() -> None:
    source = FakeSource([scalar((1,), "only")])
    source.values["only", ()] = 1
    wire = Wire(source)
    assert names(get_next(wire, (1, 3), (0, 0), (*ROOT, 1))) == [encode_oid((*ROOT, 1, 0))] * 3
    assert wire.ask(request(Kind.GET), PEER) is not None
