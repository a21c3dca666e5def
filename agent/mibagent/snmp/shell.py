"""UDP for the engine, and for the notification originator.

Datagrams are taken up to sixteen at a time. A full sixteen means load: all are answered, then all
answers sent, which saves each its own cold start; fewer are answered one by one, so that a manager
in lock-step doesn't wait for its neighbours. Several that were taken together are one `Turn`. After
four times sixteen the rest of the reactor has its say. A port at a wildcard address asks the host
at which address each datagram came, and answers from there; one at an address of its own is spared
that.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Any

from twisted.internet import udp
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol

from mibagent.snmp.counters import Counters
from mibagent.snmp.engine import Engine
from mibagent.snmp.notify import Effect, Originator, Send
from mibagent.snmp.targets import Address, Kind, Targets
from mibagent.snmp.trap import NO_ADDRESS, Notification

CHUNK = 16
CHUNKS_A_TURN = 4
RECEIVE_BUFFER = 4 << 20
LARGEST = 65536

_IP_PKTINFO, _IPV6_RECVPKTINFO, _IPV6_PKTINFO = 8, 49, 50
_V4, _V6 = struct.Struct("=I4s4s"), struct.Struct("=16sI")
_ROOM = socket.CMSG_SPACE(_V4.size) + socket.CMSG_SPACE(_V6.size)
_ALONE = contextlib.nullcontext[None]()


def _no_more() -> None:
    pass


class SnmpPort(udp.Port):
    """A UDP port that hands datagrams to an engine without a protocol between."""

    def __init__(
        self, reactor: Any, engine: Engine, interface: str, port: int,
        after_chunk: Callable[[], None] = _no_more,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            port, DatagramProtocol(), interface, LARGEST, reactor)
        self._engine = engine
        self._after_chunk = after_chunk
        self.unsent = 0
        """Answers that the host could not send."""

    @property
    def number(self) -> int:
        """The port that it listens on, also where 0 was asked for."""
        number: int = self.getHost().port       # type: ignore[no-untyped-call]
        return number

    def createInternetSocket(self) -> socket.socket:
        made: socket.socket = super().createInternetSocket()
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return made

    def doRead(self) -> None:
        """Answer what waits."""
        receive = self._receiver()
        fast, strict = self._engine.fast.answer, self._engine.answer_strictly
        turn = self._engine.turn
        for _ in range(CHUNKS_A_TURN):
            chunk: list[tuple[bytes, Any]] = []
            try:
                for _ in range(CHUNK):
                    chunk.append(receive(LARGEST))      # noqa: PERF401
            except OSError:
                pass        # nothing more waits, or an ICMP error told of an answer of before
            if len(chunk) < CHUNK:
                with turn if len(chunk) > 1 else _ALONE:
                    for datagram, peer in chunk:
                        answer = fast(datagram, peer) or strict(
                            datagram, peer, partial(self._send, peer))
                        if answer is not None:
                            self._send(peer, answer)
                if chunk:
                    self._after_chunk()
                return
            with turn:
                answers = [
                    (fast(datagram, peer) or strict(datagram, peer, partial(self._send, peer)),
                     peer) for datagram, peer in chunk]
            self._after_chunk()
            for answer, peer in answers:
                if answer is not None:
                    self._send(peer, answer)

    def _receiver(self) -> Callable[[int], tuple[bytes, Any]]:
        """Give what gives the next datagram and who sent it."""
        receive: Callable[[int], tuple[bytes, Any]] = self.socket.recvfrom
        return receive

    def _put(self, answer: bytes, peer: Any) -> None:
        self.socket.sendto(answer, peer)

    def _send(self, peer: Any, answer: bytes) -> None:
        try:
            self._put(answer, peer)
        except OSError:
            self.unsent += 1
        except AttributeError:
            if self.connected:
                raise
            # the port was closed while a commit was under way

    def stop(self) -> Deferred[None]:
        """Close the socket; fires when it is closed."""
        closed: Deferred[None] | None = self.stopListening()  # type: ignore[no-untyped-call]
        return closed or succeed(None)


class WildcardPort(SnmpPort):
    """A port at all addresses: a peer carries, last, the address that it asked, to answer from."""

    def createInternetSocket(self) -> socket.socket:
        made = super().createInternetSocket()
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        return made

    def _receiver(self) -> Callable[[int], tuple[bytes, Any]]:
        receive = self.socket.recvmsg

        def receive_from(size: int) -> tuple[bytes, Any]:
            datagram, ancillary, _, peer = receive(size, _ROOM)
            return datagram, (*peer, _asked(ancillary))
        return receive_from

    def _put(self, answer: bytes, peer: Any) -> None:
        self.socket.sendmsg([answer], peer[-1], 0, peer[:-1])


def _asked(ancillary: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Give what makes an answer leave from the address that its datagram came to.

    RFC 3542 section 6.1; the interface counts for link-local addresses alone.
    """
    for level, kind, held in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO) and len(held) >= _V4.size:
            _, local, _ = _V4.unpack_from(held)
            return [(level, kind, _V4.pack(0, local, bytes(4)))]
        if (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO) and len(held) >= _V6.size:
            address, interface = _V6.unpack_from(held)
            is_local = address[0] == 0xFE and address[1] & 0xC0 == 0x80
            return [(level, kind, _V6.pack(address, interface if is_local else 0))]
    return []


