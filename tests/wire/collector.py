"""A syslog collector on a UDP socket: what came, in order."""

from __future__ import annotations

import contextlib
import socket

from tests.wire.unit_process import until


class Collector:
    """Takes datagrams as they are."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._lines: list[str] = []

    @property
    def address(self) -> str:
        """Where it listens, as a unit is told."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def lines(self) -> list[str]:
        """Give all that came."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._lines.append(self._socket.recv(65536).decode())
        return self._lines

    def forget(self) -> None:
        """Forget what came until now."""
        self.lines()
        self._lines.clear()

    def of(self, *numbers: int) -> list[str]:
        """Give SipEp's notifications of these numbers."""
        heads = tuple(f"SipEp: 1400-SIP Endpoint: {number}-" for number in numbers)
        return [line for line in self.lines() if line.partition(">")[2].startswith(heads)]

    def wait_for(self, part: str) -> str:
        """Give the first line that holds this, once it is there."""
        return until(lambda: next((line for line in self.lines() if part in line), ""),
                     f"syslog brings {part!r}, not {self._lines}")
