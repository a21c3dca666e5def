"""Message processing of SNMPv3: models, flags, contexts, sizes, reports, and SETs."""

from __future__ import annotations

import pytest

from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base
from mibagent.snmp.ber import OCTETS, SEQUENCE, encode_integer, encode_oid, tlv
from mibagent.snmp.counters import OF_V3
from mibagent.snmp.pdu import Kind, encode_varbind
from tests.agent.snmp.fakes import ROOT, null, pdu, value
from tests.agent.snmp.secure import OTHER_ENGINE, Answer, SecureWire, user_of

NUMBER: Oid = (*ROOT, 1, 1, 0)


def header(model: int = 3, flags: int = 4, max_size: int = 1500, msg_id: int = 9,
           security: bytes = b"") -> bytes:
    """A message put together by hand."""
    content = (encode_integer(msg_id) + encode_integer(max_size) + tlv(OCTETS, bytes((flags,)))
               + encode_integer(model))
    return tlv(SEQUENCE, encode_integer(3) + tlv(SEQUENCE, content) + tlv(OCTETS, security)
               + tlv(SEQUENCE, tlv(OCTETS, b"") * 2 + pdu(Kind.GET, b"")))


def plain_security(**changed: bytes) -> bytes:
    fields = {"engine": tlv(OCTETS, b""), "boots": encode_integer(0), "time": encode_integer(0),
              "user": tlv(OCTETS, b""), "mac": tlv(OCTETS, b""), "salt": tlv(OCTETS, b"")}
    return tlv(SEQUENCE, b"".join((fields | changed).values()))


@pytest.mark.parametrize(("octets", "counter"), [
    (header(model=2), "snmpUnknownSecurityModels"),
    (header(model=2**31 - 1), "snmpUnknownSecurityModels"),
    (header(flags=6), "snmpInvalidMsgs"),
    (header(model=0), "snmpInASNParseErrs"),
    (header(max_size=483), "snmpInASNParseErrs"),
    (header(msg_id=-1), "snmpInASNParseErrs"),
    (header(security=b"\x30\x00"), "snmpInASNParseErrs"),
    (header(security=b""), "snmpInASNParseErrs"),
    (header(security=plain_security() + b"\0"), "snmpInASNParseErrs"),
    (header(security=plain_security(user=tlv(OCTETS, bytes(33)))), "snmpInASNParseErrs"),
    (header(security=plain_security(engine=tlv(OCTETS, bytes(33)))), "snmpInASNParseErrs"),
    (header(security=plain_security(boots=encode_integer(-1))), "snmpInASNParseErrs"),
    (header(security=plain_security(time=b"\x02\x05\x01\0\0\0\0")), "snmpInASNParseErrs"),
])
def test_what_is_no_message_is_counted_and_not_answered(octets: bytes, counter: str) -> None:
    wire = SecureWire()
    assert wire.ask(octets) is None
    assert wire.counted(counter) == wire.counted("snmpInPkts") == 1
    assert wire.counted("snmpOutPkts") == 0


def test_flags_of_no_meaning_are_passed_over() -> None:
    wire = SecureWire()
    octets = header(flags=0xF8 | 4, security=plain_security())
    assert wire.ask(octets) is not None
    assert wire.counted("usmStatsUnknownEngineIDs") == 1


def test_any_cut_and_any_changed_octet_leaves_the_engine_standing() -> None:
    wire = SecureWire()
    whole = wire.message(user_of(), pdu(Kind.GET, null(NUMBER)))
    for at in range(len(whole)):
        wire.ask(whole[:at])
        for octet in (0, 0x7F, 0x80, 0x84, 0xFF):
            wire.ask(whole[:at] + bytes((octet,)) + whole[at + 1:])
    assert wire.counted("snmpSilentDrops") == 0
    answer = wire.get(user_of(), NUMBER)
    assert answer is not None and answer.kind is Kind.RESPONSE


@pytest.mark.parametrize("kind", [Kind.RESPONSE, Kind.REPORT, Kind.TRAP])
def test_what_asks_for_no_answer_gets_no_report(kind: Kind) -> None:
    """RFC 3412 section 7.1: two engines would report on each other's reports."""
    wire = SecureWire()
    stranger = user_of(b"mal", auth="")
    assert wire.ask(wire.message(stranger, pdu(kind, null(NUMBER)))) is None
    assert wire.counted("usmStatsUnknownUserNames") == 1


@pytest.mark.parametrize("reportable", [False, True])
def test_the_reportable_flag_decides_where_the_pdu_is_hidden(reportable: bool) -> None:
    """RFC 3412 section 6.4."""
    wire = SecureWire()
    wrong = user_of(password=b"molasses")
    hidden = wire.message(wrong, pdu(Kind.GET, null(NUMBER)), reportable=reportable)
    assert (wire.ask(hidden) is not None) is reportable
    seen = wire.message(user_of(b"mal", auth=""), pdu(Kind.GET, null(NUMBER)),
                        reportable=reportable)
    assert wire.ask(seen) is not None


