"""Carries transfers out: connections, times, the thread for the disk."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.internet.interfaces import IAddress, IHandshakeListener, IPushProducer
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from mibgateway.tls.certificate import CredentialError
from mibgateway.tls.creator import ClientCreator
from mibgateway.tls.explain import explain
from mibgateway.tls.identity import PeerRefused
from mibgateway.tls.policy import PolicyError, TlsPolicy
from mibgateway.tls.shell import TlsEndpoint
from mibgateway.transfer.disk import BLOCK_OCTETS, Disk, Landing
from mibgateway.transfer.pace import Pace
from mibgateway.transfer.part import Part, Source
from mibgateway.transfer.response import Head, Reader
from mibgateway.transfer.steps import Again, Download, Upload
from mibgateway.transfer.terms import Bounds, Credentials, Cut, Done, Request, TransferError
from mibgateway.transfer.url import Url

Progress = Callable[[int, int | None], object]
"""Told the octets so far, and all, None where the server does not tell."""

USUAL = Bounds()

READ_OCTETS = 256 * 1024
"""What is taken from a socket at once: four times what Twisted takes."""

CONTINUE_S = 1.0
"""How long a body waits for a server that may have no opinion. RFC 9110 section 10.1.1."""


def _unwatched(octets: int, total: int | None) -> None:
    """Nobody looks."""


class Transfers:
    """Brings files and takes them away, for one service of a unit."""

    def __init__(
        self,
        reactor: Any,
        creator: Callable[[TlsPolicy, str], ClientCreator],
        in_thread: Callable[[Callable[[], Any]], Deferred[Any]],
        product: str = "mibgate",
    ) -> None:
        """creator: makes TLS connections to a server with what is installed when it is asked."""
        self._reactor, self.creator, self._in_thread = reactor, creator, in_thread
        self._product = product

    async def download(
        self,
        url: Url,
        to: Path,
        *,
        policy: TlsPolicy,
        most_octets: int,
        credentials: Credentials | None = None,
        progress: Progress = _unwatched,
        sha256: str = "",
        bounds: Bounds = USUAL,
    ) -> Done:
        """Bring a file under its name once it is whole, and on the disk.

        What the server cuts off is taken up again. Raises TransferError; then nothing stands under
        the name that was not there before. To cancel is to leave nothing either.
        """
        asking = Download(url, most_octets, credentials, bounds, self._product, _nonce)
        end = self._reactor.seconds() + bounds.total_s
        disk, part = Disk(self._in_thread), Part(to)
        landing = Landing(disk, part, lambda octets: progress(octets, asking.total))
        try:
            await disk.call(part.open)
            while not await self._bring(asking, landing, policy, bounds, end):
                pass
            digest = await disk.call(lambda: part.finish(sha256))
        except TransferError as error:
            raise _elsewhere(error, url, asking.url) from None
        finally:
            part.remove()
            disk.abandon(part.discard)
        return Done(asking.received, digest, asking.kind)

    async def _bring(
        self, asking: Download, landing: Landing, policy: TlsPolicy, bounds: Bounds, end: float
    ) -> bool:
        """Ask once; tell whether the file is whole."""
        exchange = _Incoming(self._reactor, asking, landing, Pace(
            bounds, self._reactor.seconds(), end))
        try:
            await exchange.run(asking.request(), self.creator, policy)
            await landing.settled()
            if not exchange.is_taking:
                return False
            if asking.is_whole:
                return True
            raise Cut("the server sent a part only")
        except Cut as cut:
            await landing.settled()
            wait = asking.cut(cut)
        if wait:
            await deferLater(self._reactor, wait)
        return False

    async def upload(
        self,
        url: Url,
        source: Path,
        *,
        policy: TlsPolicy,
        credentials: Credentials | None = None,
        progress: Progress = _unwatched,
        bounds: Bounds = USUAL,
    ) -> Done:
        """Put a file where the URL says. Raises TransferError."""
        end = self._reactor.seconds() + bounds.total_s
        disk, file = Disk(self._in_thread), Source(source)
        try:
            await disk.call(file.open)
            asking = Upload(
                url, file.octets, credentials, bounds, self._product, _nonce)
            while True:
                exchange = _Outgoing(
                    self._reactor, asking, disk, file, progress,
                    Pace(bounds, self._reactor.seconds(), end))
                try:
                    await exchange.run(asking.request(), self.creator, policy)
                except TransferError as error:
                    raise _elsewhere(error, url, asking.url) from None
                if exchange.is_done:
                    return Done(file.octets, file.sha256)
        finally:
            disk.abandon(file.close)


def _nonce() -> str:
    return secrets.token_hex(16)


def _elsewhere(error: TransferError, asked: Url, answered: Url) -> TransferError:
    if asked.origin == answered.origin:
        return error
    return TransferError(
        f"{error.why} (redirected to {answered.authority})", may_retry=error.may_retry)


@implementer(IHandshakeListener)
class _Connection(Protocol):
    """Hands everything to its exchange."""

    transport: Any

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    def connectionMade(self) -> None:
        self._exchange.made(self.transport)

    def handshakeCompleted(self) -> None:
        self._exchange.ready()

    def dataReceived(self, data: bytes) -> None:
        self._exchange.came(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._exchange.lost(reason.value)


class _Dialler(ClientFactory):
    """Makes one exchange's connection."""

    noisy = False

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    def buildProtocol(self, addr: IAddress | None) -> _Connection:
        return _Connection(self._exchange)


