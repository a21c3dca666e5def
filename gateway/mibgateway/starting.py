"""While a unit starts garbage is looked for seldom: nearly all that is made is there to stay."""

from __future__ import annotations

import gc

MADE_BETWEEN = 10_000
"""Objects that are made between two looks at the young ones."""

_usual = gc.get_threshold()


def begin() -> None:
    """Look seldom from now on. What a start imports is best imported after this."""
    gc.set_threshold(MADE_BETWEEN, *_usual[1:])


def settled() -> None:
    """Look as usual from now on, and no more at what is there already."""
    gc.freeze()
    gc.set_threshold(*_usual)
