"""Time zones as POSIX writes them: `CET-1CEST,M3.5.0,M10.5.0/3`.

IEEE Std 1003.1-2017 section 8.3, TZ; rule times of -167 to 167 hours by RFC 9636 section 3.3.2.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

_NAME = re.compile(r"([A-Za-z]{3,})|<([A-Za-z0-9+-]{3,})>")
_OFFSET = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2}))?")
_RULE = re.compile(
    r"(?:J(?P<julian>[0-9]{1,3})|M(?P<month>[0-9]{1,2})\.(?P<week>[0-9])\.(?P<weekday>[0-9])"
    r"|(?P<day>[0-9]{1,3}))"
    r"(?:/(?P<sign>[+-]?)(?P<hours>[0-9]{1,3})(?::(?P<minutes>[0-9]{2}))?(?::(?P<seconds>[0-9]{2}))?)?"
)
_TWO_O_CLOCK = 7200
_LONGEST = 64
_DAY = 86400


@dataclass(frozen=True)
class Rule:
    """When in each year the clocks change, told by the clocks that are then in force."""

    month: int
    """1..12, or 0: not by month."""
    week: int
    """1..5, 5 the last; of Jn -1, of n 0."""
    day: int
    """Weekday from Sunday 0; of Jn and n the number itself."""
    time: int
    """Seconds from that day's midnight, of either sign."""

    def moment(self, year: int) -> int:
        """Give the change as seconds from the epoch, as if local time were UTC."""
        first = date(year, 1, 1).toordinal()
        if self.week == 0:
            ordinal = first + self.day
        elif self.week == -1:
            ordinal = first + self.day - 1 + (self.day >= 60 and isleap(year))
        else:
            ordinal = self._day_of_week(year)
        return (ordinal - _EPOCH) * _DAY + self.time

    def _day_of_week(self, year: int) -> int:
        first_weekday, days = monthrange(year, self.month)     # weekdays from Monday 0
        day = 1 + (self.day - first_weekday - 1) % 7 + 7 * (self.week - 1)
        while day > days:
            day -= 7
        return date(year, self.month, day).toordinal()


_EPOCH = date(1970, 1, 1).toordinal()
_AMERICAN = Rule(3, 2, 0, _TWO_O_CLOCK), Rule(11, 1, 0, _TWO_O_CLOCK)


@dataclass(frozen=True)
class Zone:
    """A zone; seconds are east of Greenwich, so not as POSIX writes them."""

    text: str
    """As it was parsed."""
    standard: timezone
    """In winter, or always."""
    summer: timezone | None = None
    """None: the clocks never change."""
    begins: Rule = _AMERICAN[0]
    """Change to summer time."""
    ends: Rule = _AMERICAN[1]
    """Change back."""

    def local(self, utc: datetime) -> datetime:
        """Give local time with its zone's name and offset. A naive moment is taken as UTC.

        The first and the last year of datetime are out of range.
        """
        aware = utc.replace(tzinfo=UTC) if utc.tzinfo is None else utc
        return aware.astimezone(self._in_force(aware.astimezone(UTC)))

    def _in_force(self, utc: datetime) -> timezone:
        if self.summer is None:
            return self.standard
        day = utc.toordinal() - _EPOCH
        now = day * _DAY + utc.hour * 3600 + utc.minute * 60 + utc.second
        last = (float("-inf"), 0, False)
        for year in range(utc.year - 1, utc.year + 2):    # a rule's time may leave its year
            begin = self.begins.moment(year) - _seconds(self.standard)
            end = self.ends.moment(year) - _seconds(self.summer)
            for change in ((begin, year, False), (end, year, True)):
                if last < change and change[0] <= now:
                    last = change
        return self.standard if last[2] else self.summer


GREENWICH = Zone("UTC0", timezone(timedelta(0), "UTC"))


def parse_zone(text: str) -> Zone:
    """Read a POSIX TZ string. Raises ValueError with the reason.

    A minus is east of Greenwich. Summer time without rules changes as in the United States, as the
    C library has it.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"a time zone is at most {_LONGEST} characters long")
    name, at = _name(text, 0, "the zone")
    offset, at = _offset(text, at)
    if offset is None:
        raise ValueError(f"the offset from UTC is wanted after {name}, as in CET-1")
    standard = timezone(timedelta(seconds=-offset), name)
    if at == len(text):
        return Zone(text, standard)
    name, at = _name(text, at, "summer time")
    summer_offset, at = _offset(text, at)
    east = 3600 - offset if summer_offset is None else -summer_offset
    summer = _zone(east, name)
    if at == len(text):
        return Zone(text, standard, summer)
    rules = text[at:].split(",")
    if rules[0] or len(rules) != 3:
        raise ValueError(f"two rules are wanted after {name}, as in {name},M3.5.0,M10.5.0/3")
    return Zone(text, standard, summer, _rule(rules[1]), _rule(rules[2]))


def _name(text: str, at: int, what: str) -> tuple[str, int]:
    match = _NAME.match(text, at)
    if match is None:
        raise ValueError(
            f"{text[at:at + 12]!r} does not begin with a name for {what}: "
            "three letters or more, or letters, digits, + and - in < >"
        )
    return match[1] or match[2], match.end()


def _offset(text: str, at: int) -> tuple[int | None, int]:
    """Give an offset as it is written, west of Greenwich; None where there is none."""
    match = _OFFSET.match(text, at)
    if match is None:
        return None, at
    hours, minutes, seconds = (int(part or 0) for part in match.group(2, 3, 4))
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"{match[0]} is no offset: below 24 hours, below 60 minutes and seconds")
    west = hours * 3600 + minutes * 60 + seconds
    return -west if match[1] == "-" else west, match.end()


def _zone(east: int, name: str) -> timezone:
    if abs(east) >= _DAY:
        raise ValueError(f"{name} is a day or more from UTC")
    return timezone(timedelta(seconds=east), name)


def _rule(text: str) -> Rule:
    match = _RULE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no rule: Jn, n or Mm.w.d, then perhaps /time")
    time = _TWO_O_CLOCK
    if match["hours"]:
        hours, minutes, seconds = (
            int(match[part] or 0) for part in ("hours", "minutes", "seconds")
        )
        if hours > 167 or minutes > 59 or seconds > 59:
            raise ValueError(f"{text!r}: a rule's time is within 167 hours")
        time = hours * 3600 + minutes * 60 + seconds
        time = -time if match["sign"] == "-" else time
    if match["julian"]:
        return Rule(0, -1, _within(text, match["julian"], 1, 365, "day J"), time)
    if match["day"]:
        return Rule(0, 0, _within(text, match["day"], 0, 365, "day"), time)
    return Rule(
        _within(text, match["month"], 1, 12, "month"),
        _within(text, match["week"], 1, 5, "week"),
        _within(text, match["weekday"], 0, 6, "weekday"),
        time,
    )


def _within(text: str, digits: str, low: int, high: int, what: str) -> int:
    if not low <= int(digits) <= high:
        raise ValueError(f"{text!r}: {what} is {low} to {high}")
    return int(digits)


def _seconds(zone: timezone) -> int:
    return round(zone.utcoffset(None).total_seconds())
