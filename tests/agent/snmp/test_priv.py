"""Ciphers: what goes in comes out, as other libraries have it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given
from hypothesis import strategies as st

from mibagent.snmp.keys import PRIVACY_KEY_OCTETS
from mibagent.snmp.priv import Aes, Des, PrivacyError, privacy_of

NUMBERS = st.integers(0, 2**31 - 1)


@pytest.mark.parametrize("size", [16, 24, 32])
@given(plains=st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=5),
       boots=NUMBERS, time=NUMBERS)
def test_aes_is_cfb_whatever_was_enciphered_before(
    size: int, plains: list[bytes], boots: int, time: int,
) -> None:
    key = bytes(range(size))
    cipher = Aes("AES", key)
    for plain in plains:
        data, salt = cipher.encrypt(plain, boots, time)
        iv = boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt
        other = Cipher(algorithms.AES(key), CFB(iv))
        encryptor = other.encryptor()
        assert data == encryptor.update(plain) + encryptor.finalize()
        assert cipher.decrypt(data, salt, boots, time) == plain


@pytest.mark.parametrize("protocol", PRIVACY_KEY_OCTETS)
def test_what_was_enciphered_comes_back(protocol: str) -> None:
    key = bytes(range(7, 7 + PRIVACY_KEY_OCTETS[protocol]))
    one, other = privacy_of(protocol, key), privacy_of(protocol, key)
    for size in (1, 7, 8, 15, 16, 17, 1400):
        plain = bytes(at & 0xFF for at in range(size))
        data, salt = one.encrypt(plain, 3, 99)
        assert len(salt) == 8
        assert data != plain or size < 8        # a few octets may encipher to themselves
        assert other.decrypt(data, salt, 3, 99)[:size] == plain


@pytest.mark.parametrize("protocol", ["DES", "AES-128", "AES-256"])
def test_no_salt_comes_twice(protocol: str) -> None:
    cipher = privacy_of(protocol, bytes(PRIVACY_KEY_OCTETS[protocol]))
    salts = {cipher.encrypt(b"x", 1, 1)[1] for _ in range(1000)}
    assert len(salts) == 1000


def test_the_salt_of_des_begins_with_the_boots() -> None:
    """RFC 3414 section 8.1.1.1."""
    assert Des("DES", bytes(16)).encrypt(b"x", 0x01020304, 9)[1][:4] == b"\1\2\3\4"


@pytest.mark.parametrize(("protocol", "data", "salt"), [
    ("DES", b"1234567", bytes(8)), ("DES", b"", bytes(8)), ("DES", b"12345678", bytes(7)),
    ("AES-128", b"1234", b""), ("AES-128", b"1234", bytes(9))])
def test_what_cannot_be_deciphered_is_said(protocol: str, data: bytes, salt: bytes) -> None:
    with pytest.raises(PrivacyError):
        privacy_of(protocol, bytes(32)[:PRIVACY_KEY_OCTETS[protocol]]).decrypt(data, salt, 1, 1)
