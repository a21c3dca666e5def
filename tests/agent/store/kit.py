"""A store over a small MIB of its own, in one turn after another as the test says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, execute
from twisted.python.failure import Failure

from mibagent.errors import Index, Refused
from mibagent.model.load import load_with_findings
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.model.sources import MibFile, gather
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal, Rights
from mibagent.store.journal import Journal
from mibagent.store.layers import Key
from mibagent.store.rows import Status
from mibagent.store.seal import Sealer
from mibagent.store.store import ParameterStore
from mibagent.store.transaction import Transaction
from mibagent.store.wish import Revision, Wish

HERE = Path(__file__).parent
ADMIN = Principal("ada", Rights.ADMIN, "snmp", "192.0.2.1")
USER = Principal("ulf", Rights.USER, "snmp", "192.0.2.2")
OBSERVER = Principal("oda", Rights.OBSERVER, "snmp", "192.0.2.3")

GO, WAIT, ACTIVE, SUSPEND, DESTROY, NOT_READY = (
    int(status) for status in (
        Status.CREATE_AND_GO, Status.CREATE_AND_WAIT, Status.ACTIVE, Status.NOT_IN_SERVICE,
        Status.DESTROY, Status.NOT_READY))

FIG = (b"fig",)
PEAR = (b"pear",)


@cache
def trial(*swaps: tuple[str, str]) -> MibModel:
    """Give the model of the two trial services, with texts swapped in their MIBs."""
    ours = mib_folders()[0]
    files = gather([HERE, ours / "MIBGATE-SMI-MIB.mib", ours / "MIBGATE-TC-MIB.mib",
                    mib_folders()[1]])
    for old, new in swaps:
        assert any(old.encode() in file.content for file in files), old
        files = [MibFile(file.path, file.content.replace(old.encode(), new.encode()))
                 for file in files]
    model, findings = load_with_findings(files)
    assert findings == []
    return model


class Rig:
    """A store whose turns of the reactor and writes to the disk the test gives."""

    def __init__(
        self, folder: Path, model: MibModel | None = None,
        profile: Mapping[Key, Value] | None = None,
    ) -> None:
        self.folder, self.model, self.profile = folder, model or trial(), profile
        self.now = 1000.0
        self.broken: Exception | None = None
        """What each write raises, as a full disk does."""
        self.is_held = False
        """Whether calls in the journal's thread wait for `release`."""
        self.calls = 0
        """Made in the journal's thread so far."""
        self._waiting: list[Callable[[], None]] = []
        self._soon: list[Callable[[], None]] = []
        self.open()

    def open(self) -> None:
        """Open the database, as a start does."""
        self.journal = Journal(self.folder / "unit.db", Sealer.of_file(self.folder / "key"))
        self.unit = self.journal.unit("unit")
        self.store = ParameterStore(
            self.model, self.journal, self.unit, run=self._run, soon=self._soon.append,
            now=lambda: self.now, profile=self.profile)
        self.store.load()

    def reopen(self, model: MibModel | None = None) -> None:
        """Be killed and start again, with another model if one is given."""
        self._soon.clear()
        self._waiting.clear()
        self.is_held = False
        self.journal.close()
        self.model = model or self.model
        self.open()

    def _run(self, call: Callable[[], Any]) -> Deferred[Any]:
        self.calls += 1

        def in_thread() -> Any:
            if self.broken is not None:
                raise self.broken
            return call()

        if not self.is_held:
            return execute(in_thread)
        done: Deferred[Any] = Deferred()

        def go() -> None:
            execute(in_thread).chainDeferred(done)

        self._waiting.append(go)
        return done

    def release(self) -> None:
        """Let what waits in the journal's thread happen."""
        waiting, self._waiting = self._waiting, []
        for go in waiting:
            go()

    def turn(self) -> None:
        """Give the reactor one turn."""
        calls, self._soon = self._soon, self._soon[:0]
        self.store.soon = self._soon.append
        for call in calls:
            call()

    def settle(self) -> None:
        """Give it turns until it has nothing to do."""
        while self._soon:
            self.turn()

    def prepared(self, *wishes: tuple[Any, ...], who: Principal = ADMIN) -> Transaction:
        """Give a prepared transaction: each wish a name, a value and the row if there is one."""
        transaction = self.store.begin(who)
        for name, value, *index in wishes:
            transaction.set(name, index[0] if index else (), value)
        transaction.prepare()
        return transaction

    def asked(self, *wishes: tuple[Any, ...], who: Principal = ADMIN) -> Outcome:
        """Commit without giving it a turn."""
        return Outcome(self.prepared(*wishes, who=who).commit())

    def change(
        self, *wishes: tuple[Any, ...], who: Principal = ADMIN,
        confirm_within: float | None = None,
    ) -> Revision | None:
        """Set, prepare, commit, and give turns until all is done. Raises Refused."""
        outcome = Outcome(self.prepared(*wishes, who=who).commit(confirm_within))
        self.settle()
        return outcome.revision()

    def put(self, *wishes: Wish) -> Revision | None:
        """Change as the unit itself does."""
        with self.store.begin(Principal("system", Rights.ADMIN, "system")) as transaction:
            for wish in wishes:
                transaction.put(wish)
            transaction.prepare()
            outcome = Outcome(transaction.commit())
        self.settle()
        return outcome.revision()

    def awaited(self, awaitable: Awaitable[Any]) -> Any:
        """Give turns until it has an answer; give that, or raise it."""
        outcome = Outcome(awaitable)
        self.settle()
        return outcome.value()

    def refusal(self, *wishes: tuple[Any, ...], who: Principal = ADMIN) -> Refused:
        """Give the refusal of a change, which must have left no trace."""
        before = state_of(self.store)
        try:
            self.change(*wishes, who=who)
        except Refused as refusal:
            self.settle()
            assert state_of(self.store) == before
            return refusal
        raise AssertionError("it was not refused")

    def make(self, *rows: Index, colour: bytes = b"green") -> None:
        """Make fruit."""
        for index in rows:
            self.change(("trialFruitRowStatus", GO, index), ("trialFruitColour", colour, index))


