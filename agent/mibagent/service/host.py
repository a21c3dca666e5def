"""The service host: wires services to the store, starts, stops and restarts them."""

from __future__ import annotations

import contextlib
import enum
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred, maybeDeferred
from twisted.python.failure import Failure

from mibagent.errors import (
    InconsistentValue,
    Index,
    MibgateError,
    ModelError,
    Refused,
    ResourceUnavailable,
)
from mibagent.model.nodes import Applies, MibModel, ObjectNode, TableNode
from mibagent.service.concerned import Concerned
from mibagent.service.jobs import MOST_JOBS, Job, JobTable
from mibagent.service.providing import serve
from mibagent.service.service import Service, Wishes
from mibagent.service.settings import Binding, field_name, is_active, to_value
from mibagent.service.wiring import Wired, wire
from mibagent.smi.syntax import Value
from mibagent.store.layers import Configured, Key, Shape, View
from mibagent.store.live import Snapshot, as_index, as_key
from mibagent.store.rows import Status
from mibagent.store.store import SYSTEM, ParameterStore
from mibagent.store.wish import Revision, Wish

log = logging.getLogger(__name__)


class ExecState(enum.IntEnum):
    """Whether a service runs."""

    STARTED = 100
    STARTING = 200
    STOPPED = 300
    STOPPING = 400
    NOT_RESPONDING = 65000


class Hosted:
    """One service as the host keeps it."""

    def __init__(self, wired: Wired, shape: Shape) -> None:
        self.wired = wired
        self.state = ExecState.STOPPED
        self.comment = ""
        self.running: Configured = Configured(shape)
        self.differs: set[Key] = set()
        self.turn = DeferredLock()
        """Held while it starts or stops, over both for a restart."""

    @property
    def needs_restart(self) -> bool:
        """Whether running and configured differ."""
        return bool(self.differs) and self.state is not ExecState.STOPPED


