"""Messages of SNMPv3, octets alone: what stands where, and how one is put together.

RFC 3412 section 6; RFC 3414 section 2.4.
"""

from __future__ import annotations

from typing import NamedTuple

from mibagent.snmp.ber import (
    INTEGER,
    OCTETS,
    SEQUENCE,
    BerError,
    decode_integer,
    encode_integer,
    encode_length,
    read_expected,
    read_tlv,
    tlv,
)
from mibagent.snmp.message import MIN_MAX_SIZE, V3
from mibagent.snmp.vacm import Level

USM = 3
"""msgSecurityModel of the User-based Security Model."""
REPORTABLE = 4
MAX_USER_NAME = 32
MAX_ENGINE_ID = 32


FLAGS = {Level.NO_AUTH_NO_PRIV: 0, Level.AUTH_NO_PRIV: 1, Level.AUTH_PRIV: 3}
"""The bits of msgFlags for each level. RFC 3412 section 6.4."""


class Header(NamedTuple):
    """The global part of a message."""

    msg_id: bytes
    """Content octets, given back as they came."""
    max_size: int
    """The largest message that the sender takes."""
    flags: int
    model: int
    security: tuple[int, int]
    """Where msgSecurityParameters' content begins and stops."""
    data_at: int
    """Where msgData begins."""


class Security(NamedTuple):
    """The parameters of the User-based Security Model."""

    engine_id: bytes
    boots: int
    time: int
    user: bytes
    mac: bytes
    mac_at: int
    """Where the MAC stands in the message."""
    salt: bytes


class Scoped(NamedTuple):
    """A scoped PDU whose PDU has not been looked into."""

    engine_id: bytes
    context: bytes
    front: bytes
    """The octets of both, as they came."""
    tag: int
    pdu_at: int
    start: int
    end: int
    """Where the PDU, and so the scoped PDU, ends; padding may follow."""


def read_header(octets: bytes, at: int) -> Header:
    """Read what follows msgVersion. Raises BerError."""
    end = len(octets)
    at, stop = read_expected(octets, at, end, SEQUENCE)
    start, at = read_expected(octets, at, stop, INTEGER)
    msg_id = octets[start:at]
    if decode_integer(msg_id) < 0:
        raise BerError("msgID is 0 to 2147483647", "RFC 3412 section 6.2")
    start, at = read_expected(octets, at, stop, INTEGER)
    max_size = decode_integer(octets[start:at])
    if max_size < MIN_MAX_SIZE:
        raise BerError("msgMaxSize is at least 484", "RFC 3412 section 6.3")
    start, at = read_expected(octets, at, stop, OCTETS)
    if at - start != 1:
        raise BerError("msgFlags is one octet", "RFC 3412 section 6.4")
    flags = octets[start]
    start, at = read_expected(octets, at, stop, INTEGER)
    model = decode_integer(octets[start:at])
    if model < 1 or at != stop:
        raise BerError("msgSecurityModel is at least 1 and the last", "RFC 3412 section 6.5")
    security = read_expected(octets, stop, end, OCTETS)
    return Header(msg_id, max_size, flags, model, security, security[1])


def read_security(octets: bytes, start: int, stop: int) -> Security:
    """Read msgSecurityParameters of USM. Raises BerError."""
    at, end = read_expected(octets, start, stop, SEQUENCE)
    if end != stop:
        raise BerError("octets after the security parameters", "RFC 3414 section 2.4")
    begin, at = read_expected(octets, at, end, OCTETS)
    engine_id = octets[begin:at]
    begin, at = read_expected(octets, at, end, INTEGER)
    boots = decode_integer(octets[begin:at])
    begin, at = read_expected(octets, at, end, INTEGER)
    time = decode_integer(octets[begin:at])
    begin, at = read_expected(octets, at, end, OCTETS)
    user = octets[begin:at]
    mac_at, at = read_expected(octets, at, end, OCTETS)
    mac = octets[mac_at:at]
    begin, at = read_expected(octets, at, end, OCTETS)
    if at != end or boots < 0 or time < 0 or len(user) > MAX_USER_NAME \
            or len(engine_id) > MAX_ENGINE_ID:
        raise BerError("security parameters out of bounds", "RFC 3414 section 2.4")
    return Security(engine_id, boots, time, user, mac, mac_at, octets[begin:at])


