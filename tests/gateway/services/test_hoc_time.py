"""Hoc's time servers: whom it asks, when, and what their answers do to the unit's clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mibagent.errors import InconsistentValue, NoAccess, WrongValue
from tests.gateway.kit import USER, Bench, Port, bench
from tests.gateway.sntp.servers import reply

AUTO, HOST, SNTP = 100, 200, 300
YES, NO = 100, 0
SERVER = "hocStaticSntpServersHostName"
MINUTE = 60


@pytest.fixture
def timed(tmp_path: Path) -> Iterator[Bench]:
    """A unit with two time servers, which has sent its first request."""
    with bench(tmp_path / "timed", before={
            (SERVER, (1,)): b"192.0.2.1", (SERVER, (3,)): b"192.0.2.3:1123"}) as found:
        yield found


def requests(unit: Bench) -> list[Port]:
    """Give the sockets that wait for a time server."""
    return [port for port in unit.reactor.ports
            if port.written and len(port.written[0][0]) == 48 and port.written[0][0][0] == 0x23]


def asked(unit: Bench) -> Any:
    """Give the one address that is asked now, None for none."""
    ports = requests(unit)
    assert len(ports) <= 1
    return ports[0].peer if ports else None


def answer(unit: Bench, ahead: float = 0.0, **how: Any) -> None:
    """Let the server that is asked answer, with a time ahead of the host's."""
    (port,) = requests(unit)
    now = unit.host_time + unit.reactor.seconds() + ahead
    port.given.datagramReceived(reply(port.written[0][0], now, **how), port.peer)
    unit.settle()


def silence(unit: Bench) -> None:
    """Let the round end without an answer."""
    while asked(unit):
        unit.wait(3)


def test_time_servers_are_static_ones(unit: Bench) -> None:
    unit.set("hocSntpConfigSource", 200)
    with pytest.raises(WrongValue):
        unit.set("hocSntpConfigSource", 100)
    unit.set(SERVER, b"192.0.2.1", (1,))
    unit.restart("Hoc")
    assert asked(unit) == ("192.0.2.1", 123)


def test_servers_are_asked_from_the_restart_in_their_order(unit: Bench) -> None:
    unit.change((SERVER, (4,), b"192.0.2.4"), (SERVER, (2,), b"192.0.2.2:1123"))
    assert (asked(unit), unit.get("hocTimeSynchronized")) == (None, YES)
    assert unit.get("hocNeedRestartInfo") == YES
    unit.restart("Hoc")
    assert asked(unit) == ("192.0.2.2", 1123)
    unit.wait(3)
    assert asked(unit) == ("192.0.2.4", 123)
    assert [unit.get("hocSntpServersInfoHostName", (place,)) for place in (1, 2)] == [
        b"192.0.2.2:1123", b"192.0.2.4:123"]
    assert unit.rows("hocSntpServersInfoTable") == [(1,), (2,)]


def test_there_are_four_of_them_and_an_admins_to_choose(unit: Bench) -> None:
    assert unit.rows("hocStaticSntpServersTable") == [(1,), (2,), (3,), (4,)]
    with pytest.raises(WrongValue):
        unit.set(SERVER, b"time.example.org:99999", (1,))
    with pytest.raises(NoAccess):
        unit.set(SERVER, b"192.0.2.66", (1,), principal=USER)


def test_as_soon_as_a_server_is_configured_only_its_answer_counts(timed: Bench) -> None:
    assert timed.get("hocTimeSynchronized") == NO
    assert timed.unit.judging_time() is None
    heard: list[bool] = []
    timed.unit.clock.on_trust(heard.append)
    answer(timed, 3600)
    assert (timed.get("hocTimeSynchronized"), heard) == (YES, [True])
    assert timed.get("hocSystemTime") == b"2031-05-06 08:08:09"
    assert timed.get("hocSntpCurrentSource") == b"192.0.2.1:123"
    assert timed.texts("hocClockSet") == [
        "The time server 192.0.2.1:123 set the clock: +3600.000 s."]


def test_services_hear_of_a_step_and_not_of_a_small_correction(timed: Bench) -> None:
    answer(timed)
    steps: list[float] = []
    timed.unit.clock.on_step(steps.append)
    timed.texts()
    for ahead in (0.25, 90.25):
        timed.wait(1440 * MINUTE)
        answer(timed, ahead)
    assert steps == [pytest.approx(90)]
    assert timed.texts("hocClockSet") == [
        "The time server 192.0.2.1:123 set the clock: +90.000 s."]


