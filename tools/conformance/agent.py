"""The agent that is judged, as one can talk to it: by SNMPv1, v2c or v3, rightly or wrongly."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeVar

from tools.conformance.ber import Malformed, Oid, Reader
from tools.conformance.credentials import Credentials
from tools.conformance.names import NAMES, SYS_UP_TIME
from tools.conformance.pdu import (
    GET,
    GET_NEXT,
    REPORT,
    RESPONSE,
    UNSPECIFIED,
    Answer,
    Binding,
    Pdu,
    binding,
    community_message,
    pdu,
    read_community_message,
    version_of,
)
from tools.conformance.registry import Failed, Skipped
from tools.conformance.survey import Survey, take_survey
from tools.conformance.usm import User
from tools.conformance.v3 import REPORTABLE, Envelope, V3Answer, read_message

T = TypeVar("T")
V1, V2C, V3 = 0, 1, 3
_KEPT = 24
"""Datagrams of a check that a report shows."""


class Link(Protocol):
    """A way for datagrams."""

    lag_s: float
    """How much later than a later answer an earlier one may come."""

    def send(self, octets: bytes) -> None:
        """Send a datagram."""

    def receive(self, wait_s: float) -> bytes | None:
        """Give the next datagram; None where none comes in time."""

    def fresh(self) -> None:
        """Forget what has come, or is yet to come, for what was sent."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""


class Channel(Protocol):
    """One identity under which to ask."""

    name: str

    def ask(self, kind: int, bindings: bytes, first: int = 0, second: int = 0,
            request_id: int | None = None) -> Pdu:
        """Give the answer's PDU. Raises Failed."""


@dataclass
class Engine:
    """What the agent told of its engine."""

    engine_id: bytes
    boots: int
    time: int
    heard_at: float


