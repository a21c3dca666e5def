"""SETs of rows, octets in and octets out: RFC 2579's RowStatus figure, StorageType, TestAndIncr.

error-status and error-index are those of RFC 3416 section 4.2.5.
"""

from __future__ import annotations

from itertools import count, permutations
from pathlib import Path
from typing import Any

import pytest

from mibagent.errors import Index
from mibagent.smi.syntax import Value
from mibagent.snmp.ber import ENCODERS
from mibagent.snmp.engine import Engine
from mibagent.snmp.pdu import Kind, Status
from mibagent.snmp.serving import StoreSource
from mibagent.store.storage import Storage
from mibagent.store.wish import Wish
from tests.agent.snmp.fakes import PEER, FakeAccess, request, response, set_request
from tests.agent.store.kit import (
    ACTIVE,
    DESTROY,
    FIG,
    GO,
    NOT_READY,
    PEAR,
    SUSPEND,
    WAIT,
    Rig,
)

Binding = tuple[str, Value, Index]
OK = (Status.NO_ERROR, 0)
COLOUR: Binding = ("trialFruitColour", b"green", FIG)
PRICE: Binding = ("trialFruitPrice", 7, FIG)
TOO_DEAR: Binding = ("trialFruitPrice", 1001, FIG)


def status(value: int, index: Index = FIG) -> Binding:
    return ("trialFruitRowStatus", value, index)


class Manager:
    """Asks the engine of a store by datagrams."""

    def __init__(self, path: Path) -> None:
        self.rig = Rig(path)
        self.sent: list[bytes] = []
        self.engine = Engine(StoreSource(self.rig.store), FakeAccess(), lambda: 0.0)
        self._numbers = count(1)

    def set(self, *bindings: Binding) -> tuple[Status, int]:
        """Send a SET; give error-status and error-index."""
        model = self.rig.model
        octets = set_request(*(
            (model[name].instance_oid(index), ENCODERS[model[name].syntax.base](value))
            for name, value, index in bindings), request_id=next(self._numbers))
        answer = self.engine.answer(octets, PEER, self.sent.append)
        self.rig.settle()
        found = response(answer if answer is not None else self.sent.pop())
        assert len(found.varbinds) == len(bindings)
        return Status(found.first), found.second

    def state(self, index: Index = FIG) -> int | None:
        """Give what the RowStatus of a row reads as, None for no such instance."""
        oid = self.rig.model["trialFruitRowStatus"].instance_oid(index)
        answer = self.engine.answer(request(Kind.GET, oid), PEER, self.sent.append)
        assert answer is not None
        (varbind,) = response(answer).varbinds
        return varbind.content[0] if varbind.tag == 2 else None

    def arrive(self, state: int | None) -> None:
        """Bring fig into a state of the figure."""
        if state is None:
            return
        assert self.set(status(WAIT)) == OK
        if state != NOT_READY:
            assert self.set(COLOUR) == OK
        if state == ACTIVE:
            assert self.set(status(ACTIVE)) == OK
        assert self.state() == state


@pytest.fixture
def manager(tmp_path: Path) -> Manager:
    return Manager(tmp_path)


# RFC 2579 section 2, RowStatus: state, what is written, what the row lacks is in the same PDU,
# error-status, state after. A is no row, B notReady, C notInService, D active.
A, B, C, D = None, NOT_READY, SUSPEND, ACTIVE
NO_ERROR, INCONSISTENT, WRONG = Status.NO_ERROR, Status.INCONSISTENT_VALUE, Status.WRONG_VALUE
CELLS: list[tuple[int | None, int, bool, Status, int | None]] = [
    (A, GO, True, NO_ERROR, D), (A, GO, False, INCONSISTENT, A),
    (B, GO, True, INCONSISTENT, B), (B, GO, False, INCONSISTENT, B),
    (C, GO, False, INCONSISTENT, C), (D, GO, False, INCONSISTENT, D),
    (A, WAIT, True, NO_ERROR, C), (A, WAIT, False, NO_ERROR, B),
    (B, WAIT, True, INCONSISTENT, B), (B, WAIT, False, INCONSISTENT, B),
    (C, WAIT, False, INCONSISTENT, C), (D, WAIT, False, INCONSISTENT, D),
    (A, ACTIVE, True, INCONSISTENT, A), (A, ACTIVE, False, INCONSISTENT, A),
    (B, ACTIVE, True, NO_ERROR, D), (B, ACTIVE, False, INCONSISTENT, B),
    (C, ACTIVE, False, NO_ERROR, D), (D, ACTIVE, False, NO_ERROR, D),
    (A, SUSPEND, True, INCONSISTENT, A), (A, SUSPEND, False, INCONSISTENT, A),
    (B, SUSPEND, True, NO_ERROR, C), (B, SUSPEND, False, INCONSISTENT, B),
    (C, SUSPEND, False, NO_ERROR, C), (D, SUSPEND, False, NO_ERROR, C),
    *[(state, DESTROY, False, NO_ERROR, A) for state in (A, B, C, D)],
    (D, DESTROY, True, NO_ERROR, A),
    *[(state, NOT_READY, False, WRONG, state) for state in (A, B, C, D)],
    *[(state, 7, False, WRONG, state) for state in (A, B, C, D)],
    *[(state, 0, False, WRONG, state) for state in (A, D)],
]


