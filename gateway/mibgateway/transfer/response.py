"""Reads one HTTP/1.1 response out of octets, bounded in all that a server may choose.

RFC 9112.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from mibgateway.transfer.terms import TransferError

LARGEST_HEAD_OCTETS = 32 * 1024
MOST_INTERIM = 10
"""1xx answers before the one that counts."""
LONGEST_CHUNK_LINE = 1024
LARGEST_TRAILER_OCTETS = 8 * 1024

_STATUS_LINE = re.compile(rb"HTTP/1\.(\d) (\d{3})(?: .*+)?")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DIGITS = re.compile(r"\d{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*+(?:;.*+)?")


@dataclass(frozen=True)
class Head:
    """A response's status and fields."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    """Names in lower case, in the order in which they came."""

    def all(self, name: str) -> list[str]:
        """Give every value of a field."""
        return [value for each, value in self.fields if each == name]

    def one(self, name: str) -> str:
        """Give the first value of a field, "" where there is none."""
        return next(iter(self.all(name)), "")

    @property
    def words(self) -> str:
        """`404 (Not Found)`: by the number, whatever the server calls it."""
        try:
            return f"{self.status} ({HTTPStatus(self.status).phrase})"
        except ValueError:
            return str(self.status)

    @property
    def is_chunked(self) -> bool:
        """Raises TransferError for another transfer coding. RFC 9112 section 7."""
        codings = ",".join(self.all("transfer-encoding")).strip().lower()
        if codings not in ("", "chunked"):
            raise TransferError("the server uses a transfer coding that nobody asked for")
        return codings == "chunked"

    @property
    def length(self) -> int | None:
        """Content-Length; None where none is told. Raises TransferError.

        RFC 9112 section 6.3.
        """
        told = {each.strip() for value in self.all("content-length") for each in value.split(",")}
        if not told:
            return None
        if len(told) > 1 or not _DIGITS.fullmatch(next(iter(told))):
            raise TransferError("the server tells a Content-Length that is no number")
        if self.all("transfer-encoding"):
            raise TransferError("the server tells two lengths of one body")
        return int(next(iter(told)))

    @property
    def has_no_body(self) -> bool:
        """Whether nothing follows, whatever the fields say. RFC 9112 section 6.3."""
        return self.status < 200 or self.status in (204, 304)


def read_head(octets: bytes) -> Head:
    """Read a head without its empty line. Raises TransferError. RFC 9112 sections 4 and 5."""
    status_line, *lines = octets.replace(b"\r\n", b"\n").split(b"\n")
    found = _STATUS_LINE.fullmatch(status_line)
    if found is None:
        raise TransferError("the server does not speak HTTP/1.1")
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or b"\0" in value or b"\r" in value:
            raise TransferError("the server sends a field that can't be read")
        text = value.strip(b" \t").decode("utf-8", "surrogateescape")
        fields.append((name.decode("ascii").lower(), text))
    return Head(int(found[2]), tuple(fields))


Event = Head | bytes | None
"""A head, some of the body, or None: its end."""


