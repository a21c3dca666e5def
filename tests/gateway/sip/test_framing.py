"""Streams and datagrams."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibgateway.sip.errors import SipPeerError
from mibgateway.sip.framing import (
    DATAGRAM_LIMIT_BYTES,
    Garbled,
    Item,
    LineEnd,
    Stream,
    StreamBroken,
    fits_datagram,
    parse_datagram,
)
from mibgateway.sip.message import Request, Response

HEAD = (
    b"Via: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n"
    b"Call-ID: x\r\nCSeq: 1 OPTIONS\r\n"
)


def request(body: bytes = b"", *more: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"OPTIONS sip:a@b SIP/2.0\r\n" + HEAD + b"".join(more) + length + b"\r\n" + body


def response() -> bytes:
    return b"SIP/2.0 200 OK\r\n" + HEAD + b"l: 0\r\n\r\n"


PIECES = st.lists(
    st.sampled_from(
        [
            request(), request(b"body\r\n\r\n"), response(), b"\r\n", b"\r\n\r\n",
            b"nonsense\r\nContent-Length: 2\r\n\r\nab", b"\r", b"x", request() + b"\r\n\r",
            request().replace(b"Content-Length: 0\r\n", b""),
            request().replace(b"Length: 0", b"Length: -1"), request(b"y" * 400),
        ]
    ),
    max_size=6,
)  # fmt: skip


def fed(stream: Stream, chunks: list[bytes]) -> tuple[list[Item], str]:
    items: list[Item] = []
    for chunk in chunks:
        try:
            items += stream.feed(chunk)
        except StreamBroken as broken:
            return items + broken.complete, broken.why
    return items, ""


@given(PIECES, st.lists(st.integers(0, 3000), max_size=6), st.booleans())
def test_how_octets_are_cut_makes_no_difference(
    pieces: list[bytes], cuts: list[int], pinged: bool
) -> None:
    data = b"".join(pieces)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    ways = [
        [data],
        [data[i : i + 1] for i in range(len(data))],
        [data[a:b] for a, b in itertools.pairwise(edges)],
    ]
    results = []
    for chunks in ways:
        stream = Stream(limit=500)
        if pinged:
            stream.expect_pong()
        results.append(fed(stream, chunks))
    assert results[0] == results[1] == results[2]


def test_no_message_is_held_back() -> None:
    stream = Stream()
    items = stream.feed(request(b"hello") + response() + request()[:-1])
    assert [type(item) for item in items] == [Request, Response]
    assert isinstance(items[0], Request) and items[0].body == b"hello"
    assert len(stream.feed(b"\n")) == 1


def test_line_ends_are_pings_in_pairs_and_pongs_when_due() -> None:
    stream = Stream()
    assert stream.feed(b"\r\n") == []
    assert stream.feed(b"\r\n") == [LineEnd.PING]
    stream.expect_pong()
    assert stream.feed(b"\r\n\r\n\r\n") == [LineEnd.PONG, LineEnd.PING]
    assert stream.feed(b"\r\n")[:] == []
    assert len(stream.feed(response())) == 1
    assert stream.feed(b"\r\n") == []
    stream.expect_pong()
    assert stream.feed(b"\r\n") == [LineEnd.PONG]


def test_a_message_at_the_limit_passes_and_one_over_it_gets_513() -> None:
    size = len(request(b"12345"))
    assert len(Stream(size).feed(request(b"12345"))) == 1
    with pytest.raises(StreamBroken) as broken:
        Stream(size - 1).feed(response() + request(b"12345"))
    first, second = broken.value.complete
    assert isinstance(first, Response)
    assert isinstance(second, Request) and second.fault is not None
    assert second.fault.status == 513


def test_an_endless_head_is_cut_off() -> None:
    stream = Stream(1000)
    with pytest.raises(StreamBroken):
        for _ in range(2000):
            stream.feed(b"x")
    with pytest.raises(StreamBroken) as broken:
        stream.feed(request())
    assert broken.value.complete == []


@pytest.mark.parametrize(
    "line", [b"", b"l: 0\r\nl: 0\r\n", b"l: -1\r\n", b"l: +1\r\n", b"l: 1x\r\n", b"l:\r\n"]
)
def test_an_unclear_length_breaks_the_stream(line: bytes) -> None:
    data = request().replace(b"Content-Length: 0\r\n", line)
    with pytest.raises(StreamBroken) as broken:
        Stream().feed(data)
    (item,) = broken.value.complete
    assert isinstance(item, Request) and item.fault is not None and item.fault.status == 400
    with pytest.raises(StreamBroken) as again:
        Stream().feed(response().replace(b"l: 0\r\n", line))
    assert again.value.complete == []


def test_a_garbled_message_of_known_length_is_skipped() -> None:
    items = Stream().feed(b"what\r\nContent-Length: 2\r\n\r\nab" + request())
    assert isinstance(items[0], Garbled) and isinstance(items[1], Request)


def test_a_datagram_has_its_own_limit() -> None:
    room = DATAGRAM_LIMIT_BYTES - len(request(b"1" * 1000)) + 1000
    fits, over = request(b"1" * room), request(b"1" * (room + 1))
    assert fits_datagram(fits) and not fits_datagram(over)
    fine, refused = parse_datagram(fits), parse_datagram(over)
    assert isinstance(fine, Request) and fine.fault is None
    assert isinstance(refused, Request) and refused.fault is not None
    assert (refused.fault.status, refused.body) == (513, b"")
    with pytest.raises(SipPeerError):
        parse_datagram(response() + b"1" * 6000)
    with pytest.raises(SipPeerError):
        parse_datagram(request(b"", b"X: " + b"x" * 6000 + b"\r\n"))
    assert parse_datagram(b"\r\n\r\n") is LineEnd.PING
    assert parse_datagram(b"\0" * 4) is LineEnd.PING
