"""What a request's own octets lead to: one instance, by its NULL varbind."""

from __future__ import annotations

from bisect import bisect_left

from mibagent.snmp.ber import ENCODERS, OBJECT_IDENTIFIER, tlv
from mibagent.snmp.segments import NEVER_READ, Segment, varbind_of


class Cell:
    """One instance that has been asked for."""

    __slots__ = (
        "_encode",
        "_head",
        "_index",
        "_is_kept",
        "_last",
        "_read",
        "_value",
        "kept",
        "key",
        "node",
        "segment",
        "wide",
    )

    kept: bytes | None
    """Its encoded varbind, where it has been read since it last changed, or in this turn."""
    key: bytes
    """Where it is sorted in its segment."""
    wide: bool
    """Whether it is a Counter64."""

    def __init__(self, segment: Segment, at: int) -> None:
        self.segment, self.key = segment, segment.keys[at]
        self.kept = None
        self._is_kept, self.node = segment.keeps(at), segment.node_at(at)
        self.wide = segment.wide and segment.is_wide(at)
        if self._is_kept:
            return
        self._read, self._index = segment.reader_at(at), segment.index_at(at)
        self._encode = ENCODERS[self.node.syntax.base]
        self._head = tlv(OBJECT_IDENTIFIER, segment.name_at(at))
        self._value: object = NEVER_READ
        """What it was when it was last computed."""
        self._last = b""
        """The varbind of that."""

    def varbind(self) -> bytes:
        """Give the encoded varbind, read now unless it is kept. Raises as Segment.varbind does."""
        if not self._is_kept:
            if self.kept is not None:       # its turn is not over
                return self.kept
            value = self._read(self._index)
            if value != self._value:
                self._last = varbind_of(self._head, self._encode(value))
                self._value = value
            turn = self.segment.turn
            if turn.is_held:
                self.kept = self._last
                turn.note(self)
            return self._last
        segment = self.segment
        at = bisect_left(segment.keys, self.key)
        version = segment.rows.version
        found = segment.varbind(at)
        if version == segment.rows.version:
            self.kept = found
        return found

    def let_go(self) -> None:
        """Read it anew from now on: it is computed, and the turn is over."""
        self.kept = None
