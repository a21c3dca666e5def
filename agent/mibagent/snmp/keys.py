"""Keys from pass phrases, localised to one engine.

RFC 3414 appendix A.2; RFC 7860 section 9.3.
"""

from __future__ import annotations

import hashlib

_STRETCHED_OCTETS = 1_048_576

SHORTEST_PASS_PHRASE = 8
"""Octets; a shorter one makes no key. RFC 3414 section 11.2."""

HASHES = {
    "MD5": "md5", "SHA": "sha1", "SHA-224": "sha224", "SHA-256": "sha256", "SHA-384": "sha384",
    "SHA-512": "sha512",
}
"""Authentication protocols as net-snmp names them, with hashlib's names."""

LEGACY = frozenset({"MD5", "SHA"})


def password_to_key(protocol: str, pass_phrase: bytes) -> bytes:
    """Give the user's key Ku of a pass phrase: the digest of a mebibyte of it."""
    times = _STRETCHED_OCTETS // len(pass_phrase) + 1
    stretched = (pass_phrase * times)[:_STRETCHED_OCTETS]
    return hashlib.new(HASHES[protocol], stretched, usedforsecurity=False).digest()


def localized_key(protocol: str, pass_phrase: bytes, engine_id: bytes) -> bytes:
    """Give Kul, the key at one engine. RFC 3414 section 2.6."""
    key = password_to_key(protocol, pass_phrase)
    return hashlib.new(HASHES[protocol], key + engine_id + key, usedforsecurity=False).digest()
