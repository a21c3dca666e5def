"""The persistent connection to one server.

Rules. One connection is in use; one more may be on its way beside it. Whoever could not connect
dials again after exactly the failback interval. Whoever loses a connection that was ready for at
least that interval dials again after 0.5 to 1 s, then after twice as long each time, until the
interval is reached: a server that restarts is found soon, one that flaps is not hammered. A
connection is ready when the server has sent an octet, and the server reachable when it has
answered.

RFC 5626 section 4.5, RFC 5923.
"""

from __future__ import annotations

from mibagent.errors import LocalError

from .link import Core, Dead, Heard, Link, LinkEffect, Lives, Stage
from .message import Request, Response
from .options import Token
from .terms import (
    HANDSHAKE_TROUBLES,
    Close,
    Counters,
    Dial,
    Drain,
    Effect,
    Facts,
    Failed,
    Failure,
    FlowSettings,
    LostConnection,
    Reachable,
    Ready,
    State,
    Stopped,
    Trouble,
    Unreachable,
)
from .transaction import Key

FIRST_RETRY_S = 1.0
"""Longest wait before the first dial after a loss."""


class Flow:
    """Decides when to dial, and which connection is in use.

    Inputs name the connection they are about by the number that Dial gave it; what comes of a
    connection that is closed already counts for nothing. `luck`, 0.5 to 1.0, spreads the crowd.
    """

    def __init__(self, settings: FlowSettings, core: Core, token: Token) -> None:
        self.settings = settings
        self.counters = Counters()
        self.last_error = ""
        self.reachable: bool | None = None
        """None until the server has answered or the first attempt has failed."""
        self._core = core
        self._token = token
        self._running = False
        self._links: dict[int, Link] = {}
        self._dials = 0
        self._main: Link | None = None
        self._coming: Link | None = None
        self._retry_at: float | None = None
        self._retry_step: float | None = None
        self._was_ready = False

    @property
    def state(self) -> State:
        """The best state of all connections."""
        order = (State.UP, State.WAITING_UP, State.WAITING_SHUTDOWN)
        states = {link.state for link in self._links.values()}
        if self._running:
            states.discard(State.WAITING_SHUTDOWN)
        return next((state for state in order if state in states), State.DOWN)

    @property
    def links(self) -> tuple[Link, ...]:
        """All connections, the oldest first: their number, state, facts, connected_at."""
        return tuple(self._links.values())

    @property
    def main(self) -> Link | None:
        """The connection in use."""
        return self._main

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is left to do."""
        return not self._running and not self._links

    @property
    def deadline(self) -> float | None:
        """When to tick at the latest; None when stopped, or up with nothing to watch."""
        due = [link.deadline for link in self._links.values()]
        return min((d for d in (*due, self._retry_at) if d is not None), default=None)

    def start(self, now: float) -> list[Effect]:
        """Dial; connections that an earlier stop drains may still be there."""
        if self._running:
            raise LocalError("a flow is started twice")
        self._running = True
        return self._dial(now)

    def stop(self, now: float) -> list[Effect]:
        """Drain what is in use, give up what is on its way; Stopped comes when all is gone."""
        if not self._running:
            return []
        self._running = False
        self._retry_at = self._retry_step = self.reachable = None
        effects = self._give_up_coming(now) + self._drain_main(now)
        return effects if self._links else [*effects, Stopped()]

    def replace(self, now: float) -> list[Effect]:
        """Dial beside the connection in use, and move over when the new one is ready.

        For a new certificate. An attempt that is on its way begins anew.
        """
        if not self._running:
            return []
        return self._give_up_coming(now) + self._dial(now)

    def reconnect(self, now: float) -> list[Effect]:
        """Drop what there is and dial at once."""
        if not self._running:
            return []
        return self._give_up_coming(now) + self._drain_main(now) + self._dial(now)

    def opened(self, now: float, link: int) -> list[Effect]:
        """Note that TCP is connected; the handshake has its own time from here."""
        if link in self._links:
            self._links[link].opened(now)
        return []

    def connected(self, now: float, link: int, facts: Facts) -> list[Effect]:
        """Note that the handshake is over. The connection is not ready yet."""
        found = self._links.get(link)
        return [] if found is None else self._pass(now, found, found.connected(now, facts), 1.0)

    def received(self, now: float, link: int, data: bytes, luck: float = 1.0) -> list[Effect]:
        """Take octets of the server."""
        found = self._links.get(link)
        return [] if found is None else self._pass(now, found, found.received(now, data), luck)

    def failed(self, now: float, link: int, failure: Failure, luck: float = 1.0) -> list[Effect]:
        """Note that the connection could not be made; the same as `lost`."""
        return self.lost(now, link, failure, luck)

    def lost(self, now: float, link: int, failure: Failure, luck: float = 1.0) -> list[Effect]:
        """Note that the connection failed or closed. RFC 5626 section 4.5."""
        found = self._links.get(link)
        return [] if found is None else self._gone(now, found, failure, luck)

    def tick(self, now: float, luck: float = 1.0) -> list[Effect]:
        """Do what is due."""
        effects: list[Effect] = []
        for link in self.links:
            if link.deadline is not None and link.deadline <= now:
                effects += self._pass(now, link, link.tick(now), luck)
        if self._retry_at is not None and self._retry_at <= now:
            effects += self._dial(now)
        return effects

    def request(self, now: float, request: Request) -> tuple[Key, list[Effect]]:
        """Ask the server; Answered or Unanswered bring the key back.

        Raises LocalError while the flow is not up.
        """
        if self._main is None:
            raise LocalError("a request while the flow is not up")
        key, effects = self._main.request(now, request)
        return key, self._pass(now, self._main, effects, 1.0)

    def respond(self, now: float, link: int, key: Key, response: Response) -> list[Effect]:
        """Answer what Incoming brought, if its connection is still there."""
        found = self._links.get(link)
        if found is None or found.stage is Stage.WAITING_SHUTDOWN:
            return []
        return self._pass(now, found, found.respond(now, key, response), 1.0)

    def _pass(
        self, now: float, link: Link, given: list[LinkEffect], luck: float
    ) -> list[Effect]:
        effects: list[Effect] = []
        for effect in given:
            match effect:
                case Heard():
                    effects += self._ready(now, link)
                case Lives():
                    if self.reachable is not True:
                        self.reachable = True
                        effects.append(Reachable())
                case Dead(failure):
                    # Whoever broke SIP may still read what we answered.
                    polite = failure.trouble is Trouble.PROTOCOL
                    effects.append(Drain(link.number) if polite else Close(link.number))
                    effects += self._gone(now, link, failure, luck, polite)
                case _:
                    effects.append(effect)
        return effects

    def _dial(self, now: float) -> list[Effect]:
        self._dials += 1
        self._retry_at = None
        link = Link(self._dials, self.settings, self._core, self._token, self.counters, now)
        self._coming = self._links[link.number] = link
        return [Dial(link.number)]

    def _ready(self, now: float, link: Link) -> list[Effect]:
        if link.facts is None:
            raise LocalError("ready without facts")
        effects = self._drain_main(now)
        self._main, self._coming = link, None
        self._retry_step = None
        if self._was_ready:
            self.counters.reconnects += 1
        self._was_ready = True
        return [Ready(link.number, link.facts), *effects]

    def _gone(
        self, now: float, link: Link, failure: Failure, luck: float, polite: bool = False
    ) -> list[Effect]:
        effects = self._outside(link.ended(now))
        was_draining = link.stage is Stage.WAITING_SHUTDOWN
        if polite:
            link.drain(now)
        else:
            del self._links[link.number]
        if was_draining:
            return effects if not self.is_stopped else [*effects, Stopped()]
        self.last_error = failure.text
        if link is self._main:
            self._main = None
            effects.append(LostConnection(link.number, failure))
            if link.ready_at is not None and now - link.ready_at >= self._interval:
                self._retry_step = FIRST_RETRY_S
        else:
            self._coming = None
            effects.append(Failed(link.number, failure))
            if failure.trouble in HANDSHAKE_TROUBLES:
                self.counters.handshake_failures += 1
            else:
                self.counters.connect_failures += 1
        if self._main is None and self.reachable is not False:
            self.reachable = False
            effects.append(Unreachable(failure))
        if self._coming is None:
            self._retry_at = now + self._wait(luck)
        return effects

    @property
    def _interval(self) -> float:
        return self.settings.failback_interval_s

    def _wait(self, luck: float) -> float:
        step = self._retry_step
        if step is None or step >= self._interval:
            self._retry_step = None
            return self._interval
        self._retry_step = step * 2
        return step * luck

    def _give_up_coming(self, now: float) -> list[Effect]:
        link, self._coming = self._coming, None
        if link is None:
            return []
        del self._links[link.number]
        return [Close(link.number), *self._outside(link.ended(now))]

    def _drain_main(self, now: float) -> list[Effect]:
        link, self._main = self._main, None
        if link is None:
            return []
        effects = self._outside(link.ended(now))
        link.drain(now)
        return [*effects, Drain(link.number)]

    @staticmethod
    def _outside(given: list[LinkEffect]) -> list[Effect]:
        return [effect for effect in given if not isinstance(effect, Heard | Lives | Dead)]
