"""One connection of a flow: from dialling to draining, with its keep-alive."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from mibagent.errors import LocalError

from . import terms
from .errors import SipPeerError
from .framing import PING, PONG, Garbled, Item, LineEnd, Stream, StreamBroken
from .message import Request, Response
from .options import Token, build_options
from .terms import Counters, Facts, Failure, FlowSettings, KeepAlive, Send, State, Trouble
from .transaction import (
    Effect,
    GiveError,
    GiveRequest,
    GiveResponse,
    GiveTimeout,
    Key,
    SendMessage,
    Timers,
    TransactionLayer,
)

PONG_S = 10.0
"""How long a pong may take. RFC 5626 section 4.4.1."""
HANDSHAKE_S = 10.0
"""How long a TLS handshake may take, after the TCP connection."""
READY_PING_S = 2.0
"""How long a server may leave our first ping unanswered until it is asked by OPTIONS."""
DRAIN_S = 5.0
"""How long the peer may take to close."""

Core = Callable[[Request], Response | None]
"""Answers a request, None to leave it to others."""


class Stage(enum.Enum):
    """How far a connection is."""

    DIALLING = "no TCP connection yet"
    HANDSHAKING = "no TLS connection yet"
    WAITING_UP = "no octet of the server yet"
    UP = "in use"
    WAITING_SHUTDOWN = "saying goodbye"


_STATES = {
    Stage.WAITING_UP: State.WAITING_UP,
    Stage.UP: State.UP,
    Stage.WAITING_SHUTDOWN: State.WAITING_SHUTDOWN,
}


@dataclass(frozen=True)
class Heard:
    """The server has sent its first octets."""


@dataclass(frozen=True)
class Lives:
    """The server has answered what we asked."""


@dataclass(frozen=True)
class Dead:
    """The connection is of no more use."""

    failure: Failure
    """Why."""


LinkEffect = Heard | Lives | Dead | terms.Effect


class Link:
    """Knows whether one connection is ready and alive."""

    def __init__(
        self,
        number: int,
        settings: FlowSettings,
        core: Core,
        token: Token,
        counters: Counters,
        now: float,
    ) -> None:
        self.number = number
        self.stage = Stage.DIALLING
        self.facts: Facts | None = None
        self.connected_at: float | None = None
        self.ready_at: float | None = None
        self._settings = settings
        self._core = core
        self._token = token
        self._counters = counters
        self._stream = Stream(settings.message_limit_bytes)
        timers = Timers(timeout=settings.transmission_timeout_s)
        self._layer = TransactionLayer(timers, reliable=True)
        self._stage_deadline: float | None = now + settings.connect_timeout_s
        self._pong_deadline: float | None = None
        self._next_at: float | None = None
        self._probe: Key | None = None
        self._probed_at = now
        self._cseq = 0
        self._call_id, self._tag = token(), token()

    @property
    def state(self) -> State:
        """What the status table shows."""
        return _STATES.get(self.stage, State.DOWN)

    @property
    def deadline(self) -> float | None:
        """When to tick at the latest."""
        if self.stage is Stage.WAITING_SHUTDOWN:
            return self._stage_deadline
        due = (
            self._stage_deadline,
            self._pong_deadline,
            self._layer.deadline,
            None if self._is_asking else self._next_at,
        )
        return min((d for d in due if d is not None), default=None)

    @property
    def _is_asking(self) -> bool:
        return self._probe is not None or self._pong_deadline is not None

    def opened(self, now: float) -> None:
        """Note that TCP is connected and the handshake begins."""
        if self.stage is Stage.DIALLING:
            self.stage = Stage.HANDSHAKING
            self._stage_deadline = now + HANDSHAKE_S

    def connected(self, now: float, facts: Facts) -> list[LinkEffect]:
        """Ask the server for an octet at once.

        With TLS 1.3 our handshake is over before the server has judged our certificate.
        """
        if self.stage not in (Stage.DIALLING, Stage.HANDSHAKING):
            raise LocalError(f"connected in {self.stage.name}")
        self.stage = Stage.WAITING_UP
        self.facts, self.connected_at = facts, now
        self._stage_deadline = None
        if self._settings.keep_alive is KeepAlive.SIP_OPTIONS:
            return self._ask(now)
        effects = self._ping(now)
        if self._settings.keep_alive is not KeepAlive.PING:
            # Not every server answers a ping; every one answers OPTIONS.
            self._pong_deadline = None
            self._next_at = now + READY_PING_S
        return effects

    def received(self, now: float, data: bytes) -> list[LinkEffect]:
        """Take octets of the server."""
        if self.stage is Stage.WAITING_SHUTDOWN:
            return []
        if self.stage not in (Stage.WAITING_UP, Stage.UP):
            raise LocalError(f"octets in {self.stage.name}")
        broken: SipPeerError | None = None
        try:
            items = self._stream.feed(data)
        except StreamBroken as error:
            items, broken = error.complete, error
        effects: list[LinkEffect] = []
        if self.stage is Stage.WAITING_UP and data and (items or broken is None):
            effects += self._heard(now)
        for item in items:
            effects += self._take(now, item)
        if broken is not None:
            effects.append(Dead(Failure(Trouble.PROTOCOL, str(broken))))
        return effects

    def tick(self, now: float) -> list[LinkEffect]:
        """Do what is due."""
        if self._stage_deadline is not None and self._stage_deadline <= now:
            self._stage_deadline = None
            return [Dead(self._too_late())]
        if self.stage is Stage.WAITING_SHUTDOWN:
            return []
        if self._pong_deadline is not None and self._pong_deadline <= now:
            return [Dead(Failure(Trouble.NO_ANSWER, f"no pong within {PONG_S:g} s"))]
        effects = self._transact(now, self._layer.tick(now))
        if any(isinstance(effect, Dead) for effect in effects):
            return effects
        if self._next_at is not None and self._next_at <= now and not self._is_asking:
            by_ping = self._settings.keep_alive is KeepAlive.PING
            effects += self._ping(now) if by_ping else self._ask(now)
        return effects

    def request(self, now: float, request: Request) -> tuple[Key, list[LinkEffect]]:
        """Ask something else than keep-alive."""
        key, effects = self._layer.request(now, request)
        return key, self._transact(now, effects)

    def respond(self, now: float, key: Key, response: Response) -> list[LinkEffect]:
        """Answer what Incoming brought."""
        return self._transact(now, self._layer.respond(now, key, response))

    def drain(self, now: float) -> None:
        """Leave only the goodbye to do."""
        self.stage = Stage.WAITING_SHUTDOWN
        self._stage_deadline = now + DRAIN_S

    def ended(self, now: float) -> list[LinkEffect]:
        """Tell who will have no response any more."""
        effects = self._layer.transport_failed(now)
        lost = [e for e in effects if isinstance(e, GiveError) and e.key != self._probe]
        return [terms.Unanswered(self.number, e.key, "the connection is gone") for e in lost]

    def _heard(self, now: float) -> list[LinkEffect]:
        self.stage = Stage.UP
        self.ready_at = now
        if self._settings.keep_alive in (KeepAlive.NONE, KeepAlive.TCP_KEEP_ALIVE):
            self._next_at = None
            return [Heard(), Lives()]
        return [Heard()]

    def _take(self, now: float, item: Item) -> list[LinkEffect]:
        match item:
            case LineEnd.PONG:
                self._pong_deadline = None
                return [Lives()]
            case LineEnd.PING:
                return [Send(self.number, PONG)]
            case Garbled(why):
                self._counters.garbled += 1
                return [terms.Dropped(self.number, why)]
            case Request() if self.facts is not None:
                item = item.seen_from(self.facts.remote_host, self.facts.remote_port)
                return self._transact(now, self._layer.received(now, item))
            case Response():
                return self._transact(now, self._layer.received(now, item))
        return []

    def _transact(self, now: float, given: list[Effect]) -> list[LinkEffect]:
        effects: list[LinkEffect] = []
        for effect in given:
            match effect:
                case SendMessage(message):
                    effects.append(Send(self.number, bytes(message)))
                case GiveRequest(key, request):
                    effects += self._answer(now, key, request)
                case GiveResponse(key, response) if key == self._probe:
                    effects += self._probe_answered(now, response)
                case GiveResponse(key, response):
                    effects.append(terms.Answered(self.number, key, response))
                case GiveTimeout(key) if key == self._probe:
                    self._counters.options_timed_out += 1
                    wait = self._settings.transmission_timeout_s
                    why = f"no answer to OPTIONS within {wait:g} s"
                    effects.append(Dead(Failure(Trouble.NO_ANSWER, why)))
                case GiveTimeout(key):
                    effects.append(terms.Unanswered(self.number, key, "no answer in time"))
        return effects

    def _answer(self, now: float, key: Key | None, request: Request) -> list[LinkEffect]:
        response = self._core(request)
        if response is not None and key is not None:
            return self.respond(now, key, response)
        if key is None and request.fault is not None:
            return []
        return [terms.Incoming(self.number, key, request)]

    def _probe_answered(self, now: float, response: Response) -> list[LinkEffect]:
        if not response.is_final:
            return []
        self._probe = None
        self._counters.round_trip_ms = round((now - self._probed_at) * 1000)
        return [Lives()]

    def _ask(self, now: float) -> list[LinkEffect]:
        """Send OPTIONS; the next is due an interval after this one."""
        if self.facts is None:
            raise LocalError("OPTIONS before the connection")
        self._cseq += 1
        request = build_options(
            self._settings.identity,
            self._settings.target,
            (self.facts.local_host, self.facts.local_port),
            self._settings.transport,
            self._cseq,
            self._call_id,
            self._tag,
            self._token(),
        )
        self._probe, effects = self._layer.request(now, request)
        self._probed_at = now
        self._counters.options_sent += 1
        periodic = self._settings.keep_alive is KeepAlive.SIP_OPTIONS
        self._next_at = now + self._settings.keep_alive_interval_s if periodic else None
        return self._transact(now, effects)

    def _ping(self, now: float) -> list[LinkEffect]:
        self._stream.expect_pong()
        self._pong_deadline = now + PONG_S
        self._next_at = now + self._settings.keep_alive_interval_s
        return [Send(self.number, PING)]

    def _too_late(self) -> Failure:
        if self.stage is Stage.DIALLING:
            wait = self._settings.connect_timeout_s
            return Failure(Trouble.CONNECT, f"no TCP connection within {wait:g} s")
        if self.stage is Stage.HANDSHAKING:
            return Failure(Trouble.HANDSHAKE, f"no TLS handshake within {HANDSHAKE_S:g} s")
        return Failure(Trouble.CLOSED, f"the peer did not close within {DRAIN_S:g} s")
