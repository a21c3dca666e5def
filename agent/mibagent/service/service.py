"""What a service is: one MIB's behaviour, in five hooks and a start and stop.

`@completes` adds wishes, `@check` may refuse, `@on_change` acts on at-once objects, `@command`
runs what is asked for, `@provides` answers what is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mibagent.errors import Index
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal
from mibagent.store.layers import View
from mibagent.store.wish import Wish

SettingsT = TypeVar("SettingsT")
MethodT = TypeVar("MethodT", bound=Callable[..., Any])


@dataclass(frozen=True)
class Hook:
    """What a decorator notes on a method."""

    kind: str
    names: tuple[str, ...]
    lasting: bool = False
    """Whether what it provides never changes."""
    together: bool = False
    """Whether it gives what reads several objects at once, and is asked for that beforehand."""


def _marked(kind: str, names: tuple[str, ...], lasting: bool = False, together: bool = False
            ) -> Callable[[MethodT], MethodT]:
    def mark(method: MethodT) -> MethodT:
        hooks = getattr(method, "hooks", ())
        method.hooks = (*hooks, Hook(kind, names, lasting, together))  # type: ignore[attr-defined]
        return method
    return mark


def completes(*names: str) -> Callable[[MethodT], MethodT]:
    """The method gives further wishes when one of these changes: `(wanted, wishes) -> wishes`."""
    return _marked("completes", names)


def check(*names: str) -> Callable[[MethodT], MethodT]:
    """The method may refuse when one of these changes: `(wanted)`, or `(wanted, row)` a row."""
    return _marked("check", names)


def on_change(*names: str) -> Callable[[MethodT], MethodT]:
    """The method acts once a commit that changed one of these at-once objects: `(wanted)`."""
    return _marked("on_change", names)


def command(*names: str) -> Callable[[MethodT], MethodT]:
    """The method runs a scalar command `()`, a column's `(key)` or a job table's `(job)`."""
    return _marked("command", names)


def offline(*names: str) -> Callable[[MethodT], MethodT]:
    """The method gives a job's effect as wishes `(job) -> wishes`, for a start's own script."""
    return _marked("offline", names)


def provides(
    *names: str, lasting: bool = False, together: bool = False
) -> Callable[[MethodT], MethodT]:
    """The method answers for scalars `() -> value`, or `(descriptor) -> value` for several.

    together: the method gives what reads several of its scalars at once: `(descriptors) -> (() ->
    their values, a new list each time)`, for those that are asked for most and in a row. lasting:
    a scalar's value stays the same for as long as the process runs, and may be kept.

    For a column it is `(key) -> value`, for a table whose rows are stored `(key) -> row`; for a
    table of its own it is asked once: `() -> LiveTable`.
    """
    return _marked("provides", names, lasting, together)


def rows(table: str) -> Callable[[MethodT], MethodT]:
    """The method gives the factory rows of a table: key to fields by column, `() -> mapping`."""
    return _marked("rows", (table,))


class Wishes(Mapping[tuple[str, Index], Value]):
    """What was asked for in a transaction, with the names that change something."""

    def __init__(self, asked: Iterable[Wish], changed: Iterable[tuple[str, Index]]) -> None:
        self._asked = {wish.key: wish.value for wish in asked}
        self.changed = list(changed)

    def __getitem__(self, key: tuple[str, Index]) -> Value:
        return self._asked[key]

    def __iter__(self) -> Any:
        return iter(self._asked)

    def __len__(self) -> int:
        return len(self._asked)

    def rows_of(self, name: str) -> list[tuple[Index, Value]]:
        """Give row and value of each wish about one column."""
        return [(index, value) for (wished, index), value in self._asked.items() if wished == name]


class Service(Generic[SettingsT]):
    """One MIB's behaviour. Subclasses name their MIB and their settings' dataclass."""

    mib = ""
    capabilities = ""
    """The AGENT-CAPABILITIES that says which part of the MIB is answered; nothing for all of it."""
    settings: type[SettingsT]
    makes: tuple[str, ...] = ()
    """Tables whose rows only the unit makes; others may destroy them."""
    hidden: Mapping[str, tuple[str, ...]] = {}
    """Sealed parts of rows by table: names that no northbound can say."""

    configured: SettingsT
    """What is configured now, for at-once and next-use objects; running is what start was given."""

    def __init__(self, unit: Any) -> None:
        self.unit = unit

    def start(self, running: SettingsT) -> None:
        """Open what the running configuration asks for."""

    def stop(self) -> Any:
        """Close what start opened; a Deferred when that takes time."""
        return None

    def owners(self) -> Mapping[str, Callable[[Principal, Index], bool]]:
        """Give, for objects that belong to one asker, who that is; rights are not asked then."""
        return {}

    def derive(self) -> Mapping[str, Callable[[bytes], bytes]]:
        """Give, for secrets of which only a figure is kept, what makes it; called in a thread."""
        return {}


__all__ = [
    "Service", "View", "Wish", "Wishes", "check", "command", "completes", "offline", "on_change",
    "provides",
    "rows",
]
