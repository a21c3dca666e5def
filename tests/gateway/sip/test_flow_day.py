"""A day of a flow against servers that fail at random."""

from __future__ import annotations

import random

import pytest

from mibgateway.sip.flow import Flow
from mibgateway.sip.link import Stage
from mibgateway.sip.message import Request
from mibgateway.sip.terms import (
    Close,
    Dial,
    Drain,
    Effect,
    Failed,
    Failure,
    KeepAlive,
    LostConnection,
    Reachable,
    Ready,
    Send,
    State,
    Trouble,
    Unreachable,
)

from .test_flow import CLOSED, FACTS, REFUSED, answer, make, up

DAY_S = 86400.0


class World:
    """Everything outside the flow: a server with moods, a network, an operator."""

    def __init__(self, flow: Flow, seed: int) -> None:
        self.flow = flow
        self.luck = random.Random(seed)
        self.now = 0.0
        self.open: set[int] = set()
        self.dialling: set[int] = set()
        self.due: list[tuple[float, int, int, str, bytes]] = []
        self.said: list[Effect] = []
        self.dials: list[float] = []
        self.mood = "fine"
        self.count = 0

    def later(self, wait: float, link: int, what: str, data: bytes = b"") -> None:
        self.count += 1
        self.due.append((self.now + wait, self.count, link, what, data))

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.said.append(effect)
            match effect:
                case Dial(link):
                    assert not self.dialling, "two dials at once"
                    self.dialling.add(link)
                    self.dials.append(self.now)
                    self.later(self.luck.uniform(0.01, 3), link, "dialled")
                case Close(link):
                    assert link in self.open | self.dialling, "closed twice"
                    self.open.discard(link)
                    self.dialling.discard(link)
                case Drain(link):
                    assert link in self.open
                    if self.luck.random() < 0.7:
                        self.later(self.luck.uniform(0, 2), link, "lost")
                case Send(link, data):
                    assert link in self.open, "octets for a closed connection"
                    self.serve(link, data)
        self.check()

    def serve(self, link: int, data: bytes) -> None:
        if self.mood == "mute":
            return
        wait = self.luck.uniform(0.001, 0.5)
        if data == b"\r\n\r\n":
            self.later(wait, link, "octets", b"\r\n")
        elif data.startswith(b"OPTIONS"):
            self.later(wait, link, "octets", answer(data, self.luck.choice([200, 200, 404, 503])))

    def arrive(self, link: int, what: str, data: bytes) -> None:
        luck = self.luck.uniform(0.5, 1)
        if what == "dialled" and link in self.dialling:
            self.dialling.discard(link)
            if self.mood == "refusing":
                self.carry_out(self.flow.failed(self.now, link, REFUSED, luck))
                return
            self.open.add(link)
            self.flow.opened(self.now, link)
            self.carry_out(self.flow.connected(self.now, link, FACTS))
        elif what == "octets" and link in self.open:
            if self.luck.random() < 0.02:
                data = b"\x16\x03\x01 what\r\n\r\n"
            for part in (data[:5], data[5:]):
                if link in self.open and part:
                    self.carry_out(self.flow.received(self.now, link, part, luck))
        elif what == "lost" and link in self.open:
            self.open.discard(link)
            self.carry_out(self.flow.lost(self.now, link, CLOSED, luck))

    def meddle(self) -> None:
        """Let the server change its mood, or the operator the certificate."""
        roll = self.luck.random()
        if roll < 0.6:
            self.mood = self.luck.choice(["fine", "fine", "mute", "refusing"])
        elif roll < 0.8 and self.open:
            self.arrive(self.luck.choice(sorted(self.open)), "lost", b"")
        elif roll < 0.9:
            self.carry_out(self.flow.replace(self.now))
        else:
            self.carry_out(self.flow.reconnect(self.now))

    def run(self, end: float) -> None:
        self.carry_out(self.flow.start(0))
        meddling = 0.0
        for _ in range(500_000):
            deadline = self.flow.deadline
            network = min(self.due, default=None)
            when = min(deadline or end, network[0] if network else end, meddling, end)
            self.now = max(self.now, when)
            if self.now >= end:
                return
            if network is not None and network[0] <= self.now:
                self.due.remove(network)
                self.arrive(network[2], network[3], network[4])
            elif meddling <= self.now:
                meddling = self.now + self.luck.expovariate(1 / 120)
                self.meddle()
            else:
                self.carry_out(self.flow.tick(self.now, self.luck.uniform(0.5, 1)))
        raise AssertionError("the flow does not come to rest")

    def check(self) -> None:
        flow = self.flow
        links = {link.number: link for link in flow.links}
        assert set(links) == self.open | self.dialling
        coming = [k for k in flow.links if k.stage not in (Stage.UP, Stage.WAITING_SHUTDOWN)]
        assert len(coming) <= 1
        assert sum(link.stage is Stage.UP for link in flow.links) <= 1
        assert (flow.state is State.UP) == (flow.main is not None)
        watched = flow.settings.keep_alive in (KeepAlive.SIP_OPTIONS, KeepAlive.PING)
        if not flow.is_stopped and (watched or flow.state is not State.UP):
            assert flow.deadline is not None


