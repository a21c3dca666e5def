"""Requests and responses, from octets and to octets.

What can't be read is a SipPeerError. A request that can be read but not accepted carries its
*fault*, so that whoever receives it can answer. Nobody answers a response, so a faulty one is a
SipPeerError too.

RFC 3261 section 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from mibagent.errors import LocalError

from .errors import SipPeerError
from .grammar import is_token, parse_number, shown
from .header import CSeq, Headers, NameAddr, Via, canonical
from .uri import OtherUri, SipUri, Uri, parse_uri

MAX_FIELDS = 512
"""Most header lines of a message."""
KNOWN_METHODS = frozenset(
    (
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK",
        "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE",
    )
)  # fmt: skip
REASONS = {
    100: "Trying", 200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 415: "Unsupported Media Type",
    416: "Unsupported URI Scheme", 420: "Bad Extension", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 483: "Too Many Hops", 500: "Server Internal Error",
    501: "Not Implemented", 503: "Service Unavailable", 505: "Version Not Supported",
    513: "Message Too Large",
}  # fmt: skip

_FOLD = re.compile(rb"\r\n[ \t]++")
_REQUEST_LINE = re.compile(
    r"([^ \t]++)([ \t]++)(.*\S)([ \t]++)(SIP/[0-9]++\.[0-9]++)([ \t]*+)", re.IGNORECASE | re.ASCII
)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*+))?+", re.IGNORECASE | re.ASCII)
_FIELD = re.compile(r"([^:\s]++)[ \t]*+:[ \t]*+(.*+)", re.DOTALL)
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")
_ONCE = (
    "Call-ID", "Content-Length", "Content-Type", "CSeq", "Date", "Expires", "From", "Max-Forwards",
    "To",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """Why a request is not accepted, and how to say so."""

    status: int
    """The status to answer with."""
    why: str
    """For people; it does not go to the peer."""


@dataclass(frozen=True)
class Message:
    """What requests and responses have in common."""

    headers: Headers = field(kw_only=True, default_factory=Headers)
    """All but Content-Length, which is made from the body."""
    body: bytes = field(kw_only=True, default=b"")
    """The octets after the empty line."""

    @cached_property
    def vias(self) -> tuple[Via, ...]:
        """All hops, the latest first. Raises SipPeerError for none."""
        vias = tuple(map(Via.parse, self.headers.values("Via")))
        if not vias:
            raise SipPeerError("no Via", "RFC 3261 section 8.1.1")
        return vias

    @property
    def via(self) -> Via:
        """The latest hop. Raises SipPeerError."""
        return self.vias[0]

    @cached_property
    def from_(self) -> NameAddr:
        """Whom the request comes from. Raises SipPeerError."""
        return NameAddr.parse(self._one("From"))

    @cached_property
    def to(self) -> NameAddr:
        """Whom the request goes to. Raises SipPeerError."""
        return NameAddr.parse(self._one("To"))

    @cached_property
    def cseq(self) -> CSeq:
        """Number and method. Raises SipPeerError."""
        return CSeq.parse(self._one("CSeq"))

    @cached_property
    def call_id(self) -> str:
        """What groups requests; one word. Raises SipPeerError."""
        text = self._one("Call-ID")
        if not text or " " in text or "\t" in text:
            raise SipPeerError(f"not a Call-ID: {shown(text)}", "RFC 3261 section 20.8")
        return text

    @cached_property
    def contacts(self) -> tuple[NameAddr, ...]:
        """All Contacts; none for a star. Raises SipPeerError."""
        values = self.headers.values("Contact")
        return () if values == ["*"] else tuple(map(NameAddr.parse, values))

    @cached_property
    def routes(self) -> tuple[NameAddr, ...]:
        """The Routes that the request is yet to take. Raises SipPeerError."""
        return tuple(map(NameAddr.parse, self.headers.values("Route")))

    @cached_property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """The proxies that want to stay on the way. Raises SipPeerError."""
        return tuple(map(NameAddr.parse, self.headers.values("Record-Route")))

    def start_line(self) -> str:
        """Give the first line without its end."""
        raise NotImplementedError

    def __bytes__(self) -> bytes:
        text = f"{self.start_line()}\r\n{self.headers}Content-Length: {len(self.body)}\r\n\r\n"
        return text.encode("utf-8", "surrogateescape") + self.body

    def _one(self, name: str) -> str:
        value = self.headers.get(name)
        if value is None:
            raise SipPeerError(f"no {name}", "RFC 3261 section 8.1.1")
        return value


@dataclass(frozen=True)
class Request(Message):
    """A request. RFC 3261 section 7.1."""

    method: str
    """A token, by letter case."""
    uri: Uri
    """The Request-URI; an OtherUri without a scheme if it is none."""
    fault: Fault | None = field(kw_only=True, default=None)
    """Why it can't be accepted."""

    @classmethod
    def parse(cls, data: bytes) -> Request:
        """Take a datagram that must be a request. Raises SipPeerError."""
        message = parse_message(data)
        if not isinstance(message, cls):
            raise SipPeerError("a response where a request is due")
        return message

    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    @property
    def max_forwards(self) -> int | None:
        """Hops left; None if unsaid or nonsense. RFC 4475 section 3.1.2.4."""
        text = self.headers.get("Max-Forwards") or ""
        return int(text) if re.fullmatch("[0-9]{1,9}", text) and int(text) <= 255 else None

    def seen_from(self, host: str, port: int) -> Request:
        """Note in its Via where it came from; a request without a sound Via stays as it is.

        RFC 3261 section 18.2.1.
        """
        try:
            first, *others = self.vias
        except SipPeerError:
            return self
        vias = (str(first.seen_from(host, port)), *map(str, others))
        return replace(self, headers=self.headers.put("Via", *vias))

    def respond(self, status: int, reason: str = "", tag: str = "") -> Response:
        """Give a response with what must be copied; `tag` is for a To that has none.

        RFC 3261 section 8.2.6.2.
        """
        fields = [("Via", line) for line in self.headers.lines("Via")]
        for name in ("From", "To", "Call-ID", "CSeq"):
            value = self.headers.get(name)
            if value is not None:
                fields.append((name, self._tagged(value, tag) if name == "To" else value))
        return Response(status, reason or REASONS.get(status, ""), headers=Headers(tuple(fields)))

    def _tagged(self, to: str, tag: str) -> str:
        try:
            return to if not tag or self.to.tag else str(self.to.with_tag(tag))
        except SipPeerError:
            return to


