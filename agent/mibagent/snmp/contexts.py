"""Several engines behind one port, told apart by the community that a message carries.

RFC 3584 section 5.2.2: a community stands for a context, and each context has an agent's own tree.
"""

from __future__ import annotations

from collections.abc import Mapping

from mibagent.snmp.engine import Engine, Peer, Send


class Contexts:
    """Stands where an engine stands, and asks the one that a community stands for."""

    def __init__(self, engines: Mapping[bytes, Engine]) -> None:
        """engines: by community. A message with another goes to the first, which refuses it."""
        self._engines = dict(engines)
        self._first = next(iter(self._engines.values()))

    @property
    def fast(self) -> Contexts:
        """Where the fast path of an engine would be."""
        return self

    @property
    def turn(self) -> Contexts:
        """Where the turn of an engine would be: that of each."""
        return self

    def __enter__(self) -> None:
        for engine in self._engines.values():
            engine.turn.__enter__()

    def __exit__(self, *failure: object) -> None:
        for engine in self._engines.values():
            engine.turn.__exit__(*failure)

    def _engine_of(self, datagram: bytes) -> Engine:
        try:
            at = datagram[1]
            at = 5 if at < 0x80 else at - 0x7B
            return self._engines[datagram[at + 2:at + 2 + datagram[at + 1]]]
        except LookupError:
            return self._first

    def answer(self, datagram: bytes, peer: Peer) -> bytes | None:
        """Give the fast path's answer, or None."""
        return self._engine_of(datagram).fast.answer(datagram, peer)

    def answer_strictly(self, datagram: bytes, peer: Peer, send: Send) -> bytes | None:
        """Give the strict path's answer."""
        return self._engine_of(datagram).answer_strictly(datagram, peer, send)