@pytest.mark.parametrize("keep_alive", KeepAlive)
@pytest.mark.parametrize("seed", range(4))
def test_a_day_of_failures(keep_alive: KeepAlive, seed: int) -> None:
    flow = make(keep_alive, transmission_timeout_s=8)
    world = World(flow, seed)
    world.run(DAY_S)
    reachable: bool | None = None
    ready: set[int] = set()
    for effect in world.said:
        match effect:
            case Ready(link):
                assert link not in ready, "303 twice for one connection"
                ready.add(link)
            case LostConnection(link):
                assert link in ready
            case Failed(link):
                assert link not in ready
            case Reachable():
                assert reachable is not True
                reachable = True
            case Unreachable():
                assert reachable is not False
                reachable = False
    assert len(ready) > 50
    assert flow.counters.reconnects == len(ready) - 1
    assert flow.reachable is reachable
    world.carry_out(flow.stop(world.now))
    while flow.deadline is not None:
        world.now = flow.deadline
        world.carry_out(flow.tick(world.now))
    assert flow.is_stopped and not flow.links


def test_a_dead_server_is_dialled_once_an_interval_all_day() -> None:
    flow = make()
    dials, now, effects = 0, 0.0, flow.start(0)
    while now < DAY_S:
        for effect in effects:
            if isinstance(effect, Dial):
                dials += 1
                assert len(flow.failed(now, effect.link, REFUSED, 0.5)) <= 2
        assert flow.deadline is not None
        now = flow.deadline
        effects = flow.tick(now, 0.5)
    assert dials == DAY_S / 15


def test_a_quiet_day_sends_one_keep_alive_an_interval() -> None:
    flow = up()
    now = 0.0
    while (now := flow.deadline or DAY_S) < DAY_S:
        for effect in flow.tick(now):
            assert isinstance(effect, Send)
            assert Request.parse(effect.data).cseq.number == round(now / 30) + 1
            assert flow.received(now + 0.1, 1, answer(effect.data)) == []
    assert flow.counters.options_sent == DAY_S / 30
    assert flow.counters.options_timed_out == 0


def test_a_server_that_drops_each_connection_at_once_is_dialled_once_an_interval() -> None:
    flow = make()
    closed = Failure(Trouble.CLOSED, "closed")
    now, effects, dials = 0.0, flow.start(0), 0
    while now < 3600:
        (dial,) = effects
        assert isinstance(dial, Dial)
        dials += 1
        (sent,) = flow.connected(now, dial.link, FACTS)
        assert isinstance(sent, Send)
        flow.received(now, dial.link, answer(sent.data))
        flow.lost(now, dial.link, closed, 0.5)
        assert flow.deadline is not None
        now = flow.deadline
        effects = flow.tick(now)
    assert dials == 240
