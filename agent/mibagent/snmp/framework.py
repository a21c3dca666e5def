"""SNMP-FRAMEWORK-MIB and SNMP-MPD-MIB: who the engine is, and which messages went nowhere.

RFC 3411 section 5; RFC 3412 section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mibagent.service.service import Service, provides
from mibagent.snmp.counters import Counters
from mibagent.snmp.message import MAX_SIZE


class Speaking(Protocol):
    """Who the engine is to others."""

    @property
    def engine_id(self) -> bytes: ...

    def boots_and_time(self) -> tuple[int, int]: ...


class EngineUnit(Protocol):
    """What the groups ask of whoever runs the agent."""

    speaking: Callable[[], Speaking]
    counters: Callable[[], Counters]


@dataclass(frozen=True)
class NothingSet:
    """Neither module has a writable object."""


class EngineGroup(Service[NothingSet]):
    """Answers for the snmpEngine group."""

    mib = "SNMP-FRAMEWORK-MIB"
    settings = NothingSet
    unit: EngineUnit

    @provides("snmpEngineID")
    def engine_id(self) -> bytes:
        """The name that the engine speaks under, whatever is configured for its next start."""
        return self.unit.speaking().engine_id

    @provides("snmpEngineBoots")
    def boots(self) -> int:
        """How often it has started under that name."""
        return self.unit.speaking().boots_and_time()[0]

    @provides("snmpEngineTime")
    def time(self) -> int:
        """Seconds since that start."""
        return self.unit.speaking().boots_and_time()[1]

    @provides("snmpEngineMaxMessageSize", lasting=True)
    def max_message_size(self) -> int:
        """Octets that every transport carries."""
        return MAX_SIZE


class DispatchGroup(Service[NothingSet]):
    """Answers for the counters of the dispatcher."""

    mib = "SNMP-MPD-MIB"
    settings = NothingSet
    unit: EngineUnit

    @provides("snmpUnknownSecurityModels", "snmpInvalidMsgs", "snmpUnknownPDUHandlers")
    def counter(self, name: str) -> int:
        """One of the engine's counters."""
        return self.unit.counters()[name] & 0xFFFFFFFF
