"""Messages of SNMPv1 and SNMPv2c: a version, a community, a PDU.

RFC 1157 section 4; RFC 1901 section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mibagent.snmp.ber import (
    INTEGER,
    OCTETS,
    SEQUENCE,
    BerError,
    decode_integer,
    encode_integer,
    read_expected,
    read_tlv,
    tlv,
)

V1 = 0
V2C = 1
V3 = 3

MAX_SIZE = 65507
"""What one UDP datagram over IPv4 carries."""
MIN_MAX_SIZE = 484
"""What every entity takes. RFC 3417 section 3.2."""


class Message(NamedTuple):
    """A community message whose PDU has not been looked into."""

    version: int
    community: bytes
    tag: int
    """The PDU's."""
    pdu_at: int
    """Where the PDU's tag stands."""
    start: int
    """Where the PDU's content begins."""

    @property
    def front(self) -> bytes:
        """What stands before the PDU, in the form that we send."""
        return encode_integer(self.version) + tlv(OCTETS, self.community)


def read_version(octets: bytes) -> tuple[int, int]:
    """Give msgVersion and the place after it. Raises BerError."""
    at, end = read_expected(octets, 0, len(octets), SEQUENCE)
    if end != len(octets):
        raise BerError("octets after the message")
    start, stop = read_expected(octets, at, end, INTEGER)
    return decode_integer(octets[start:stop]), stop


def read_message(octets: bytes, version: int, at: int) -> Message:
    """Give the community message whose version ends at a place. Raises BerError."""
    end = len(octets)
    start, stop = read_expected(octets, at, end, OCTETS)
    tag, start_of_pdu, end_of_pdu = read_tlv(octets, stop, end)
    if end_of_pdu != end:
        raise BerError("octets after the PDU")
    return Message(version, octets[start:stop], tag, stop, start_of_pdu)


class Request(NamedTuple):
    """A PDU that somebody may ask, in whatever message it came.

    A community message and a scoped PDU are both a SEQUENCE of a front and a PDU: one form for
    the answers to both, and one fast path.
    """

    version: int
    octets: bytes
    """The community message, or the scoped PDU."""
    front: bytes
    """What stands before the PDU, in the form that we send."""
    tag: int
    """The PDU's."""
    pdu_at: int
    start: int
    """Where the PDU's content begins."""
    end: int
    """Where it ends."""
    room: int
    """The most octets that the answer's SEQUENCE may have."""
    seal: Callable[[bytes], bytes]
    """Gives the datagram that carries the answer's SEQUENCE."""
    asker: tuple[bytes, ...] = ()
    """Who asks, where the octets do not say it; what a SET is known by."""


def as_it_is(octets: bytes) -> bytes:
    """Give the message of a community: it is the SEQUENCE itself."""
    return octets


def encode_message(version: int, community: bytes, pdu: bytes) -> bytes:
    """Give a whole community message around a whole PDU."""
    return tlv(SEQUENCE, encode_integer(version) + tlv(OCTETS, community) + pdu)


def _size_of_tlv(size: int) -> int:
    if size < 0x80:
        return size + 2
    return size + 2 + ((size.bit_length() + 7) >> 3)


def size_of_response(front: int, request_id: int, varbinds: int) -> int:
    """Give the size of a whole answer without error from the sizes of its contents.

    front: what stands before the PDU: version and community, or a scoped PDU's context.
    """
    pdu = _size_of_tlv(request_id) + 6 + _size_of_tlv(varbinds)
    return _size_of_tlv(front + _size_of_tlv(pdu))
