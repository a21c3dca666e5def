"""Who may see what: groups, access entries, views. No tables, no store: facts in, views out.

No view means no access. RFC 3415.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mibagent.smi.oid import Oid


class Model(enum.IntEnum):
    """Security models. RFC 3411 section 5, SnmpSecurityModel."""

    ANY = 0
    V1 = 1
    V2C = 2
    USM = 3


class Level(enum.IntEnum):
    """Security levels; a higher one protects more. RFC 3411 section 5, SnmpSecurityLevel."""

    NO_AUTH_NO_PRIV = 1
    AUTH_NO_PRIV = 2
    AUTH_PRIV = 3


@dataclass(frozen=True)
class Family:
    """A subtree of a view, or with a mask a family of subtrees."""

    subtree: Oid
    mask: bytes = b""
    """A bit for each sub-identifier, the highest first; 0 is any; those that lack are 1."""
    included: bool = True

    @cached_property
    def fixed(self) -> tuple[bool, ...]:
        """Which sub-identifiers a name must have as the subtree has them."""
        bits = len(self.mask) * 8
        return tuple(at >= bits or bool(self.mask[at >> 3] & 0x80 >> (at & 7))
                     for at in range(len(self.subtree)))

    def agrees(self, oid: Oid) -> bool:
        """Tell whether name and subtree agree as far as both go."""
        return all(mine == other or not is_fixed
                   for mine, other, is_fixed in zip(self.subtree, oid, self.fixed, strict=False))

    def holds(self, oid: Oid) -> bool:
        """Tell whether a name lies in the family. RFC 3415 section 4, vacmViewTreeFamilyMask."""
        return len(oid) >= len(self.subtree) and self.agrees(oid)


def _precedence(family: Family) -> tuple[int, Oid]:
    return len(family.subtree), family.subtree


@dataclass(frozen=True, eq=False)
class View:
    """A MIB view: what of the tree somebody sees. One is only like itself.

    RFC 3415 section 2.4.
    """

    name: bytes
    families: tuple[Family, ...]

    @cached_property
    def _plain(self) -> dict[Oid, Family]:
        return {family.subtree: family for family in self.families if all(family.fixed)}

    @cached_property
    def _wild(self) -> tuple[Family, ...]:
        return tuple(family for family in self.families if not all(family.fixed))

    @cached_property
    def _covered(self) -> dict[Oid, bool | None]:
        return {}

    def _deciding(self, oid: Oid) -> Family | None:
        plain, found = self._plain, None
        for size in range(len(oid), 0, -1):
            found = plain.get(oid[:size])
            if found is not None:
                break
        holding = [family for family in self._wild if family.holds(oid)]
        if found is not None:
            holding.append(found)
        return max(holding, key=_precedence, default=None)

    def shows(self, oid: Oid) -> bool:
        """Tell whether an instance is in the view.

        The longest family that holds it decides, among those as long the greatest.
        RFC 3415 section 4, vacmViewTreeFamilyTable.
        """
        deciding = self._deciding(oid)
        return deciding is not None and deciding.included

    def covers(self, subtree: Oid) -> bool | None:
        """Tell whether all of an object's subtree is in the view; None where a part may be."""
        if subtree not in self._covered:
            shown = self.shows(subtree)
            within = (family.included for family in self.families
                      if len(family.subtree) > len(subtree) and family.agrees(subtree))
            self._covered[subtree] = None if any(
                included is not shown for included in within) else shown
        return self._covered[subtree]

    @cached_property
    def is_whole(self) -> bool:
        """Whether it shows all that an agent can have."""
        return self.covers((1,)) is True


@dataclass(frozen=True)
class Entry:
    """What a group may do in a context, asked in a certain way: a row of vacmAccessTable."""

    group: bytes
    read: bytes = b""
    write: bytes = b""
    notify: bytes = b""
    model: int = Model.ANY
    level: int = Level.NO_AUTH_NO_PRIV
    """The least that is asked for."""
    context: bytes = b""
    is_exact: bool = True
    """Whether the context is named whole, or only how its name begins."""

    def suits(self, model: int, level: int, context: bytes) -> bool:
        """Tell whether the entry is for a request like that."""
        return self.model in (Model.ANY, model) and self.level <= level and (
            context == self.context if self.is_exact else context.startswith(self.context))

    def preference(self, context: bytes) -> tuple[bool, bool, int, int]:
        """Give what orders suiting entries; the greatest is taken. RFC 3415 section 4."""
        return (self.model != Model.ANY, self.context == context, len(self.context), self.level)


@dataclass(frozen=True)
class Views:
    """What one asker reads, writes and is notified of; None is no view, and no access."""

    read: View | None = None
    write: View | None = None
    notify: View | None = None


NO_VIEWS = Views()


@dataclass(frozen=True)
class Vacm:
    """The tables as they are now. RFC 3415 section 3."""

    groups: Mapping[tuple[int, bytes], bytes] = field(default_factory=dict)
    """The group of a security model and security name."""
    entries: Mapping[bytes, tuple[Entry, ...]] = field(default_factory=dict)
    """The access entries of each group."""
    views: Mapping[bytes, View] = field(default_factory=dict)

    @classmethod
    def of(
        cls, groups: Mapping[tuple[int, bytes], bytes], entries: Iterable[Entry],
        views: Iterable[View],
    ) -> Vacm:
        """Make one of its rows."""
        by_group: dict[bytes, tuple[Entry, ...]] = {}
        for entry in entries:
            by_group[entry.group] = (*by_group.get(entry.group, ()), entry)
        return cls(dict(groups), by_group, {view.name: view for view in views})

    def views_of(self, model: int, name: bytes, level: int, context: bytes = b"") -> Views:
        """Give the views of who asks like that; no group, no entry, no view: none.

        RFC 3415 section 3.2.
        """
        group = self.groups.get((model, name))
        if group is None:
            return NO_VIEWS
        suiting = [entry for entry in self.entries.get(group, ())
                   if entry.suits(model, level, context)]
        if not suiting:
            return NO_VIEWS
        best = max(suiting, key=lambda entry: entry.preference(context))
        return Views(*(self.views.get(view) if view else None
                       for view in (best.read, best.write, best.notify)))


EVERYTHING = View(b"all", (Family((1,)),))
NOTHING = View(b"none", (Family((1,), included=False),))
