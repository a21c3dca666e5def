"""SNMPv3's octets: what is put together is read back the same, and is BER."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.snmp.ber import OCTETS, SEQUENCE, BerError, encode_integer, tlv
from mibagent.snmp.message import read_version
from mibagent.snmp.secured import (
    Frame,
    overhead,
    read_encrypted,
    read_header,
    read_scoped,
    read_security,
    scoped_front,
)

NUMBERS = st.integers(0, 2**31 - 1)


@given(engine=st.binary(min_size=5, max_size=32), user=st.binary(max_size=32), msg_id=NUMBERS,
       boots=NUMBERS, time=NUMBERS, mac=st.sampled_from([12, 16, 24, 32, 48]),
       data=st.binary(max_size=700), encrypted=st.booleans())
def test_a_message_is_read_back_as_it_was_put_together(
    engine: bytes, user: bytes, msg_id: int, boots: int, time: int, mac: int, data: bytes,
    encrypted: bool,
) -> None:
    flags = 3 if encrypted else 1
    salt = b"saltsalt" if encrypted else b""
    frame = Frame(engine, user, 65507, flags, mac, len(salt))
    scoped = data if encrypted else tlv(SEQUENCE, scoped_front(engine, b"") + tlv(0xA0, data))
    for _ in range(2):
        before, behind = frame.put(encode_integer(msg_id)[2:], boots, time, salt, scoped)
    octets = before + b"m" * mac + behind
    version, at = read_version(octets)
    header = read_header(octets, at)
    security = read_security(octets, *header.security)
    assert (version, header.msg_id, header.max_size) == (3, encode_integer(msg_id)[2:], 65507)
    assert (header.flags, header.model) == (flags, 3)
    assert security == (engine, boots, time, user, b"m" * mac, len(before), salt)
    if encrypted:
        assert read_encrypted(octets, header.data_at) == data
    else:
        found = read_scoped(octets, header.data_at)
        assert (found.engine_id, found.context, octets[found.start:found.end]) == (
            engine, b"", data)
    assert len(octets) - len(scoped) <= overhead(engine, user, mac, len(salt))


def test_padding_is_taken_where_it_may_be() -> None:
    scoped = tlv(SEQUENCE, scoped_front(b"12345", b"c") + tlv(0xA0, b""))
    assert read_scoped(scoped + bytes(7), 0, padded=True).end == len(scoped)
    with pytest.raises(BerError):
        read_scoped(scoped + bytes(7), 0)


@pytest.mark.parametrize("octets", [
    tlv(OCTETS, b"x") + b"\0", tlv(SEQUENCE, b"x"), b"\x04\x05x", b""])
def test_what_is_no_encrypted_pdu_is_refused(octets: bytes) -> None:
    with pytest.raises(BerError):
        read_encrypted(octets, 0)
