"""Datagrams over UDP."""

from __future__ import annotations

import contextlib
import socket
import time

LARGEST = 65535


class UnknownTarget(Exception):
    """The target's name leads nowhere; the text says which."""


class UdpLink:
    """A connected UDP socket, a new one for each check."""

    lag_s = 0.03

    def __init__(self, host: str, port: int) -> None:
        """Raises UnknownTarget."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            raise UnknownTarget(f"{host}: {error}") from None
        self._family, self._address = found[0], found[4]
        self.address: tuple[str, int] = (str(found[4][0]), port)
        """Host and port, for managers that open sockets of their own."""
        self._socket = self._open()

    def _open(self) -> socket.socket:
        made = socket.socket(self._family, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        made.connect(self._address)
        return made

    def fresh(self) -> None:
        """Take a new socket: nothing that is yet to come finds it."""
        self._socket.close()
        self._socket = self._open()

    def pause(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def send(self, octets: bytes) -> None:
        """Send a datagram; a refusal of the one before is not this one's."""
        for _ in range(2):
            with contextlib.suppress(ConnectionRefusedError):
                self._socket.send(octets)
                return

    def receive(self, wait_s: float) -> bytes | None:
        """Give the next datagram; None where none comes in time, or nobody listens."""
        deadline = time.monotonic() + wait_s
        while True:
            self._socket.settimeout(max(0.0005, deadline - time.monotonic()))
            try:
                return self._socket.recv(LARGEST)
            except (TimeoutError, BlockingIOError):
                return None
            except OSError:
                if time.monotonic() >= deadline:
                    return None
                time.sleep(0.01)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
