"""One port, several trees: the community says which."""

from __future__ import annotations

from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base
from mibagent.snmp.contexts import Contexts
from mibagent.snmp.pdu import Kind
from mibagent.snmp.source import Grant
from mibagent.snmp.usm import Usm
from tests.agent.snmp.fakes import (
    FakeAccess,
    FakeSource,
    Wire,
    null,
    pdu,
    request,
    response,
    scalar,
)
from tests.agent.snmp.secure import BOOTS, ENGINE, Answer, FakeUsers, SecureWire, user_of

PEER = ("127.0.0.1", 4000)


def wire(number: int) -> Wire:
    source = FakeSource([scalar((1, 1), "number", Base.INTEGER)], lambda node: True)
    source.put("number", (), number)
    return Wire(source)


def test_a_community_finds_its_engine_by_both_paths() -> None:
    one, two = wire(1), wire(2)
    contexts = Contexts({b"public": one.engine, b"private": two.engine})
    oid = next(iter(one.source.model.objects.values())).instance_oid(())
    for community, answer in ((b"public", 1), (b"private", 2)):
        octets = request(Kind.GET, oid, community=community)
        strict = contexts.answer_strictly(octets, PEER, lambda _: None)
        assert strict is not None
        assert response(strict).varbinds[0].content == bytes((answer,))
        assert contexts.fast.answer(octets, PEER) == strict


def test_a_community_that_nobody_knows_is_refused_and_counted_once() -> None:
    one, two = wire(1), wire(2)
    contexts = Contexts({b"public": one.engine, b"private": two.engine})
    octets = request(Kind.GET, (1, 3, 6, 1), community=b"guess")
    assert contexts.fast.answer(octets, PEER) is None
    assert contexts.answer_strictly(octets, PEER, lambda _: None) is None
    assert one.engine.counters.in_bad_community_names == 1
    assert two.engine.counters.in_bad_community_names == 0


def test_no_octets_raise() -> None:
    contexts = Contexts({b"public": wire(1).engine})
    for octets in (b"", b"0", b"0\x82", b"0\x84\xff\xff\xff\xff\x02", b"\x30\x03\x02\x01\x01"):
        assert contexts.answer(octets, PEER) is None
        assert contexts.answer_strictly(octets, PEER, lambda _: None) is None


# -- SNMPv3


class InContext(FakeAccess):
    """Lets users into one context."""

    def __init__(self, context: bytes) -> None:
        super().__init__()
        self.context = context

    def judge_user(
        self, name: bytes, level: int, context: bytes, peer_host: str
    ) -> Grant | None:
        return super().judge_user(name, level, b"" if context == self.context else b"x", peer_host)


class Secured:
    """Two engines behind one port, with one security."""

    def __init__(self) -> None:
        self.eva = user_of()
        self.manager = SecureWire(self.eva)
        self.wires = {b"": wire(1), b"jay": wire(2)}
        usm = Usm(ENGINE, BOOTS, FakeUsers(self.eva), lambda: 0.0)
        for context, each in self.wires.items():
            each.engine._access = InContext(context)
            each.engine.secure(usm)
        self.contexts = Contexts(
            {b"public": self.wires[b""].engine},
            {context: each.engine for context, each in self.wires.items()}, usm)

    def octets(self, context: bytes) -> bytes:
        body = pdu(Kind.GET, null(self.oid))
        return self.manager.message(self.eva, body, context=context)

    @property
    def oid(self) -> Oid:
        return next(iter(self.wires[b""].source.model.objects.values())).instance_oid(())

    def strict(self, octets: bytes, port: int = 4000) -> Answer:
        answer = self.contexts.answer_strictly(octets, ("127.0.0.1", port), lambda _: None)
        assert answer is not None
        return Answer(answer, self.eva)


def test_a_context_of_snmpv3_finds_its_engine_by_both_paths() -> None:
    secured = Secured()
    for context, value in ((b"", 1), (b"jay", 2), (b"", 1), (b"jay", 2)):
        octets = secured.octets(context)
        for _ in range(2):
            assert secured.strict(octets).pdu.varbinds[0].content == bytes((value,))
        fast = secured.contexts.fast.answer(octets, PEER)
        assert fast is not None
        assert Answer(fast, secured.eva).pdu.varbinds[0].content == bytes((value,))
    assert secured.contexts.fast.answer(secured.octets(b""), PEER) is None      # jay was the last


def test_a_context_that_nobody_has_and_a_user_that_nobody_knows_are_reported_once() -> None:
    secured = Secured()
    assert secured.strict(secured.octets(b"none")).reports == (1, 3, 6, 1, 6, 3, 12, 1, 5, 0)
    tom = user_of(b"tom")
    octets = secured.manager.message(tom, pdu(Kind.GET, null(secured.oid)))
    answer = secured.contexts.answer_strictly(octets, PEER, lambda _: None)
    assert answer is not None
    first, second = (each.engine.counters for each in secured.wires.values())
    assert (first["usmStatsUnknownUserNames"], second["usmStatsUnknownUserNames"]) == (1, 0)
    assert (first["snmpUnknownContexts"], second["snmpUnknownContexts"]) == (1, 0)


def test_who_asked_last_for_what_is_forgotten_before_it_grows() -> None:
    secured = Secured()
    for port in range(1500):
        secured.strict(secured.octets(b"jay"), port)
    assert len(secured.contexts._latest) <= 1024


def test_octets_of_snmpv3_that_are_none_do_not_raise() -> None:
    secured = Secured()
    octets = secured.octets(b"jay")
    for size in range(len(octets)):
        assert secured.contexts.answer(octets[:size], PEER) is None
        secured.contexts.answer_strictly(octets[:size], PEER, lambda _: None)
