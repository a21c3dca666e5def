"""URIs as SIP has them: sip, sips, tel, and others that pass by unread."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .errors import SipPeerError
from .grammar import HOST, Params, parse_host, print_host, shown

MAX_URI = 4096
"""Longest URI that is read, in characters."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*+):(.*+)", re.DOTALL)
_OPAQUE = re.compile(r"[A-Za-z0-9\-_.!~*'();/?:@&=+$,%\[\]#]++")
_USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#]++|%[0-9A-Fa-f]{2})++")
_PASSWORD = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,]++|%[0-9A-Fa-f]{2})*+")
_AFTER = re.compile(rf"({HOST})(?::([0-9]{{1,5}}+))?+((?:;[^;?]++)*+)(?:\?(.++))?+")
_PARAM_TEXT = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$=]++|%[0-9A-Fa-f]{2})++")
_HEADER_TEXT = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()\[\]/?:+$]++|%[0-9A-Fa-f]{2})*+")
_TEL = re.compile(r"(\+?[0-9A-Fa-f*#\-.()]++)((?:;[^;?]++)*+)")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")
_USER_UNRESERVED = _UNRESERVED | frozenset(b"&=+$,;?/")
_MUST_STAND_IN_BOTH = ("user", "ttl", "method", "maddr", "transport")


def escape_user(text: str) -> str:
    """Give the text as a user part. RFC 3261 section 19.1.2."""
    octets = text.encode("utf-8", "surrogateescape")
    return "".join(chr(c) if c in _USER_UNRESERVED else f"%{c:02X}" for c in octets)


