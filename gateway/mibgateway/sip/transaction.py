"""Transactions of RFC 3261 section 17: the figures, the machines on them, and who belongs to whom.

INVITE requests that come in are carried by figure 8 until figure 7 stands here: they are answered
at once, their ACK goes to the core, which answers none.
"""

from __future__ import annotations

import enum
import heapq
import zlib
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mibagent.errors import LocalError

from .errors import SipPeerError
from .figure import Row, Table
from .message import Message, Request, Response


class S(enum.Enum):
    """The states of the figures."""

    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    TERMINATED = "Terminated"


class E(enum.Enum):
    """What the arrows of the figures are labelled with."""

    PROVISIONAL = "1xx"
    FINAL = "200-699"
    REQUEST = "request"
    TIMER_E = "timer E"
    TIMER_F = "timer F"
    TIMER_J = "timer J"
    TIMER_K = "timer K"
    TRANSPORT_ERROR = "transport error"
    ABANDONED = "no answer from TU"


class X(enum.Enum):
    """What the arrows do."""

    SEND_REQUEST = "send request"
    SEND_RESPONSE = "send response"
    GIVE_RESPONSE = "response to TU"
    GIVE_TIMEOUT = "timeout to TU"
    GIVE_ERROR = "transport error to TU"


FIGURE_6 = Table(                                     # RFC 3261 section 17.1.2
    Row(S.TRYING, E.TIMER_E, S.TRYING, (X.SEND_REQUEST,)),
    Row(S.TRYING, E.TIMER_F, S.TERMINATED, (X.GIVE_TIMEOUT,)),
    Row(S.TRYING, E.TRANSPORT_ERROR, S.TERMINATED, (X.GIVE_ERROR,)),
    Row(S.TRYING, E.PROVISIONAL, S.PROCEEDING, (X.GIVE_RESPONSE,)),
    Row(S.TRYING, E.FINAL, S.COMPLETED, (X.GIVE_RESPONSE,)),
    Row(S.PROCEEDING, E.TIMER_E, S.PROCEEDING, (X.SEND_REQUEST,)),
    Row(S.PROCEEDING, E.TIMER_F, S.TERMINATED, (X.GIVE_TIMEOUT,)),
    Row(S.PROCEEDING, E.TRANSPORT_ERROR, S.TERMINATED, (X.GIVE_ERROR,)),
    Row(S.PROCEEDING, E.PROVISIONAL, S.PROCEEDING, (X.GIVE_RESPONSE,)),
    Row(S.PROCEEDING, E.FINAL, S.COMPLETED, (X.GIVE_RESPONSE,)),
    Row(S.COMPLETED, E.TIMER_K, S.TERMINATED),
)  # fmt: skip

FIGURE_8 = Table(                                     # RFC 3261 section 17.2.2
    Row(S.TRYING, E.PROVISIONAL, S.PROCEEDING, (X.SEND_RESPONSE,)),
    Row(S.TRYING, E.FINAL, S.COMPLETED, (X.SEND_RESPONSE,)),
    Row(S.PROCEEDING, E.REQUEST, S.PROCEEDING, (X.SEND_RESPONSE,)),
    Row(S.PROCEEDING, E.PROVISIONAL, S.PROCEEDING, (X.SEND_RESPONSE,)),
    Row(S.PROCEEDING, E.TRANSPORT_ERROR, S.TERMINATED, (X.GIVE_ERROR,)),
    Row(S.PROCEEDING, E.FINAL, S.COMPLETED, (X.SEND_RESPONSE,)),
    Row(S.COMPLETED, E.REQUEST, S.COMPLETED, (X.SEND_RESPONSE,)),
    Row(S.COMPLETED, E.TIMER_J, S.TERMINATED),
    Row(S.COMPLETED, E.TRANSPORT_ERROR, S.TERMINATED, (X.GIVE_ERROR,)),
    # Ours: after timer F nobody waits for the answer (RFC 4320 section 4.2).
    Row(S.TRYING, E.ABANDONED, S.TERMINATED),
    Row(S.PROCEEDING, E.ABANDONED, S.TERMINATED),
)  # fmt: skip

Key = tuple[Hashable, ...]
"""What a message's transaction is found by."""


@dataclass(frozen=True)
class Timers:
    """The times of RFC 3261 table 4, in seconds."""

    t1: float = 0.5
    """Round-trip estimate."""
    t2: float = 4.0
    """Longest wait between retransmissions."""
    t4: float = 5.0
    """Longest life of a message in the network."""
    timeout: float = 32.0
    """Timers B, F and H, and J over UDP."""


@dataclass(frozen=True)
class SendMessage:
    """Put the message on the wire."""

    message: Message
    """A request or a response."""


@dataclass(frozen=True)
class GiveRequest:
    """A request that is new; answer it with `respond`."""

    key: Key | None
    """Its transaction; None for an ACK, which nobody answers."""
    request: Request
    """As it came."""


@dataclass(frozen=True)
class GiveResponse:
    """A response to a request of ours."""

    key: Key
    """Its transaction."""
    response: Response
    """Provisional or final."""


