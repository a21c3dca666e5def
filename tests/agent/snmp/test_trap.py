"""Notifications as PDUs; pysnmp, which knows the mapping by itself, has to agree."""

from __future__ import annotations

from typing import Any

import pytest
from pyasn1.codec.ber import decoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1157, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.proxy import rfc2576  # type: ignore[import-untyped]

from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base, Value
from mibagent.snmp.pdu import Kind
from mibagent.snmp.trap import (
    NO_ADDRESS,
    SNMP_TRAP_ENTERPRISE,
    SNMP_TRAP_OID,
    SNMP_TRAPS,
    SYS_UP_TIME,
    Notification,
    Variable,
)

ROOT = (1, 3, 6, 1, 4, 1, 32473, 1, 1400)
READY = (*ROOT, 0, 303)
NAME = (*ROOT, 1, 100, 1)


def told(oid: Oid, *variables: tuple[Oid, Base, Value], ticks: int = 1234) -> Notification:
    return Notification(oid, ticks, tuple(Variable(*each) for each in variables))


def read_v2(octets: bytes) -> Any:
    pdu, rest = decoder.decode(octets, asn1Spec=rfc1905.SNMPv2TrapPDU())
    assert rest == b""
    return pdu


def read_v1(octets: bytes) -> dict[str, Any]:
    pdu, rest = decoder.decode(octets, asn1Spec=rfc1157.TrapPDU())
    assert rest == b""
    return {
        "enterprise": tuple(pdu[0]), "address": pdu[1].getComponent().asOctets(),
        "generic": int(pdu[2]), "specific": int(pdu[3]), "ticks": int(pdu[4]),
        "variables": [(tuple(each[0]), each[1].getComponent().getName()) for each in pdu[5]]}


def test_time_and_identity_come_first() -> None:
    notification = told(READY, (NAME, Base.OCTETS, b"default"))
    trap, inform = notification.pdu(Kind.TRAP, 77), notification.pdu(Kind.INFORM, 77)
    pdu = read_v2(trap)
    assert int(pdu[0]) == 77
    assert [tuple(each[0]) for each in pdu[3]] == [SYS_UP_TIME, SNMP_TRAP_OID, NAME]
    assert (trap[0], inform[0], inform[1:]) == (0xA7, 0xA6, trap[1:])


@pytest.mark.parametrize(("oid", "enterprise", "generic", "specific"), [
    ((*SNMP_TRAPS, 1), SNMP_TRAPS, 0, 0),
    ((*SNMP_TRAPS, 5), SNMP_TRAPS, 4, 0),
    ((*SNMP_TRAPS, 6), SNMP_TRAPS, 5, 0),
    ((*SNMP_TRAPS, 7), SNMP_TRAPS, 6, 7),
    (READY, ROOT, 6, 303),
    ((*ROOT, 4, 303), (*ROOT, 4), 6, 303),
    ((*ROOT, 0, 0), ROOT, 6, 0)])
def test_the_identity_in_v1(oid: Oid, enterprise: Oid, generic: int, specific: int) -> None:
    found = read_v1(told(oid).trap_v1(bytes((192, 0, 2, 7))))
    assert (found["enterprise"], found["generic"], found["specific"]) == \
        (enterprise, generic, specific)
    assert (found["address"], found["ticks"]) == (bytes((192, 0, 2, 7)), 1234)


def test_an_enterprise_that_is_carried_is_the_enterprise() -> None:
    notification = told((*SNMP_TRAPS, 1), (SNMP_TRAP_ENTERPRISE, Base.OID, ROOT))
    found = read_v1(notification.trap_v1(NO_ADDRESS))
    assert (found["enterprise"], found["variables"]) == (ROOT, [])


def test_v1_carries_no_counter64() -> None:
    assert told(READY, (NAME, Base.COUNTER32, 5)).suits_v1
    assert not told(READY, (NAME, Base.COUNTER64, 5)).suits_v1


@pytest.mark.parametrize("oid", [(*SNMP_TRAPS, 1), (*SNMP_TRAPS, 4), READY, (*ROOT, 4, 303)])
def test_pysnmp_maps_it_to_the_same(oid: Oid) -> None:
    notification = told(oid, (NAME, Base.OCTETS, b"default"), (READY, Base.INTEGER, -5),
                        (ROOT, Base.TIME_TICKS, 2**32 - 1), (SNMP_TRAPS, Base.OID, ROOT),
                        ticks=2**32 - 1)
    theirs = rfc2576.v2_to_v1(read_v2(notification.pdu(Kind.TRAP, 1)))
    ours, _ = decoder.decode(notification.trap_v1(NO_ADDRESS), asn1Spec=rfc1157.TrapPDU())
    assert [str(part) for part in list(theirs.values())[:5]] == \
        [str(part) for part in list(ours.values())[:5]]
    assert theirs[5].prettyPrint() == ours[5].prettyPrint()
