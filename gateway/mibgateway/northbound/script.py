"""Scripts as a door: statements become transactions.

While the unit runs each line stands or falls alone, adjacent lines about one row together, lines
between begin and commit as one. At a start the whole script is one transaction. What a unit
that runs is given as octets is read in slices, twice: to its end before a line of it runs, and
again as it runs, so that neither time nor memory grows with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mibagent.errors import InconsistentValue, Index, NotWritable, Refused
from mibagent.model.nodes import MibModel, ObjectNode, TableNode
from mibagent.model.spelling import path_of, resolve
from mibagent.northbound import RunningJob, Session
from mibagent.service.host import ServiceHost
from mibagent.service.jobs import Job, JobResult
from mibagent.smi.syntax import Value
from mibagent.store.layers import Key, Overlay
from mibagent.store.rows import Status
from mibagent.store.transaction import Transaction
from mibagent.store.wish import Wish
from mibgateway.northbound.script_grammar import (
    Assignment,
    Begin,
    Command,
    Commit,
    Path,
    ScriptError,
    Statement,
    read_statements,
)

SLICE = 50
"""Lines that are read before the reactor has its turn."""

MOST_IN_BLOCK = 10_000
"""Lines that are one transaction."""


@dataclass(frozen=True)
class LineFailure:
    """One line that was refused."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


@dataclass
class Report:
    """How a script went."""

    lines: int = 0
    """Statements that were tried."""
    failures: list[LineFailure] = field(default_factory=list)
    """Why lines were refused: of each, or of as many as were asked for."""
    answers: list[str] = field(default_factory=list)
    """What commands gave back; of as many as of failures."""
    refused: int = 0
    """Lines and blocks that were refused."""

    @property
    def result(self) -> str:
        """`Success`, or `ExecutionFailed` when a line was refused."""
        return "ExecutionFailed" if self.failures else "Success"


@dataclass(frozen=True)
class _Step:
    """Wishes of one line, or the job that it runs."""

    line: int
    wishes: tuple[Wish, ...] = ()
    row: tuple[str, Index] | None = None
    """The row that it is about, by the table whose RowStatus makes it."""
    job: str = ""
    path: str = ""
    """The job as the script spells it."""
    arguments: tuple[tuple[str, Value], ...] = ()


class Translator:
    """Turns statements into wishes, with the model alone."""

    def __init__(self, model: MibModel) -> None:
        self._model = model

    def step(self, statement: Assignment | Command) -> _Step:
        """Give what a statement asks for. Raises Refused."""
        found = self._resolved(statement.path)
        if isinstance(statement, Assignment):
            return self._assignment(statement, found.target, found.index)
        if statement.delete:
            return self._deletion(statement, found.target, found.index)
        return self._command(statement, found.target, found.index)

    def _resolved(self, path: Path) -> _Found:
        found = resolve(self._model, path.service, path.name, path.keys or None, path.column)
        return _Found(found.target, found.index)

    def _assignment(
        self, statement: Assignment, target: ObjectNode | TableNode, index: Index | None
    ) -> _Step:
        if isinstance(target, TableNode):
            raise NotWritable(str(statement.path), "name a column of the row")
        if index is None:
            raise NotWritable(str(statement.path), "name the row: [Key=value]")
        value = target.syntax.parse(statement.value, target.name)
        return _Step(statement.line, (Wish(target.name, index, value),),
                     self._row(target.table, index))

    def _row(self, table: TableNode | None, index: Index) -> tuple[str, Index] | None:
        while table is not None and not table.row_status and table.base:
            table = self._model.tables[table.base]
        return (table.name, index) if table is not None and table.row_status else None

    def _deletion(
        self, statement: Command, target: ObjectNode | TableNode, index: Index | None
    ) -> _Step:
        if not isinstance(target, TableNode) or not target.row_status:
            raise NotWritable(str(statement.path), "only rows that are made can be deleted")
        if index is None:
            raise NotWritable(str(statement.path), "name the row: [Key=value]")
        wish = Wish(target.row_status, index, int(Status.DESTROY))
        return _Step(statement.line, (wish,), (target.name, index))

    def _command(
        self, statement: Command, target: ObjectNode | TableNode, index: Index | None
    ) -> _Step:
        if isinstance(target, TableNode):
            if not target.is_job:
                raise NotWritable(str(statement.path), "a table is not a command")
            return _Step(statement.line, job=target.name, path=str(statement.path),
                         arguments=tuple(self._arguments(statement, target)))
        if not target.is_command:
            raise NotWritable(str(statement.path), "not a command; to set it write = and a value")
        if statement.arguments:
            raise NotWritable(str(statement.path), "the command takes no arguments")
        if index is None:
            raise NotWritable(str(statement.path), "name the row: [Key=value]")
        verb = max(number for _, number in target.syntax.labels)
        return _Step(statement.line, (Wish(target.name, index, verb),))

    def _arguments(self, statement: Command, table: TableNode) -> Iterator[tuple[str, Value]]:
        prefix = table.name.removesuffix("Table")
        known = {node.name.removeprefix(prefix).casefold(): node
                 for node in self._model.columns(table.name)
                 if node.is_writable and not node.is_row_status}
        for name, text in statement.arguments:
            node = known.get(name.casefold())
            if node is None:
                names = ", ".join(sorted(each.name.removeprefix(prefix)
                                         for each in known.values()))
                raise InconsistentValue(
                    str(statement.path), f"no argument {name}; it takes {names}")
            yield node.name, node.syntax.parse(text, node.name)


