"""The order of all that is served, and the cells by which a request's own octets find it.

`cells` is keyed by a NULL varbind as a request carries it: a hit proves the octets well formed
and resolves them in one look-up. A cell exists for each instance that somebody has asked for,
so there are never more of them than instances. Nothing here is built before the first request.
"""

from __future__ import annotations

from bisect import bisect_right

from mibagent.errors import Index, NoSuchName
from mibagent.model.nodes import ObjectNode
from mibagent.snmp.ber import (
    END_OF_MIB_VIEW,
    OBJECT_IDENTIFIER,
    decode_oid,
    sort_key,
    tlv,
)
from mibagent.snmp.cells import Cell
from mibagent.snmp.rows import Rows
from mibagent.snmp.segments import ABSENT, Scalars, Segment, varbind_of, wire_key
from mibagent.snmp.sight import Sight, coverage
from mibagent.snmp.source import Source
from mibagent.snmp.turn import Turn
from mibagent.snmp.vacm import EVERYTHING, View

END_OF_VIEW = bytes((END_OF_MIB_VIEW, 0))

MAX_BETWEEN = 1024
"""Names of no instance whose place is remembered for a view."""

MAX_VIEWS = 8
"""Views, besides one that shows all, that are gone along by octets."""


class Tree:
    """All instances that a source serves, in order. It listens to the source."""

    def __init__(self, source: Source) -> None:
        self.cells: dict[bytes, Cell] = {}
        self.turn = Turn()
        self.reading = ""
        """The object that `successor` read last, for whoever hears of a failure."""
        self._source = source
        self._is_built = False
        self._segments: list[Segment] = []
        self._starts: list[bytes] = []
        self._objects: list[tuple[bytes, ObjectNode]] = []
        self._rows: dict[str, Rows] = {}
        self._columns: dict[str, Segment] = {}
        self._scalars: dict[str, tuple[Scalars, int]] = {}
        self._whole = Sight(EVERYTHING, self.cells)
        self._sights: dict[View, Sight | None] = {}
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
            column = Segment(node, source.reader(node), source.is_kept(node), rows,
                             self.turn)
            rows.columns.append(column)
            self._columns[node.name] = column
            self._append(column)
            self._objects.append((column.start, node))
        self._close(run)
        self._whole.link(self._segments)
        self._is_built = True

    def reset(self) -> None:
        """Forget all of it: what is served, or who answers for it, is another now."""
        for part in (self.cells, self._segments, self._starts, self._objects, self._rows,
                     self._columns, self._scalars, self._sights):
            part.clear()
        self._whole = Sight(EVERYTHING, self.cells)
        self._is_built = False

    def sight(self, view: View) -> Sight | None:
        """Give what a view shows; None for one that has to be asked instance by instance.

        At most eight views are known at a time, until `forget_views`.
        """
        if view.is_whole:
            return self._whole
        if view not in self._sights:
            if len(self._sights) >= MAX_VIEWS:
                return None
            self._sights[view] = self._seen(view)
        return self._sights[view]

    def _seen(self, view: View) -> Sight | None:
        for segment in self._segments[:]:
            if isinstance(segment, Scalars) and coverage(view, segment) is None:
                self._split(segment, view)
        if any(coverage(view, segment) is None for segment in self._segments):
            return None
        made = Sight(view, {})
        made.link(self._segments)
        return made

    def _split(self, scalars: Scalars, view: View) -> None:
        """Cut a run of scalars where a view begins or ends."""
        pieces: list[list[ObjectNode]] = []
        before: bool | None = None
        for node in scalars.nodes:
            covered = view.covers(node.oid)
            if not pieces or covered is not before:
                pieces.append([])
            pieces[-1].append(node)
            before = covered
        if len(pieces) < 2:
            return
        at = self._segments.index(scalars)
        made = [self._scalars_of(piece) for piece in pieces]
        for one, other in zip(made, [*made[1:], scalars.next], strict=True):
            one.next = other
        if at:
            self._segments[at - 1].next = made[0]
        self._segments[at:at + 1] = made
        self._starts[at:at + 1] = [each.start for each in made]
        for wire in scalars.rows.wires:
            for sight in self._all_sights():
                sight.cells.pop(wire, None)
        for sight in self._all_sights():
            sight.link(self._segments)

    def _all_sights(self) -> list[Sight]:
        return [self._whole, *(sight for sight in self._sights.values() if sight is not None)]

    def forget_views(self) -> None:
        """Forget which views there are."""
        self._sights.clear()

    def _scalars_of(self, nodes: list[ObjectNode]) -> Scalars:
        scalars = Scalars(nodes, self._source, self.turn)
        for at, node in enumerate(nodes):
            self._scalars[node.name] = (scalars, at)
        return scalars

    def _close(self, run: list[ObjectNode]) -> None:
        if not run:
            return
        scalars = self._scalars_of(run[:])
        self._objects += [(key[:-1], node) for key, node in zip(scalars.keys, run, strict=True)]
        self._append(scalars)
        run.clear()

    def _append(self, segment: Segment) -> None:
        if self._segments:
            self._segments[-1].next = segment
        self._segments.append(segment)
        self._starts.append(segment.start)

    def has_object(self, name: bytes, view: View) -> bool:
        """Tell whether a name's content octets begin with those of an object that is served.

        One of which the view shows no instance that there might be is none.
        """
        key = sort_key(name)
        at = bisect_right(self._objects, key, key=_first) - 1
        if at < 0:
            return False
        start, node = self._objects[at]
        return key.startswith(start) and (view.is_whole or view.covers(node.oid) is not False)

    def instance(self, name: bytes, view: View = EVERYTHING) -> Cell | None:
        """Give the cell of a name's content octets; None where the view shows no such instance.

        A computed instance, or a stored one that nobody has read yet, may still prove absent.
        """
        if not view.is_whole and not view.shows(decode_oid(name)):
            return None
        wire = wire_key(name)
        cell = self.cells.get(wire) or self._made(name, wire)
        sight = self._sights.get(view)
        if cell is not None and sight is not None:
            sight.cells[wire] = cell
        return cell

    def _made(self, name: bytes, wire: bytes) -> Cell | None:
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

    def seen(self, name: bytes, wire: bytes, sight: Sight) -> Cell | None:
        """Give the cell of a name's content octets, its NULL varbind beside, if it is in sight."""
        cell = self.cells.get(wire) or self._made(name, wire)
        if cell is None or not sight.shows(cell.segment):
            return None
        sight.cells[wire] = cell
        return cell

    def seen_after(self, name: bytes, wire: bytes, sight: Sight) -> tuple[Segment | None, int]:
        """Give where the first instance behind a name that is in sight may stand."""
        segment, at = self.place_after(name)
        if segment is None:
            return None, 0
        if len(sight.between) >= MAX_BETWEEN:
            sight.between.clear()
        if sight.shows(segment):
            key = sort_key(name)
            sight.between[wire] = segment, key if key >= segment.start else b""
            return segment, at
        behind = sight.next[segment]
        if behind is not None:
            sight.between[wire] = behind, b""
        return behind, 0

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

    def successor(self, name: bytes, narrow: bool, view: View = EVERYTHING) -> bytes | None:
        """Give the encoded varbind of the first instance behind a name; None at the end.

        narrow: whether a Counter64 is passed over; so is what the view does not show. Raises
        whatever its reader raises.
        """
        segment, at = self.place_after(name)
        while segment is not None:
            self.reading = segment.node.name
            part = coverage(view, segment)
            if part is False:
                segment, at = segment.next, 0
                continue
            segment.rows.build()
            if at >= len(segment.keys):
                segment, at = segment.next, 0
                continue
            if part is None and not view.shows(decode_oid(segment.name_at(at))):
                at += 1
                continue
            self.reading = segment.node_at(at).name
            if narrow and segment.wide and segment.is_wide(at):
                at = segment.behind_wide(at)
                continue
            key, version = segment.keys[at], segment.rows.version
            try:
                return segment.varbind(at)
            except NoSuchName:
                at = _next_place(segment, at, key, version)
        return None

    def gather(self, sight: Sight, segment: Segment | None, at: int, count: int, room: int
               ) -> tuple[list[bytes], bool]:
        """Give the encoded varbinds of that many instances from a place in sight on.

        They are fewer at the end, or once they take more octets than there is room for; the
        answer's second part tells that. Raises whatever a reader raises.
        """
        found: list[bytes] = []
        following = sight.next
        while segment is not None:
            rows = segment.rows
            rows.build()
            if not segment.kept:
                if at >= len(segment.keys):
                    segment, at = following[segment], 0
                    continue
                more, at, room = segment.take(at, count - len(found), room)
                found += more
                if len(found) == count or room < 0:
                    return found, len(found) < count
                continue
            version, values = rows.version, segment.values
            run = values[at:at + count - len(found)]
            if all(run):
                found += run        # type: ignore[arg-type]
                room -= len(b"".join(run))      # type: ignore[arg-type]
                if len(found) == count or room < 0:
                    return found, len(found) < count
                segment, at = following[segment], 0
                continue
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
            segment, at = following[segment], 0
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
                self._out_of_sight(wire)

    def _out_of_sight(self, wire: bytes) -> None:
        for sight in self._sights.values():
            if sight is not None:
                sight.cells.pop(wire, None)

    def rows_replaced(self, table: str) -> None:
        """Forget a table; its rows are asked for again when somebody reads it."""
        rows = self._rows.get(table)
        if rows is None:
            return
        for wire in rows.wires:
            self.cells.pop(wire, None)
            self._out_of_sight(wire)
        rows.wires.clear()
        rows.forget()


def _first(pair: tuple[bytes, ObjectNode]) -> bytes:
    return pair[0]


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
