"""State directories of every kind: one clear line or normal service, and nothing lost."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mibagent.snmp.pdu import Status
from mibagent.store.journal import FORMAT
from tests.wire.programs import found
from tests.wire.unit_process import Snmp, UnitProcess, folder, mibgate

NAME = ("hocSystemName", ())
INTERVAL = ("sipEpTransportFailbackInterval", ())
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a folder."""
    with folder("state") as made:
        yield made


@pytest.fixture
def stopped(home: Path) -> UnitProcess:
    """Give a unit that ran and whose name is `kept`."""
    unit = UnitProcess(home, 'Hoc.SystemName="kept"\n')
    with unit:
        assert unit.stop() == 0
    unit.forget_script()
    return unit


def refuses(unit: UnitProcess) -> str:
    """Start it; give the one line in which it says why it does not."""
    unit.launch()
    assert unit.wait() == 1
    assert "ready" not in unit.console().splitlines()
    (line,) = unit.log().splitlines()
    assert line.startswith("mibgate: ")
    return line


def serves(unit: UnitProcess) -> None:
    """Start it; all is as it was."""
    with unit:
        assert unit.snmpget("hocSystemName.0") == ["kept"]
        assert unit.stop() == 0


def value(snmp: Snmp, name: tuple[str, tuple[()]]) -> object:
    """Give a value."""
    return snmp.get(*name)


# -- no room


def full(unit: UnitProcess, fill: Callable[[], None], clear: Callable[[], None]) -> None:
    """Hold a unit to its word while nothing can be written, and after."""
    with unit.ask() as snmp:
        assert snmp.set((*NAME, b"before"), (*INTERVAL, 20)).status is Status.NO_ERROR
        fill()
        refused = 0
        for number in range(40):
            answer = snmp.set((*NAME, b"after %d" % number * 12), (*INTERVAL, 30))
            if answer.status is Status.NO_ERROR:
                assert not refused, "room again, from nowhere"
                continue                        # it still fitted
            assert (answer.status, answer.blamed) == (Status.RESOURCE_UNAVAILABLE, 1)
            refused += 1
            held = value(snmp, NAME), value(snmp, INTERVAL)
            if refused == 1:
                kept = held
            assert held == kept, "a refused SET left a trace"
        assert refused
        assert kept[0] in [b"before", *(b"after %d" % number * 12 for number in range(40))]
        clear()
        assert (value(snmp, NAME), value(snmp, INTERVAL)) == kept
        assert snmp.set((*NAME, b"room"), (*INTERVAL, 40)).status is Status.NO_ERROR
        assert (value(snmp, NAME), value(snmp, INTERVAL)) == (b"room", 40)
        assert "Traceback" not in unit.log()
    unit.kill()
    unit.forget_script()
    unit.start()
    assert unit.snmpget("hocSystemName.0") == ["room"]


