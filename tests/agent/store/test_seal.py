"""Sealing: nobody reads it without the key file, or moves it to another object."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.errors import StateError
from mibagent.store.seal import Sealer


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_was_sealed_opens(plain: bytes, about: str) -> None:
    sealer = Sealer(bytes(32))
    assert sealer.open(sealer.seal(plain, about), about) == plain


def test_the_same_text_is_never_sealed_alike() -> None:
    sealer = Sealer(bytes(32))
    assert sealer.seal(b"x", "a") != sealer.seal(b"x", "a")


def test_a_sealed_text_is_of_its_object_and_its_key() -> None:
    sealed = Sealer(bytes(32)).seal(b"x", "trialPassword")
    for sealer, about, text in [
        (Sealer(bytes(32)), "trialHashed", sealed),
        (Sealer(b"k" * 32), "trialPassword", sealed),
        (Sealer(bytes(32)), "trialPassword", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (Sealer(bytes(32)), "trialPassword", b""),
    ]:
        with pytest.raises(StateError, match="does not open"):
            sealer.open(text, about)


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    sealed = Sealer.of_file(tmp_path / "key").seal(b"x", "a")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert Sealer.of_file(tmp_path / "key").open(sealed, "a") == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_key_of_another_size_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(StateError, match=f"has {len(content)} octets, not 32"):
        Sealer.of_file(tmp_path / "key")


def test_a_key_file_that_cannot_be_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "nowhere" / "key", tmp_path / "folder"):
        with pytest.raises(StateError, match="can't be used"):
            Sealer.of_file(path)


def test_two_that_make_it_at_once_have_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Sealer.of_file(tmp_path / "key")
    monkeypatch.setattr(Path, "exists", lambda self: False)
    second = Sealer.of_file(tmp_path / "key")
    assert second.open(first.seal(b"x", "a"), "a") == b"x"
