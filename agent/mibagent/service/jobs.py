"""Job tables: a row whose RowStatus turns active runs a command; its columns tell how it went."""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, maybeDeferred

from mibagent.errors import MibgateError
from mibagent.model.nodes import TableNode
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal, Rights

ArgumentsT = TypeVar("ArgumentsT")

KEPT_JOBS = 20
"""Ended jobs whose rows stay."""

MOST_JOBS = 100
"""Rows of one job table, waiting ones included."""

LOCAL_NORTHBOUNDS = ("console", "system")
"""Doors whose askers may name any path of the host."""

NOBODY = Principal("", Rights.OBSERVER, "")
"""Who orders what nobody has ordered: nothing may be written for it."""

NEVER = bytes(8)
"""A DateAndTime that says not yet. RFC 2579 section 2."""

log = logging.getLogger(__name__)


class JobState(enum.IntEnum):
    """Where a job is."""

    WAITING = 100
    RUNNING = 200
    DONE = 300


class JobResult(enum.IntEnum):
    """How a job ended."""

    NONE = 100
    SUCCESS = 200
    FAILED = 300
    CANCELLED = 400


class JobFailed(MibgateError):
    """A job could not do what it was asked to; the text says why."""


def date_and_time(when: float) -> bytes:
    """Give a DateAndTime in UTC. RFC 2579 section 2."""
    at = datetime.fromtimestamp(when, UTC)
    return (at.year.to_bytes(2, "big")
            + bytes([at.month, at.day, at.hour, at.minute, at.second,
                     at.microsecond // 100_000]) + b"+\0\0")


class Job(Generic[ArgumentsT]):
    """One run of a command with its arguments."""

    def __init__(
        self, number: int, arguments: ArgumentsT, local: bool = False,
        principal: Principal = NOBODY,
    ) -> None:
        self.number, self.arguments = number, arguments
        self.principal = principal
        """In whose name it acts: who made its row active, or who with lesser rights wrote in it."""
        self.is_local = local
        """Whether the local console asked, which alone may name any path of the host."""
        self.state, self.result = JobState.WAITING, JobResult.NONE
        self.percent = self.bytes = 0
        self.error = ""
        self.answer = ""
        """What the command gives back to who waits for it, as text."""
        self.started = self.ended = NEVER
        self.done: Deferred[Job[ArgumentsT]] = Deferred()
        self._running: Deferred[Any] | None = None

    def progress(self, *, percent: int | None = None, octets: int | None = None) -> None:
        """Tell how far it has come."""
        if percent is not None:
            self.percent = max(0, min(100, percent))
        if octets is not None:
            self.bytes = octets

    def fail(self, why: str) -> None:
        """End it as failed. Raises JobFailed, so that nothing after it runs."""
        raise JobFailed(why)

    def waiter(self) -> Deferred[None]:
        """Give a Deferred of one's own that fires at the job's end."""
        waiter: Deferred[None] = Deferred()

        def ended(job: Job[ArgumentsT]) -> Job[ArgumentsT]:
            waiter.callback(None)
            return job

        self.done.addCallback(ended)
        return waiter

    def run(self, body: Callable[[Job[ArgumentsT]], Any]) -> None:
        """Start it; `done` fires at its end, whatever the end is."""
        self.state, self.started = JobState.RUNNING, date_and_time(time.time())

        def call() -> Any:
            made = body(self)
            return ensureDeferred(made) if hasattr(made, "send") else made

        self._running = maybeDeferred(call)
        self._running.addCallbacks(lambda _: self._end(JobResult.SUCCESS), self._failed)

    def _failed(self, failure: Any) -> None:
        error = failure.value
        if isinstance(error, CancelledError):
            self._end(JobResult.CANCELLED, "cancelled")
        elif isinstance(error, MibgateError):
            self._end(JobResult.FAILED, str(error))
        else:
            log.error("job %d broke: %s", self.number, failure.getTraceback())
            self._end(JobResult.FAILED, "the unit broke over it; the log says more")

    def _end(self, result: JobResult, why: str = "") -> None:
        self.state, self.result, self.error = JobState.DONE, result, why[:255]
        if result is JobResult.SUCCESS:
            self.percent = 100
        self.ended = date_and_time(time.time())
        self._running = None
        if not self.done.called:
            self.done.callback(self)

    def cancel(self) -> None:
        """Stop it where it is."""
        if self._running is not None:
            self._running.cancel()


class JobTable:
    """The jobs of one command."""

    def __init__(self, table: TableNode, body: Callable[[Job[Any]], Any]) -> None:
        self.table, self._body = table, body
        self.jobs: dict[int, Job[Any]] = {}
        self._writers: dict[int, Principal] = {}

    def written(self, number: int, writer: Principal) -> None:
        """Note who wrote in a row that waits; the one who may least counts."""
        if number in self.jobs:
            return
        before = self._writers.get(number)
        if before is None or _may_less(writer, before):
            self._writers[number] = writer

    def start(self, number: int, arguments: Any, principal: Principal) -> Job[Any]:
        """Run a job whose row somebody has turned active."""
        self.written(number, principal)
        principal = self._writers.pop(number, principal)
        job: Job[Any] = Job(number, arguments, _is_local(principal), principal)
        self.jobs[number] = job
        job.run(self._body)
        return job

    def gone(self, number: int) -> None:
        """Note that a job's row was destroyed."""
        self._writers.pop(number, None)
        job = self.jobs.pop(number, None)
        if job is not None:
            job.cancel()

    def too_many(self) -> list[int]:
        """Give the numbers of the ended jobs whose rows should go, oldest first."""
        ended = [job.number for job in self.jobs.values() if job.state is JobState.DONE]
        return ended[:max(0, len(ended) - KEPT_JOBS)]

    def read(self, column: str, number: int) -> Value:
        """Give a read-only column of a row, by its name after the table's."""
        job = self.jobs.get(number)
        if job is None:
            job = Job(number, None)
        found: dict[str, Value] = {
            "State": int(job.state), "Result": int(job.result), "Percent": job.percent,
            "Bytes": job.bytes, "Error": job.error.encode(), "Started": job.started,
            "Ended": job.ended,
        }
        return found[column]


def _is_local(principal: Principal) -> bool:
    return principal.northbound in LOCAL_NORTHBOUNDS


def _may_less(one: Principal, other: Principal) -> bool:
    return (one.rights, not _is_local(one)) > (other.rights, not _is_local(other))


JOB_COLUMNS = ("State", "Result", "Percent", "Bytes", "Error", "Started", "Ended")
