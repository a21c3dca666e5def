"""SMI values to octets and back.

Strict where RFC 3417 section 8 and X.690 are: definite lengths, primitive forms, no padded
sub-identifiers. Two things are taken that we never send: lengths in more octets than needed, which
RFC 3417 section 8 permits, and numbers padded up to the width of their type, which old managers
with fixed-width encoders send. Nothing here calls itself, so that no depth of nesting costs stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from mibagent.errors import PeerError
from mibagent.smi.oid import MAX_SUB_IDENTIFIER, MAX_SUB_IDENTIFIERS, Oid
from mibagent.smi.syntax import Base, Value

INTEGER = 0x02
OCTETS = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
COUNTER64 = 0x46
NO_SUCH_OBJECT = 0x80
NO_SUCH_INSTANCE = 0x81
END_OF_MIB_VIEW = 0x82

UNSPECIFIED = frozenset((NULL, NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW))
"""Tags of a varbind's value that carry none."""


class BerError(PeerError):
    """Octets that are no BER, or not what SNMP allows of it."""

    def __init__(self, why: str, clause: str = "RFC 3417 section 8") -> None:
        super().__init__(why, clause)


def encode_length(size: int) -> bytes:
    """Give the length octets of so many octets of content, in the fewest."""
    if size < 0x80:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) >> 3, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, content: bytes) -> bytes:
    """Give tag, length and content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    return bytes((tag,)) + encode_length(size) + content


def read_tlv(octets: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Give the tag at a place, and where its content begins and stops. Raises BerError."""
    if at + 2 > end:
        raise BerError("cut short")
    tag, size = octets[at], octets[at + 1]
    at += 2
    if tag & 0x1F == 0x1F:
        raise BerError("SNMP has no tag of several octets")
    if size >= 0x80:
        many = size & 0x7F
        if not 1 <= many <= 4:
            raise BerError("an indefinite length, or one of over four octets")
        if at + many > end:
            raise BerError("cut short")
        size = int.from_bytes(octets[at:at + many], "big")
        at += many
    stop = at + size
    if stop > end:
        raise BerError("longer than what holds it")
    return tag, at, stop


