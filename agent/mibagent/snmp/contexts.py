"""Several engines behind one port, told apart by the context that a message is for.

A community stands for a context, RFC 3584 section 5.2.2; a scoped PDU of SNMPv3 names it, RFC 3412
section 6.8. All engines have the same security then, so that the context alone is looked for here,
and whatever else is wrong with a message is its engine's affair.
"""

from __future__ import annotations

from collections.abc import Mapping

from mibagent.snmp.ber import BerError
from mibagent.snmp.counters import Counters
from mibagent.snmp.engine import Engine, Send
from mibagent.snmp.message import MAX_SIZE, V3, read_version
from mibagent.snmp.peer import Peer
from mibagent.snmp.secured_answers import Opened, SecuredAnswers
from mibagent.snmp.usm import Usm

MOST_PEERS = 1024
"""Whose latest context is remembered, for the fast path."""


class Contexts:
    """Stands where an engine stands, and asks the one that a community stands for."""

    def __init__(self, engines: Mapping[bytes, Engine],
                 by_context: Mapping[bytes, Engine] | None = None, usm: Usm | None = None) -> None:
        """engines: by community; by_context: by the name in SNMPv3, whose security is usm.

        A message for none of them goes to the first, which refuses it.
        """
        self._engines, self._by_context = dict(engines), dict(by_context or {})
        self._first = next(iter((*self._engines.values(), *self._by_context.values())))
        self._secured = None if usm is None else SecuredAnswers(usm, Counters(), MAX_SIZE)
        self._latest: dict[tuple[object, ...], Engine] = {}
        self._is_turn = False
        self._asked: list[Engine] = []
        """Those that have been asked in this turn."""

    @property
    def fast(self) -> Contexts:
        """Where the fast path of an engine would be."""
        return self

    @property
    def turn(self) -> Contexts:
        """Where the turn of an engine would be: that of each that is asked in it."""
        return self

    def __enter__(self) -> None:
        self._is_turn = True

    def __exit__(self, *failure: object) -> None:
        self._is_turn = False
        for engine in self._asked:
            engine.turn.__exit__(*failure)
        self._asked.clear()

    def _in_turn(self, engine: Engine) -> Engine:
        if self._is_turn and not engine.turn.is_held:
            engine.turn.__enter__()
            self._asked.append(engine)
        return engine

    def _of_community(self, datagram: bytes) -> Engine | None:
        try:
            at = datagram[1]
            at = 5 if at < 0x80 else at - 0x7B
            return self._engines[datagram[at + 2:at + 2 + datagram[at + 1]]]
        except LookupError:
            return None

    def _of_context(self, datagram: bytes, peer: Peer) -> Engine:
        """Give the engine of a scoped PDU's context; of a message that is none, the first."""
        if self._secured is None:
            return self._first
        try:
            version, at = read_version(datagram)
            opened = self._secured.open(datagram, at) if version == V3 else None
        except BerError:
            return self._first
        if not isinstance(opened, Opened):
            return self._first
        engine = self._by_context.get(opened.context, self._first)
        if len(self._latest) >= MOST_PEERS:
            self._latest.clear()
        self._latest[peer[:2]] = engine
        return engine

    def answer(self, datagram: bytes, peer: Peer) -> bytes | None:
        """Give the fast path's answer, or None."""
        engine = self._of_community(datagram) or self._latest.get(peer[:2])
        return None if engine is None else self._in_turn(engine).fast.answer(datagram, peer)

    def answer_strictly(self, datagram: bytes, peer: Peer, send: Send) -> bytes | None:
        """Give the strict path's answer."""
        engine = self._of_community(datagram) or self._of_context(datagram, peer)
        return self._in_turn(engine).answer_strictly(datagram, peer, send)
