"""The small values that a change is made of."""

from __future__ import annotations

import dataclasses

import pytest

from mibagent.store.wish import Change, Revision, Wish
from tests.agent.store.kit import ADMIN, FIG


def test_a_wish_and_a_change_are_about_an_object_in_a_row() -> None:
    assert Wish("trialFruitPrice", FIG, 3).key == ("trialFruitPrice", FIG)
    assert Change("trialFruitPrice", FIG, None, 3).key == ("trialFruitPrice", FIG)


def test_none_of_them_changes_once_it_is_made() -> None:
    revision = Revision(1, 0.0, ADMIN, (Change("trialLimit", (), None, 3),))
    for value, field in [(revision, "number"), (revision.changes[0], "new"),
                         (Wish("trialLimit", (), 1), "value")]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field, 5)
