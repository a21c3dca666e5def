"""Which hooks a change concerns, found by the names that changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

HOOK = TypeVar("HOOK")


class Concerned(Generic[HOOK]):
    """Hooks in their order, by the objects that each depends on."""

    def __init__(self, hooks: Iterable[tuple[tuple[str, ...], HOOK]]) -> None:
        """hooks: the descriptors that one depends on, and the hook."""
        self._hooks: list[HOOK] = []
        self._places: dict[str, list[int]] = {}
        for place, (names, hook) in enumerate(hooks):
            self._hooks.append(hook)
            for name in dict.fromkeys(names):
                self._places.setdefault(name, []).append(place)

    def of(self, names: Iterable[str]) -> list[HOOK]:
        """Give those that any of the names concerns, each once, in their order."""
        known = self._places
        places = {place for name in names for place in known.get(name, ())}
        return [self._hooks[place] for place in sorted(places)]
