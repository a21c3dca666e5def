"""Ports for units of the laboratory: free, and lent to one unit at a time."""

from __future__ import annotations

import contextlib
import random
import socket

from mibgateway.errors import StartError

RANGE = range(20000, 30000)
"""No system lends these to outgoing connections."""

_TRIES = 500


class PortLender:
    """Lends ports until it is closed, or the process ends.

    A lent port is marked by a socket of the abstract namespace, which two processes of one network
    namespace can't both have; so the time between the choice and the use of a port is no race.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._marks = contextlib.ExitStack()

    def lend(self) -> int:
        """Give a port that neither UDP nor TCP uses at the address. Raises StartError."""
        for port in random.sample(RANGE, _TRIES):
            if self.take(port) and self._is_free(port):
                return port
        raise StartError(f"no free port at {self._address}")

    def take(self, port: int) -> bool:
        """Mark a port as lent; False where another unit has it."""
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0mibgate-port-{port}")
        except OSError:
            mark.close()
            return False
        self._marks.enter_context(mark)
        return True

    def _is_free(self, port: int) -> bool:
        with contextlib.suppress(OSError), \
                socket.socket(self._family, socket.SOCK_DGRAM) as datagrams, \
                socket.socket(self._family, socket.SOCK_STREAM) as stream:
            datagrams.bind((self._address, port))
            stream.bind((self._address, port))
            return True
        return False

    def close(self) -> None:
        """Let others have them."""
        self._marks.close()
