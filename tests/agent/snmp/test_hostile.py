"""What strangers send: counted, unanswered, never an exception, memory bounded."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mibagent.smi.syntax import Base
from mibagent.snmp.pdu import Kind
from tests.agent.snmp.fakes import (
    PEER,
    ROOT,
    Wire,
    message,
    pdu,
    request,
    sample,
    set_request,
    value,
)

SOUND = [
    request(Kind.GET, (*ROOT, 1, 1, 0), (*ROOT, 2, 1, 3, 1, 97)),
    request(Kind.GET_NEXT, (*ROOT, 1, 1, 0), version=0),
    request(Kind.GET_BULK, (*ROOT, 2), (*ROOT, 40000), second=20),
    set_request(((*ROOT, 1, 1, 0), value(Base.INTEGER, 7))),
]


@pytest.mark.parametrize("octets", SOUND)
def test_every_truncation_is_a_parse_error(octets: bytes) -> None:
    wire = Wire(sample())
    wire.ask(octets)
    for end in range(len(octets)):
        assert wire.ask(octets[:end]) is None
    assert wire.engine.counters["snmpInASNParseErrs"] == len(octets)
    assert wire.ask(octets + b"\0") is None


@pytest.mark.parametrize("octets", SOUND)
def test_every_changed_octet_is_lived_through(octets: bytes) -> None:
    wire = Wire(sample())
    for at in range(len(octets)):
        for octet in (0, 1, 0x7F, 0x80, 0x81, 0x84, 0xFF, octets[at] ^ 1):
            changed = octets[:at] + bytes((octet,)) + octets[at + 1:]
            for _ in range(2):
                wire.ask(changed)
    assert wire.engine.counters.read_failures == 0
    assert wire.engine.counters["snmpSilentDrops"] == 0


def test_nesting_costs_nothing() -> None:
    wire = Wire(sample())
    for tag in (0x30, 0xA0, 0x24, 0x04):
        deep = b""
        while len(deep) < 60000:
            size = len(deep)
            deep = bytes((tag, 0x82, size >> 8, size & 0xFF)) + deep
        assert wire.ask(deep) is None
        assert wire.ask(message(pdu(Kind.GET, deep))) is None
        assert wire.ask(message(deep)) is None
    assert wire.engine.counters["snmpInASNParseErrs"] == 12


def test_noise_leaves_no_trace() -> None:
    wire = Wire(sample())
    luck = random.Random(1)
    wire.ask(SOUND[0])

    def noise(count: int) -> None:
        for _ in range(count):
            wire.ask(luck.randbytes(luck.choice((0, 1, 50, 1400, 65507))), ("192.0.2.9", 9))
            sound = bytearray(luck.choice(SOUND))
            for _ in range(luck.randrange(4)):
                sound[luck.randrange(len(sound))] = luck.randrange(256)
            wire.ask(bytes(sound))
            wire.sent.clear()
            wire.source.transactions.clear()
            wire.refused.clear()

    noise(3000)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    noise(1500)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 1_500_000
    assert wire.engine.counters["snmpInPkts"] == 9001


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([Kind.GET, Kind.GET_NEXT, Kind.GET_BULK, Kind.SET]))
def test_any_bindings_are_lived_through(noise: bytes, kind: Kind) -> None:
    wire = Wire(sample())
    for octets in (noise, message(noise), message(pdu(kind, noise))):
        wire.ask(octets)
    assert wire.engine.counters["snmpInPkts"] == 3
    assert wire.engine.counters["snmpSilentDrops"] == 0


def test_a_mistake_of_ours_is_survived() -> None:
    wire = Wire(sample())

    def broken(version: int, community: bytes, host: str) -> None:
        raise RuntimeError("a bug")

    wire.access.judge = broken      # type: ignore[assignment, method-assign]
    assert wire.ask(SOUND[0]) is None
    assert wire.engine.counters["snmpSilentDrops"] == 1


def test_a_request_for_very_much_is_bounded() -> None:
    source = sample()
    source.put("namedText", (b"a",), b"x" * 60000)
    wire = Wire(source)
    many = request(Kind.GET, *[(*ROOT, 2, 1, 3, 1, 97)] * 2000)
    tracemalloc.start()
    answer = wire.ask(many, PEER)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer is not None and len(answer) < 100
    assert peak < 8_000_000
