"""The unit's clock by ClockSource's rule, its zone and its names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mibagent.errors import NoAccess, WrongValue
from tests.gateway.kit import USER, Bench

BEFORE_ANY_BUILD = datetime(2001, 1, 1, tzinfo=UTC).timestamp()
AUTO, HOST, SNTP = 100, 200, 300
YES, NO = 100, 0


def test_the_time_is_local_by_the_zone(unit: Bench) -> None:
    assert unit.get("hocSystemTime") == b"2031-05-06 07:08:09"
    unit.set("hocStaticTimeZone", b"CET-1CEST,M3.5.0,M10.5.0/3")
    assert unit.get("hocSystemTime") == b"2031-05-06 09:08:09"
    unit.set("hocStaticTimeZone", b"EST5")
    assert unit.get("hocSystemTime") == b"2031-05-06 02:08:09"


@pytest.mark.parametrize("zone", [b"Europe/Zurich", b"CET", b"CET-1CEST,M13.5.0,M10.5.0", b"5"])
def test_a_zone_that_is_none_is_refused(unit: Bench, zone: bytes) -> None:
    before = unit.get("hocStaticTimeZone")
    with pytest.raises(WrongValue) as refused:
        unit.set("hocStaticTimeZone", zone)
    assert refused.value.name == "hocStaticTimeZone"
    assert refused.value.why
    assert unit.get("hocStaticTimeZone") == before


def test_up_time_counts_from_the_start(unit: Bench) -> None:
    assert unit.get("hocSystemUptime") == b"0:00:00:00"
    unit.reactor.rightNow += 2 * 86400 + 3 * 3600 + 4 * 60 + 5
    assert unit.get("hocSystemUptime") == b"2:03:04:05"
    assert unit.get("sysUpTime") == (2 * 86400 + 3 * 3600 + 4 * 60 + 5) * 100


def test_auto_trusts_the_hosts_clock_once_it_can_be_right(unit: Bench) -> None:
    assert unit.get("hocTimeSynchronized") == YES
    unit.host_time = BEFORE_ANY_BUILD
    assert unit.get("hocTimeSynchronized") == NO
    assert unit.unit.judging_time() is None


def test_host_trusts_it_whatever_it_says_and_sntp_never(unit: Bench) -> None:
    unit.host_time = BEFORE_ANY_BUILD
    unit.set("hocClockSource", HOST)
    assert unit.get("hocTimeSynchronized") == YES
    unit.set("hocClockSource", SNTP)
    assert unit.get("hocTimeSynchronized") == NO
    unit.set("hocClockSource", AUTO)
    assert unit.get("hocTimeSynchronized") == NO


def test_services_hear_within_a_second_that_the_clock_is_known(unit: Bench) -> None:
    heard: list[bool] = []
    unit.host_time = BEFORE_ANY_BUILD
    unit.wait(1)
    unit.unit.clock.on_trust(heard.append)
    unit.host_time += 40 * 365 * 86400
    unit.wait(1)
    assert heard == [True]


def test_the_laboratory_offset_moves_the_units_clock_alone(unit: Bench) -> None:
    steps: list[float] = []
    unit.unit.clock.on_step(steps.append)
    unit.set("hocLabClockOffset", 86400)
    assert unit.get("hocSystemTime") == b"2031-05-07 07:08:09"
    assert unit.get("hocSystemUptime") == b"0:00:00:00"
    assert steps == [86400]


def test_the_offset_is_in_force_again_after_a_restart(unit: Bench) -> None:
    unit.set("hocLabClockOffset", -3600)
    unit.restart("Hoc")
    assert unit.get("hocSystemTime") == b"2031-05-06 06:08:09"


@pytest.mark.parametrize("name", ["hocClockSource", "hocLabClockOffset"])
def test_only_an_admin_moves_the_clock(unit: Bench, name: str) -> None:
    with pytest.raises(NoAccess):
        unit.set(name, 200, principal=USER)


@pytest.mark.parametrize(("ours", "standard"), [
    ("hocSystemContact", "sysContact"), ("hocSystemName", "sysName"),
    ("hocSystemLocation", "sysLocation")])
def test_the_hosts_names_are_those_of_the_system_group(
    unit: Bench, ours: str, standard: str
) -> None:
    unit.set(ours, b"one")
    assert unit.get(standard) == b"one"
    unit.set(standard, b"two")
    assert unit.get(ours) == b"two"


def test_a_stopped_service_leaves_no_timer(unit: Bench) -> None:
    unit.stop()
    assert unit.reactor.getDelayedCalls() == []
    unit.stop = lambda: None  # type: ignore[method-assign]
