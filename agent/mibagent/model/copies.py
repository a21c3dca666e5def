"""MIB modules as MIB browsers want them: one folder, a file for each, named after it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mibagent.errors import ModelError
from mibagent.model.sources import MibFile, gather
from mibagent.model.text import Strings, scan

SUFFIX = ".mib"
"""What every browser's file dialogue shows, and net-snmp and libsmi read too."""

_NAMED = 5
"""Files that a refusal names; the others are counted."""


@dataclass
class Copies:
    """What a copy came to."""

    written: list[Path] = field(default_factory=list)
    """Files that are new or were replaced."""
    kept: list[Path] = field(default_factory=list)
    """Files that had the same content already."""


def copy_modules(places: Iterable[Path], target: Path, *, force: bool = False) -> Copies:
    """Copy every module of folders or files into one folder; of two with one name the first counts.

    force: replace files whose content differs. Raises ModelError; without force nothing is
    written then.
    """
    sources = list(places)
    _check(target, sources)
    texts = _by_module(gather(sources))
    copies = Copies()
    differing: list[str] = []
    due: list[tuple[Path, bytes]] = []
    for name, content in sorted(texts.items()):
        path = target / f"{name}{SUFFIX}"
        found = _content(path)
        if found == content:
            copies.kept.append(path)
            continue
        if found is not None:
            differing.append(path.name)
        due.append((path, content))
    if differing and not force:
        more = f" and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
        raise ModelError(
            str(target), "", f"nothing was copied, as other content is there under the names "
            f"{', '.join(differing[:_NAMED])}{more}: choose another folder, or --force")
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path, content in due:
            _write(path, content)
            copies.written.append(path)
    except OSError as error:
        raise ModelError(str(target), "", f"can't be written: {error.strerror}") from None
    return copies


def _check(target: Path, sources: list[Path]) -> None:
    try:
        if target.exists() and not target.is_dir():
            raise ModelError(str(target), "", "is not a folder")
        if any(source.is_dir() and target.resolve() == source.resolve() for source in sources):
            raise ModelError(str(target), "", "is a folder that is copied from; choose another")
    except OSError as error:
        raise ModelError(str(target), "", f"can't be used: {error.strerror}") from None


def _by_module(files: list[MibFile]) -> dict[str, bytes]:
    """Give each module's text by its name; one that shares its file gets its own part of it."""
    found: dict[str, bytes] = {}
    for file in files:
        modules = scan(file.path, file.text, Strings())
        lines = file.text.splitlines(keepends=True)
        ends = [module.line - 1 for module in modules[1:]] + [len(lines)]
        start = 0
        for module, end in zip(modules, ends, strict=True):
            content = file.content if len(modules) == 1 else "".join(lines[start:end]).encode()
            found.setdefault(module.name, content)
            start = end
    return found


def _content(path: Path) -> bytes | None:
    """Give what stands there, None where nothing does. Raises ModelError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(str(path), "", f"can't be read: {error.strerror}") from None


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable as any other that this user makes."""
    mask = os.umask(0)
    os.umask(mask)
    handle, part = tempfile.mkstemp(prefix=".mibgate-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(part).chmod(0o666 & ~mask)
        Path(part).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(part).unlink()
        raise
