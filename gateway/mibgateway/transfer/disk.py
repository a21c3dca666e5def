"""Between a connection and the disk: what blocks is done in a thread, and little is held."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mibgateway.transfer.part import Part

T = TypeVar("T")

BLOCK_OCTETS = 1024 * 1024
"""What is written or read at once."""

MOST_HELD_OCTETS = 4 * 1024 * 1024
"""What may wait for the disk before the server has to wait."""


class Disk:
    """Calls one thing after the other in a thread.

    Whoever waits for a call may give up waiting; the call goes on.
    """

    def __init__(self, in_thread: Callable[[Callable[[], Any]], Deferred[Any]]) -> None:
        self._in_thread = in_thread
        self._queue: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()
        self._is_busy = False

    def call(self, what: Callable[[], T]) -> Deferred[T]:
        """Call it after those before it."""
        told: Deferred[T] = Deferred()
        self._queue.append((what, told))
        self._next()
        return told

    def abandon(self, last: Callable[[], object]) -> None:
        """Forget what has not begun, and let this be the last call."""
        self._queue.clear()
        self.call(last).addErrback(lambda _: None)

    def _next(self) -> None:
        if self._is_busy or not self._queue:
            return
        what, told = self._queue.popleft()
        self._is_busy = True
        self._in_thread(what).addBoth(self._done, told)

    def _done(self, result: Any, told: Deferred[Any]) -> None:
        self._is_busy = False
        if isinstance(result, Failure):
            told.errback(result)
        else:
            told.callback(result)
        self._next()


class Landing:
    """Lets a body fall into a part file, block by block."""

    def __init__(self, disk: Disk, part: Part, written: Callable[[int], object]) -> None:
        """written: told how many octets of the file are on the disk."""
        self._disk, self._part, self._told = disk, part, written
        self._held = bytearray()
        self._written = 0
        self._is_writing = self._is_full = self._rewinds = False
        self._waiting: Deferred[None] | None = None
        self._failure: Failure | None = None
        self.hold: Callable[[], object] = lambda: None
        """Asks the server to wait."""
        self.release: Callable[[], object] = lambda: None
        """Lets it go on."""
        self.failed: Callable[[Failure], object] = lambda _: None
        """Told when the disk takes no more."""

    def begin(self, offset: int) -> None:
        """Go on from this octet: the first, or the one after those that are there."""
        if offset == 0 and (self._written or self._held or self._is_writing):
            self._rewinds = True
            self._held.clear()
            self._written = 0

    def take(self, data: bytes) -> None:
        """Take some of the body."""
        self._held += data
        if not self._is_writing:
            if len(self._held) >= BLOCK_OCTETS:
                self._write()
        elif len(self._held) >= MOST_HELD_OCTETS and not self._is_full:
            self._is_full = True
            self.hold()

    def settled(self) -> Deferred[None]:
        """Wait until all that was taken is written. Raises TransferError."""
        waiting: Deferred[None] = Deferred()
        self._waiting = waiting
        if not self._is_writing:
            self._go_on()
        return waiting

    def _write(self) -> None:
        held, self._held = self._held, bytearray()
        rewinds, self._rewinds = self._rewinds, False
        self._is_writing = True

        def write() -> None:
            if rewinds:
                self._part.rewind()
            self._part.write(held)

        self._disk.call(write).addCallbacks(self._landed, self._lost, (len(held),))

    def _landed(self, _: None, octets: int) -> None:
        self._is_writing = False
        if not self._rewinds:
            self._written += octets
            self._told(self._written)
        if self._is_full:
            self._is_full = False
            self.release()
        self._go_on()

    def _lost(self, failure: Failure) -> None:
        self._is_writing = False
        self._failure = failure
        self.failed(failure)
        self._go_on()

    def _go_on(self) -> None:
        if self._failure is None and not self._is_writing and (
                len(self._held) >= BLOCK_OCTETS
                or (self._waiting is not None and (self._held or self._rewinds))):
            self._write()
            return
        waiting = self._waiting
        if waiting is not None and not self._is_writing:
            self._waiting = None
            if self._failure is not None:
                waiting.errback(self._failure)
            else:
                waiting.callback(None)
