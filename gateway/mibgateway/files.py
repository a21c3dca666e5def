"""The files that a unit keeps for its users: below `files/` of its state, within a quota."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mibagent.service.jobs import JobFailed
from mibgateway.state import own_file

QUOTA_OCTETS = 2 * 1024**3

MOST_FILES = 1000
"""How many are listed."""

LONGEST_NAME = 510

_DESCRIBED_OCTETS = 1024
_DESCRIPTION = re.compile(rb"Description:[ \t]*+([^\r\n\0]{1,255})")


@dataclass(frozen=True)
class Kept:
    """One file."""

    name: str
    octets: int
    description: str


@dataclass(frozen=True)
class Look:
    """What there is, at one moment."""

    kept: tuple[Kept, ...]
    """By name."""
    available: int
    """Octets that may come."""


class Files:
    """The folder of one unit. What it does with the disk may be called in a thread."""

    def __init__(self, root: Path, quota: int = QUOTA_OCTETS) -> None:
        self.root, self.quota = root, quota
        self._described: dict[tuple[str, int, int], str] = {}

    def look(self) -> Look:
        """See what there is; hidden ones are counted and not listed, links neither."""
        used = 0
        kept: list[Kept] = []
        described: dict[tuple[str, int, int], str] = {}
        for path, found in self._walk():
            used += found.st_size
            name = path.relative_to(self.root).as_posix()
            if len(kept) < MOST_FILES and is_name(name):
                key = (name, found.st_size, found.st_mtime_ns)
                text = self._described.get(key)
                described[key] = _description(path) if text is None else text
                kept.append(Kept(name, found.st_size, described[key]))
        self._described = described
        kept.sort(key=lambda each: each.name)
        return Look(tuple(kept), max(0, min(self.quota - used, self._free())))

    def _walk(self) -> Iterator[tuple[Path, os.stat_result]]:
        for folder, folders, names in os.walk(self.root):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                with suppress(OSError):
                    found = path.lstat()
                    if stat.S_ISREG(found.st_mode):
                        yield path, found

    def _free(self) -> int:
        try:
            disk = os.statvfs(self.root)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize

    def place(self, name: str) -> Path:
        """Give where a file of that name goes, its folder made. Raises JobFailed."""
        path = self._named(name)
        if path.is_dir():
            raise JobFailed(f"{name} is a folder")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JobFailed(f"{name} can't be written: {error.strerror}") from None
        return path

    def present(self, name: str) -> Path:
        """Give the file of that name. Raises JobFailed when there is none."""
        path = self._named(name)
        if not path.is_file():
            raise JobFailed(f"there is no file {name}")
        return path

    def _named(self, name: str) -> Path:
        path = own_file(self.root, name)
        if not is_name(name):
            raise JobFailed(
                f"FileName is 1 to {LONGEST_NAME} printable octets, relative, and no part of it "
                "begins with a dot")
        return path

    def remove(self, name: str) -> None:
        """Remove a file, and the folders that are empty then; one that is gone is left out."""
        path = self.root / name
        with suppress(FileNotFoundError):
            path.unlink()
        with suppress(OSError):
            for folder in path.parents:
                if folder == self.root:
                    return
                folder.rmdir()


def is_name(name: str) -> bool:
    """Whether a file may be called so here."""
    path = PurePosixPath(name)
    return (name.isprintable() and path.as_posix() == name and not path.is_absolute()
            and name != "."
            and all(not part.startswith(".") and len(part.encode()) <= 255 for part in path.parts)
            and len(name.encode()) <= LONGEST_NAME)


def _description(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        found = _DESCRIPTION.search(file.read(_DESCRIBED_OCTETS))
    text = found[1].decode("utf-8", "ignore").strip() if found else ""
    return "".join(each for each in text if each.isprintable())
