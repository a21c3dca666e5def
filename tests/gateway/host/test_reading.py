"""The host is asked when somebody looks, at most once a second, and in a thread if it is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from unittest import mock

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mibgateway.host.reading import FRESH_S, LOOKED_AT_S, SHARE, Reading


class Host:
    """Answers with how often it was asked; each answer takes as long as the test says."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.asked = 0
        self.takes_s = 0.0
        self.spent_s = 0.0
        self.breaks = False
        self.in_thread: list[tuple[Callable[[], object], Deferred[object]]] = []
        self.reading: Reading[list[int]] = Reading(
            self.ask, self.clock.seconds, self.thread,  # type: ignore[arg-type]
            self.clock.callLater)

    def ask(self) -> list[int]:
        self.asked += 1
        self.spent_s += self.takes_s
        if self.breaks:
            raise OSError("no")
        return [self.asked]

    def thread(self, call: Callable[[], object]) -> Deferred[object]:
        done: Deferred[object] = Deferred()
        self.in_thread.append((call, done))
        return done

    def finish(self) -> None:
        (call, done), = self.in_thread
        self.in_thread.clear()
        try:
            done.callback(call())
        except OSError as error:
            done.errback(error)


@pytest.fixture
def host() -> Iterator[Host]:
    found = Host()
    with mock.patch("mibgateway.host.reading.time.perf_counter", lambda: found.spent_s):
        yield found


def test_nothing_is_asked_while_nobody_looks(host: Host) -> None:
    host.clock.advance(1000)
    assert host.asked == 0


def test_an_answer_counts_for_a_second_and_is_the_same_object(host: Host) -> None:
    first = host.reading.get()
    host.clock.advance(FRESH_S - 0.1)
    assert host.reading.get() is first
    host.clock.advance(0.1)
    assert host.reading.get() == [2]
    assert host.clock.getDelayedCalls() == []


def test_a_slow_answer_is_fetched_in_a_thread_while_the_last_one_counts(host: Host) -> None:
    host.takes_s = 0.1
    first = host.reading.get()
    host.clock.advance(SHARE * 0.1 + 0.01)
    assert len(host.in_thread) == 1
    assert host.reading.get() is first and host.asked == 1
    host.finish()
    assert host.reading.get() == [2]


def test_a_slow_answer_is_kept_fresh_as_long_as_somebody_looks(host: Host) -> None:
    host.takes_s = 0.1
    host.reading.get()
    for _ in range(3):
        host.clock.advance(SHARE * 0.1 + 0.01)
        host.finish()
    assert host.reading.get() == [4]
    host.clock.advance(LOOKED_AT_S)
    host.finish()
    assert host.clock.getDelayedCalls() == []


def test_one_thread_at_a_time(host: Host) -> None:
    host.takes_s = 0.1
    host.reading.get()
    host.clock.advance(SHARE * 0.1 + 0.01)
    for _ in range(5):
        host.clock.advance(10)
        host.reading.get()
    assert len(host.in_thread) == 1


def test_a_host_that_can_t_be_asked_any_more_leaves_the_last_answer(host: Host) -> None:
    host.takes_s = 0.1
    first = host.reading.get()
    host.clock.advance(SHARE * 0.1 + 0.01)
    host.breaks = True
    host.finish()
    assert host.reading.get() is first
    host.breaks = False
    host.clock.advance(FRESH_S)
    host.reading.get()
    host.finish()
    assert host.reading.get() != first


def test_it_stops(host: Host) -> None:
    host.takes_s = 0.1
    host.reading.get()
    host.reading.stop()
    assert host.clock.getDelayedCalls() == []


def test_what_may_have_changed_is_asked_anew_at_the_next_look(host: Host) -> None:
    first = host.reading.get()
    host.reading.forget()
    assert host.reading.get() != first
