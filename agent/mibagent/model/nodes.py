"""What the MIBs declare, as frozen values that all units of a process share."""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from mibagent.errors import (
    InconsistentName,
    Index,
    MibgateError,
    NoSuchName,
    Refused,
    WrongLength,
    WrongType,
    WrongValue,
)
from mibagent.model.capabilities import Capabilities
from mibagent.model.findings import Finding
from mibagent.smi.index import decode_index, encode_index
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Syntax, Value


class Access(enum.IntEnum):
    """MAX-ACCESS, in the order of RFC 2578 section 7.3."""

    NOT_ACCESSIBLE = 0
    NOTIFY = 1
    READ_ONLY = 2
    READ_WRITE = 3
    READ_CREATE = 4


class Applies(enum.Enum):
    """When a committed change acts."""

    AT_ONCE = "at-once"
    NEXT_USE = "next-use"
    RESTART = "restart"


@dataclass(frozen=True)
class ServiceNode:
    """The `Service:` line of a module's identity."""

    name: str
    """Its short name, as paths show it: `SipEp`."""
    number: int
    """Its MIB arc and the number in its notifications."""
    title: str
    """Its name in notifications: `SIP Endpoint`."""
    is_user: bool
    """Whether it may be stopped; system services only restart."""


@dataclass(frozen=True)
class ModuleNode:
    """One MIB module."""

    name: str
    identity: str
    """The descriptor of its MODULE-IDENTITY, or nothing in SMIv1."""
    oid: Oid
    description: str
    revision: str
    service: ServiceNode | None
    file: str
    """Where its text was read, as the user would name it."""


@dataclass(frozen=True)
class TableNode:
    """A conceptual table with its entry."""

    name: str
    module: str
    oid: Oid
    entry_name: str
    entry_oid: Oid
    description: str
    column_names: tuple[str, ...]
    """Columns by arc, not-accessible ones included."""
    index_names: tuple[str, ...]
    """Columns of the INDEX; those of the augmented table where this one augments."""
    index_syntaxes: tuple[Syntax, ...]
    implied: bool
    base: str
    """The table whose rows bring this one's, or nothing.

    By AUGMENTS, or because its INDEX is all of that table's.
    """
    row_status: str
    """The RowStatus column, or nothing."""
    mirrors: tuple[str, ...] = ()
    """For each part of the key the readable column that repeats it, or nothing where none does."""
    is_job: bool = False
    """Whether each row is a job, by `Command: yes`."""
    storage_type: str = ""
    """The StorageType column, or nothing."""

    def suffix(self, index: Index) -> Oid:
        """Give the sub-identifiers of a row. Raises InconsistentName."""
        try:
            return encode_index(index, self.index_syntaxes, self.implied)
        except ValueError as error:
            raise InconsistentName(self.name, str(error), index) from None

    def index(self, suffix: Oid) -> Index:
        """Give the row that suffix spells, its parts checked. Raises ValueError."""
        index = decode_index(suffix, self.index_syntaxes, self.implied)
        try:
            for part, syntax in zip(index, self.index_syntaxes, strict=True):
                syntax.check_key(part)
        except (WrongType, WrongLength, WrongValue) as refusal:
            raise ValueError(refusal.why) from None
        return index


@dataclass(frozen=True, slots=True)
class ObjectNode:
    """One OBJECT-TYPE that is a scalar or a column. RFC 2578 section 7."""

    oid: Oid
    name: str
    module: str
    syntax: Syntax
    access: Access
    table: TableNode | None
    default: Value | None
    units: str = ""
    description: str = ""
    """Without the machine-read last paragraph."""
    reference: str = ""
    status: str = "current"
    applies: Applies = Applies.AT_ONCE
    applies_to: str = ""
    """The service whose restart applies it, where it is not the module's own."""
    admin_only: bool = False
    """Whether only an Admin may write it, by its own or its table's `Rights: admin`.

    A secret is so without a word.
    """
    is_command: bool = False
    """Whether it is a scalar or column that commands: noOp(0) or a verb."""
    service: str = ""
    """The short name of the service whose module declares it, or nothing."""

    def check(self, value: Value) -> None:
        """Raise WrongType, WrongLength or WrongValue unless value fits the SYNTAX."""
        self.syntax.check(value, self.name)

    @property
    def is_writable(self) -> bool:
        """Whether MAX-ACCESS lets anybody write."""
        return self.access >= Access.READ_WRITE

    @property
    def is_readable(self) -> bool:
        """Whether MAX-ACCESS lets anybody read."""
        return self.access >= Access.READ_ONLY

    @property
    def is_row_status(self) -> bool:
        """Whether it is its table's RowStatus."""
        return self.table is not None and self.table.row_status == self.name

    def instance_oid(self, index: Index) -> Oid:
        """Give the OID of an instance. Raises InconsistentName."""
        return self.oid + ((0,) if self.table is None else self.table.suffix(index))


