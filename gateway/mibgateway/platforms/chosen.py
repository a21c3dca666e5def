"""What a platform is to poll: the numbers that a unit computes, and what names their rows."""

from __future__ import annotations

from dataclasses import dataclass

from mibagent.model.nodes import Access, MibModel, ObjectNode, TableNode
from mibagent.smi.syntax import Base

SYSTEM = "SNMPv2-MIB"

WITHOUT = frozenset({
    "sysORTable", "ifStackTable", "ipAddressTable", "hrNetworkTable", "hrDiskStorageTable",
    "hrFSTable", "hrSWRunTable", "hrSWRunPerfTable", "entPhysicalTable",
    "nlmLocalLogMessagesTable"})
"""Tables of which no graph is drawn."""

NAMED_BY: dict[str, tuple[str, ...]] = {
    "ifTable": ("ifName", "ifAlias"),
    "ifXTable": ("ifName", "ifAlias"),
    "hrStorageTable": ("hrStorageDescr",),
    "hrDeviceTable": ("hrDeviceDescr",),
    "hrProcessorTable": ("hrDeviceDescr",),
    "nlmActiveTable": ("nlmActiveMessage",),
    "sipEpTlsPersistentConnectionStatusTable": (
        "sipEpTlsPersistentConnectionStatusRemoteHost",
        "sipEpTlsPersistentConnectionStatusGateway"),
}
"""Texts that name the rows of tables with a number as key; others are named by their key."""


@dataclass(frozen=True)
class Polled:
    """A table as a platform is to poll it."""

    table: TableNode
    columns: tuple[ObjectNode, ...]
    names: tuple[ObjectNode, ...]
    """Columns that say in words which row one is."""


@dataclass(frozen=True)
class Chosen:
    """All of it."""

    scalars: tuple[ObjectNode, ...]
    tables: tuple[Polled, ...]


def choose(model: MibModel) -> Chosen:
    """Give what is to be polled of a unit, in order of OID."""
    answered = _answered(model)
    nodes = [node for node in model.by_oid_order
             if (node.access is Access.READ_ONLY or answered.get(node.name) == "read-only")
             and node.syntax.base.is_number and node.status == "current"
             and (node.service or node.name in answered or node.module == SYSTEM)]
    tables: dict[str, list[ObjectNode]] = {}
    for node in nodes:
        table = node.table
        if table is not None and table.name not in WITHOUT and not table.is_job \
                and node.name not in table.index_names and _can_be_named(table):
            tables.setdefault(table.name, []).append(node)
    return Chosen(
        tuple(node for node in nodes if node.table is None),
        tuple(Polled(model.tables[name], tuple(columns), _names(model, model.tables[name]))
              for name, columns in tables.items()))


def _answered(model: MibModel) -> dict[str, str]:
    """Give the objects of standard modules that a unit answers, with their access if it is less.

    RFC 2580 section 6.
    """
    found: dict[str, str] = {}
    for statement in model.capabilities.values():
        for support in statement.supports.values():
            for name in (name for group in support.groups for name in model.groups.get(group, ())):
                if support.access.get(name) != "not-implemented":
                    found[name] = support.access.get(name, "")
    return found


def _can_be_named(table: TableNode) -> bool:
    return all(part.base.is_number or part.is_text for part in table.index_syntaxes)


def _names(model: MibModel, table: TableNode) -> tuple[ObjectNode, ...]:
    names = NAMED_BY.get(table.name, tuple(name for name in table.mirrors if name))
    return tuple(model.objects[name] for name in names if name in model.objects)


def is_long(node: ObjectNode) -> bool:
    """Whether a text may be longer than 255, which is as long as a platform's names may be."""
    return max((high for _, high in node.syntax.ranges), default=0) > 255


def is_counter(node: ObjectNode) -> bool:
    """Whether only its growth tells something."""
    return node.syntax.base in (Base.COUNTER32, Base.COUNTER64)


def dotted(oid: tuple[int, ...]) -> str:
    """Give an OID as platforms write it."""
    return ".".join(map(str, oid))


def in_one_line(text: str) -> str:
    """Give a description as one line."""
    return " ".join(text.split())
