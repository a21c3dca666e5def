"""POSIX time zones, read and applied as the C library does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mibgateway.clock.timezone import GREENWICH, Zone, parse_zone


@pytest.mark.parametrize(
    ("text", "utc", "wanted"),
    [
        ("UTC0", "2026-07-01 12:00:00", "2026-07-01 12:00:00 UTC +0000"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29 00:59:59", "2026-03-29 01:59:59 CET +0100"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29 01:00:00", "2026-03-29 03:00:00 CEST +0200"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25 00:59:59", "2026-10-25 02:59:59 CEST +0200"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25 01:00:00", "2026-10-25 02:00:00 CET +0100"),
        ("EST5EDT,M3.2.0,M11.1.0", "2026-01-01 00:00:00", "2025-12-31 19:00:00 EST -0500"),
        ("EST5EDT", "2026-07-01 00:00:00", "2026-06-30 20:00:00 EDT -0400"),
        ("<+0330>-3:30", "2026-01-01 00:00:00", "2026-01-01 03:30:00 +0330 +0330"),
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", "2026-01-01 00:00:00", "2026-01-01 13:00:00 NZDT +1300"),
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", "2026-06-01 00:00:00", "2026-06-01 12:00:00 NZST +1200"),
        ("AAA0BBB-2,J60/0,J61/0", "2024-02-29 23:59:59", "2024-02-29 23:59:59 AAA +0000"),
        ("AAA0BBB-2,J60/0,J61/0", "2024-03-01 00:00:00", "2024-03-01 02:00:00 BBB +0200"),
        ("AAA0BBB-2,59/0,60/0", "2024-02-29 00:00:00", "2024-02-29 02:00:00 BBB +0200"),
        # Greenland: the day before the last Sunday of March, at 22:00 of the day before that
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2024-03-31 00:59:59", "2024-03-30 22:59:59 -02 -0200"),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2024-03-31 01:00:00", "2024-03-31 00:00:00 -01 -0100"),
        # RFC 9636 section 3.3.2: summer time all the year
        ("XXX3EDT4,0/0,J365/23", "2026-01-01 02:59:59", "2025-12-31 22:59:59 EDT -0400"),
        ("XXX3EDT4,0/0,J365/23", "2026-01-01 03:00:00", "2025-12-31 23:00:00 EDT -0400"),
        ("XXX3EDT4,0/0,J365/23", "2026-07-01 04:00:00", "2026-07-01 00:00:00 EDT -0400"),
        # a rule's time that carries it over the year's end
        ("AAA0BBB,J365/30,M6.1.0", "2026-01-01 05:59:59", "2026-01-01 05:59:59 AAA +0000"),
        ("AAA0BBB,J365/30,M6.1.0", "2026-01-01 06:00:00", "2026-01-01 07:00:00 BBB +0100"),
        ("AAA0BBB,J1/-6,M6.1.0", "2025-12-31 18:00:00", "2025-12-31 19:00:00 BBB +0100"),
    ],
)
def test_local_time_is_what_the_zone_says(text: str, utc: str, wanted: str) -> None:
    local = parse_zone(text).local(datetime.fromisoformat(utc))
    assert f"{local:%Y-%m-%d %H:%M:%S %Z %z}" == wanted


def test_an_aware_moment_of_any_zone_is_the_same_moment() -> None:
    moment = datetime(2026, 7, 1, 12, 0, 0, 123456, timezone(timedelta(hours=-3)))
    local = parse_zone("CET-1CEST,M3.5.0,M10.5.0/3").local(moment)
    assert local == moment
    assert local.isoformat() == "2026-07-01T17:00:00.123456+02:00"


def test_greenwich_is_what_its_text_says() -> None:
    assert parse_zone(GREENWICH.text) == GREENWICH


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' does not begin with a name for the zone"),
        ("Europe/Zurich", "the offset from UTC is wanted after Europe, as in CET-1"),
        (":Europe/Zurich", "':Europe/Zuri' does not begin with a name"),
        ("CE-1", "'CE-1' does not begin with a name"),
        ("<CE>-1", "'<CE>-1' does not begin with a name"),
        ("CET", "the offset from UTC is wanted after CET"),
        ("CET-24", "-24 is no offset"),
        ("CET-1:60", "-1:60 is no offset"),
        ("CET-100", "'0' does not begin with a name for summer time"),
        ("CET-1 CEST", "' CEST' does not begin with a name for summer time"),
        ("CET23CEST22,M3.5.0", "two rules are wanted after CEST"),
        ("AAA-23BBB", "BBB is a day or more from UTC"),
        ("CET-1CEST,M3.5.0", "two rules are wanted after CEST, as in CEST,M3.5.0,M10.5.0/3"),
        ("CET-1CEST,M3.5.0,M10.5.0,J1", "two rules are wanted"),
        ("CET-1CESTM3.5.0,M10.5.0", "two rules are wanted after CESTM"),
        ("CET-1CEST,M3.5,M10.5.0", "'M3.5' is no rule: Jn, n or Mm.w.d"),
        ("CET-1CEST,M3.5.0/,M10.5.0", "'M3.5.0/' is no rule"),
        ("CET-1CEST,M0.5.0,M10.5.0", "'M0.5.0': month is 1 to 12"),
        ("CET-1CEST,M13.5.0,M10.5.0", "'M13.5.0': month is 1 to 12"),
        ("CET-1CEST,M3.0.0,M10.5.0", "'M3.0.0': week is 1 to 5"),
        ("CET-1CEST,M3.6.0,M10.5.0", "'M3.6.0': week is 1 to 5"),
        ("CET-1CEST,M3.5.7,M10.5.0", "'M3.5.7': weekday is 0 to 6"),
        ("CET-1CEST,J0,M10.5.0", "'J0': day J is 1 to 365"),
        ("CET-1CEST,J366,M10.5.0", "'J366': day J is 1 to 365"),
        ("CET-1CEST,366,M10.5.0", "'366': day is 0 to 365"),
        ("CET-1CEST,M3.5.0/168,M10.5.0", "'M3.5.0/168': a rule's time is within 167 hours"),
        ("CET-1CEST,M3.5.0/1:60,M10.5.0", "'M3.5.0/1:60': a rule's time"),
        ("A" * 65, "a time zone is at most 64 characters long"),
        ("CET-1\n", "'\\\\n' does not begin with a name"),
        ("CET-١", "the offset from UTC is wanted"),
    ],
)
def test_what_is_no_zone_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="^" + why.replace("(", r"\(")):
        parse_zone(text)


@given(st.text(max_size=40) | st.text(alphabet="CETJM<>+-:/.,0123456789", max_size=40))
def test_any_text_is_a_zone_or_has_a_reason(text: str) -> None:
    try:
        zone = parse_zone(text)
    except ValueError as error:
        assert str(error)
    else:
        zone.local(datetime(2026, 3, 29, tzinfo=UTC))


# -- against the C library --

ANSWERER = """
import json, os, sys, time
for line in sys.stdin:
    os.environ["TZ"], moments = json.loads(line)
    time.tzset()
    answers = [(t.tm_gmtoff, t.tm_zone) for t in map(time.localtime, moments)]
    print(json.dumps(answers), flush=True)