@dataclass(frozen=True)
class Response(Message):
    """A response. RFC 3261 section 7.2."""

    status: int
    """100 to 699."""
    reason: str = ""
    """For people."""

    @classmethod
    def parse(cls, data: bytes) -> Response:
        """Take a datagram that must be a response. Raises SipPeerError."""
        message = parse_message(data)
        if not isinstance(message, cls):
            raise SipPeerError("a request where a response is due")
        return message

    def start_line(self) -> str:
        if not 100 <= self.status <= 699 or re.search("[\r\n]", self.reason):
            raise LocalError(f"not a status line: {self.status} {self.reason!r}")
        return f"SIP/2.0 {self.status} {self.reason}"

    @property
    def is_final(self) -> bool:
        """Whether it ends its transaction."""
        return self.status >= 200


@dataclass(frozen=True)
class Head:
    """All of a message that stands before the empty line, split and no more."""

    line: str
    """The start-line."""
    headers: Headers
    """All header fields but Content-Length."""
    lengths: tuple[str, ...]
    """The value of each Content-Length field."""
    faults: tuple[Fault, ...] = ()
    """What is wrong so far."""

    @classmethod
    def parse(cls, data: bytes) -> Head:
        """Take the octets before the empty line. Raises SipPeerError for what can't be split."""
        text = _FOLD.sub(b" ", data).decode("utf-8", "surrogateescape")
        line, *rest = text.split("\r\n")
        if len(rest) > MAX_FIELDS:
            raise SipPeerError(f"over {MAX_FIELDS} header fields")
        fields: list[tuple[str, str]] = []
        faults: list[Fault] = []
        for part in rest:
            match = _FIELD.fullmatch(part)
            if match is None or not is_token(match[1]) or "\r" in part or "\n" in part:
                faults.append(Fault(400, f"not a header field: {shown(part)}"))
            else:
                fields.append((canonical(match[1]), match[2].rstrip(" \t")))
        lengths = tuple(v for n, v in fields if n == "Content-Length")
        headers = Headers(tuple(f for f in fields if f[0] != "Content-Length"))
        return cls(line, headers, lengths, tuple(faults))

    def message(self, body: bytes, *faults: Fault) -> Request | Response:
        """Give the message with that body. Raises SipPeerError for what nobody can answer."""
        if match := _STATUS_LINE.fullmatch(self.line):
            response = Response(int(match[1]), match[2] or "", headers=self.headers, body=body)
            if wrong := (*self.faults, *faults, *_faults(response, self.headers)):
                raise SipPeerError(f"a faulty response: {wrong[0].why}")
            return response
        match = _REQUEST_LINE.fullmatch(self.line)
        if match is None or "\r" in self.line or "\n" in self.line or not is_token(match[1]):
            raise SipPeerError(f"not a start-line: {shown(self.line)}", "RFC 3261 section 7")
        if "Via" not in self.headers:
            raise SipPeerError("a request without Via", "RFC 3261 section 8.1.1")
        found: list[Fault] = []
        if match[5].upper() != "SIP/2.0":
            found.append(Fault(505, f"version {shown(match[5])}"))
        if (match[2], match[4], match[6]) != (" ", " ", ""):
            found.append(Fault(400, "spaces in the request-line"))
        uri = _request_uri(match[3], found)
        request = Request(match[1], uri, headers=self.headers, body=body)
        found += (*self.faults, *faults, *_faults(request, self.headers))
        return replace(request, fault=found[0]) if found else request


