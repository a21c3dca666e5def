"""Garbage is looked for seldom while a unit starts, and as usual once it is ready."""

from __future__ import annotations

import gc

from mibgateway import starting


def test_garbage_is_looked_for_seldom_until_the_start_is_over() -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    starting.begin()
    assert gc.get_threshold() == (starting.MADE_BETWEEN, *usual[1:])
    try:
        starting.settled()
        assert gc.get_threshold() == usual
        assert gc.get_freeze_count() > frozen
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
