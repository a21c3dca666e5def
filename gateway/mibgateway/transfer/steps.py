"""Decides what to ask next: whom, with which credentials, from which octet on, and when not.

No socket, no disk. RFC 9110 sections 11 to 15.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from mibgateway.transfer.authentication import Authentication, challenges
from mibgateway.transfer.response import Head
from mibgateway.transfer.terms import Bounds, Credentials, Cut, Request, TransferError
from mibgateway.transfer.url import Url

_REDIRECTS = {301, 302, 303, 307, 308}
_MAY_PASS = {408, 425, 429}
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True)
class Again:
    """Ask anew: another place, or the same with credentials."""


@dataclass(frozen=True)
class Take:
    """Keep the body that follows, from this octet of the file on."""

    offset: int
    total: int | None
    """Octets of the whole file; None where the server does not tell."""


class _Asking:
    """What GET and PUT have in common: redirects and credentials."""

    def __init__(
        self, method: str, url: Url, credentials: Credentials | None, bounds: Bounds,
        product: str, nonce: Callable[[], str],
    ) -> None:
        """product: for User-Agent."""
        self._method, self._bounds, self._product = method, bounds, product
        self.url, self._first = url, url.origin
        if url.username or url.password:
            credentials = Credentials(url.username, url.password)
        for each in (credentials.username, credentials.password) if credentials else ():
            if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in each):
                raise TransferError("a control character in the credentials")
        has_any = credentials is not None and (credentials.username or credentials.password)
        self._authentication = \
            Authentication(credentials, nonce) if credentials and has_any else None
        self._is_elsewhere = False
        self._redirects = 0

    def _request(self, *fields: tuple[str, str], waits: bool = False) -> Request:
        url = self.url
        every = [("Host", url.authority), ("User-Agent", self._product), ("Accept", "*/*"),
                 ("Accept-Encoding", "identity"), ("Connection", "close"), *fields]
        if self._authentication is not None:
            value = self._authentication.field(self._method, url.path)
            every += [("Authorization", value)] if value else []
        lines = [f"{self._method} {url.path} HTTP/1.1",
                 *(f"{name}: {value}" for name, value in every), "", ""]
        head = "\r\n".join(lines).encode("utf-8", "surrogateescape")
        return Request(self._method, url.scheme, url.host, url.port, head, waits)

    def _refused_or_again(self, head: Head) -> Again:
        """Judge an answer that is no success. Raises TransferError."""
        if head.status == 401:
            if self._authentication is None:
                where = "" if not self._is_elsewhere else ", which stands elsewhere than asked"
                raise TransferError(f"the server asks for credentials{where}")
            self._authentication.challenged(challenges(head.all("www-authenticate")))
            return Again()
        if head.status in _REDIRECTS and head.one("location"):
            self._redirected(head)
            return Again()
        may_retry = head.status >= 500 or head.status in _MAY_PASS
        raise TransferError(f"the server answers {head.words}", may_retry=may_retry)

    def _redirected(self, head: Head) -> None:
        self._redirects += 1
        if self._redirects > self._bounds.redirects:
            raise TransferError(f"more than {self._bounds.redirects} redirects")
        to = self.url.joined(head.one("location"))
        if self.url.scheme == "https" and to.scheme != "https":
            raise TransferError("a redirect from https to http is not followed")
        if to.origin != self._first:
            self._authentication, self._is_elsewhere = None, True
        self.url = to


class Download(_Asking):
    """One file, however many requests it takes."""

    def __init__(
        self, url: Url, most_octets: int, credentials: Credentials | None, bounds: Bounds,
        product: str, nonce: Callable[[], str],
    ) -> None:
        super().__init__("GET", url, credentials, bounds, product, nonce)
        self._most = most_octets
        self.received = 0
        """Octets of the file that are kept."""
        self.total: int | None = None
        self.kind = ""
        self._validator = ""
        self._asked_from = 0
        self._resumptions = 0
        self._barren = 0
        self._received_before = 0

    def request(self) -> Request:
        """Give what to ask for next: the rest where something is kept that may be gone on with."""
        if not self._validator:
            self._asked_from = 0
            return self._request()
        self._asked_from = self.received
        if not self.received:
            return self._request()
        return self._request(("Range", f"bytes={self.received}-"), ("If-Range", self._validator))

    def answered(self, head: Head) -> Take | Again:
        """Judge an answer. Raises TransferError."""
        if head.status == 206 and self._asked_from:
            return self._goes_on(head)
        if head.status == 416 and self._asked_from:
            self._validator = ""
            return Again()
        if head.status != 200:
            return self._refused_or_again(head)
        _not_encoded(head)
        self.kind = _printable(head.one("content-type"))
        self.received = self._received_before = 0
        self.total = None if head.is_chunked else head.length
        self._not_too_large(self.total or 0)
        self._validator = _validator(head)
        return Take(0, self.total)

    def _goes_on(self, head: Head) -> Take:
        """RFC 9110 sections 14.4 and 15.3.7."""
        _not_encoded(head)
        found = _RANGE.fullmatch(head.one("content-range"))
        if found is None:
            raise TransferError("the server sends a part without telling which")
        first, last = int(found[1]), int(found[2])
        total = None if found[3] == "*" else int(found[3])
        if first != self._asked_from or last < first or (total is not None and last >= total):
            raise TransferError(f"the server sends octets {first} to {last} "
                                f"where those from {self._asked_from} on were asked for")
        if self.total is not None and total is not None and total != self.total:
            raise TransferError("the server sends a part of another file")
        length = head.length
        if length is not None and length != last - first + 1:
            raise TransferError("the server sends a part that is not as long as it says")
        now = head.one("etag")
        if now and self._validator.startswith('"') and now != self._validator:
            raise TransferError("the server sends a part of another file")
        self.total = self.total if total is None else total
        self._not_too_large(self.total or last + 1)
        return Take(self._asked_from, self.total)

    def took(self, octets: int) -> None:
        """Count octets of the body. Raises TransferError."""
        self.received += octets
        self._not_too_large(self.received)
        if self.total is not None and self.received > self.total:
            raise TransferError("the server sends more than it said")

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, once a body is over."""
        return self.total is None or self.received >= self.total

    def cut(self, why: Cut) -> float:
        """Note that a body ended early; give the seconds to wait before asking for the rest.

        Raises the reason when it has been tried often enough, or where nothing has come yet.
        """
        if not (self.received or self._resumptions):
            raise why
        if self._resumptions >= self._bounds.resumptions:
            of = f" of {self.total}" if self.total is not None else ""
            raise TransferError(
                f"cut short after {self.received}{of} octets, taken up again "
                f"{self._resumptions} times: {why.why}", may_retry=True)
        self._resumptions += 1
        self._barren = 0 if self.received > self._received_before else self._barren + 1
        self._received_before = self.received
        return self._bounds.pause_s * 2 ** (self._barren - 1) if self._barren else 0.0

    def _not_too_large(self, octets: int) -> None:
        if octets > self._most:
            raise TransferError(f"the file is too large: {self._most} octets are allowed")


