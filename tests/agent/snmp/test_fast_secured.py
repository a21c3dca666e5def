"""SNMPv3's fast path gives what the strict path gives, and believes nobody more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mibagent.smi.oid import Oid
from mibagent.snmp import fast_secured
from mibagent.snmp.pdu import Kind
from mibagent.snmp.users import User
from tests.agent.snmp.fakes import PEER, ROOT, null, pdu
from tests.agent.snmp.secure import BOOTS, Answer, SecureWire, user_of
from tests.agent.snmp.test_fast import ARCS, change_something, oids, trees

NUMBER: Oid = (*ROOT, 1, 1, 0)
FORMS = [(auth, priv) for auth in ("SHA", "SHA-256", "SHA-512")
         for priv in ("", "AES-128", "AES-256-C")]


def facts(octets: bytes | None, user: User) -> object:
    """All of an answer but its salt, its ciphertext and its MAC, which is found right."""
    if octets is None:
        return None
    answer = Answer(octets, user)
    if answer.kind is Kind.REPORT:
        return answer.reports
    return (len(octets), answer.header, answer.plain, answer.level,
            answer.security._replace(mac=b"", salt=b""))


def ask_both(wire: SecureWire, user: User, octets: bytes) -> object:
    """Ask strictly, and twice by the fast path, which has learnt by then; demand the same."""
    strict = facts(wire.engine.answer_strictly(octets, PEER, wire.sent.append), user)
    for _ in range(2):
        assert facts(wire.engine.answer(octets, PEER, wire.sent.append), user) == strict
    return strict


def is_known(wire: SecureWire, octets: bytes) -> bool:
    return wire.engine.fast.answer(octets, PEER) is not None


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), source=trees())
def test_both_paths_give_the_same_answers(data: st.DataObject, source: Any) -> None:
    auth, priv = data.draw(st.sampled_from(FORMS))
    asker = user_of(auth=auth, priv=priv, max_size=data.draw(st.sampled_from([484, 700, 65507])))
    wire = SecureWire(user_of(auth=auth, priv=priv), source=source,
                      max_varbinds=data.draw(st.sampled_from([1, 5, 2048])))
    for _ in range(data.draw(st.integers(1, 5))):
        kind = data.draw(st.sampled_from([Kind.GET, Kind.GET_NEXT, Kind.GET_BULK]))
        first = second = 0
        if kind is Kind.GET_BULK:
            first = data.draw(st.integers(-1, 3))
            second = data.draw(st.sampled_from([-1, 0, 1, 2, 10, 128, 2**31 - 1]))
        asked = data.draw(st.lists(oids(source), max_size=4))
        body = pdu(kind, b"".join(map(null, asked)), first, second,
                   data.draw(st.sampled_from([0, -1, 300, 2**31 - 1])))
        ask_both(wire, asker, wire.message(
            asker, body, msg_id=data.draw(st.sampled_from([0, 127, 128, 2**31 - 1])),
            context=data.draw(st.sampled_from([b"", b"other"]))))
        if data.draw(st.booleans()):
            change_something(data, source)
        wire.now += data.draw(st.sampled_from([0.0, 0.5, 1.0, 200.0]))


@pytest.mark.parametrize(("auth", "priv"), FORMS)
@pytest.mark.parametrize(("kind", "second"), [
    (Kind.GET, 0), (Kind.GET_NEXT, 0), (Kind.GET_BULK, 3)])
def test_the_usual_requests_are_known_the_second_time(
    auth: str, priv: str, kind: Kind, second: int
) -> None:
    wire, asker = SecureWire(user_of(auth=auth, priv=priv)), user_of(auth=auth, priv=priv)
    for msg_id in (70, 71):
        octets = wire.message(asker, pdu(kind, null(NUMBER), 0, second), msg_id=msg_id)
        assert is_known(wire, octets) is (msg_id == 71)
        assert wire.ask(octets) is not None


def known(wire: SecureWire, asker: User | None = None, **more: Any) -> bytes:
    """A request that the fast path answers."""
    octets = wire.message(asker or user_of(), pdu(Kind.GET, null(NUMBER)), **more)
    wire.ask(octets)
    assert is_known(wire, octets)
    return octets


def test_one_changed_octet_is_not_known() -> None:
    wire = SecureWire()
    octets = known(wire)
    for at in range(len(octets)):
        for bit in (1, 0x80):
            changed = octets[:at] + bytes((octets[at] ^ bit,)) + octets[at + 1:]
            assert not is_known(wire, changed), at
        assert not is_known(wire, octets[:at])
    assert not is_known(wire, octets + b"\0")


def test_the_window_ends_to_the_second_for_what_is_known_too() -> None:
    wire = SecureWire()
    wire.now = 1000.5
    octets = known(wire)
    wire.now = 1150.99
    assert is_known(wire, octets)
    wire.now = 1151.0
    assert not is_known(wire, octets)
    answer = wire.ask(octets)
    assert answer is not None and Answer(answer, user_of()).kind is Kind.REPORT


def test_answers_carry_the_time_they_are_sent() -> None:
    wire = SecureWire()
    octets = known(wire)
    for now in (0.999, 1.0, 77.7):
        wire.now = now
        answer = wire.engine.fast.answer(octets, PEER)
        assert answer is not None
        security = Answer(answer, user_of()).security
        assert (security.boots, security.time) == (BOOTS, int(now))


def test_a_user_whose_keys_changed_is_refused_with_the_next_datagram() -> None:
    wire = SecureWire()
    octets = known(wire)
    wire.users.known[b"eva"] = user_of(password=b"another one")
    wire.engine.forget()
    assert not is_known(wire, octets)
    wire.ask(octets)
    assert wire.counted("usmStatsWrongDigests") == 1


def test_what_is_known_of_one_host_is_not_of_another() -> None:
    wire = SecureWire()
    octets = known(wire)
    assert wire.engine.fast.answer(octets, ("192.0.2.77", 5)) is None


def test_des_goes_the_strict_path() -> None:
    wire, asker = SecureWire(user_of(priv="DES")), user_of(priv="DES")
    octets = wire.message(asker, pdu(Kind.GET, null(NUMBER)))
    for _ in range(3):
        answer = wire.ask(octets)
        assert answer is not None and Answer(answer, asker).kind is Kind.RESPONSE
    assert not is_known(wire, octets)


def test_without_snmpv3_nothing_is_known_any_more() -> None:
    wire = SecureWire()
    octets = known(wire)
    wire.engine.secure(None)
    assert wire.ask(octets) is None
    assert wire.counted("snmpInBadVersions") == 1


def test_what_is_remembered_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_secured, "MAX_SESSIONS", 100)
    wire = SecureWire()
    for second in range(250):
        wire.now = float(second)
        for arc in (ARCS[0], ARCS[-2]):
            octets = wire.message(user_of(), pdu(Kind.GET, null((*NUMBER, arc))))
            assert wire.ask(octets) is not None
    path: Any = wire.engine._secured_path
    assert path._count <= 100
    assert sum(len(sessions) for forms in path._by_host.values() for known in forms.values()
               for _, sessions in known) <= 100


def test_counters_count_what_is_known_too() -> None:
    wire = SecureWire()
    octets = known(wire)
    for _ in range(5):
        wire.ask(octets)
    assert wire.counted("snmpInPkts") == wire.counted("snmpOutPkts") == 7
    assert wire.counted("snmpInGetRequests") == wire.counted("snmpOutGetResponses") == 7
