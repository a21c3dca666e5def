"""Garbage is looked for seldom while a unit starts, and as usual once it is ready."""

from __future__ import annotations

import gc

from mibgateway import starting


def test_garbage_is_looked_for_seldom_until_the_start_is_over() -> None:
    starting.settled()      # a test of the command line may have begun a start
    usual = gc.get_threshold()
    gc.unfreeze()
    try:
        starting.begin()
        assert gc.get_threshold() == (starting.MADE_BETWEEN, *usual[1:])
        assert gc.get_freeze_count() == 0
        starting.settled()
        assert gc.get_threshold() == usual
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
