"""UDP for the engine.

Datagrams are taken up to sixteen at a time. A full sixteen means load: all are answered, then all
answers sent, which saves each its own cold start; fewer are answered one by one, so that a manager
in lock-step doesn't wait for its neighbours. After four times sixteen the rest of the reactor has
its turn.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet import udp
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import DatagramProtocol

from mibagent.snmp.engine import Engine

CHUNK = 16
CHUNKS_A_TURN = 4
RECEIVE_BUFFER = 4 << 20
LARGEST = 65536


def _no_more() -> None:
    pass


class SnmpPort(udp.Port):
    """A UDP port that hands datagrams to an engine without a protocol between."""

    def __init__(
        self, reactor: Any, engine: Engine, interface: str, port: int,
        after_chunk: Callable[[], None] = _no_more,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            port, DatagramProtocol(), interface, LARGEST, reactor)
        self._engine = engine
        self._after_chunk = after_chunk
        self.unsent = 0
        """Answers that the host could not send."""

    @property
    def number(self) -> int:
        """The port that it listens on, also where 0 was asked for."""
        number: int = self.getHost().port       # type: ignore[no-untyped-call]
        return number

    def createInternetSocket(self) -> socket.socket:
        made: socket.socket = super().createInternetSocket()
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return made

    def doRead(self) -> None:
        """Answer what waits."""
        receive = self.socket.recvfrom
        fast, strict = self._engine.fast.answer, self._engine.answer_strictly
        for _ in range(CHUNKS_A_TURN):
            chunk: list[tuple[bytes, Any]] = []
            try:
                for _ in range(CHUNK):
                    chunk.append(receive(LARGEST))      # noqa: PERF401
            except OSError:
                pass        # nothing more waits, or an ICMP error told of an answer of before
            if len(chunk) < CHUNK:
                for datagram, peer in chunk:
                    answer = fast(datagram, peer) or strict(
                        datagram, peer, partial(self._send, peer))
                    if answer is not None:
                        self._send(peer, answer)
                if chunk:
                    self._after_chunk()
                return
            answers = [
                (fast(datagram, peer) or strict(datagram, peer, partial(self._send, peer)), peer)
                for datagram, peer in chunk]
            self._after_chunk()
            for answer, peer in answers:
                if answer is not None:
                    self._send(peer, answer)

    def _send(self, peer: Any, answer: bytes) -> None:
        try:
            self.socket.sendto(answer, peer)
        except OSError:
            self.unsent += 1
        except AttributeError:
            if self.connected:
                raise
            # the port was closed while a commit was under way

    def stop(self) -> Deferred[None]:
        """Close the socket; fires when it is closed."""
        closed: Deferred[None] | None = self.stopListening()  # type: ignore[no-untyped-call]
        return closed or succeed(None)


def start(
    reactor: Any, engine: Engine, interface: str, port: int,
    after_chunk: Callable[[], None] = _no_more,
) -> SnmpPort:
    """Listen, and answer from now on. Raises CannotListenError.

    after_chunk: called when the datagrams of one turn are in the engine, before their answers
    leave where there are many.
    """
    listening = SnmpPort(reactor, engine, interface, port, after_chunk)
    listening.startListening()  # type: ignore[no-untyped-call]
    return listening
