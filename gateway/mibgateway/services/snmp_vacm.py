"""SNMP-VIEW-BASED-ACM-MIB: the tables of views, served and settable by Admins.

What the rows mean is found out by `snmp_access.py`. RFC 3415.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from mibagent.service.service import Service, provides
from mibagent.service.settings import Row, Table
from mibagent.store.live import LiveTable
from mibagent.store.storage import Storage


class ContextMatch(enum.IntEnum):
    """How vacmAccessContextPrefix is meant."""

    EXACT = 1
    PREFIX = 2


class FamilyType(enum.IntEnum):
    """Whether a family is in its view."""

    INCLUDED = 1
    EXCLUDED = 2


@dataclass(frozen=True)
class GroupRow(Row):
    """The group of a security name."""

    vacm_group_name: bytes
    storage_type: Storage


@dataclass(frozen=True)
class AccessRow(Row):
    """What a group may."""

    context_match: ContextMatch
    read_view_name: bytes
    write_view_name: bytes
    notify_view_name: bytes
    storage_type: Storage


@dataclass(frozen=True)
class FamilyRow(Row):
    """A part of a view."""

    mask: bytes
    type: FamilyType
    storage_type: Storage


@dataclass(frozen=True)
class ContextRow:
    """One context."""

    name: bytes


@dataclass(frozen=True)
class VacmSettings:
    """The writable objects of SNMP-VIEW-BASED-ACM-MIB."""

    vacm_security_to_group: Table[GroupRow]
    vacm_access: Table[AccessRow]
    vacm_view_tree_family: Table[FamilyRow]
    vacm_view_spin_lock: int


class VacmService(Service[VacmSettings]):
    """Holds the rows that Admins make beside those that follow from users and parameters."""

    mib = "SNMP-VIEW-BASED-ACM-MIB"
    settings = VacmSettings

    @provides("vacmContextTable")
    def contexts(self) -> LiveTable[ContextRow]:
        """The one context: the empty one."""
        table: LiveTable[ContextRow] = LiveTable()
        table.add((b"",), ContextRow(b""))
        return table
