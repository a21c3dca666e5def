"""The notification originator: who is sent what, and when again. No socket, no clock.

Rules. A trap is sent once. An inform waits in its target's own line. One is under way until the
receiver has answered, then a few at a time; each is sent again at the target's timeout as often as
its retry count says, and ends with its answer or unanswered. Then the receiver counts as silent:
one inform at a time tries it, after waits that double up to five minutes, until it answers. A line
that is full loses its oldest; more notifications a second than the limit are dropped before they
cost anything. All that is lost is counted.

RFC 3413 section 3.3.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from mibagent.snmp.targets import Address, Kind, Params, Recipient, Target, Targets
from mibagent.snmp.trap import Notification

WINDOW = 8
"""Informs under way to one receiver that answers."""
LINE_LENGTH = 64
"""Informs that wait for one receiver, beside those under way."""
LONGEST_WAIT_S = 300.0
"""Between two tries of a receiver that is silent."""
MOST_LESSONS = 3
"""Reports that make one inform be sent again at once: discovery, time, and one more."""
BURST_S = 5.0
"""How much of a second's limit may come at once, in seconds' worth."""


@dataclass(frozen=True)
class Send:
    """Send a datagram."""

    address: Address
    datagram: bytes
    kind: Kind = Kind.TRAP


@dataclass(frozen=True)
class Silent:
    """A receiver has let an inform go unanswered; told once until it answers."""

    target: Target


@dataclass(frozen=True)
class Heard:
    """A receiver that was silent answers again, or is nobody's any more."""

    target: Target
    is_gone: bool = False


Effect = Send | Silent | Heard


@dataclass(frozen=True)
class Answered:
    """A receiver has answered an inform."""

    request_id: int
    status: int
    """error-status: 0 is well."""


@dataclass(frozen=True)
class Learnt:
    """A receiver has told what its messages need: its engine or the time there."""


class Messages(Protocol):
    """Makes and opens messages of every version; knows communities, keys and views."""

    def may_be_told(self, params: Params, notification: Notification) -> bool:
        """Whether the notify view of who is told shows the whole. RFC 3413 section 3.3, step 3."""

    def seal(
        self, now: float, target: Target, kind: Kind, notification: Notification, request_id: int
    ) -> bytes | None:
        """Give the datagram, or one that asks what it needs first; None: none can be made."""

    def open(self, now: float, datagram: bytes, address: Address) -> Answered | Learnt | None:
        """Read what came back; None where it means nothing."""


@dataclass
class Tally:
    """What became of notifications since the originator was made."""

    traps: int = 0
    """Traps sent."""
    informs: int = 0
    """Informs sent, each counted once."""
    repeats: int = 0
    """Times that informs were sent again."""
    acknowledged: int = 0
    """Informs that were answered without an error."""
    refused: int = 0
    """Informs that were answered with one."""
    unanswered: int = 0
    """Informs that no answer came to."""
    dropped: int = 0
    """Notifications lost here: too many, too large, or no message could be made."""


class _Inform:
    """One inform under way."""

    __slots__ = ("due", "left", "lessons", "notification", "request_id")

    def __init__(self, notification: Notification, request_id: int, retries: int) -> None:
        self.notification, self.request_id = notification, request_id
        self.left, self.lessons = retries, MOST_LESSONS
        self.due = 0.0