@pytest.mark.parametrize(("state", "written", "brings", "error", "after"), CELLS)
@pytest.mark.parametrize("where", ["first", "last", "between", "twice"])
def test_each_cell_of_the_figure_wherever_the_row_status_stands(
    manager: Manager, state: int | None, written: int, brings: bool, error: Status,
    after: int | None, where: str,
) -> None:
    manager.arrive(state)
    column = COLOUR if brings else None
    if column is None and state in (C, D) and where != "twice":
        column = PRICE
    given = [column] if column else []
    match where:
        case "first":
            bindings = [status(written), *given]
        case "last":
            bindings = [*given, status(written)]
        case "between":
            bindings = [*given, status(written), *given]
        case _:
            bindings = [status(written), *given, status(written)]
    blamed = bindings.index(status(written)) + 1 if error is not NO_ERROR else 0
    assert manager.set(*bindings) == (error, blamed)
    assert manager.state() == after


@pytest.mark.parametrize(("state", "error", "after"), [
    (A, Status.INCONSISTENT_NAME, A), (B, NO_ERROR, C), (C, NO_ERROR, C), (D, NO_ERROR, D)])
def test_a_column_alone(manager: Manager, state: int | None, error: Status, after: int) -> None:
    manager.arrive(state)
    assert manager.set(COLOUR) == (error, 0 if error is NO_ERROR else 1)
    assert manager.state() == after


ROW = (status(GO), COLOUR, PRICE, ("trialFruitSize", 3, FIG))


@pytest.mark.parametrize("bindings", list(permutations(ROW))[::3])
def test_a_whole_row_in_any_order(manager: Manager, bindings: tuple[Binding, ...]) -> None:
    assert manager.set(*bindings) == OK
    assert manager.rig.store.get("trialFruitPrice", FIG) == 7


@pytest.mark.parametrize("place", range(4))
def test_the_wrong_one_is_named_wherever_it_stands(manager: Manager, place: int) -> None:
    bindings = [binding for binding in ROW if binding[0] != "trialFruitPrice"]
    bindings.insert(place, TOO_DEAR)
    assert manager.set(*bindings) == (Status.WRONG_VALUE, place + 1)
    assert manager.state() is None


def test_a_row_in_many_steps_and_the_other_way_round(manager: Manager) -> None:
    assert manager.set(status(WAIT), PRICE) == OK
    assert manager.state() == NOT_READY
    assert manager.set(status(ACTIVE)) == (INCONSISTENT, 1)
    assert manager.set(TOO_DEAR, COLOUR) == (Status.WRONG_VALUE, 1)
    assert manager.state() == NOT_READY
    assert manager.set(COLOUR) == OK
    assert manager.set(status(ACTIVE)) == OK
    assert manager.set(status(SUSPEND)) == OK
    assert manager.set(status(DESTROY)) == OK
    assert manager.state() is None


def test_two_rows_stand_or_fall_together_and_the_lacking_one_is_named(manager: Manager) -> None:
    assert manager.set(status(GO), COLOUR, status(GO, PEAR)) == (INCONSISTENT, 3)
    assert (manager.state(), manager.state(PEAR)) == (None, None)
    assert manager.set(
        ("trialFruitColour", b"red", PEAR), status(GO), status(GO, PEAR), COLOUR) == OK
    assert (manager.state(), manager.state(PEAR)) == (ACTIVE, ACTIVE)