"""
Library = Callable[[str, list[int]], list[tuple[int, str]]]


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    """Give offset and name of each moment, as the C library has them."""
    with subprocess.Popen(
        [sys.executable, "-c", ANSWERER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"TZDIR": os.devnull},      # or New York's past rules whatever has none of its own
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def ask(text: str, moments: list[int]) -> list[tuple[int, str]]:
            questions.write(json.dumps((text, moments)) + "\n")
            questions.flush()
            return [(offset, name) for offset, name in json.loads(answers.readline())]

        yield ask
        questions.close()


names = st.from_regex(r"[A-Za-z]{3,6}|<[A-Za-z0-9+-]{3,6}>", fullmatch=True)
offsets = st.builds(
    lambda sign, hours, rest: f"{sign}{hours}{rest}",
    st.sampled_from(["", "+", "-"]),
    st.integers(0, 15),
    st.sampled_from(["", ":30", ":05:09"]),
)
times = st.builds(
    lambda sign, hours, rest: f"/{sign}{hours}{rest}",
    st.sampled_from(["", "-"]),
    st.integers(0, 4) | st.integers(0, 167),
    st.sampled_from(["", ":30", ":59:59"]),
)
days = st.one_of(
    st.builds("J{}".format, st.integers(1, 365)),
    st.builds(str, st.integers(0, 365)),
    st.builds("M{}.{}.{}".format, st.integers(1, 12), st.integers(1, 5), st.integers(0, 6)),
)
rules = st.builds("{}{}".format, days, st.just("") | times)
changing = st.builds(
    "{}{}{}{},{},{}".format, names, offsets, names, st.just("") | offsets, rules, rules
)
zones = st.one_of(
    st.builds("{}{}".format, names, offsets),
    st.builds("{}{}{}".format, names, offsets, names),
    changing,
).filter(lambda text: len(text) <= 64)
FIRST, LAST = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()), 2_145_916_800


def moments_about(zone: Zone, year: int, at: list[int]) -> list[int]:
    """Give some moments: any, and those about the year's changes, where the library can be asked.

    It looks at the rules of one year only, so it errs where a rule's time leaves its year, and
    where in one year summer time ends before it begins and in the next after.
    """
    about = list(at)
    if zone.summer is not None:
        for rule in (zone.begins, zone.ends):
            for zone_then in (zone.standard, zone.summer):
                change = rule.moment(year) - seconds_east(zone_then)
                about += [change - 1, change, change + 1]
    return [moment for moment in about if library_is_right(zone, moment)]


def library_is_right(zone: Zone, moment: int) -> bool:
    if zone.summer is None:
        return True
    this = datetime.fromtimestamp(moment, UTC).year
    backwards = set()
    for year in (this - 1, this, this + 1):
        begin = zone.begins.moment(year) - seconds_east(zone.standard)
        end = zone.ends.moment(year) - seconds_east(zone.summer)
        if any(datetime.fromtimestamp(change, UTC).year != year for change in (begin, end)):
            return False
        backwards.add(begin > end)
    return len(backwards) == 1


def seconds_east(zone: timezone) -> int:
    return round(zone.utcoffset(None).total_seconds())


@settings(max_examples=400, deadline=None)
@given(zones, st.integers(1990, 2037), st.lists(st.integers(FIRST, LAST), min_size=3, max_size=8))
def test_the_c_library_agrees(library: Library, text: str, year: int, at: list[int]) -> None:
    zone = parse_zone(text)
    moments = moments_about(zone, year, at)
    ours = []
    for moment in moments:
        local = zone.local(datetime.fromtimestamp(moment, UTC))
        offset = local.utcoffset()
        assert offset is not None
        ours.append((round(offset.total_seconds()), local.tzname()))
    assert ours == library(text, moments)


@pytest.mark.parametrize(
    "text", ["CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,J59,J300/1",
             "EST5EDT,J60,J300/1", "EST5EDT,0/3,364/1", "AEST-10AEDT,275/2,M4.1.0/3"]
)
def test_the_c_library_agrees_hour_by_hour(library: Library, text: str) -> None:
    zone = parse_zone(text)
    moments = list(range(int(datetime(2023, 1, 1).timestamp()), 1_750_000_000, 3600))
    for moment, (offset, name) in zip(moments, library(text, moments), strict=True):
        local = zone.local(datetime.fromtimestamp(moment, UTC))
        assert (local.utcoffset(), local.tzname()) == (timedelta(seconds=offset), name)