def read_encrypted(octets: bytes, at: int) -> bytes:
    """Give an encrypted scoped PDU. Raises BerError."""
    start, stop = read_expected(octets, at, len(octets), OCTETS)
    if stop != len(octets):
        raise BerError("octets after the message", "RFC 3412 section 6")
    return octets[start:stop]


def read_scoped(octets: bytes, at: int, *, padded: bool = False) -> Scoped:
    """Read a scoped PDU. padded: octets may follow it. Raises BerError."""
    at, end = read_expected(octets, at, len(octets), SEQUENCE)
    if end != len(octets) and not padded:
        raise BerError("octets after the scoped PDU", "RFC 3412 section 6.8")
    begin, stop = read_expected(octets, at, end, OCTETS)
    engine_id = octets[begin:stop]
    begin, pdu_at = read_expected(octets, stop, end, OCTETS)
    context = octets[begin:pdu_at]
    tag, start, stop = read_tlv(octets, pdu_at, end)
    if stop != end:
        raise BerError("octets after the PDU", "RFC 3412 section 6.8")
    return Scoped(engine_id, context, octets[at:pdu_at], tag, pdu_at, start, end)


def scoped_front(engine_id: bytes, context: bytes) -> bytes:
    """Give what stands before the PDU in a scoped PDU."""
    return tlv(OCTETS, engine_id) + tlv(OCTETS, context)


def overhead(engine_id: bytes, user: bytes, mac: int, salt: int) -> int:
    """Give the most octets that a message has around its scoped PDU: numbers at their longest.

    One bound for all answers of a user, so that the same request is cut at the same place.
    """
    security = 4 + (2 + len(engine_id)) + 6 + 6 + (2 + len(user)) + (2 + mac) + (2 + salt)
    return 4 + 3 + (2 + 6 + 6 + 3 + 3) + 4 + security + 4 + 8


class Frame:
    """The octets of messages of one engine, user and level, around what changes."""

    __slots__ = ("_front", "_of_time", "_tail", "is_encrypted", "mac_size")

    def __init__(self, engine_id: bytes, user: bytes, max_size: int, flags: int,
                 mac: int, salt: int) -> None:
        """mac, salt: octets of msgAuthenticationParameters and msgPrivacyParameters."""
        self.mac_size = mac
        self.is_encrypted = bool(flags & 2)
        self._front = (encode_integer(max_size) + tlv(OCTETS, bytes((flags,)))
                       + encode_integer(USM))
        self._of_time: tuple[int, int, bytes] = (-1, -1, b"")
        self._tail = tlv(OCTETS, engine_id), tlv(OCTETS, user) + bytes((OCTETS, mac)), salt

    def opening(self, msg_id: int) -> bytes:
        """Give what stands between the message's head and a msgID of so many octets."""
        head = len(self._front) + 2 + msg_id
        return bytes((INTEGER, 1, V3, SEQUENCE, head, INTEGER, msg_id))

    def before_mac(self, boots: int, time: int) -> bytes:
        """Give what stands between msgID and MAC; kept for the second that it is good for."""
        known = self._of_time
        if known[1] == time and known[0] == boots:
            return known[2]
        engine_id, user, salt = self._tail
        content = engine_id + encode_integer(boots) + encode_integer(time) + user
        inner = len(content) + self.mac_size + 2 + salt
        whole = bytes((SEQUENCE,)) + encode_length(inner) + content
        size = len(whole) + self.mac_size + 2 + salt
        made = self._front + bytes((OCTETS,)) + encode_length(size) + whole
        self._of_time = boots, time, made
        return made

    def put(self, msg_id: bytes, boots: int, time: int, salt: bytes, data: bytes
            ) -> tuple[bytes, bytes]:
        """Give a message in two parts: what stands before its MAC and what stands after.

        data: the scoped PDU, or its ciphertext.
        """
        front = self.before_mac(boots, time)
        if self.is_encrypted:
            size = len(data)
            behind = bytes((OCTETS, len(salt))) + salt + bytes((OCTETS,)) + (
                bytes((size,)) if size < 0x80 else encode_length(size)) + data
        else:
            behind = bytes((OCTETS, 0)) + data
        opening = self.opening(len(msg_id)) + msg_id
        size = len(opening) + len(front) + self.mac_size + len(behind)
        return (bytes((SEQUENCE,)) + encode_length(size) + opening + front), behind
