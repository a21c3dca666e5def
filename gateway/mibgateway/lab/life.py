"""How a process of the laboratory ends: tidily at a signal, and together with its parent."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_LOOK_AGAIN_S = 0.5
"""How often a parent is looked for where the kernel can't tell of its end."""


class Ended(BaseException):
    """A signal asks this process to end, before the reactor takes signals."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def tidy_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack, so that what was begun is cleared away.

    Twisted takes SIGTERM over while its reactor runs; SIGHUP becomes one then.
    """
    def end(number: int, frame: FrameType | None) -> None:
        if signal.getsignal(signal.SIGTERM) is end:
            raise Ended(number)
        os.kill(os.getpid(), signal.SIGTERM)

    before = {number: signal.signal(number, end)
              for number in (signal.SIGTERM, signal.SIGHUP)
              if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class ParentWatch:
    """Notices the end of the process that started this one. A reader of the reactor."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._handle = -1
        self._reactor: Any = None
        self._ended: Callable[[], None] = lambda: None
        with contextlib.suppress(OSError, AttributeError):      # Linux before 5.3
            self._handle = os.pidfd_open(self._parent)

    @property
    def is_orphan(self) -> bool:
        """Whether the parent has ended."""
        return os.getppid() != self._parent

    def begin(self, reactor: Any, ended: Callable[[], None]) -> None:
        """Call ended once the parent has ended; in this turn where it has already."""
        self._reactor, self._ended = reactor, ended
        if self.is_orphan:
            self._tell()
        elif self._handle >= 0:
            reactor.addReader(self)
        else:
            reactor.callLater(_LOOK_AGAIN_S, self._look)

    def _look(self) -> None:
        if self.is_orphan:
            self._tell()
        elif self._reactor is not None:
            self._reactor.callLater(_LOOK_AGAIN_S, self._look)

    def _tell(self) -> None:
        ended, self._ended = self._ended, lambda: None
        self.stop()
        ended()

    def stop(self) -> None:
        """Watch no longer."""
        reactor, self._reactor = self._reactor, None
        handle, self._handle = self._handle, -1
        if handle >= 0:
            if reactor is not None:
                self._handle = handle           # removeReader asks for it
                reactor.removeReader(self)
                self._handle = -1
            os.close(handle)

    # what a reactor asks of a reader

    def fileno(self) -> int:
        """Give the handle that becomes readable at the parent's end."""
        return self._handle

    def doRead(self) -> None:  # noqa: N802
        """Take note of the end."""
        self._tell()

    def connectionLost(self, reason: object) -> None:  # noqa: N802
        """The reactor lets go of it."""

    def logPrefix(self) -> str:  # noqa: N802
        """Give what log lines begin with."""
        return "parent"
