"""The unit's clock: what it shows, when it is trusted, who hears of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibgateway.clock.timezone import parse_zone
from mibgateway.clock.unit_clock import BUILD_DATE, Source, UnitClock, date_and_time, printed

BUILT = BUILD_DATE.timestamp()
LATER = BUILT + 1_000_000.0


class Host:
    """A host with both of its clocks."""

    def __init__(self, now: float = LATER) -> None:
        self.now, self.up = now, 100.0
        self.clock = UnitClock(lambda: self.now, lambda: self.up)
        self.steps: list[float] = []
        self.trust: list[bool] = []
        self.stop_steps = self.clock.on_step(self.steps.append)
        self.clock.on_trust(self.trust.append)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.up += seconds
        self.clock.observe()


def test_without_more_the_hosts_time_is_the_units() -> None:
    host = Host()
    assert (host.clock.now(), host.clock.monotonic()) == (LATER, 100.0)
    assert host.clock.utc() == BUILD_DATE + timedelta(seconds=1_000_000)


def test_local_time_is_in_the_units_zone() -> None:
    host = Host(datetime(2027, 7, 1, 12, tzinfo=UTC).timestamp())
    host.clock.zone = parse_zone("CET-1CEST,M3.5.0,M10.5.0/3")
    assert printed(host.clock.local()) == "2027-07-01 14:00:00"


@pytest.mark.parametrize(
    ("source", "now", "servers", "answer", "trusted"),
    [
        (Source.AUTO, LATER, False, None, True),
        (Source.AUTO, BUILT - 1, False, None, False),
        (Source.AUTO, LATER, True, None, False),
        (Source.AUTO, LATER, True, 0.5, True),
        (Source.AUTO, BUILT - 1, True, 1e6, True),
        (Source.AUTO, BUILT - 1, False, 1e6, False),
        (Source.HOST, BUILT - 1, True, None, True),
        (Source.SNTP, LATER, False, None, False),
        (Source.SNTP, LATER, True, None, False),
        (Source.SNTP, BUILT - 1, True, 1e6, True),
    ],
)
def test_trust_is_the_sources_rule(
    source: Source, now: float, servers: bool, answer: float | None, trusted: bool
) -> None:
    clock = Host(now).clock
    clock.choose(source)
    clock.know_time_servers(servers)
    clock.correct(answer)
    assert clock.synchronized() is trusted
    assert bool(clock.doubt()) is not trusted


def test_the_laboratorys_offset_moves_the_clock_and_not_the_trust() -> None:
    host = Host()
    host.clock.move(-10e6)
    assert (host.clock.now(), host.clock.synchronized()) == (LATER - 10e6, True)
    assert (host.steps, host.trust) == ([-10e6], [])


def test_what_sntp_found_counts_where_sntp_does() -> None:
    host = Host()
    host.clock.correct(LATER + 30 - host.up)
    assert host.clock.now() == LATER
    host.clock.know_time_servers(True)
    assert host.clock.now() == LATER + 30
    host.clock.choose(Source.HOST)
    assert host.clock.now() == LATER
    assert host.steps == [30.0, -30.0]


def test_by_sntp_no_step_of_the_host_moves_the_clock_and_it_is_told() -> None:
    host = Host()
    jumps: list[float] = []
    end = host.clock.on_host_jump(jumps.append)
    host.clock.know_time_servers(True)
    host.clock.correct(LATER - host.up)
    host.now += 3600
    host.wait(1.0)
    host.wait(1.0)
    assert host.clock.now() == LATER + 2
    assert (host.steps, jumps) == ([], [3600.0])
    end()
    host.now -= 3600
    host.wait(1.0)
    assert jumps == [3600.0]


def test_time_that_passes_is_no_step_and_drift_is_none_either() -> None:
    host = Host()
    for _ in range(10):
        host.now += 0.4
        host.wait(60.0)
    assert host.steps == []


def test_a_step_of_the_host_is_told_once() -> None:
    host = Host()
    host.now += 3600
    host.wait(1.0)
    host.wait(1.0)
    assert host.steps == [3600.0]


def test_trust_comes_with_the_hosts_step_over_the_builds_date() -> None:
    host = Host(0.0)
    assert host.clock.doubt().startswith("no time server is known, and the host's clock is before")
    host.now = LATER
    host.wait(1.0)
    assert host.trust == [True]
    host.clock.choose(Source.SNTP)
    assert (host.trust, host.clock.doubt()) == ([True, False], "no time server has answered yet")
    host.clock.correct(host.now + 0.1 - host.up)
    assert host.trust == [True, False, True]


def test_who_does_not_listen_any_more_is_not_told() -> None:
    host = Host()
    host.stop_steps()
    host.clock.move(5.0)
    assert host.steps == []


@pytest.mark.parametrize(
    ("moment", "octets"),
    [
        # RFC 2579's own example: Tuesday May 26, 1992 at 1:30:15 PM EDT
        (datetime(1992, 5, 26, 13, 30, 15, tzinfo=timezone(timedelta(hours=-4))),
         "07c8051a0d1e0f002d0400"),
        (datetime(2026, 11, 1, 1, 2, 3, 450_000, UTC), "07ea0b01010203042b0000"),
        (datetime(2026, 11, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
         "07ea0b01051e00002b051e"),
        (datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=13, minutes=45))),
         "07ea0b01000000002b0d2d"),
        (datetime(2026, 11, 1, 14, tzinfo=timezone(timedelta(hours=14))),
         "07ea0b01000000002b0000"),
        (datetime(2026, 11, 1, 0, 0, 1, tzinfo=timezone(timedelta(seconds=1))),
         "07ea0b01000000002b0000"),
    ],
)
def test_date_and_time_has_eleven_octets(moment: datetime, octets: str) -> None:
    assert date_and_time(moment).hex() == octets


def test_a_moment_without_an_offset_has_no_date_and_time() -> None:
    with pytest.raises(ValueError, match="offset"):
        date_and_time(datetime(2026, 11, 1))


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),
    st.integers(-23 * 3600, 23 * 3600),
)
def test_date_and_time_is_within_its_ranges(moment: datetime, offset: int) -> None:
    octets = date_and_time(moment.replace(tzinfo=timezone(timedelta(seconds=offset))))
    assert len(octets) == 11
    assert octets[9] <= 13 and octets[10] <= 59
    east = timedelta(hours=octets[9], minutes=octets[10]) * (1 if octets[8] == ord("+") else -1)
    month, day, hour, minute, second, tenths = octets[2:8]
    year = octets[0] * 256 + octets[1]
    told = datetime(year, month, day, hour, minute, second, tenths * 100_000)
    assert abs(told - east - (moment - timedelta(seconds=offset))) < timedelta(seconds=0.1)
