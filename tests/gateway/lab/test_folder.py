"""Temporary folders: whoever leaves last removes them; what a crash leaves goes with the next."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mibgateway.errors import StartError
from mibgateway.lab import folder
from mibgateway.lab.folder import MARKER, PREFIX, LabFolder, sweep
from tests.structure.tree import SOURCES

HOLD = """
import sys, time
from pathlib import Path
from mibgateway.lab.folder import LabFolder
held = LabFolder.join(Path(sys.argv[1])) if sys.argv[1] != "new" else LabFolder.make()
print(held.path, flush=True)
sys.stdin.read()
held.leave()
"""


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where folders are made while a test runs."""
    monkeypatch.setattr(folder, "bases", lambda: [tmp_path])
    return tmp_path


class Holder:
    """Another process that holds a folder."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env={"PYTHONPATH": ":".join(map(str, SOURCES.values()))})
        assert self.process.stdout is not None
        self.path = Path(self.process.stdout.readline().strip())

    def leave(self) -> None:
        self.process.communicate("")
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def holders() -> Iterator[list[Holder]]:
    made: list[Holder] = []
    yield made
    for holder in made:
        holder.kill()


def test_it_is_private_and_gone_after(base: Path) -> None:
    with LabFolder.make() as made:
        assert made.path.parent == base and made.path.name.startswith(PREFIX)
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
        (made.path / "deep" / "er").mkdir(parents=True)
        (made.path / "deep" / "file").write_text("x")
        (made.path / "link").symlink_to(base)
    assert list(base.iterdir()) == []


def test_the_last_to_leave_removes_it(base: Path, holders: list[Holder]) -> None:
    made = LabFolder.make()
    holders.append(Holder(made.path))
    made.leave()
    assert made.path.exists()
    holders[0].leave()
    assert not made.path.exists()


def test_who_is_killed_holds_it_no_longer(base: Path, holders: list[Holder]) -> None:
    made = LabFolder.make()
    holders.append(Holder(made.path))
    holders[0].kill()
    assert made.path.exists()
    made.leave()
    assert not made.path.exists()


def test_a_sweep_takes_what_nobody_holds_and_nothing_else(
    base: Path, holders: list[Holder]
) -> None:
    made = LabFolder.make()
    holders.append(Holder(made.path))
    made.leave()
    held = LabFolder.make()
    empty = base / f"{PREFIX}empty"
    empty.mkdir()
    others = base / f"{PREFIX}of-somebody"
    others.mkdir()
    (others / "file").write_text("precious")
    link = base / f"{PREFIX}link"
    link.symlink_to(others)
    holders[0].kill()
    assert set(sweep()) == {made.path, empty}
    assert {path.name for path in base.iterdir()} == {held.path.name, others.name, link.name}
    assert (others / "file").read_text() == "precious"
    held.leave()


def test_making_one_sweeps(base: Path, holders: list[Holder]) -> None:
    first = LabFolder.make()
    holders.append(Holder(first.path))
    first.leave()
    holders[0].kill()
    with LabFolder.make() as second:
        assert [path.name for path in base.iterdir()] == [second.path.name]


def test_joining_makes_what_is_not_there_and_takes_what_is_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new/deep", "empty"):
        with LabFolder.join(tmp_path / name) as joined:
            assert (joined.path / MARKER).exists()
        assert not (tmp_path / name).exists()


def test_joining_what_holds_something_else_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "unit.db").write_text("precious")
    with pytest.raises(StartError, match="holds something already"):
        LabFolder.join(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"unit.db"}


def test_leaving_twice_is_leaving_once() -> None:
    made = LabFolder.make()
    made.leave()
    made.path.mkdir()
    made.leave()
    assert made.path.exists()


def test_nowhere_to_put_it_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "bases", lambda: [Path("/proc")])
    with pytest.raises(StartError, match="nowhere to put a temporary state: /proc"):
        LabFolder.make()
    monkeypatch.setattr(folder, "bases", list)
    with pytest.raises(StartError, match="no temporary folder"):
        LabFolder.make()


def test_tmpdir_comes_first_unless_its_name_is_too_long_for_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    short = Path("/tmp")
    monkeypatch.setenv("TMPDIR", str(short))
    assert folder.bases()[0] == short
    deep = tmp_path / ("x" * folder.LONGEST)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    assert deep not in folder.bases() != []