def parse_message(data: bytes) -> Request | Response:
    """Take a datagram; octets after Content-Length are left. Raises SipPeerError.

    RFC 3261 section 18.3.
    """
    data = data.lstrip(b"\r\n")
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        raise SipPeerError("no empty line after the header fields", "RFC 3261 section 7")
    parsed = Head.parse(head)
    if len(parsed.lengths) > 1:
        return parsed.message(body, Fault(400, "more than one Content-Length"))
    if not parsed.lengths:
        return parsed.message(body)
    try:
        size = parse_number(parsed.lengths[0], len(body), "Content-Length")
    except SipPeerError as error:
        return parsed.message(body, Fault(400, error.why))
    return parsed.message(body[:size])


def _request_uri(text: str, faults: list[Fault]) -> Uri:
    try:
        uri = parse_uri(text)
    except SipPeerError as error:
        faults.append(Fault(400, error.why))
        return OtherUri("", text)
    if isinstance(uri, SipUri) and uri.headers:
        faults.append(Fault(400, "header fields in a Request-URI"))    # RFC 3261 section 19.1.1
    return uri


def _faults(message: Request | Response, headers: Headers) -> list[Fault]:
    faults = [
        Fault(400, f"more than one {name}") for name in _ONCE if len(headers.lines(name)) > 1
    ]
    checks: list[Callable[[], object]] = [
        lambda: message.vias, lambda: message.from_, lambda: message.to, lambda: message.call_id,
        lambda: message.cseq, lambda: message.contacts, lambda: message.routes,
        lambda: message.record_routes, lambda: headers.values("Require"),
    ]  # fmt: skip
    for check in checks:
        try:
            check()
        except SipPeerError as error:
            faults.append(Fault(400, error.why))
    if isinstance(message, Request) and not faults:
        if message.cseq.method != message.method:
            status = 400 if message.method in KNOWN_METHODS else 501    # RFC 4475 section 3.1.2.18
            faults.append(Fault(status, "CSeq names another method"))
        date = headers.get("Date")
        if date is not None and not _DATE.fullmatch(date):
            faults.append(Fault(400, f"not a date: {shown(date)}"))    # RFC 3261 section 20.17
    return faults
