"""The parameter store: what is configured, and the queue of what is about to be."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from mibagent.errors import Index, LocalError, NoSuchName, Refused, ResourceUnavailable
from mibagent.model.nodes import MibModel, ObjectNode, TableNode
from mibagent.smi.oid import parse_oid, print_oid
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal, Rights
from mibagent.store.journal import Audit, Cell, Entry, Journal
from mibagent.store.layers import Configured, Key, Shape, value_in
from mibagent.store.live import LiveTable
from mibagent.store.references import References
from mibagent.store.taking_back import still_standing
from mibagent.store.telling import Listener, Listeners
from mibagent.store.tip import Tip
from mibagent.store.transaction import Participant, Plain, Transaction
from mibagent.store.wish import Change, Revision

SYSTEM = Principal("system", Rights.ADMIN, "system")
"""The unit itself."""

ReadersOf = Callable[[Sequence[str]], Callable[[], Sequence[Value]]]
"""Makes of scalars' descriptors what reads all of them at once, in their order."""

log = logging.getLogger(__name__)


class ParameterStore:
    """The configuration of one unit, its live values, and the way to change them."""

    def __init__(
        self,
        model: MibModel,
        journal: Journal,
        unit: int,
        *,
        run: Callable[[Callable[[], Any]], Deferred[Any]],
        soon: Callable[[Callable[[], None]], None],
        now: Callable[[], float] = time.time,
        profile: Mapping[Key, Value] | None = None,
    ) -> None:
        """run: calls its argument in the journal's thread; soon: in the reactor's next turn."""
        self.model = model
        self.shape = Shape(model, profile)
        self.configured = Configured(self.shape)
        self.references = References(model)
        self.participants: list[Participant] = []
        self.aliases: dict[str, str] = {}
        self.unit_made: set[str] = set()
        self.owners: dict[str, Callable[[Principal, Index], bool]] = {}
        """Who may write what belongs to one asker, in place of rights."""
        self.hidden: dict[str, tuple[str, ...]] = {}
        self.derive: dict[str, Callable[[bytes], bytes]] = {}
        self.set_aside: list[str] = []
        self.pending: dict[int, float] = {}
        self.memory: dict[str, bytes] = {}
        self.served: set[str] | None = None
        self.read_only: set[str] = set()
        """Writable objects that nobody may write here."""
        self._journal, self._unit = journal, unit
        self._run, self.soon, self._now = run, soon, now
        self._listeners = Listeners(self.shape, self.aliases)
        self._providers: dict[str, Callable[[Index], Value]] = {}
        self._together: dict[str, ReadersOf] = {}
        self._lasting: set[str] = set()
        self._live: dict[str, LiveTable[Any]] = {}
        self._following: dict[str, LiveTable[Mapping[str, Value]]] = {}
        self.tip = Tip(self.configured, self.references, journal.last_number(unit), now)
        self._queue: list[tuple[Transaction, float | None, Deferred[Revision | None]]] = []
        self._writing = False
        self._flush_asked = False
        self._reactions: list[Revision] = []
        self._idle: list[Deferred[None]] = []

    # -- start

    def load(self) -> None:
        """Read what is configured. Values that today's MIBs refuse are set aside, and stay."""
        self.memory = self._journal.memory(self._unit)
        for name, row, value in self._journal.values(self._unit):
            try:
                index = self._index_of(name, row)
                if "@" not in name:
                    node = self.model[name]
                    if not (node.syntax.secret or node.is_row_status):
                        node.check(value)
            except (Refused, ValueError, KeyError) as error:
                self.set_aside.append(f"{name}{'.' + row if row else ''}: {error}")
                continue
            self.configured.put(name, index, value)
            self.references.gain(name, index, value)
        for key, deadline in self.memory.items():
            if key.startswith("confirm:"):
                self.pending[int(key.partition(":")[2])] = float(deadline)

    def seed(self, cells: Mapping[Key, Value]) -> None:
        """Lay values that are there before anybody changes any, beside what is configured.

        They are not checked, and are durable when this returns. Raises StateError.
        """
        self._journal.give(self._unit, (
            (name, self._row_text(name, index), value) for (name, index), value in cells.items()))
        for (name, index), value in cells.items():
            if self.configured.cell(name, index) is None:
                self.configured.put(name, index, value)
                self.references.gain(name, index, value)

    def _index_of(self, name: str, row: str) -> Index:
        home = self.shape.table_of(name)
        if bool(home) != bool(row):
            raise ValueError("it was stored with another kind of row")
        return self.model.tables[home].index(parse_oid(row)) if home else ()

    def _row_text(self, name: str, index: Index) -> str:
        if not index:
            return ""
        return print_oid(self.model.tables[self.shape.table_of(name)].suffix(index))

    # -- reading

    def get(self, name: str, index: Index = ()) -> Value:
        """Give a value as anybody may read it; a secret reads empty. Raises NoSuchName.

        Live where a service provides it.
        """
        name = self.aliases.get(name, name)
        provider = self._providers.get(name)
        node = self.model[name]
        if provider is not None or node.is_command:
            if node.table is None and index:
                raise NoSuchName(name, "a scalar has no rows", index)
            if node.table is not None and not self.has_row(node.table, index):
                raise NoSuchName(name, "no such row", index)
            return 0 if provider is None else provider(index)
        if node.table is not None and node.table.name in self._following:
            row = self._following[node.table.name].get(index)
            if row is not None:
                return self._followed(node, row, index)
        value = value_in(self.configured, node, index)
        return b"" if node.syntax.secret else value

    def _followed(self, node: ObjectNode, row: Mapping[str, Value], index: Index) -> Value:
        value = row.get(node.name, node.default)
        if value is None:
            raise NoSuchName(node.name, "no value here", index)
        return b"" if node.syntax.secret else value

    def reader(self, name: str) -> Callable[[Index], Value]:
        """Give what reads an object as `get` does, with what never changes looked up already."""
        name = self.aliases.get(name, name)
        provider, table = self._providers.get(name), self.model[name].table
        if provider is None:
            return partial(self.get, name)
        if table is None:
            return provider
        live = self._live.get(table.name)
        if live is None:
            return partial(self.get, name)

        def read_row(index: Index) -> Value:
            if not live.has(index):
                raise NoSuchName(name, "no such row", index)
            return provider(index)
        return read_row

    def together(self, name: str) -> ReadersOf | None:
        """Give what makes one reader of this scalar and others of which it gives the same."""
        return self._together.get(self.aliases.get(name, name))

    def has_secret(self, name: str, index: Index = ()) -> bool:
        """Whether a secret is set."""
        return bool(self.configured.cell(name, index))

    def has_row(self, table: TableNode, index: Index) -> bool:
        """Whether the row exists, stored or live."""
        live = self._live.get(table.name)
        if live is not None:
            return index in live
        return self.follows(table, index) or self.configured.has_row(table, index)

    def follows(self, table: TableNode, index: Index) -> bool:
        """Whether the row follows from parameters, so that nobody writes it."""
        rows = self._following.get(table.name)
        return rows is not None and index in rows

    def stands(self, table: TableNode, index: Index) -> bool:
        """Whether the row exists once all that is queued is written."""
        return index in self._live[table.name] if table.name in self._live \
            else self.tip.has_row(table, index)

    def rows(self, table: TableNode) -> Iterator[Index]:
        """Give the rows that exist, in no order."""
        live = self._live.get(table.name)
        if live is not None:
            return iter(live.indexes())
        rows = self._following.get(table.name)
        if rows:
            return chain(rows.indexes(), (index for index in self.configured.rows(table)
                                          if index not in rows))
        return self.configured.rows(table)

    def snapshot(self) -> Configured:
        """Give what is configured now, frozen, for who reads over several turns."""
        return self.configured.snapshot()

    def audit(self, last: int = 50) -> list[Audit]:
        """Give the newest revisions, newest first, secrets hidden."""
        return self._journal.audit(self._unit, last)

    def is_served(self, name: str) -> bool:
        """Whether somebody answers for the object."""
        return self.served is None or self.aliases.get(name, name) in self.served

    def is_kept(self, node: ObjectNode) -> bool:
        """Whether reads give what is stored or lasts, so that `changed` tells of each change."""
        name = self.aliases.get(node.name, node.name)
        return name not in self._providers or name in self._lasting

    # -- what services give

    def provide(
        self, name: str, read: Callable[[Index], Value], lasting: bool = False
    ) -> None:
        """Let a service answer for an object. lasting: always with the same value."""
        if name in self._providers:
            raise LocalError(f"{name} has two providers")
        self._providers[name] = read
        if lasting:
            self._lasting.add(name)

    def provide_together(self, name: str, readers: ReadersOf) -> None:
        """Let a service answer for a scalar, that can be read in one go with others of the same."""
        read = readers((name,))
        self.provide(name, lambda _: read()[0])
        self._together[name] = readers

    def withdraw_providers(self, names: Iterable[str]) -> None:
        """Let nobody answer for these objects and tables any more: what is stored counts again."""
        for name in names:
            self._providers.pop(name, None)
            self._together.pop(name, None)
            self._lasting.discard(name)
            self._live.pop(name, None)

    def provide_table(self, name: str, table: LiveTable[Any], keeps: bool = False) -> None:
        """Let a service fill a table.

        keeps: whether columns of its rows, companions included, are stored: they outlive the row.
        """
        table.name = name
        self._live[name] = table
        if keeps:
            self.shape.fixed[name] = dict.fromkeys(table.indexes())
        table.watch(self._listeners.of_live(self.model.tables[name], self._live.__contains__))

    def follow(self, name: str) -> LiveTable[Mapping[str, Value]]:
        """Give the rows that follow from parameters and stand beside a table's stored ones.

        A service fills it: each row is values by descriptor, those left out are the DEFVAL. Such
        rows are read like others and never written: say so in their StorageType.
        """
        table = self._following.get(name)
        if table is None:
            table = self._following[name] = LiveTable()
            table.name = self.model.tables[name].name
            for listener in self._listeners:
                table.watch(listener)
        return table

    def live_table(self, name: str) -> LiveTable[Any] | None:
        """Give the table that a service fills, or None for another kind of table."""
        return self._live.get(name)

    def watch(self, listener: Listener) -> None:
        """Tell the listener of each committed change and of rows that come and go."""
        self._listeners.add(listener)
        for table in self._following.values():
            table.watch(listener)

    def give_fixed(self, table: str, indexes: Iterable[Index]) -> None:
        """Let a table without RowStatus have exactly these rows."""
        self.shape.fixed[table] = dict.fromkeys(indexes)

    def row_cells(self, table: TableNode) -> list[str]:
        """Give every name that a row may hold a cell of, companions and sealed parts included."""
        return [name for each in self.shape.with_companions(table)
                for name in (*each.column_names, *self.hidden.get(each.name, ()))]

    # -- changing

    def begin(self, principal: Principal, override: bool = False) -> Transaction:
        """Open a transaction. override: don't refuse what changed since the wish."""
        return Transaction(self, principal, override)

    def enqueue(
        self, transaction: Transaction, confirm_within: float | None
    ) -> Deferred[Revision | None]:
        """Queue a prepared transaction; the transaction calls this.

        One that changes nothing waits for what is queued before it: that may be why.
        """
        done: Deferred[Revision | None] = Deferred()
        if not self.tip.take(transaction):
            done.errback(transaction.blame(ResourceUnavailable(
                "", "what it was prepared on could not be written")))
            return done
        if transaction.is_empty and not self._queue and not self._writing:
            done.callback(None)
            return done
        self._queue.append((transaction, confirm_within, done))
        if not self._flush_asked and not self._writing:
            self._flush_asked = True
            self.soon(self._flush)
        return done

    def _flush(self) -> None:
        self._flush_asked = False
        if not self._writing and self._queue:
            self._writing = True
            ensureDeferred(self._drain())

    async def _drain(self) -> None:
        while self._queue:
            batch, self._queue = self._queue, []
            try:
                revisions = [await self._revision(*item[:2]) for item in batch]
                entries = [self._entry(revision) for revision in revisions if revision]
                if entries:
                    await self._run(partial(self._journal.write, entries))
            except Exception as error:
                self._refuse_all(batch, error)
                continue
            for (transaction, _, done), revision in zip(batch, revisions, strict=True):
                if revision:
                    self._apply(transaction, revision)
                done.callback(revision)
            self.soon(self._react)
        self._writing = False
        idle, self._idle = self._idle, []
        for waiter in idle:
            waiter.callback(None)

    def idle(self) -> Deferred[None]:
        """Give a Deferred that fires when nothing is queued or being written."""
        done: Deferred[None] = Deferred()
        if self._writing or self._queue:
            self._idle.append(done)
        else:
            done.callback(None)
        return done

    async def _revision(
        self, transaction: Transaction, confirm_within: float | None
    ) -> Revision | None:
        if transaction.is_empty:
            return None
        changes = []
        for change in transaction.changes:
            new = change.new
            if isinstance(new, Plain):
                derive = self.derive.get(change.name)
                new = await self._derived(derive, new) if derive else bytes(new)
            changes.append(Change(change.name, change.index, change.old, new))
        confirm_by = None if confirm_within is None else self._now() + confirm_within
        return Revision(transaction.number, self._now(), transaction.principal, tuple(changes),
                        tuple(transaction.commands), transaction.undoes, confirm_by)

    async def _derived(self, derive: Callable[[bytes], bytes], plain: bytes) -> bytes:
        found: bytes = await self._run(lambda: derive(plain))
        return found

    def _entry(self, revision: Revision) -> Entry:
        cells = tuple(
            Cell(change.name, self._row_text(change.name, change.index), change.old, change.new,
                 self.shape.is_sealed(change.name), self.shape.is_volatile(change.name))
            for change in revision.changes)
        commands = tuple((wish.name, self._row_text(wish.name, wish.index))
                         for wish in revision.commands)
        memory: dict[str, bytes | None] = {}
        if revision.confirm_by is not None:
            memory[f"confirm:{revision.number}"] = repr(revision.confirm_by).encode()
        if revision.undoes:
            memory[f"confirm:{revision.undoes}"] = None
        who = revision.principal
        return Entry(self._unit, revision.number, revision.when, who.name, int(who.rights),
                     who.northbound, who.peer, cells, commands, revision.undoes, memory)

    def _refuse_all(
        self,
        batch: list[tuple[Transaction, float | None, Deferred[Revision | None]]],
        error: Exception,
    ) -> None:
        lost = batch + self._queue
        self._queue = []
        self.tip.fall(transaction for transaction, _, _ in lost)
        for transaction, _, done in lost:
            done.errback(transaction.blame(
                ResourceUnavailable("", f"nothing was changed: {error}")))

    def _apply(self, transaction: Transaction, revision: Revision) -> None:
        for change in revision.changes:
            self.tip.release(change.key)
            self.configured.put(change.name, change.index, change.new)
            self.tip.lose(change.key, change.old)
        if revision.confirm_by is not None:
            self.pending[revision.number] = revision.confirm_by
        self.pending.pop(revision.undoes, None)
        self._listeners.tell(revision.changes, _guarded)
        for part in self.participants:
            _guarded(part.note, revision)
        self._reactions.append(revision)

    def _react(self) -> None:
        revisions, self._reactions = self._reactions, []
        for revision in revisions:
            for part in self.participants:
                _guarded(part.react, revision)

    # -- confirm or roll back

    def confirm(self, number: int) -> Deferred[None]:
        """Keep a commit for good that would be taken back; durable when it fires."""
        def kept(_: None) -> None:
            self.pending.pop(number, None)

        return self.remember({f"confirm:{number}": None}).addCallback(kept)

    def take_back(self, number: int) -> Awaitable[Revision | None]:
        """Set back what that commit changed and nobody has changed since. Raises Refused.

        A row that it made stays whole when somebody has changed it since.
        """
        transaction = self.begin(SYSTEM, override=True)
        transaction.undoes = number
        for change in still_standing(self, self._changes_of(number)):
            transaction.revert(change)
        transaction.prepare()
        return self._taken_back(transaction, number)

    async def _taken_back(self, transaction: Transaction, number: int) -> Revision | None:
        revision = await transaction.commit()
        if revision is None:
            await self.confirm(number)
        return revision

    def _changes_of(self, number: int) -> Iterator[Change]:
        for cell in self._journal.cells(self._unit, number):
            try:
                index = self._index_of(cell.name, cell.row)
            except (Refused, ValueError, KeyError):
                continue    # today's MIBs don't know it
            yield Change(cell.name, index, cell.old, cell.new)

    # -- memory

    def remember(self, values: Mapping[str, bytes | None]) -> Deferred[None]:
        """Keep or forget what is neither configuration nor audited; durable when it fires."""
        for key, value in values.items():
            if value is None:
                self.memory.pop(key, None)
            else:
                self.memory[key] = value
        return self._run(lambda: self._journal.remember(self._unit, values))


def _guarded(call: Callable[[Any], None], about: object) -> None:
    """Call what must not keep the next one, or the queue, from going on."""
    try:
        call(about)
    except Exception:
        log.exception("%r broke after a commit", call)
