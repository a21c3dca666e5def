"""HMACs cut to what a message carries."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.snmp.auth import MAC_OCTETS, PROTOCOLS, Signer
from mibagent.snmp.keys import HASHES


@pytest.mark.parametrize("protocol", MAC_OCTETS)
@given(key=st.binary(min_size=1, max_size=200), message=st.binary(max_size=300))
def test_a_mac_is_the_hmac_cut_short(protocol: str, key: bytes, message: bytes) -> None:
    whole = hmac.new(key, message, HASHES[protocol]).digest()
    signer = Signer(protocol, key)
    for _ in range(2):
        assert signer.mac(message) == whole[:MAC_OCTETS[protocol]]


@pytest.mark.parametrize("protocol", MAC_OCTETS)
def test_a_message_with_one_octet_changed_is_not_signed(protocol: str) -> None:
    signer = Signer(protocol, b"k" * 20)
    mac = signer.mac(b"front" + signer.blank + b"behind")
    octets = b"front" + mac + b"behind"
    assert signer.is_signed(octets, 5, mac)
    for at in range(len(octets)):
        changed = bytearray(octets)
        changed[at] ^= 1
        assert not signer.is_signed(bytes(changed), 5, bytes(changed[5:5 + signer.size])), at
    assert not signer.is_signed(octets, 5, mac[:-1])


def test_the_sizes_are_those_of_the_rfcs() -> None:
    """RFC 3414 sections 6.1.1 and 7.1.1; RFC 7860 section 4.1."""
    assert MAC_OCTETS == {"MD5": 12, "SHA": 12, "SHA-224": 16, "SHA-256": 24, "SHA-384": 32,
                          "SHA-512": 48}
    assert {name: oid[-1] for name, oid in PROTOCOLS.items()} == {
        "MD5": 2, "SHA": 3, "SHA-224": 4, "SHA-256": 5, "SHA-384": 6, "SHA-512": 7}
    assert all(hashlib.new(HASHES[name]).digest_size > size for name, size in MAC_OCTETS.items())