def test_one_pdu_may_destroy_one_row_and_make_another(manager: Manager) -> None:
    manager.arrive(ACTIVE)
    assert manager.set(
        status(DESTROY), status(GO, PEAR), ("trialFruitColour", b"red", PEAR)) == OK
    assert (manager.state(), manager.state(PEAR)) == (None, ACTIVE)


@pytest.mark.parametrize(("binding", "error"), [
    (("trialFruitName", b"x", FIG), Status.NOT_WRITABLE),
    (("trialFruitKey", b"x", FIG), Status.NO_ACCESS)])
def test_what_nobody_writes_is_named_in_a_pdu_that_makes_a_row(
    manager: Manager, binding: Binding, error: Status
) -> None:
    assert manager.set(status(GO), COLOUR, binding) == (error, 3)
    assert manager.set(binding, status(GO), COLOUR) == (error, 1)
    assert manager.state() is None


# -- StorageType

PARCEL: Index = (1,)


def parcel(storage: Storage) -> Binding:
    return ("trialParcelStorageType", int(storage), PARCEL)


GO_PARCEL: Binding = ("trialParcelRowStatus", GO, PARCEL)
TEA: Binding = ("trialParcelContent", b"tea", PARCEL)


@pytest.mark.parametrize(("held", "binding", "error"), [
    (None, parcel(Storage.OTHER), WRONG), (None, parcel(Storage.PERMANENT), INCONSISTENT),
    (None, parcel(Storage.READ_ONLY), INCONSISTENT), (None, parcel(Storage.VOLATILE), NO_ERROR),
    (Storage.PERMANENT, TEA, NO_ERROR),
    (Storage.PERMANENT, ("trialParcelRowStatus", DESTROY, PARCEL), INCONSISTENT),
    (Storage.PERMANENT, parcel(Storage.VOLATILE), INCONSISTENT),
    (Storage.READ_ONLY, TEA, Status.NOT_WRITABLE),
    (Storage.READ_ONLY, ("trialParcelRowStatus", DESTROY, PARCEL), Status.NOT_WRITABLE),
    (Storage.READ_ONLY, parcel(Storage.VOLATILE), INCONSISTENT)])
@pytest.mark.parametrize("others", [0, 2])
def test_storage_type(
    manager: Manager, held: Storage | None, binding: Binding, error: Status, others: int
) -> None:
    some: list[Binding] = [("trialGreeting", b"hi", ()), ("trialLimit", 3, ())]
    before = some[:others]
    if held is None:
        before += [GO_PARCEL, TEA]
    else:
        manager.rig.put(Wish(*_named(GO_PARCEL)), Wish(*_named(TEA)), Wish(*_named(parcel(held))))
    found = manager.set(*before, binding)
    assert found == ((NO_ERROR, 0) if error is NO_ERROR else (error, len(before) + 1))


def _named(binding: Binding) -> tuple[str, Index, Value]:
    name, value, index = binding
    return name, index, value


# -- TestAndIncr

def test_a_spin_lock_lets_one_of_two_through_and_guards_the_whole_pdu(manager: Manager) -> None:
    lock: Any = ("trialLock", 0, ())
    assert manager.set(lock, ("trialGreeting", b"one", ())) == OK
    assert manager.set(("trialGreeting", b"two", ()), lock) == (INCONSISTENT, 2)
    assert manager.rig.store.get("trialGreeting") == b"one"
    assert manager.set(("trialLock", 1, ()), ("trialGreeting", b"two", ())) == OK
    assert manager.rig.store.get("trialLock") == 2


def test_a_spin_lock_goes_on_at_0_after_its_last_value(manager: Manager) -> None:
    manager.rig.put(Wish("trialLock", (), 0))
    manager.rig.store.configured.put("trialLock", (), 2**31 - 1)
    assert manager.set(("trialLock", 2**31 - 1, ())) == OK
    assert manager.rig.store.get("trialLock") == 0


@pytest.mark.parametrize("value", [-1, 2**31 - 1, 5])
def test_a_spin_lock_refuses_any_other_value(manager: Manager, value: int) -> None:
    error = WRONG if value < 0 else INCONSISTENT
    assert manager.set(("trialGreeting", b"x", ()), ("trialLock", value, ())) == (error, 2)
