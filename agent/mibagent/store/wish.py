"""The small values that a change is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from mibagent.errors import Index
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal
from mibagent.store.layers import Key


@dataclass(frozen=True)
class Wish:
    """One value that somebody wants one object to have."""

    name: str
    index: Index
    value: Value
    revision: int = 0
    """The change on the tip that the wish was made after."""
    raw: bool = False
    """Whether a secret's value is what is kept, not what somebody typed."""

    @property
    def key(self) -> Key:
        """What it is about."""
        return (self.name, self.index)


@dataclass(frozen=True)
class Change:
    """One cell before and after; None is a cell that holds nothing of its own."""

    name: str
    index: Index
    old: Value | None
    new: Value | None

    @property
    def key(self) -> Key:
        """What it is about."""
        return (self.name, self.index)


@dataclass(frozen=True)
class Revision:
    """One commit, as the audit trail keeps it."""

    number: int
    when: float
    """Seconds since 1970, by the host's clock."""
    principal: Principal
    changes: tuple[Change, ...]
    commands: tuple[Wish, ...] = ()
    undoes: int = 0
    """The revision that this one takes back, or 0."""
    confirm_by: float | None = None
    """When this one is taken back unless it is confirmed, on the host's clock."""
    started: tuple[Key, ...] = field(default=())
    """Job rows that this commit started."""
