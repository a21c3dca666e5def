"""Messages in a stream. RFC 3430 section 2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.snmp.ber import SEQUENCE, BerError, tlv
from mibagent.snmp.stream import MessageStream

MESSAGES = st.lists(st.binary(max_size=300).map(lambda octets: tlv(SEQUENCE, octets)), max_size=8)


@given(MESSAGES, st.data())
def test_messages_come_out_as_they_went_in_however_they_are_cut(
    messages: list[bytes], data: st.DataObject
) -> None:
    octets, stream, found = b"".join(messages), MessageStream(), []
    while octets:
        size = data.draw(st.integers(1, len(octets)))
        stream.feed(octets[:size])
        octets = octets[size:]
        while (message := stream.take()) is not None:
            found.append(message)
    assert found == messages
    assert len(stream) == 0


@pytest.mark.parametrize("octets", [
    b"\x31", b"\x04\x00", b"\x30\x80", b"\x30\x85\x00\x00\x00\x00\x01", b"GET / HTTP/1.1",
    b"\x30\x84\x7f\xff\xff\xff", b"\x30\x83\x01\x00\x00",
])
def test_a_stream_that_is_none_is_known_at_once(octets: bytes) -> None:
    stream = MessageStream()
    stream.feed(octets)
    with pytest.raises(BerError):
        stream.take()


def test_the_longest_message_is_taken_and_one_octet_more_is_not() -> None:
    stream = MessageStream(limit=200)
    stream.feed(tlv(SEQUENCE, bytes(197)))
    assert len(stream.take() or b"") == 200
    stream.feed(tlv(SEQUENCE, bytes(198))[:3])
    with pytest.raises(BerError, match="200"):
        stream.take()


def test_a_message_waits_for_its_last_octet() -> None:
    whole, stream = tlv(SEQUENCE, bytes(200)), MessageStream()
    for octet in whole[:-1]:
        stream.feed(bytes((octet,)))
        assert stream.take() is None
    stream.feed(whole[-1:])
    assert stream.take() == whole
