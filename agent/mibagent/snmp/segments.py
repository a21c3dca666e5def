"""Instances in order: what a GETNEXT steps along and what a GETBULK takes slices of.

A *segment* is a stretch of the tree that stands together: one column of a table, or a run of
scalars with no column between. Its values lie in a list beside its sorted keys: a kept value as
the encoded varbind once it has been read, None for what must be read (each time, where it is
computed), ABSENT for a kept instance that is known not to exist. The columns of a table share
one list of rows, so a new row costs one bisect and one insertion for each column.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import compress, groupby
from operator import ne

from mibagent.errors import Index, NoSuchName
from mibagent.model.nodes import ObjectNode
from mibagent.smi.syntax import Base, Value
from mibagent.snmp.ber import (
    COUNTER64,
    ENCODERS,
    NULL,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    encode_length,
    encode_oid,
    sort_key,
    tlv,
)
from mibagent.snmp.rows import Rows
from mibagent.snmp.source import Source
from mibagent.snmp.turn import Turn

ABSENT = b""
NEVER_READ = object()
"""Stands for the last value of what is computed where there is none."""
WIDE = (Base.COUNTER64, Base.ANY)
"""Types among whose values there may be a Counter64."""

_STRETCH = 128
"""Instances that are read at a time."""

Read = Callable[[Index], Value]
"""Gives the value of one object's instance. Raises NoSuchName, and anything for a failure."""


def wire_key(name: bytes) -> bytes:
    """Give the octets of a NULL varbind of a name's content octets, as a request has them."""
    return tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, name) + bytes((NULL, 0)))


SEQUENCE_HEADS = [bytes((SEQUENCE, size)) for size in range(0x80)]
"""Tag and length octet of a varbind by the size of its content, where one octet says it."""


def varbind_of(head: bytes, value: bytes) -> bytes:
    """Give a whole varbind of a name's TLV and a value's TLV."""
    size = len(head) + len(value)
    if size < 0x80:
        return SEQUENCE_HEADS[size] + head + value
    return b"0" + encode_length(size) + head + value


