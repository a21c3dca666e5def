"""Decides when files are fetched unasked: at a start, periodically, and again after a failure."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

RETRY_S = 30.0

LOOK_S = 30.0
"""How long it may take to notice that the clock was set, or has become right."""

_DAY_S = 86400
_MOMENT = r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?"
_RANGE = re.compile(rf"{_MOMENT}(?: *- *{_MOMENT})?", re.ASCII)


class TimeUnit(enum.IntEnum):
    """What an interval counts, numbered as in the MIBs."""

    MINUTES = 100
    HOURS = 200
    DAYS = 300

    @property
    def seconds(self) -> int:
        """How long one is."""
        return {100: 60, 200: 3600, 300: _DAY_S}[self]


@dataclass(frozen=True)
class TimeRange:
    """A time of day, or a span of it in which chance chooses."""

    first: int
    """Seconds after midnight."""
    span: int = 0
    """Seconds after first."""

    @classmethod
    def parse(cls, text: str) -> TimeRange:
        """Read `hh[:mm[:ss]][ - hh[:mm[:ss]]]`. Raises ValueError with the reason."""
        found = _RANGE.fullmatch(text.strip(" "))
        if found is None:
            raise ValueError("hh[:mm[:ss]] or hh[:mm[:ss]] - hh[:mm[:ss]] is wanted")
        first = _seconds(found.groups()[:3])
        if found[4] is None:
            return cls(first)
        return cls(first, (_seconds(found.groups()[3:]) - first) % _DAY_S)

    def on(self, day: datetime, luck: float) -> datetime:
        """Give the moment of a day; luck is 0 to 1."""
        midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(seconds=self.first + int(self.span * luck))


def _seconds(parts: tuple[str | None, ...]) -> int:
    hour, minute, second = (int(part or 0) for part in parts)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("a day ends at 23:59:59")
    return hour * 3600 + minute * 60 + second


@dataclass(frozen=True)
class Plan:
    """How often files are fetched."""

    unit: TimeUnit
    interval: int
    at: TimeRange | None = None
    """With days: the time of day; None is that of the beginning."""

    @property
    def seconds(self) -> int:
        """How long it is from one fetch to the next."""
        return self.unit.seconds * self.interval


class Schedule:
    """When to fetch. Times are of a clock that does not step; local is what a wall clock shows.

    local is None while the wall clock can't be trusted: nothing is fetched periodically then, and
    counting begins when it can.
    """

    def __init__(self) -> None:
        self.failures = 0
        """How often the same fetch has failed and is to be tried again."""
        self._plan: Plan | None = None
        self._ask_at: float | None = None
        self._due_at: float | None = None
        self._due_on: datetime | None = None
        self._day: datetime | None = None
        """The day whose range of time due_on is in; the range may end on the next."""
        self._look_at: float | None = None

    @property
    def deadline(self) -> float | None:
        """When to call tick."""
        times = [each for each in (self._ask_at, self._look_at) if each is not None]
        return min(times, default=None)

    def ask(self, at: float) -> None:
        """Fetch once at that time."""
        self.failures = 0
        self._ask_at = at

    def plan(self, now: float, local: datetime | None, luck: float, plan: Plan | None) -> None:
        """Fetch periodically from now on, counting anew; None ends it."""
        self._plan = plan
        self._due_at = self._due_on = self._day = self._look_at = None
        if plan is not None:
            self._count(now, local, luck, plan)

    def tick(self, now: float, local: datetime | None, luck: float) -> bool:
        """Say whether to fetch now; luck, 0 to 1, chooses within a range of time."""
        is_due = self._ask_at is not None and now >= self._ask_at
        if is_due:
            self._ask_at = None
        if self._plan is not None and self._is_time(now, local):
            is_due, self._ask_at, self.failures = True, None, 0
            self._count(now, local, luck, self._plan)
        elif self._plan is not None and self._look_at is not None and now >= self._look_at:
            self._look(now, local, luck, self._plan)
        return is_due

    def postpone(self, now: float) -> None:
        """Fetch later what was to be fetched now, since something else is going on."""
        self._ask_at = now + RETRY_S

    def failed(self, now: float, retries: int) -> bool:
        """Note a failure that may pass; say whether it is tried again. retries: -1 for ever."""
        if 0 <= retries <= self.failures:
            self.failures = 0
            return False
        self.failures += 1
        self._ask_at = now + RETRY_S
        return True

    def forget(self) -> None:
        """Try nothing again: it has been done, or somebody else does it."""
        self.failures, self._ask_at = 0, None

    def stop(self) -> None:
        """Fetch nothing any more."""
        self.forget()
        self._plan = self._due_at = self._due_on = self._look_at = None

    # -- the next time

    def _is_time(self, now: float, local: datetime | None) -> bool:
        if local is None:
            return False
        if self._due_on is not None:
            return local >= self._due_on
        return self._due_at is not None and now >= self._due_at

    def _count(self, now: float, local: datetime | None, luck: float, plan: Plan) -> None:
        """Choose the next time, from the last one where there was one."""
        last, self._due_at, self._due_on, self._day = self._day, None, None, None
        if local is not None and plan.unit is TimeUnit.DAYS and plan.at is not None:
            day = local if last is None else last + timedelta(days=plan.interval)
            late = local - plan.at.on(day, luck)
            if late >= timedelta(0):
                day += timedelta(days=late.days + 1)
            self._day, self._due_on = day, plan.at.on(day, luck)
        elif local is not None:
            self._due_at = now + plan.seconds
        self._look_again(now, local)

    def _look(self, now: float, local: datetime | None, luck: float, plan: Plan) -> None:
        """Hold what waits while the clock is in doubt; choose anew where it was set back."""
        counts = self._due_at is not None or self._due_on is not None
        too_far = local is not None and self._due_on is not None \
            and self._due_on - local > timedelta(days=plan.interval + 2)
        if local is None or not counts or too_far:
            self._due_on = self._day = None
            self._count(now, local, luck, plan)
        else:
            self._look_again(now, local)

    def _look_again(self, now: float, local: datetime | None) -> None:
        wait = LOOK_S
        if self._due_at is not None:
            wait = self._due_at - now
        elif self._due_on is not None and local is not None:
            wait = min(wait, (self._due_on - local).total_seconds())
        self._look_at = now + max(0.0, wait)
