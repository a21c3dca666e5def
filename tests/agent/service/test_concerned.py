"""Hooks are found by the names that they depend on."""

from __future__ import annotations

from mibagent.service.concerned import Concerned


def test_each_is_given_once_and_in_the_order_of_the_hooks() -> None:
    hooks = Concerned([(("a", "b", "a"), 1), (("c",), 2), (("b", "c"), 3), ((), 4)])
    assert hooks.of(["c", "b"]) == [1, 2, 3]
    assert hooks.of(["a"]) == [1]
    assert hooks.of(name for name in ("c", "c")) == [2, 3]


def test_a_name_that_concerns_none_gives_none() -> None:
    hooks = Concerned([(("a",), 1)])
    assert hooks.of(["x"]) == []
    assert hooks.of([]) == []