def read_expected(octets: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Give where the content of that very tag begins and stops. Raises BerError."""
    found, start, stop = read_tlv(octets, at, end)
    if found != tag:
        raise BerError(f"tag 0x{found:02x} where 0x{tag:02x} is due")
    return start, stop


def encode_integer(value: int, tag: int = INTEGER) -> bytes:
    """Give a number as a whole TLV, in the fewest octets."""
    size = ((value if value >= 0 else ~value).bit_length() >> 3) + 1
    return bytes((tag, size)) + value.to_bytes(size, "big", signed=True)


def decode_integer(content: bytes) -> int:
    """Give an Integer32. Raises BerError."""
    if not 1 <= len(content) <= 4:
        raise BerError("an INTEGER has one to four octets")
    return int.from_bytes(content, "big", signed=True)


def _decode_unsigned(content: bytes, bits: int) -> int:
    if not 1 <= len(content) <= bits // 8 + 1:
        raise BerError(f"{len(content)} octets for a number of {bits} bits")
    value = int.from_bytes(content, "big", signed=True)
    if not 0 <= value < 1 << bits:
        raise BerError(f"not a number of {bits} bits without sign")
    return value


def encode_sub_identifiers(parts: Iterable[int]) -> bytes:
    """Give base-128 octets of each part, in the fewest. X.690 section 8.19.2."""
    out = bytearray()
    for part in parts:
        if part < 0x80:
            out.append(part)
            continue
        shift = (part.bit_length() - 1) // 7 * 7
        while shift:
            out.append(0x80 | part >> shift & 0x7F)
            shift -= 7
        out.append(part & 0x7F)
    return bytes(out)


def encode_oid(oid: Oid) -> bytes:
    """Give the content octets. Raises ValueError when the tuple is no object identifier."""
    if not 2 <= len(oid) <= MAX_SUB_IDENTIFIERS or not 0 <= min(oid) <= max(oid) < 1 << 32:
        raise ValueError("an object identifier has 2 to 128 parts of 32 bits each")
    if oid[0] > 2 or (oid[0] < 2 and oid[1] > 39):
        raise ValueError("no object identifier begins so")
    return encode_sub_identifiers((oid[0] * 40 + oid[1], *oid[2:]))


_SUB_IDENTIFIERS = re.compile(rb"(?:[\x81-\xff][\x80-\xff]{0,3})?[\x00-\x7f]")
_WHOLE = re.compile(rb"(?:(?:[\x81-\xff][\x80-\xff]{0,3})?[\x00-\x7f])+", re.DOTALL)
_WIDE = re.compile(rb"[\x80-\xff]{4}")
_THREE_OR_MORE = re.compile(rb"[\x80-\xff]{2,}[\x00-\x7f]")


def check_oid(content: bytes) -> None:
    """Raise BerError unless these are the content octets of an object identifier.

    At most 128 sub-identifiers of 32 bits each. RFC 3416 section 4.1.
    """
    if _WHOLE.fullmatch(content) is None:
        raise BerError("no object identifier: empty, cut short, padded or over 32 bits")
    if len(content) >= MAX_SUB_IDENTIFIERS or _WIDE.search(content) is not None:
        decode_oid(content)


def decode_oid(content: bytes) -> Oid:
    """Give the tuple of content octets. Raises BerError."""
    if _WHOLE.fullmatch(content) is None:
        raise BerError("no object identifier: empty, cut short, padded or over 32 bits")
    parts: list[int] = []
    for octets in _SUB_IDENTIFIERS.findall(content):
        part = 0
        for octet in octets:
            part = part << 7 | octet & 0x7F
        parts.append(part)
    head = parts[0]
    first = 2 if head >= 80 else head // 40
    parts[:1] = (first, head - 40 * first)
    if len(parts) > MAX_SUB_IDENTIFIERS or max(parts) > MAX_SUB_IDENTIFIER:
        raise BerError("an object identifier has at most 128 parts of 32 bits each",
                       "RFC 3416 section 4.1")
    return tuple(parts)


def _marked(match: re.Match[bytes]) -> bytes:
    octets = match.group()
    return bytes((0xFF, 0x80 + len(octets))) + octets


def sort_key(content: bytes) -> bytes:
    """Give octets that compare as object identifiers do, of content octets or of a part of them.

    One and two octets compare rightly as they are; longer sub-identifiers get a mark before
    them, which no shorter one can begin with.
    """
    return _THREE_OR_MORE.sub(_marked, content)


_BITS = {Base.COUNTER32: 32, Base.UNSIGNED32: 32, Base.TIME_TICKS: 32, Base.COUNTER64: 64}


def _integer_encoder(base: Base) -> Callable[[Value], bytes]:
    known = {number: encode_integer(number) for number in range(-1, 256)}

    def encode(value: Value) -> bytes:
        found = known.get(value)  # type: ignore[arg-type]
        if found is not None:
            return found
        if not isinstance(value, int) or not -(1 << 31) <= value < 1 << 31:
            raise ValueError(f"no Integer32: {value!r}")
        return encode_integer(value)

    return encode


def _unsigned_encoder(base: Base) -> Callable[[Value], bytes]:
    limit = 1 << _BITS[base]
    wraps = base is not Base.UNSIGNED32
    heads = [bytes((base.tag, size)) for size in range(10)]

    def encode(value: Value) -> bytes:
        if not isinstance(value, int) or value < 0 or (value >= limit and not wraps):
            raise ValueError(f"no {base.name}: {value!r}")
        value %= limit
        size = (value.bit_length() >> 3) + 1
        return heads[size] + value.to_bytes(size, "big")

    return encode


def _octets_encoder(base: Base) -> Callable[[Value], bytes]:
    heads = [bytes((base.tag, size)) for size in range(0x80)]

    def encode(value: Value) -> bytes:
        if not isinstance(value, bytes):
            raise ValueError(f"no {base.name}: {value!r}")
        size = len(value)
        return heads[size] + value if size < 0x80 else tlv(base.tag, value)

    return encode


def _encode_address(value: Value) -> bytes:
    if not isinstance(value, bytes) or len(value) != 4:
        raise ValueError(f"no IpAddress: {value!r}")
    return tlv(Base.IP_ADDRESS.tag, value)


@lru_cache(1024)
def _encode_object_identifier(value: Value) -> bytes:
    if not isinstance(value, tuple):
        raise ValueError(f"no object identifier: {value!r}")
    return tlv(OBJECT_IDENTIFIER, encode_oid(value))


def _as_it_is(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError(f"no value with its type: {value!r}")
    return value


def _encoder(base: Base) -> Callable[[Value], bytes]:
    if base is Base.INTEGER:
        return _integer_encoder(base)
    if base in _BITS:
        return _unsigned_encoder(base)
    if base is Base.OID:
        return _encode_object_identifier
    if base is Base.ANY:
        return _as_it_is
    return _encode_address if base is Base.IP_ADDRESS else _octets_encoder(base)


ENCODERS: dict[Base, Callable[[Value], bytes]] = {base: _encoder(base) for base in Base}
"""For each base type what gives a value's whole TLV, raising ValueError for what is none.

Counters and TimeTicks wrap, as RFC 2578 sections 7.1.6, 7.1.8 and 7.1.10 have it.
"""

_OF_TAG = {base.tag: base for base in Base if base not in (Base.BITS, Base.ANY)}
VALUE_TAGS = UNSPECIFIED | frozenset(_OF_TAG)
"""All tags that the value of a varbind may have. RFC 3416 section 3."""


def encode_as(tag: int, value: Value) -> bytes:
    """Give a value's whole TLV under a tag of ObjectSyntax. Raises ValueError for what is none."""
    return ENCODERS[_OF_TAG[tag]](value)


def decode_value(tag: int, content: bytes) -> Value:
    """Give the value of a tag of ObjectSyntax. Raises BerError where content is no such value."""
    base = _OF_TAG[tag]
    if base is Base.INTEGER:
        return decode_integer(content)
    if base in _BITS:
        return _decode_unsigned(content, _BITS[base])
    if base is Base.OID:
        return decode_oid(content)
    if base is Base.IP_ADDRESS and len(content) != 4:
        raise BerError("an IpAddress has four octets")
    return content
