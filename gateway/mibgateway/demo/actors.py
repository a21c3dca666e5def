"""The demo's two other processes: the unit, and the SIP server that it connects to.

    python -m mibgateway.demo.actors unit STATE [SCRIPT]
    python -m mibgateway.demo.actors server CERTIFICATE CA

Each ends when its standard input does, so that none outlives the demo, however that ends. A line
there names another certificate for the server to show.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from mibgateway.lab.folder import LabFolder
from mibgateway.lab.life import Ended, tidy_end
from mibgateway.sip.framing import STREAM_LIMIT_BYTES
from mibgateway.sip.message import Request, Response
from mibgateway.sip.options import Identity, UserAgentServer
from mibgateway.sip.shell import Answering, Caller
from mibgateway.tls.certificate import facts as about
from mibgateway.tls.creator import facts
from mibgateway.tls.credentials import read_host

TIMEOUT_S = 32.0
"""Timers F and J. RFC 3261 table 4."""


def tell(event: str, **about: object) -> None:
    """Write what happened, one JSON object a line."""
    print(json.dumps({"event": event, **about}), flush=True)


def leave_with_parent(told: Callable[[str], None] = lambda line: None) -> None:
    """Ask this process to end, as by SIGTERM, once nobody holds the other end of its input.

    told: called with each line that comes before, in a thread.
    """
    def watch() -> None:
        rest = b""
        while octets := os.read(0, 4096):
            *lines, rest = (rest + octets).split(b"\n")
            for line in lines:
                told(line.decode())
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


@implementer(IOpenSSLServerConnectionCreator)
class Creator:
    """Takes whatever version and suite the unit offers, and asks for the unit's certificate."""

    def __init__(self, certificate: Path, authority: Path) -> None:
        self._authority = authority
        self.show(certificate)

    def show(self, certificate: Path) -> None:
        """Show this certificate from the next handshake on."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(b"DEFAULT")
        context.use_certificate_chain_file(str(certificate))
        context.use_privatekey_file(str(certificate))
        context.load_verify_locations(str(self._authority))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:  # noqa: N802, N803
        connection = SSL.Connection(self._context, None)
        connection.set_accept_state()
        return connection


class Core(UserAgentServer):
    """Answers as any user agent does, and tells."""

    def answer(self, request: Request) -> Response | None:
        response = super().answer(request)
        tell("request", method=request.method, status=response.status if response else 0)
        return response


class TellingCaller(Caller):
    """Tells how each TLS connection came and went."""

    def handshakeCompleted(self) -> None:  # noqa: N802
        super().handshakeCompleted()
        transport: Any = self.transport
        found = facts(transport.getHandle())
        tell("connected", version=found.tls_version, cipher=found.cipher,
             peer=found.peer_subject, port=transport.getPeer().port)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        transport: Any = self.transport
        tell("closed", port=transport.getPeer().port)
        super().connectionLost(reason)


class Callers(ServerFactory):
    """Makes a caller of each connection."""

    noisy = False

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: N802
        return TellingCaller(self._answering, is_tls=True)


def refused(error: BaseException, peer: str) -> None:
    """Tell of a handshake that failed."""
    tell("refused", why=str(error), peer=peer)


def listen(reactor: Any, address: str, creator: Creator) -> Any:
    """Open the server at a port that the system picks, and tell which."""
    core = Core(Identity(user_agent="mibgate-demo-server"), lambda: secrets.token_hex(10))
    answering = Answering(
        reactor, core, timeout_s=TIMEOUT_S, limit_octets=STREAM_LIMIT_BYTES,
        too_large=lambda size, peer: None, refused=refused)
    factory = TLSMemoryBIOFactory(creator, False, Callers(answering))
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface=address)
    tell("listening", port=port.getHost().port)
    return port


def swap(creator: Creator, certificate: Path) -> None:
    """Show another certificate, and tell."""
    creator.show(certificate)
    (found, *_) = read_host(certificate.name, certificate.read_bytes()).chain
    shown = about(found)
    tell("swapped", subject=shown.issued_to, names=", ".join(shown.alternative_names))


def serve(address: str, certificate: Path, authority: Path) -> int:
    """Be the server until told to end."""
    from twisted.internet import reactor as installed
    reactor: Any = installed
    creator = Creator(certificate, authority)
    leave_with_parent(lambda line: reactor.callFromThread(swap, creator, Path(line)))
    listen(reactor, address, creator)
    reactor.run()
    return 0


def run_unit(state: Path, script: Path | None = None) -> int:
    """Be the unit until told to end."""
    import logging

    from mibgateway.main import Order, run_order
    logging.basicConfig(level="WARNING", format="%(levelname)s %(name)s: %(message)s")
    notifications = logging.getLogger("mibgate.notification")    # they come by syslog
    notifications.addHandler(logging.NullHandler())
    notifications.propagate = False
    return run_order(Order(
        state, script, unprivileged=True, say=lambda text: print(text, flush=True)))


def act(role: str, *arguments: str) -> int:
    """Play a role in the demo's folder, which the last to leave removes; give the exit status."""
    try:
        with tidy_end(), LabFolder.join(Path.cwd()):
            paths = [Path(argument) for argument in arguments]
            if role == "unit":
                leave_with_parent()
                return run_unit(*paths)
            return serve("127.0.0.1", *paths)
    except Ended as ended:
        return 128 + ended.number


if __name__ == "__main__":
    sys.exit(act(*sys.argv[1:]))
