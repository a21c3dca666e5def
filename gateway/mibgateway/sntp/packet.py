"""The only file that knows SNTP's octets: a client's request and a server's reply.

RFC 5905 section 7.3.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

LENGTH = 48
"""Octets of a message without what may follow: extension fields and a MAC, which we ask for not."""

NONCE = 8
VERSION = 4
OLDEST_VERSION = 3
"""Some servers answer so whatever they are asked."""

_FORM = struct.Struct("!BBbbiI4s8s8s8s8s")
_EPOCH = 2_208_988_800
"""1970 in seconds from 1900, where era 0 begins."""
_ERA = 2**32


class Mode(enum.IntEnum):
    """Who speaks."""

    CLIENT = 3
    SERVER = 4


class Malformed(ValueError):
    """No reply of a time server at all."""


@dataclass(frozen=True)
class Reply:
    """What a server says, with its times in seconds from 1970."""

    leap: int
    """3: its own clock is not synchronised."""
    stratum: int
    """0: no time but a kiss code; 1 has a clock of its own."""
    root_delay: float
    """Seconds to the primary server and back; negative where a server has it wrong."""
    root_dispersion: float
    """Seconds by which it may be wrong at most."""
    reference: bytes
    """The kiss code at stratum 0."""
    origin: bytes
    """The transmit timestamp of the request that it answers."""
    received_at: float | None
    """When the request arrived; None is not told."""
    sent_at: float | None
    """When the reply left; None is not told."""

    @classmethod
    def parse(cls, octets: bytes) -> Reply:
        """Read a datagram. Raises Malformed."""
        if len(octets) < LENGTH:
            raise Malformed(f"{len(octets)} octets are no reply")
        (first, stratum, _poll, _precision, delay, dispersion, reference, _set, origin, received,
         sent) = _FORM.unpack_from(octets)
        if first & 7 != Mode.SERVER:
            raise Malformed(f"mode {first & 7} is not a server's")
        if not OLDEST_VERSION <= first >> 3 & 7 <= VERSION:
            raise Malformed(f"version {first >> 3 & 7} is unknown")
        return cls(first >> 6, stratum, delay / 65536, dispersion / 65536, reference, origin,
                   moment(received), moment(sent))


def request(nonce: bytes) -> bytes:
    """Give a request: the nonce stands for the time that we have, which is nobody's business."""
    return struct.pack("!B39x8s", VERSION << 3 | Mode.CLIENT, nonce)


def moment(timestamp: bytes) -> float | None:
    """Give seconds from 1970 of a timestamp, None of zero.

    With its first bit set it is of the era that ends in 2036, else of the next one.
    RFC 4330 section 3.
    """
    seconds, fraction = int.from_bytes(timestamp[:4], "big"), int.from_bytes(timestamp[4:], "big")
    if not seconds and not fraction:
        return None
    era = 0 if seconds >= _ERA // 2 else _ERA
    return float(seconds + era - _EPOCH) + fraction / _ERA