class Outcome:
    """What a commit will have come to."""

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self.found: list[Any] = []
        ensureDeferred(_given(awaitable)).addBoth(self.found.append)

    @property
    def is_open(self) -> bool:
        """Whether nobody has been answered yet."""
        return not self.found

    def value(self) -> Any:
        """Give the answer, or raise it."""
        assert self.found, "no answer yet"
        if isinstance(self.found[0], Failure):
            self.found[0].raiseException()
        return self.found[0]

    def revision(self) -> Revision | None:
        """Give the revision, or raise the refusal."""
        found = self.value()
        assert found is None or isinstance(found, Revision)
        return found


async def _given(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def state_of(store: ParameterStore) -> tuple[Any, ...]:
    """Give all that a refusal must leave as it was."""
    configured = store.configured
    return (
        dict(configured.scalars),
        {name: dict(rows) for name, rows in configured.tables.items() if rows},
        cells_of(store.tip.cells), dict(store.pending), store.audit())


def cells_of(cells: Mapping[Key, Value | None]) -> dict[Key, Value | None]:
    """Give cells, frozen."""
    return dict(cells)


def rows_of(store: ParameterStore, table: str) -> list[Index]:
    """Give a table's rows in order of key."""
    return sorted(store.rows(store.model.tables[table]))


def files_of(folder: Path) -> bytes:
    """Give every octet of the state directory but the key's."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "key")


class Recorder:
    """A listener and participant that writes down what it is told."""

    def __init__(self, store: ParameterStore) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.reacted: list[Revision] = []
        self.noted: list[Revision] = []
        self.further: list[Wish] = []
        self.complaint: Callable[[], None] = lambda: None
        self.checked: list[list[Key]] = []
        store.watch(self)
        store.participants.append(self)

    def changed(self, name: str, index: Index) -> None:
        self.told.append(("changed", name, index))

    def row_added(self, table: str, index: Index) -> None:
        self.told.append(("added", table, index))

    def row_removed(self, table: str, index: Index) -> None:
        self.told.append(("removed", table, index))

    def rows_replaced(self, table: str) -> None:
        self.told.append(("replaced", table))

    def complete(self, candidate: Any, changed: list[Key], asked: list[Wish]) -> Iterable[Wish]:
        return self.further

    def check(self, candidate: Any, changed: list[Key]) -> None:
        self.checked.append(changed)
        self.complaint()

    def note(self, revision: Revision) -> None:
        self.noted.append(revision)

    def react(self, revision: Revision) -> None:
        self.reacted.append(revision)
