"""Where messages begin and end, in streams and in datagrams."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .errors import SipPeerError
from .grammar import parse_number
from .message import Fault, Head, Request, Response, parse_message

STREAM_LIMIT_BYTES = 65535
DATAGRAM_LIMIT_BYTES = 5120
PING = b"\r\n\r\n"
PONG = b"\r\n"


class LineEnd(enum.Enum):
    """Line ends between messages. RFC 5626 section 3.5.1."""

    PING = "ping"
    """Two line ends; to be answered by PONG."""
    PONG = "pong"
    """One line end after a ping of ours."""


@dataclass(frozen=True)
class Garbled:
    """A message of known length that can be neither read nor answered; the stream goes on."""

    why: str
    """For the log."""


Item = Request | Response | LineEnd | Garbled


class StreamBroken(SipPeerError):
    """Nobody can tell where the next message begins: the connection is to be closed.

    `complete` is what stood before, for a request with the fault that broke the stream included.
    """

    def __init__(self, why: str, complete: list[Item]) -> None:
        super().__init__(why, "RFC 3261 section 18.3")
        self.complete = complete


class Stream:
    """Cuts the octets of a TCP or TLS connection into messages."""

    def __init__(self, limit: int = STREAM_LIMIT_BYTES) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._head: Head | None = None
        self._size = 0
        self._pongs_due = 0
        self._half_ping = False
        self._broken = ""

    def expect_pong(self) -> None:
        """Note that a ping was sent: the next line end is its pong and no half of a ping."""
        self._pongs_due += 1
        self._half_ping = False

    def feed(self, data: bytes) -> list[Item]:
        """Take octets; give the items they complete, oldest first. None is held back.

        Raises StreamBroken with what came before. RFC 3261 section 18.3.
        """
        self._buffer += data
        items: list[Item] = []
        while not self._broken:
            try:
                item = self._next(items)
            except StreamBroken as broken:
                self._broken = broken.why
                self._buffer.clear()
                raise
            if item is None:
                return items
            if not isinstance(item, bool):
                items.append(item)
        raise StreamBroken(self._broken, items)

    def _next(self, before: list[Item]) -> Item | bool | None:
        """Give an item, True to go on, None to wait."""
        if self._head is not None:
            return self._body(self._head)
        if self._buffer[:2] == b"\r\n":
            del self._buffer[:2]
            self._searched = 0
            return self._line_end()
        if not self._buffer or self._buffer == b"\r":
            return None
        self._half_ping = False
        end = self._buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            if len(self._buffer) > self._limit:
                raise StreamBroken(f"a head over {self._limit} octets", before)
            self._searched = max(0, len(self._buffer) - 3)
            return None
        octets = bytes(self._buffer[:end])
        if end + 4 > self._limit:
            raise StreamBroken(f"a head over {self._limit} octets", before)
        del self._buffer[: end + 4]
        self._searched = 0
        self._begin(octets, before)
        return True

    def _line_end(self) -> Item | bool:
        if self._pongs_due:
            self._pongs_due -= 1
            return LineEnd.PONG
        self._half_ping = not self._half_ping
        return True if self._half_ping else LineEnd.PING

    def _begin(self, octets: bytes, before: list[Item]) -> None:
        """Learn from the head how long the message is."""
        try:
            head = Head.parse(octets)
        except SipPeerError as error:
            raise StreamBroken(error.why, before) from error
        room = self._limit - len(octets) - 4
        status, why = 400, f"{len(head.lengths)} Content-Length fields"
        if len(head.lengths) == 1:
            try:
                size = parse_number(head.lengths[0], 10**20, "Content-Length")
            except SipPeerError as error:
                why = error.why
            else:
                if size <= room:
                    self._head, self._size = head, size
                    return
                status, why = 513, f"a message over {self._limit} octets"
        try:
            faulty = [head.message(b"", Fault(status, why))]
        except SipPeerError:
            faulty = []
        raise StreamBroken(why, [*before, *faulty])

    def _body(self, head: Head) -> Item | None:
        if len(self._buffer) < self._size:
            return None
        body = bytes(self._buffer[: self._size])
        del self._buffer[: self._size]
        self._head = None
        try:
            return head.message(body)
        except SipPeerError as error:
            return Garbled(str(error))


def fits_datagram(data: bytes, limit: int = DATAGRAM_LIMIT_BYTES) -> bool:
    """Tell whether a message may go in one datagram, IP and UDP headers not counted."""
    return len(data) <= limit


def parse_datagram(
    data: bytes, limit: int = DATAGRAM_LIMIT_BYTES
) -> Request | Response | LineEnd:
    """Take a datagram; a request over the limit comes with the fault 513 and without a body.

    Raises SipPeerError, for a response over the limit too.
    """
    if not data.strip(b"\r\n\0"):
        return LineEnd.PING
    if fits_datagram(data, limit):
        return parse_message(data)
    head, end, _ = data[:limit].lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not end:
        raise SipPeerError(f"a datagram over {limit} octets")
    return Head.parse(head).message(b"", Fault(513, f"a datagram over {limit} octets"))
