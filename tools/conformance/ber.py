"""BER as SNMP uses it, written anew: a fault of the agent's own codec must not be mirrored here.

Reading is strict and names what an agent must not send; writing does what it is told.

RFC 3417 section 8; X.690 section 8.
"""

from __future__ import annotations

from typing import TypeAlias

Oid: TypeAlias = tuple[int, ...]

INTEGER, OCTETS, NULL, OBJECT_ID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_VIEW = 0x80, 0x81, 0x82

TAG_NAMES = {
    INTEGER: "INTEGER", OCTETS: "OCTET STRING", NULL: "NULL", OBJECT_ID: "OBJECT IDENTIFIER",
    IP_ADDRESS: "IpAddress", COUNTER32: "Counter32", GAUGE32: "Gauge32", TIME_TICKS: "TimeTicks",
    OPAQUE: "Opaque", COUNTER64: "Counter64", NO_SUCH_OBJECT: "noSuchObject",
    NO_SUCH_INSTANCE: "noSuchInstance", END_OF_VIEW: "endOfMibView",
}
_BITS = {INTEGER: 32, COUNTER32: 32, GAUGE32: 32, TIME_TICKS: 32, COUNTER64: 64}


class Malformed(Exception):
    """Octets that no agent may send; the text says why."""


def length(size: int, width: int = 0) -> bytes:
    """Give the octets of a length; width asks for the long form in so many octets."""
    if not width and size < 0x80:
        return bytes((size,))
    width = width or (size.bit_length() + 7) // 8
    return bytes((0x80 | width,)) + size.to_bytes(width, "big")


def tlv(tag: int, *contents: bytes) -> bytes:
    """Give tag, length and contents."""
    content = b"".join(contents)
    return bytes((tag,)) + length(len(content)) + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Give a number in the fewest octets."""
    return tlv(tag, value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1,
                                   "big", signed=True))


def oid_content(oid: Oid) -> bytes:
    """Give the content octets of an OID; the first two arcs share one."""
    arcs = (oid[0] * 40 + oid[1], *oid[2:])
    out = bytearray()
    for arc in arcs:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        out += bytes(reversed(groups))
    return bytes(out)


def object_id(oid: Oid) -> bytes:
    """Give a whole OID."""
    return tlv(OBJECT_ID, oid_content(oid))


class Reader:
    """Walks through octets; what is regular but wasteful is put into `oddities`."""

    def __init__(self, octets: bytes, at: int = 0, end: int | None = None,
                 oddities: list[str] | None = None) -> None:
        self.octets, self.at = octets, at
        self.end = len(octets) if end is None else end
        self.oddities: list[str] = [] if oddities is None else oddities

    @property
    def is_done(self) -> bool:
        """Nothing is left."""
        return self.at >= self.end

    def take(self, *wanted: int) -> tuple[int, Reader]:
        """Give the next tag, one of those wanted if any are named, and a reader of its content."""
        if self.at + 2 > self.end:
            raise Malformed("cut short")
        tag, size = self.octets[self.at], self.octets[self.at + 1]
        start = self.at + 2
        if size == 0x80:
            raise Malformed("an indefinite length")
        if size > 0x80:
            width = size & 0x7F
            size = int.from_bytes(self.octets[start:start + width], "big")
            start += width
        if start + size > self.end:
            raise Malformed("longer than what holds it")
        if wanted and tag not in wanted:
            raise Malformed(f"tag {tag:#04x} where {wanted[0]:#04x} is due")
        self.at = start + size
        return tag, Reader(self.octets, start, self.at, self.oddities)

    @property
    def content(self) -> bytes:
        """All that is left."""
        return self.octets[self.at:self.end]

    def integer(self) -> int:
        """Give the next INTEGER."""
        return self.take(INTEGER)[1].number(INTEGER)

    def string(self) -> bytes:
        """Give the next OCTET STRING."""
        return self.take(OCTETS)[1].content

    def number(self, tag: int) -> int:
        """Give this content as the number of that tag."""
        content = self.content
        if not content:
            raise Malformed("a number without octets")
        if len(content) > 1 and content[0] in (0, 0xFF) and (content[0] ^ content[1]) < 0x80:
            self.oddities.append(f"{TAG_NAMES[tag]} {content.hex()} in more octets than it needs")
        value = int.from_bytes(content, "big", signed=True)
        bits = _BITS[tag]
        low, high = (-(1 << 31), 1 << 31) if tag == INTEGER else (0, 1 << bits)
        if not low <= value < high:
            raise Malformed(f"{value} is no {TAG_NAMES[tag]}")
        return value

    def object_id(self) -> Oid:
        """Give this content as an OID."""
        content = self.content
        if not content or content[-1] & 0x80:
            raise Malformed("an OID cut short")
        arcs, arc, is_first = [], 0, True
        for octet in content:
            if is_first and octet == 0x80:
                self.oddities.append(f"OID {content.hex()} with a padded arc")
            arc = arc << 7 | octet & 0x7F
            is_first = not octet & 0x80
            if is_first:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        arcs[:1] = [first, arcs[0] - 40 * first]
        if len(arcs) > 128 or max(arcs) >= 1 << 32:
            raise Malformed("an OID of over 128 arcs, or an arc of over 32 bits")
        return tuple(arcs)


Value: TypeAlias = int | bytes | Oid | None


def read_value(tag: int, reader: Reader) -> Value:
    """Give the value of a binding; None for NULL and the exceptions. Raises Malformed."""
    if tag in _BITS:
        return reader.number(tag)
    if tag == OBJECT_ID:
        return reader.object_id()
    content = reader.content
    if tag in (NULL, NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_VIEW):
        if content:
            raise Malformed(f"{TAG_NAMES[tag]} with content")
        return None
    if tag == IP_ADDRESS and len(content) != 4:
        raise Malformed(f"an IpAddress of {len(content)} octets")
    if tag not in TAG_NAMES:
        raise Malformed(f"tag {tag:#04x} is no value's")
    return content


def dotted(oid: Oid) -> str:
    """Give an OID as people write it."""
    return ".".join(map(str, oid))