def unescape(text: str) -> str:
    """Give what the text means; octets that are not UTF-8 become surrogate escapes."""
    octets = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes((int(m[1], 16),)), text.encode())
    return octets.decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class SipUri:
    """A sip or sips URI. RFC 3261 section 19.1."""

    host: str
    """Name, IPv4 or IPv6 address in small letters, without brackets."""
    port: int | None = None
    """None where the URI names none."""
    user: str | None = None
    """Escaped, as it stands in the URI."""
    password: str | None = None
    """Escaped, as it stands in the URI."""
    params: Params = field(default_factory=Params)
    """The uri-parameters, escaped."""
    headers: tuple[tuple[str, str], ...] = ()
    """What follows the question mark, escaped."""
    scheme: str = "sip"
    """`sip` or `sips`."""

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Take all of the text, scheme included. Raises SipPeerError."""
        uri = parse_uri(text)
        if not isinstance(uri, cls):
            raise SipPeerError(f"not a SIP URI: {shown(text)}", "RFC 3261 section 19.1")
        return uri

    def __str__(self) -> str:
        secret = "" if self.password is None else f":{self.password}"
        user = "" if self.user is None else f"{self.user}{secret}@"
        headers = "&".join(f"{name}={value}" for name, value in self.headers)
        return (
            f"{self.scheme}:{user}{print_host(self.host, self.port)}{self.params}"
            f"{'?' if headers else ''}{headers}"
        )

    @property
    def transport(self) -> str | None:
        """The transport parameter in small letters."""
        value = self.params.get("transport")
        return None if value is None else value.lower()

    def matches(self, other: SipUri) -> bool:
        """Tell whether both name the same thing. RFC 3261 section 19.1.4."""
        return (
            (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)
            and _plain(self.user) == _plain(other.user)
            and _plain(self.password) == _plain(other.password)
            and _params_match(self.params, other.params)
            and _comparable_headers(self) == _comparable_headers(other)
        )


@dataclass(frozen=True)
class TelUri:
    """A telephone number. RFC 3966 section 3."""

    number: str
    """With its visual separators; a leading plus makes it global."""
    params: Params = field(default_factory=Params)
    """ext, isub, phone-context and others."""

    scheme = "tel"

    def __str__(self) -> str:
        return f"tel:{self.number}{self.params}"

    @property
    def digits(self) -> str:
        """The number without visual separators."""
        return re.sub(r"[\-.()]", "", self.number)

    def matches(self, other: TelUri) -> bool:
        """Tell whether both are one number. RFC 3966 section 4."""
        return self.digits.lower() == other.digits.lower() and _folded(self.params) == _folded(
            other.params
        )


@dataclass(frozen=True)
class OtherUri:
    """A URI of a scheme that we only carry, or a Request-URI that is none."""

    scheme: str
    """In small letters; empty for a text that is no URI."""
    rest: str
    """What follows the colon."""

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}" if self.scheme else self.rest


Uri = SipUri | TelUri | OtherUri


def parse_uri(text: str) -> Uri:
    """Take all of the text. Raises SipPeerError."""
    match = _SCHEME.fullmatch(text) if len(text) <= MAX_URI else None
    if match is None:
        raise SipPeerError(f"not a URI: {shown(text)}", "RFC 3261 section 25.1")
    scheme, rest = match[1].lower(), match[2]
    if scheme in ("sip", "sips"):
        return _parse_sip(scheme, rest, text)
    if scheme == "tel" and (tel := _TEL.fullmatch(rest)):
        return TelUri(tel[1], _parse_params(tel[2], text))
    if scheme == "tel" or not _OPAQUE.fullmatch(rest):
        raise SipPeerError(f"not a URI: {shown(text)}", "RFC 3261 section 25.1")
    return OtherUri(scheme, rest)


def _parse_sip(scheme: str, rest: str, text: str) -> SipUri:
    before, at, after = rest.rpartition("@")
    name, colon, secret = before.partition(":")
    match = _AFTER.fullmatch(after)
    if match is None or (at and not (_USER.fullmatch(name) and _PASSWORD.fullmatch(secret))):
        raise SipPeerError(f"not a SIP URI: {shown(text)}", "RFC 3261 section 19.1.1")
    port = None if match[2] is None else int(match[2])
    if port is not None and port > 65535:
        raise SipPeerError(f"not a port: {shown(text)}", "RFC 3261 section 19.1.1")
    return SipUri(
        host=parse_host(match[1]),
        port=port,
        user=name if at else None,
        password=secret if colon else None,
        params=_parse_params(match[3], text),
        headers=_parse_headers(match[4], text),
        scheme=scheme,
    )


def _parse_params(text: str, uri: str) -> Params:
    pairs: list[tuple[str, str | None]] = []
    for part in text.split(";")[1:]:
        name, equals, value = part.partition("=")
        if not _PARAM_TEXT.fullmatch(name) or (equals and not _PARAM_TEXT.fullmatch(value)):
            raise SipPeerError(f"not a URI parameter: {shown(uri)}", "RFC 3261 section 19.1.1")
        pairs.append((name, value if equals else None))
    return Params(tuple(pairs))


def _parse_headers(text: str | None, uri: str) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for part in text.split("&") if text else ():
        name, equals, value = part.partition("=")
        if not (name and equals and _HEADER_TEXT.fullmatch(name) and _HEADER_TEXT.fullmatch(value)):
            raise SipPeerError(f"not a URI's header: {shown(uri)}", "RFC 3261 section 19.1.1")
        pairs.append((name, value))
    return tuple(pairs)


def _plain(text: str | None) -> str | None:
    """Undo the escapes of characters that need none: %61 is a, but %40 stays apart from @."""
    if text is None:
        return None

    def plain(match: re.Match[str]) -> str:
        octet = int(match[1], 16)
        return chr(octet) if octet in _UNRESERVED else match[0].upper()

    return _ESCAPE.sub(plain, text)


def _folded(params: Params) -> dict[str, str | None]:
    folded: dict[str, str | None] = {}
    for name, value in params.pairs:
        folded[str(_plain(name)).lower()] = None if value is None else str(_plain(value)).lower()
    return folded


def _params_match(ours: Params, theirs: Params) -> bool:
    left, right = _folded(ours), _folded(theirs)
    if any((name in left) != (name in right) for name in _MUST_STAND_IN_BOTH):
        return False
    return all(left[name] == right[name] for name in left.keys() & right.keys())


def _comparable_headers(uri: SipUri) -> list[tuple[str, str]]:
    return sorted((str(_plain(n)).lower(), str(_plain(v))) for n, v in uri.headers)
