"""Header fields: their names, and the shape of those that a SIP element must understand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mibagent.errors import LocalError

from .errors import SipPeerError
from .grammar import (
    HOST,
    QUOTED,
    TOKEN,
    Params,
    is_token,
    parse_host,
    parse_number,
    print_host,
    quote,
    shown,
    split_values,
    unquote,
)
from .uri import Uri, parse_uri

MAGIC_COOKIE = "z9hG4bK"
"""What a branch starts with that is unique. RFC 3261 section 8.1.1.7."""
MAX_CSEQ = 2**31 - 1

_COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "n": "Identity-Info", "o": "Event", "r": "Refer-To",
    "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires",
    "y": "Identity",
}  # fmt: skip
_LISTS = frozenset(
    name.lower()
    for name in (
        "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow",
        "Allow-Events", "Call-Info", "Contact", "Content-Encoding", "Content-Language",
        "Error-Info", "In-Reply-To", "Path", "Proxy-Require", "Record-Route", "Reject-Contact",
        "Require", "Route", "Service-Route", "Supported", "Unsupported", "Via", "Warning",
    )
)  # fmt: skip
_SPELLINGS = {name.lower(): name for name in _COMPACT.values()} | {
    name.lower(): name
    for name in (
        "Accept", "Accept-Encoding", "Accept-Language", "Allow", "Authorization", "Call-ID",
        "CSeq", "Date", "Expires", "Max-Forwards", "Min-Expires", "Path", "Proxy-Authenticate",
        "Proxy-Authorization", "Proxy-Require", "Reason", "Record-Route", "Require", "Retry-After",
        "Route", "Server", "Service-Route", "Timestamp", "Unsupported", "User-Agent", "Warning",
        "WWW-Authenticate",
    )
}  # fmt: skip

_NAME_ADDR = re.compile(rf"[ \t]*+({QUOTED}|(?:{TOKEN}[ \t]*+)*+)[ \t]*+<([^<>]*+)>", re.DOTALL)
_ADDR_SPEC = re.compile(r'[ \t]*+([^\s;,?<>"]++)')
_VIA = re.compile(
    rf"[ \t]*+({TOKEN})[ \t]*+/[ \t]*+({TOKEN})[ \t]*+/[ \t]*+({TOKEN})"
    rf"[ \t]++({HOST})(?:[ \t]*+:[ \t]*+([0-9]++))?+"
)
_CSEQ = re.compile(rf"([0-9]++)[ \t]++({TOKEN})")
_BREAKS = re.compile(r"[\r\n]")


def canonical(name: str) -> str:
    """Give the long name in its usual spelling; an unknown one as it is.

    RFC 3261 section 7.3.3.
    """
    small = name.lower()
    return _COMPACT.get(small) or _SPELLINGS.get(small, name)


@dataclass(frozen=True)
class Headers:
    """The header fields of a message in their order, without Content-Length, which is framing."""

    fields: tuple[tuple[str, str], ...] = ()
    """Canonical names and unfolded values, a field for each line."""

    def __post_init__(self) -> None:
        for name, value in self.fields:
            if not is_token(name) or _BREAKS.search(value):
                raise LocalError(f"not a header field: {shown(name)}: {shown(value)}")

    def __str__(self) -> str:
        return "".join(f"{name}: {value}\r\n" for name, value in self.fields)

    def __contains__(self, name: str) -> bool:
        return any(self._of(name))

    def get(self, name: str) -> str | None:
        """Give the value of the first field of that name."""
        return next(self._of(name), None)

    def lines(self, name: str) -> tuple[str, ...]:
        """Give the values of all fields of that name, each line as one."""
        return tuple(self._of(name))

    def values(self, name: str) -> list[str]:
        """Give all values of that name, lists split at their commas. Raises SipPeerError."""
        lines = self.lines(name)
        if canonical(name).lower() not in _LISTS:
            return list(lines)
        text = ",".join(line for line in lines if line)
        return split_values(text) if text else []

    def put(self, name: str, *values: str) -> Headers:
        """Give the same with these values instead of any under that name, at its old place."""
        name = canonical(name)
        new = tuple((name, value) for value in values)
        small = name.lower()
        at = next((i for i, (n, _) in enumerate(self.fields) if n.lower() == small), None)
        if at is None:
            return Headers(self.fields + new)
        rest = tuple(f for f in self.fields[at:] if f[0].lower() != small)
        return Headers(self.fields[:at] + new + rest)

    def _of(self, name: str) -> Iterator[str]:
        small = canonical(name).lower()
        return (value for n, value in self.fields if n.lower() == small)


@dataclass(frozen=True)
class NameAddr:
    """From, To, Contact, Route and their like. RFC 3261 section 20.10."""

    uri: Uri
    """Where it points."""
    display: str = ""
    """The name for people, unquoted."""
    params: Params = field(default_factory=Params)
    """The header's parameters, such as tag, q and expires."""

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Take all of the text; without brackets all parameters are the header's.

        Raises SipPeerError.
        """
        if match := _NAME_ADDR.match(text):
            display = unquote(match[1].strip(" \t"))
            return cls(parse_uri(match[2]), display, Params.parse(text[match.end() :]))
        if match := _ADDR_SPEC.match(text):
            return cls(parse_uri(match[1]), "", Params.parse(text[match.end() :]))
        raise SipPeerError(f"not an address: {shown(text)}", "RFC 3261 section 20.10")

    def __str__(self) -> str:
        return f"{quote(self.display) + ' ' if self.display else ''}<{self.uri}>{self.params}"

    @property
    def tag(self) -> str | None:
        """The tag of From and To. RFC 3261 section 19.3."""
        return self.params.get("tag")

    def with_tag(self, tag: str) -> NameAddr:
        """Give the same with that tag."""
        return replace(self, params=self.params.put("tag", tag))


@dataclass(frozen=True)
class Via:
    """One hop of the way that responses go back. RFC 3261 section 20.42."""

    transport: str
    """UDP, TCP, TLS or another token, in capitals."""
    host: str
    """The host of sent-by in small letters, IPv6 without brackets."""
    port: int | None = None
    """The port of sent-by; None where it names none."""
    params: Params = field(default_factory=Params)
    """branch, received, rport, maddr, ttl and others."""
    protocol: str = "SIP/2.0"
    """Protocol name and version."""

    @classmethod
    def parse(cls, text: str) -> Via:
        """Take all of the text. Raises SipPeerError."""
        match = _VIA.match(text)
        if match is None:
            raise SipPeerError(f"not a Via: {shown(text)}", "RFC 3261 section 20.42")
        port = None if match[5] is None else parse_number(match[5], 65535, "port")
        via = cls(
            transport=match[3].upper(),
            host=parse_host(match[4]),
            port=port,
            params=Params.parse(text[match.end() :]),
            protocol=f"{match[1].upper()}/{match[2]}",
        )
        if "branch" in via.params and via.branch is None:
            raise SipPeerError(f"a branch without a value: {shown(text)}", "RFC 3261 section 20.42")
        return via

    def __str__(self) -> str:
        return f"{self.protocol}/{self.transport} {print_host(self.host, self.port)}{self.params}"

    @property
    def branch(self) -> str | None:
        """The transaction's name, unique only if `is_unique`."""
        return self.params.get("branch")

    @property
    def is_unique(self) -> bool:
        """Whether the branch may stand for the transaction. The bare cookie may not.

        RFC 4475 section 3.2.1.
        """
        branch = self.branch or ""
        cookie = branch[: len(MAGIC_COOKIE)].lower() == MAGIC_COOKIE.lower()
        return cookie and len(branch) > len(MAGIC_COOKIE)

    @property
    def sent_by(self) -> tuple[str, int]:
        """Host and port of whoever sent the request, the default port where none stands."""
        return self.host, self.port or (5061 if self.transport == "TLS" else 5060)

    def seen_from(self, host: str, port: int) -> Via:
        """Note where the request really came from.

        RFC 3261 section 18.2.1, RFC 3581 section 4.
        """
        params = self.params
        if "rport" in params and params.get("rport") is None:
            params = params.put("rport", str(port)).put("received", host)
        elif host.lower() != self.host:
            params = params.put("received", host)
        return replace(self, params=params)


@dataclass(frozen=True)
class CSeq:
    """Number and method. RFC 3261 section 20.16."""

    number: int
    """0 to 2**31 - 1."""
    method: str
    """The request's method, also in its responses."""

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Take all of the text. Raises SipPeerError."""
        match = _CSEQ.fullmatch(text)
        if match is None:
            raise SipPeerError(f"not a CSeq: {shown(text)}", "RFC 3261 section 20.16")
        return cls(parse_number(match[1], MAX_CSEQ, "CSeq"), match[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
