"""Cells in layers: configured values, and wishes laid over them without a copy."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from mibagent.errors import Index, NoSuchName
from mibagent.model.nodes import MibModel, ObjectNode, TableNode
from mibagent.smi.syntax import Base, Value

Key = tuple[str, Index]
"""An object's descriptor and its row; `()` for a scalar."""

_NATURAL: dict[Base, Value] = {
    Base.OCTETS: b"", Base.BITS: b"", Base.OPAQUE: b"", Base.OID: (0, 0),
    Base.IP_ADDRESS: bytes(4),
}


class Shape:
    """Where each object's cells live: the model seen from the store.

    A name with `@` is a hidden cell: a sealed part of a row (`certHostCertificatesInfo@key`) that
    no model declares and no northbound can name.
    """

    def __init__(self, model: MibModel, profile: Mapping[Key, Value] | None = None) -> None:
        self.model = model
        self.profile: Mapping[Key, Value] = profile or {}
        self.fixed: dict[str, dict[Index, None]] = {}
        self.given: dict[str, Value] = {}
        """Defaults of objects for which their MIB leaves it to the agent to say one."""
        self.unmade: set[str] = set()
        """Tables whose RowStatus nobody may write here."""
        self.sealed: set[str] = set()
        """Objects of which reads give less than was written, and audits nothing."""
        self.sparse: dict[str, Container[Index]] = {}
        """Rows, by object, in which it has the profile's value or none: no DEFVAL counts there."""
        self.mirrors = {
            name: place for table in model.tables.values()
            for place, name in enumerate(table.mirrors) if name}
        self._homes: dict[str, str] = {}

    def table_of(self, name: str) -> str:
        """Give the table whose rows hold the object, or nothing for a scalar."""
        home = self._homes.get(name)
        if home is None:
            if "@" in name:
                home = name.partition("@")[0] + "Table"
            else:
                table = self.model[name].table
                home = table.name if table else ""
            self._homes[name] = home
        return home

    def is_sealed(self, name: str) -> bool:
        """Whether the cell is kept sealed and never shown."""
        return "@" in name or name in self.sealed or self.model[name].syntax.secret

    def is_volatile(self, name: str) -> bool:
        """Whether the cell is forgotten at the end of the process."""
        table = self.table_of(name)
        return bool(table) and self.model.tables[table].is_job

    def default(self, node: ObjectNode, index: Index) -> Value | None:
        """Give the profile's value, else the DEFVAL; a scalar without one begins at nothing."""
        found = self.profile.get((node.name, index))
        if found is None:
            if index in self.sparse.get(node.name, ()):
                return None
            found = node.default if node.default is not None else self.given.get(node.name)
        if found is None and (node.table is None or not self.is_made(node.table)):
            labels = node.syntax.labels
            if labels and node.syntax.base is Base.INTEGER:
                return labels[0][1]
            return _NATURAL.get(node.syntax.base, node.syntax.ranges[0][0]
                                if node.syntax.ranges else 0)
        return found

    def is_made(self, table: TableNode) -> bool:
        """Whether rows are made and destroyed by RowStatus, the table's own or its base's."""
        while not table.row_status and table.base:
            table = self.model.tables[table.base]
        return bool(table.row_status) and table.name not in self.unmade

    def base_of(self, table: TableNode) -> TableNode:
        """Give the table whose rows decide which rows this one has."""
        while not table.row_status and table.base and table.name not in self.fixed:
            table = self.model.tables[table.base]
        return table

    def with_companions(self, table: TableNode) -> Iterator[TableNode]:
        """Give the table, and those whose rows come and go with its rows."""
        yield table
        for companion in self.model.companions.get(table.name, ()):
            if companion.name not in self.fixed:
                yield from self.with_companions(companion)


class View(Protocol):
    """A state of the parameter tree: configured, tip, candidate or running."""

    shape: Shape

    def cell(self, name: str, index: Index) -> Value | None:
        """Give what was set, or None; defaults don't count."""

    def has_row(self, table: TableNode, index: Index) -> bool:
        """Whether the row exists, whatever its status."""

    def rows(self, table: TableNode) -> Iterator[Index]:
        """Give the rows of a table that is stored, in order of making."""