def test_another_context_is_reported_as_the_request_was_protected() -> None:
    wire = SecureWire()
    answer = wire.get(user_of(), NUMBER, context=b"bridge1")
    assert answer is not None and answer.reports == OF_V3["snmpUnknownContexts"][1]
    assert answer.level == 3 and answer.scoped.context == b"bridge1"
    assert wire.counted("snmpUnknownContexts") == 1


def test_the_context_of_another_engine_is_nobodys() -> None:
    wire = SecureWire()
    answer = wire.get(user_of(), NUMBER, context_engine=OTHER_ENGINE)
    assert answer is not None and answer.reports == OF_V3["snmpUnknownPDUHandlers"][1]
    assert answer.level == 3
    assert wire.counted("snmpUnknownPDUHandlers") == 1


def test_an_inform_finds_nobody_here_and_a_trap_no_word() -> None:
    wire = SecureWire()
    answer = wire.get(user_of(), NUMBER, kind=Kind.INFORM)
    assert answer is not None and answer.reports == OF_V3["snmpUnknownPDUHandlers"][1]
    assert wire.get(user_of(), NUMBER, kind=Kind.TRAP) is None
    assert wire.counted("snmpUnknownPDUHandlers") == 2


@pytest.mark.parametrize("tag", [0xA4, 0xA9, 0x30])
def test_what_is_no_pdu_is_a_parse_error(tag: int) -> None:
    wire = SecureWire()
    assert wire.ask(wire.message(user_of(), tlv(tag, b""))) is None
    assert wire.counted("snmpInASNParseErrs") == 1


@pytest.mark.parametrize("priv", ["", "DES", "AES-128", "AES-256"])
@pytest.mark.parametrize("size", [484, 485, 500, 600, 1000])
def test_an_answer_is_no_larger_than_the_asker_takes(size: int, priv: str) -> None:
    wire = SecureWire(user_of(priv=priv))
    asker = user_of(priv=priv, max_size=size)
    whole = wire.get(asker, (1, 3), kind=Kind.GET_BULK, second=100)
    assert whole is not None and whole.pdu.first == 0 and whole.pdu.varbinds
    octets = wire.ask(wire.message(asker, pdu(Kind.GET_BULK, null((1, 3)), 0, 100)))
    assert octets is not None and size * 0.75 < len(octets) <= size
    many = wire.get(asker, *[NUMBER] * 60)
    assert many is not None and (many.pdu.first, many.pdu.varbinds) == (1, [])


def test_a_set_is_carried_out_once_and_its_second_answer_names_the_second_message() -> None:
    wire = SecureWire()
    body = pdu(Kind.SET, encode_varbind(encode_oid(NUMBER), value(Base.INTEGER, 9)))
    carried = 0
    for msg_id in (1, 2):
        assert wire.ask(wire.message(user_of(), body, msg_id=msg_id)) is None or carried
        carried += len(wire.sent)
        octets = wire.sent.pop() if wire.sent else wire.ask(
            wire.message(user_of(), body, msg_id=msg_id))
        assert octets is not None
        answer = Answer(octets, user_of())
        assert answer.header.msg_id == bytes((msg_id,)) and answer.pdu.first == 0
    assert carried == 1
    assert wire.source.values["oneNumber", ()] == 9
    assert wire.counted("snmpInTotalSetVars") == 1


def test_the_same_set_of_another_user_is_another_set() -> None:
    wire = SecureWire(user_of(), user_of(b"tom"))
    body = pdu(Kind.SET, encode_varbind(encode_oid(NUMBER), value(Base.INTEGER, 9)))
    wire.ask(wire.message(user_of(), body))
    answer = wire.ask(wire.message(user_of(b"tom"), body))
    assert answer is not None
    assert Answer(answer, user_of(b"tom")).pdu.first == 6      # noAccess: an Observer


def test_what_is_deciphered_and_is_no_pdu_is_a_parse_error() -> None:
    """RFC 3412 section 7.2, step 7; other keys than the user's are a decryption error."""
    wire = SecureWire()
    assert wire.ask(wire.message(user_of(), b"")) is None
    assert (wire.counted("snmpInASNParseErrs"), wire.counted("usmStatsDecryptionErrors")) == (1, 0)
    assert wire.ask(wire.message(user_of(priv_password=b"molasses"), b"")) is not None
    assert (wire.counted("snmpInASNParseErrs"), wire.counted("usmStatsDecryptionErrors")) == (1, 1)


def test_a_host_that_fails_too_often_is_spared_reports_and_the_right_keys_let_it_in() -> None:
    wire = SecureWire()
    wrong = wire.message(user_of(password=b"guessed wrong"), pdu(Kind.GET, null(NUMBER)))
    told = [wire.ask(wrong) is not None for _ in range(30)]
    assert told == [True] * 20 + [False] * 10
    assert wire.engine.counters.withheld_reports == 10
    assert wire.counted("usmStatsWrongDigests") == 30
    answer = wire.get(user_of(), NUMBER)
    assert answer is not None and answer.kind is Kind.RESPONSE
    wire.now += 1
    assert wire.ask(wrong) is not None


def test_what_every_manager_meets_on_its_way_in_is_always_reported() -> None:
    wire = SecureWire()
    discovery = header(security=plain_security())
    assert all(wire.ask(discovery) is not None for _ in range(50))
