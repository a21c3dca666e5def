"""Who the engine is. RFC 3411 section 5; RFC 3412 section 5."""

from __future__ import annotations

from typing import Any

from mibagent.snmp.counters import Counters
from mibagent.snmp.framework import DispatchGroup, EngineGroup
from mibagent.snmp.usm import Usm


class Nobody:
    def user(self, name: bytes) -> None:
        return None


class Unit:
    def __init__(self) -> None:
        self.now = 100.0
        self.held = Counters()
        users: Any = Nobody()
        usm = Usm(bytes.fromhex("80007ed905") + b"unit-one", 7, users, lambda: self.now, 40.0)
        self.speaking = lambda: usm
        self.counters = lambda: self.held


def test_the_engine_is_who_usm_says() -> None:
    unit = Unit()
    group = EngineGroup(unit)
    assert group.engine_id() == bytes.fromhex("80007ed905") + b"unit-one"
    assert (group.boots(), group.time()) == (7, 60)
    unit.now += 5.5
    assert (group.boots(), group.time()) == (7, 65)
    assert group.max_message_size() >= 484


def test_counters_wrap_at_32_bits() -> None:
    unit = Unit()
    unit.held.invalid_msgs = 2**32 + 3
    unit.held.unknown_pdu_handlers = 4
    group = DispatchGroup(unit)
    assert [group.counter(name) for name in (
        "snmpInvalidMsgs", "snmpUnknownPDUHandlers", "snmpUnknownSecurityModels")] == [3, 4, 0]
