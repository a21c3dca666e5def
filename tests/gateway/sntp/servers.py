"""What a time server answers, by hand."""

from __future__ import annotations

import struct

ZERO = 2_208_988_800


def stamp(moment: float) -> bytes:
    seconds = int(moment // 1)
    return struct.pack("!II", (seconds + ZERO) % 2**32, int((moment - seconds) * 2**32))


def reply(
    asked: bytes, now: float, *, took: float = 0.0, leap: int = 0, version: int = 4, mode: int = 4,
    stratum: int = 2, delay: float = 0.01, dispersion: float = 0.01, reference: bytes = b"LOCL",
    origin: bytes | None = None,
) -> bytes:
    """Answer a request that arrived now, after it took so long."""
    return struct.pack(
        "!BBbbiI4s8s8s8s8s", leap << 6 | version << 3 | mode, stratum, 6, -20,
        int(delay * 65536), int(dispersion * 65536), reference, stamp(now),
        asked[40:48] if origin is None else origin, stamp(now), stamp(now + took))
