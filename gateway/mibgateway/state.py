"""The state directory: one process at a time, its key file, its database."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from mibagent.errors import StateError
from mibagent.service.jobs import JobFailed
from mibagent.store.journal import Journal
from mibagent.store.seal import Sealer


class StateDirectory:
    """A directory of mode 0700 that this process alone uses until it is closed."""

    def __init__(self, path: Path) -> None:
        """Open and lock it, made when there is none. Raises StateError."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.stat()
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise StateError(f"the state directory {path} can't be made: {why}") from None
        if not path.is_dir():
            raise StateError(f"the state directory {path} is not a directory")
        if found.st_uid != os.geteuid():
            raise StateError(
                f"the state directory {path} belongs to user {found.st_uid}, not to you "
                f"({os.geteuid()}): use another --state")
        self._lock = self._locked()
        try:
            path.chmod(0o700)
            self.journal = Journal(path / "unit.db", Sealer.of_file(path / "key"))
            (path / "unit.db").chmod(0o600)
        except OSError as error:
            self._lock_close()
            raise StateError(f"the state directory {path} can't be used: {error.strerror}") \
                from None
        except StateError:
            self._lock_close()
            raise

    def _locked(self) -> int:
        path = self.path / "lock"
        try:
            handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"the state directory {self.path} can't be written: {error.strerror}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            first = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise StateError(
                f"the state directory {self.path} is in use by process {first}: "
                "stop that one or use another --state") from None
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(handle)
            raise StateError(
                f"the state directory {self.path} can't be written: {error.strerror}") from None
        return handle

    def _lock_close(self) -> None:
        os.close(self._lock)

    def write_private(self, name: str, text: str) -> Path:
        """Write a file that only its owner reads, whole or not at all. Raises StateError."""
        path = self.path / name
        part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise StateError(f"{path} can't be written: {error.strerror}") from None
        return path

    def close(self) -> None:
        """Close the database and let the next process in."""
        self.journal.close()
        self._lock_close()


def own_file(root: Path, name: str) -> Path:
    """Give the file below root that a network may name. Raises JobFailed when it leads out."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise JobFailed(f"{name}: from a network a path is relative to the unit's files, "
                        "without ..")
    try:
        found = (root / path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise JobFailed(f"{name} can't be read: {why}") from None
    if not found.is_relative_to(root.resolve()):
        raise JobFailed(f"{name}: a link leads out of the unit's files")
    return found
