"""Answers what a server asks of whoever asks it: Digest and Basic.

RFC 7616 and RFC 7617; nothing is told before a server asks.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from mibgateway.transfer.terms import Credentials, TransferError

_SCHEME = re.compile(r"[\s,]*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)(?=[\s,]|$)")
_PARAMETER = re.compile(
    r'[\s,]*+([!#$%&\'*+.^_`|~0-9A-Za-z-]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]++))')
_TOKEN68 = re.compile(r"\s++[0-9A-Za-z._~+/-]++=*+\s*+(?=,|$)")

MOST_STALE = 10
"""How often a server may call its nonce stale in one transfer."""

_ALGORITHMS = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}
"""Best first."""


@dataclass(frozen=True)
class Challenge:
    """One way in which a server asks."""

    scheme: str
    """In lower case."""
    parameters: dict[str, str]

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")


def challenges(values: Iterable[str]) -> list[Challenge]:
    """Read WWW-Authenticate fields; what can't be read ends the field it stands in.

    RFC 9110 section 11.6.1.
    """
    found = []
    for value in values:
        at = 0
        while scheme := _SCHEME.match(value, at):
            at = scheme.end()
            parameters: dict[str, str] = {}
            if token := _TOKEN68.match(value, at):
                at = token.end()
            while parameter := _PARAMETER.match(value, at):
                at = parameter.end()
                quoted = parameter[2]
                text = parameter[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters.setdefault(parameter[1].lower(), text)
            found.append(Challenge(scheme[1].lower(), parameters))
    return found


class Authentication:
    """What the one server that was asked is told about whoever asks."""

    def __init__(self, credentials: Credentials, nonce: Callable[[], str]) -> None:
        """nonce: gives octets of chance, in hex, for the client's nonce."""
        self._credentials, self._nonce = credentials, nonce
        self._chosen: Challenge | None = None
        self._count = self._stale = 0

    def challenged(self, offered: list[Challenge]) -> None:
        """Take the best of the ways that are offered; Basic is the last resort.

        Raises TransferError where none is known, or where the credentials have been refused.
        """
        chosen = _best(offered)
        if chosen is None:
            schemes = ", ".join(sorted({each.scheme[:20] for each in offered})) or "nothing"
            raise TransferError(f"the server asks for credentials by {schemes}; "
                                "Digest and Basic are known here")
        before = self._chosen
        is_stale = chosen.scheme == "digest" and chosen.get("stale").lower() == "true" \
            and before is not None and chosen.get("nonce") != before.get("nonce")
        if before is not None and not (is_stale and self._stale < MOST_STALE):
            raise TransferError("the server refuses the credentials")
        self._chosen, self._count = chosen, 0
        self._stale += is_stale

    def field(self, method: str, path: str) -> str:
        """Give the Authorization field's value, "" while nobody has asked."""
        if self._chosen is None:
            return ""
        if self._chosen.scheme == "basic":
            return _basic(self._credentials)
        self._count += 1
        return _digest(self._credentials, self._chosen, method, path, self._count, self._nonce())


def _best(offered: list[Challenge]) -> Challenge | None:
    def worth(each: Challenge) -> int:
        if each.scheme == "basic":
            return 1
        algorithm = _algorithm(each)
        qops = _qops(each)
        if each.scheme != "digest" or not each.get("nonce") or algorithm not in _ALGORITHMS \
                or (qops and "auth" not in qops):
            return 0
        return 3 if algorithm == "SHA-256" else 2

    best = max(offered, key=worth, default=None)
    return best if best is not None and worth(best) else None


def _algorithm(challenge: Challenge) -> str:
    return (challenge.get("algorithm") or "MD5").upper().removesuffix("-SESS")


def _qops(challenge: Challenge) -> list[str]:
    return [each.strip().lower() for each in challenge.get("qop").split(",") if each.strip()]


def _basic(credentials: Credentials) -> str:
    """RFC 7617 section 2."""
    if ":" in credentials.username:
        raise TransferError("a user name with a colon can't be told to this server")
    both = f"{credentials.username}:{credentials.password}"
    return "Basic " + b64encode(both.encode()).decode("ascii")


def _digest(
    who: Credentials, challenge: Challenge, method: str, path: str, count: int, cnonce: str
) -> str:
    """RFC 7616 section 3.4; without qop as RFC 2069 had it."""
    make = _ALGORITHMS[_algorithm(challenge)]

    def digest(*parts: str) -> str:
        return make(":".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    realm, nonce = challenge.get("realm"), challenge.get("nonce")
    secret = digest(who.username, realm, who.password)
    if challenge.get("algorithm").upper().endswith("-SESS"):
        secret = digest(secret, nonce, cnonce)
    asked = digest(method, path)
    parameters = [_username(who.username), f"realm={_quoted(realm)}", f"nonce={_quoted(nonce)}",
                  f"uri={_quoted(path)}"]
    if challenge.get("algorithm"):
        parameters.append(f"algorithm={challenge.get('algorithm')}")
    if _qops(challenge):
        parameters += ["qop=auth", f"nc={count:08x}", f"cnonce={_quoted(cnonce)}"]
        response = digest(secret, nonce, f"{count:08x}", cnonce, "auth", asked)
    else:
        response = digest(secret, nonce, asked)
    parameters.append(f'response="{response}"')
    if "opaque" in challenge.parameters:
        parameters.append(f"opaque={_quoted(challenge.get('opaque'))}")
    return "Digest " + ", ".join(parameters)


def _username(name: str) -> str:
    """RFC 7616 section 3.4; RFC 8187 section 3.2 for what ASCII lacks."""
    if name.isascii():
        return f"username={_quoted(name)}"
    return f"username*=UTF-8''{quote(name, safe='')}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
