"""Authentication of SNMPv3 messages: one HMAC, keyed once and copied for each message.

RFC 3414 sections 6 and 7; RFC 7860.
"""

from __future__ import annotations

from hmac import compare_digest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from mibagent.smi.oid import Oid

MAC_OCTETS = {
    "MD5": 12, "SHA": 12, "SHA-224": 16, "SHA-256": 24, "SHA-384": 32, "SHA-512": 48,
}
"""How many octets of the HMAC a message carries."""

PROTOCOLS: dict[str, Oid] = {
    name: (1, 3, 6, 1, 6, 3, 10, 1, 1, arc) for arc, name in enumerate(MAC_OCTETS, 2)}
"""The names of the protocols as object identifiers; arc 1 is usmNoAuthProtocol."""

NO_AUTH: Oid = (1, 3, 6, 1, 6, 3, 10, 1, 1, 1)

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "MD5": hashes.MD5(), "SHA": hashes.SHA1(), "SHA-224": hashes.SHA224(),
    "SHA-256": hashes.SHA256(), "SHA-384": hashes.SHA384(), "SHA-512": hashes.SHA512(),
}


class Signer:
    """Signs and verifies with one localised key."""

    __slots__ = ("_keyed", "blank", "key", "protocol", "size")

    def __init__(self, protocol: str, key: bytes) -> None:
        self.protocol, self.key = protocol, key
        self.size = MAC_OCTETS[protocol]
        self.blank = bytes(self.size)
        """What stands in a message where its MAC will be."""
        self._keyed = HMAC(key, _HASHES[protocol])

    def mac(self, message: bytes) -> bytes:
        """Give the MAC of a message that has blank in its place."""
        hashed = self._keyed.copy()
        hashed.update(message)
        return hashed.finalize()[:self.size]

    def is_signed(self, message: bytes, at: int, mac: bytes) -> bool:
        """Whether that MAC, which stands at that place of the message, is the message's."""
        blanked = message[:at] + self.blank + message[at + self.size:]
        return compare_digest(self.mac(blanked), mac)