def test_an_answer_to_nobody_changes_nothing(timed: Bench) -> None:
    answer(timed, 3600, origin=bytes(8))
    assert (timed.get("hocTimeSynchronized"), timed.get("hocSntpCurrentSource")) == (NO, b"")
    answer(timed)
    assert timed.get("hocTimeSynchronized") == YES


def test_silence_is_told_once_with_its_reasons_until_a_server_answers(timed: Bench) -> None:
    silence(timed)
    text = ("No time server answers: 192.0.2.1:123: no answer; 192.0.2.3:1123: no answer.")
    assert timed.texts("hocNoTimeServerAnswers") == [text]
    assert timed.active() == [text]
    timed.wait(5)
    silence(timed)
    assert timed.texts("hocNoTimeServerAnswers") == []
    timed.wait(10)
    answer(timed)
    assert timed.active() == []
    assert len(timed.texts("hocClockSet")) == 1


def test_an_answer_counts_for_the_period(timed: Bench) -> None:
    timed.set("hocSntpSynchronizationPeriod", 2)
    timed.restart("Hoc")
    answer(timed)
    timed.wait(2 * MINUTE - 1)
    assert asked(timed) is None
    timed.wait(1)
    assert asked(timed) == ("192.0.2.1", 123)


def test_silence_is_waited_over_for_the_error_period(timed: Bench) -> None:
    timed.set("hocSntpSynchronizationPeriodOnError", 3)
    timed.restart("Hoc")
    answer(timed)
    timed.wait(1440 * MINUTE)
    silence(timed)
    timed.wait(3 * MINUTE - 1)
    assert (asked(timed), timed.get("hocTimeSynchronized")) == (None, YES)
    timed.wait(1)
    assert asked(timed) == ("192.0.2.1", 123)


def test_the_command_asks_at_once(timed: Bench) -> None:
    answer(timed)
    timed.wait(60)
    assert asked(timed) is None
    timed.set("hocSntpSynchronize", 10)
    timed.settle()
    assert asked(timed) == ("192.0.2.1", 123)
    assert timed.get("hocSntpSynchronize") == 0


def test_without_a_server_the_command_is_refused(unit: Bench) -> None:
    with pytest.raises(InconsistentValue, match="no time server"):
        unit.set("hocSntpSynchronize", 10)


def test_with_the_host_as_source_nobody_is_asked_and_its_clock_counts(timed: Bench) -> None:
    answer(timed, 3600)
    timed.set("hocClockSource", HOST)
    assert timed.get("hocSystemTime") == b"2031-05-06 07:08:09"
    assert timed.rows("hocSntpServersInfoTable") == []
    timed.wait(1440 * MINUTE)
    assert asked(timed) is None
    timed.set("hocClockSource", SNTP)
    assert (asked(timed), timed.get("hocTimeSynchronized")) == (("192.0.2.1", 123), NO)
    answer(timed)
    assert timed.get("hocTimeSynchronized") == YES


def test_no_step_of_the_host_moves_the_clock_and_the_servers_are_asked_anew(timed: Bench) -> None:
    answer(timed)
    timed.wait(60)
    timed.host_time += 86400
    timed.wait(1)
    assert timed.get("hocSystemTime") == b"2031-05-06 07:09:10"
    assert asked(timed) == ("192.0.2.1", 123)


def test_a_restart_keeps_the_time_of_the_same_servers_and_no_others(timed: Bench) -> None:
    answer(timed, 3600)
    timed.restart("Hoc")
    assert timed.get("hocTimeSynchronized") == YES
    assert timed.get("hocSntpCurrentSource") == b""
    timed.set(SERVER, b"192.0.2.9", (1,))
    timed.restart("Hoc")
    assert timed.get("hocTimeSynchronized") == NO
    timed.change((SERVER, (1,), b""), (SERVER, (3,), b""))
    timed.restart("Hoc")
    assert (asked(timed), timed.get("hocTimeSynchronized")) == (None, YES)


def test_a_stopped_unit_waits_for_no_server(timed: Bench) -> None:
    timed.stop()
    assert (requests(timed), timed.reactor.getDelayedCalls()) == ([], [])
    timed.stop = lambda: None  # type: ignore[method-assign]