@dataclass(frozen=True)
class _Found:
    target: ObjectNode | TableNode
    index: Index | None


def said(model: MibModel, refusal: Refused) -> str:
    """Give a refusal in a script's words: the path, and why."""
    node = model.objects.get(refusal.name)
    name = path_of(model, node, refusal.index or None) if node is not None else refusal.name
    return f"{name}: {refusal.why}" if refusal.why else name


class ScriptRunner:
    """Runs a parsed script for somebody while the unit runs."""

    def __init__(
        self, session: Session,
        started: Callable[[str, RunningJob], None] = lambda path, job: None,
        most_kept: int | None = None,
    ) -> None:
        """started: is given each job as it runs.

        most_kept: how many failures, and how many answers, are kept; None is all.
        """
        self._session, self._started = session, started
        self._host = session.host
        self._translate = Translator(session.store.model)
        self._most_kept = most_kept
        self._last: int | None = None
        self.line = 0
        """The last line that has been begun."""
        self.is_stopped = False
        self.report = Report()

    async def run_text(self, octets: bytes) -> Report:
        """Read a script to its end, then run it. Raises ScriptError; then nothing has run."""
        begun = inside = last = 0
        for count, statement in enumerate(read_statements(octets), 1):
            match statement:
                case Begin(line):
                    begun, inside = line, 0
                case Assignment(line) | Command(line):
                    last, inside = line, inside + 1
                case Commit():
                    begun = 0
            if begun and inside > MOST_IN_BLOCK:
                raise ScriptError(begun, f"more than {MOST_IN_BLOCK} lines before the commit")
            if count % SLICE == 0:
                await self._host.next_turn()
                if self.is_stopped:
                    return self.report
        self._last = last
        return await self.run(read_statements(octets))

    async def run(self, statements: Iterable[Statement | None]) -> Report:
        """Run them in order; between two commits the reactor has its turn."""
        for block in _blocks(statements):
            if self.is_stopped:
                break
            if block:
                await self._run_block(block)
            await self._host.next_turn()
        return self.report

    def stop(self) -> None:
        """Begin no further line; the one that is being run is brought to its end."""
        self.is_stopped = True

    @property
    def is_through(self) -> bool:
        """Whether every line of a text has been begun."""
        return self._last is not None and self.line >= self._last

    async def _run_block(self, block: list[Assignment | Command]) -> None:
        steps: list[_Step] = []
        line = block[0].line
        try:
            for count, statement in enumerate(block, 1):
                line = statement.line
                steps.append(self._translate.step(statement))
                if count % SLICE == 0:
                    await self._host.next_turn()
                    if self.is_stopped:
                        return
        except Refused as refusal:
            self._begun(block)
            self._failed(line, refusal)
            return
        self._begun(block)
        if len(steps) == 1 and steps[0].job:
            await self._run_job(steps[0])
            return
        jobs = [step for step in steps if step.job]
        if jobs:
            self._note(jobs[0].line, "a job does not stand between begin and commit")
            return
        await self._change(steps)

    def _begun(self, block: list[Assignment | Command]) -> None:
        self.line = block[-1].line
        self.report.lines += len(block)

    async def _change(self, steps: list[_Step]) -> None:
        store = self._session.store
        lines: dict[Key, int] = {}
        line = steps[0].line
        try:
            with store.begin(self._session.principal) as transaction:
                for step in steps:
                    line = step.line
                    _lay(self._host, transaction, step, lines)
                line = steps[0].line
                transaction.prepare()
                await transaction.commit()
        except Refused as refusal:
            self._failed(lines.get((refusal.name, refusal.index), line), refusal)

    def _failed(self, line: int, refusal: Refused) -> None:
        self._note(line, said(self._session.store.model, refusal))

    def _note(self, line: int, why: str) -> None:
        self.report.refused += 1
        if self._takes_more(self.report.failures):
            self.report.failures.append(LineFailure(line, why))

    def _takes_more(self, kept: list[Any]) -> bool:
        return self._most_kept is None or len(kept) < self._most_kept

    async def _run_job(self, step: _Step) -> None:
        try:
            job = await self._session.run(
                step.job, dict(step.arguments), lambda job: self._started(step.path, job))
        except Refused as refusal:
            self._failed(step.line, refusal)
            return
        if job.result is not JobResult.SUCCESS:
            self._note(step.line, job.error or job.result.name)
        elif job.answer and self._takes_more(self.report.answers):
            self.report.answers.append(job.answer)


