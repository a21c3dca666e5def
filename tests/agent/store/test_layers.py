"""Layers: what a view gives of what lies in it and below."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.errors import Index, NoSuchName
from mibagent.store.layers import Configured, Overlay, Shape, value_in
from tests.agent.store.kit import ACTIVE, FIG, PEAR, SUSPEND, trial


@pytest.fixture
def shape() -> Shape:
    return Shape(trial())


def with_fruit(shape: Shape, *indexes: Index) -> Configured:
    configured = Configured(shape)
    for index in indexes:
        configured.put("trialFruitRowStatus", index, ACTIVE)
    return configured


def test_an_overlay_hides_and_shows(shape: Shape) -> None:
    below = with_fruit(shape, FIG)
    below.put("trialGreeting", (), b"x")
    below.put("trialFruitPrice", FIG, 7)
    above = Overlay(below, {("trialGreeting", ()): None, ("trialFruitPrice", FIG): 9})
    assert (above.cell("trialGreeting", ()), above.cell("trialFruitPrice", FIG)) == (None, 9)
    assert (below.cell("trialGreeting", ()), below.cell("trialFruitPrice", FIG)) == (b"x", 7)
    assert above.cell("trialLimit", ()) is None


def test_rows_of_an_overlay_are_those_below_but_for_its_own(shape: Shape) -> None:
    fruit, care = (shape.model.tables[name] for name in ("trialFruitTable", "trialCareTable"))
    below = with_fruit(shape, FIG, PEAR)
    above = Overlay(below, {("trialFruitRowStatus", FIG): None,
                            ("trialFruitRowStatus", PEAR): SUSPEND,
                            ("trialFruitRowStatus", (b"plum",)): ACTIVE})
    highest = Overlay(above, {("trialFruitRowStatus", FIG): ACTIVE})
    for table in (fruit, care):
        assert list(above.rows(table)) == [PEAR, (b"plum",)]
        assert set(highest.rows(table)) == {FIG, PEAR, (b"plum",)}
        assert [above.has_row(table, index) for index in (FIG, PEAR, (b"plum",))] \
            == [False, True, True]
        assert highest.has_row(table, FIG)


def test_the_shape_of_a_layer_is_that_of_what_lies_below(shape: Shape) -> None:
    above = Overlay(Configured(shape), {})
    assert above.shape is shape
    with pytest.raises(AttributeError):
        above.shape = shape


def test_a_value_is_set_or_mirrored_or_default(shape: Shape) -> None:
    view = with_fruit(shape, FIG)
    view.put("trialFruitPrice", FIG, 7)
    objects = shape.model.objects
    assert [value_in(view, objects[name], FIG) for name in (
        "trialFruitName", "trialFruitPrice", "trialFruitSize", "trialCareFruitName",
        "trialCareWater")] == [b"fig", 7, 1, b"fig", 3]
    for name, index in [("trialFruitColour", FIG), ("trialFruitPrice", PEAR),
                        ("trialGreeting", FIG)]:
        with pytest.raises(NoSuchName):
            value_in(view, objects[name], index)


def test_a_scalar_without_a_defval_begins_at_nothing(shape: Shape) -> None:
    assert shape.default(shape.model["trialUptime"], ()) == 0
    assert shape.default(shape.model["trialNeedRestartInfo"], ()) == 0
    assert shape.default(shape.model["trialFruitColour"], FIG) is None


def test_a_cell_of_no_row_makes_no_row(shape: Shape) -> None:
    view = Configured(shape)
    view.put("trialFruitPrice", FIG, 7)
    fruit = shape.model.tables["trialFruitTable"]
    assert not view.has_row(fruit, FIG) and list(view.rows(fruit)) == []


Steps = st.lists(st.tuples(
    st.sampled_from(["trialGreeting", "trialFruitPrice", "trialFruitRowStatus",
                     "trialCareWater"]),
    st.sampled_from([FIG, PEAR]), st.sampled_from([None, 1, 2])), max_size=12)


@given(Steps, Steps, Steps)
def test_a_snapshot_never_changes(first: Any, second: Any, third: Any) -> None:
    configured = Configured(Shape(trial()))
    held: list[tuple[Configured, Any]] = []
    for steps in (first, second, third):
        for name, index, value in steps:
            configured.put(name, () if name == "trialGreeting" else index, value)
        frozen = configured.snapshot()
        held.append((frozen, contents(frozen)))
        assert contents(frozen) == contents(configured)
    for frozen, was in held:
        assert contents(frozen) == was


def contents(view: Configured) -> Any:
    return (dict(view.scalars),
            {name: {index: dict(row) for index, row in rows.items()}
             for name, rows in view.tables.items() if rows})


def test_a_snapshot_of_a_snapshot_may_change_by_itself(shape: Shape) -> None:
    configured = with_fruit(shape, FIG)
    frozen = configured.snapshot()
    second = frozen.snapshot()
    second.put("trialFruitPrice", FIG, 9)
    second.put("trialGreeting", (), b"x")
    assert frozen.cell("trialFruitPrice", FIG) is configured.cell("trialFruitPrice", FIG) is None
    assert frozen.cell("trialGreeting", ()) is None
