"""The objects of the fault agent: small, and enough for every check."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.conformance.ber import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    OBJECT_ID,
    OCTETS,
    TIME_TICKS,
    Oid,
    Value,
    integer,
    object_id,
    tlv,
)
from tools.conformance.names import (
    FRAMEWORK,
    MPD,
    SET_SERIAL_NO,
    SNMP,
    SYSTEM,
    USM,
    USM_USER_ENTRY,
    VACM_CONTEXT_NAME,
    VACM_VIEW_ENTRY,
)

Held = Value | Callable[[], Value]


@dataclass
class Object:
    """What a MIB would say of a scalar or column."""

    oid: Oid
    tag: int
    is_writable: bool = False
    most: int = 255
    """Octets of a text."""
    allowed: range | tuple[int, ...] = range(-(1 << 31), 1 << 31)
    makes_rows: bool = False
    is_scalar: bool = True


@dataclass
class Tree:
    """Objects, and their instances in order."""

    objects: dict[Oid, Object] = field(default_factory=dict)
    values: dict[Oid, Held] = field(default_factory=dict)

    def scalar(self, oid: Oid, tag: int, value: Held, **more: object) -> None:
        """Declare a scalar by its instance."""
        self.objects[oid[:-1]] = Object(oid[:-1], tag, **more)  # type: ignore[arg-type]
        self.values[oid] = value

    def column(self, oid: Oid, tag: int, rows: dict[Oid, Held], **more: object) -> None:
        """Declare a column and its rows."""
        self.objects[oid] = Object(oid, tag, is_scalar=False, **more)  # type: ignore[arg-type]
        for index, value in rows.items():
            self.values[oid + index] = value

    def object_of(self, oid: Oid) -> Object | None:
        """Give the object whose instance that would be."""
        for size in range(len(oid) - 1, 6, -1):
            found = self.objects.get(oid[:size])
            if found is not None:
                return found
        return self.objects.get(oid)

    def after(self, oid: Oid, sees: Callable[[Oid], bool]) -> Oid | None:
        """Give the next instance that is seen."""
        ordered = sorted(self.values)
        for name in ordered[bisect_right(ordered, oid):]:
            if sees(name):
                return name
        return None

    def read(self, oid: Oid) -> bytes:
        """Give the whole TLV of an instance's value."""
        held = self.values[oid]
        value = held() if callable(held) else held
        found = self.object_of(oid)
        assert found is not None
        return encoded(found.tag, value)


def encoded(tag: int, value: Value) -> bytes:
    """Give a value's whole TLV."""
    if isinstance(value, bytes):
        return tlv(tag, value)
    if isinstance(value, tuple):
        return object_id(value)
    assert isinstance(value, int)
    return integer(value, tag)


def tree_of(
    counters: dict[Oid, int], uptime: Callable[[], Value], engine: Callable[[int], Value],
    has: Callable[[str], bool],
) -> Tree:
    """Give the tree of an agent; engine tells snmpEngineID and so on by their arcs."""
    tree = Tree()
    ticks = GAUGE32 if has("up-time-is-a-gauge") else TIME_TICKS
    counter = GAUGE32 if has("counters-are-gauges") else COUNTER32
    tree.scalar((*SYSTEM, 1, 0), OCTETS, b"an agent that is wrong where it is told to be " * 3)
    tree.scalar((*SYSTEM, 2, 0), OBJECT_ID, (1, 3, 6, 1, 4, 1, 32473, 7))
    tree.scalar((*SYSTEM, 3, 0), ticks, uptime)
    for arc, word in ((4, b"nobody"), (5, b"fault"), (6, b"nowhere")):
        tree.scalar((*SYSTEM, arc, 0), OCTETS, word, is_writable=True)
    tree.scalar((*SYSTEM, 7, 0), INTEGER, 72)
    for arc in (1, 2, 3):
        tree.column((1, 3, 6, 1, 2, 1, 2, 2, 1, arc), INTEGER, {(n,): n for n in (1, 2, 300)})
    for oid in counters:
        tree.scalar(oid, counter if oid[:7] == SNMP else COUNTER32,
                    lambda oid=oid: counters[oid])      # type: ignore[misc]
    tree.scalar((*SNMP, 30, 0), INTEGER, 1, is_writable=True, allowed=(1, 2))
    tree.column((1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6), COUNTER64,
                {(n,): 2**40 + n for n in (1, 2, 300)})
    tree.column((1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18), OCTETS, {(n,): b"" for n in (1, 2, 300)})
    tree.scalar(SET_SERIAL_NO, INTEGER, 7, is_writable=True, allowed=range(1 << 31))
    for arc, tag in ((1, OCTETS), (2, INTEGER), (3, INTEGER), (4, INTEGER)):
        tree.scalar((*FRAMEWORK, arc, 0), tag,
                    lambda arc=arc: engine(arc))        # type: ignore[misc]
    user: Oid = (2, 1, 1)
    key: Value = b"a key" if has("keys-readable") else b""
    for arc, value in ((4, (0, 0)), (6, key), (7, key), (9, key), (10, key)):
        tree.column((*USM_USER_ENTRY, arc), OBJECT_ID if arc == 4 else OCTETS, {user: value})
    name = b"default" if has("default-context-named") else b""
    tree.column(VACM_CONTEXT_NAME, OCTETS, {(len(name), *name): name})
    made = {"is_writable": True, "makes_rows": True}
    tree.column((*VACM_VIEW_ENTRY, 3), OCTETS, {}, most=16, **made)
    tree.column((*VACM_VIEW_ENTRY, 6), INTEGER, {}, allowed=(1, 2, 4, 5, 6), **made)
    return tree


COUNTED: tuple[Oid, ...] = (
    *((*SNMP, arc, 0) for arc in (1, 2, 3, 4, 5, 6)), *((*MPD, arc, 0) for arc in (1, 2, 3)),
    *((*USM, arc, 0) for arc in range(1, 7)), (1, 3, 6, 1, 6, 3, 12, 1, 4, 0),
    (1, 3, 6, 1, 6, 3, 12, 1, 5, 0))