class Segment:
    """A stretch of the tree; one column unless it is a Scalars."""

    __slots__ = (
        "encode",
        "heads",
        "kept",
        "keys",
        "next",
        "node",
        "prefix",
        "read",
        "rows",
        "start",
        "turn",
        "values",
        "wide",
    )

    keys: list[bytes]
    """Sorted; replaced only with values. Columns of one table share it."""
    values: list[bytes | None]
    heads: list[bytes | None]
    """The names' TLVs of computed values that have been read; empty for a kept column."""
    kept: bool
    wide: bool
    """Whether a Counter64 is among them, which SNMPv1 can't see. RFC 3584 section 4.2.2.1."""
    next: Segment | None
    """The one after it in the tree."""

    def __init__(self, node: ObjectNode, read: Read, kept: bool, rows: Rows, turn: Turn) -> None:
        self.node, self.read, self.kept, self.rows, self.turn = node, read, kept, rows, turn
        self.encode = ENCODERS[node.syntax.base]
        self.prefix = encode_oid(node.oid)
        self.start = sort_key(self.prefix)
        self.keys, self.values, self.heads = rows.keys, [], []
        self.wide = node.syntax.base in WIDE
        self.next = None

    def node_at(self, at: int) -> ObjectNode:
        """Give the object whose instance stands at a place."""
        return self.node

    def name_at(self, at: int) -> bytes:
        """Give the name's content octets of a place."""
        return self.prefix + self.rows.suffixes[at]

    def index_at(self, at: int) -> Index:
        """Give the row of a place."""
        return self.rows.indexes[at]

    def keeps(self, at: int) -> bool:
        """Tell whether the instance at a place is stored."""
        return self.kept

    def reader_at(self, at: int) -> Read:
        """Give what reads the instance at a place."""
        return self.read

    def is_wide(self, at: int) -> bool:
        """Tell whether the instance at a place is a Counter64."""
        base = self.node_at(at).syntax.base
        if base is Base.ANY:
            return self.encode(self.read(self.index_at(at)))[0] == COUNTER64
        return base is Base.COUNTER64

    def behind_wide(self, at: int) -> int:
        """Give the place from which on there may be others than the Counter64 at a place."""
        return at + 1 if self.node.syntax.base is Base.ANY else len(self.keys)

    def after(self, key: bytes) -> int:
        """Give the place of the first instance behind a key that is not before the segment."""
        self.rows.build()
        if not key.startswith(self.start):
            return len(self.keys)
        return bisect_right(self.keys, key[len(self.start):])

    def at(self, key: bytes) -> int:
        """Give the place of exactly that key, or -1."""
        self.rows.build()
        rest = key[len(self.start):]
        at = bisect_left(self.keys, rest)
        return at if at < len(self.keys) and self.keys[at] == rest else -1

    def varbind(self, at: int) -> bytes:
        """Give the encoded varbind of a place, read now unless it is kept.

        Raises NoSuchName where the instance does not exist, and whatever its reader raises.
        """
        found = self.values[at]
        if found:
            return found
        if found is not None:
            raise NoSuchName(self.node_at(at).name)
        return self.read_at(at)

    def read_at(self, at: int) -> bytes:
        """Read a place now, and keep what it gave where it is kept. Raises as varbind does."""
        rows = self.rows
        index = rows.indexes[at]
        if not self.kept:
            head = self.heads[at]
            if head is None:
                head = self.heads[at] = tlv(OBJECT_IDENTIFIER, self.prefix + rows.suffixes[at])
            value = self.encode(self.read(index))
            size = len(head) + len(value)
            if size < 0x80:
                return SEQUENCE_HEADS[size] + head + value
            return b"0" + encode_length(size) + head + value
        head = tlv(OBJECT_IDENTIFIER, self.name_at(at))
        version = self.rows.version
        try:
            found = varbind_of(head, self.encode(self.read(index)))
        except NoSuchName:
            if version == self.rows.version and self.values[at] is None:
                self.values[at] = ABSENT
            raise
        if version == self.rows.version:
            self.values[at] = found
        return found

    def take(self, at: int, count: int, room: int) -> tuple[list[bytes], int, int]:
        """Read up to that many instances of what is not all kept.

        Gives them, the place behind, and the room that is left. It may stop before, where a stretch
        ends or once they take more octets than there is room for.
        """
        rows, heads, version = self.rows, self.heads, self.rows.version
        read, encode, sequence = self.read, self.encode, SEQUENCE_HEADS
        stop = min(len(heads), at + min(count, _STRETCH))
        last = self.keys[stop - 1]
        for place in range(at, stop):
            if heads[place] is None:
                heads[place] = tlv(OBJECT_IDENTIFIER, self.prefix + rows.suffixes[place])
        found: list[bytes] = []
        add = found.append
        for head, index in zip(heads[at:stop], rows.indexes[at:stop], strict=True):
            try:
                value = encode(read(index))
            except NoSuchName:
                continue
            size = len(head) + len(value)  # type: ignore[arg-type]
            room -= size + 2
            if size < 0x80:
                add(sequence[size] + head + value)  # type: ignore[operator]
                continue
            add(varbind_of(head, value))  # type: ignore[arg-type]
            if room < 0:
                break
        if rows.version != version:
            rows.build()
            return found, bisect_right(self.keys, last), room
        return found, stop, room

    def unknow(self, at: int) -> None:
        """Forget what is kept of a place: its value changed."""
        self.values[at] = None


