"""What the engine takes of SNMPv3, what it reports, and what it counts."""

from __future__ import annotations

import pytest

from mibagent.smi.oid import Oid
from mibagent.snmp.ber import encode_integer
from mibagent.snmp.counters import OF_V3
from mibagent.snmp.pdu import Kind
from mibagent.snmp.users import User
from mibagent.snmp.usm import LATCHED, Usm
from mibagent.snmp.vacm import Level
from tests.agent.snmp.fakes import ROOT, null, pdu
from tests.agent.snmp.secure import (
    BOOTS,
    ENGINE,
    OTHER_ENGINE,
    Answer,
    FakeUsers,
    SecureWire,
    user_of,
)

NUMBER: Oid = (*ROOT, 1, 1, 0)
AUTHS = ("MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512")
PRIVS = ("DES", "AES-128", "AES-192", "AES-256", "AES-192-C", "AES-256-C")


def reported(wire: SecureWire, answer: Answer | None, counter: str) -> Answer:
    """The report of a counter, which counts this message too."""
    assert answer is not None
    assert answer.reports == OF_V3[counter][1]
    assert answer.pdu.varbinds[0].content == encode_integer(wire.counted(counter))[2:]
    assert wire.counted(counter) == 1
    assert wire.counted("snmpInPkts") == wire.counted("snmpOutPkts") == 1
    assert answer.security.engine_id == answer.scoped.engine_id == ENGINE
    assert answer.header.msg_id == b"\x4d" and not answer.header.flags & 4
    return answer


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("priv", ["", *PRIVS])
def test_every_pair_of_algorithms_gets_its_answer(auth: str, priv: str) -> None:
    wire = SecureWire(user_of(auth=auth, priv=priv))
    for _ in range(3):
        answer = wire.get(user_of(auth=auth, priv=priv), NUMBER)
        assert answer is not None and answer.kind is Kind.RESPONSE
        assert answer.pdu.varbinds[0].content == b"\5"
        assert answer.level == (Level.AUTH_PRIV if priv else Level.AUTH_NO_PRIV)
        assert (answer.security.boots, answer.security.user) == (BOOTS, b"eva")
        assert answer.header.msg_id == b"\x4d" and not answer.header.flags & 4


def test_discovery_gets_engine_boots_and_time() -> None:
    wire = SecureWire()
    wire.now = 12.0
    nobody = user_of(b"", auth="", engine_id=b"")
    answer = reported(wire, wire.get(nobody, context_engine=b"", boots=0, time=0),
                      "usmStatsUnknownEngineIDs")
    assert answer.level is Level.NO_AUTH_NO_PRIV
    assert (answer.security.boots, answer.security.time) == (BOOTS, 12)
    assert answer.pdu.request_id == b"\7"
    assert wire.refused == []


def test_another_engines_id_is_reported_with_ours() -> None:
    wire = SecureWire()
    wire.ask(wire.message(user_of(engine_id=OTHER_ENGINE), pdu(Kind.GET, null(NUMBER))))
    assert wire.counted("usmStatsUnknownEngineIDs") == 1


def test_an_unknown_user_is_reported_and_told_of() -> None:
    wire = SecureWire()
    stranger = user_of(b"mal", auth="")
    answer = reported(wire, wire.get(stranger, NUMBER), "usmStatsUnknownUserNames")
    assert answer.level is Level.NO_AUTH_NO_PRIV and answer.security.user == b"mal"
    assert wire.refused == ["SNMPv3 user 'mal': no such user is known here"]


def test_a_user_without_keys_is_as_good_as_unknown_and_its_reason_is_told() -> None:
    wire = SecureWire(User(b"eva", ENGINE, None, unusable="its password is under 8 characters"))
    answer = wire.get(user_of(priv="", auth=""), NUMBER, level=1)
    reported(wire, answer, "usmStatsUnknownUserNames")
    assert wire.refused == ["SNMPv3 user 'eva': its password is under 8 characters"]


def test_a_level_beyond_the_users_keys_is_reported() -> None:
    wire = SecureWire(user_of(priv=""))
    octets = wire.message(user_of(), pdu(Kind.GET, null(NUMBER)))
    answer = wire.ask(octets)
    assert answer is not None
    reported(wire, Answer(answer, user_of()), "usmStatsUnsupportedSecLevels")


@pytest.mark.parametrize("level", [Level.AUTH_NO_PRIV, Level.AUTH_PRIV])
def test_a_wrong_password_is_reported_without_protection(level: Level) -> None:
    wire = SecureWire()
    octets = wire.message(user_of(password=b"molasses"), pdu(Kind.GET, null(NUMBER)), level)
    answer = wire.ask(octets)
    assert answer is not None
    report = reported(wire, Answer(answer, user_of()), "usmStatsWrongDigests")
    assert report.level is Level.NO_AUTH_NO_PRIV
    assert report.pdu.request_id == (b"\0" if level is Level.AUTH_PRIV else b"\7")
    assert wire.refused == ["SNMPv3 user 'eva': the password or the algorithm is another"]


