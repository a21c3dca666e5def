"""What a service is: methods that say when they are called."""

from __future__ import annotations

from typing import Any

import pytest

from mibagent.service.service import (
    Hook,
    Service,
    Wishes,
    check,
    command,
    completes,
    offline,
    on_change,
    provides,
    rows,
)
from mibagent.store.wish import Wish
from tests.agent.store.kit import FIG, PEAR


@pytest.mark.parametrize(("mark", "kind"), [
    (completes, "completes"), (check, "check"), (on_change, "on_change"), (command, "command"),
    (offline, "offline"), (provides, "provides"), (rows, "rows")])
def test_a_mark_says_when_a_method_is_called(mark: Any, kind: str) -> None:
    def method() -> None: ...

    marked: Any = mark("trialGreeting")(method)
    assert marked.__code__ is method.__code__
    assert marked.hooks == (Hook(kind, ("trialGreeting",)),)


def test_a_method_may_bear_several_marks() -> None:
    @command("a")
    @on_change("b", "c")
    def method() -> None: ...

    assert method.hooks == (  # type: ignore[attr-defined]
        Hook("on_change", ("b", "c")), Hook("command", ("a",)))


def test_wishes_are_read_by_object_and_row() -> None:
    wishes = Wishes(
        [Wish("trialFruitPrice", FIG, 1), Wish("trialFruitPrice", PEAR, 2),
         Wish("trialGreeting", (), b"x")], [("trialFruitPrice", FIG)])
    assert wishes["trialGreeting", ()] == b"x" and len(wishes) == 3
    assert ("trialFruitPrice", PEAR) in wishes and ("trialLimit", ()) not in wishes
    assert wishes.rows_of("trialFruitPrice") == [(FIG, 1), (PEAR, 2)]
    assert wishes.changed == [("trialFruitPrice", FIG)]
    assert set(wishes) == {
        ("trialFruitPrice", FIG), ("trialFruitPrice", PEAR), ("trialGreeting", ())}


def test_a_service_that_does_nothing_starts_and_stops() -> None:
    unit = object()
    service: Service[Any] = Service(unit)
    service.start(None)
    assert service.stop() is None
    assert service.unit is unit
    assert (service.derive(), service.makes, service.hidden) == ({}, (), {})
