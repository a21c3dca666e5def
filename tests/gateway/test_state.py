"""The state directory: one owner, one process, private files."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mibagent.errors import StateError
from mibgateway.state import StateDirectory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_in_it_is_private(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "deep" / "state")
    assert mode(state.path) == 0o700
    for name in ("unit.db", "key", "lock"):
        assert mode(state.path / name) == 0o600, name
    state.close()


def test_an_open_directory_is_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    StateDirectory(tmp_path).close()
    assert mode(tmp_path) == 0o700


def test_a_second_process_is_told_the_first_ones_number(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path)
    code = ("import sys; from pathlib import Path; from mibgateway.state import StateDirectory; "
            "StateDirectory(Path(sys.argv[1]))")
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{root / 'agent'}:{root / 'gateway'}"}, timeout=60)
    assert f"is in use by process {os.getpid()}: stop that one or use another --state" \
        in done.stderr
    first.close()
    StateDirectory(tmp_path).close()


def test_a_lock_that_a_dead_process_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("99999999\n")
    StateDirectory(tmp_path).close()


@pytest.mark.parametrize("damage", ["a text, not a database", "\0" * 4096])
def test_a_database_that_is_none_is_one_clear_line(tmp_path: Path, damage: str) -> None:
    StateDirectory(tmp_path).close()
    for tail in ("-wal", "-shm"):
        (tmp_path / f"unit.db{tail}").unlink(missing_ok=True)
    (tmp_path / "unit.db").write_text(damage)
    with pytest.raises(StateError, match=r"unit\.db") as refused:
        StateDirectory(tmp_path)
    assert "\n" not in str(refused.value)
    (tmp_path / "unit.db").unlink()
    StateDirectory(tmp_path).close()            # the lock was given back


def test_a_state_of_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    StateDirectory(tmp_path).close()
    with sqlite3.connect(tmp_path / "unit.db") as database:
        database.execute("UPDATE meta SET value=999 WHERE key='format'")
    before = (tmp_path / "unit.db").read_bytes()
    with pytest.raises(StateError, match="of format 999"):
        StateDirectory(tmp_path)
    assert (tmp_path / "unit.db").read_bytes() == before


def test_a_key_file_of_another_length_is_refused(tmp_path: Path) -> None:
    StateDirectory(tmp_path).close()
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(StateError, match="key"):
        StateDirectory(tmp_path)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("")
    with pytest.raises(StateError, match="state"):
        StateDirectory(path)
    with pytest.raises(StateError, match="Not a directory"):
        StateDirectory(path / "below")


def test_somebody_elses_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(StateError, match="belongs to user"):
        StateDirectory(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StateError, match="can't be written"):
        StateDirectory(tmp_path)


def test_a_disk_that_is_full_at_the_lock_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StateError, match="No space left on device"):
        StateDirectory(tmp_path)
    monkeypatch.undo()
    StateDirectory(tmp_path).close()


def test_a_private_file_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateDirectory(tmp_path)
    path = state.write_private("snmp/snmp.conf", "one\n")
    assert (path.read_text(), mode(path), mode(path.parent)) == ("one\n", 0o600, 0o700)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match=r"snmp\.conf can't be written: No space left"):
        state.write_private("snmp/snmp.conf", "two\n")
    assert path.read_text() == "one\n"
    state.close()