@pytest.mark.parametrize("auth", AUTHS)
def test_one_changed_octet_is_never_answered(auth: str) -> None:
    wire = SecureWire(user_of(auth=auth))
    octets = wire.message(user_of(auth=auth), pdu(Kind.GET, null(NUMBER)))
    assert wire.ask(octets) is not None
    for at in range(len(octets)):
        changed = octets[:at] + bytes((octets[at] ^ 0x80,)) + octets[at + 1:]
        wire.ask(changed)
    assert wire.counted("snmpOutGetResponses") == 1


def test_a_truncated_or_empty_mac_is_wrong() -> None:
    wire = SecureWire()
    short = user_of(auth="SHA", priv="")
    wire.ask(wire.message(short, pdu(Kind.GET, null(NUMBER))))
    assert wire.counted("usmStatsWrongDigests") == 1


@pytest.mark.parametrize(("late", "answered"), [
    (0, True), (150, True), (-150, True), (151, False), (-151, False), (-10**6, False)])
def test_the_window_is_150_seconds_on_both_sides(late: int, answered: bool) -> None:
    """RFC 3414 section 3.2, step 7a."""
    wire = SecureWire()
    wire.now = 10_000.9
    answer = wire.get(user_of(), NUMBER, time=10_000 - late)
    assert answer is not None
    if answered:
        assert answer.kind is Kind.RESPONSE
        return
    report = reported(wire, answer, "usmStatsNotInTimeWindows")
    assert report.level is Level.AUTH_NO_PRIV
    assert (report.security.boots, report.security.time) == (BOOTS, 10_000)
    assert wire.refused == []


@pytest.mark.parametrize("boots", [0, BOOTS - 1, BOOTS + 1, LATCHED])
def test_another_boots_is_out_of_the_window(boots: int) -> None:
    wire = SecureWire()
    reported(wire, wire.get(user_of(), NUMBER, boots=boots), "usmStatsNotInTimeWindows")


def test_a_replayed_message_is_answered_for_150_seconds_and_no_longer() -> None:
    wire = SecureWire()
    wire.now = 1000.0
    octets = wire.message(user_of(), pdu(Kind.GET, null(NUMBER)))
    for passed in (0.0, 0.0, 100.0, 150.9):
        wire.now = 1000.0 + passed
        answer = wire.ask(octets)
        assert answer is not None and Answer(answer, user_of()).kind is Kind.RESPONSE
    wire.now = 1151.0
    answer = wire.ask(octets)
    assert answer is not None
    assert Answer(answer, user_of()).reports == OF_V3["usmStatsNotInTimeWindows"][1]


def test_time_goes_on_for_a_day_and_for_ever() -> None:
    wire = SecureWire()
    for hour in range(25):
        wire.now = hour * 3600.0
        answer = wire.get(user_of(), NUMBER)
        assert answer is not None and answer.security.time == hour * 3600
    wire.now = float(LATCHED - 1)
    assert wire.usm.boots_and_time() == (BOOTS, LATCHED - 1)
    wire.now += 1
    assert wire.usm.boots_and_time() == (BOOTS + 1, 0)


def test_boots_at_their_end_let_nobody_in() -> None:
    """RFC 3414 section 2.2.3."""
    wire = SecureWire()
    wire.usm = Usm(ENGINE, LATCHED, wire.users, lambda: wire.now)
    wire.engine.secure(wire.usm)
    reported(wire, wire.get(user_of(), NUMBER, boots=LATCHED), "usmStatsNotInTimeWindows")


@pytest.mark.parametrize("priv", PRIVS)
def test_a_wrong_privacy_password_is_reported(priv: str) -> None:
    wire = SecureWire(user_of(priv=priv))
    octets = wire.message(user_of(priv=priv, priv_password=b"otherwise"),
                          pdu(Kind.GET, null(NUMBER)))
    answer = wire.ask(octets)
    assert answer is not None
    report = reported(wire, Answer(answer, user_of(priv=priv)), "usmStatsDecryptionErrors")
    assert report.level is Level.NO_AUTH_NO_PRIV


def test_des_of_broken_blocks_cannot_be_deciphered() -> None:
    wire = SecureWire(user_of(priv="DES"))
    octets = wire.message(user_of(), pdu(Kind.GET, null(NUMBER) + null(NUMBER)))
    assert wire.ask(octets) is not None
    assert wire.counted("usmStatsDecryptionErrors") == 1


def test_who_asks_unprotected_has_no_view() -> None:
    """RFC 3413 section 3.2: authorizationError."""
    wire = SecureWire()
    answer = wire.get(user_of(), NUMBER, level=Level.NO_AUTH_NO_PRIV)
    assert answer is not None and (answer.pdu.first, answer.pdu.second) == (16, 0)


def test_users_are_asked_for_at_each_message_that_is_not_known() -> None:
    users = FakeUsers(user_of())
    wire = SecureWire()
    wire.users.known = users.known
    assert wire.get(user_of(), NUMBER) is not None
    del users.known[b"eva"]
    wire.engine.forget()
    answer = wire.ask(wire.message(user_of(), pdu(Kind.GET, null(NUMBER))))
    assert answer is not None
    assert Answer(answer, user_of()).reports == OF_V3["usmStatsUnknownUserNames"][1]
