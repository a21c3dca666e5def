"""A warm start is quick and imports little; a cache that can't be trusted is not there."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import mibagent
from mibagent.model import cache
from mibagent.model.cache import default_cache_dir, digest_of, load_model
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.model.sources import MibFile
from tests.agent.model.texts import SOUND


def load(folder: Path) -> MibModel:
    return load_model(mib_folders()[1:], [SOUND], folder)


def cached(folder: Path) -> Path:
    (path,) = folder.glob("model-*.pickle")
    return path


def test_a_warm_start_gives_the_same_model(tmp_path: Path) -> None:
    cold = load(tmp_path)
    warm = load(tmp_path)
    assert (warm.objects, warm.tables, warm.notifications, warm.modules, warm.names) == (
        cold.objects, cold.tables, cold.notifications, cold.modules, cold.names)
    assert warm.digest == cold.digest


def test_a_warm_start_does_not_compile(tmp_path: Path) -> None:
    load_model(mib_folders(), cache_dir=tmp_path)
    program = (
        "import sys, pathlib\n"
        "from mibagent.model.cache import load_model\n"
        "from mibagent.model.places import mib_folders\n"
        f"model = load_model(mib_folders(), cache_dir=pathlib.Path({str(tmp_path)!r}))\n"
        "assert model.objects\n"
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('pysmi', 'jinja2', 'lark', 'requests') or name in "
        "('mibagent.model.load', 'mibagent.model.compile', 'mibagent.model.build')])\n")
    path = str(Path(mibagent.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": path})
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_cache_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    load(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cached(folder).stat().st_mode & 0o777 == 0o600


def test_a_changed_text_is_compiled_anew(tmp_path: Path) -> None:
    mibs = tmp_path / "mibs"
    mibs.mkdir()
    text = (SOUND / "PARROT-MIB.mib").read_text()
    (mibs / "PARROT-MIB.mib").write_text(text)
    folders = (mibs, mib_folders()[1])
    first = load_model(folders, cache_dir=tmp_path / "cache")
    (mibs / "PARROT-MIB.mib").write_text(text.replace("decibels", "sones"))
    second = load_model(folders, cache_dir=tmp_path / "cache")
    assert (first["parrotVolume"].units, second["parrotVolume"].units) == ("decibels", "sones")


def test_a_broken_cache_is_written_anew(tmp_path: Path) -> None:
    load(tmp_path)
    path = cached(tmp_path)
    sound = path.read_bytes()
    for broken in (b"", b"not a pickle", sound[:-100], b"\x80\x04N."):
        path.write_bytes(broken)
        assert load(tmp_path)["parrotVolume"].default == -5
        assert len(path.read_bytes()) > len(sound) // 2


@pytest.mark.parametrize("mode", [0o660, 0o606])
def test_a_file_that_others_may_write_is_not_read(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tmp_path)
    cached(tmp_path).chmod(mode)
    monkeypatch.setattr(pickle, "loads", lambda _octets: pytest.fail("it was read"))
    load(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(tmp_path)
    path = cached(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(pickle, "loads", lambda _octets: pytest.fail("it was read"))
    load(tmp_path)


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    assert load(folder)["parrotVolume"].default == -5
    assert list(folder.iterdir()) == []


def test_what_belongs_to_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert load(tmp_path)["parrotVolume"].default == -5
    assert list(tmp_path.iterdir()) == []


def test_without_a_place_to_write_there_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert load(tmp_path / "file")["parrotVolume"].default == -5
    assert load(tmp_path / "file" / "below")["parrotVolume"].default == -5


def test_old_models_go(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"model-{number}.pickle").write_bytes(b"")
        os.utime(tmp_path / f"model-{number}.pickle", (number, number))
    load(tmp_path)
    names = {path.name for path in tmp_path.glob("model-*")}
    assert len(names) == cache.KEPT_FILES
    assert "model-11.pickle" in names
    assert "model-0.pickle" not in names


def test_the_digest_depends_on_name_content_and_order() -> None:
    one, other = MibFile("a", b"x"), MibFile("b", b"y")
    digests = {
        digest_of(files) for files in (
            [one, other], [other, one], [one], [MibFile("a", b"xb\0y")], [MibFile("b", b"x")])}
    assert len(digests) == 5


def test_the_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "mibgate"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / ".cache" / "mibgate"
