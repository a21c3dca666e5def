"""The client of SNTP: what each input gives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from mibagent.smi.host import HostPort
from mibgateway.sntp.client import (
    ANSWER_S,
    FIRST_RETRY_S,
    LEFT_ALONE_S,
    LOOK_UP_S,
    MOST_ADDRESSES,
    Answered,
    Ask,
    Client,
    LookUp,
    Silent,
)
from tests.gateway.sntp.servers import reply

BUILT = 1_790_000_000.0
RIGHT = BUILT + 1e6
"""Seconds from 1970 when the monotonic clock is 0."""
PERIOD, ON_ERROR = 86400.0, 60.0


class Room:
    """A client with a clock, and a network that does what the test says."""

    def __init__(self, *servers: str) -> None:
        numbers = count(1)
        self.now = 100.0
        self.client = Client(
            [HostPort.from_text(server) for server in servers], PERIOD, ON_ERROR,
            lambda: next(numbers).to_bytes(8, "big"), BUILT)
        self.effects: list[Any] = []

    def start(self) -> Room:
        self.effects = self.client.start(self.now)
        return self

    @property
    def ask(self) -> Ask:
        (effect,) = self.effects
        assert isinstance(effect, Ask), effect
        return effect

    def found(self, *addresses: str) -> Room:
        self.effects = self.client.found(self.now, addresses)
        return self

    def answer(self, wait: float = 0.0, **how: Any) -> Room:
        """Answer half way through the wait, or as how says."""
        octets = reply(self.ask.octets, RIGHT + self.now + wait / 2, **how)
        self.now += wait
        return self.receive(octets)

    def receive(self, octets: bytes) -> Room:
        self.effects = self.client.received(self.now, octets)
        return self

    def due(self) -> Room:
        """Wait until something is due, and let it be done."""
        assert self.client.deadline is not None
        self.now = self.client.deadline
        self.effects = self.client.tick(self.now)
        return self

    @property
    def silent(self) -> Sequence[str]:
        (effect,) = self.effects
        assert isinstance(effect, Silent), effect
        return effect.reasons

    def fail(self) -> float:
        """Let a round with one server fail; give how long the next is waited for."""
        self.found()
        assert self.silent
        assert self.client.deadline is not None
        return self.client.deadline - self.now


def asking(*servers: str) -> Room:
    return Room(*servers or ("192.0.2.1",)).start().found("192.0.2.1")


def test_without_a_server_nothing_is_ever_due() -> None:
    room = Room("").start()
    assert (room.effects, room.client.deadline) == ([], None)


def test_an_answer_gives_the_time_at_the_middle_of_its_way() -> None:
    room = asking().answer(0.5)
    (answered,) = room.effects
    assert answered.source == HostPort("192.0.2.1", 123)
    assert answered.basis == pytest.approx(RIGHT)
    assert room.client.deadline == room.now + PERIOD
    assert room.due().effects == [LookUp("192.0.2.1", 123)]


def test_the_servers_own_time_is_not_part_of_the_way() -> None:
    room = asking()
    octets = reply(room.ask.octets, RIGHT + 100.1, took=0.3)
    room.now += 0.5
    (answered,) = room.receive(octets).effects
    assert answered.basis == pytest.approx(RIGHT)


def test_each_request_has_a_nonce_of_its_own_and_the_servers_port() -> None:
    room = Room("time.example.org:1123").start()
    assert room.effects == [LookUp("time.example.org", 1123)]
    first = room.found("192.0.2.1", "192.0.2.2").ask
    second = room.due().ask
    assert (first.address, second.address) == ("192.0.2.1", "192.0.2.2")
    assert first.port == second.port == 1123
    assert first.octets != second.octets


def test_until_the_first_answer_rounds_follow_after_5_s_doubling_up_to_the_error_period() -> None:
    room = Room("a.example").start()
    waits = []
    for _ in range(6):
        waits.append(room.fail())
        room.due()
    assert waits == [5, 10, 20, 40, 60, 60]


def test_after_an_answer_a_failed_round_is_followed_after_the_error_period() -> None:
    room = asking().answer().due()
    assert [room.fail(), room.due().fail()] == [ON_ERROR, ON_ERROR]
    (answered,) = room.due().found("192.0.2.1").answer().effects
    assert isinstance(answered, Answered)
    assert room.client.deadline == room.now + PERIOD


def test_servers_are_asked_in_order_until_one_answers() -> None:
    room = Room("a.example", "b.example", "c.example").start()
    assert room.effects == [LookUp("a.example", 123)]
    assert room.found().effects == [LookUp("b.example", 123)]
    assert room.found("192.0.2.2").due().effects == [LookUp("c.example", 123)]
    assert room.due().silent == (
        "a.example:123: no such name", "b.example:123: no answer",
        "c.example:123: the name servers do not answer")


def test_each_wait_has_its_length() -> None:
    room = Room("a.example").start()
    assert room.client.deadline == room.now + LOOK_UP_S
    assert room.found("192.0.2.1").client.deadline == room.now + ANSWER_S
    room.effects = room.client.tick(room.now + ANSWER_S - 0.1)
    assert room.effects == []


def test_a_name_with_many_addresses_costs_no_more_than_some() -> None:
    room = Room("a.example").start().found(*(f"192.0.2.{last}" for last in range(200)))
    asked = 1
    while isinstance(room.due().effects[0], Ask):
        asked += 1
    assert asked == MOST_ADDRESSES


@pytest.mark.parametrize(("how", "why"), [
    ({"leap": 3}, "its own clock is not synchronised"),
    ({"stratum": 16}, "its stratum is 16"),
    ({"delay": -0.5}, "its root delay is -0.500 s"),
    ({"delay": 1.0}, "its root delay is 1.000 s"),
    ({"dispersion": 2.5}, "its root dispersion is 2.500 s"),
    ({"took": -1.0}, "its times do not fit together"),
    ({"took": 1.0}, "its times do not fit together"),
    ({"stratum": 0, "reference": b"INIT"}, "it sent INIT"),
    ({"stratum": 0, "reference": b"\0\1\2\3"}, "its own clock is not synchronised"),
    ({"leap": 3, "stratum": 0, "reference": bytes(4)}, "its own clock is not synchronised"),
])
def test_a_reply_that_cannot_be_right_counts_for_nothing(how: dict[str, Any], why: str) -> None:
    assert asking().answer(**how).silent == (f"192.0.2.1:123: {why}",)


def test_a_time_before_the_build_or_none_is_not_taken() -> None:
    room = asking()
    assert room.receive(reply(room.ask.octets, BUILT - 1)).silent == (
        "192.0.2.1:123: it is before the day this program was built",)
    room = asking()
    assert room.receive(reply(room.ask.octets, 0)[:40] + bytes(8)).silent == (
        "192.0.2.1:123: it does not tell the time",)


@pytest.mark.parametrize(("how", "why"), [
    ({"origin": bytes(8)}, "its origin timestamp is not that of our request"),
    ({"mode": 5}, "mode 5 is not a server's"),
    ({"version": 1}, "version 1 is unknown"),
])
def test_what_answers_no_request_of_ours_is_ignored_and_the_answer_still_waited_for(
    how: dict[str, Any], why: str
) -> None:
    room = asking()
    ask = room.ask
    assert room.receive(reply(ask.octets, RIGHT + 3600, **how)).effects == []
    assert room.due().silent == (f"192.0.2.1:123: no answer but one ignored: {why}",)
    room = asking()
    ask = room.ask
    room.receive(reply(ask.octets, RIGHT + 3600, **how))
    assert isinstance(room.receive(reply(ask.octets, RIGHT + room.now)).effects[0], Answered)


def test_an_answer_counts_once_and_never_late() -> None:
    room = asking()
    octets = reply(room.ask.octets, RIGHT + room.now)
    room.receive(octets)
    assert room.receive(octets).effects == []
    late = asking()
    octets = reply(late.ask.octets, RIGHT + late.now)
    late.due()
    assert late.receive(octets).effects == []
    late.due().found("192.0.2.1")
    assert late.receive(octets).effects == []


@pytest.mark.parametrize("code", [b"DENY", b"RSTR"])
def test_a_server_that_denies_us_is_asked_no_more(code: bytes) -> None:
    room = Room("a.example", "b.example").start().found("192.0.2.1", "192.0.2.9")
    room.answer(stratum=0, reference=code)
    for _ in range(3):
        assert room.effects == [LookUp("b.example", 123)]
        assert room.found().silent[0].startswith("a.example:123: ")
        assert code.decode() in room.silent[0]
        room.now += 30 * 86400
        room.due()


def test_a_server_that_finds_us_too_frequent_is_left_alone_for_longer_each_time() -> None:
    room = asking()
    waits = []
    for _ in range(3):
        since = room.now
        room.answer(stratum=0, reference=b"RATE")
        while not isinstance(room.due().effects[0], LookUp):
            assert room.silent == ("192.0.2.1:123: not asked, since it sent RATE",)
        waits.append(room.now - since)
        room.found("192.0.2.1")
    for wait, least in zip(waits, (1, 2, 4), strict=True):
        assert least * LEFT_ALONE_S <= wait <= least * LEFT_ALONE_S + ON_ERROR


def test_asked_out_of_turn_it_asks_as_soon_as_it_may() -> None:
    room = asking().answer()
    room.now += 1
    assert room.client.ask(room.now) == []
    assert room.due().effects == [LookUp("192.0.2.1", 123)]
    assert room.now == 100 + FIRST_RETRY_S
    assert room.client.ask(room.now) == []
    room.found("192.0.2.1").answer()
    room.now += 60
    assert room.client.ask(room.now) == [LookUp("192.0.2.1", 123)]


def test_an_address_that_cannot_be_reached_is_not_waited_for() -> None:
    room = asking()
    room.effects = room.client.unreachable(room.now, "its port is closed")
    assert room.silent == ("192.0.2.1:123: its port is closed",)
    assert room.client.unreachable(room.now, "again") == []


def test_a_stopped_client_does_nothing() -> None:
    room = asking()
    octets = reply(room.ask.octets, RIGHT + room.now)
    room.client.stop()
    assert room.client.deadline is None
    assert room.receive(octets).effects == []
    assert room.client.tick(room.now + 1e9) == []
    assert room.client.ask(room.now) == []
    assert room.client.found(room.now, ["192.0.2.1"]) == []
