"""Rows that were given with some of their columns only, and which of them are still so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mibagent.errors import Index
from mibagent.smi.oid import parse_oid, print_oid
from mibagent.store.layers import View
from mibagent.store.store import ParameterStore
from mibagent.store.wish import Revision, Wish

_GONE = "gone:"


class GivenRows:
    """Lets a given row that is destroyed and made anew be like any other: DEFVALs count in it."""

    def __init__(self, store: ParameterStore, sparse: Mapping[str, set[Index]]) -> None:
        """sparse: rows by object, in which only a given value counts."""
        self._store, self._sparse = store, sparse
        store.shape.sparse.update(sparse)
        for key in list(store.memory):
            if key.startswith(_GONE):
                status, _, row = key.removeprefix(_GONE).partition("/")
                self._forget(status, row)
        if sparse:
            store.participants.append(self)

    def _forget(self, status: str, row: str) -> None:
        node = self._store.model.objects.get(status)
        if node is not None and node.table is not None:
            index = node.table.index(parse_oid(row))
            for name in self._store.row_cells(node.table):
                self._sparse.get(name, set()).discard(index)

    def complete(
        self, candidate: View, changed: list[tuple[str, Index]], asked: list[Wish]
    ) -> Iterable[Wish]:
        """Add nothing."""
        return ()

    def check(self, candidate: View, changed: list[tuple[str, Index]]) -> None:
        """Refuse nothing."""

    def note(self, revision: Revision) -> None:
        """Note which rows go."""
        for change in revision.changes:
            if "@" in change.name or change.new is not None:
                continue
            node = self._store.model[change.name]
            if node.is_row_status and node.table is not None:
                row = print_oid(node.table.suffix(change.index))
                self._forget(node.name, row)
                self._store.remember({f"{_GONE}{node.name}/{row}": b"1"})

    def react(self, revision: Revision) -> None:
        """Act on nothing."""