@dataclass(frozen=True)
class GiveTimeout:
    """A request of ours has no final response in time: as if 408 had come."""

    key: Key
    """Its transaction, which is over."""


@dataclass(frozen=True)
class GiveError:
    """The transport gave up on a request of ours: as if 503 had come."""

    key: Key
    """Its transaction, which is over."""


@dataclass(frozen=True)
class GiveLost:
    """The transport gave up on a response of ours."""

    key: Key
    """Its transaction, which is over."""


@dataclass(frozen=True)
class Stray:
    """A response to nothing that we asked, or to something long over."""

    response: Response
    """As it came."""


Effect = SendMessage | GiveRequest | GiveResponse | GiveTimeout | GiveError | GiveLost | Stray


class Machine:
    """What all transactions share: a figure, a state, timers by their event."""

    figure: Table

    def __init__(self, key: Key, timers: Timers, reliable: bool) -> None:
        self.key = key
        self.state: enum.Enum = S.TRYING
        self._timers = timers
        self._reliable = reliable
        self._due: dict[E, float] = {}

    @property
    def is_over(self) -> bool:
        """Whether it may be forgotten."""
        return self.state is S.TERMINATED

    @property
    def deadline(self) -> float | None:
        """When to tick at the latest."""
        return min(self._due.values(), default=None)

    def tick(self, now: float) -> list[Effect]:
        """Fire the timers that are due, the eldest first."""
        effects: list[Effect] = []
        while self._due:
            event = min(self._due, key=lambda e: self._due[e])
            if self._due[event] > now:
                break
            del self._due[event]
            effects += self.happen(now, event)
        return effects

    def happen(self, now: float, event: E, response: Response | None = None) -> list[Effect]:
        """Follow the figure's arrow, if there is one."""
        row = self.figure.find(self.state, event)
        if row is None:
            return []
        before, self.state = self.state, row.then
        effects = [self._act(action, response) for action in row.actions]
        self._moved(now, before, event)
        if self.is_over:
            self._due.clear()
        return effects

    def _moved(self, now: float, before: enum.Enum, event: E) -> None:
        """Set the timers that the state wants."""
        raise NotImplementedError

    def _act(self, action: enum.Enum, response: Response | None) -> Effect:
        raise NotImplementedError


class NonInviteClient(Machine):
    """Asks once and again until the answer comes. RFC 3261 section 17.1.2."""

    figure = FIGURE_6

    def __init__(self, key: Key, request: Request, timers: Timers, reliable: bool) -> None:
        super().__init__(key, timers, reliable)
        self.request = request
        self._wait = timers.t1

    def start(self, now: float) -> list[Effect]:
        """Send the request for the first time."""
        self._due[E.TIMER_F] = now + self._timers.timeout
        if not self._reliable:
            self._due[E.TIMER_E] = now + self._wait
        return [SendMessage(self.request)]

    def _moved(self, now: float, before: enum.Enum, event: E) -> None:
        if self.state is S.COMPLETED and before is not S.COMPLETED:
            self._due = {E.TIMER_K: now + self._timers.t4}
            if self._reliable:
                self.happen(now, E.TIMER_K)
        elif event is E.TIMER_E:
            self._wait = min(self._wait * 2, self._timers.t2)
            if self.state is S.PROCEEDING:
                self._wait = self._timers.t2
            self._due[E.TIMER_E] = now + self._wait

    def _act(self, action: enum.Enum, response: Response | None) -> Effect:
        if action is X.SEND_REQUEST:
            return SendMessage(self.request)
        if action is X.GIVE_RESPONSE and response is not None:
            return GiveResponse(self.key, response)
        return GiveTimeout(self.key) if action is X.GIVE_TIMEOUT else GiveError(self.key)


class NonInviteServer(Machine):
    """Answers once, and the same again to retransmissions. RFC 3261 section 17.2.2."""

    figure = FIGURE_8

    def __init__(self, key: Key, timers: Timers, reliable: bool) -> None:
        super().__init__(key, timers, reliable)
        self._last: Response | None = None

    def start(self, now: float) -> None:
        """Give the core its time to answer."""
        self._due[E.ABANDONED] = now + self._timers.timeout

    def happen(self, now: float, event: E, response: Response | None = None) -> list[Effect]:
        if response is not None and self.state in (S.TRYING, S.PROCEEDING):
            self._last = response
        return super().happen(now, event, response)

    def _moved(self, now: float, before: enum.Enum, event: E) -> None:
        if self.state is S.COMPLETED and before is not S.COMPLETED:
            self._due = {E.TIMER_J: now + self._timers.timeout}
            if self._reliable:
                self.happen(now, E.TIMER_J)

    def _act(self, action: enum.Enum, response: Response | None) -> Effect:
        if action is X.GIVE_ERROR:
            return GiveLost(self.key)
        if self._last is None:
            raise LocalError("a server transaction repeats what it never said")
        return SendMessage(self._last)


def client_key(message: Message) -> Key:
    """Give what a response is matched by. RFC 3261 section 17.1.3."""
    return message.via.branch, message.cseq.method


