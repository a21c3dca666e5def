"""Live tables: rows come and go, and whoever keeps their order hears of each once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from mibagent.store.live import LiveTable, Snapshot, as_index, as_key
from tests.agent.store.kit import Recorder, Rig, rows_of


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def row_added(self, table: str, index: object) -> None:
        self.events.append(("added", table, index))

    def row_removed(self, table: str, index: object) -> None:
        self.events.append(("removed", table, index))

    def rows_replaced(self, table: str) -> None:
        self.events.append(("replaced", table))


def test_each_row_that_comes_goes_or_is_replaced_is_told_in_order() -> None:
    table: LiveTable[str] = LiveTable()
    table.name = "t"
    told = Told()
    table.watch(told)
    table.add("b", "one")
    table.add("a", "two")
    table.add("b", "three")
    table.remove("nobody")
    table.remove("b")
    table.add("b", "four")
    table.clear()
    assert told.events == [
        ("added", "t", (b"b",)), ("added", "t", (b"a",)), ("added", "t", (b"b",)),
        ("removed", "t", (b"b",)),
        ("added", "t", (b"b",)), ("removed", "t", (b"a",)), ("removed", "t", (b"b",))]


def test_a_snapshot_does_not_tell_of_rows_that_stay() -> None:
    seen = iter(({1: "one", 2: "two"}, {1: "other", 3: "three"}))
    answer = next(seen)
    snapshot: Snapshot[str] = Snapshot(lambda: answer)
    told = Told()
    snapshot.watch(told)
    snapshot.refresh()
    told.events.clear()
    answer = next(seen)
    snapshot.refresh()
    assert told.events == [("removed", "", (2,)), ("added", "", (3,))]
    assert snapshot.get(1) == "other"


def test_a_listener_finds_the_row_there_or_gone() -> None:
    table: LiveTable[str] = LiveTable()
    seen: list[bool] = []

    class Looks:
        def row_added(self, name: str, index: object) -> None:
            seen.append(index in table)

        row_removed = row_added

        def rows_replaced(self, name: str) -> None:
            seen.clear()

    table.watch(Looks())
    table.add(1, "x")
    table.remove(1)
    assert seen == [True, False]


def test_a_row_is_found_by_its_key() -> None:
    table: LiveTable[str] = LiveTable()
    table.add(("a", 3), "x")
    assert table.get((b"a", 3)) == "x" and ("a", 3) in table and len(table) == 1
    assert table.get("a") is None
    assert (table.indexes(), list(table.values())) == ([(b"a", 3)], ["x"])


@given(st.one_of(st.integers(), st.binary().map(lambda octets: as_key((octets,)))))
def test_a_key_is_its_index(key: object) -> None:
    assert as_key(as_index(key)) == key


def test_a_key_of_several_parts_is_a_tuple() -> None:
    assert as_key((b"a", 3)) == ("a", 3)
    assert as_index(("a", 3)) == (b"a", 3)


def test_a_store_passes_on_what_comes_and_goes(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    early = Recorder(rig.store)
    table: LiveTable[str] = LiveTable()
    rig.store.provide_table("trialStallTable", table)
    late = Recorder(rig.store)
    table.add("nuts", "x")
    assert early.told == late.told == [("added", "trialStallTable", (b"nuts",))]
    assert rows_of(rig.store, "trialStallTable") == [(b"nuts",)]
    assert rig.store.has_row(rig.model.tables["trialStallTable"], (b"nuts",))


def test_a_snapshot_is_what_it_was_told_when_somebody_looked() -> None:
    answer: dict[str, int] = {"a": 1, "b": 2}
    asked: list[dict[str, int]] = []

    def ask() -> dict[str, int]:
        asked.append(answer)
        return answer

    snapshot = Snapshot(ask)
    told = Told()
    snapshot.watch(told)
    assert asked == [] and len(snapshot) == 2 and snapshot.indexes() == [(b"a",), (b"b",)]
    answer = {"b": 3, "c": 4}
    assert "a" not in snapshot and "c" in snapshot
    assert (snapshot.get("b"), snapshot.row((b"c",)), snapshot.has((b"a",))) == (3, 4, False)
    assert list(snapshot.values()) == [3, 4]
    assert [event[0] for event in told.events] == ["added", "added", "removed", "added"]


def test_the_same_answer_is_taken_once() -> None:
    rows = {1: "x"}
    snapshot = Snapshot(lambda: rows)
    snapshot.refresh()
    rows[2] = "y"
    assert snapshot.indexes() == [(1,)]


@pytest.mark.parametrize("count", [10])
def test_clearing_tells_of_all(count: int) -> None:
    table: LiveTable[int] = LiveTable()
    told = Told()
    for number in range(count):
        table.add(number, number)
    table.watch(told)
    table.clear()
    assert len(told.events) == count and len(table) == 0


def test_a_snapshot_with_a_timer_counts_for_a_second_and_says_when_it_no_longer_does() -> None:
    answers = iter(({1: "one", 2: "two"}, {1: "other", 3: "three"}))
    clock = Clock()
    snapshot: Snapshot[str] = Snapshot(lambda: next(answers), clock.callLater)
    told = Told()
    snapshot.watch(told)
    assert clock.getDelayedCalls() == []        # nobody has looked
    assert (snapshot.get(1), snapshot.get(1), len(snapshot)) == ("one", "one", 2)
    told.events.clear()
    clock.advance(1)
    assert told.events == [("replaced", "")] and clock.getDelayedCalls() == []
    assert snapshot.get(1) == "other"
    assert told.events[1:] == [("removed", "", (2,)), ("added", "", (3,))]


def test_a_snapshot_at_rest_leaves_no_timer() -> None:
    clock = Clock()
    snapshot: Snapshot[str] = Snapshot(lambda: {1: "one"}, clock.callLater)
    snapshot.rest()
    assert snapshot.get(1) == "one"
    snapshot.rest()
    assert clock.getDelayedCalls() == []
