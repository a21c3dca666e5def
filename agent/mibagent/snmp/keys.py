"""Keys from pass phrases, localised to one engine.

Of a pass phrase one key a hash suffices: every privacy key is the localised key cut, or extended
with the same hash.

RFC 3414 sections 2.6 and 5, appendix A.2; RFC 7860 section 9.3.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

_STRETCHED_OCTETS = 1_048_576

SHORTEST_PASS_PHRASE = 8
"""Octets; a shorter one makes no key. RFC 3414 section 11.2."""

HASHES = {
    "MD5": "md5", "SHA": "sha1", "SHA-224": "sha224", "SHA-256": "sha256", "SHA-384": "sha384",
    "SHA-512": "sha512",
}
"""Authentication protocols as net-snmp names them, with hashlib's names."""

LEGACY = frozenset({"MD5", "SHA"})

PRIVACY_KEY_OCTETS = {
    "DES": 16, "AES-128": 16, "AES-192": 24, "AES-256": 32, "AES-192-C": 24, "AES-256-C": 32,
}
"""Privacy protocols as net-snmp names them, with the octets of their keys."""

LEGACY_PRIVACY = frozenset({"DES"})
REEDER = frozenset({"AES-192-C", "AES-256-C"})
"""Those that extend a short key as draft-reeder-snmpv3-usm-3desede does; the others extend it as
draft-blumenthal-aes-usm-04 section 3.1.2.1 does."""


def password_to_key(protocol: str, pass_phrase: bytes) -> bytes:
    """Give the user's key Ku of a pass phrase: the digest of a mebibyte of it."""
    times = _STRETCHED_OCTETS // len(pass_phrase) + 1
    stretched = (pass_phrase * times)[:_STRETCHED_OCTETS]
    return hashlib.new(HASHES[protocol], stretched, usedforsecurity=False).digest()


def localize(protocol: str, key: bytes, engine_id: bytes) -> bytes:
    """Give Kul of a user's Ku, the key at one engine. RFC 3414 section 2.6."""
    return hashlib.new(HASHES[protocol], key + engine_id + key, usedforsecurity=False).digest()


def localized_key(protocol: str, pass_phrase: bytes, engine_id: bytes) -> bytes:
    """Give Kul of a pass phrase. RFC 3414 section 2.6."""
    return localize(protocol, password_to_key(protocol, pass_phrase), engine_id)


@lru_cache(256)
def privacy_key(protocol: str, key: bytes, privacy: str, engine_id: bytes) -> bytes:
    """Give a privacy protocol's key of a localised key, cut or extended to its length.

    protocol: the authentication protocol whose hash made the key. Reeder's extension stretches
    the key again, which takes some milliseconds once.
    """
    size = PRIVACY_KEY_OCTETS[privacy]
    while len(key) < size:
        if privacy in REEDER:
            key += localized_key(protocol, key, engine_id)
        else:
            key += hashlib.new(HASHES[protocol], key, usedforsecurity=False).digest()
    return key[:size]


def changed_key(protocol: str, old: bytes, change: bytes) -> bytes:
    """Give the new key of an old one and a KeyChange value: random, then delta.

    Raises ValueError where the value is not twice as long as the key. RFC 3414 section 5.
    """
    size = len(old)
    if len(change) != 2 * size:
        raise ValueError(f"{2 * size} octets are due: {size} at random and {size} of delta")
    random, delta = change[:size], change[size:]
    temporary, new = old, b""
    while len(new) < size:
        temporary = hashlib.new(HASHES[protocol], temporary + random,
                                usedforsecurity=False).digest()
        part = delta[len(new):len(new) + len(temporary)]
        new += bytes(a ^ b for a, b in zip(temporary, part, strict=False))
    return new