class Agent:
    """One agent and what was said since a check began."""

    def __init__(
        self, link: Link, credentials: Credentials, *, allow_set: bool = False,
        wait_s: float = 1.0, tries: int = 3, survey_limit: int = 3000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.link, self.credentials, self.allow_set = link, credentials, allow_set
        self.wait_s, self.tries, self.survey_limit = wait_s, tries, survey_limit
        self.clock = clock
        self.engine: Engine | None = None
        self._seen: list[tuple[str, bytes]] = []
        self._ids = random.Random()

    def has(self, need: str) -> bool:
        """Tell whether a run has what a check needs."""
        known, main = self.credentials, self.credentials.users.get("main")
        return bool({
            "v1": known.v1 and known.community, "v2": known.v2 and known.community,
            "modern": (known.v2 and known.community) or main,
            "v3": main, "auth": main and main.auth, "priv": main and main.priv,
            "set": self.allow_set, "writer": known.write_community or known.main_writes,
        }[need])

    def begin(self) -> None:
        """Forget what was said, and what may still be on its way."""
        self._seen.clear()
        self.link.fresh()

    def seen(self) -> list[str]:
        """Give the last datagrams of this check, without the communities."""
        secrets = [each.encode() for each in (
            self.credentials.write_community, self.credentials.guarded_community,
            self.credentials.community) if each]
        lines = []
        for way, octets in self._seen[-_KEPT:]:
            for secret in secrets:
                octets = octets.replace(secret, b"*" * len(secret))
            shown = octets[:600].hex() + (f"… {len(octets)} octets" if len(octets) > 600 else "")
            lines.append(f"{way} {shown}")
        return lines

    # -- datagrams

    def new_id(self) -> int:
        """Give a number that no request has had lately."""
        return self._ids.randrange(1 << 24, 1 << 31)

    def transmit(self, octets: bytes) -> None:
        """Send, and note it."""
        self._seen.append((">", octets))
        del self._seen[:-_KEPT]
        self.link.send(octets)

    def hear(self, wait_s: float) -> bytes | None:
        """Give the next datagram, and note it."""
        octets = self.link.receive(wait_s)
        if octets is not None:
            self._seen.append(("<", octets))
        return octets

    def exchange(self, octets: bytes, reads: Callable[[bytes], T | None], tries: int | None = None
                 ) -> T | None:
        """Send until something comes that reads makes something of; None where nothing does."""
        for _ in range(self.tries if tries is None else tries):
            self.transmit(octets)
            deadline = time.monotonic() + self.wait_s
            while True:
                heard = self.hear(max(0.0, deadline - time.monotonic()))
                if heard is None:
                    break
                found = reads(heard)
                if found is not None:
                    return found
        return None

    def answers_to(self, octets: bytes) -> list[bytes]:
        """Send once, then ask something else; give what came beside the answer to that."""
        self.transmit(octets)
        number = self.new_id()
        fence = self.main.request(GET, binding(SYS_UP_TIME), request_id=number)
        others: list[bytes] = []

        def reads(heard: bytes) -> bool | None:
            if self.main.is_answer(heard, number):
                return True
            others.append(heard)
            return None

        if self.exchange(fence, reads) is None:
            raise Failed("after that it answers nothing any more")
        while self.link.lag_s and (late := self.hear(self.link.lag_s)) is not None:
            others.append(late)
        return others

    def stays_silent(self, octets: bytes, what: str) -> None:
        """Raise Failed if that is answered."""
        others = self.answers_to(octets)
        if others:
            raise Failed(f"{what} is answered: {others[0][:60].hex()}")

    # -- identities

    @cached_property
    def main(self) -> Community | Secure:
        """The usual way to read: v2c, or v3 where there is no community."""
        if self.has("v2"):
            return Community(self, V2C, self.credentials.community)
        if self.has("v3"):
            return self.secure("main")
        if self.has("v1"):
            return Community(self, V1, self.credentials.community)
        raise Skipped("neither a community nor a user is known")

    @cached_property
    def v1(self) -> Community:
        """SNMPv1 for reading."""
        return Community(self, V1, self.credentials.community)

    @cached_property
    def writer(self) -> Community | Secure:
        """Who may write."""
        known = self.credentials
        if known.write_community and (known.v2 or not known.main_writes):
            return Community(self, V2C if known.v2 else V1, known.write_community)
        return self.secure("main")

    @cached_property
    def owner(self) -> Community | Secure:
        """Who may write most."""
        return self.secure("main") if self.credentials.main_writes else self.writer

    def secure(self, role: str, level: int | None = None) -> Secure:
        """Give a user's way. Raises Skipped where the run has no such user."""
        user = self.credentials.users.get(role)
        if user is None:
            raise Skipped(f"no user.{role}")
        return Secure(self, user, user.level if level is None else level)

    # -- usual questions

    def get(self, *oids: Oid, via: Channel | None = None) -> Pdu:
        """GET."""
        return (via or self.main).ask(GET, b"".join(map(binding, oids)))

    def get_next(self, *oids: Oid, via: Channel | None = None) -> Pdu:
        """GETNEXT."""
        return (via or self.main).ask(GET_NEXT, b"".join(map(binding, oids)))

    def value(self, oid: Oid, via: Channel | None = None) -> Binding | None:
        """Give an instance; None where there is none, or no access."""
        answer = self.get(oid, via=via)
        if answer.status or not answer.bindings or answer.bindings[0].tag >= 0x80:
            return None
        return answer.bindings[0]

    @contextmanager
    def counts(self, *counters: Oid) -> Iterator[None]:
        """Raise Failed unless each of these that can be read has grown at the end."""
        before = [self.value(oid) for oid in counters]
        yield
        for oid, old in zip(counters, before, strict=True):
            if old is None:
                continue
            new = self.value(oid)
            if new is None or new.value == old.value:
                raise Failed(f"{NAMES.get(oid, oid)} did not count it")

    @cached_property
    def survey(self) -> Survey:
        """What the agent has, by GETNEXT, up to a limit."""
        return take_survey(self.main, self.survey_limit)


class Community:
    """A community of SNMPv1 or SNMPv2c."""

    def __init__(self, agent: Agent, version: int, community: str) -> None:
        self.agent, self.version, self.community = agent, version, community.encode()
        self.name = "v1" if version == V1 else "v2c"

    def request(self, kind: int, bindings: bytes, first: int = 0, second: int = 0,
                request_id: int | None = None) -> bytes:
        """Give a request's octets."""
        number = self.agent.new_id() if request_id is None else request_id
        return community_message(
            self.version, self.community, pdu(kind, number, bindings, first, second))

    def is_answer(self, octets: bytes, number: int) -> bool:
        """Tell whether that answers the request of this number."""
        try:
            answer = read_community_message(octets)
        except Malformed:
            return False
        return answer.pdu.kind == RESPONSE and answer.pdu.request_id == number

    def tell(self, octets: bytes) -> Answer | None:
        """Send octets; give the next message that comes, whatever its number. None: none comes."""
        return self.agent.exchange(octets, read_community_message)

    def answer(self, kind: int, bindings: bytes, first: int = 0, second: int = 0,
               request_id: int | None = None) -> Answer:
        """Give the whole answer. Raises Failed."""
        number = self.agent.new_id() if request_id is None else request_id
        octets = self.request(kind, bindings, first, second, number)

        def reads(heard: bytes) -> Answer | None:
            answer = read_community_message(heard)
            return answer if answer.pdu.request_id == number else None

        found = self.agent.exchange(octets, reads)
        if found is None:
            raise Failed("no answer")
        if found.pdu.kind != RESPONSE:
            raise Failed(f"the answer is a PDU {found.pdu.kind:#x}")
        return found

    def ask(self, kind: int, bindings: bytes, first: int = 0, second: int = 0,
            request_id: int | None = None) -> Pdu:
        """Give the answer's PDU. Raises Failed."""
        return self.answer(kind, bindings, first, second, request_id).pdu


class Secure:
    """A user of SNMPv3 at one level."""

    def __init__(self, agent: Agent, user: User, level: int) -> None:
        self.agent, self.user, self.level = agent, user, level
        self.name = f"v3 {('noAuthNoPriv', 'authNoPriv', '', 'authPriv')[level]}"

    def discover(self) -> Engine:
        """Give what the agent tells of its engine. RFC 3414 section 4. Raises Failed."""
        agent = self.agent
        if agent.engine is None:
            blank = Envelope(agent.new_id(), REPORTABLE, User("").keys(b""))
            report = agent.exchange(
                blank.message(pdu(GET, agent.new_id(), b"")), self.reads(blank))
            if report is None:
                raise Failed("discovery of its engine gets no answer")
            agent.engine = Engine(report.engine_id, report.boots, report.time, agent.clock())
            if self.user.auth and not report.boots:
                self.exchange(self.envelope(boots=0, time=0), pdu(GET, agent.new_id(), b""))
        return agent.engine

    def envelope(self, **fields: object) -> Envelope:
        """Give a good envelope, but for the fields that are named."""
        engine = self.discover()
        now = engine.time + int(self.agent.clock() - engine.heard_at)
        good = Envelope(
            self.agent.new_id(), REPORTABLE | self.level, self.user.keys(engine.engine_id),
            engine.engine_id, engine.boots, now, self.user.name.encode())
        return replace(good, **fields)  # type: ignore[arg-type]

    def exchange(self, envelope: Envelope, body: bytes, tries: int | None = None
                 ) -> V3Answer | None:
        """Send one message; give the response or report to it, None where none comes.

        Of a signed one engine boots and time are taken over.
        """
        answer = self.agent.exchange(
            envelope.message(body), self.reads(envelope), tries)
        engine = self.agent.engine
        if answer is not None and engine is not None and answer.engine_id == engine.engine_id \
                and answer.is_signed_by(envelope.keys):
            engine.boots, engine.time = answer.boots, answer.time
            engine.heard_at = self.agent.clock()
        return answer

    def reads(self, envelope: Envelope) -> Callable[[bytes], V3Answer | None]:
        """Give what tells answers to that envelope from others."""
        def reads(heard: bytes) -> V3Answer | None:
            if version_of(heard) != V3:
                return None
            answer = read_message(heard, envelope.keys)
            return answer if answer.msg_id == envelope.msg_id else None

        return reads

    def request(self, kind: int, bindings: bytes, first: int = 0, second: int = 0,
                request_id: int | None = None) -> bytes:
        """Give a request's octets; request_id is its msgID too."""
        number = self.agent.new_id() if request_id is None else request_id
        return self.envelope(msg_id=number).message(pdu(kind, number, bindings, first, second))

    def is_answer(self, octets: bytes, number: int) -> bool:
        """Tell whether that answers the request of this number."""
        try:
            return version_of(octets) == V3 and _msg_id(octets) == number
        except Malformed:
            return False

    def answer(self, kind: int, bindings: bytes, first: int = 0, second: int = 0,
               request_id: int | None = None, **fields: object) -> V3Answer:
        """Give the whole answer, after a second try where clocks have parted. Raises Failed."""
        number = self.agent.new_id() if request_id is None else request_id
        body = pdu(kind, number, bindings, first, second)
        found = self.exchange(self.envelope(**fields), body)
        if found is not None and found.pdu.kind == REPORT:
            found = self.exchange(self.envelope(**fields), body)
        if found is None:
            raise Failed("no answer")
        if found.pdu.kind == RESPONSE:
            if found.pdu.request_id != number:
                raise Failed(f"request-id {number} is answered with {found.pdu.request_id}")
            return found
        told = found.pdu.bindings[0].oid if found.pdu.bindings else ()
        word = "a Report" if found.pdu.kind == REPORT else f"a PDU {found.pdu.kind:#x}"
        raise Failed(f"the answer is {word}: {NAMES.get(told, told)}")

    def ask(self, kind: int, bindings: bytes, first: int = 0, second: int = 0,
            request_id: int | None = None) -> Pdu:
        """Give the answer's PDU. Raises Failed."""
        return self.answer(kind, bindings, first, second, request_id).pdu


def _msg_id(octets: bytes) -> int:
    inner = Reader(octets).take()[1]
    inner.integer()
    return inner.take()[1].integer()


def joined(oids: Iterable[Oid], value: bytes = UNSPECIFIED) -> bytes:
    """Give bindings of these names, all with one value."""
    return b"".join(binding(oid, value) for oid in oids)