class Reader:
    """One response, from its first octet to the end of its body.

    Each `take` and `close` gives the events that it makes known, oldest first; an interim answer
    is a Head with a status below 200. What follows the end is passed over.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._take = self._take_head
        self._left: int = 0
        self._trailer_octets = 0
        self._interim = 0
        self.is_over = False

    @property
    def is_begun(self) -> bool:
        """Whether a head has come that counts."""
        return self._take != self._take_head

    def passes(self, data: bytes) -> bool:
        """Tell whether octets are nothing but body, and not its last; then they count as taken."""
        if self._take != self._take_counted or len(data) >= self._left:
            return False
        self._left -= len(data)
        return True

    def take(self, data: bytes) -> Iterator[Event]:
        """Take octets from the connection. Raises TransferError."""
        if self.is_over:
            return
        if self._held:
            self._held += data
            data = bytes(self._held)
            self._held.clear()
        at = 0
        while at < len(data) and not self.is_over:
            took, event = self._take(data, at)
            if took < 0:
                self._held += data[at:]
                return
            at += took
            if event is not None:
                yield event
        if self.is_over:
            yield None

    def close(self, is_clean: bool) -> Iterator[Event]:
        """Note that the connection is gone, and whether the server said that it would be.

        The end is among the events only where the body is whole.
        """
        if self._take == self._take_rest and is_clean and not self.is_over:
            self.is_over = True
            yield None

    def _take_head(self, data: bytes, at: int) -> tuple[int, Event]:
        end = _end_of_head(data, at)
        if end is None or end[0] - at > LARGEST_HEAD_OCTETS:
            if len(data) - at > LARGEST_HEAD_OCTETS:
                raise TransferError(f"the server's head is over {LARGEST_HEAD_OCTETS} octets")
            return -1, None
        head = read_head(data[at:end[0]])
        if 100 <= head.status < 200:
            self._interim += 1
            if head.status == 101 or self._interim > MOST_INTERIM:
                raise TransferError(f"the server answers {head.words} without being asked to")
        else:
            self._begin_body(head)
        return end[1] - at, head

    def _begin_body(self, head: Head) -> None:
        is_chunked, length = head.is_chunked, head.length
        if head.has_no_body or length == 0:
            self.is_over = True
        elif is_chunked:
            self._take = self._take_chunk_line
        elif length is not None:
            self._left, self._take = length, self._take_counted
        else:
            self._take = self._take_rest

    def _take_counted(self, data: bytes, at: int) -> tuple[int, Event]:
        some = data[at:at + self._left] if at or len(data) > self._left else data
        self._left -= len(some)
        self.is_over = not self._left
        return len(some), some

    def _take_rest(self, data: bytes, at: int) -> tuple[int, Event]:
        return len(data) - at, data[at:]

    # -- chunks, RFC 9112 section 7.1

    def _take_chunk_line(self, data: bytes, at: int) -> tuple[int, Event]:
        line, took = _line(data, at, LONGEST_CHUNK_LINE)
        if line is None:
            return -1, None
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise TransferError("the server sends a chunk whose size can't be read")
        self._left = int(found[1], 16)
        self._take = self._take_chunk if self._left else self._take_trailer
        return took, None

    def _take_chunk(self, data: bytes, at: int) -> tuple[int, Event]:
        some = data[at:at + self._left]
        self._left -= len(some)
        if not self._left:
            self._take = self._take_chunk_end
        return len(some), some

    def _take_chunk_end(self, data: bytes, at: int) -> tuple[int, Event]:
        line, took = _line(data, at, 2)
        if line is None:
            return -1, None
        if line:
            raise TransferError("the server sends a chunk that is longer than it says")
        self._take = self._take_chunk_line
        return took, None

    def _take_trailer(self, data: bytes, at: int) -> tuple[int, Event]:
        line, took = _line(data, at, LARGEST_TRAILER_OCTETS)
        if line is None:
            return -1, None
        self._trailer_octets += took
        if self._trailer_octets > LARGEST_TRAILER_OCTETS:
            raise TransferError(f"the server's trailer is over {LARGEST_TRAILER_OCTETS} octets")
        self.is_over = not line
        return took, None


def _end_of_head(data: bytes, at: int) -> tuple[int, int] | None:
    """Give where a head ends and where what follows begins."""
    ends = [(found, found + len(mark)) for mark in (b"\r\n\r\n", b"\n\n")
            if (found := data.find(mark, at)) >= 0]
    return min(ends, default=None)


def _line(data: bytes, at: int, limit: int) -> tuple[bytes | None, int]:
    """Give a line without its end, and what it takes; None where it is not whole yet."""
    end = data.find(b"\n", at, at + limit + 2)
    if end < 0:
        if len(data) - at > limit:
            raise TransferError("the server sends a line without an end")
        return None, 0
    return data[at:end].removesuffix(b"\r"), end + 1 - at
