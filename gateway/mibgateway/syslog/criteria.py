"""Which notifications a rule is about.

    criteria  = "All" | item *( "," item )
    item      = [ "-" ] ( "All" | service number ) "." what
    what      = "All" | notification number | "C" | "E" | "W" | "I" | "D"

The first item with a minus and all that follow it are exclusions, and exclusions win.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SEVERITIES = {"c": "critical", "e": "error", "w": "warning", "i": "info", "d": "debug"}
_ITEM = re.compile(r"(all|[0-9]{1,10})\.(all|[cewid]|[0-9]{1,10})", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """One `service.what`."""

    service: int | None
    """None: all."""
    number: int | None = None
    """Of a notification. None: whatever its number."""
    severity: str | None = None
    """None: whatever its severity."""

    def matches(self, service: int, number: int, severity: str) -> bool:
        return (
            self.service in (None, service)
            and self.number in (None, number)
            and self.severity in (None, severity)
        )


@dataclass(frozen=True)
class Criteria:
    """Without an item nothing matches."""

    included: tuple[Item, ...] = ()
    """One of them has to match,"""
    excluded: tuple[Item, ...] = ()
    """and none of these."""

    def matches(self, service: int, number: int, severity: str) -> bool:
        """Say whether the rule is about a notification; severity in full: `info`."""
        if any(item.matches(service, number, severity) for item in self.excluded):
            return False
        return any(item.matches(service, number, severity) for item in self.included)


def parse_criteria(text: str) -> Criteria:
    """Read a rule's criteria; labels match without regard to case. Raises ValueError."""
    if not text.strip():
        return Criteria()
    words = [word.strip() for word in text.split(",")]
    first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    if first == 0:
        raise ValueError("it only excludes: begin with what is included, as in All,-1400.D")
    included = tuple(_item(word) for word in words[:first])
    excluded = tuple(_item(word.removeprefix("-").lstrip()) for word in words[first:])
    return Criteria(included, excluded)


def _item(word: str) -> Item:
    if word.lower() == "all":
        return Item(None)
    match = _ITEM.fullmatch(word)
    if match is None:
        raise ValueError(
            f"{word[:24]!r} is neither All nor <service number or All>."
            "<notification number, C, E, W, I, D or All>"
        )
    service = None if match[1].lower() == "all" else int(match[1])
    what = match[2].lower()
    if what == "all":
        return Item(service)
    if what in _SEVERITIES:
        return Item(service, severity=_SEVERITIES[what])
    return Item(service, number=int(what))
