"""The order of all that is served, and the cells by which a request's own octets find it.

`cells` is keyed by a NULL varbind as a request carries it: a hit proves the octets well formed
and resolves them in one look-up. A cell exists for each instance that somebody has asked for,
so there are never more of them than instances. Nothing here is built before the first request.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from mibagent.errors import Index, NoSuchName
from mibagent.model.nodes import ObjectNode
from mibagent.smi.syntax import Base
from mibagent.snmp.ber import (
    ENCODERS,
    END_OF_MIB_VIEW,
    OBJECT_IDENTIFIER,
    encode_length,
    sort_key,
    tlv,
)
from mibagent.snmp.cells import ABSENT, SEQUENCE_HEADS, Rows, Scalars, Segment, varbind_of, wire_key
from mibagent.snmp.source import Source

END_OF_VIEW = bytes((END_OF_MIB_VIEW, 0))


class Cell:
    """One instance that has been asked for."""

    __slots__ = (
        "_encode",
        "_head",
        "_index",
        "_is_kept",
        "_read",
        "kept",
        "key",
        "node",
        "segment",
        "views",
        "wide",
    )

    kept: bytes | None
    """Its encoded varbind, where it is stored and has been read since it last changed."""
    key: bytes
    """Where it is sorted in its segment."""
    views: int
    """Bits of the views that show it: its segment's."""
    wide: bool
    """Whether it is a Counter64."""

    def __init__(self, segment: Segment, at: int) -> None:
        self.segment, self.key = segment, segment.keys[at]
        self.kept = None
        self.views = segment.views
        self._is_kept, self._read = segment.keeps(at), segment.reader_at(at)
        self.node, self._index = segment.node_at(at), segment.index_at(at)
        self._encode = ENCODERS[self.node.syntax.base]
        self._head = tlv(OBJECT_IDENTIFIER, segment.name_at(at))
        self.wide = self.node.syntax.base is Base.COUNTER64

    def varbind(self) -> bytes:
        """Give the encoded varbind, read now unless it is kept. Raises as Segment.varbind does."""
        if not self._is_kept:
            head = self._head
            value = self._encode(self._read(self._index))
            size = len(head) + len(value)
            if size < 0x80:
                return SEQUENCE_HEADS[size] + head + value
            return b"0" + encode_length(size) + head + value
        segment = self.segment
        at = bisect_left(segment.keys, self.key)
        version = segment.rows.version
        found = segment.varbind(at)
        if version == segment.rows.version:
            self.kept = found
        return found


