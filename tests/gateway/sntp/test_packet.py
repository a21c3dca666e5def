"""SNTP's octets."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibgateway.sntp.packet import LENGTH, Malformed, Reply, moment, request

REPLY = bytes.fromhex(
    "24 02 06 e8 00000100 00000200 c0000201"      # version 4, server, stratum 2
    "ee000000 00000000 0102030405060708"
    "ee000001 80000000 ee000001 c0000000")


def test_a_request_tells_nothing_but_its_nonce() -> None:
    octets = request(b"12345678")
    assert (len(octets), octets[0]) == (LENGTH, 0x23)      # version 4, client
    assert octets[1:40] == bytes(39)
    assert octets[40:] == b"12345678"


def test_a_reply_is_read() -> None:
    reply = Reply.parse(REPLY)
    assert (reply.leap, reply.stratum, reply.reference) == (0, 2, bytes((192, 0, 2, 1)))
    assert (reply.root_delay, reply.root_dispersion) == (1 / 256, 1 / 128)
    assert reply.origin == bytes(range(1, 9))
    assert reply.received_at is not None
    assert reply.sent_at is not None
    assert reply.sent_at - reply.received_at == 0.25


def test_what_follows_a_reply_is_left_alone() -> None:
    assert Reply.parse(REPLY + bytes(20)) == Reply.parse(REPLY)


@pytest.mark.parametrize(("octets", "why"), [
    (b"", "0 octets"), (REPLY[:47], "47 octets"), (b"\x23" + REPLY[1:], "mode 3"),
    (b"\x25" + REPLY[1:], "mode 5"), (b"\x14" + REPLY[1:], "version 2"),
    (b"\x2c" + REPLY[1:], "version 5")])
def test_what_is_no_reply_is_refused_with_its_reason(octets: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        Reply.parse(octets)


@pytest.mark.parametrize(("seconds", "when"), [
    (0xFFFFFFFF, datetime(2036, 2, 7, 6, 28, 15, tzinfo=UTC)),
    (0x00000001, datetime(2036, 2, 7, 6, 28, 17, tzinfo=UTC)),
    (0x80000000, datetime(1968, 1, 20, 3, 14, 8, tzinfo=UTC)),
    (0x7FFFFFFF, datetime(2104, 2, 26, 9, 42, 23, tzinfo=UTC))])
def test_time_goes_on_when_the_era_ends_in_2036(seconds: int, when: datetime) -> None:
    assert moment(struct.pack("!II", seconds, 0)) == when.timestamp()


def test_zero_is_no_time() -> None:
    assert moment(bytes(8)) is None


@given(st.binary(max_size=80))
def test_any_octets_are_a_reply_or_have_a_reason(octets: bytes) -> None:
    try:
        reply = Reply.parse(octets)
    except Malformed as error:
        assert str(error)
    else:
        assert reply.origin == octets[24:32]
