"""Where a file lies. RFC 3986; RFC 9110 section 4.2."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin

from mibgateway.transfer.terms import TransferError

LONGEST_URL = 4096

_PORTS = {"http": 80, "https": 443}

_FORM = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*+)://(?:(?P<user>[^/?#]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]++\]|[^/?#:@\[\]]++)(?::(?P<port>\d{1,5})?)?"
    r"(?P<path>[/?][^#]*+)?(?:#.*+)?")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_KEPT = "/?:@!$&'()*+,;=-._~%"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Url:
    """Where a file lies: http or https."""

    scheme: str
    host: str
    """In lower case, an IPv6 address without its brackets."""
    port: int
    path: str
    """With its query, as it goes on the wire; "/" at least."""
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Url:
        """Read a URL; what the wire can't carry is percent-encoded. Raises TransferError."""
        if len(text) > LONGEST_URL:
            raise TransferError(f"a URL has at most {LONGEST_URL} characters")
        text = text.strip(" ")
        if any(ord(each) < 0x20 or ord(each) == 0x7F for each in text):
            raise _wrong(text, "a control character in it")
        found = _FORM.fullmatch(text)
        if found is None:
            raise _wrong(text, "http://host/path or https://host/path is wanted")
        scheme = found["scheme"].lower()
        if scheme not in _PORTS:
            raise _wrong(text, f"its scheme is {scheme}")
        username, _, password = (found["user"] or "").partition(":")
        return cls(scheme, _host(text, found["host"]), _port(text, found["port"], scheme),
                   _path(found["path"] or "/"), unquote(username), unquote(password))

    @property
    def authority(self) -> str:
        """The host as the Host field has it, with the port where it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL without its user part."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def name(self) -> str:
        """The last segment of the path, decoded; "" where the path ends with a slash."""
        return unquote(self.path.partition("?")[0].rpartition("/")[2])

    @property
    def origin(self) -> tuple[str, str, int]:
        """Who is asked. RFC 9110 section 4.3.1."""
        return self.scheme, self.host, self.port

    def joined(self, reference: str) -> Url:
        """Give what a Location of here points at; a user part in it is passed over.

        Raises TransferError. RFC 9110 section 10.2.2.
        """
        try:
            text = urljoin(self.shown, reference)
        except ValueError as error:
            raise TransferError(f"a redirect to nowhere: {error}") from None
        found = Url.parse(text)
        return Url(found.scheme, found.host, found.port, found.path)


def without_user(text: str) -> str:
    """Give what may be shown of something that should be a URL, whatever it is."""
    scheme, colon, rest = text.partition("://")
    if not colon:
        scheme, rest = "", text
    return scheme + colon + rest.rpartition("@")[2]


def _wrong(text: str, why: str) -> TransferError:
    shown = "".join(each if each.isprintable() else "?" for each in without_user(text)[:200])
    return TransferError(f"{shown!r} is no http or https URL: {why}")


def _port(text: str, digits: str | None, scheme: str) -> int:
    port = int(digits) if digits else _PORTS[scheme]
    if not 0 < port < 65536:
        raise _wrong(text, f"no port {port}")
    return port


def _host(text: str, host: str) -> str:
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise _wrong(text, f"{host} is no IPv6 address") from None
    try:
        found = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise _wrong(text, "its host is no name") from None
    labels = found.removesuffix(".").split(".")
    if len(found) > 254 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _wrong(text, "its host is no name")
    return found.lower()


def _path(path: str) -> str:
    """RFC 3986 section 2.1; what is encoded already stays as it is."""
    if not path.startswith("/"):
        path = f"/{path}"
    return quote(_STRAY_PERCENT.sub("%25", path), safe=_KEPT, errors="replace")