class ServiceHost:
    """All services of one unit. Services are started in the order given and stopped in reverse."""

    def __init__(
        self, store: ParameterStore, services: Sequence[Service[Any]],
        partly: Sequence[Service[Any]] = (),
    ) -> None:
        """partly: services that may leave objects of their MIB to the store alone."""
        self.store, self.model = store, store.model
        self.services: dict[str, Hosted] = {}
        self.jobs: dict[str, JobTable] = {}
        self.on_state: Callable[[str, ExecState], None] = lambda name, state: None
        self.on_need: Callable[[], None] = lambda: None
        self.on_confirm: Callable[[int, float], None] = lambda number, deadline: None
        self.broken_providers = 0
        self._restart_owner = _restart_owners(store.model)
        self._needed = False
        for service in (*services, *partly):
            wired = wire(self.model, service, wholly=service in services)
            if wired.name in self.services:
                raise ModelError(type(service).__name__, service.mib, "two services claim it")
            self.services[wired.name] = Hosted(wired, store.shape)
        store.participants.append(self)
        store.served = set()
        for hosted in self.services.values():
            self._serve(hosted)
        self._sort_hooks()

    # -- wiring to the store

    def _serve(self, hosted: Hosted) -> None:
        wired = hosted.wired
        self.jobs.update(serve(self.store, wired, lambda: hosted.needs_restart))
        wired.service.configured = wired.binding.view(self.store.configured)

    async def replace(self, service: Service[Any]) -> None:
        """Put a service in the place of the one that has its MIB, and restart it, no other.

        It may leave objects to the store. Raises ModelError, and then the old one goes on; and
        what its own start raises, and then it is stopped.
        """
        wired = wire(self.model, service, wholly=False)
        old = self._hosted(wired.name)
        async with _held(old.turn):
            if old.state is not ExecState.STOPPED:
                await self._end(old)
            columns = [node.name for name in old.wired.tables for node in self.model.columns(name)]
            self.store.withdraw_providers([*old.wired.nodes, *old.wired.tables, *columns])
            for table in old.wired.tables:
                self.jobs.pop(table, None)
            old.wired = wired
            self._serve(old)
            self._sort_hooks()
            await self._begin(old)

    def _sort_hooks(self) -> None:
        every = list(self.services.values())
        self._completes = Concerned(
            (depends, (hosted.wired, method)) for hosted in every
            for depends, method in hosted.wired.completes)
        self._checks = Concerned(
            (check[0], (hosted.wired, *check)) for hosted in every
            for check in hosted.wired.checks)
        self._reactions = Concerned(
            (depends, (hosted, method)) for hosted in every
            for depends, method in hosted.wired.reactions)
        self._bindings: dict[str, list[Binding[Any]]] = {}
        for hosted in every:
            self._bindings.setdefault(hosted.wired.service.mib, []).extend(
                (hosted.wired.binding, *hosted.wired.arguments.values()))

    # -- first start

    def factory_wishes(self) -> Iterator[Wish]:
        """Give what makes the factory rows, for the first start and a factory reset."""
        for hosted in self.services.values():
            for name, method in hosted.wired.factory.items():
                table = self.model.tables[name]
                if not table.row_status:
                    continue
                fields = {field_name(self.model, node): node for node in self.model.columns(name)}
                for key, columns in method().items():
                    index = as_index(key)
                    yield Wish(table.row_status, index, int(Status.CREATE_AND_GO))
                    for column, value in columns.items():
                        node = fields[column]
                        yield Wish(node.name, index, to_value(node.syntax, value))

    # -- participant of every commit

    def complete(self, candidate: View, changed: list[Key], asked: list[Wish]) -> Iterable[Wish]:
        """Ask every `@completes` that one of the changed names concerns."""
        more: list[Wish] = []
        for wired, method in self._completes.of(name for name, _ in changed):
            more += method(wired.binding.view(candidate), Wishes(asked, changed))
        return more

    def check(self, candidate: View, changed: list[Key]) -> None:
        """Ask every `@check` that one of the changed names concerns. Raises Refused."""
        for name, index in changed:
            if "@" not in name:
                self._reads_as_its_field(candidate, self.model[name], index)
        concerned = self._with_whole_rows(changed)
        for wired, depends, method, table in self._checks.of(name for name, _ in concerned):
            try:
                self._call_check(wired, candidate, concerned, depends, method, table)
            except Refused as refusal:
                raise type(refusal)(
                    refusal.name, refusal.why, refusal.index, depends) from None

    def _reads_as_its_field(self, candidate: View, node: ObjectNode, index: Index) -> None:
        self._bound_jobs(candidate, node, index)
        if node.table is None or candidate.has_row(node.table, index):
            for binding in self._bindings.get(node.module, ()):
                binding.check(candidate, node.name, index)

    def _with_whole_rows(self, changed: list[Key]) -> list[Key]:
        """Add the columns of rows whose RowStatus changed: they came to count, or ceased to."""
        concerned = dict.fromkeys(changed)
        for name, index in changed:
            node = None if "@" in name else self.model[name]
            if node is not None and node.is_row_status and node.table is not None:
                concerned.update(((column, index), None)
                                 for column in self.store.row_cells(node.table))
        return list(concerned)

    def _bound_jobs(self, candidate: View, node: ObjectNode, index: Index) -> None:
        if not (node.is_row_status and node.table is not None and node.table.is_job):
            return
        if candidate.cell(node.name, index) is not None \
                and sum(1 for _ in candidate.rows(node.table)) > MOST_JOBS:
            raise ResourceUnavailable(
                node.name, f"at most {MOST_JOBS} jobs wait and run here", index)

    def _call_check(
        self, wired: Wired, candidate: View, changed: list[Key], depends: tuple[str, ...],
        method: Callable[..., Any], table: str,
    ) -> None:
        wanted = wired.binding.view(candidate)
        if not table:
            method(wanted)
            return
        bound = next(bound for name, bound in wired.binding.rows.items()
                     if wired.binding.tables[name].name == table)
        node = self.model.tables[table]
        for index in dict.fromkeys(index for name, index in changed if name in depends):
            if is_active(candidate, node, index):
                method(wanted, bound.view(candidate, index))

    def note(self, revision: Revision) -> None:
        """Note what now differs from what runs; called as the commit becomes visible."""
        for change in revision.changes:
            owner = self.services.get(self._restart_owner.get(change.name, ""))
            if owner is None or owner.state is ExecState.STOPPED:
                continue
            if self.store.configured.cell(*change.key) == owner.running.cell(*change.key):
                owner.differs.discard(change.key)
            else:
                owner.differs.add(change.key)

    def _tell_need(self) -> None:
        needed = any(hosted.needs_restart for hosted in self.services.values())
        if needed != self._needed:
            self._needed = needed
            try:
                self.on_need()
            except Exception:
                log.exception("the need for a restart could not be told")

    def react(self, revision: Revision) -> None:
        """Act on a commit: tell of a need, reactions once each, then commands, then jobs."""
        self._tell_need()
        names = {change.name for change in revision.changes}
        for hosted, method in self._reactions.of(names):
            self._guarded(hosted, method, hosted.wired.service.configured)
        for wish in revision.commands:
            self._run_command(wish)
        for change in revision.changes:
            self._react_to_job(revision, change.name, change.index, change.new)
        if revision.confirm_by is not None:
            self.on_confirm(revision.number, revision.confirm_by)
        if revision.confirm_by is not None or revision.undoes:
            owners = {self._restart_owner.get(name, "") for name in names} - {""}
            for name in owners:
                ensureDeferred(self.restart(name)).addErrback(_logged, name)

    def _guarded(self, hosted: Hosted, method: Callable[..., Any], *arguments: Any) -> None:
        def broke(failure: Failure) -> None:
            hosted.comment = f"{method.__name__}: {failure.getErrorMessage()}"[:255]
            log.error("%s: %s broke: %s", hosted.wired.name, method.__name__,
                      failure.getTraceback())

        def call() -> Any:
            made = method(*arguments)
            return ensureDeferred(made) if hasattr(made, "send") else made

        maybeDeferred(call).addErrback(broke)

    def _run_command(self, wish: Wish) -> None:
        for hosted in self.services.values():
            method = hosted.wired.commands.get(wish.name)
            if method is not None:
                self._guarded(hosted, method, *([as_key(wish.index)] if wish.index else []))

    def _react_to_job(
        self, revision: Revision, name: str, index: Index, new: Value | None
    ) -> None:
        if "@" in name:
            return
        node = self.model[name]
        if node.table is None or node.table.name not in self.jobs:
            return
        jobs = self.jobs[node.table.name]
        number = int(index[0])  # type: ignore[arg-type]
        if not node.is_row_status:
            if new is not None:
                jobs.written(number, revision.principal)
        elif new is None:
            jobs.gone(number)
        elif new == Status.ACTIVE:
            wired = next(hosted.wired for hosted in self.services.values()
                         if node.table.name in hosted.wired.commands)
            row = self._frozen(node.table, index)
            arguments = wired.arguments[node.table.name].view(row, index)
            job = jobs.start(number, arguments, revision.principal)
            job.waiter().addCallback(lambda _: self._forget_jobs(jobs))
        else:
            jobs.written(number, revision.principal)

    def _frozen(self, table: TableNode, index: Index) -> Configured:
        """Give one row by itself, for a job whose row may go while it runs."""
        row = Configured(self.store.shape)
        for name in self.store.row_cells(table):
            row.put(name, index, self.store.configured.cell(name, index))
        return row

    def _forget_jobs(self, jobs: JobTable) -> None:
        old = jobs.too_many()
        if not old:
            return
        transaction = self.store.begin(SYSTEM)
        for number in old:
            transaction.put(Wish(jobs.table.row_status, (number,), int(Status.DESTROY)))
        try:
            transaction.prepare()
        except Refused:
            return
        maybeDeferred(lambda: transaction.commit()).addErrback(lambda _: None)

    def next_turn(self) -> Deferred[None]:
        """Give a Deferred that fires in the reactor's next turn."""
        turn: Deferred[None] = Deferred()
        self.store.soon(lambda: turn.callback(None))
        return turn

    def job(self, table: str, number: int) -> Job[Any] | None:
        """Give a job that has started, or None."""
        return self.jobs[table].jobs.get(number)

    # -- start and stop

    def needing_restart(self) -> list[str]:
        """Give the names of services whose running and configured settings differ."""
        return [name for name, hosted in self.services.items() if hosted.needs_restart]

    async def start(self, name: str) -> None:
        """Start a service that is stopped. One that breaks stays stopped, its comment says why."""
        hosted = self._hosted(name)
        async with _held(hosted.turn):
            if hosted.state is ExecState.STOPPED:
                await self._begin(hosted)

    async def stop(self, name: str) -> None:
        """Stop a service that runs."""
        hosted = self._hosted(name)
        async with _held(hosted.turn):
            if hosted.state is not ExecState.STOPPED:
                await self._end(hosted)

    async def restart(self, name: str) -> None:
        """Stop and start a service; a stopped one is started."""
        hosted = self._hosted(name)
        async with _held(hosted.turn):
            if hosted.state is not ExecState.STOPPED:
                await self._end(hosted)
            await self._begin(hosted)

    def _hosted(self, name: str) -> Hosted:
        found = self.services.get(name)
        if found is None:
            raise InconsistentValue(name, "no such service")
        return found

    async def _begin(self, hosted: Hosted) -> None:
        self._set(hosted, ExecState.STARTING)
        hosted.running, hosted.comment = self.store.snapshot(), ""
        hosted.differs.clear()
        service = hosted.wired.service
        try:
            service.start(hosted.wired.binding.view(hosted.running))
        except Exception as error:
            hosted.comment = str(error)[:255]
            if not isinstance(error, MibgateError):
                log.exception("service %s did not start", hosted.wired.name)
            self._set(hosted, ExecState.STOPPED)
            raise
        self._set(hosted, ExecState.STARTED)

    async def _end(self, hosted: Hosted) -> None:
        self._set(hosted, ExecState.STOPPING)
        try:
            await maybeDeferred(hosted.wired.service.stop)
        except Exception as error:
            hosted.comment = str(error)[:255]
            log.exception("service %s did not stop well", hosted.wired.name)
        for name in hosted.wired.provides:
            table = self.store.live_table(name)
            if isinstance(table, Snapshot):
                table.rest()
        hosted.differs.clear()
        self._set(hosted, ExecState.STOPPED)

    def _set(self, hosted: Hosted, state: ExecState) -> None:
        hosted.state = state
        self._tell_need()
        self.on_state(hosted.wired.name, state)

    async def start_all(self, but: Iterable[str] = ()) -> None:
        """Start every service in order. Raises what the first one raises that can't."""
        skipped = set(but)
        for name in self.services:
            if name not in skipped:
                await self.start(name)

    async def stop_all(self) -> None:
        """Stop every service, the last started first."""
        for name in reversed(self.services):
            await self.stop(name)


@contextlib.asynccontextmanager
async def _held(lock: DeferredLock) -> AsyncIterator[None]:
    await lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _logged(failure: Failure, name: str) -> None:
    log.error("%s: restart failed: %s", name, failure.getErrorMessage())


def _restart_owners(model: MibModel) -> dict[str, str]:
    """Give, for each object that waits for a restart, the service whose restart applies it."""
    owners: dict[str, str] = {}
    for node in model.objects.values():
        if node.is_writable and node.applies is Applies.RESTART and not node.is_command:
            owners[node.name] = node.applies_to or node.service
    for table in model.tables.values():
        columns = [node for node in model.columns(table.name) if node.is_writable]
        own = {owners[node.name] for node in columns if node.name in owners}
        if len(own) == 1 and not table.is_job and table.row_status:
            owners.setdefault(table.row_status, own.pop())
    return owners


__all__ = ["ExecState", "Hosted", "MibModel", "ServiceHost"]
