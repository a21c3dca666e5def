"""Temporary folders that are gone when the last process that holds them has ended.

A folder is held by a shared lock (flock) on it, which the kernel takes back however a process
ends. Whoever leaves last removes it; what a crash of all of them left goes with the next `sweep`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from mibgateway.errors import StartError

PREFIX = "mibgate-lab-"

MARKER = ".mibgate-lab"
"""Stands in each, so that nothing else is ever removed."""

MEMORY = Path("/dev/shm")
"""A file system in memory, where there is one."""

LONGEST = 63
"""Octets of a folder's name, since sockets are to have names in it."""


def bases() -> list[Path]:
    """Give where folders may be made, the best first: TMPDIR, then memory, then disk."""
    given = [Path(os.environ["TMPDIR"])] if os.environ.get("TMPDIR") else []
    wanted = [*given, MEMORY, Path(tempfile.gettempdir()), Path("/tmp")]
    found = [base.absolute() for base in wanted
             if base.is_dir() and os.access(base, os.W_OK | os.X_OK)]
    return list(dict.fromkeys(base for base in found if len(str(base).encode()) <= LONGEST)) \
        or found[:1]


class LabFolder:
    """One folder of mode 0700, held until `leave`."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def make(cls, prefix: str = PREFIX) -> LabFolder:
        """Make one, and remove what crashes have left. Raises StartError."""
        sweep(prefix)
        why = "there is no temporary folder"
        for base in bases():
            try:
                return cls._made(base, prefix)
            except OSError as error:
                why = f"{base} can't be written: {error.strerror}"
        raise StartError(f"nowhere to put a temporary state: {why}")

    @classmethod
    def _made(cls, base: Path, prefix: str) -> LabFolder:
        while True:
            path = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
            handle = _held(path)
            if handle is None:
                continue                    # a sweep was faster
            (path / MARKER).touch(mode=0o600)
            return cls(path, handle)

    @classmethod
    def join(cls, path: Path) -> LabFolder:
        """Hold a folder that another process made; one that is not there or empty is made ours.

        Raises StartError for one that holds anything else.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (path / MARKER).exists():
                if any(path.iterdir()):
                    raise StartError(
                        f"--ephemeral removes its state at the end, and {path} holds something "
                        "already: name a folder that is not there, or leave --state out")
                (path / MARKER).touch(mode=0o600)
            path.chmod(0o700)
            handle = _held(path)
        except OSError as error:
            raise StartError(f"{path} can't be used: {error.strerror}") from None
        if handle is None:
            raise StartError(f"{path} was removed at this moment; try again")
        return cls(path, handle)

    def leave(self) -> None:
        """Hold it no longer; remove it unless somebody else does."""
        if self._handle < 0:
            return
        handle, self._handle = self._handle, -1
        with _closing(handle), contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(self.path)

    def __enter__(self) -> LabFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()


def sweep(prefix: str = PREFIX) -> list[Path]:
    """Remove this user's folders that nobody holds; give their names."""
    return [path for base in bases() for path in _candidates(base, prefix) if _swept(path)]


def _candidates(base: Path, prefix: str) -> list[Path]:
    try:
        with os.scandir(base) as entries:
            return [Path(entry.path) for entry in entries if entry.name.startswith(prefix)
                    and entry.is_dir(follow_symlinks=False)
                    and entry.stat(follow_symlinks=False).st_uid == os.geteuid()]
    except OSError:
        return []


def _swept(path: Path) -> bool:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with _closing(handle):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (path / MARKER).exists():
                _remove(path)
            else:
                path.rmdir()                # made, and dead before it was marked
            return True
    return False


def _held(path: Path) -> int | None:
    """Give a handle that holds the folder, None where it was removed meanwhile."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    fcntl.flock(handle, fcntl.LOCK_SH)
    with contextlib.suppress(OSError):
        if os.path.samestat(path.stat(), os.fstat(handle)):
            return handle
    os.close(handle)
    return None


def _remove(path: Path) -> None:
    """Remove it, the marker last, so that a removal that is cut short is swept up."""
    for entry in list(path.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != MARKER:
            entry.unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _closing(handle: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(handle)
