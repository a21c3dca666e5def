"""The unit's own files: what is listed, what may be named, what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from mibagent.service.jobs import JobFailed
from mibgateway.files import LONGEST_NAME, MOST_FILES, Files, is_name


@pytest.mark.parametrize(("name", "may"), [
    ("a.txt", True), ("music/rings.wav", True), ("é b.txt", True), ("x" * 255, True),
    ("", False), (".", False), ("..", False), ("../a", False), ("/a", False), ("a/../b", False),
    ("a/", False), ("a//b", False), ("./a", False), (".a", False), ("a/.b", False),
    ("a\nb", False), ("x" * 256, False), ("a/" * 300 + "b", False)])
def test_names(name: str, may: bool) -> None:
    assert is_name(name) is may
    assert len(name) <= LONGEST_NAME or not may


@pytest.mark.parametrize(("octets", "text"), [
    (b"# Description: Rings for the lobby\nx", "Rings for the lobby"),
    (b"Description:\tA\x1b[0m tab\r\n", "A[0m tab"), (b"description: no", ""),
    (b"\0" * 2000 + b"Description: too late", ""), (b"", ""),
    ("Description: Grüße\n".encode(), "Grüße"), (b"Description: \xff\xfe", "")])
def test_a_file_may_say_what_it_is(tmp_path: Path, octets: bytes, text: str) -> None:
    (tmp_path / "a").write_bytes(octets)
    assert [each.description for each in Files(tmp_path).look().kept] == [text]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    files = Files(tmp_path)
    (tmp_path / "a").write_bytes(b"Description: one\n")
    assert files.look().kept[0].description == "one"
    (tmp_path / "a").write_bytes(b"Description: another\n")
    assert files.look().kept[0].description == "another"


def test_the_list_is_bounded_and_what_is_left_is_not_below_nothing(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 5):
        (tmp_path / f"{number:04}").write_bytes(b"x")
    look = Files(tmp_path, quota=MOST_FILES).look()
    assert (len(look.kept), look.available) == (MOST_FILES, 0)
    assert look.kept[0].name == "0000"


def test_what_is_not_whole_counts_for_the_quota_and_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".a.0123456789ab.part").write_bytes(bytes(60))
    look = Files(tmp_path, quota=100).look()
    assert (look.kept, look.available) == ((), 40)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(JobFailed, match="can't be written"):
        Files(tmp_path).place("a/b")


def test_removing_takes_empty_folders_along_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "one").write_bytes(b"")
    (tmp_path / "a" / "two").write_bytes(b"")
    files = Files(tmp_path)
    files.remove("a/b/one")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["two"]
    files.remove("a/two")
    files.remove("a/two")
    assert tmp_path.exists() and list(tmp_path.iterdir()) == []


def test_without_a_folder_there_is_nothing(tmp_path: Path) -> None:
    look = Files(tmp_path / "none").look()
    assert (look.kept, look.available) == ((), 0)
