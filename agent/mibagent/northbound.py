"""The one way in for every door: read as somebody, change as somebody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from mibagent.errors import Index, Refused, ResourceUnavailable
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal
from mibagent.store.rows import Status
from mibagent.store.store import ParameterStore
from mibagent.store.wish import Revision, Wish

_TURNS = 3
"""Of the reactor, in which a committed job has started: the first may be spent already."""


class RunningJob(Protocol):
    """A job as who waits for it sees it."""

    error: str
    answer: str
    percent: int
    bytes: int

    @property
    def result(self) -> Any:
        """How it ended."""

    def waiter(self) -> Awaitable[None]:
        """Give what fires at its end."""


class JobRunner(Protocol):
    """Who runs the jobs that a session makes: the service host."""

    @property
    def store(self) -> ParameterStore:
        """The store that they stand in."""

    def job(self, table: str, number: int) -> Any:
        """Give the RunningJob of a row, or None while it has not started."""

    def next_turn(self) -> Awaitable[None]:
        """Give what fires in the reactor's next turn."""


class Session:
    """One asker at one door."""

    def __init__(self, host: JobRunner, principal: Principal) -> None:
        self.host: Any = host
        """A JobRunner; a door may know which one it was given, and more of it."""
        self.principal = principal
        self.store = host.store

    async def change(
        self, wishes: Iterable[Wish], confirm_within: float | None = None
    ) -> Revision | None:
        """Begin, set each, prepare, commit. Raises Refused; then nothing has changed."""
        with self.store.begin(self.principal) as transaction:
            for wish in wishes:
                transaction.set(wish.name, wish.index, wish.value)
            transaction.prepare()
            return await transaction.commit(confirm_within)

    async def set(self, name: str, value: Value, index: Index = ()) -> Revision | None:
        """Change one object. Raises Refused."""
        return await self.change([Wish(name, index, value)])

    def get(self, name: str, index: Index = ()) -> Value:
        """Read one object; a secret reads empty. Raises NoSuchName."""
        return self.store.get(name, index)

    async def run(
        self, table: str, arguments: dict[str, Value],
        started: Callable[[RunningJob], None] = lambda job: None,
    ) -> RunningJob:
        """Make a job with these arguments by column, start it and wait for its end.

        started: is given the job as it runs. Raises Refused.
        """
        node = self.store.model.tables[table]
        taken = {index[0] for index in self.store.tip.rows(node)}
        number = max((int(part) for part in taken if isinstance(part, int)), default=0) + 1
        index = (number if number < 2**31 - 1 else min(set(range(1, 200)) - taken),)
        wishes = [Wish(name, index, value) for name, value in arguments.items()]
        await self.change([*wishes, Wish(node.row_status, index, int(Status.CREATE_AND_GO))])
        for _ in range(_TURNS):
            job: RunningJob | None = self.host.job(table, int(index[0]))
            if job is not None:
                started(job)
                await job.waiter()
                return job
            await self.host.next_turn()
        raise ResourceUnavailable(node.row_status, "it was cancelled before it began", index)


__all__ = ["JobRunner", "Refused", "RunningJob", "Session"]
