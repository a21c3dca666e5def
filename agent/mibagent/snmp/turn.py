"""Requests that have come in together see one reading of what is computed."""

from __future__ import annotations

from typing import Protocol


class Holder(Protocol):
    """Who gives something again until the turn is over."""

    def let_go(self) -> None:
        """Forget it."""


class Turn:
    """While it lasts, what is computed is read once, however many ask: `with turn:`.

    All requests of a turn have come in before its first reading. So each is told a value that stood
    between its coming and its answer, as if it had been read for that request alone.
    """

    __slots__ = ("_holders", "is_held")

    def __init__(self) -> None:
        self.is_held = False
        self._holders: list[Holder] = []

    def __enter__(self) -> None:
        self.is_held = True

    def __exit__(self, *failure: object) -> None:
        self.is_held = False
        for holder in self._holders:
            holder.let_go()
        self._holders.clear()

    def note(self, holder: Holder) -> None:
        """Have it told when the turn ends."""
        self._holders.append(holder)
