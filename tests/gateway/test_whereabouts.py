"""Where a state is: what tells a copy from the unit that it copies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mibgateway import whereabouts
from mibgateway.errors import StartError
from mibgateway.state import StateDirectory
from mibgateway.whereabouts import (
    KEPT,
    EngineClaim,
    Whereabouts,
    check_kind,
    check_whereabouts,
    machine_digest,
)

HERE, THERE = "0123456789abcdef" * 2, "fedcba9876543210" * 2


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that tells which machine this is."""
    path = tmp_path / "machine-id"
    path.write_text(HERE + "\n")
    monkeypatch.setattr(whereabouts, "MACHINE_IDS", (tmp_path / "none", path))
    return path


def test_the_machines_id_itself_is_not_kept(machine: Path, tmp_path: Path) -> None:
    kept = Whereabouts.here(tmp_path).kept()
    assert HERE.encode() not in kept
    assert machine_digest() != machine_digest.__name__ and len(machine_digest()) == 32
    assert Whereabouts.read(kept) == Whereabouts.here(tmp_path)


@pytest.mark.parametrize(("moves_machine", "moves_path", "refused"), [
    (False, False, False), (True, False, False), (False, True, False), (True, True, True)])
def test_only_another_machine_with_another_path_is_refused(
    machine: Path, tmp_path: Path, moves_machine: bool, moves_path: bool, refused: bool
) -> None:
    kept = {KEPT: Whereabouts.here(tmp_path / "one").kept()}
    if moves_machine:
        machine.write_text(THERE)
    now = tmp_path / ("two" if moves_path else "one")
    if refused:
        with pytest.raises(StartError) as caught:
            check_whereabouts(kept, now)
        for words in (f"adopt --state {now}`", f"adopt --moved --state {now}`",
                      str(tmp_path / "one")):
            assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    else:
        check_whereabouts(kept, now)


def test_a_machine_without_an_id_is_one_machine(machine: Path, tmp_path: Path) -> None:
    machine.write_text("\n")
    kept = {KEPT: Whereabouts.here(tmp_path / "one").kept()}
    check_whereabouts(kept, tmp_path / "two")
    machine.write_text(HERE)
    with pytest.raises(StartError):
        check_whereabouts(kept, tmp_path / "two")


@pytest.mark.parametrize("kept", [None, b"", b"{}", b"[]", b"\xff", b'{"machine": 1}'])
def test_a_state_of_before_has_none_and_starts(kept: bytes | None, tmp_path: Path) -> None:
    assert Whereabouts.read(kept) is None
    check_whereabouts({} if kept is None else {KEPT: kept}, tmp_path)


@pytest.mark.parametrize(("file", "copied"), [
    ("1:2", False), ("1:3", True), ("2:3", False), ("", False)])
def test_another_file_of_the_same_file_system_was_copied(file: str, copied: bool) -> None:
    assert Whereabouts(HERE, "/b", file).is_another_file(Whereabouts(HERE, "/a", "1:2")) is copied
    assert not Whereabouts(HERE, "/b", file).is_another_file(Whereabouts(HERE, "/a"))


def test_a_link_to_a_state_is_the_state(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "state")
    assert Whereabouts.here(tmp_path / "link") == Whereabouts.here(tmp_path / "state")


def journal_of(path: Path, name: str) -> None:
    state = StateDirectory(path)
    state.journal.unit(name)
    state.close()


@pytest.mark.parametrize(("name", "is_agents", "why"), [
    ("agent", False, "is a state of `mibgate agent`, not of a unit"),
    ("unit", True, "is a state of a unit, not of `mibgate agent`")])
def test_a_state_of_the_other_kind_is_refused(
    tmp_path: Path, name: str, is_agents: bool, why: str
) -> None:
    check_kind(tmp_path / "s", is_agents)
    journal_of(tmp_path / "s", name)
    check_kind(tmp_path / "s", not is_agents)
    with pytest.raises(StartError, match=why):
        check_kind(tmp_path / "s", is_agents)
    journal_of(tmp_path / "s", "unit" if is_agents is False else "agent")
    check_kind(tmp_path / "s", is_agents)       # both, from before states were told apart


def test_what_is_no_database_is_left_to_who_opens_it(tmp_path: Path) -> None:
    (tmp_path / "unit.db").write_text("precious, and no database")
    check_kind(tmp_path, is_agents=True)


def test_an_engine_id_is_held_by_one_unit_at_a_time(tmp_path: Path) -> None:
    engine = b"\x80" + os.urandom(11)
    first = EngineClaim(engine, tmp_path / "a")
    with pytest.raises(StartError, match=f"process {os.getpid()} runs a unit with the same"):
        EngineClaim(engine, tmp_path / "b")
    other = EngineClaim(os.urandom(12), tmp_path / "b")
    first.release()
    EngineClaim(engine, tmp_path / "b").release()
    other.release()
