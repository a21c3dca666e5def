"""MIB texts as files: which are read, in which order they count."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mibagent.errors import ModelError

SUFFIXES = ("", ".mib", ".my", ".smi", ".txt")
"""What the name of a MIB text in a folder may end with."""
LIMIT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class MibFile:
    """One file's content."""

    path: str
    """As the user would name it."""
    content: bytes

    @property
    def text(self) -> str:
        """The content as text; old MIBs that are not UTF-8 are Latin-1."""
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return self.content.decode("latin-1")


def gather(places: Iterable[Path]) -> list[MibFile]:
    """Give the MIB files of folders and files, in order; of a folder those that look like MIBs.

    Raises ModelError for a place that can't be read.
    """
    files: list[MibFile] = []
    seen: set[str] = set()
    for place in places:
        try:
            for path in _of_folder(place) if place.is_dir() else [place]:
                if str(path) not in seen:
                    seen.add(str(path))
                    files.append(_read(path, place))
        except OSError as error:
            raise ModelError(str(place), "", f"can't be read: {error.strerror}") from None
    return [file for file in files if file.content]


def _of_folder(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name for entry in entries
            if not entry.name.startswith(".") and Path(entry.name).suffix.lower() in SUFFIXES
            and entry.is_file())
    return [folder / name for name in names]


def _read(path: Path, place: Path) -> MibFile:
    with path.open("rb") as stream:
        content = stream.read(LIMIT_BYTES + 1)
    if path != place and b"DEFINITIONS" not in content:
        content = b""
    if len(content) > LIMIT_BYTES:
        raise ModelError(str(path), "", "too long for a MIB")
    return MibFile(str(path), content)
