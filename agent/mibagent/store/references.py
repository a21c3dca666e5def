"""Cells that name a row of another table: no dangling, no row taken away from under them."""

from __future__ import annotations

from mibagent.errors import InconsistentValue, Index, Refused
from mibagent.model.nodes import MibModel, ObjectNode
from mibagent.smi.syntax import Value
from mibagent.store.layers import Key, View


class References:
    """Who refers to which row, on the tip or below; kept by each change."""

    def __init__(self, model: MibModel) -> None:
        self._model = model
        self._columns = {
            node.name: node.syntax.refers for node in model.objects.values()
            if node.syntax.refers in model.tables and node.is_writable}
        self._pointed = set(self._columns.values())
        self._referrers: dict[tuple[str, Index], dict[Key, None]] = {}

    def gain(self, name: str, index: Index, value: Value | None) -> None:
        """Note that a cell holds a value, on the tip or below."""
        table = self._columns.get(name)
        if table is not None and value:
            self._referrers.setdefault((table, (value,)), {})[name, index] = None

    def lose(self, name: str, index: Index, value: Value | None) -> None:
        """Note that a cell holds a value no more, neither on the tip nor below."""
        table = self._columns.get(name)
        if table is not None and value:
            target = (table, (value,))
            referrers = self._referrers.get(target, {})
            referrers.pop((name, index), None)
            if not referrers:
                self._referrers.pop(target, None)

    def of(self, table: str, index: Index) -> list[Key]:
        """Give the cells that refer to the row."""
        return list(self._referrers.get((table, index), ()))

    def check(self, candidate: View, changed: list[Key]) -> None:
        """Raise InconsistentValue where a cell would name no row."""
        for name, index in changed:
            if "@" in name:
                continue
            node = self._model[name]
            if name in self._columns:
                self._must_exist(candidate, node, index)
            if node.is_row_status and node.table is not None \
                    and node.table.name in self._pointed and candidate.cell(name, index) is None:
                self._must_be_free(candidate, node, index)

    def _must_exist(self, candidate: View, node: ObjectNode, index: Index) -> None:
        value = candidate.cell(node.name, index)
        if not value or value == node.default:
            return
        target = self._model.tables[node.syntax.refers]
        if not candidate.has_row(target, (value,)):
            raise InconsistentValue(
                node.name, f"{target.name} has no row {node.syntax.print(value)}", index)

    def _must_be_free(self, candidate: View, node: ObjectNode, index: Index) -> None:
        assert node.table is not None
        for name, at in self.of(node.table.name, index):
            if candidate.cell(name, at) == index[0]:
                raise InconsistentValue(
                    node.name, f"{Refused(name, index=at)} refers to it", index)