class _Line:
    """The informs of one target."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.waiting: deque[Notification] = deque()
        self.out: dict[int, _Inform] = {}
        self.is_heard = False
        """Whether the receiver answered the last time it was asked."""
        self.silences = 0
        """Waits in a row that ended without an answer."""
        self.resume_at = 0.0
        """When a silent receiver is tried again."""

    @property
    def deadline(self) -> float | None:
        """When something is due next."""
        dues = [inform.due for inform in self.out.values()]
        if self.waiting and not self.out:
            dues.append(self.resume_at)
        return min(dues, default=None)


class Originator:
    """Sends the notifications of one unit. Inputs are methods, effects their answers."""

    def __init__(self, messages: Messages, first_id: int, per_second: float = 0) -> None:
        """first_id: the first request-id, which nobody should guess. per_second: 0 is no limit."""
        self.tally = Tally()
        self._messages = messages
        self._next_id = first_id
        self._recipients: tuple[Recipient, ...] = ()
        self._lines: dict[bytes, _Line] = {}
        self._per_second = per_second
        self._allowance, self._counted_at = per_second * BURST_S, float("-inf")

    @property
    def deadline(self) -> float | None:
        """When `tick` is due, or None."""
        return min((due for line in self._lines.values()
                    if (due := line.deadline) is not None), default=None)

    @property
    def expects_answers(self) -> bool:
        """Whether an inform is under way."""
        return any(line.out for line in self._lines.values())

    @property
    def waiting(self) -> int:
        """Informs that wait or are under way."""
        return sum(len(line.waiting) + len(line.out) for line in self._lines.values())

    def limit(self, per_second: float) -> None:
        """Take at most so many notifications a second from now on; 0 is no limit."""
        self._per_second = per_second
        self._allowance = per_second * BURST_S

    def aim(self, now: float, targets: Targets) -> list[Effect]:
        """Send to these from now on; informs of targets that are gone are dropped."""
        self._recipients = targets.recipients
        wanted = {each.target.name: each.target for each in self._recipients
                  if each.kind is Kind.INFORM}
        effects: list[Effect] = []
        for name in [name for name in self._lines if name not in wanted]:
            line = self._lines.pop(name)
            self.tally.dropped += len(line.waiting) + len(line.out)
            effects += [Heard(line.target, is_gone=True)] * bool(line.silences)
        for name, line in self._lines.items():
            if line.target != wanted[name]:
                effects += [Heard(line.target, is_gone=True)] * bool(line.silences)
                line.target = wanted[name]
                line.is_heard, line.silences, line.resume_at = False, 0, now
                effects += self._fill(now, line)
        return effects

    def admits(self, now: float) -> bool:
        """Whether one more may be issued now; ask first, since making one has its cost, too.

        One that is beyond the limit counts as dropped.
        """
        limit = self._per_second
        if not limit or not self._recipients:
            return bool(self._recipients)
        gained = max(0.0, now - self._counted_at) * limit
        self._allowance = min(limit * BURST_S, self._allowance + gained)
        self._counted_at = now
        if self._allowance < 1:
            self.tally.dropped += 1
            return False
        self._allowance -= 1
        return True

    def issue(self, now: float, notification: Notification) -> list[Send]:
        """Tell everybody who is to know."""
        effects: list[Send] = []
        for recipient in self._recipients:
            params = recipient.target.params
            if params.message_model == 0 and not notification.suits_v1:
                continue
            if recipient.filter is not None \
                    and not recipient.filter.passes(notification.oid, notification.names):
                continue
            if not self._messages.may_be_told(params, notification):
                continue
            if recipient.kind is Kind.TRAP:
                sent = self._send(now, recipient.target, Kind.TRAP, notification, self._new_id())
                self.tally.traps += len(sent)
                self.tally.dropped += not sent
                effects += sent
            else:
                effects += self._queue(now, recipient.target, notification)
        return effects

    def _new_id(self) -> int:
        self._next_id = (self._next_id + 1) & 0x7FFFFFFF
        return self._next_id

    def _send(
        self, now: float, target: Target, kind: Kind, notification: Notification, request_id: int
    ) -> list[Send]:
        datagram = self._messages.seal(now, target, kind, notification, request_id)
        if datagram is None or len(datagram) > target.max_size:
            return []
        return [Send(target.address, datagram, kind)]

    def unsent(self, effect: Send) -> None:
        """Note that the host could not send a datagram; an inform is tried again in its time."""
        if effect.kind is Kind.TRAP:
            self.tally.traps -= 1
            self.tally.dropped += 1

    # -- informs

    def _queue(self, now: float, target: Target, notification: Notification) -> list[Send]:
        line = self._lines.get(target.name)
        if line is None:
            line = self._lines[target.name] = _Line(target)
        if len(line.waiting) >= LINE_LENGTH:
            line.waiting.popleft()
            self.tally.dropped += 1
        line.waiting.append(notification)
        return self._fill(now, line)

    def _fill(self, now: float, line: _Line) -> list[Send]:
        """Send what may be under way now."""
        effects: list[Send] = []
        window = WINDOW if line.is_heard else 1
        while line.waiting and len(line.out) < window and now >= line.resume_at:
            inform = _Inform(line.waiting.popleft(), self._new_id(), line.target.retries)
            sent = self._transmit(now, line, inform)
            self.tally.informs += len(sent)
            self.tally.dropped += not sent
            if sent:
                line.out[inform.request_id] = inform
                effects += sent
        return effects

    def _transmit(self, now: float, line: _Line, inform: _Inform) -> list[Send]:
        inform.due = now + line.target.timeout_s
        return self._send(now, line.target, Kind.INFORM, inform.notification, inform.request_id)

    def received(self, now: float, datagram: bytes, address: Address) -> list[Effect]:
        """Take what came from a receiver's address."""
        lines = [line for line in self._lines.values() if line.target.address == address]
        heard = self._messages.open(now, datagram, address) if lines else None
        effects: list[Effect] = []
        if isinstance(heard, Learnt):
            for line in lines:
                effects += self._again(now, line)
        elif isinstance(heard, Answered):
            for line in lines:
                if line.out.pop(heard.request_id, None) is not None:
                    self.tally.acknowledged += not heard.status
                    self.tally.refused += bool(heard.status)
                    effects += [Heard(line.target)] * bool(line.silences)
                    line.is_heard, line.silences, line.resume_at = True, 0, now
                    effects += self._fill(now, line)
        return effects

    def _again(self, now: float, line: _Line) -> list[Send]:
        """Send what waits for a report's lesson at once; that is no retry."""
        effects: list[Send] = []
        for inform in list(line.out.values()):
            if inform.lessons:
                inform.lessons -= 1
                effects += self._transmit(now, line, inform)
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Do what is due."""
        effects: list[Effect] = []
        for line in self._lines.values():
            silent = False
            for inform in [inform for inform in line.out.values() if inform.due <= now]:
                if inform.left:
                    inform.left -= 1
                    sent = self._transmit(now, line, inform)
                    self.tally.repeats += len(sent)
                    effects += sent
                else:
                    del line.out[inform.request_id]
                    self.tally.unanswered += 1
                    silent = True
            if silent:
                effects += [Silent(line.target)] * (not line.silences)
                wait = line.target.timeout_s * 2.0 ** min(line.silences, 16)
                line.resume_at = now + min(wait, LONGEST_WAIT_S)
                line.is_heard, line.silences = False, line.silences + 1
            effects += self._fill(now, line)
        return effects
