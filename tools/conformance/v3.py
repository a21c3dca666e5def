"""Messages of SNMPv3: each field can be said rightly or wrongly.

RFC 3412 section 6; RFC 3414 section 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.conformance.ber import OCTETS, SEQUENCE, Malformed, Reader, integer, tlv
from tools.conformance.pdu import Pdu, read_pdu
from tools.conformance.usm import Keys

REPORTABLE = 4
AUTH_FLAG, PRIV_FLAG = 1, 2


@dataclass(frozen=True)
class Envelope:
    """All fields of a request but its PDU; None means: as it ought to be."""

    msg_id: int
    flags: int
    keys: Keys
    engine_id: bytes = b""
    boots: int = 0
    time: int = 0
    user: bytes = b""
    max_size: int = 65507
    model: int = 3
    context_engine: bytes | None = None
    context_name: bytes = b""
    digest: bytes | None = None
    salt: bytes | None = None
    sealed: bytes | None = None
    """In place of the encrypted scopedPDU."""

    def message(self, body: bytes) -> bytes:
        """Give the whole message around a whole PDU."""
        context = self.engine_id if self.context_engine is None else self.context_engine
        scoped = tlv(SEQUENCE, tlv(OCTETS, context), tlv(OCTETS, self.context_name), body)
        salt = b""
        if self.flags & PRIV_FLAG and self.keys.priv:
            good = self.keys.salt(self.boots)
            sealed = self.keys.encrypt(scoped, self.boots, self.time, good)
            salt = good if self.salt is None else self.salt
            scoped = tlv(OCTETS, sealed if self.sealed is None else self.sealed)
        is_signed = self.flags & AUTH_FLAG and self.keys.auth_key and self.digest is None
        digest = b"\0" * self.keys.digest_size if is_signed else self.digest or b""
        whole = self._around(scoped, digest, salt)
        if is_signed:
            whole = self._around(scoped, self.keys.digest(whole), salt)
        return whole

    def _around(self, scoped: bytes, digest: bytes, salt: bytes) -> bytes:
        header = tlv(SEQUENCE, integer(self.msg_id), integer(self.max_size),
                     tlv(OCTETS, bytes((self.flags,))), integer(self.model))
        security = tlv(SEQUENCE, tlv(OCTETS, self.engine_id), integer(self.boots),
                       integer(self.time), tlv(OCTETS, self.user), tlv(OCTETS, digest),
                       tlv(OCTETS, salt))
        return tlv(SEQUENCE, integer(3), header, tlv(OCTETS, security), scoped)


@dataclass(frozen=True)
class V3Answer:
    """A message that came from the agent; its digest has not been judged."""

    msg_id: int
    max_size: int
    flags: int
    model: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest: bytes
    salt: bytes
    context_engine: bytes
    context_name: bytes
    pdu: Pdu
    octets: bytes
    unsigned: bytes
    """The message with zeros for its digest."""
    oddities: list[str]

    @property
    def level(self) -> int:
        """The security bits of msgFlags."""
        return self.flags & 3

    def is_signed_by(self, keys: Keys) -> bool:
        """Tell whether the digest is that of these keys."""
        return bool(keys.auth_key) and self.digest == keys.digest(self.unsigned)


def read_message(octets: bytes, keys: Keys | None = None) -> V3Answer:
    """Give what a message of SNMPv3 says. Raises Malformed."""
    reader = Reader(octets)
    _, inner = reader.take(SEQUENCE)
    if not reader.is_done:
        raise Malformed("octets after the message")
    if inner.integer() != 3:
        raise Malformed("not a message of SNMPv3")
    _, header = inner.take(SEQUENCE)
    msg_id, max_size = header.integer(), header.integer()
    flags, model = header.string(), header.integer()
    if len(flags) != 1:
        raise Malformed("msgFlags are not one octet")
    _, wrapped = inner.take(OCTETS)
    _, security = wrapped.take(SEQUENCE)
    engine_id, boots, time = security.string(), security.integer(), security.integer()
    user = security.string()
    _, digest = security.take(OCTETS)
    salt = security.string()
    unsigned = octets[:digest.at] + b"\0" * (digest.end - digest.at) + octets[digest.end:]
    if flags[0] & PRIV_FLAG:
        sealed = inner.string()
        if keys is None or not keys.priv_key:
            raise Malformed("encrypted, and nothing here can read it")
        if len(salt) != 8:
            raise Malformed(f"privParameters of {len(salt)} octets")
        plain = Reader(keys.decrypt(sealed, boots, time, salt), oddities=reader.oddities)
        _, scoped = plain.take(SEQUENCE)      # DES pads behind it
    else:
        _, scoped = inner.take(SEQUENCE)
    if not inner.is_done:
        raise Malformed("octets after the scopedPDU")
    context_engine, context_name = scoped.string(), scoped.string()
    kind, content = scoped.take()
    found = read_pdu(kind, content)
    return V3Answer(msg_id, max_size, flags[0], model, engine_id, boots, time, user,
                    digest.content, salt, context_engine, context_name, found, octets, unsigned,
                    reader.oddities)
