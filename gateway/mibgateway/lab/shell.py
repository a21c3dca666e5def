"""The laboratory's socket: one JSON object a line, each answered by one, in order."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from mibgateway.lab.door import Door

LONGEST_LINE = 12 * 1024 * 1024
"""Octets: a script of the largest size, with what JSON adds."""

log = logging.getLogger(__name__)


class _Caller(Protocol):
    """Takes requests, one after the other."""

    def __init__(self, callers: _Callers) -> None:
        self._callers = callers
        self._octets = bytearray()
        self._lines: list[bytes] = []
        self._answering = False

    def connectionMade(self) -> None:
        self._callers.open.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._callers.open.discard(self)
        self._lines.clear()

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        if b"\n" in data:
            *lines, rest = self._octets.split(b"\n")
            self._octets = bytearray(rest)
            self._lines += [bytes(line) for line in lines]
        if len(self._octets) > LONGEST_LINE:
            self.hang_up()
        if self._lines and not self._answering:
            self._answering = True
            ensureDeferred(self._answer_all()).addErrback(self._broke)

    async def _answer_all(self) -> None:
        while self._lines:
            line = self._lines.pop(0)
            try:
                request = json.loads(line)
            except ValueError:
                request = None
            answer = await self._callers.door.answer(request) if isinstance(request, dict) \
                else {"no": "one JSON object a line is wanted"}
            if self.transport is not None:
                self.transport.write(json.dumps(answer).encode() + b"\n")
        self._answering = False

    def _broke(self, failure: Failure) -> None:
        log.error("the laboratory's door broke: %s", failure.getTraceback())
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection."""
        if self.transport is not None:
            self.transport.loseConnection()


class _Callers(ServerFactory):
    noisy = False

    def __init__(self, door: Door) -> None:
        self.door = door
        self.open: set[_Caller] = set()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Caller(self)


class DoorPort:
    """The socket while it listens."""

    def __init__(self, reactor: Any, door: Door, path: Path) -> None:
        """Listen where only the owner of the path can connect."""
        self._door, self._callers = door, _Callers(door)
        path.unlink(missing_ok=True)
        self._port = reactor.listenUNIX(str(path), self._callers, mode=0o600)

    def close(self) -> Deferred[None]:
        """Hang up on everybody and close it."""
        self._door.close()
        for caller in list(self._callers.open):
            caller.hang_up()
        closed: Deferred[None] = self._port.stopListening()
        return closed.addErrback(lambda failure: failure.trap(FileNotFoundError) and None)