class Tree:
    """All instances that a source serves, in order. It listens to the source."""

    def __init__(self, source: Source) -> None:
        self.cells: dict[bytes, Cell] = {}
        self.reading = ""
        """The object that `successor` read last, for whoever hears of a failure."""
        self._source = source
        self._is_built = False
        self._segments: list[Segment] = []
        self._starts: list[bytes] = []
        self._objects: list[bytes] = []
        self._rows: dict[str, Rows] = {}
        self._columns: dict[str, Segment] = {}
        self._scalars: dict[str, tuple[Scalars, int]] = {}
        source.watch(self)

    def build(self) -> None:
        """Lay the segments out unless they are; rows are asked for when a table is first read."""
        if self._is_built:
            return
        source, run = self._source, list[ObjectNode]()
        for node in sorted(source.served(), key=lambda node: node.oid):
            if node.table is None:
                run.append(node)
                continue
            self._close(run)
            rows = self._rows.get(node.table.name)
            if rows is None:
                rows = self._rows[node.table.name] = Rows(node.table, source.rows)
            column = Segment(node, source.reader(node), source.is_kept(node), rows)
            rows.columns.append(column)
            self._columns[node.name] = column
            self._append(column)
            self._objects.append(column.start)
        self._close(run)
        self._is_built = True

    def _close(self, run: list[ObjectNode]) -> None:
        if not run:
            return
        scalars = Scalars(run[:], self._source.reader, self._source.is_kept)
        for at, node in enumerate(run):
            self._scalars[node.name] = (scalars, at)
            self._objects.append(scalars.keys[at][:-1])
        self._append(scalars)
        run.clear()

    def _append(self, segment: Segment) -> None:
        if self._segments:
            self._segments[-1].next = segment
        self._segments.append(segment)
        self._starts.append(segment.start)

    def has_object(self, name: bytes) -> bool:
        """Tell whether a name's content octets begin with those of an object that is served."""
        key = sort_key(name)
        at = bisect_right(self._objects, key) - 1
        return at >= 0 and key.startswith(self._objects[at])

    def instance(self, name: bytes) -> Cell | None:
        """Give the cell of a name's content octets; None where there is no such instance.

        A computed instance, or a stored one that nobody has read yet, may still prove absent.
        """
        wire = wire_key(name)
        cell = self.cells.get(wire)
        if cell is not None:
            return cell
        key = sort_key(name)
        at = bisect_right(self._starts, key) - 1
        if at < 0:
            return None
        segment = self._segments[at]
        self.reading = segment.node.name
        place = segment.at(key) if key.startswith(segment.start) or isinstance(
            segment, Scalars) else -1
        if place < 0:
            return None
        cell = Cell(segment, place)
        self.cells[wire] = cell
        segment.rows.wires.add(wire)
        return cell

    def place_after(self, name: bytes) -> tuple[Segment | None, int]:
        """Give where the first instance behind a name may stand: the segment, None at the end.

        The place may be the segment's end; the walk goes on in the next one then.
        """
        key = sort_key(name)
        at = bisect_right(self._starts, key) - 1
        if at < 0:
            return (self._segments[0], 0) if self._segments else (None, 0)
        segment = self._segments[at]
        self.reading = segment.node.name
        return segment, segment.after(key)

    def successor(self, name: bytes, narrow: bool) -> bytes | None:
        """Give the encoded varbind of the first instance behind a name; None at the end.

        narrow: whether a Counter64 is passed over. Raises whatever its reader raises.
        """
        segment, at = self.place_after(name)
        while segment is not None:
            self.reading = segment.node.name
            segment.rows.build()
            if at >= len(segment.keys):
                segment, at = segment.next, 0
                continue
            self.reading = segment.node_at(at).name
            if narrow and segment.wide and segment.is_wide(at):
                at = at + 1 if isinstance(segment, Scalars) else len(segment.keys)
                continue
            key, version = segment.keys[at], segment.rows.version
            try:
                return segment.varbind(at)
            except NoSuchName:
                at = _next_place(segment, at, key, version)
        return None

    def gather(self, segment: Segment | None, at: int, count: int, room: int
               ) -> tuple[list[bytes], bool]:
        """Give the encoded varbinds of that many instances from a place on.

        They are fewer at the end, or once they take more octets than there is room for; the
        answer's second part tells that. Raises whatever a reader raises.
        """
        found: list[bytes] = []
        while segment is not None:
            rows = segment.rows
            rows.build()
            if not segment.kept and not isinstance(segment, Scalars):
                if at >= len(segment.keys):
                    segment, at = segment.next, 0
                    continue
                more, at = segment.take(at, count - len(found), room)
                found += more
                room -= sum(map(len, more))
                if len(found) == count or room < 0:
                    return found, len(found) < count
                continue
            version, values = rows.version, segment.values
            while at < len(values):
                value = values[at]
                if value is None:
                    key = segment.keys[at]
                    try:
                        value = segment.read_at(at)
                    except NoSuchName:
                        value = ABSENT
                    if rows.version != version:
                        at = _next_place(segment, at, key, version) - 1
                        rows.build()
                        version, values = rows.version, segment.values
                if value:
                    found.append(value)
                    room -= len(value)
                    if len(found) == count or room < 0:
                        return found, len(found) < count
                at += 1
            segment, at = segment.next, 0
        return found, False

    def changed(self, name: str, index: Index) -> None:
        """Forget what is kept of a value."""
        if not self._is_built:
            return
        segment: Segment | None = self._columns.get(name)
        if segment is not None:
            at = segment.rows.place(index)
        else:
            segment, at = self._scalars.get(name, (None, -1))
        if segment is None or at < 0:
            return
        segment.unknow(at)
        cell = self.cells.get(wire_key(segment.name_at(at)))
        if cell is not None:
            cell.kept = None

    def row_added(self, table: str, index: Index) -> None:
        """Take a row in."""
        rows = self._rows.get(table)
        if rows is None:
            return
        at = rows.place(index)
        if at >= 0:
            self._drop(rows, at)
        rows.add(index)

    def row_removed(self, table: str, index: Index) -> None:
        """Let a row go."""
        rows = self._rows.get(table)
        if rows is None:
            return
        at = rows.place(index)
        if at >= 0:
            self._drop(rows, at)

    def _drop(self, rows: Rows, at: int) -> None:
        for name in rows.remove(at):
            wire = wire_key(name)
            if self.cells.pop(wire, None) is not None:
                rows.wires.discard(wire)

    def rows_replaced(self, table: str) -> None:
        """Forget a table; its rows are asked for again when somebody reads it."""
        rows = self._rows.get(table)
        if rows is None:
            return
        for wire in rows.wires:
            self.cells.pop(wire, None)
        rows.wires.clear()
        rows.forget()


def _next_place(segment: Segment, at: int, key: bytes, version: int) -> int:
    """Give the place behind a key that stood at a place, though rows may have come and gone."""
    if segment.rows.version == version:
        return at + 1
    segment.rows.build()
    return bisect_right(segment.keys, key)


def end_of_view(name: bytes) -> bytes:
    """Give the varbind that says that nothing follows a name's content octets.

    RFC 3416 section 4.2.2.
    """
    return varbind_of(tlv(OBJECT_IDENTIFIER, name), END_OF_VIEW)
