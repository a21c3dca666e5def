"""A file that is on its way: hidden until it is whole, on the disk, and what was asked for.

What blocks is to be called in a thread, one call after the other.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from mibgateway.transfer.terms import PART_SUFFIX, TransferError

_PART_NAME = re.compile(r"\..*\.[0-9a-f]{12}" + re.escape(PART_SUFFIX), re.DOTALL)

MOST_NAME_OCTETS = 200
"""How much of a file's name its temporary one repeats; 255 octets are what a name may have."""


class Part:
    """One temporary file beside the final one."""

    def __init__(self, to: Path) -> None:
        self.to = to
        begin = os.fsencode(to.name)[:MOST_NAME_OCTETS].decode("utf-8", "ignore")
        self.path = to.parent / f".{begin}.{secrets.token_hex(6)}{PART_SUFFIX}"
        self._open: int | None = None
        self._digest = hashlib.sha256()

    def open(self) -> None:
        """Make it. Raises TransferError."""
        try:
            self._open = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600)
        except OSError as error:
            raise self._unwritable(error) from None

    def write(self, octets: bytes | bytearray) -> None:
        """Append. Raises TransferError."""
        self._digest.update(octets)
        left = memoryview(octets)
        try:
            while left:
                left = left[os.write(self._descriptor, left):]
        except OSError as error:
            raise self._unwritable(error) from None

    def rewind(self) -> None:
        """Begin anew. Raises TransferError."""
        self._digest = hashlib.sha256()
        try:
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        except OSError as error:
            raise self._unwritable(error) from None

    def finish(self, sha256: str = "") -> str:
        """Bring it to the disk and under its final name; give its SHA-256 in hex.

        Raises TransferError, also where the SHA-256 is not the one that was wanted.
        """
        found = self._digest.hexdigest()
        if sha256 and found != sha256.lower():
            raise TransferError(f"its SHA-256 is {found}, not what was expected")
        try:
            os.fsync(self._descriptor)
            self.close()
            self.path.rename(self.to)
            folder = os.open(self.to.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._unwritable(error) from None
        return found

    def remove(self) -> None:
        """Take its name away; quick, since its octets go only when it is closed."""
        with suppress(OSError):
            self.path.unlink()

    def close(self) -> None:
        """Let go of it."""
        opened, self._open = self._open, None
        if opened is not None:
            with suppress(OSError):
                os.close(opened)

    def discard(self) -> None:
        """Leave nothing of it."""
        self.close()
        self.remove()

    @property
    def _descriptor(self) -> int:
        if self._open is None:
            raise TransferError("the transfer is over")
        return self._open

    def _unwritable(self, error: OSError) -> TransferError:
        return TransferError(f"{self.to.name} can't be written: {error.strerror or error}")


def sweep(directory: Path) -> int:
    """Remove what transfers left that were killed, in all folders below; tell how many files."""
    removed = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            if _PART_NAME.fullmatch(name):
                with suppress(OSError):
                    Path(folder, name).unlink()
                    removed += 1
    return removed


class Source:
    """A file that is being sent."""

    def __init__(self, path: Path) -> None:
        self.path, self.octets = path, 0
        self._left = 0
        self._open: int | None = None
        self._digest = hashlib.sha256()

    def open(self) -> None:
        """Open it, at its beginning, with the size it has now. Raises TransferError."""
        try:
            self._open = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            found = os.fstat(self._open)
        except OSError as error:
            raise self._unreadable(error) from None
        if not stat.S_ISREG(found.st_mode):
            raise TransferError(f"{self.path.name} can't be read: it is no file")
        self.octets = self._left = found.st_size

    def read(self, most: int) -> bytes:
        """Give the next octets, b"" after the last. Raises TransferError."""
        if self._open is None:
            raise TransferError("the transfer is over")
        try:
            found = os.read(self._open, min(most, self._left))
        except OSError as error:
            raise self._unreadable(error) from None
        if not found and self._left:
            raise TransferError(f"{self.path.name} became shorter while it was sent")
        self._left -= len(found)
        self._digest.update(found)
        return found

    def rewind(self) -> None:
        """Begin anew. Raises TransferError."""
        if self._open is not None:
            os.lseek(self._open, 0, os.SEEK_SET)
        self._left, self._digest = self.octets, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what was read, in hex."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Let go of it."""
        opened, self._open = self._open, None
        if opened is not None:
            os.close(opened)

    def _unreadable(self, error: OSError) -> TransferError:
        return TransferError(f"{self.path.name} can't be read: {error.strerror or error}")
