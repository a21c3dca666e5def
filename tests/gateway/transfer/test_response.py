"""Responses, as servers send them and as they should not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibgateway.transfer.response import (
    LARGEST_HEAD_OCTETS,
    LARGEST_TRAILER_OCTETS,
    LONGEST_CHUNK_LINE,
    MOST_INTERIM,
    Head,
    Reader,
    read_head,
)
from mibgateway.transfer.terms import TransferError

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes, closed: bool | None = None) -> tuple[list[int], bytes, bool]:
    """Give the statuses, the body, and whether it is whole."""
    reader, events = Reader(), list[Any]()
    for piece in pieces:
        events += reader.take(piece)
    if closed is not None:
        events += reader.close(closed)
    assert events.count(None) <= 1
    return ([each.status for each in events if isinstance(each, Head)],
            b"".join(each for each in events if isinstance(each, bytes)),
            None in events)


@pytest.mark.parametrize(
    ("octets", "closed", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcrest", None, ([200], b"abc", True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", True, ([200], b"ab", False)),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", None, ([200], b"", True)),
        (b"HTTP/1.0 200 OK\nServer: x\n\nabc", True, ([200], b"abc", True)),
        (b"HTTP/1.0 200 OK\r\n\r\nabc", False, ([200], b"abc", False)),
        (b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n", None, ([204], b"", True)),
        (b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hint\r\nLink: x\r\n\r\n"
         b"HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n", None, ([100, 103, 201], b"", True)),
        (CHUNKED + b"3;a=\"b\"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX: y\r\n\r\n", None,
         ([200], b"abc0123456789", True)),
        (CHUNKED + b"3\r\nabc\r\n0\r\n", True, ([200], b"abc", False)),
        (CHUNKED + b"3\r\nabc", True, ([200], b"abc", False)),
        (b"HTTP/1.1 200 OK\r\n", True, ([], b"", False)),
        (b"", True, ([], b"", False)),
    ],
)
def test_a_body_ends_where_the_head_says(
    octets: bytes, closed: bool | None, expected: tuple[list[int], bytes, bool]
) -> None:
    assert read(octets, closed=closed) == expected
    assert read(*(octets[at:at + 1] for at in range(len(octets))), closed=closed) == expected


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "field that can't be read"),
        (b"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n", "field that can't be read"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "field that can't be read"),
        (b"HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n", "field that can't be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "two lengths"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "transfer coding"),
        (b"HTTP/1.1 101 Switch\r\n\r\n", "without being asked"),
        (b"HTTP/1.1 100 Go\r\n\r\n" * (MOST_INTERIM + 1), "without being asked"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"a" * LARGEST_HEAD_OCTETS, "head is over"),
        (b"a" * (LARGEST_HEAD_OCTETS + 1), "head is over"),
        (CHUNKED + b"x\r\n", "size can't be read"),
        (CHUNKED + b"-1\r\n", "size can't be read"),
        (CHUNKED + b"f" * 16 + b"\r\n", "size can't be read"),
        (CHUNKED + b"1" + b" " * LONGEST_CHUNK_LINE + b"    ", "line without an end"),
        (CHUNKED + b"1\r\nabc\r\n", "longer than it says"),
        (CHUNKED + b"0\r\n" + b"A: b\r\n" * LARGEST_TRAILER_OCTETS, "trailer is over"),
    ],
)
def test_a_server_that_breaks_the_protocol_is_refused(octets: bytes, why: str) -> None:
    with pytest.raises(TransferError, match=why):
        read(octets)
    with pytest.raises(TransferError, match=why):
        read(*(octets[at:at + 1000] for at in range(0, len(octets), 1000)))


def test_octets_that_are_body_alone_pass_by() -> None:
    reader = Reader()
    assert not reader.passes(b"HTTP/1.1 ")
    list(reader.take(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na"))
    assert reader.passes(b"bcd")
    assert not reader.passes(b"e")
    assert list(reader.take(b"e")) == [b"e", None]
    assert not reader.passes(b"f")
    chunked = Reader()
    list(chunked.take(CHUNKED + b"5\r\na"))
    assert not chunked.passes(b"b")


def test_the_same_length_twice_is_one() -> None:
    assert read_head(b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\ncontent-length:3").length == 3


def test_a_status_is_told_in_words_of_ours() -> None:
    assert [Head(each).words for each in (404, 599)] == ["404 (Not Found)", "599"]


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.integers(1, 60))
def test_chunks_come_out_as_they_went_in(chunks: list[bytes], cut: int) -> None:
    octets = CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks)
    octets += b"0\r\n\r\n"
    pieces = [octets[at:at + cut] for at in range(0, len(octets), cut)]
    assert read(*pieces) == ([200], b"".join(chunks), True)


@given(st.lists(st.binary(max_size=80), max_size=4))
def test_whatever_comes_is_read_or_refused(pieces: list[bytes]) -> None:
    for begin in (b"", b"HTTP/1.1 200 OK\r\n", CHUNKED):
        with suppress(TransferError):
            read(begin, *pieces, closed=True)
