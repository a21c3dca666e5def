"""What the engine asks of whoever holds the values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from mibagent.errors import Index
from mibagent.model.nodes import MibModel, ObjectNode, TableNode
from mibagent.smi.syntax import Value
from mibagent.snmp.targets import End
from mibagent.snmp.vacm import EVERYTHING, NOTHING, View
from mibagent.store.access import Principal, Rights
from mibagent.store.store import ReadersOf
from mibagent.store.telling import Listener


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

    def together(self, node: ObjectNode) -> ReadersOf | None:
        """Give what makes one reader of a scalar and others of which it gives the same.

        None: it is read by itself alone.
        """

    def rows(self, table: TableNode) -> Iterable[Index]:
        """Give the rows that exist now, in any order."""

    def watch(self, listener: Listener) -> None:
        """Tell this listener of every change from now on."""

    def begin(self, principal: Principal) -> Transaction:
        """Open a transaction."""


@dataclass(frozen=True)
class Grant:
    """Who asks, and what of the tree is for them. No view is no access."""

    principal: Principal
    """What the store knows the asker as: rights, which no view widens."""
    read: View | None = None
    write: View | None = None
    notify: View | None = None
    ends: tuple[End, ...] | None = None
    """The UDP ports of the host from which it counts; None: wherever it is asked from."""

    @property
    def is_by_port(self) -> bool:
        """Whether it does not count for all that the host asks by UDP."""
        return self.ends is not None and any(end.mask for end in self.ends)

    def end_of(self, port: int | None) -> End | None:
        """Give the first of its ends that holds a UDP port. None is another transport."""
        if port is None:
            return None
        return next((end for end in self.ends or () if end.holds(port)), None)

    @classmethod
    def by_rights(cls, principal: Principal) -> Grant:
        """Give what rights alone allow: the store refuses what is beyond them."""
        writes = principal.rights < Rights.OBSERVER
        return cls(principal, EVERYTHING, EVERYTHING if writes else NOTHING, EVERYTHING)


class Access(Protocol):
    """Who says whom a request stands for, and what that one may. RFC 3411 section 4.2.4.

    Answers may be remembered until the engine is told to forget.
    """

    def admits(self, peer_host: str) -> bool:
        """Tell whether anybody there may ask at all, in whatever version."""

    def judge(self, version: int, community: bytes, peer_host: str) -> Grant | None:
        """Say so for a community; version 0 is v1, 1 is v2c. None: nobody, and no answer.

        It may count from some ports of the host alone. RFC 3584 section 5.2.
        """

    def judge_user(
        self, name: bytes, level: int, context: bytes, peer_host: str
    ) -> Grant | None:
        """Say so for a user that SNMPv3 has let in at that security level.

        None: there is no such context. A user without access has a grant without views.
        RFC 3413 section 3.2.
        """
