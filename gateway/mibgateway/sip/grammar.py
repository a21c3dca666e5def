"""The words that all SIP texts are made of.

Every pattern is possessive, so that each text is read once, however it is made. The texts here are
unfolded: LWS is spaces and tabs.

RFC 3261 section 25.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address

from .errors import SipPeerError

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]++"
QUOTED = r'"(?:[^"\\]++|\\.)*+"'
HOST = r"(?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9\-._]++)"
MAX_VALUES = 256
"""Most values that one list of them may have, over all its lines."""

_TOKEN = re.compile(TOKEN)
_VALUE = re.compile(rf'[ \t]*+((?:[^",<]++|{QUOTED}|<[^<>]*+>)*+)', re.DOTALL)
_PARAM = re.compile(
    rf'[ \t]*+;[ \t]*+({TOKEN})(?:[ \t]*+=[ \t]*+({QUOTED}|[^\s;,"<>=?]++=*+))?+', re.DOTALL
)
_NUMBER = re.compile(r"[0-9]{1,20}+")
_THREE_COLONS = re.compile(r":{3}(?!:)")


def is_token(text: str) -> bool:
    """Tell whether the text is one token."""
    return _TOKEN.fullmatch(text) is not None


def parse_number(text: str, largest: int, what: str) -> int:
    """Give the number that decimal digits say. Raises SipPeerError beyond `largest`."""
    if not _NUMBER.fullmatch(text) or int(text) > largest:
        raise SipPeerError(f"{what} is no number up to {largest}: {shown(text)}")
    return int(text)


def shown(text: str) -> str:
    """Give the head of a peer's text, fit for a message to people."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def split_values(text: str) -> list[str]:
    """Split at the commas that stand outside quotes and angle brackets.

    Raises SipPeerError for an unclosed quote or bracket, for an empty value and for too many.
    RFC 3261 section 7.3.1.
    """
    values: list[str] = []
    here = 0
    while True:
        match = _VALUE.match(text, here)
        value = match[1].rstrip(" \t") if match else ""
        if match is None or not value:
            raise SipPeerError(f"an empty or unclosed value: {shown(text)}")
        values.append(value)
        if match.end() == len(text):
            return values
        if text[match.end()] != "," or len(values) == MAX_VALUES:
            raise SipPeerError(f"an unclosed value, or too many: {shown(text)}")
        here = match.end() + 1


def quote(text: str) -> str:
    """Give a quoted-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """Give what a quoted-string means; other text is given as it is."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text[:1] == '"' else text


def parse_host(text: str) -> str:
    """Give a host without brackets, small letters; three colons in IPv6 are taken as two.

    Raises SipPeerError. RFC 5118 section 4.10.
    """
    if not text.startswith("["):
        if re.fullmatch(HOST, text) is None:
            raise SipPeerError(f"not a host: {shown(text)}", "RFC 3261 section 25.1")
        return text.lower()
    address = _THREE_COLONS.sub("::", text[1:-1], count=1).lower()
    try:
        IPv6Address(address)
    except AddressValueError as error:
        raise SipPeerError(f"not an IPv6 reference: {shown(text)}", "RFC 5118 section 4") from error
    return address


def print_host(host: str, port: int | None = None) -> str:
    """Give host and port as they stand in URIs and Via, IPv6 in brackets."""
    text = f"[{host}]" if ":" in host else host
    return text if port is None else f"{text}:{port}"


@dataclass(frozen=True)
class Params:
    """Parameters after semicolons, of a header field or a URI."""

    pairs: tuple[tuple[str, str | None], ...] = ()
    """Names and values as the sender spelled them; None where no equal sign stands."""

    @classmethod
    def parse(cls, text: str) -> Params:
        """Take all of the text. Raises SipPeerError."""
        pairs: list[tuple[str, str | None]] = []
        here, end = 0, len(text.rstrip(" \t"))
        while here < end:
            match = _PARAM.match(text, here)
            if match is None or len(pairs) == MAX_VALUES:
                raise SipPeerError(f"not parameters: {shown(text[here:])}")
            pairs.append((match[1], match[2]))
            here = match.end()
        return cls(tuple(pairs))

    def __str__(self) -> str:
        return "".join(f";{n}" if v is None else f";{n}={v}" for n, v in self.pairs)

    def __contains__(self, name: str) -> bool:
        return any(n.lower() == name for n, _ in self.pairs)

    def get(self, name: str) -> str | None:
        """Give the first value of that name in small letters; None where it has none."""
        return next((v for n, v in self.pairs if n.lower() == name), None)

    def put(self, name: str, value: str | None) -> Params:
        """Give the same with this one set, at its old place if it had one."""
        new = (name, value)
        if name not in self:
            return Params((*self.pairs, new))
        return Params(tuple(new if n.lower() == name else (n, v) for n, v in self.pairs))
