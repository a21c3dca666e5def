"""Figures of RFCs as tables: a state, an event, the next state, what to do on the way."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

from mibagent.errors import LocalError


class Row(NamedTuple):
    """One arrow of a figure."""

    state: enum.Enum
    """Where it begins."""
    event: enum.Enum
    """What it is labelled with."""
    then: enum.Enum
    """Where it ends."""
    actions: tuple[enum.Enum, ...] = ()
    """What is done on the way, in this order."""


class Table:
    """A figure, its arrows in the RFC's order; an event without an arrow changes nothing."""

    def __init__(self, *rows: Row) -> None:
        self._rows = {(row.state, row.event): row for row in rows}
        if len(self._rows) != len(rows):
            raise LocalError("a figure has two arrows for one event")

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def find(self, state: enum.Enum, event: enum.Enum) -> Row | None:
        """Give the arrow to follow, None to stay."""
        return self._rows.get((state, event))