class _Exchange:
    """One request and its answer, on a connection of its own."""

    def __init__(self, reactor: Any, pace: Pace) -> None:
        self._reactor, self._pace = reactor, pace
        self._reader = Reader()
        self._dialled: Deferred[Any] | None = None
        self._transport: Any = None
        self._timer: Any = None
        self._done: Deferred[None] = Deferred(lambda _: self._hang_up())
        self._is_over = False
        self._request: Request
        self._policy: TlsPolicy | None = None

    def answered(self, head: Head) -> None:
        """Judge a head that counts. Raises TransferError."""
        raise NotImplementedError

    def may_send(self) -> None:
        """Send the body of the request, if there is one."""

    def take(self, data: bytes) -> None:
        """Take some of the answer's body."""

    # -- the connection

    def run(
        self, request: Request, creator: Callable[[TlsPolicy, str], ClientCreator],
        policy: TlsPolicy,
    ) -> Deferred[None]:
        """Ask; the Deferred fails with TransferError, and to cancel it is to hang up."""
        self._request = request
        try:
            endpoint = _endpoint(self._reactor, request.host, request.port)
            if request.scheme == "https":
                self._policy = policy
                endpoint = TlsEndpoint(creator(policy, request.host), endpoint, self._reactor)
        except (PeerRefused, PolicyError, CredentialError) as error:
            self.end(self._why(error))
            return self._done
        self._rearm()
        self._dialled = endpoint.connect(_Dialler(self))
        self._dialled.addCallbacks(lambda _: None, self._unreachable)
        return self._done

    def _unreachable(self, failure: Failure) -> None:
        why = failure.getErrorMessage().rstrip(".") or "no connection"
        self.end(Cut(f"{self._request.host} can't be reached: {why}"))

    def made(self, transport: Any) -> None:
        """Note that TCP is connected."""
        if self._is_over:
            transport.abortConnection()
            return
        self._transport = transport
        if self._policy is None:
            self.ready()

    def ready(self) -> None:
        """Ask, now that the handshake is done."""
        if self._is_over:
            return
        self._pace.connected(self._reactor.seconds())
        self._rearm()
        under = self._transport if self._policy is None else self._transport.transport.transport
        under.bufferSize = READ_OCTETS
        self._transport.write(self._request.head)
        if not self._request.waits:
            self.may_send()

    def came(self, data: bytes) -> None:
        """Read what came."""
        if self._is_over:
            return
        self._pace.moved(len(data), self._reactor.seconds())
        self._hear((data,) if self._reader.passes(data) else self._reader.take(data))

    def lost(self, reason: BaseException | None) -> None:
        """Note that the connection is gone."""
        self._transport = None
        if self._is_over:
            return
        self._hear(self._reader.close(isinstance(reason, ConnectionDone)))
        if not self._is_over:
            self.end(self._why(reason))

    def _hear(self, events: Any) -> None:
        try:
            for event in events:
                if event is None:
                    self.end(None)
                elif isinstance(event, bytes):
                    self.take(event)
                elif event.status >= 200:
                    self._look_for_a_demand(event)
                    self.answered(event)
                elif event.status == 100:
                    self.may_send()
                if self._is_over:
                    return
        except TransferError as error:
            self.end(error)

    def _look_for_a_demand(self, head: Head) -> None:
        """Say more of an answer by which some servers ask for a client's certificate."""
        if head.status == 400 and self._policy is not None \
                and self._transport.getHandle().get_certificate() is None:
            raise TransferError(f"the server answers {head.words}; it may demand a certificate, "
                                "and none of ours was given")

    def _why(self, reason: BaseException | None) -> TransferError:
        if isinstance(reason, PeerRefused):
            return TransferError(str(reason), may_retry=reason.check == "clock")
        if isinstance(reason, PolicyError | CredentialError):
            return TransferError(str(reason))
        if isinstance(reason, SSL.Error) and self._policy is not None:
            why = explain(reason, self._policy)
            return Cut(why) if isinstance(reason, SSL.SysCallError) else TransferError(why)
        when = "in the midst of the answer" if self._reader.is_begun else "without an answer"
        how = "closed the connection" if isinstance(reason, ConnectionClosed | None) \
            else f"is gone: {reason}"
        return Cut(f"the server {how} {when}")

    # -- its end

    def end(self, why: TransferError | None) -> None:
        """Hang up, and tell why; None: all has come."""
        if self._is_over:
            return
        self._hang_up()
        if why is None:
            self._done.callback(None)
        else:
            self._done.errback(why)

    def _hang_up(self) -> None:
        self._is_over = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abortConnection()
        elif self._dialled is not None:
            self._dialled.cancel()

    def _rearm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        wait = max(0.0, self._pace.deadline - self._reactor.seconds())
        self._timer = self._reactor.callLater(wait, self._look)

    def _look(self) -> None:
        late = self._pace.late(self._reactor.seconds())
        if late is not None:
            self.end(late)
        else:
            self._rearm()


