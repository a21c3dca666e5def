"""Rows that go by themselves: volatile ones with the process, unfinished ones after a while.

RFC 2579 section 2, StorageType and RowStatus.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.python.failure import Failure

from mibagent.errors import Index, Refused
from mibagent.model.nodes import TableNode
from mibagent.store.rows import Status
from mibagent.store.storage import Storage, storage_of
from mibagent.store.store import SYSTEM, ParameterStore
from mibagent.store.transaction import Transaction
from mibagent.store.wish import Wish

UNFINISHED_S = 300.0
"""How long a row may stay notReady with nobody working on it.

A row that somebody put out of service stays: that is a setting.
"""

log = logging.getLogger(__name__)

_Row = tuple[str, Index]
"""A RowStatus column and the row."""


class Upkeep:
    """Removes rows that nobody will miss. It listens to the store."""

    def __init__(
        self, store: ParameterStore, later: Callable[[float, Callable[[], None]], Any],
        now: Callable[[], float],
    ) -> None:
        """later: calls its argument after some seconds and gives what can be cancelled."""
        self._store, self._later, self._now = store, later, now
        self._deadlines: OrderedDict[_Row, float] = OrderedDict()
        self._timer: Any = None
        store.watch(self)

    async def start(self) -> None:
        """Destroy the volatile rows of the time before, and give unfinished ones a deadline.

        Both a start and a restart begin with this. Raises Refused.
        """
        lost = [(table.row_status, index) for table, index in self._rows()
                if storage_of(self._store.tip, table, index) is Storage.VOLATILE]
        if lost:
            await self._destroyed(lost).commit()
        for table, index in self._rows():
            self._look(table, index)

    def stop(self) -> None:
        """Remove nothing any more."""
        self._deadlines.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rows(self) -> Iterator[tuple[TableNode, Index]]:
        for table in self._store.model.tables.values():
            if table.row_status and table.name not in self._store.shape.fixed:
                for index in self._store.tip.rows(table):
                    yield table, index

    # -- listener of the store

    def changed(self, name: str, index: Index) -> None:
        """Begin a row's time anew: somebody works on it."""
        if index:
            self._look(self._store.model.tables[self._store.shape.table_of(name)], index)

    def row_added(self, table: str, index: Index) -> None:
        """Note a row that may be unfinished."""
        self._look(self._store.model.tables[table], index)

    def row_removed(self, table: str, index: Index) -> None:
        """Forget a row."""
        self._deadlines.pop((self._store.model.tables[table].row_status, index), None)

    def rows_replaced(self, table: str) -> None:
        """Nothing: such rows are nobody's to finish."""

    def _look(self, table: TableNode, index: Index) -> None:
        status = self._store.shape.base_of(table).row_status
        if not status:
            return
        self._deadlines.pop((status, index), None)
        if self._store.configured.cell(status, index) == Status.NOT_READY:
            self._deadlines[status, index] = self._now() + UNFINISHED_S
            self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._deadlines:
            wait = next(iter(self._deadlines.values())) - self._now()
            self._timer = self._later(max(0.0, wait), self._tick)

    def _tick(self) -> None:
        self._timer = None
        now, due = self._now(), list[_Row]()
        for row, deadline in self._deadlines.items():
            if deadline > now:
                break
            due.append(row)
        for row in due:
            del self._deadlines[row]
        self._remove(due)
        self._arm()

    def _remove(self, rows: list[_Row]) -> None:
        left = [row for row in rows if self._store.tip.cell(*row) == Status.NOT_READY]
        if not left:
            return
        try:
            transaction = self._destroyed(left)
        except Refused as refusal:
            log.error("unfinished rows stay: %s", refusal)
            return
        maybeDeferred(transaction.commit).addErrback(_failed)

    def _destroyed(self, rows: list[_Row]) -> Transaction:
        """Give a prepared transaction without the rows. Raises Refused."""
        transaction = self._store.begin(SYSTEM)
        for status, index in rows:
            transaction.put(Wish(status, index, int(Status.DESTROY)))
        transaction.prepare()
        return transaction


def _failed(failure: Failure) -> None:
    log.error("unfinished rows stay: %s", failure.getErrorMessage())
