"""What the engine asks of whoever holds the values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from mibagent.errors import Index
from mibagent.model.nodes import MibModel, ObjectNode, TableNode
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal


class Listener(Protocol):
    """Who wants to know what became of kept values and of rows."""

    def changed(self, name: str, index: Index) -> None:
        """Note that a kept value changed, appeared or vanished."""

    def row_added(self, table: str, index: Index) -> None:
        """Note a new row; each table is told by itself, companions included."""

    def row_removed(self, table: str, index: Index) -> None:
        """Note that a row is gone."""

    def rows_replaced(self, table: str) -> None:
        """Forget what is known of a table; `rows` is asked again when somebody reads it."""


class Transaction(Protocol):
    """Wishes of one principal."""

    def set(self, name: str, index: Index, value: Value) -> None:
        """Wish for a value. Raises Refused by the MIB alone: type, range, access, rights."""

    def prepare(self) -> None:
        """Check the whole. Raises Refused with name and index of one of the wishes."""

    def commit(self) -> Awaitable[object]:
        """Make it durable. Raises ResourceUnavailable only."""

    def rollback(self) -> None:
        """Forget the wishes."""


class Source(Protocol):
    """All values of one unit.

    A table that can't tell of its rows is a snapshot: `rows` takes one, and once it has aged
    its owner calls `rows_replaced`, after which nothing is asked until somebody reads.
    """

    @property
    def model(self) -> MibModel:
        """What the MIBs declare."""

    def served(self) -> Iterable[ObjectNode]:
        """Give the readable scalars and columns that somebody answers for, in OID order."""

    def is_kept(self, node: ObjectNode) -> bool:
        """Tell whether it is stored, so that its changes are told; else it is computed."""

    def reader(self, node: ObjectNode) -> Callable[[Index], Value]:
        """Give what reads an object's instances, for as long as it is served.

        That raises NoSuchName for no such instance, anything for a failure.
        """

    def rows(self, table: TableNode) -> Iterable[Index]:
        """Give the rows that exist now, in any order."""

    def watch(self, listener: Listener) -> None:
        """Tell this listener of every change from now on."""

    def begin(self, principal: Principal) -> Transaction:
        """Open a transaction."""


class Access(Protocol):
    """Who says whom a community stands for."""

    def judge(self, version: int, community: bytes, peer_host: str) -> Principal | None:
        """Give the principal that version 0 (v1) or 1 (v2c) acts as from there; None: nobody."""
