"""A transaction: wishes, prepared against the tip, committed whole or not at all."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from mibagent.errors import (
    InconsistentName,
    InconsistentValue,
    Index,
    LocalError,
    NoAccess,
    NoCreation,
    NotWritable,
    Refused,
    WrongType,
    WrongValue,
)
from mibagent.model.nodes import Access, ObjectNode, TableNode
from mibagent.smi.syntax import Base, Value
from mibagent.store.access import Principal, Rights
from mibagent.store.layers import Key, Overlay, View, value_in
from mibagent.store.rows import Act, Status, next_status
from mibagent.store.storage import refuse_by_storage
from mibagent.store.wish import Change, Revision, Wish

if TYPE_CHECKING:
    from mibagent.store.store import ParameterStore


class Participant(Protocol):
    """Who takes part in every commit: the service host."""

    def complete(self, candidate: View, changed: list[Key], asked: list[Wish]) -> Iterable[Wish]:
        """Give further wishes that follow from those that change something."""

    def check(self, candidate: View, changed: list[Key]) -> None:
        """Raise Refused unless the candidate is sound; changed names given commands too."""

    def note(self, revision: Revision) -> None:
        """Take note in the same turn, before anybody is answered; acts on nothing."""

    def react(self, revision: Revision) -> None:
        """Act on what has been committed; called in a later turn."""


class State(enum.Enum):
    """How far a transaction has come."""

    OPEN = "open"
    PREPARED = "prepared"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled back"


class Transaction:
    """Wishes of one asker. Leaving a `with` block uncommitted rolls back."""

    def __init__(self, store: ParameterStore, principal: Principal, override: bool = False) -> None:
        self.principal = principal
        self.state = State.OPEN
        self.changes: list[Change] = []
        self.commands: list[Wish] = []
        self.undoes = 0
        self.number = 0
        self.under: dict[Key, tuple[bool, Value | None]] = {}
        """What stood on the tip below each change, and whether anything did."""
        self.last_before: dict[Key, tuple[int, str, float] | None] = {}
        """Who had changed each object last."""
        self._store = store
        self._override = override
        self._asked: dict[Key, Wish] = {}
        self._spelled: dict[Key, str] = {}
        self._reverts: list[Change] = []

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.state in (State.OPEN, State.PREPARED):
            self.rollback()

    def set(self, name: str, index: Index, value: Value) -> None:
        """Wish for a value. Raises what the MIB alone refuses. RFC 3416 section 4.2.5."""
        self._must_be(State.OPEN)
        store = self._store
        target = store.aliases.get(name, name)
        try:
            node = store.model[target]
            self._may_write(node, name, index)
            node.check(value)
            if node.is_row_status and value == Status.NOT_READY:
                raise WrongValue(name, "notReady is read, never written")
            self._may_exist(node, index)
        except Refused as refusal:
            raise type(refusal)(name, refusal.why, index) from None
        self.put(Wish(target, index, value, store.tip.number))
        self._spelled[target, index] = name

    def put(self, wish: Wish) -> None:
        """Add a wish unchecked: for what the unit itself writes and no northbound can name.

        One without a revision is made now.
        """
        self._must_be(State.OPEN)
        self._asked[wish.key] = wish if wish.revision else replace(
            wish, revision=self._store.tip.number)

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing and commands nothing."""
        return not self.changes and not self.commands

    def asked(self) -> list[Wish]:
        """Give the wishes that were made."""
        return list(self._asked.values())

    def asks_for(self, key: Key) -> bool:
        """Whether a wish about that object was made."""
        return key in self._asked

    def revert(self, change: Change) -> None:
        """Wish one change away, secrets and defaults included; rights are not asked."""
        self._must_be(State.OPEN)
        self._reverts.append(change)

    def _must_be(self, *states: State) -> None:
        if self.state not in states:
            raise LocalError(f"the transaction is {self.state.value}")

    def _may_write(self, node: ObjectNode, name: str, index: Index) -> None:
        is_owner = self._store.owners.get(node.name)
        if is_owner is None:
            self._has_rights(node, name)
        elif not is_owner(self.principal, index):
            raise NoAccess(name, "only the one that it is about may write it")
        if not self._store.is_served(node.name):
            raise NotWritable(name, "no service answers for it")
        if not node.is_writable or node.name in self._store.read_only:
            if node.access is Access.NOT_ACCESSIBLE:
                raise NoAccess(name, "a key is in the row's name, not written")
            raise NotWritable(name, "it is read-only")

    def _has_rights(self, node: ObjectNode, name: str) -> None:
        if self.principal.rights >= Rights.OBSERVER:
            raise NoAccess(name, f"{self.principal.name or 'nobody'} may only read")
        if (node.admin_only or node.syntax.secret) and self.principal.rights != Rights.ADMIN:
            raise NoAccess(name, "only an Admin may write it")

    def _may_exist(self, node: ObjectNode, index: Index) -> None:
        table = node.table
        if table is None:
            if index:
                raise NoCreation(node.name, "a scalar has no rows")
            return
        if not index:
            raise NoCreation(node.name, f"name the row: {node.name} is a column")
        store = self._store
        if store.follows(table, index):
            raise NotWritable(node.name, "the row follows from parameters; change those")
        if store.stands(table, index):
            return
        try:
            if table.index(table.suffix(index)) != index:
                raise ValueError("not a key of this table")
        except (ValueError, InconsistentName) as error:
            why = error.why if isinstance(error, Refused) else str(error)
            raise NoCreation(node.name, why) from None
        if not store.shape.is_made(table):
            raise NoCreation(node.name, "there is no such row, and none can be made here")

    def prepare(self) -> None:
        """Complete, lay and check the whole on the tip. Raises Refused; then it is rolled back."""
        self._must_be(State.OPEN)
        try:
            self._prepare()
            self._store.tip.advance(self)
        except Refused as refusal:
            self.rollback()
            raise self.blame(refusal) from None
        self.state = State.PREPARED

    def _prepare(self) -> None:
        store = self._store
        self._refuse_what_changed_since()
        candidate = Overlay(store.tip, {})
        self._lay(list(self._asked.values()), candidate)
        candidate.cells.update({change.key: change.old for change in self._reverts})
        changed = self._changed(candidate)
        if changed:
            more = [wish for part in store.participants
                    for wish in part.complete(candidate, changed, list(self._asked.values()))
                    if wish.key not in self._asked]
            self._lay(more, candidate)
            changed = self._changed(candidate)
        store.references.check(candidate, changed)
        commanded = [wish.key for wish in self.commands]
        for part in store.participants:
            part.check(candidate, changed + commanded)
        self.changes = [
            Change(name, index, store.tip.cell(name, index), candidate.cells[name, index])
            for name, index in changed]

    def _refuse_what_changed_since(self) -> None:
        if self._override:
            return
        for wish in self._asked.values():
            since = self._store.tip.changed_after(wish.key, wish.revision)
            if since is not None:
                who, when = since
                raise InconsistentValue(
                    wish.name, f"changed meanwhile by {who} at {when}; read it and ask again",
                    wish.index)

    def _changed(self, candidate: Overlay) -> list[Key]:
        tip = self._store.tip
        return [key for key, value in candidate.cells.items() if value != tip.cell(*key)]

    def _lay(self, wishes: list[Wish], candidate: Overlay) -> None:
        rows: dict[tuple[str, Index], list[Wish]] = {}
        for wish in wishes:
            if "@" not in wish.name and self._store.model[wish.name].is_command:
                self._command(wish)
                continue
            home = self._store.shape.table_of(wish.name)
            if home:
                base = self._store.shape.base_of(self._store.model.tables[home])
                rows.setdefault((base.name, wish.index), []).append(wish)
            else:
                self._lay_cell(wish, candidate)
        for (home, index), group in rows.items():
            table = self._store.model.tables[home]
            refuse_by_storage(candidate, table, index,
                              [wish for wish in group if not self._is_the_units(wish)])
            if table.row_status and home not in self._store.shape.fixed:
                self._lay_row(table, index, group, candidate)
                continue
            for wish in group:
                if not candidate.has_row(table, index):
                    raise NoCreation(wish.name, "there is no such row", index)
                self._lay_cell(wish, candidate)

    def _command(self, wish: Wish) -> None:
        if wish.value == 0:
            return
        node = self._store.model[wish.name]
        if node.table is not None and not self._store.stands(node.table, wish.index):
            raise NoCreation(wish.name, "there is no such row", wish.index)
        self.commands.append(wish)

    def _lay_row(
        self, table: TableNode, index: Index, group: list[Wish], candidate: Overlay
    ) -> None:
        status = table.row_status
        asked = next((wish for wish in group if wish.name == status), None)
        act = Act.COLUMNS if asked is None else Act(asked.value)
        blamed = status if asked is not None else group[0].name
        live = self._store.live_table(table.name)
        held = candidate.cell(status, index) if live is None else \
            int(Status.ACTIVE) if live.has(index) else None
        state = None if held is None else Status(int(held))  # type: ignore[arg-type]
        if table.name in self._store.unit_made and asked is not None \
                and not self._is_the_units(asked) and act is not Act.DESTROY \
                and (state is None or asked.value != state):
            refused = NoCreation if state is None else WrongValue
            raise refused(blamed, "the unit makes these rows; only destroy is taken", index)
        if live is not None:
            if act is Act.DESTROY and state is not None:
                self.commands += group
            return
        if table.is_job and state is Status.ACTIVE and act is not Act.DESTROY:
            raise InconsistentValue(blamed, "the job has started; destroy cancels it", index)
        if act is not Act.DESTROY and state is None and act is not Act.COLUMNS:
            self._clear(table, index, candidate)
            candidate.cells[status, index] = int(Status.NOT_READY)
        if act is not Act.DESTROY and (state is not None or act is not Act.COLUMNS):
            for wish in group:
                if wish is not asked:
                    self._lay_cell(wish, candidate)
        after = next_status(
            act, state, lambda: self._is_complete(table, index, candidate), blamed, index)
        if after is not None:
            candidate.cells[status, index] = int(after)
            return
        self._clear(table, index, candidate)

    def _is_the_units(self, wish: Wish) -> bool:
        """Whether the unit itself wants it: by `put`, by `@completes` or as system."""
        return self.principal.northbound == "system" or wish.key not in self._spelled

    def _clear(self, table: TableNode, index: Index, candidate: Overlay) -> None:
        for name in self._store.row_cells(table):
            if candidate.cell(name, index) is not None:
                candidate.cells[name, index] = None

    def _is_complete(self, table: TableNode, index: Index, candidate: Overlay) -> bool:
        shape = self._store.shape
        for node in self._store.model.columns(table.name):
            if node.access is Access.READ_CREATE and not node.is_row_status \
                    and self._store.is_served(node.name) \
                    and candidate.cell(node.name, index) is None \
                    and shape.default(node, index) is None:
                return False
        return True

    def _lay_cell(self, wish: Wish, candidate: Overlay) -> None:
        key = wish.key
        if "@" in wish.name:
            candidate.cells[key] = wish.value
            return
        node = self._store.model[wish.name]
        value = wish.value
        if node.syntax.secret:
            if wish.raw or value != b"" or candidate.cell(*key) is not None:
                kept = value if wish.raw or not value else Plain(value)
                candidate.cells[key] = None if kept == b"" else kept
            return
        if node.syntax.base is Base.ANY:
            held = value_in(candidate, node, wish.index)
            if value[:1] != held[:1]:  # type: ignore[index]
                raise WrongType(wish.name, "it keeps the type that it was recorded with",
                                wish.index)
        if node.syntax.convention == "TestAndIncr":
            now = value_in(candidate, node, wish.index)
            if value != now:
                raise InconsistentValue(wish.name, f"it stands at {now!r}", wish.index)
            value = (int(value) + 1) % 2**31  # type: ignore[arg-type]
        default = self._store.shape.default(node, wish.index)
        candidate.cells[key] = None if value == default else value

    def blame(self, refusal: Refused) -> Refused:
        """Give the refusal with a wish of ours as its name. RFC 3416 section 4.2.5."""
        key = (refusal.name, refusal.index)
        if key not in self._asked:
            by_name = [wish.key for wish in self._asked.values() if wish.name == refusal.name]
            named = [wish.key for wish in self._asked.values()
                     if wish.name in refusal.depends_on]
            key = next(iter(by_name or named or self._asked), key)
        return type(refusal)(self._spelled.get(key, key[0]), refusal.why, key[1])

    def commit(self, confirm_within: float | None = None) -> Awaitable[Revision | None]:
        """Make it durable; None when nothing changed. Raises ResourceUnavailable alone.

        confirm_within: seconds after which it is taken back unless `store.confirm` is called.
        """
        self._must_be(State.PREPARED)
        self.state = State.COMMITTED
        return self._store.enqueue(self, confirm_within)

    def rollback(self) -> None:
        """Forget the wishes. One that is committed stays so."""
        self._must_be(State.OPEN, State.PREPARED, State.ROLLED_BACK)
        if self.state is State.PREPARED:
            self._store.tip.withdraw(self)
        self.state = State.ROLLED_BACK


class Plain(bytes):
    """A secret as somebody typed it, on its way to what is kept of it."""
