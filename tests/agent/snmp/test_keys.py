from __future__ import annotations

import hashlib

import pytest

from mibagent.snmp.keys import (
    HASHES,
    LEGACY,
    changed_key,
    localized_key,
    password_to_key,
    privacy_key,
)

ENGINE = bytes.fromhex("000000000000000000000002")

SAMPLES = [   # RFC 3414 appendix A.3.1 and A.3.2
    ("MD5", "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
    ("SHA", "9fb5cc0381497b3793528939ff788d5d79145211",
     "6695febc9288e36282235fc7151f128497b38f3f"),
]

OTHERS = {    # of the same pass phrase at the same engine
    "SHA-256": "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b",
}


@pytest.mark.parametrize(("protocol", "key", "localized"), SAMPLES)
def test_the_samples_of_the_rfc(protocol: str, key: str, localized: str) -> None:
    assert password_to_key(protocol, b"maplesyrup").hex() == key
    assert localized_key(protocol, b"maplesyrup", ENGINE).hex() == localized


@pytest.mark.parametrize("protocol", OTHERS)
def test_what_others_make_of_it(protocol: str) -> None:
    assert localized_key(protocol, b"maplesyrup", ENGINE).hex() == OTHERS[protocol]


@pytest.mark.parametrize("protocol", HASHES)
@pytest.mark.parametrize("phrase", [b"maplesyrup", b"12345678", b"x" * 1_000_003])
def test_any_phrase_is_stretched_to_a_mebibyte(protocol: str, phrase: bytes) -> None:
    """RFC 3414's figure written down plainly."""
    name = HASHES[protocol]
    stretched = bytes(phrase[at % len(phrase)] for at in range(1_048_576))
    key = hashlib.new(name, stretched).digest()
    assert password_to_key(protocol, phrase) == key
    assert localized_key(protocol, phrase, ENGINE) == hashlib.new(name, key + ENGINE + key).digest()


def test_pysnmp_agrees() -> None:
    from pysnmp.proto.rfc1902 import OctetString  # type: ignore[import-untyped]

    # The service first: pysnmp's modules import each other.
    from pysnmp.proto.secmod.rfc3414 import service  # type: ignore[import-untyped] # noqa: F401
    from pysnmp.proto.secmod.rfc3414.auth import hmacmd5, hmacsha  # type: ignore[import-untyped]
    from pysnmp.proto.secmod.rfc7860.auth import hmacsha2  # type: ignore[import-untyped]
    services = {"SHA-224": "SHA224", "SHA-256": "SHA256", "SHA-384": "SAH384", "SHA-512": "SHA512"}
    sha2 = hmacsha2.HmacSha2
    ours = {name: sha2(getattr(sha2, f"{theirs}_SERVICE_ID")) for name, theirs in services.items()}
    for protocol, theirs in {"MD5": hmacmd5.HmacMd5(), "SHA": hmacsha.HmacSha(), **ours}.items():
        key = theirs.hash_passphrase(b"maplesyrup")
        assert bytes(theirs.localize_key(key, OctetString(ENGINE))) == \
            localized_key(protocol, b"maplesyrup", ENGINE), protocol


def test_the_legacy_ones_are_those_of_rfc_3414() -> None:
    assert {"MD5", "SHA"} == LEGACY
    assert set(HASHES) - LEGACY == {"SHA-224", "SHA-256", "SHA-384", "SHA-512"}


@pytest.mark.parametrize("extension", ["Blumenthal", "Reeder"])
@pytest.mark.parametrize("protocol", HASHES)
@pytest.mark.parametrize("size", [192, 256])
def test_short_keys_are_extended_as_pysnmp_has_it(
    protocol: str, size: int, extension: str
) -> None:
    from pysnmp.proto.rfc1902 import OctetString
    from pysnmp.proto.secmod.rfc3414 import service  # noqa: F401
    from pysnmp.proto.secmod.rfc3414.auth import hmacmd5, hmacsha
    from pysnmp.proto.secmod.rfc7860.auth import hmacsha2
    if extension == "Blumenthal":
        from pysnmp.proto.secmod.eso.priv import aes192, aes256  # type: ignore[import-untyped]
        cipher = aes192.AesBlumenthal192() if size == 192 else aes256.AesBlumenthal256()
    else:
        from pysnmp.proto.secmod.eso.priv import aes192, aes256
        cipher = aes192.Aes192() if size == 192 else aes256.Aes256()
    services = {"MD5": hmacmd5.HmacMd5.SERVICE_ID, "SHA": hmacsha.HmacSha.SERVICE_ID,
                "SHA-224": hmacsha2.HmacSha2.SHA224_SERVICE_ID,
                "SHA-256": hmacsha2.HmacSha2.SHA256_SERVICE_ID,
                "SHA-384": hmacsha2.HmacSha2.SAH384_SERVICE_ID,
                "SHA-512": hmacsha2.HmacSha2.SHA512_SERVICE_ID}
    stretched = cipher.hash_passphrase(services[protocol], b"maplesyrup")
    theirs = bytes(cipher.localize_key(services[protocol], stretched, OctetString(ENGINE)))
    name = f"AES-{size}" + "-C" * (extension == "Reeder")
    ours = privacy_key(protocol, localized_key(protocol, b"maplesyrup", ENGINE), name, ENGINE)
    assert ours == theirs[:size // 8]


def change_of(protocol: str, old: bytes, new: bytes) -> bytes:
    """The KeyChange that turns one key into another, as a manager makes it."""
    random, delta, digest = bytes(range(len(old))), b"", old
    for at in range(0, len(old), hashlib.new(HASHES[protocol]).digest_size):
        digest = hashlib.new(HASHES[protocol], digest + random).digest()
        delta += bytes(a ^ b for a, b in zip(digest, new[at:], strict=False))
    return random + delta


@pytest.mark.parametrize("protocol", HASHES)
@pytest.mark.parametrize("size", [16, 20, 24, 32, 64])
def test_a_key_change_leads_from_key_to_key(protocol: str, size: int) -> None:
    old, new = bytes(range(size)), bytes(range(100, 100 + size))
    assert changed_key(protocol, old, change_of(protocol, old, new)) == new
    for wrong in (b"", bytes(2 * size - 1), bytes(2 * size + 1)):
        with pytest.raises(ValueError, match=str(2 * size)):
            changed_key(protocol, old, wrong)


@pytest.mark.parametrize(("protocol", "new", "delta"), [   # RFC 3414 appendix A.5
    ("MD5", "87021d7bd9d101ba05ea6e3bf9d9bd4a", "8805615141676cc9196174e742a32551"),
    ("SHA", "78e2dcce79d59403b58c1bbaa5bff46391f1cd25",
     "9c1017f4fd483d2de8d5fadbf84392cb06457051")])
def test_the_sample_of_a_key_change(protocol: str, new: str, delta: str) -> None:
    old = localized_key(protocol, b"maplesyrup", ENGINE)
    assert localized_key(protocol, b"newsyrup", ENGINE).hex() == new
    assert changed_key(protocol, old, bytes(len(old)) + bytes.fromhex(delta)).hex() == new
