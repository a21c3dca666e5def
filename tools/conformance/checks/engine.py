"""What the engine says of itself: RFC 3411 section 5, RFC 3418 section 2."""

from __future__ import annotations

from tools.conformance.agent import Agent
from tools.conformance.ber import COUNTER32, INTEGER, OBJECT_ID, OCTETS, TIME_TICKS, Value
from tools.conformance.names import (
    ENGINE_BOOTS,
    ENGINE_ID,
    ENGINE_MAX_SIZE,
    ENGINE_TIME,
    SNMP,
    SYS_DESCR,
    SYS_OBJECT_ID,
    SYS_SERVICES,
    SYS_UP_TIME,
)
from tools.conformance.pdu import GET, binding
from tools.conformance.registry import Skipped, check, require


def _value(agent: Agent, oid: tuple[int, ...], word: str) -> Value:
    found = agent.value(oid)
    if found is None:
        raise Skipped(f"{word} can't be read")
    return found.value


@check("RFC 3418 2")
def system_group_is_there(agent: Agent) -> None:
    """sysDescr, sysObjectID, sysUpTime and sysServices are there, in their types."""
    for oid, tag in ((SYS_DESCR, OCTETS), (SYS_OBJECT_ID, OBJECT_ID), (SYS_UP_TIME, TIME_TICKS),
                     (SYS_SERVICES, INTEGER)):
        found = agent.value(oid)
        require(found is not None and found.tag == tag, f"{oid} reads {found}")
    services = agent.value(SYS_SERVICES)
    require(services is not None and isinstance(services.value, int)
            and 0 <= services.value <= 127, f"sysServices reads {services}")


@check("RFC 3418 2 (sysUpTime)")
def up_time_goes_on(agent: Agent) -> None:
    """sysUpTime grows by 100 a second."""
    first, began = _value(agent, SYS_UP_TIME, "sysUpTime"), agent.clock()
    agent.link.pause(0.5)
    last, ended = _value(agent, SYS_UP_TIME, "sysUpTime"), agent.clock()
    assert isinstance(first, int) and isinstance(last, int)
    grown = (last - first) % 2**32 / 100
    require(abs(grown - (ended - began)) < 0.4, f"it grew by {grown} s in {ended - began:.2f} s")


@check("RFC 3418 2 (snmpGroup)")
def snmp_group_counts(agent: Agent) -> None:
    """snmpInPkts, snmpInBadVersions, …BadCommunity…, snmpInASNParseErrs are Counter32."""
    for arc in (1, 3, 4, 5, 6):
        found = agent.value((*SNMP, arc, 0))
        require(found is not None and found.tag == COUNTER32, f"snmp.{arc}.0 reads {found}")


@check("RFC 3411 5 (SnmpEngineID)", "v3")
def engine_id_has_a_form(agent: Agent) -> None:
    """An engine ID has 5 to 32 octets, neither all 00 nor all FF, and its format's length."""
    own = agent.secure("main").discover().engine_id
    require(5 <= len(own) <= 32, f"{len(own)} octets")
    require(any(own) and own != b"\xff" * len(own), f"all its octets are {own[0]:#x}")
    if not own[0] & 0x80:
        require(len(own) == 12, f"{len(own)} octets in the old form, which has 12")
        return
    due = {1: (9, 9), 2: (21, 21), 3: (11, 11), 4: (6, 32), 5: (6, 32)}.get(own[4], (5, 32))
    require(own[4] != 0, "format 0 is reserved")
    require(due[0] <= len(own) <= due[1], f"{len(own)} octets in format {own[4]}")


@check("RFC 3411 5; RFC 3414 2.2", "v3", "auth")
def engine_group_says_what_messages_say(agent: Agent) -> None:
    """snmpEngineID, snmpEngineBoots, snmpEngineTime and …MaxMessageSize are those of messages."""
    main = agent.secure("main")
    answer = main.answer(GET, b"".join(map(binding, (
        ENGINE_ID, ENGINE_BOOTS, ENGINE_TIME, ENGINE_MAX_SIZE))))
    values = [each.value for each in answer.pdu.bindings]
    if answer.pdu.status or None in values:
        raise Skipped("SNMP-FRAMEWORK-MIB can't be read")
    due = [answer.engine_id, answer.boots, answer.time, answer.max_size]
    require(values[:2] == due[:2], f"read {values[:2]!r}, the message has {due[:2]!r}")
    told = values[2]
    require(isinstance(told, int) and abs(told - answer.time) <= 1,
            f"snmpEngineTime {told!r}, the message has {answer.time}")
    require(values[3] == due[3] or (isinstance(values[3], int) and 484 <= values[3] < 2**31),
            f"snmpEngineMaxMessageSize {values[3]!r}")
