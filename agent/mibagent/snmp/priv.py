"""Privacy of SNMPv3 messages: AES in CFB mode, and DES in CBC mode for what is old.

`Aes` makes no cipher context for a message: CFB deciphers with E of the IV and of each block of
ciphertext, which is one call of a kept ECB context, and enciphers with a keystream that is the CBC
encryption of the IV and the plaintext from a chaining block of zeros. A kept CBC context has its
last output there instead, which XOR into the IV cancels.

RFC 3826 section 3; RFC 3414 section 8.
"""

from __future__ import annotations

import secrets
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SALT_OCTETS = 8
_PAD = bytes(15)


class PrivacyError(Exception):
    """Octets that cannot be deciphered. RFC 3414 section 3.2 step 8."""


class Privacy(Protocol):
    """One user's key at work."""

    protocol: str
    key: bytes

    def encrypt(self, plain: bytes, boots: int, time: int) -> tuple[bytes, bytes]:
        """Give ciphertext and salt of a scoped PDU, at the engine's boots and time."""

    def decrypt(self, data: bytes, salt: bytes, boots: int, time: int) -> bytes:
        """Give the scoped PDU, and what pads it. Raises PrivacyError."""


class Aes:
    """AES-CFB-128 with a key of 16, 24 or 32 octets. RFC 3826 section 3.1."""

    __slots__ = ("_cbc", "_ecb", "_last", "_salt", "key", "protocol")

    def __init__(self, protocol: str, key: bytes) -> None:
        self.protocol, self.key = protocol, key
        self._ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
        self._cbc = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update
        self._last = 0
        self._salt = secrets.randbits(64)

    def encrypt(self, plain: bytes, boots: int, time: int) -> tuple[bytes, bytes]:
        """Encipher; the salt is a number that begins anywhere and never comes again."""
        self._salt = number = self._salt + 1 & 0xFFFFFFFFFFFFFFFF
        first = ((boots << 96 | time << 64 | number) ^ self._last).to_bytes(16, "big")
        size = len(plain)
        stream = self._cbc((first + plain + _PAD)[:size + 15 & -16])
        self._last = int.from_bytes(stream[-16:], "big")
        data = int.from_bytes(plain, "big") ^ int.from_bytes(stream[:size], "big")
        return data.to_bytes(size, "big"), number.to_bytes(8, "big")

    def decrypt(self, data: bytes, salt: bytes, boots: int, time: int) -> bytes:
        """Decipher; any octets give some plaintext. RFC 3826 section 3.1.4."""
        if len(salt) != SALT_OCTETS:
            raise PrivacyError("msgPrivacyParameters has not 8 octets")
        return self.decipher(data, (boots << 32 | time).to_bytes(8, "big") + salt)

    def decipher(self, data: bytes, iv: bytes) -> bytes:
        """Give the plaintext of an IV of 16 octets."""
        size = len(data)
        stream = self._ecb((iv + data + _PAD)[:size + 15 & -16])
        plain = int.from_bytes(data, "big") ^ int.from_bytes(stream[:size], "big")
        return plain.to_bytes(size, "big")


class Des:
    """DES-CBC: 8 octets of key and 8 of pre-IV. RFC 3414 section 8.1.1."""

    __slots__ = ("_cipher", "_pre_iv", "_salt", "key", "protocol")

    def __init__(self, protocol: str, key: bytes) -> None:
        self.protocol, self.key = protocol, key
        self._cipher = TripleDES(key[:8] * 3)       # three times the same key is DES
        self._pre_iv = int.from_bytes(key[8:16], "big")
        self._salt = secrets.randbits(32)

    def encrypt(self, plain: bytes, boots: int, time: int) -> tuple[bytes, bytes]:
        """Encipher, padded to blocks; the salt is the boots and a number."""
        self._salt = self._salt + 1 & 0xFFFFFFFF
        salt = boots << 32 | self._salt
        encryptor = Cipher(self._cipher, modes.CBC(self._iv(salt))).encryptor()
        padded = plain + bytes(-len(plain) % 8)
        return encryptor.update(padded) + encryptor.finalize(), salt.to_bytes(8, "big")

    def decrypt(self, data: bytes, salt: bytes, boots: int, time: int) -> bytes:
        """Decipher, padding and all. RFC 3414 section 8.3.2."""
        if len(salt) != SALT_OCTETS:
            raise PrivacyError("msgPrivacyParameters has not 8 octets")
        if not data or len(data) % 8:
            raise PrivacyError("the encrypted PDU is not of whole blocks")
        iv = self._iv(int.from_bytes(salt, "big"))
        decryptor = Cipher(self._cipher, modes.CBC(iv)).decryptor()
        return decryptor.update(data) + decryptor.finalize()

    def _iv(self, salt: int) -> bytes:
        return (self._pre_iv ^ salt).to_bytes(8, "big")


def privacy_of(protocol: str, key: bytes) -> Privacy:
    """Make what enciphers by that protocol's net-snmp name."""
    return Des(protocol, key) if protocol == "DES" else Aes(protocol, key)
