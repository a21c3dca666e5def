"""The store as the engine sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mibagent.errors import Index
from mibagent.model.nodes import MibModel, ObjectNode, TableNode
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal
from mibagent.store.store import ParameterStore, ReadersOf
from mibagent.store.telling import Listener
from mibagent.store.transaction import Transaction


class StoreSource:
    """All values of one unit, for one engine."""

    def __init__(self, store: ParameterStore) -> None:
        self._store = store

    @property
    def model(self) -> MibModel:
        return self._store.model

    def served(self) -> Iterable[ObjectNode]:
        return (node for node in self.model.by_oid_order
                if node.is_readable and self._store.is_served(node.name))

    def is_kept(self, node: ObjectNode) -> bool:
        return self._store.is_kept(node)

    def reader(self, node: ObjectNode) -> Callable[[Index], Value]:
        return self._store.reader(node.name)

    def together(self, node: ObjectNode) -> ReadersOf | None:
        return self._store.together(node.name)

    def rows(self, table: TableNode) -> Iterable[Index]:
        return self._store.rows(table)

    def watch(self, listener: Listener) -> None:
        self._store.watch(listener)

    def begin(self, principal: Principal) -> Transaction:
        return self._store.begin(principal)