@dataclass(frozen=True)
class NotificationNode:
    """One NOTIFICATION-TYPE."""

    oid: Oid
    name: str
    module: str
    number: int
    """Its number within its service."""
    severity: str
    """debug, info, warning, error or critical."""
    text: str
    """The text with `{descriptor}` or `{…Descriptor}` where values go."""
    clears: tuple[int, ...]
    """Numbers of the same service's notifications whose trouble this one ends."""
    objects: tuple[str, ...]
    description: str = ""
    service: str = ""


class Instance(NamedTuple):
    """One object with the row it is in."""

    node: ObjectNode
    index: Index  # type: ignore[assignment]    # a field here, a method of tuple


@dataclass(frozen=True, eq=False)
class MibModel:
    """All that the compiled modules declare. Immutable; shared by all units of a process."""

    modules: Mapping[str, ModuleNode]
    objects: Mapping[str, ObjectNode]
    """Scalars and columns by descriptor, in order of OID."""
    tables: Mapping[str, TableNode]
    """By the table's own descriptor (`sipEpGatewayTable`), in order of OID."""
    notifications: Mapping[str, NotificationNode]
    names: Mapping[str, Oid] = field(default_factory=dict)
    """Every other descriptor that has an OID: nodes, groups, compliances, identities."""
    digest: str = ""
    """Of the texts that it was compiled from."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Objects by OBJECT-GROUP."""
    capabilities: Mapping[str, Capabilities] = field(default_factory=dict)
    """Which part of which module an agent answers, by AGENT-CAPABILITIES."""
    findings: tuple[Finding, ...] = ()
    """What is wrong with texts that were taken all the same."""

    @cached_property
    def services(self) -> Mapping[str, ServiceNode]:
        """Services by short name, in order of number."""
        found = [module.service for module in self.modules.values() if module.service]
        return {node.name: node for node in sorted(found, key=lambda node: node.number)}

    @cached_property
    def _order(self) -> tuple[list[Oid], list[ObjectNode]]:
        nodes = sorted(self.objects.values(), key=lambda node: node.oid)
        return [node.oid for node in nodes], nodes

    @property
    def by_oid_order(self) -> list[ObjectNode]:
        """Scalars and columns in order of OID."""
        return self._order[1]

    @cached_property
    def by_oid(self) -> Mapping[Oid, ObjectNode]:
        """Scalars and columns by OID."""
        return {node.oid: node for node in self.objects.values()}

    @cached_property
    def companions(self) -> Mapping[str, tuple[TableNode, ...]]:
        """Tables whose rows come and go with those of the table that names them here."""
        found: dict[str, list[TableNode]] = {}
        for table in self.tables.values():
            if table.base and not table.row_status:
                found.setdefault(table.base, []).append(table)
        return {base: tuple(tables) for base, tables in found.items()}

    def __getitem__(self, key: str | Oid) -> ObjectNode:
        """Give the scalar or column of that descriptor or OID. Raises NoSuchName."""
        node = self.objects.get(key) if isinstance(key, str) else self.by_oid.get(key)
        if node is None:
            raise NoSuchName(key if isinstance(key, str) else ".".join(map(str, key)),
                             "no such object")
        return node

    def columns(self, table: str) -> tuple[ObjectNode, ...]:
        """Give a table's columns in order of arc."""
        return tuple(self.objects[name] for name in self.tables[table].column_names)

    def of_module(self, module: str) -> Iterable[ObjectNode]:
        """Give the scalars and columns that one module declares."""
        return (node for node in self.objects.values() if node.module == module)

    def find(self, oid: Oid) -> Instance:
        """Give the instance that an OID names. Raises NoSuchName."""
        oids, nodes = self._order
        place = bisect_right(oids, oid) - 1
        if place >= 0 and oid[:len(oids[place])] == oids[place]:
            node, suffix = nodes[place], oid[len(oids[place]):]
            if node.table is None:
                if suffix == (0,):
                    return Instance(node, ())
            else:
                try:
                    return Instance(node, node.table.index(suffix))
                except ValueError:
                    pass
        raise NoSuchName(".".join(map(str, oid)), "no such instance")


__all__ = [
    "Access", "Applies", "Instance", "MibModel", "MibgateError", "ModuleNode", "NotificationNode",
    "ObjectNode", "Refused", "ServiceNode", "TableNode",
]