def value_in(view: View, node: ObjectNode, index: Index) -> Value:
    """Give what the object is in that view: set, mirrored or default. Raises NoSuchName."""
    shape = view.shape
    if node.table is not None:
        if not view.has_row(node.table, index):
            raise NoSuchName(node.name, "no such row", index)
        place = shape.mirrors.get(node.name)
        if place is not None:
            return index[place]
    elif index:
        raise NoSuchName(node.name, "a scalar has no rows", index)
    found = view.cell(node.name, index)
    if found is None:
        found = shape.default(node, index)
    if found is None:
        raise NoSuchName(node.name, "no value yet", index)
    return found


Row = Mapping[str, Value]


class Configured:
    """What is committed. A row is replaced, never changed, so that snapshots may share it."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.scalars: dict[str, Value] = {}
        self.tables: dict[str, dict[Index, Row]] = {}
        self._shared: set[str] = set()

    def cell(self, name: str, index: Index) -> Value | None:
        if not index:
            return self.scalars.get(name)
        row = self.tables.get(self.shape.table_of(name), {}).get(index)
        return None if row is None else row.get(name)

    def has_row(self, table: TableNode, index: Index) -> bool:
        base = self.shape.base_of(table)
        fixed = self.shape.fixed.get(base.name)
        if fixed is not None:
            return index in fixed
        row = self.tables.get(base.name, {}).get(index)
        return row is not None and base.row_status in row

    def rows(self, table: TableNode) -> Iterator[Index]:
        base = self.shape.base_of(table)
        fixed = self.shape.fixed.get(base.name)
        if fixed is not None:
            return iter(tuple(fixed))
        status = base.row_status
        return iter([index for index, row in self.tables.get(base.name, {}).items()
                     if status in row])

    def put(self, name: str, index: Index, value: Value | None) -> None:
        """Set a cell, or forget it. The store alone calls this."""
        home = self.shape.table_of(name) if index else ""
        if home in self._shared:
            self._shared.discard(home)
            if home:
                self.tables[home] = dict(self.tables[home])
            else:
                self.scalars = dict(self.scalars)
        if not home:
            if value is None:
                self.scalars.pop(name, None)
            else:
                self.scalars[name] = value
            return
        rows = self.tables.setdefault(home, {})
        row = {key: old for key, old in rows.get(index, {}).items() if key != name}
        if value is not None:
            row[name] = value
        if row:
            rows[index] = row
        else:
            rows.pop(index, None)

    def snapshot(self) -> Configured:
        """Give a frozen copy at no cost; a table is copied when it next changes."""
        frozen = Configured(self.shape)
        frozen.scalars, frozen.tables = self.scalars, dict(self.tables)
        self._shared = {"", *self.tables}
        frozen._shared = set(self._shared)
        return frozen


@dataclass
class Overlay:
    """Cells laid over another view; None hides a cell of it."""

    below: View
    cells: dict[Key, Value | None]

    @property
    def shape(self) -> Shape:
        """The shape of what lies below."""
        return self.below.shape

    @shape.setter
    def shape(self, _: Shape) -> None:
        raise AttributeError("a layer has the shape of what lies below")

    def cell(self, name: str, index: Index) -> Value | None:
        key = (name, index)
        if key in self.cells:
            return self.cells[key]
        return self.below.cell(name, index)

    def has_row(self, table: TableNode, index: Index) -> bool:
        base = self.shape.base_of(table)
        if base.row_status:
            key = (base.row_status, index)
            if key in self.cells:
                return self.cells[key] is not None
        return self.below.has_row(base, index)

    def rows(self, table: TableNode) -> Iterator[Index]:
        base = self.shape.base_of(table)
        status = base.row_status
        mine = {index: value for (name, index), value in self.cells.items() if name == status}
        if not status or not mine:
            return self.below.rows(base)
        return self._merged(self.below.rows(base), mine)

    @staticmethod
    def _merged(below: Iterable[Index], mine: Mapping[Index, Value | None]) -> Iterator[Index]:
        seen = set()
        for index in below:
            if mine.get(index, 1) is not None:
                seen.add(index)
                yield index
        yield from (index for index, value in mine.items() if value is not None
                    and index not in seen)
