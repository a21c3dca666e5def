"""Whom to ask for the time, when, and which answer to believe.

Rules. Servers are asked in their order, each address of a server in turn, until one answers well:
that is a round. Until the first good answer rounds follow after 5 s, twice as long each time, up to
the error period; later a failed round is followed by one after the error period, a good one after
the period. A datagram that does not repeat the nonce of our last request is nobody's answer. A
server that denies us is asked no more; one that finds us too frequent is left alone for longer each
time. Time is measured by the caller's monotonic clock, so what comes of an answer is what to add
to that.

RFC 4330 sections 5, 8 and 10, RFC 5905 section 14.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mibagent.smi.host import HostPort
from mibgateway.sntp.packet import Malformed, Reply, request

PORT = 123
ANSWER_S = 3.0
"""How long an address is waited for."""
LOOK_UP_S = 10.0
"""How long name servers are waited for."""
MOST_ADDRESSES = 4
"""Of one server, in one round."""

FIRST_RETRY_S = 5.0
"""Also the least time between the beginnings of two rounds, whoever asks for them."""
LEFT_ALONE_S = 3600.0
"""For how long a server is first left alone that finds us too frequent."""
MOST_LEFT_ALONE_S = 86400.0

UNSYNCHRONISED = "its own clock is not synchronised"

FAR = 1.0
"""A root delay or dispersion of that many seconds is beyond belief. RFC 4330 section 5."""
LEAST_DELAY_S = -0.01
"""Two clocks run so differently that a way through the network seems to take less than no time."""


@dataclass(frozen=True)
class LookUp:
    """Find the addresses of a host."""

    host: str
    port: int


@dataclass(frozen=True)
class Ask:
    """Send a datagram from a new socket that hears this address alone."""

    address: str
    port: int
    octets: bytes


@dataclass(frozen=True)
class Answered:
    """A server told the time."""

    source: HostPort
    """Its address and port."""
    basis: float
    """Seconds from 1970 at the monotonic clock's zero."""


@dataclass(frozen=True)
class Silent:
    """A whole round gave no time."""

    reasons: tuple[str, ...]
    """Each server with why, in their order."""


Effect = LookUp | Ask | Answered | Silent
"""With each of them the socket that was open has done its work."""


class _State(enum.Enum):
    OFF = enum.auto()
    IDLE = enum.auto()
    LOOKING_UP = enum.auto()
    ASKING = enum.auto()


@dataclass
class _Server:
    place: HostPort
    barred_until: float = -math.inf
    bar: float = LEFT_ALONE_S
    code: str = ""