class Scalars(Segment):
    """A run of scalars; its keys are whole names."""

    __slots__ = ("_batches", "_computed", "_encoders", "_holds", "_kept_nodes", "_last", "_names",
                 "_readers", "nodes")

    def __init__(self, nodes: list[ObjectNode], source: Source, turn: Turn) -> None:
        readers = [source.reader(node) for node in nodes]
        super().__init__(nodes[0], readers[0], False, Rows(), turn)
        self._readers = readers
        self._last: list[tuple[object, bytes]] = [(NEVER_READ, b"")] * len(nodes)
        """What each computed one was when it was last read, and its varbind."""
        self.nodes = nodes
        self.rows.is_built = True
        self.rows.suffixes = [encode_oid((*node.oid, 0)) for node in nodes]
        self.rows.indexes = [()] * len(nodes)
        self.prefix = b""
        self.rows.keys = self.keys = [sort_key(name) for name in self.rows.suffixes]
        self.values = [None] * len(nodes)
        self._kept_nodes = [source.is_kept(node) for node in nodes]
        self.kept = all(self._kept_nodes)
        self._computed = [at for at, is_kept in enumerate(self._kept_nodes) if not is_kept]
        self._holds = False
        self._names = [tlv(OBJECT_IDENTIFIER, suffix) for suffix in self.rows.suffixes]
        self._encoders = [ENCODERS[node.syntax.base] for node in nodes]
        self.wide = any(node.syntax.base in WIDE for node in nodes)
        self._batches: list[_Batch | None] = []
        """For each place those that are read at once with it."""
        for readers_of, run in groupby(nodes, source.together):
            start = len(self._batches)
            stop = start + len(list(run))
            batch = None if readers_of is None else _Batch(
                start, readers_of([node.name for node in nodes[start:stop]]),
                self._names[start:stop], self._encoders[start:stop])
            self._batches += [batch] * (stop - start)

    def node_at(self, at: int) -> ObjectNode:
        return self.nodes[at]

    def keeps(self, at: int) -> bool:
        return self._kept_nodes[at]

    def behind_wide(self, at: int) -> int:
        return at + 1

    def reader_at(self, at: int) -> Read:
        return self._readers[at]

    def after(self, key: bytes) -> int:
        return bisect_right(self.keys, key)

    def at(self, key: bytes) -> int:
        at = bisect_left(self.keys, key)
        return at if at < len(self.keys) and self.keys[at] == key else -1

    def read_at(self, at: int) -> bytes:
        if not self._kept_nodes[at]:
            value = self._readers[at](())
            before, varbind = self._last[at]
            if value != before:
                varbind = varbind_of(self._names[at], self._encoders[at](value))
                self._last[at] = value, varbind
            if self.turn.is_held:
                self._hold(at, [varbind])
            return varbind
        try:
            value = self._readers[at](())
        except NoSuchName:
            if self.values[at] is None:
                self.values[at] = ABSENT
            raise
        found = self.values[at] = varbind_of(self._names[at], self._encoders[at](value))
        return found

    def _hold(self, at: int, varbinds: list[bytes]) -> None:
        """Give these again until the turn is over."""
        self.values[at:at + len(varbinds)] = varbinds
        if not self._holds:
            self._holds = True
            self.turn.note(self)

    def let_go(self) -> None:
        """Read what is computed anew from now on."""
        self._holds = False
        values = self.values
        for at in self._computed:
            values[at] = None

    def take(self, at: int, count: int, room: int) -> tuple[list[bytes], int, int]:
        stop = min(len(self.values), at + min(count, _STRETCH))
        found: list[bytes]
        if self._holds:
            found = self.values[at:stop]        # type: ignore[assignment]
            if all(found):
                return found, stop, room - len(b"".join(found))
        batches, values = self._batches, self.values
        found = []
        while at < stop and room >= 0:
            batch = batches[at]
            if batch is not None and values[at] is None:
                varbinds = batch.varbinds_now()
                if self.turn.is_held:
                    self._hold(batch.start, varbinds)
                run = varbinds[at - batch.start:stop - batch.start]
                at += len(run)
                found += run
                room -= len(b"".join(run))
                continue
            try:
                varbind = self.varbind(at)
            except NoSuchName:
                pass
            else:
                found.append(varbind)
                room -= len(varbind)
            at += 1
        return found, at, room


class _Batch:
    """Scalars that are read at once; those that have not changed are not encoded again."""

    __slots__ = ("_encoders", "_names", "_places", "_read", "_values", "_varbinds", "start")

    def __init__(self, start: int, read: Callable[[], Sequence[Value]], names: list[bytes],
                 encoders: list[Callable[[Value], bytes]]) -> None:
        self.start = start
        self._read, self._names, self._encoders = read, names, encoders
        self._values: Sequence[object] = [NEVER_READ] * len(names)
        self._varbinds = [b""] * len(names)
        self._places = range(len(names))

    def varbinds_now(self) -> list[bytes]:
        """Read all of them; give their varbinds, in a list that the next reading changes."""
        values, varbinds = self._read(), self._varbinds
        if values == self._values:
            return varbinds
        changed = list(compress(self._places, map(ne, values, self._values)))
        encoded = [varbind_of(self._names[at], self._encoders[at](values[at])) for at in changed]
        for at, varbind in zip(changed, encoded, strict=True):      # all of them, or none
            varbinds[at] = varbind
        self._values = values
        return varbinds
