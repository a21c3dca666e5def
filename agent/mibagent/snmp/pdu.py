"""PDUs of SNMPv1 and SNMPv2c.

RFC 3416 section 3; RFC 1157 section 4.1.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from mibagent.snmp.ber import (
    COUNTER64,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    UNSPECIFIED,
    VALUE_TAGS,
    BerError,
    check_oid,
    decode_integer,
    encode_integer,
    encode_length,
    read_expected,
    read_tlv,
    tlv,
)


class Kind(enum.IntEnum):
    """What a PDU asks or tells; each value is its tag."""

    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    SET = 0xA3
    TRAP_V1 = 0xA4
    GET_BULK = 0xA5
    INFORM = 0xA6
    TRAP = 0xA7
    REPORT = 0xA8


class Status(enum.IntEnum):
    """The error-status of RFC 3416 section 3."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    BAD_VALUE = 3
    READ_ONLY = 4
    GEN_ERR = 5
    NO_ACCESS = 6
    WRONG_TYPE = 7
    WRONG_LENGTH = 8
    WRONG_ENCODING = 9
    WRONG_VALUE = 10
    NO_CREATION = 11
    INCONSISTENT_VALUE = 12
    RESOURCE_UNAVAILABLE = 13
    COMMIT_FAILED = 14
    UNDO_FAILED = 15
    AUTHORIZATION_ERROR = 16
    NOT_WRITABLE = 17
    INCONSISTENT_NAME = 18


OF_VERSION = {
    0: frozenset((Kind.GET, Kind.GET_NEXT, Kind.RESPONSE, Kind.SET, Kind.TRAP_V1)),
    1: frozenset(Kind) - {Kind.TRAP_V1},
    3: frozenset(Kind) - {Kind.TRAP_V1},
}
"""The PDUs that each msgVersion knows."""

TAGS_OF_VERSION = {
    0: VALUE_TAGS - UNSPECIFIED - {COUNTER64} | {NULL},
    1: VALUE_TAGS,
    3: VALUE_TAGS,
}
"""What a value may be in each msgVersion. RFC 1155 section 6; RFC 3416 section 3."""


class VarBind(NamedTuple):
    """One variable binding as it came."""

    octets: bytes
    """The whole of it."""
    name: bytes
    """Content octets of its name, checked."""
    tag: int
    """The tag of its value, one of VALUE_TAGS."""
    content: bytes
    """The content octets of its value, not yet checked."""


class Pdu(NamedTuple):
    """One PDU other than the Trap-PDU of SNMPv1."""

    kind: Kind
    request_id: bytes
    """Content octets, given back as they came."""
    first: int
    """error-status or non-repeaters."""
    second: int
    """error-index or max-repetitions."""
    varbinds: list[VarBind]

    @property
    def octets(self) -> bytes:
        """The bindings as they came."""
        return b"".join(varbind.octets for varbind in self.varbinds)


def _read_integer(octets: bytes, at: int, end: int) -> tuple[bytes, int]:
    start, stop = read_expected(octets, at, end, INTEGER)
    content = octets[start:stop]
    decode_integer(content)
    return content, stop


def read_pdu(kind: Kind, octets: bytes, at: int, end: int, tags: frozenset[int] = VALUE_TAGS
             ) -> Pdu:
    """Give the PDU whose content lies between two places, values of those tags. Raises BerError."""
    request_id, at = _read_integer(octets, at, end)
    first, at = _read_integer(octets, at, end)
    second, at = _read_integer(octets, at, end)
    at, stop = read_expected(octets, at, end, SEQUENCE)
    if stop != end:
        raise BerError("octets after the variable bindings")
    varbinds: list[VarBind] = []
    while at < end:
        varbind, at = read_varbind(octets, at, end, tags)
        varbinds.append(varbind)
    return Pdu(kind, request_id, decode_integer(first), decode_integer(second), varbinds)


def read_varbind(octets: bytes, at: int, end: int, tags: frozenset[int] = VALUE_TAGS
                 ) -> tuple[VarBind, int]:
    """Give the variable binding at a place, and the place after it. Raises BerError."""
    start, stop = read_expected(octets, at, end, SEQUENCE)
    name_start, name_stop = read_expected(octets, start, stop, OBJECT_IDENTIFIER)
    name = octets[name_start:name_stop]
    check_oid(name)
    tag, value_start, value_stop = read_tlv(octets, name_stop, stop)
    if tag not in tags:
        raise BerError(f"tag 0x{tag:02x} is no value's", "RFC 3416 section 3")
    if value_stop != stop:
        raise BerError("octets after a value")
    return VarBind(octets[at:stop], name, tag, octets[value_start:value_stop]), stop


def encode_varbind(name: bytes, value: bytes) -> bytes:
    """Give a binding of a name's content octets and a value's whole TLV."""
    return tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, name) + value)


def encode_response(request_id: bytes, status: int, index: int, varbinds: bytes) -> bytes:
    """Give a whole Response-PDU around encoded bindings."""
    content = (tlv(INTEGER, request_id) + encode_integer(status) + encode_integer(index)
               + bytes((SEQUENCE,)) + encode_length(len(varbinds)) + varbinds)
    return tlv(Kind.RESPONSE, content)


def name_of(varbind: bytes) -> bytes:
    """Give the content octets of the name in a whole varbind that we encoded."""
    start, end = read_expected(varbind, 0, len(varbind), SEQUENCE)
    start, stop = read_expected(varbind, start, end, OBJECT_IDENTIFIER)
    return varbind[start:stop]


def repetitions(asked: int, several: int, repeated: int, limit: int) -> int:
    """Give how often a GETBULK's repeaters are stepped: at least once where it asks for any.

    limit: about the most bindings of one answer. RFC 3416 section 4.2.3.
    """
    if asked <= 0 or not repeated:
        return 0
    return min(asked, max(1, (limit - several) // repeated))