def _blocks(
    statements: Iterable[Statement | None]
) -> Iterator[list[Assignment | Command]]:
    """Give what is one transaction: begin to commit, adjacent lines of one row, single lines.

    An empty one is for the reactor to have its turn.
    """
    inside = False
    block: list[Assignment | Command] = []
    for count, statement in enumerate(statements, 1):
        if count % SLICE == 0:
            yield []
        if statement is None:
            continue
        if isinstance(statement, Begin | Commit):
            if block:
                yield block
            block, inside = [], isinstance(statement, Begin)
            continue
        if block and not inside and (
                len(block) >= MOST_IN_BLOCK or not _same_row(block[-1], statement)):
            yield block
            block = []
        block.append(statement)
    if block:
        yield block


def _same_row(one: Assignment | Command, other: Assignment | Command) -> bool:
    both_set = isinstance(one, Assignment) and isinstance(other, Assignment)
    return both_set and bool(one.path.keys) and \
        (one.path.service, one.path.name, one.path.keys) == \
        (other.path.service, other.path.name, other.path.keys)


def _lay(
    host: ServiceHost, transaction: Transaction, step: _Step, lines: dict[Key, int]
) -> None:
    store = host.store
    if step.row is not None:
        table = store.model.tables[step.row[0]]
        key = (table.row_status, step.row[1])
        there = store.tip.has_row(table, step.row[1]) or transaction.asks_for(key)
        destroys = step.wishes[0].name == table.row_status
        if not there and not destroys and table.name not in store.unit_made:
            transaction.set(table.row_status, step.row[1], int(Status.CREATE_AND_GO))
            lines.setdefault(key, step.line)
    for wish in step.wishes:
        transaction.set(wish.name, wish.index, wish.value)
        lines[wish.key] = step.line


def lay_whole(
    host: ServiceHost, transaction: Transaction, statements: Iterable[Statement]
) -> dict[Key, int]:
    """Add a whole script to a transaction before the services start; give lines by what they set.

    Commands about services have nothing to do yet; jobs that need no network give their wishes.
    Raises ScriptError with the line and the reason.
    """
    translate = Translator(host.model)
    lines: dict[Key, int] = {}
    for statement in statements:
        if isinstance(statement, Begin | Commit):
            continue
        try:
            step = translate.step(statement)
            if step.job:
                _lay_job(host, transaction, step, lines)
            elif all(host.model[wish.name].is_command for wish in step.wishes):
                _no_command(host, step)
            else:
                _lay(host, transaction, step, lines)
        except Refused as refusal:
            raise ScriptError(statement.line, said(host.model, refusal)) from None
    return lines


def _no_command(host: ServiceHost, step: _Step) -> None:
    for wish in step.wishes:
        if host.model[wish.name].service != "Scm":
            raise NotWritable(wish.name, "a script at the start can't command what has not "
                              "started; run it once the unit is up")


def _lay_job(
    host: ServiceHost, transaction: Transaction, step: _Step, lines: dict[Key, int]
) -> None:
    for hosted in host.services.values():
        method = hosted.wired.offline.get(step.job)
        if method is None:
            continue
        binding = hosted.wired.arguments[step.job]
        table = host.model.tables[step.job]
        cells: dict[Key, Value | None] = {(name, (1,)): value for name, value in step.arguments}
        cells[table.row_status, (1,)] = int(Status.ACTIVE)
        view = binding.view(Overlay(host.store.tip, cells), (1,))
        try:
            wishes = method(Job(1, view, local=True))
        except Refused:
            raise
        except Exception as error:
            raise InconsistentValue(step.job.removesuffix("Table"), str(error)) from None
        for wish in wishes:
            transaction.put(wish)
            lines[wish.key] = step.line
        return
    raise NotWritable(step.job.removesuffix("Table"),
                      "this command needs a running unit; run it once the unit is up")
