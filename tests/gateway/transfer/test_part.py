"""Files on their way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mibgateway.transfer.part import Part, Source, sweep
from mibgateway.transfer.terms import TransferError


def test_a_part_is_hidden_until_it_is_whole(tmp_path: Path) -> None:
    to = tmp_path / "x.cfg"
    to.write_bytes(b"old")
    part = Part(to)
    part.open()
    part.write(b"new ")
    part.write(bytearray(b"octets"))
    assert to.read_bytes() == b"old"
    assert sorted(each.name for each in tmp_path.iterdir()) == [part.path.name, "x.cfg"]
    assert part.path.name.startswith(".x.cfg.")
    assert part.path.stat().st_mode & 0o777 == 0o600
    assert part.finish() == hashlib.sha256(b"new octets").hexdigest()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == \
        [("x.cfg", b"new octets")]


def test_a_part_may_begin_anew(tmp_path: Path) -> None:
    part = Part(tmp_path / "x")
    part.open()
    part.write(b"first, and longer")
    part.rewind()
    part.write(b"second")
    assert part.finish() == hashlib.sha256(b"second").hexdigest()
    assert (tmp_path / "x").read_bytes() == b"second"


def test_what_is_not_the_wanted_digest_gets_no_name(tmp_path: Path) -> None:
    part = Part(tmp_path / "x")
    part.open()
    part.write(b"abc")
    with pytest.raises(TransferError, match="SHA-256 is ba7816bf"):
        part.finish("0" * 64)
    part.discard()
    assert list(tmp_path.iterdir()) == []
    good = Part(tmp_path / "x")
    good.open()
    good.write(b"abc")
    good.finish(hashlib.sha256(b"abc").hexdigest().upper())


def test_the_longest_name_has_a_part_beside_it(tmp_path: Path) -> None:
    part = Part(tmp_path / ("ä" * 127))
    part.open()
    part.finish()
    assert part.to.exists()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="x can't be written: No such file"):
        Part(tmp_path / "nowhere" / "x").open()


def test_a_sweep_takes_what_was_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for folder in (tmp_path, tmp_path / "deep"):
        left = Part(folder / "x.cfg")
        left.open()
        left.close()
        (folder / "y.part").write_bytes(b"")
        (folder / ".z.part").write_bytes(b"")
    assert sweep(tmp_path) == 2
    assert sorted(each.name for each in tmp_path.rglob("*.part")) == \
        [".z.part", ".z.part", "y.part", "y.part"]
    assert sweep(tmp_path / "nowhere") == 0


def test_a_source_is_read_to_the_size_it_had(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")
    source = Source(path)
    source.open()
    with path.open("ab") as more:
        more.write(b"more")
    assert [source.read(6), source.read(6), source.read(6)] == [b"012345", b"6789", b""]
    assert source.sha256 == hashlib.sha256(b"0123456789").hexdigest()
    source.rewind()
    assert source.read(100) == b"0123456789"
    source.close()
    with pytest.raises(TransferError, match="over"):
        source.read(1)


def test_a_source_that_shrinks_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")
    source = Source(path)
    source.open()
    path.write_bytes(b"")
    with pytest.raises(TransferError, match="became shorter"):
        source.read(6)
    source.close()


def test_only_files_are_sources(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="no file"):
        Source(tmp_path).open()
    with pytest.raises(TransferError, match="No such file"):
        Source(tmp_path / "x").open()
