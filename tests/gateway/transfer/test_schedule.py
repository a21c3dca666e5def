"""When files are fetched unasked: intervals, times of day, further attempts, a clock in doubt."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mibgateway.transfer.schedule import LOOK_S, RETRY_S, Plan, Schedule, TimeRange, TimeUnit

NOON = datetime(2026, 11, 28, 12, 0)
HOURLY = Plan(TimeUnit.HOURS, 1)


def times(schedule: Schedule, until: float, luck: float = 0.0) -> list[float]:
    """Let time pass from noon on and give when something was fetched, in seconds."""
    found = []
    while (at := schedule.deadline) is not None and at <= until:
        if schedule.tick(at, NOON + timedelta(seconds=at), luck):
            found.append(at)
    return found


def hours(text: str) -> float:
    """Give the seconds from noon of the first day to `d hh:mm`."""
    day, clock = text.split()
    hour, minute = clock.split(":")
    return int(day) * 86400 + (int(hour) - 12) * 3600 + int(minute) * 60


@pytest.mark.parametrize(("text", "first", "span"), [
    ("4", 14400, 0), ("04:30", 16200, 0), ("23:59:59", 86399, 0), (" 4 ", 14400, 0),
    ("1:00 - 2:30", 3600, 5400), ("1-2", 3600, 3600), ("22:30 - 4", 81000, 19800),
    ("0:00:01 - 0:00:03", 1, 2), ("5 - 5", 18000, 0),
])
def test_a_time_of_day_and_a_range_can_be_read(text: str, first: int, span: int) -> None:
    assert TimeRange.parse(text) == TimeRange(first, span)


@pytest.mark.parametrize("text", [
    "", "24", "1:60", "1:00:60", "1 -", "- 2", "1:2", "1 - 2 - 3", "noon", "1:00 2:00", "٤", "-1",
])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|ends at"):
        TimeRange.parse(text)


@pytest.mark.parametrize(("plan", "every"), [
    (Plan(TimeUnit.MINUTES, 5), 300), (HOURLY, 3600), (Plan(TimeUnit.DAYS, 2), 2 * 86400),
])
def test_an_interval_is_counted_from_the_beginning(plan: Plan, every: int) -> None:
    schedule = Schedule()
    schedule.plan(0, NOON, 0, plan)
    assert times(schedule, 3.5 * every) == [every, 2 * every, 3 * every]


def test_days_have_their_time_of_day() -> None:
    schedule = Schedule()
    schedule.plan(0, NOON, 0, Plan(TimeUnit.DAYS, 1, TimeRange.parse("14:30")))
    assert times(schedule, hours("2 15:00")) == [
        hours("0 14:30"), hours("1 14:30"), hours("2 14:30")]
    schedule.plan(0, NOON, 0, Plan(TimeUnit.DAYS, 3, TimeRange.parse("4:00")))
    assert times(schedule, hours("8 0:00")) == [hours("1 04:00"), hours("4 04:00"),
                                               hours("7 04:00")]


def test_within_a_range_chance_chooses_past_midnight_too() -> None:
    plan = Plan(TimeUnit.DAYS, 1, TimeRange.parse("22:00 - 4:00"))
    for luck, moment in ((0.0, "0 22:00"), (0.5, "1 01:00"), (1.0, "1 04:00")):
        schedule = Schedule()
        schedule.plan(0, NOON, luck, plan)
        first, second = times(schedule, hours("2 05:00"), luck)[:2]
        assert first == hours(moment)
        assert second - first == 86400


def test_without_a_plan_there_is_nothing_to_wait_for() -> None:
    schedule = Schedule()
    schedule.plan(0, NOON, 0, HOURLY)
    schedule.plan(10, NOON, 0, None)
    assert schedule.deadline is None


def test_a_clock_in_doubt_holds_and_counting_begins_when_it_is_right() -> None:
    schedule = Schedule()
    schedule.plan(0, None, 0, HOURLY)
    for turn in range(1, 400):
        assert schedule.deadline == turn * LOOK_S
        assert not schedule.tick(turn * LOOK_S, None, 0)
    assert not schedule.tick(12000, NOON, 0)
    assert schedule.deadline == 12000 + 3600
    assert not schedule.tick(15600, None, 0)
    assert not schedule.tick(15630, NOON, 0)
    assert schedule.tick(15630 + 3600, NOON, 0)


def test_a_clock_that_is_set_is_noticed_soon() -> None:
    plan = Plan(TimeUnit.DAYS, 1, TimeRange.parse("14:00"))
    schedule = Schedule()
    schedule.plan(0, NOON, 0, plan)
    assert schedule.tick(LOOK_S, NOON + timedelta(hours=3), 0)
    years_ago = NOON - timedelta(days=900)
    assert not schedule.tick(2 * LOOK_S, years_ago, 0)
    assert schedule.tick(3 * LOOK_S, years_ago + timedelta(hours=2), 0)


def test_a_failure_is_tried_again_as_often_as_allowed() -> None:
    schedule = Schedule()
    schedule.ask(1.0)
    assert not schedule.tick(0.5, NOON, 0)
    assert schedule.tick(1.0, NOON, 0)
    assert schedule.deadline is None
    assert schedule.failed(2.0, 1)
    assert schedule.deadline == 2.0 + RETRY_S
    assert schedule.tick(2.0 + RETRY_S, NOON, 0)
    assert not schedule.failed(40.0, 1)
    assert (schedule.deadline, schedule.failures) == (None, 0)


def test_minus_one_is_for_ever_and_none_is_none() -> None:
    schedule = Schedule()
    for at in range(1000):
        assert schedule.failed(float(at), -1)
    schedule.forget()
    assert not schedule.failed(0.0, 0)
    assert schedule.deadline is None


def test_the_next_period_takes_the_place_of_further_attempts() -> None:
    schedule = Schedule()
    schedule.plan(0, NOON, 0, Plan(TimeUnit.MINUTES, 1))
    assert schedule.failed(59.0, -1)
    assert schedule.tick(60.0, NOON, 0)
    assert schedule.failures == 0
    assert times(schedule, 119.0) == []


def test_what_comes_at_a_bad_moment_is_put_off() -> None:
    schedule = Schedule()
    schedule.ask(1.0)
    assert schedule.tick(1.0, NOON, 0)
    schedule.postpone(1.0)
    assert schedule.tick(1.0 + RETRY_S, NOON, 0)


def test_stopped_it_waits_for_nothing() -> None:
    schedule = Schedule()
    schedule.plan(0, NOON, 0, HOURLY)
    schedule.ask(1.0)
    schedule.stop()
    assert schedule.deadline is None