class Client:
    """Asks servers in rounds; inputs are methods, effects their answers, times monotonic."""

    def __init__(
        self, servers: Sequence[HostPort], period: float, error_period: float,
        nonce: Callable[[], bytes], not_before: float,
    ) -> None:
        """Prepare to ask these servers.

        period, error_period: seconds. nonce: gives 8 octets that nobody can guess. not_before:
        seconds from 1970 before which no right clock is.
        """
        self.deadline: float | None = None
        """When to call tick; None: never."""
        self._servers = [_Server(server.with_port(PORT)) for server in servers if server]
        self._period, self._error_period = period, error_period
        self._nonce, self._not_before = nonce, not_before
        self._state = _State.OFF
        self._wait = FIRST_RETRY_S
        self._has_answered = False
        self._began = -math.inf
        self._left: list[_Server] = []
        self._addresses: list[str] = []
        self._reasons: list[str] = []
        self._server: _Server | None = None
        self._address = ""
        self._sent: bytes = b""
        self._sent_at = 0.0
        self._ignored = ""

    @property
    def servers(self) -> tuple[HostPort, ...]:
        """Whom it asks, in order."""
        return tuple(server.place for server in self._servers)

    def start(self, now: float) -> list[Effect]:
        """Ask for the first time."""
        return self._begin(now) if self._servers else []

    def ask(self, now: float) -> list[Effect]:
        """Ask out of turn, unless it asks already; as soon as one may."""
        if self._state is not _State.IDLE:
            return []
        if now - self._began >= FIRST_RETRY_S:
            return self._begin(now)
        self.deadline = min(self._began + FIRST_RETRY_S, self.deadline or math.inf)
        return []

    def found(self, now: float, addresses: Sequence[str]) -> list[Effect]:
        """Take what the look-up found, nothing where there is no such name."""
        if self._state is not _State.LOOKING_UP:
            return []
        if not addresses:
            return self._failed(now, "no such name")
        self._addresses = list(dict.fromkeys(addresses))[:MOST_ADDRESSES]
        return self._next_address(now)

    def unreachable(self, now: float, why: str) -> list[Effect]:
        """Note that the last address cannot be asked."""
        return self._failed(now, why) if self._state is _State.ASKING else []

    def received(self, now: float, octets: bytes) -> list[Effect]:
        """Take a datagram from the address that was asked."""
        if self._state is not _State.ASKING:
            return []
        try:
            reply = Reply.parse(octets)
        except Malformed as error:
            self._ignored = str(error)
            return []
        if reply.origin != self._sent:
            self._ignored = "its origin timestamp is not that of our request"
            return []
        if reply.stratum == 0:
            return self._kissed(now, reply.reference)
        why = _doubt(reply, self._not_before)
        if why:
            return self._failed(now, why)
        assert reply.received_at is not None and reply.sent_at is not None
        there, back = reply.received_at - self._sent_at, reply.sent_at - now
        if there - back < LEAST_DELAY_S:
            return self._failed(now, "its times do not fit together")
        self._has_answered = True
        self._rest(now, self._period)
        assert self._server is not None
        self._server.bar = LEFT_ALONE_S
        source = HostPort(self._address, self._server.place.port)
        return [Answered(source, (there + back) / 2)]

    def tick(self, now: float) -> list[Effect]:
        """Do what is due."""
        if self.deadline is None or now < self.deadline:
            return []
        if self._state is _State.LOOKING_UP:
            return self._failed(now, "the name servers do not answer")
        if self._state is _State.ASKING:
            return self._failed(now, "no answer" + f" but one ignored: {self._ignored}"
                                * bool(self._ignored))
        return self._begin(now)

    def stop(self) -> None:
        """Ask no more."""
        self._state, self.deadline = _State.OFF, None

    def _begin(self, now: float) -> list[Effect]:
        self._began = now
        self._left, self._reasons = list(self._servers), []
        return self._next_server(now)

    def _next_server(self, now: float) -> list[Effect]:
        while self._left:
            server = self._server = self._left.pop(0)
            if now >= server.barred_until:
                self._state, self.deadline = _State.LOOKING_UP, now + LOOK_UP_S
                return [LookUp(server.place.host, server.place.port)]
            self._reasons.append(f"{server.place}: not asked, since it sent {server.code}")
        if self._has_answered:
            self._rest(now, self._error_period)
        else:
            self._rest(now, min(self._wait, self._error_period))
            self._wait = min(2 * self._wait, self._error_period)
        return [Silent(tuple(self._reasons))]

    def _next_address(self, now: float) -> list[Effect]:
        assert self._server is not None
        self._address = self._addresses.pop(0)
        self._sent, self._sent_at, self._ignored = self._nonce(), now, ""
        self._state, self.deadline = _State.ASKING, now + ANSWER_S
        return [Ask(self._address, self._server.place.port, request(self._sent))]

    def _failed(self, now: float, why: str) -> list[Effect]:
        assert self._server is not None
        if self._state is _State.ASKING and self._addresses:
            return self._next_address(now)
        self._reasons.append(f"{self._server.place}: {why}")
        return self._next_server(now)

    def _kissed(self, now: float, reference: bytes) -> list[Effect]:
        """Do as the code says; one that we do not know says no more than that there is no time."""
        assert self._server is not None
        server, code = self._server, reference.rstrip(b"\0").decode("ascii", "replace")
        if not code.isalnum():
            return self._failed(now, UNSYNCHRONISED)
        if code in ("DENY", "RSTR"):
            server.barred_until = math.inf
        elif code == "RATE":
            server.barred_until = now + server.bar
            server.bar = min(2 * server.bar, MOST_LEFT_ALONE_S)
        if server.barred_until > now:
            server.code = code
            self._addresses = []
        return self._failed(now, f"it sent {code}")

    def _rest(self, now: float, wait: float) -> None:
        self._state, self.deadline = _State.IDLE, now + wait
        self._addresses = []


def _doubt(reply: Reply, not_before: float) -> str:
    """Say why a reply to our request gives no time, empty where it does. RFC 4330 section 5."""
    if reply.leap == 3:
        return UNSYNCHRONISED
    if reply.stratum > 15:
        return f"its stratum is {reply.stratum}"
    if not 0 <= reply.root_delay < FAR:
        return f"its root delay is {reply.root_delay:.3f} s"
    if reply.root_dispersion >= FAR:
        return f"its root dispersion is {reply.root_dispersion:.3f} s"
    if reply.received_at is None or reply.sent_at is None:
        return "it does not tell the time"
    if reply.sent_at < reply.received_at:
        return "its times do not fit together"
    if reply.sent_at < not_before:
        return "it is before the day this program was built"
    return ""