class Upload(_Asking):
    """One file that is put somewhere."""

    def __init__(
        self, url: Url, octets: int, credentials: Credentials | None, bounds: Bounds,
        product: str, nonce: Callable[[], str],
    ) -> None:
        super().__init__("PUT", url, credentials, bounds, product, nonce)
        self._octets, self._waits = octets, True

    def request(self) -> Request:
        """Give the request; its body waits until the server has had a look at the head."""
        fields = [("Content-Length", str(self._octets)),
                  ("Content-Type", "application/octet-stream")]
        if self._waits and self._octets:
            fields.append(("Expect", "100-continue"))
        return self._request(*fields, waits=self._waits and self._octets > 0)

    def answered(self, head: Head) -> Again | None:
        """Judge the answer; None is success. Raises TransferError."""
        if head.status in (200, 201, 202, 204):
            return None
        if head.status == 417 and self._waits:
            self._waits = False
            return Again()
        if head.status == 303:
            raise TransferError(f"the server answers {head.words}")
        return self._refused_or_again(head)


def _not_encoded(head: Head) -> None:
    """RFC 9110 section 8.4."""
    coding = ", ".join(head.all("content-encoding")).strip().lower()
    if coding not in ("", "identity"):
        raise TransferError("the server sends the file in a coding that nobody asked for")


def _validator(head: Head) -> str:
    """Give what tells this very file from a later one, "" where nothing does for certain.

    RFC 9110 sections 8.8.2.2, 8.8.3 and 13.1.5.
    """
    if head.one("accept-ranges").lower() == "none":
        return ""
    tag = head.one("etag")
    if tag:
        return tag if re.fullmatch(r'"[\x21\x23-\x7e]{0,256}"', tag) else ""
    modified, date = head.one("last-modified"), head.one("date")
    try:
        age = parsedate_to_datetime(date) - parsedate_to_datetime(modified)
    except (TypeError, ValueError, IndexError, OverflowError):
        return ""
    return modified if age.total_seconds() >= 1 and modified.isascii() else ""


def _printable(text: str) -> str:
    return "".join(each for each in text[:128] if "\x20" <= each < "\x7f")
