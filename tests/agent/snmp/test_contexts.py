"""One port, several trees: the community says which."""

from __future__ import annotations

from mibagent.smi.syntax import Base
from mibagent.snmp.contexts import Contexts
from mibagent.snmp.pdu import Kind
from tests.agent.snmp.fakes import FakeSource, Wire, request, response, scalar

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
