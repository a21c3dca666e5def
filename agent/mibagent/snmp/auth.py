"""Authentication of SNMPv3 messages: one HMAC, keyed once and copied for each message.

RFC 3414 sections 6 and 7; RFC 7860.
"""

from __future__ import annotations

import hashlib
from hmac import compare_digest

from mibagent.smi.oid import Oid
from mibagent.snmp.keys import HASHES

MAC_OCTETS = {
    "MD5": 12, "SHA": 12, "SHA-224": 16, "SHA-256": 24, "SHA-384": 32, "SHA-512": 48,
}
"""How many octets of the HMAC a message carries."""

PROTOCOLS: dict[str, Oid] = {
    name: (1, 3, 6, 1, 6, 3, 10, 1, 1, arc) for arc, name in enumerate(MAC_OCTETS, 2)}
"""The names of the protocols as object identifiers; arc 1 is usmNoAuthProtocol."""

NO_AUTH: Oid = (1, 3, 6, 1, 6, 3, 10, 1, 1, 1)

_INNER = bytes(octet ^ 0x36 for octet in range(256))
_OUTER = bytes(octet ^ 0x5C for octet in range(256))


class Signer:
    """Signs and verifies with one localised key."""

    __slots__ = ("_inner", "_outer", "blank", "key", "protocol", "size")

    def __init__(self, protocol: str, key: bytes) -> None:
        self.protocol, self.key = protocol, key
        self.size = MAC_OCTETS[protocol]
        self.blank = bytes(self.size)
        """What stands in a message where its MAC will be."""
        hashed = hashlib.new(HASHES[protocol], usedforsecurity=False)
        if len(key) > hashed.block_size:
            key = hashlib.new(HASHES[protocol], key, usedforsecurity=False).digest()
        padded = key.ljust(hashed.block_size, b"\0")
        self._inner = hashlib.new(HASHES[protocol], padded.translate(_INNER), usedforsecurity=False)
        self._outer = hashlib.new(HASHES[protocol], padded.translate(_OUTER), usedforsecurity=False)

    def mac(self, message: bytes) -> bytes:
        """Give the MAC of a message that has blank in its place."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()[:self.size]

    def is_signed(self, message: bytes, at: int, mac: bytes) -> bool:
        """Whether that MAC, which stands at that place of the message, is the message's."""
        blanked = message[:at] + self.blank + message[at + self.size:]
        return compare_digest(self.mac(blanked), mac)
