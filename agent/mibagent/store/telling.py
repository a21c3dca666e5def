"""Who keeps copies of values is told of what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from mibagent.errors import Index
from mibagent.model.nodes import TableNode
from mibagent.store.layers import Shape
from mibagent.store.live import TableListener
from mibagent.store.wish import Change


class Listener(TableListener, Protocol):
    """Who wants to know what became of kept values and of rows.

    Of rows each table is told by itself, companions included.
    """

    def changed(self, name: str, index: Index) -> None:
        """Note that a kept value changed, appeared or vanished."""


class Listeners:
    """All who listen, and what they are told of a commit or of a table that a service fills."""

    def __init__(self, shape: Shape, aliases: Mapping[str, str]) -> None:
        """aliases: descriptors of which another object gives the value, and that one's."""
        self._shape, self._aliases = shape, aliases
        self._all: list[Listener] = []

    def __iter__(self) -> Iterator[Listener]:
        return iter(self._all)

    def add(self, listener: Listener) -> None:
        """Tell this one too from now on."""
        self._all.append(listener)

    def tell(
        self, changes: Iterable[Change],
        guarded: Callable[[Callable[[Listener], None], Listener], None],
    ) -> None:
        """Tell each of a commit. guarded: calls what must not keep the next one from hearing."""
        told = list(self._events(changes))

        def hear(listener: Listener) -> None:
            for event, name, index in told:
                getattr(listener, event)(name, index)

        for listener in self._all:
            guarded(hear, listener)

    def _events(self, changes: Iterable[Change]) -> Iterator[tuple[str, str, Index]]:
        """Give which of a listener's methods is told of which object or table, and of which row."""
        for change in changes:
            if "@" in change.name:
                continue
            node = self._shape.model[change.name]
            if node.is_row_status and node.table and (change.old is None) != (change.new is None):
                event = "row_removed" if change.new is None else "row_added"
                for table in self._shape.with_companions(node.table):
                    yield event, table.name, change.index
                continue
            yield "changed", change.name, change.index
            for alias, name in self._aliases.items():
                if name == change.name:
                    yield "changed", alias, change.index

    def of_live(self, table: TableNode, is_live: Callable[[str], bool]
                ) -> TableListener:
        """Give who is to be told of the rows of a table that a service fills."""
        return _Relay(self._shape, self._all, table, is_live)


class _Relay:
    """Tells all of a live table's rows, and of those of its companions."""

    def __init__(
        self, shape: Shape, listeners: list[Listener], table: TableNode,
        is_live: Callable[[str], bool],
    ) -> None:
        self._shape, self._listeners, self._table = shape, listeners, table
        self._is_live = is_live

    def row_added(self, table: str, index: Index) -> None:
        fixed = self._shape.fixed.get(self._table.name)
        if fixed is not None:
            fixed[index] = None
        for name in self._with_it():
            for listener in self._listeners:
                listener.row_added(name, index)

    def row_removed(self, table: str, index: Index) -> None:
        fixed = self._shape.fixed.get(self._table.name)
        if fixed is not None:
            fixed.pop(index, None)
        for name in self._with_it():
            for listener in self._listeners:
                listener.row_removed(name, index)

    def rows_replaced(self, table: str) -> None:
        """Tell that what was read of a snapshot, and of its companions, has aged."""
        for each in self._shape.with_companions(self._table):
            for listener in self._listeners:
                listener.rows_replaced(each.name)

    def _with_it(self) -> list[str]:
        return [each.name for each in self._shape.with_companions(self._table)
                if each.name == self._table.name or not self._is_live(each.name)]
