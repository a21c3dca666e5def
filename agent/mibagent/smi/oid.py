"""Object identifiers are tuples of int; their texts are dotted decimals."""

from __future__ import annotations

Oid = tuple[int, ...]

MAX_SUB_IDENTIFIERS = 128
MAX_SUB_IDENTIFIER = 0xFFFFFFFF


def parse_oid(text: str) -> Oid:
    """Give the Oid of dotted decimals, with or without a leading dot. Raises ValueError."""
    parts = text.removeprefix(".").split(".")
    digits = "".join(parts)
    if not (digits.isascii() and digits.isdigit() and all(parts)):
        raise ValueError(f"not an object identifier: {text!r}")
    oid = tuple(map(int, parts))
    if len(oid) > MAX_SUB_IDENTIFIERS or max(oid) > MAX_SUB_IDENTIFIER:
        raise ValueError("an object identifier has 1 to 128 parts of 32 bits each")
    return oid


def print_oid(oid: Oid) -> str:
    """Give dotted decimals without a leading dot."""
    return ".".join(map(str, oid))
