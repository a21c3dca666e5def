"""The manager's side of USM, written anew on hashlib and `cryptography`.

RFC 3414 sections 3, 6, 8 and appendix A; RFC 3826; RFC 7860. Keys of AES-192 and AES-256 are
lengthened by Blumenthal's draft, or by Reeder's where the name ends in -C, as net-snmp has it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:     # before cryptography 47
    from cryptography.hazmat.primitives.ciphers.modes import CFB

AUTH = {"MD5": ("md5", 12), "SHA": ("sha1", 12), "SHA-224": ("sha224", 16),
        "SHA-256": ("sha256", 24), "SHA-384": ("sha384", 32), "SHA-512": ("sha512", 48)}
"""Hash and octets of the digest that are sent, by net-snmp's name."""
PRIV = {"DES": 16, "AES": 16, "AES-192": 24, "AES-256": 32, "AES-192-C": 24, "AES-256-C": 32}
"""Octets of the key, by net-snmp's name."""


@lru_cache(256)
def stretched(hashed: str, password: bytes) -> bytes:
    """Give the key of a pass phrase. RFC 3414 appendix A.2.1."""
    repeated = password * (1048576 // len(password) + 1)
    return hashlib.new(hashed, repeated[:1048576]).digest()


@lru_cache(256)
def localised(hashed: str, key: bytes, engine_id: bytes) -> bytes:
    """Give the key for one engine. RFC 3414 section 2.6."""
    return hashlib.new(hashed, key + engine_id + key).digest()


def lengthened(priv: str, hashed: str, key: bytes, engine_id: bytes) -> bytes:
    """Give as many octets of a localised key as the cipher wants."""
    size = PRIV[priv]
    while len(key) < size:
        if priv.endswith("-C"):
            key += localised(hashed, stretched(hashed, key), engine_id)
        else:
            key += hashlib.new(hashed, key).digest()
    return key[:size]


@dataclass(frozen=True)
class User:
    """Who asks, and by what."""

    name: str
    auth: str = ""
    """One of AUTH, or empty."""
    auth_password: str = ""
    priv: str = ""
    """One of PRIV, or empty."""
    priv_password: str = ""

    @property
    def level(self) -> int:
        """The best it can do: 0 nothing, 1 authentication, 3 privacy too; msgFlags' bits."""
        return 3 if self.priv else 1 if self.auth else 0

    def keys(self, engine_id: bytes) -> Keys:
        """Give the keys for one engine."""
        if not self.auth:
            return Keys("", b"", 0, "", b"")
        hashed, size = AUTH[self.auth]
        auth_key = localised(hashed, stretched(hashed, self.auth_password.encode()), engine_id)
        priv_key = b""
        if self.priv:
            own = localised(hashed, stretched(hashed, self.priv_password.encode()), engine_id)
            priv_key = lengthened(self.priv, hashed, own, engine_id)
        return Keys(hashed, auth_key, size, self.priv, priv_key)


@dataclass(frozen=True)
class Keys:
    """A user's keys, localised."""

    hashed: str
    auth_key: bytes
    digest_size: int
    priv: str
    priv_key: bytes

    def digest(self, whole: bytes) -> bytes:
        """Give the digest of a message whose own place for it holds zeros."""
        return hmac.digest(self.auth_key, whole, self.hashed)[:self.digest_size]

    def encrypt(self, plain: bytes, boots: int, time: int, salt: bytes) -> bytes:
        """Give the octets of encryptedPDU."""
        if self.priv == "DES":
            plain += b"\0" * (-len(plain) % 8)
        return self._run(boots, time, salt, lambda cipher: cipher.encryptor(), plain)

    def decrypt(self, sealed: bytes, boots: int, time: int, salt: bytes) -> bytes:
        """Give what encryptedPDU holds, padding included."""
        return self._run(boots, time, salt, lambda cipher: cipher.decryptor(), sealed)

    def _run(self, boots: int, time: int, salt: bytes,
             way: Callable[[Cipher[Any]], Any], octets: bytes) -> bytes:
        cipher: Cipher[Any]
        if self.priv == "DES":
            iv = bytes(a ^ b for a, b in zip(self.priv_key[8:16], salt, strict=True))
            cipher = Cipher(TripleDES(self.priv_key[:8] * 3), modes.CBC(iv))
        else:
            iv = boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt
            cipher = Cipher(algorithms.AES(self.priv_key), CFB(iv))
        context = way(cipher)
        done: bytes = context.update(octets) + context.finalize()
        return done

    def salt(self, boots: int) -> bytes:
        """Give privParameters that have not been used. RFC 3414 section 8.1.1.1; RFC 3826."""
        if self.priv == "DES":
            return boots.to_bytes(4, "big") + secrets.token_bytes(4)
        return secrets.token_bytes(8)
