"""Judges whether a server is too slow."""

from __future__ import annotations

from mibgateway.transfer.terms import Bounds, Cut, TransferError


class Pace:
    """The times of one connection. What moves in either direction counts."""

    def __init__(self, bounds: Bounds, now: float, end: float) -> None:
        """end: the moment at which the whole transfer has to be over."""
        self._bounds, self._end = bounds, end
        self._connected = False
        self._is_held = False
        self._moved_at = self._window_began = now
        self._in_window = 0

    def connected(self, now: float) -> None:
        """Note that the handshake is done."""
        self._connected = True
        self._moved_at = self._window_began = now

    def moved(self, octets: int, now: float) -> None:
        """Note that octets came or left."""
        self._moved_at = now
        self._in_window += octets

    def held(self) -> None:
        """Note that it is we who are slow."""
        self._is_held = True

    def released(self, now: float) -> None:
        """Note that it is the server's turn again."""
        self._is_held = False
        self._moved_at = self._window_began = now
        self._in_window = 0

    @property
    def deadline(self) -> float:
        """When to ask `late` again."""
        if not self._connected:
            return min(self._end, self._moved_at + self._bounds.connect_s)
        if self._is_held:
            return self._end
        return min(self._end, self._moved_at + self._bounds.idle_s,
                   self._window_began + self._bounds.window_s)

    def late(self, now: float) -> TransferError | None:
        """Say why it has been too long, and begin a new window where it has not."""
        bounds = self._bounds
        if now >= self._end:
            return TransferError(
                f"not done within {bounds.total_s:.0f} s", may_retry=True)
        if not self._connected:
            if now >= self._moved_at + bounds.connect_s:
                return Cut(f"no connection within {bounds.connect_s:.0f} s")
            return None
        if self._is_held:
            return None
        if now >= self._moved_at + bounds.idle_s:
            return Cut(f"nothing has moved for {bounds.idle_s:.0f} s")
        if now >= self._window_began + bounds.window_s:
            if self._in_window < bounds.least_octets:
                return TransferError(
                    f"the server is too slow: {self._in_window} octets in "
                    f"{bounds.window_s:.0f} s", may_retry=True)
            self._window_began, self._in_window = now, 0
        return None
