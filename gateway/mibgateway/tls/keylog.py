"""The secrets of connections, written down for a while so that a capture can be decrypted.

RFC 9850.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL

LARGEST_LOG_OCTETS = 16 * 1024 * 1024


class KeyLog:
    """Where the secrets of connections go while somebody may read them; off at first."""

    def __init__(self) -> None:
        self._write: Callable[[bytes], None] | None = None
        self.turns = 0
        """Grows at each change, so that contexts which were made before are not used again."""

    @property
    def is_on(self) -> bool:
        return self._write is not None

    def turn(self, write: Callable[[bytes], None] | None) -> None:
        """Write each line from here on by that, None: no more."""
        self._write = write
        self.turns += 1

    def hear(self, connection: SSL.Connection, line: bytes) -> None:
        """Take a line in NSS's format from OpenSSL. RFC 9850 section 2."""
        if self._write is not None:
            self._write(line + b"\n")


class KeyLogFile:
    """A file of such lines that its owner alone can read, bounded in size."""

    def __init__(self, path: Path, over: Callable[[], object]) -> None:
        """Begin it anew. `over` is called when no more can be written. Raises OSError."""
        self._over, self._octets = over, 0
        path.unlink(missing_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, line: bytes) -> None:
        """Add a line, so that whoever reads along sees it at once; never raises."""
        if self._file < 0:
            return
        self._octets += len(line)
        try:
            if self._octets <= LARGEST_LOG_OCTETS and os.write(self._file, line) == len(line):
                return
        except OSError:
            pass
        self._over()

    def close(self) -> None:
        """End it; what is there stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class TimedKeyLog:
    """A key log that ends by itself."""

    def __init__(self, key_log: KeyLog, reactor: Any, ended: Callable[[], object]) -> None:
        """`ended` is called each time that it is over."""
        self._key_log, self._reactor, self._ended = key_log, reactor, ended
        self._file: KeyLogFile | None = None
        self._timer: Any = None

    def begin(self, path: Path, wait: float) -> None:
        """Write into a new file for so many seconds. Raises OSError."""
        self.end()
        self._file = KeyLogFile(path, lambda: self._reactor.callLater(0, self.end))
        self._key_log.turn(self._file.write)
        self._timer = self._reactor.callLater(wait, self.end)

    def end(self) -> None:
        """Write no more; the file stays."""
        if self._file is None:
            return
        self._key_log.turn(None)
        self._file.close()
        self._file = None
        if self._timer.active():
            self._timer.cancel()
        self._ended()

    def remaining(self) -> int:
        """Give the seconds until its end, 0 when it is off."""
        if self._file is None:
            return 0
        left: float = self._timer.getTime() - self._reactor.seconds()
        return max(0, round(left))