def test_a_file_that_must_not_grow(home: Path) -> None:
    with UnitProcess(home) as unit:
        def fill() -> None:
            size = max(path.stat().st_size for path in unit.state.glob("unit.db*"))
            resource.prlimit(unit.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        full(unit, fill, lambda: _unlimited(unit))


def _unlimited(unit: UnitProcess) -> None:
    resource.prlimit(unit.pid, resource.RLIMIT_FSIZE, UNLIMITED)


MOUNT = ["unshare", "--mount", "sh", "-c"]


def may_mount() -> bool:
    """Whether this user may mount in a namespace of its own."""
    if found("unshare") is None:
        return False
    done = subprocess.run(
        [*MOUNT, "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False)
    return done.returncode == 0


mounts = pytest.mark.skipif(not may_mount(), reason="this user may not mount")


@mounts
def test_a_disk_that_is_full(home: Path) -> None:
    disk = home / "state"
    disk.mkdir()
    prefix = [*MOUNT, f'mount -t tmpfs -o size=1m,mode=700 tmpfs "{disk}" && exec "$@"', "sh"]
    with UnitProcess(home, prefix=prefix) as unit:
        seen = Path(f"/proc/{unit.pid}/root{disk}")
        ballast = seen / "ballast"

        def fill() -> None:
            with ballast.open("wb", buffering=0) as file, pytest.raises(OSError):
                while True:
                    file.write(bytes(4096))

        with unit.ask() as snmp:
            assert snmp.set((*NAME, b"before"), (*INTERVAL, 20)).status is Status.NO_ERROR
            fill()
            statuses = []
            for number in range(60):
                before = value(snmp, NAME), value(snmp, INTERVAL)
                answer = snmp.set((*NAME, b"%d" % number * 60), (*INTERVAL, 30 + number))
                statuses.append(answer.status)
                if answer.status is not Status.NO_ERROR:
                    assert (value(snmp, NAME), value(snmp, INTERVAL)) == before
            assert statuses[-1] is Status.RESOURCE_UNAVAILABLE
            assert set(statuses) <= {Status.NO_ERROR, Status.RESOURCE_UNAVAILABLE}
            ballast.unlink()
            assert snmp.set((*NAME, b"room"), (*INTERVAL, 40)).status is Status.NO_ERROR
            assert (value(snmp, NAME), value(snmp, INTERVAL)) == (b"room", 40)
        assert "Traceback" not in unit.log()
        assert unit.stop() == 0


@mounts
def test_a_first_start_on_a_full_disk(home: Path) -> None:
    disk = home / "state"
    disk.mkdir()
    for size in ("4k", "32k", "64k"):
        unit = UnitProcess(home, prefix=[
            *MOUNT, f'mount -t tmpfs -o size={size},mode=700 tmpfs "{disk}" && exec "$@"', "sh"])
        assert "can't be" in refuses(unit)


# -- no right


@mounts
def test_a_directory_on_a_read_only_disk(stopped: UnitProcess) -> None:
    stopped.prefix = [
        *MOUNT, f'mount --bind "{stopped.state}" "{stopped.state}" && '
        f'mount -o remount,ro,bind "{stopped.state}" && exec "$@"', "sh"]
    line = refuses(stopped)
    assert str(stopped.state) in line
    assert "Read-only file system" in line
    stopped.prefix = []
    serves(stopped)


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_directory_that_must_not_be_written(home: Path) -> None:
    (home / "state").mkdir(mode=0o500)
    home.chmod(0o500)
    try:
        assert "can't be" in refuses(UnitProcess(home))
    finally:
        home.chmod(0o700)


@pytest.mark.skipif(not AS_ROOT, reason="only root gives files away")
def test_a_directory_of_somebody_else(stopped: UnitProcess) -> None:
    os.chown(stopped.state, 65534, 65534)
    line = refuses(stopped)
    assert "belongs to user 65534" in line
    assert str(stopped.state) in line
    os.chown(stopped.state, 0, 0)
    serves(stopped)


def test_a_directory_that_is_a_file(home: Path) -> None:
    (home / "state").write_text("")
    line = refuses(UnitProcess(home))
    assert str(home / "state") in line


def test_files_are_for_their_owner_alone(stopped: UnitProcess) -> None:
    with stopped:
        for path in (stopped.state, *stopped.state.rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path


# -- other formats


def change(unit: UnitProcess, *statements: str) -> None:
    """Change the database behind the unit's back."""
    with closing(sqlite3.connect(unit.state / "unit.db")) as database, database:
        for statement in statements:
            database.execute(statement)


def test_a_newer_format_is_refused_and_left_alone(stopped: UnitProcess) -> None:
    change(stopped, f"UPDATE meta SET value={FORMAT + 1} WHERE key='format'")
    before = (stopped.state / "unit.db").read_bytes()
    line = refuses(stopped)
    assert f"format {FORMAT + 1}" in line
    assert (stopped.state / "unit.db").read_bytes() == before
    change(stopped, f"UPDATE meta SET value={FORMAT} WHERE key='format'")
    serves(stopped)


@pytest.mark.parametrize("older", [
    "UPDATE meta SET value=0 WHERE key='format'", "DELETE FROM meta"])
def test_an_older_format_is_brought_up_to_date(stopped: UnitProcess, older: str) -> None:
    change(stopped, older, "DROP TABLE certificate")
    serves(stopped)
    with closing(sqlite3.connect(stopped.state / "unit.db")) as database:
        assert database.execute("SELECT value FROM meta").fetchall() == [(FORMAT,)]
        assert database.execute("SELECT * FROM certificate").fetchall() == []


@pytest.mark.parametrize("spoil", ["noise", "another key", "no key", "a table less"])
def test_a_spoilt_state_is_one_clear_line(stopped: UnitProcess, spoil: str) -> None:
    path = stopped.state / "unit.db"
    if spoil == "noise":
        path.write_bytes(b"x" * 8192)
    elif spoil == "another key":
        (stopped.state / "key").write_bytes(bytes(32))
    elif spoil == "no key":
        (stopped.state / "key").unlink()
    else:
        change(stopped, "DROP TABLE value")
    line = refuses(stopped)
    assert "Traceback" not in line
    assert str(stopped.state) in line or "key file" in line


def test_an_object_that_the_mibs_no_longer_have(stopped: UnitProcess) -> None:
    """What an older release stored is set aside, said, and does not stop the start."""
    change(stopped, "INSERT INTO value VALUES (1, 'noSuchObject', '', 5, 0)",
           "INSERT INTO value VALUES (1, 'sipEpTransportFailbackInterval', '', 999999, 0)")
    with stopped:
        assert "noSuchObject" in stopped.console()
        assert "sipEpTransportFailbackInterval" in stopped.console()
        assert stopped.snmpget("hocSystemName.0") == ["kept"]
        assert stopped.snmpget("sipEpTransportFailbackInterval.0")[0].split()[0] == "15"


def test_a_lock_of_a_dead_process_holds_nobody(stopped: UnitProcess) -> None:
    (stopped.state / "lock").write_text("1\n")
    serves(stopped)


def test_a_command_beside_a_start_is_refused_with_its_process(stopped: UnitProcess) -> None:
    with stopped:
        (stopped.state / "console").unlink()        # as in the moment before it is opened
        done = mibgate("passwd", "--state", stopped.state, given="a new password\n")
        assert done.returncode == 1
        assert f"in use by process {stopped.pid}:" in done.stderr


# -- copies


def test_a_copy_runs_beside_its_original_once_it_is_adopted(
    stopped: UnitProcess, home: Path
) -> None:
    with folder("copy") as other_home:
        shutil.copytree(stopped.state, other_home / "state")
        other = UnitProcess(other_home, f"Snmp.Port={stopped.port}\n")
        other.forget_script()
        (other.home / "free").write_text(
            f"Snmp.Port={other.port}\nSipEp.Gateway[Name=default].Port={other.sip_port}\n")
        with stopped:
            why = refuses(other)
            assert f"is a copy of {stopped.state}, which has the same SNMP engine ID" in why
            assert f"mibgate state adopt --state {other.state}" in why
            adopted = mibgate("state", "adopt", "--state", other.state)
            assert adopted.returncode == 0, adopted.stderr
            assert "SNMPv3 passwords to be set again: admin" in adopted.stdout
            moved = mibgate("script", "--state", other.state, other.home / "free")
            assert moved.returncode == 0, moved.stdout + moved.stderr
            with other:
                shown = [mibgate("state", "show", "--state", each.state).stdout
                         for each in (stopped, other)]
                engines = {line for text in shown for line in text.splitlines()
                           if line.startswith("engine ID")}
                assert len(engines) == 2
                assert all(f"by process {each.pid}" in text
                           for each, text in zip((stopped, other), shown, strict=True))


def test_a_state_of_another_machine_is_refused_until_it_is_said_to_be_moved(
    stopped: UnitProcess, home: Path
) -> None:
    with closing(sqlite3.connect(stopped.state / "unit.db")) as database, database:
        database.execute("UPDATE memory SET value=? WHERE key='whereabouts'", (
            b'{"machine": "another", "path": "/where/it/was"}',))
    why = refuses(stopped)
    assert "/where/it/was" in why and "adopt --moved" in why
    taken = mibgate("state", "adopt", "--moved", "--state", stopped.state)
    assert taken.returncode == 0, taken.stderr
    serves(stopped)
