"""StorageType: what it forbids, to whom, and with which error. RFC 2579 section 2."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from mibagent.errors import InconsistentValue, NotWritable, Refused, WrongValue
from mibagent.store.layers import Key
from mibagent.store.storage import Storage, storage_of
from mibagent.store.wish import Wish
from tests.agent.store.kit import ACTIVE, DESTROY, GO, SUSPEND, Recorder, Rig, rows_of

ONE = (1,)
CONTENT = ("trialParcelContent", b"tea", ONE)
NEW = ("trialParcelContent", b"salt", ONE)


def kept(storage: Storage | int) -> tuple[Any, ...]:
    return ("trialParcelStorageType", int(storage), ONE)


def status(value: int) -> tuple[Any, ...]:
    return ("trialParcelRowStatus", value, ONE)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def given(rig: Rig, storage: Storage) -> None:
    """Make the row as the unit does."""
    rig.put(Wish("trialParcelRowStatus", ONE, GO), Wish("trialParcelContent", ONE, b"tea"),
            Wish("trialParcelStorageType", ONE, int(storage)))


def held(rig: Rig) -> Storage | None:
    return storage_of(rig.store.configured, rig.model.tables["trialParcelTable"], ONE)


def test_a_row_is_kept_as_its_default_says_until_somebody_says_otherwise(rig: Rig) -> None:
    assert held(rig) is None
    rig.change(status(GO), CONTENT)
    assert held(rig) is Storage.NON_VOLATILE
    rig.change(kept(Storage.VOLATILE))
    assert held(rig) is Storage.VOLATILE
    rig.change(kept(Storage.NON_VOLATILE), NEW)
    assert held(rig) is Storage.NON_VOLATILE


def test_a_table_without_the_column_says_nothing(rig: Rig) -> None:
    rig.make((b"fig",))
    assert storage_of(rig.store.tip, rig.model.tables["trialFruitTable"], (b"fig",)) is None


V, N, P, R = Storage.VOLATILE, Storage.NON_VOLATILE, Storage.PERMANENT, Storage.READ_ONLY
CELLS: list[tuple[Storage | None, tuple[Any, ...], type[Refused] | None]] = [
    # what the row is, what a manager sets, how that ends
    (None, kept(Storage.OTHER), WrongValue),
    (None, kept(P), InconsistentValue),
    (None, kept(R), InconsistentValue),
    (None, kept(V), None),
    (None, kept(N), None),
    *[(state, kept(Storage.OTHER), WrongValue) for state in (V, N, P, R)],
    *[(state, kept(wanted), InconsistentValue) for state in (V, N) for wanted in (P, R)],
    *[(state, kept(wanted), None) for state in (V, N) for wanted in (V, N)],
    *[(state, kept(wanted), InconsistentValue) for state in (P, R) for wanted in (V, N, P, R)],
    *[(state, NEW, None) for state in (V, N, P)],
    *[(state, status(value), None) for state in (V, N, P) for value in (ACTIVE, SUSPEND)],
    *[(state, status(DESTROY), None) for state in (V, N)],
    (P, status(DESTROY), InconsistentValue),
    (R, NEW, NotWritable),
    (R, CONTENT, NotWritable),
    *[(R, status(value), NotWritable) for value in (ACTIVE, SUSPEND, DESTROY)],
]


@pytest.mark.parametrize(("state", "wish", "outcome"), CELLS)
def test_each_thing_that_a_manager_may_try(
    rig: Rig, state: Storage | None, wish: tuple[Any, ...], outcome: type[Refused] | None
) -> None:
    before: list[tuple[Any, ...]] = []
    if state is None:
        before = [status(GO), CONTENT]
    else:
        given(rig, state)
    if outcome is None:
        rig.change(*before, wish)
        return
    refusal = rig.refusal(*before, wish)
    assert (type(refusal), refusal.name, refusal.index) == (outcome, wish[0], ONE)


def test_the_unit_changes_and_removes_what_others_may_not(rig: Rig) -> None:
    given(rig, R)
    rig.put(Wish("trialParcelContent", ONE, b"salt"))
    assert rig.store.get("trialParcelContent", ONE) == b"salt"
    rig.put(Wish("trialParcelRowStatus", ONE, DESTROY))
    assert rows_of(rig.store, "trialParcelTable") == []


def test_what_follows_from_a_managers_change_is_the_units(rig: Rig) -> None:
    recorder = Recorder(rig.store)
    given(rig, R)
    recorder.further = [Wish("trialParcelContent", ONE, b"from the greeting")]
    rig.change(("trialGreeting", b"x"))
    assert rig.store.get("trialParcelContent", ONE) == b"from the greeting"


def test_a_row_that_a_manager_makes_and_a_service_settles(rig: Rig) -> None:
    class Settles(Recorder):
        def complete(self, candidate: Any, changed: list[Key], asked: list[Wish]
                     ) -> Iterable[Wish]:
            return [Wish("trialParcelStorageType", ONE, int(P))]

    Settles(rig.store)
    rig.change(status(GO), CONTENT)
    assert held(rig) is P
    assert type(rig.refusal(status(DESTROY))) is InconsistentValue
