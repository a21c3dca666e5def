"""Where messages begin and end in a TCP connection: each is one BER SEQUENCE.

RFC 3430 section 2.
"""

from __future__ import annotations

from mibagent.snmp.ber import SEQUENCE, BerError
from mibagent.snmp.message import MAX_SIZE

_MOST_LENGTH_OCTETS = 4


class MessageStream:
    """Cuts what comes into messages. Holds at most what it was fed and has not given."""

    def __init__(self, limit: int = MAX_SIZE) -> None:
        """limit: octets of the longest message."""
        self._limit = limit
        self._held = bytearray()

    def __len__(self) -> int:
        return len(self._held)

    def feed(self, octets: bytes) -> None:
        """Take what came."""
        self._held += octets

    def take(self) -> bytes | None:
        """Give the next whole message; None while it is not whole yet.

        Raises BerError where nobody can tell where one ends, or it is too long; then the
        connection is to be closed.
        """
        held = self._held
        if len(held) < 2:
            if held and held[0] != SEQUENCE:
                raise BerError("no message begins so", "RFC 3430 section 2.1")
            return None
        if held[0] != SEQUENCE:
            raise BerError("no message begins so", "RFC 3430 section 2.1")
        size, start = held[1], 2
        if size >= 0x80:
            start += size & 0x7F
            if not 2 < start <= 2 + _MOST_LENGTH_OCTETS:
                raise BerError("a message's length is of no form that is taken", "X.690 8.1.3")
            if len(held) < start:
                return None
            size = int.from_bytes(held[2:start], "big")
        if start + size > self._limit:
            raise BerError(f"a message is longer than {self._limit} octets")
        if len(held) < start + size:
            return None
        message = bytes(held[:start + size])
        del held[:start + size]
        return message