def server_key(request: Request) -> Key:
    """Give what a request is matched by, in the old way where the branch is not unique.

    A CANCEL is a transaction of its own. Raises SipPeerError. RFC 3261 section 17.2.3.
    """
    method = "INVITE" if request.method == "ACK" else request.method
    via = request.via
    if via.is_unique:
        return via.branch, via.sent_by, method
    tag = None if method == "INVITE" else request.to.tag
    who = (str(request.uri), tag, request.from_.tag, request.call_id)
    return (*who, request.cseq.number, str(via), method)


MachineT = TypeVar("MachineT", bound=Machine)


@dataclass
class _Shelf(Generic[MachineT]):
    """Transactions by key, and whose timer comes next."""

    machines: dict[Key, MachineT] = field(default_factory=dict)
    _queue: list[tuple[float, int, Key]] = field(default_factory=list)
    _count: int = 0

    @property
    def deadline(self) -> float | None:
        while self._queue:
            when, _, key = self._queue[0]
            machine = self.machines.get(key)
            if machine is not None and machine.deadline == when:
                return when
            heapq.heappop(self._queue)
        return None

    def touched(self, machine: MachineT) -> None:
        """Forget the machine if it is over, else remember its timer."""
        if machine.is_over:
            self.machines.pop(machine.key, None)
            return
        self.machines[machine.key] = machine
        if machine.deadline is not None:
            self._count += 1
            heapq.heappush(self._queue, (machine.deadline, self._count, machine.key))

    def tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        while (when := self.deadline) is not None and when <= now:
            machine = self.machines[heapq.heappop(self._queue)[2]]
            effects += machine.tick(now)
            self.touched(machine)
        return effects

    def fail(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for machine in list(self.machines.values()):
            effects += machine.happen(now, E.TRANSPORT_ERROR)
        self.machines.clear()
        self._queue.clear()
        return effects


class TransactionLayer:
    """Knows which message belongs to which transaction, over one transport."""

    def __init__(
        self, timers: Timers | None = None, *, reliable: bool, most_servers: int = 1000
    ) -> None:
        self._timers = timers or Timers()
        self._reliable = reliable
        self._most_servers = most_servers
        self._clients: _Shelf[NonInviteClient] = _Shelf()
        self._servers: _Shelf[NonInviteServer] = _Shelf()

    @property
    def deadline(self) -> float | None:
        """When to tick at the latest."""
        due = [d for d in (self._clients.deadline, self._servers.deadline) if d is not None]
        return min(due, default=None)

    def request(self, now: float, request: Request) -> tuple[Key, list[Effect]]:
        """Begin to ask; the key comes back with the response.

        Raises LocalError for an INVITE, an ACK and a branch that is in use.
        """
        key = client_key(request)
        if request.method in ("INVITE", "ACK") or key in self._clients.machines:
            raise LocalError(f"no transaction can be made of {request.method} with {key[0]!r}")
        machine = NonInviteClient(key, request, self._timers, self._reliable)
        effects = machine.start(now)
        self._clients.touched(machine)
        return key, effects

    def received(self, now: float, message: Request | Response) -> list[Effect]:
        """Give the message to its transaction, or make one for it.

        A request beyond the bound is answered 503 and forgotten; one that can't be matched to any
        other is answered by its fault without a transaction, by the core.
        """
        if isinstance(message, Response):
            client = self._clients.machines.get(client_key(message))
            if client is None:
                return [Stray(message)]
            event = E.FINAL if message.is_final else E.PROVISIONAL
            effects = client.happen(now, event, message)
            self._clients.touched(client)
            return effects
        return self._request_received(now, message)

    def respond(self, now: float, key: Key, response: Response) -> list[Effect]:
        """Answer what GiveRequest brought; nothing happens if it is over or answered."""
        server = self._servers.machines.get(key)
        if server is None:
            return []
        event = E.FINAL if response.is_final else E.PROVISIONAL
        effects = server.happen(now, event, response)
        self._servers.touched(server)
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Fire what is due."""
        return self._clients.tick(now) + self._servers.tick(now)

    def transport_failed(self, now: float) -> list[Effect]:
        """End all transactions, since the one way that they have is gone."""
        return self._clients.fail(now) + self._servers.fail(now)

    def _request_received(self, now: float, request: Request) -> list[Effect]:
        try:
            key = server_key(request)
        except SipPeerError:
            key = ("unsound", object())
        server = self._servers.machines.get(key)
        if request.method == "ACK":
            return [] if server is not None else [GiveRequest(None, request)]
        if server is not None:
            return server.happen(now, E.REQUEST)
        if len(self._servers.machines) >= self._most_servers:
            # Without memory, so the tag comes from the request: RFC 3261 section 8.2.7.
            return [SendMessage(request.respond(503, tag=f"{zlib.crc32(repr(key).encode()):08x}"))]
        server = NonInviteServer(key, self._timers, self._reliable)
        server.start(now)
        self._servers.touched(server)
        return [GiveRequest(key, request)]
