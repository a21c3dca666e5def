"""PDUs and community messages, as sent and as read back.

RFC 3416 section 3; RFC 1901 section 3; RFC 1157 section 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.conformance.ber import (
    INTEGER,
    NULL,
    OBJECT_ID,
    OCTETS,
    SEQUENCE,
    TAG_NAMES,
    Malformed,
    Oid,
    Reader,
    Value,
    dotted,
    integer,
    object_id,
    read_value,
    tlv,
)

GET, GET_NEXT, RESPONSE, SET, TRAP_V1, GET_BULK, INFORM, TRAP, REPORT = range(0xA0, 0xA9)

(NO_ERROR, TOO_BIG, NO_SUCH_NAME, BAD_VALUE, READ_ONLY, GEN_ERR, NO_ACCESS, WRONG_TYPE,
 WRONG_LENGTH, WRONG_ENCODING, WRONG_VALUE, NO_CREATION, INCONSISTENT_VALUE,
 RESOURCE_UNAVAILABLE, COMMIT_FAILED, UNDO_FAILED, AUTHORIZATION_ERROR, NOT_WRITABLE,
 INCONSISTENT_NAME) = range(19)

STATUS_NAMES = (
    "noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType",
    "wrongLength", "wrongEncoding", "wrongValue", "noCreation", "inconsistentValue",
    "resourceUnavailable", "commitFailed", "undoFailed", "authorizationError", "notWritable",
    "inconsistentName",
)

UNSPECIFIED = bytes((NULL, 0))


@dataclass(frozen=True)
class Binding:
    """One variable binding of an answer."""

    oid: Oid
    tag: int
    value: Value
    octets: bytes = b""
    """The whole of it, as it came."""

    def __str__(self) -> str:
        kind = TAG_NAMES.get(self.tag, hex(self.tag))
        return f"{dotted(self.oid)} {kind}" + ("" if self.value is None else f" {self.value!r}")


@dataclass(frozen=True)
class Pdu:
    """One PDU but the Trap-PDU of SNMPv1."""

    kind: int
    request_id: int
    status: int
    """Or non-repeaters."""
    index: int
    """Or max-repetitions."""
    bindings: list[Binding]

    @property
    def said(self) -> str:
        """The status in words."""
        name = STATUS_NAMES[self.status] if 0 <= self.status < 19 else str(self.status)
        return name if not self.status and not self.index else f"{name} at {self.index}"


@dataclass(frozen=True)
class Answer:
    """A message that came from the agent."""

    version: int
    pdu: Pdu
    octets: bytes
    community: bytes = b""
    oddities: list[str] = field(default_factory=list)


def binding(oid: Oid, value: bytes = UNSPECIFIED) -> bytes:
    """Give a binding around a value's whole TLV."""
    return tlv(SEQUENCE, object_id(oid), value)


def pdu(kind: int, request_id: int, bindings: bytes, first: int = 0, second: int = 0) -> bytes:
    """Give a whole PDU around encoded bindings."""
    return tlv(kind, integer(request_id), integer(first), integer(second), tlv(SEQUENCE, bindings))


def community_message(version: int, community: bytes, body: bytes) -> bytes:
    """Give a whole message around a whole PDU."""
    return tlv(SEQUENCE, integer(version), tlv(OCTETS, community), body)


def read_pdu(kind: int, reader: Reader) -> Pdu:
    """Give the PDU whose content that is; beside an error the values, which are the
    request's, are not read. Raises Malformed.
    """
    request_id, status, index = reader.integer(), reader.integer(), reader.integer()
    _, rest = reader.take(SEQUENCE)
    if not reader.is_done:
        raise Malformed("octets after the bindings")
    bindings = []
    while not rest.is_done:
        start = rest.at
        _, one = rest.take(SEQUENCE)
        _, name = one.take(OBJECT_ID)
        oid = name.object_id()
        tag, content = one.take()
        if not one.is_done:
            raise Malformed("octets after a value")
        value = None if status else read_value(tag, content)
        bindings.append(Binding(oid, tag, value, rest.octets[start:rest.at]))
    return Pdu(kind, request_id, status, index, bindings)


def read_community_message(octets: bytes) -> Answer:
    """Give a message of SNMPv1 or SNMPv2c. Raises Malformed."""
    reader = Reader(octets)
    _, inner = reader.take(SEQUENCE)
    if not reader.is_done:
        raise Malformed("octets after the message")
    version, community = inner.integer(), inner.string()
    kind, content = inner.take()
    found = read_pdu(kind, content)
    if not inner.is_done:
        raise Malformed("octets after the PDU")
    return Answer(version, found, octets, community, reader.oddities)


def version_of(octets: bytes) -> int:
    """Give msgVersion. Raises Malformed."""
    return Reader(octets).take(SEQUENCE)[1].integer()


def number(value: int) -> bytes:
    """Give an INTEGER as a value."""
    return integer(value, INTEGER)


def text(value: bytes) -> bytes:
    """Give an OCTET STRING as a value."""
    return tlv(OCTETS, value)
