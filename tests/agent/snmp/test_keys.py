from __future__ import annotations

import hashlib

import pytest

from mibagent.snmp.keys import HASHES, LEGACY, localized_key, password_to_key

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