def is_wildcard(interface: str) -> bool:
    """Tell whether an interface stands for all of the host's addresses."""
    try:
        return interface == "" or ip_address(interface).is_unspecified
    except ValueError:
        return False


def start(
    reactor: Any, engine: Engine, interface: str, port: int,
    after_chunk: Callable[[], None] = _no_more,
) -> SnmpPort:
    """Listen, and answer from now on. Raises CannotListenError.

    after_chunk: called when the datagrams of one turn are in the engine, before their answers
    leave where there are many.
    """
    kind = WildcardPort if is_wildcard(interface) else SnmpPort
    listening = kind(reactor, engine, interface, port, after_chunk)
    listening.startListening()  # type: ignore[no-untyped-call]
    return listening


class NotificationPort:
    """Carries an originator's effects out: a socket for IPv4, one for IPv6, each made at need.

    They are read only while an answer is due, so that nobody is heard who was not asked.
    """

    def __init__(
        self, reactor: Any, originator: Originator, counters: Callable[[], Counters], where: str,
        tell: Callable[[Effect], None] = lambda effect: None,
    ) -> None:
        """where: the address of ours to send from, where it is one that receivers can see.

        tell: told of receivers that fall silent and are heard again.
        """
        self._tell = tell
        self._reactor, self._originator, self._counters = reactor, originator, counters
        self._from = _source_of(where)
        self._ports: dict[bool, Any] = {}
        self._is_reading = False
        self._timer: Any = None

    def aim(self, targets: Targets) -> None:
        """Send to these from now on."""
        self._carry_out(self._originator.aim(self._reactor.seconds(), targets))

    def admits(self) -> bool:
        """Whether one more notification may be issued now."""
        return self._originator.admits(self._reactor.seconds())

    def issue(self, notification: Notification) -> None:
        """Send a notification to whom it concerns."""
        self._carry_out(self._originator.issue(self._reactor.seconds(), notification))

    def stop(self) -> None:
        """Close the sockets; informs under way are dropped."""
        self.aim(Targets())
        for port in self._ports.values():
            port.stopListening()
        self._ports.clear()
        self._is_reading = False

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._send(effect)
        self._rearm()
        for effect in effects:
            if not isinstance(effect, Send):
                self._tell(effect)

    def _send(self, effect: Send) -> None:
        address = effect.address
        try:
            port = self._ports.get(address.is_v6) or self._open(address.is_v6)
            port.write(effect.datagram, (address.host, address.port))
        except (OSError, CannotListenError, MessageLengthError):
            self._originator.unsent(effect)
            return
        counters = self._counters()
        counters.out_pkts += 1
        counters.out_traps += effect.kind is Kind.TRAP

    def _open(self, is_v6: bool) -> Any:
        where = self._from.get(is_v6, "::" if is_v6 else "0.0.0.0")
        port = self._ports[is_v6] = self._reactor.listenUDP(
            0, _Answers(self._received), interface=where, maxPacketSize=LARGEST)
        if not self._is_reading:
            port.stopReading()
        return port

    def _received(self, datagram: bytes, peer: Any) -> None:
        self._counters().in_pkts += 1
        self._carry_out(self._originator.received(
            self._reactor.seconds(), datagram, Address(str(peer[0]), int(peer[1]))))

    def _tick(self) -> None:
        self._timer = None
        self._carry_out(self._originator.tick(self._reactor.seconds()))

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._originator.deadline
        if deadline is not None:
            self._timer = self._reactor.callLater(
                max(0.0, deadline - self._reactor.seconds()), self._tick)
        if self._is_reading != self._originator.expects_answers:
            self._is_reading = not self._is_reading
            for port in self._ports.values():
                (port.startReading if self._is_reading else port.stopReading)()

    def our_address(self, host: str) -> bytes:
        """Give the IPv4 address of ours that a host sees, as four octets; zeros where none is."""
        if False in self._from:
            return ip_address(self._from[False]).packed
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((host, 9))        # sends nothing, and chooses a way
                return ip_address(probe.getsockname()[0]).packed
            except OSError:
                return NO_ADDRESS


class _Answers(DatagramProtocol):
    """What comes back to a socket that notifications leave by."""

    noisy = False

    def __init__(self, received: Callable[[bytes, Any], None]) -> None:
        self._received = received

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._received(datagram, addr)


def _source_of(where: str) -> dict[bool, str]:
    """Give the address to send from by whether it is of IPv6; none where any will do.

    A unit that listens on loopback alone still reaches receivers elsewhere.
    """
    address = ip_address(where)
    if address.is_unspecified or address.is_loopback:
        return {}
    return {address.version == 6: where}
