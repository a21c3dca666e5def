"""Notifications as PDUs of each version, with the mapping down to SNMPv1.

RFC 3416 sections 4.2.6 and 4.2.7; RFC 1157 section 4.1.6; RFC 3584 section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base, Value
from mibagent.snmp.ber import ENCODERS, INTEGER, SEQUENCE, encode_integer, encode_oid, tlv
from mibagent.snmp.pdu import Kind, encode_varbind

SYS_UP_TIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
SNMP_TRAP_OID: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
SNMP_TRAP_ENTERPRISE: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 4, 3, 0)
SNMP_TRAPS: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 5)
"""coldStart is 1 below it, egpNeighborLoss 6."""

ENTERPRISE_SPECIFIC = 6
NO_ADDRESS = bytes(4)


class Variable(NamedTuple):
    """One variable binding with the type of its value."""

    name: Oid
    base: Base
    value: Value


_name = lru_cache(1024)(encode_oid)


def _encoded(variable: Variable) -> bytes:
    return encode_varbind(_name(variable.name), ENCODERS[variable.base](variable.value))


@dataclass(frozen=True)
class Notification:
    """One notification as it is told to managers, whatever the version."""

    oid: Oid
    """The NOTIFICATION-TYPE's: the value of snmpTrapOID.0."""
    ticks: int
    """sysUpTime when it was issued, in hundredths of a second."""
    variables: tuple[Variable, ...] = ()
    """Its objects, without sysUpTime.0 and snmpTrapOID.0."""

    @cached_property
    def names(self) -> tuple[Oid, ...]:
        """The instances that it carries."""
        return tuple(variable.name for variable in self.variables)

    @cached_property
    def octets(self) -> bytes:
        """All its bindings, sysUpTime.0 and snmpTrapOID.0 first. Raises ValueError."""
        return b"".join(map(_encoded, (
            Variable(SYS_UP_TIME, Base.TIME_TICKS, self.ticks),
            Variable(SNMP_TRAP_OID, Base.OID, self.oid), *self.variables)))

    @property
    def suits_v1(self) -> bool:
        """Whether SNMPv1 can carry it: it knows no Counter64. RFC 3584 section 3.2."""
        return all(variable.base is not Base.COUNTER64 for variable in self.variables)

    def pdu(self, kind: Kind, request_id: int) -> bytes:
        """Give an SNMPv2-Trap-PDU or InformRequest-PDU."""
        return tlv(kind, encode_integer(request_id) + encode_integer(0) + encode_integer(0)
                   + tlv(SEQUENCE, self.octets))

    def trap_v1(self, agent_address: bytes) -> bytes:
        """Give a Trap-PDU. agent_address: four octets, ours towards the receiver.

        RFC 3584 section 3.2.
        """
        enterprise, generic, specific = self._identity_v1()
        content = (ENCODERS[Base.OID](enterprise) + ENCODERS[Base.IP_ADDRESS](agent_address)
                   + encode_integer(generic, INTEGER) + encode_integer(specific, INTEGER)
                   + ENCODERS[Base.TIME_TICKS](self.ticks)
                   + tlv(SEQUENCE, b"".join(
                       _encoded(each) for each in self.variables
                       if each.name != SNMP_TRAP_ENTERPRISE)))
        return tlv(Kind.TRAP_V1, content)

    def _identity_v1(self) -> tuple[Oid, int, int]:
        """Give enterprise, generic-trap and specific-trap."""
        oid = self.oid
        if oid[:-1] == SNMP_TRAPS and 1 <= oid[-1] <= ENTERPRISE_SPECIFIC:
            told = next((variable.value for variable in self.variables
                         if variable.name == SNMP_TRAP_ENTERPRISE), SNMP_TRAPS)
            assert isinstance(told, tuple)
            return told, oid[-1] - 1, 0
        cut = -2 if len(oid) > 3 and oid[-2] == 0 else -1
        return oid[:cut], ENTERPRISE_SPECIFIC, oid[-1]
