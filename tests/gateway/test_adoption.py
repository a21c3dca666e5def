"""A copied state becomes a unit of its own, a moved one stays the unit that it was."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred

from mibagent.errors import StateError
from mibgateway import whereabouts
from mibgateway.adoption import adopt, must_be_there, show, users_to_set_again
from mibgateway.errors import StartError
from mibgateway.main import Launch, Order
from mibgateway.northbound.script_grammar import parse_script
from mibgateway.state import StateDirectory
from mibgateway.unit import Identity
from tests.gateway.kit import AtOnce, Reactor, model

USERS = (b"Aaa.Users[UserName=admin].AccessRights=admin\n"
         b"Aaa.Users[UserName=admin].Password=long-enough\n"
         b"Aaa.Users[UserName=eve].Password=long-enough\n"
         b"Aaa.Users[UserName=short].Password=short\n"
         b"Aaa.Users[UserName=none].AccessRights=user\n")


class Start:
    """One process on a state, up to its settling."""

    def __init__(self, path: Path, script: bytes = b"", **given: Any) -> None:
        self.reactor = Reactor()
        self.said: list[str] = []
        order = Order(path, say=self.said.append, statements=parse_script(script), **given)
        self.launch = Launch(self.reactor, order)
        self.unit = self.launch.unit
        if not given.get("adopts"):
            self.wait(self.launch.settle())

    def wait(self, made: Any) -> None:
        found: list[Any] = []
        ensureDeferred(made).addBoth(found.append)
        for _ in range(20):
            self.reactor.advance(0.5)
        assert found
        if found[0] is not None:
            self.stop()
            found[0].raiseException()

    def stop(self) -> None:
        ensureDeferred(self.launch.stop())
        for _ in range(20):
            self.reactor.advance(0.5)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Say which machine this is."""
    monkeypatch.setattr("mibgateway.unit.JournalThread", AtOnce)
    monkeypatch.setattr("mibgateway.main.model_of", lambda extra: model())
    path = tmp_path / "machine-id"
    path.write_text("one")
    monkeypatch.setattr(whereabouts, "MACHINE_IDS", (path,))

    def become(name: str) -> None:
        path.write_text(name)

    return become


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state that a unit has run on."""
    start = Start(tmp_path / "state", USERS)
    start.stop()
    return tmp_path / "state"


def copy(state: Path, name: str = "copy") -> Path:
    shutil.copytree(state, state.with_name(name))
    return state.with_name(name)


def told(path: Path) -> dict[str, str]:
    return dict(show(path))


def take(path: Path, **given: Any) -> list[str]:
    start = Start(path, adopts=True)
    start.wait(adopt(start.launch, **{"moved": False, **given}))
    start.stop()
    return start.said


def identity(path: Path) -> Identity:
    start = Start(path)
    found = start.unit.identity
    start.stop()
    return found


def test_a_copy_on_another_machine_does_not_start_and_changes_nothing(
    state: Path, machine: Callable[[str], None]
) -> None:
    other = copy(state)
    machine("two")
    before = told(other)
    assert before["place"].startswith("was last used on another machine, as ")
    assert "to be adopted" in before["place"]
    for _ in range(2):
        with pytest.raises(StartError, match="mibgate state adopt --state"):
            Start(other)
        with pytest.raises(StartError, match="mibgate state adopt --state"):
            Start(other, b"Hoc.SystemName=x\n")
    assert told(other) == before
    StateDirectory(other).close()


def test_an_adopted_copy_has_an_engine_id_of_its_own_and_starts(
    state: Path, machine: Callable[[str], None]
) -> None:
    other = copy(state)
    machine("two")
    said = take(other)
    one, two = identity(state), identity(other)
    assert one.engine_id != two.engine_id
    assert (one.serial, one.mac) == (two.serial, two.mac)
    assert told(other)["place"] == "this machine"
    assert any(two.engine_id in line for line in said)
    assert any("--serial and --mac" in line for line in said)


def test_the_users_whose_passwords_are_to_be_set_again_are_named(state: Path) -> None:
    said = take(state)
    assert [line for line in said if "to be set again" in line] == [
        "SNMPv3 passwords to be set again: admin, eve"]
    assert f"  mibgate passwd --state {state} eve" in said
    start = Start(state, b"Aaa.Users[UserName=eve].Password=another-one\n")
    assert users_to_set_again(start.unit) == ["admin"]
    start.stop()


def test_another_serial_and_mac_can_be_given(state: Path) -> None:
    said = take(state, serial="0123456789AB", mac="00:00:5E:00:53:7F")
    found = identity(state)
    assert (found.serial, found.mac) == ("0123456789AB", "00:00:5E:00:53:7F")
    assert not any("--serial" in line for line in said)


def test_boots_count_anew_with_a_new_engine_id(state: Path) -> None:
    start = Start(state)
    start.wait(start.launch.unit.start())
    start.stop()
    assert told(state)["starts"] == "1"
    take(state, moved=True)
    assert told(state)["starts"] == "1"
    take(state)
    assert told(state)["starts"] == "0"


def test_a_moved_state_stays_what_it_was(state: Path, machine: Callable[[str], None]) -> None:
    before = identity(state)
    other = copy(state)
    machine("two")
    said = take(other, moved=True)
    assert identity(other) == before
    assert not any("set again" in line for line in said)


@pytest.mark.parametrize("by", ["path", "machine"])
def test_one_alone_that_differs_is_written_down(
    state: Path, machine: Callable[[str], None], by: str
) -> None:
    if by == "machine":
        machine("two")
    else:
        state = state.rename(state.with_name("renamed"))
    identity(state)
    assert told(state)["place"] == "this machine"
    other = copy(state)
    machine("three")
    with pytest.raises(StartError, match=str(state)):
        Start(other)


# -- on one machine


def refusal(path: Path) -> str:
    with pytest.raises(StartError) as caught:
        Start(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_copy_beside_its_original_does_not_start_whether_or_not_that_runs(state: Path) -> None:
    other = copy(state)
    why = f"the state {other} is a copy of {state}, which has the same SNMP engine ID: " \
          f"`mibgate state adopt --state {other}` makes a unit of its own of it"
    assert refusal(other) == why
    first = Start(state)
    assert refusal(other) == why
    assert told(other)["place"] == \
        f"is a copy of {state}, which has the same SNMP engine ID: " \
        "it is to be adopted before it can start"
    take(other)
    second = Start(other)
    assert second.unit.engine_id != first.unit.engine_id
    second.stop()
    first.stop()


def test_a_copy_beside_its_original_was_not_moved(state: Path) -> None:
    other = copy(state)
    with pytest.raises(StartError, match="so it was not moved"):
        take(other, moved=True)
    assert refusal(other)


def test_a_copy_with_its_originals_name_leaves_the_original_no_other(state: Path) -> None:
    backup = copy(state)
    renamed = state.rename(state.with_name("renamed"))
    backup.rename(state)
    before = identity(state)
    assert f"a copy of {state}" in refusal(renamed)
    take(renamed)
    assert identity(renamed).engine_id != before.engine_id


def test_a_copy_does_not_start_when_its_original_has_been_renamed(state: Path) -> None:
    other = copy(state)
    renamed = state.rename(state.with_name("renamed"))
    assert f"was copied from {state}. If it is a copy," in refusal(other)
    assert told(other)["place"].startswith(f"was copied from {state}: ")
    first = identity(renamed)
    take(other)
    assert identity(other).engine_id != first.engine_id


def test_a_copy_whose_original_is_gone_is_taken_as_moved(state: Path) -> None:
    before = identity(state)
    other = copy(state)
    shutil.rmtree(state)
    assert "adopt --moved" in refusal(other)
    take(other, moved=True)
    assert identity(other) == before


def test_a_move_to_another_file_system_starts(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identity(state)
    other = copy(state)
    shutil.rmtree(state)
    real = whereabouts._file
    monkeypatch.setattr(whereabouts, "_file", lambda path: f"another-{real(path)}")
    assert identity(other) == before


def test_a_state_whose_old_place_has_another_unit_starts(state: Path) -> None:
    before = identity(state)
    renamed = state.rename(state.with_name("renamed"))
    assert identity(state) != before
    assert identity(renamed) == before


def test_what_is_restored_where_it_was_starts(
    state: Path, machine: Callable[[str], None]
) -> None:
    before = identity(state)
    for name in ("one", "another"):         # a container has another machine ID at each start
        machine(name)
        backup = copy(state)
        shutil.rmtree(state)
        shutil.copytree(backup, state)
        shutil.rmtree(backup)
        assert identity(state) == before


def test_a_state_seen_by_two_names_is_one(state: Path) -> None:
    before = identity(state)
    (state.parent / "other").mkdir()
    for path in state.iterdir():
        os.link(path, state.parent / "other" / path.name)
    assert identity(state.parent / "other") == before
    assert identity(state) == before


def test_two_units_with_one_engine_id_do_not_run_side_by_side(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = copy(state)
    first = Start(state)
    monkeypatch.setattr("mibgateway.main.check_whereabouts", lambda memory, path: None)
    with pytest.raises(StartError, match="one of the two states is a copy"):
        Start(other)
    first.stop()


def test_engine_ids_of_many_units_never_repeat() -> None:
    made = [Identity.fresh(32473) for _ in range(2000)]
    assert len({each.engine_id for each in made}) == len({each.serial for each in made}) == 2000


def test_a_state_in_use_is_shown_and_not_adopted(state: Path) -> None:
    start = Start(state)
    assert told(state)["in use"].startswith("by process ")
    with pytest.raises(StateError, match="in use"):
        Start(state, adopts=True)
    start.stop()
    assert told(state)["in use"] == "no"


def test_what_is_no_state_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="is no state of a unit"):
        must_be_there(tmp_path / "none")
    with pytest.raises(StartError, match="is no state of a unit"):
        list(show(tmp_path))
    (tmp_path / "unit.db").write_text("precious, and no database")
    with pytest.raises(StateError, match="can't be used"):
        list(show(tmp_path))
    assert (tmp_path / "unit.db").read_text() == "precious, and no database"
    (tmp_path / "fresh").mkdir()
    StateDirectory(tmp_path / "fresh").close()
    with pytest.raises(StartError, match="never finished"):
        list(show(tmp_path / "fresh"))
    start = Start(tmp_path / "fresh", adopts=True)
    with pytest.raises(StartError, match="nothing to adopt"):
        start.wait(adopt(start.launch, moved=False))