class _Incoming(_Exchange):
    """A GET."""

    is_taking = False
    """Whether the body is the file's."""

    def __init__(self, reactor: Any, asking: Download, landing: Landing, pace: Pace) -> None:
        super().__init__(reactor, pace)
        self._asking, self._landing = asking, landing
        landing.hold, landing.release, landing.failed = self._hold, self._release, self._failed

    def answered(self, head: Head) -> None:
        judged = self._asking.answered(head)
        if isinstance(judged, Again):
            self.end(None)
            return
        self.is_taking = True
        self._landing.begin(judged.offset)

    def take(self, data: bytes) -> None:
        self._asking.took(len(data))
        self._landing.take(data)

    def _hold(self) -> None:
        if self._transport is not None:
            self._pace.held()
            self._transport.pauseProducing()

    def _release(self) -> None:
        if self._transport is not None:
            self._pace.released(self._reactor.seconds())
            self._transport.resumeProducing()
            self._rearm()

    def _failed(self, failure: Failure) -> None:
        why = failure.value
        self.end(why if isinstance(why, TransferError) else TransferError(str(why)))


@implementer(IPushProducer)
class _Outgoing(_Exchange):
    """A PUT."""

    is_done = False

    def __init__(
        self, reactor: Any, asking: Upload, disk: Disk, source: Source, progress: Progress,
        pace: Pace,
    ) -> None:
        super().__init__(reactor, pace)
        self._asking, self._disk, self._source, self._progress = asking, disk, source, progress
        self._sent = 0
        self._is_sending = self._is_reading = self._is_paused = False
        self._waiting: Any = None

    def ready(self) -> None:
        super().ready()
        if self._request.waits and not self._is_over:
            self._waiting = self._reactor.callLater(CONTINUE_S, self.may_send)

    def answered(self, head: Head) -> None:
        self.is_done = self._asking.answered(head) is None
        if self.is_done and self._sent < self._source.octets:
            raise TransferError("the server was content before it had the file")
        self.end(None)

    def may_send(self) -> None:
        if self._is_sending or self._transport is None:
            return
        self._is_sending = True
        self._source.rewind()
        self._transport.registerProducer(self, True)
        self.resumeProducing()

    def _hang_up(self) -> None:
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()
        super()._hang_up()

    def resumeProducing(self) -> None:
        self._is_paused = False
        self._read()

    def pauseProducing(self) -> None:
        self._is_paused = True

    def stopProducing(self) -> None:
        self._is_paused = True

    def _read(self) -> None:
        if not (self._is_paused or self._is_reading or self._is_over):
            self._is_reading = True
            self._disk.call(lambda: self._source.read(BLOCK_OCTETS)).addCallbacks(
                self._write, self._failed)

    def _write(self, octets: bytes) -> None:
        self._is_reading = False
        if self._transport is None or self._is_over:
            return
        self._pace.moved(len(octets), self._reactor.seconds())
        self._sent += len(octets)
        if octets:
            self._transport.write(octets)
            self._progress(self._sent, self._source.octets)
        if self._sent >= self._source.octets:
            self._transport.unregisterProducer()
        else:
            self._read()

    def _failed(self, failure: Failure) -> None:
        why = failure.value
        self.end(why if isinstance(why, TransferError) else TransferError(str(why)))


def _endpoint(reactor: Any, host: str, port: int) -> Any:
    try:
        address = ip_address(host)
    except ValueError:
        return HostnameEndpoint(reactor, host, port)
    kind = TCP4ClientEndpoint if address.version == 4 else TCP6ClientEndpoint
    return kind(reactor, host, port)
