"""Tables that a service fills and nobody stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from mibagent.errors import Index

RowT = TypeVar("RowT")


class TableListener(Protocol):
    """Who keeps the order of rows."""

    def row_added(self, table: str, index: Index) -> None:
        """Note a row that is new, or another in the place of one that was there."""

    def row_removed(self, table: str, index: Index) -> None: ...

    def rows_replaced(self, table: str) -> None:
        """Forget what was read of the rows: they may have changed."""


def as_index(key: Any) -> Index:
    """Give the index of a key: itself, or the one part of a table with one key."""
    if isinstance(key, tuple):
        return tuple(map(_octets, key))
    return (_octets(key),)


def _octets(part: Any) -> Any:
    return part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part


def as_key(index: Index) -> Any:
    """Give the key of an index: texts as str, one part by itself. Undoes `as_index`."""
    parts = tuple(part.decode("utf-8", "surrogateescape") if isinstance(part, bytes) else part
                  for part in index)
    return parts[0] if len(parts) == 1 else parts


class LiveTable(Generic[RowT]):
    """Rows by key; the row's attributes are its columns, read when asked.

    The order for walks is kept by `add` and `remove`, never made at a read. The fields of rows
    that are frozen dataclasses change by `add` alone, so that what was read of them is kept
    until then.
    """

    def __init__(self) -> None:
        self.name = ""
        self.tells = True
        """Whether a row is replaced as soon as it changes; a snapshot learns it when asked."""
        self._rows: dict[Index, RowT] = {}
        self._listeners: list[TableListener] = []

    def add(self, key: Any, row: RowT) -> None:
        """Add a row, or put another in its place."""
        index = as_index(key)
        known = self._rows.get(index)
        self._rows[index] = row
        if known is row or (known is not None and not self.tells):
            return
        for listener in self._listeners:
            listener.row_added(self.name, index)

    def remove(self, key: Any) -> None:
        """Take a row out; one that is not there is left out."""
        index = as_index(key)
        if self._rows.pop(index, None) is not None:
            for listener in self._listeners:
                listener.row_removed(self.name, index)

    def clear(self) -> None:
        """Take all rows out."""
        for index in list(self._rows):
            self.remove(index)

    def get(self, key: Any) -> RowT | None:
        """Give the row, or None."""
        return self._rows.get(as_index(key))

    def has(self, index: Index) -> bool:
        """Whether a row has that very index."""
        return index in self._rows

    def row(self, index: Index) -> RowT | None:
        """Give the row of that very index, or None."""
        return self._rows.get(index)

    def watch(self, listener: TableListener) -> None:
        """Tell the listener of rows that come and go."""
        self._listeners.append(listener)

    def indexes(self) -> list[Index]:
        """Give the keys of all rows."""
        return list(self._rows)

    def values(self) -> Iterator[RowT]:
        """Give all rows, oldest first."""
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: Any) -> bool:
        return as_index(key) in self._rows


FRESH_S = 1.0
"""How long a snapshot counts."""


class Snapshot(LiveTable[RowT]):
    """A live table that can't tell of its changes: it is asked again when somebody looks.

    With a timer it counts for a second, and so does what was read of it.
    """

    def __init__(
        self, ask: Callable[[], Mapping[Any, RowT]],
        later: Callable[[float, Callable[[], None]], Any] | None = None,
    ) -> None:
        """ask: gives all rows by key; the same mapping where nothing has been asked anew.

        later: the reactor's callLater; without it ask is called at each look.
        """
        super().__init__()
        self.tells = later is not None
        self._ask, self._later = ask, later
        self._last: Mapping[Any, RowT] | None = None
        self._timer: Any = None

    def rest(self) -> None:
        """Ask nothing more until somebody looks again."""
        if self._timer is not None:
            self._timer.cancel()
            self._age()

    def _age(self) -> None:
        self._timer = None
        for listener in self._listeners:
            listener.rows_replaced(self.name)

    def refresh(self) -> None:
        """Bring the rows up to date."""
        if self._timer is not None:
            return
        rows = self._ask()
        if self._later is not None:
            self._timer = self._later(FRESH_S, self._age)
        if rows is self._last:
            return
        self._last = rows
        found: dict[Index, RowT] = {
            (key,) if type(key) is int else as_index(key): row for key, row in rows.items()}
        known = self._rows
        for index in known.keys() - found.keys():
            self.remove(index)
        for index, row in found.items():
            if index in known:
                known[index] = row
            else:
                self.add(index, row)

    def get(self, key: Any) -> RowT | None:
        self.refresh()
        return super().get(key)

    def has(self, index: Index) -> bool:
        self.refresh()
        return index in self._rows

    def row(self, index: Index) -> RowT | None:
        self.refresh()
        return self._rows.get(index)

    def indexes(self) -> list[Index]:
        self.refresh()
        return super().indexes()

    def values(self) -> Iterator[RowT]:
        self.refresh()
        return super().values()

    def __len__(self) -> int:
        self.refresh()
        return super().__len__()

    def __contains__(self, key: Any) -> bool:
        self.refresh()
        return super().__contains__(key)
