"""OPTIONS both ways: the keep-alive that we ask, and what a user agent core answers so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .grammar import Params
from .header import MAGIC_COOKIE, CSeq, Headers, NameAddr, Via
from .message import KNOWN_METHODS, Request, Response
from .uri import OtherUri, SipUri

MAX_FORWARDS = 70
_ONLY_IN_DIALOGS = frozenset(("BYE", "CANCEL", "INFO", "PRACK", "UPDATE"))

Token = Callable[[], str]
"""Gives a word that nobody can guess, of token characters, at least 64 bits of chance."""


@dataclass(frozen=True)
class Identity:
    """How a gateway names itself."""

    user_agent: str = "mibgate"
    """User-Agent of requests, Server of responses; empty for none."""
    user: str | None = None
    """The user part of From and Contact, escaped."""
    domain: str | None = None
    """The host of From and Contact; None for the address of the connection."""
    port: int | None = None
    """The port of Contact; None for the port of the connection, or none beside a domain."""
    alias: bool = False
    """Whether Via offers the connection for requests back. RFC 5923 section 4."""

    def address(self, local: tuple[str, int]) -> SipUri:
        """Give From's URI."""
        return SipUri(self.domain or local[0].lower(), user=self.user)

    def contact(self, local: tuple[str, int], transport: str, scheme: str = "sip") -> SipUri:
        """Give Contact's URI for a connection from that local host and port."""
        port = self.port if self.domain or self.port else local[1]
        params = Params((("transport", transport.lower()),))
        return SipUri(self.domain or local[0].lower(), port, self.user, None, params, (), scheme)


def build_options(
    identity: Identity,
    target: SipUri,
    local: tuple[str, int],
    transport: str,
    cseq: int,
    call_id: str,
    tag: str,
    branch: str,
) -> Request:
    """Give the request that asks a server whether it lives; branch comes without its cookie.

    RFC 3261 section 11.1.
    """
    host, port = local[0].partition("%")[0], local[1]    # a zone is nobody else's
    params = Params((("branch", MAGIC_COOKIE + branch), ("rport", None)))
    if identity.alias:
        params = params.put("alias", None)
    local = (host, port)
    sender = NameAddr(identity.address(local)).with_tag(tag)
    fields = [
        ("Via", str(Via(transport.upper(), host.lower(), port, params))),
        ("Max-Forwards", str(MAX_FORWARDS)),
        ("From", str(sender)),
        ("To", str(NameAddr(SipUri(target.host, user=target.user, scheme=target.scheme)))),
        ("Call-ID", call_id),
        ("CSeq", str(CSeq(cseq, "OPTIONS"))),
        ("Contact", str(NameAddr(identity.contact(local, transport, target.scheme)))),
        ("Accept", "application/sdp"),
    ]
    if identity.user_agent:
        fields.append(("User-Agent", identity.user_agent))
    return Request("OPTIONS", target, headers=Headers(tuple(fields)))


@dataclass(frozen=True)
class UserAgentServer:
    """Answers each request at once, since nothing can be called yet. RFC 3261 section 8.2."""

    identity: Identity
    """Who answers."""
    token: Token
    """Makes To tags."""
    allow: tuple[str, ...] = ("OPTIONS",)
    """The methods that are understood, for Allow."""
    accept: tuple[str, ...] = ("application/sdp",)
    """The bodies that are understood, for Accept."""
    supported: tuple[str, ...] = ()
    """The extensions that are understood, for Supported and against Require."""

    def answer(self, request: Request) -> Response | None:
        """Give the final response; None for an ACK, and for what is not for this core.

        RFC 3261 sections 8.2.1 to 8.2.6 and 11.2.
        """
        if request.method == "ACK":
            return None
        status, extra = self._judge(request)
        if status == 200:
            extra = (
                ("Allow", ", ".join(self.allow)),
                ("Accept", ", ".join(self.accept)),
                ("Accept-Encoding", "identity"),
                ("Accept-Language", "en"),
                ("Supported", ", ".join(self.supported)),
            )
        response = request.respond(status, tag=self.token())
        headers = response.headers
        if self.identity.user_agent:
            extra = (*extra, ("Server", self.identity.user_agent))
        headers = Headers(headers.fields + extra)
        return Response(response.status, response.reason, headers=headers)

    def _judge(self, request: Request) -> tuple[int, tuple[tuple[str, str], ...]]:
        allow = (("Allow", ", ".join(self.allow)),)
        if request.fault is not None:
            return request.fault.status, allow if request.fault.status == 501 else ()
        if request.method not in KNOWN_METHODS:
            return 501, allow
        if isinstance(request.uri, OtherUri):
            return 416, ()
        if request.to.tag is not None or request.method in _ONLY_IN_DIALOGS:
            return 481, ()
        if request.method not in self.allow:
            return 405, allow
        required = request.headers.values("Require")
        unknown = [name for name in required if name.lower() not in self.supported]
        if unknown:
            return 420, (("Unsupported", ", ".join(unknown)),)
        return (200, ()) if request.method == "OPTIONS" else (500, ())
