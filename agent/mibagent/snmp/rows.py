"""The rows of a table in order, beside which the values of its columns stand."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mibagent.errors import InconsistentName, Index
from mibagent.model.nodes import TableNode
from mibagent.smi.oid import MAX_SUB_IDENTIFIERS
from mibagent.snmp.ber import encode_sub_identifiers, sort_key

if TYPE_CHECKING:
    from mibagent.snmp.segments import Segment

_log = logging.getLogger(__name__)


class Rows:
    """The rows of one table, in order, with the columns that stand beside them."""

    __slots__ = ("_rows", "columns", "indexes", "is_built", "keys", "suffixes", "table",
                 "version", "wires")

    def __init__(
        self, table: TableNode | None = None,
        rows: Callable[[TableNode], Iterable[Index]] = lambda table: (),
    ) -> None:
        self.table = table
        self._rows = rows
        self.columns: list[Segment] = []
        self.wires: set[bytes] = set()
        self.version = 0
        self.is_built = False
        self.keys: list[bytes] = []
        self.suffixes: list[bytes] = []
        self.indexes: list[Index] = []

    def build(self) -> None:
        """Ask for the rows unless they are known."""
        if self.is_built or self.table is None:
            return
        found: dict[bytes, tuple[bytes, Index]] = {}
        for index in self._rows(self.table):
            suffix = self._suffix(index)
            if suffix:
                key = sort_key(suffix)
                found[key] = (key if key == suffix else suffix, index)
        self.is_built = True
        self.keys = sorted(found)
        self.suffixes = [found[key][0] for key in self.keys]
        self.indexes = [found[key][1] for key in self.keys]
        self._lay_out()

    def _suffix(self, index: Index) -> bytes:
        """Give the octets of a row's key; nothing, and a line in the log, if it can't have any."""
        assert self.table is not None
        try:
            suffix = self.table.suffix(index)
        except InconsistentName as refusal:
            _log.warning("%s is left out: %s", refusal, "it can't be named")
            return b""
        if len(suffix) + len(self.table.entry_oid) >= MAX_SUB_IDENTIFIERS:
            _log.warning("%s[%s] is left out: its name is too long", self.table.name, index)
            return b""
        return encode_sub_identifiers(suffix)

    def forget(self) -> None:
        """Know nothing any more."""
        self.is_built = False
        self.keys, self.suffixes, self.indexes = [], [], []
        self._lay_out()

    def _lay_out(self) -> None:
        self.version += 1
        for column in self.columns:
            column.keys, column.values = self.keys, [None] * len(self.keys)
            column.heads = [] if column.kept else [None] * len(self.keys)

    def place(self, index: Index) -> int:
        """Give where a row stands, or -1."""
        if not self.is_built or self.table is None:
            return -1
        key = sort_key(self._suffix(index))
        at = bisect_left(self.keys, key)
        return at if at < len(self.keys) and self.keys[at] == key else -1

    def add(self, index: Index) -> None:
        """Put a row where it belongs; one that stands there already is read anew."""
        if not self.is_built or self.table is None:
            return
        suffix = self._suffix(index)
        if not suffix:
            return
        key = sort_key(suffix)
        at = bisect_left(self.keys, key)
        if at < len(self.keys) and self.keys[at] == key:
            for column in self.columns:
                column.unknow(at)
            return
        self.version += 1
        self.keys.insert(at, key)
        self.suffixes.insert(at, key if key == suffix else suffix)
        self.indexes.insert(at, index)
        for column in self.columns:
            column.values.insert(at, None)
            if not column.kept:
                column.heads.insert(at, None)

    def remove(self, at: int) -> list[bytes]:
        """Take the row at a place out; give the names that its instances had."""
        self.version += 1
        names = [column.prefix + self.suffixes[at] for column in self.columns]
        del self.keys[at], self.suffixes[at], self.indexes[at]
        for column in self.columns:
            del column.values[at]
            if not column.kept:
                del column.heads[at]
        return names
