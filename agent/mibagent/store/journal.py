"""The database: what is configured, who changed it, and what the unit remembers.

The only file that speaks SQL. `write` blocks until the batch is on disk; it is called in a thread
of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mibagent.errors import StateError
from mibagent.smi.oid import parse_oid, print_oid
from mibagent.smi.syntax import Value
from mibagent.store.seal import Sealer

FORMAT = 1
"""Of the database; a newer one is refused, an older one is brought up to date."""

KEPT_REVISIONS = 1000

AGENT = "agent"
"""The name, in a database, of an agent that serves somebody else's MIB."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE unit (unit INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE value (unit INTEGER, object TEXT, row TEXT, value, sealed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (unit, object, row)) WITHOUT ROWID;
CREATE TABLE revision (unit INTEGER, number INTEGER, at REAL, principal TEXT, rights INTEGER,
    northbound TEXT, peer TEXT, undoes INTEGER, changes TEXT, commands TEXT,
    PRIMARY KEY (unit, number)) WITHOUT ROWID;
CREATE TABLE secret (id INTEGER PRIMARY KEY, unit INTEGER, sealed BLOB, until INTEGER);
CREATE TABLE certificate (id INTEGER PRIMARY KEY, unit INTEGER, sealed BLOB, until INTEGER);
CREATE TABLE memory (unit INTEGER, key TEXT, value BLOB, PRIMARY KEY (unit, key)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Cell:
    """One changed cell, as the journal keeps it."""

    name: str
    row: str
    """The row's sub-identifiers with dots, or nothing for a scalar."""
    old: Value | None
    new: Value | None
    sealed: bool = False
    volatile: bool = False


@dataclass(frozen=True)
class Entry:
    """One commit, as the journal keeps it."""

    unit: int
    number: int
    at: float
    principal: str
    rights: int
    northbound: str
    peer: str
    cells: tuple[Cell, ...]
    commands: tuple[tuple[str, str], ...] = ()
    undoes: int = 0
    memory: Mapping[str, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """One line of the audit trail, as it may be shown."""

    number: int
    at: float
    principal: str
    northbound: str
    peer: str
    undoes: int
    changes: tuple[tuple[str, str, str, str], ...]
    """Object, row, old and new as text; `********` for what is sealed."""


def _to_sql(value: Value | None) -> int | bytes | str | None:
    if isinstance(value, tuple):
        return print_oid(value)
    if isinstance(value, int) and value >= 2**63:
        return f"u{value}"
    return value


def _from_sql(value: int | bytes | str) -> Value:
    if isinstance(value, str):
        return int(value[1:]) if value.startswith("u") else parse_oid(value)
    return value


def _to_json(value: Value | None) -> Any:
    if isinstance(value, bytes):
        return {"x": value.hex()}
    if isinstance(value, tuple):
        return {"o": print_oid(value)}
    return value


def _from_json(value: Any) -> Value | None:
    if isinstance(value, dict):
        return bytes.fromhex(value["x"]) if "x" in value else parse_oid(value["o"])
    return None if value is None else int(value)


@dataclass(frozen=True)
class Summary:
    """What one unit's part of a database says of itself."""

    format: int
    memory: Mapping[str, bytes]
    """What the unit remembers beside its configuration."""
    last: int
    """The number of the newest revision, 0 before the first."""
    last_at: float
    """When it was made, in seconds since 1970."""
    last_by: str
    """By whom."""


def summarize(path: Path, name: str) -> Summary | None:
    """Read what a database says of a unit, in use or not, and change nothing; None without it.

    Raises StateError.
    """
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=2.0)) as db:
            found = db.execute("SELECT unit FROM unit WHERE name=?", (name,)).fetchone()
            if found is None:
                return None
            held = db.execute("SELECT value FROM meta WHERE key='format'").fetchone()
            newest = db.execute(
                "SELECT number, at, principal FROM revision WHERE unit=?"
                " ORDER BY number DESC LIMIT 1", found).fetchone() or (0, 0.0, "")
            memory = dict(db.execute("SELECT key, value FROM memory WHERE unit=?", found))
            return Summary(held[0] if held else 0, memory, *newest)
    except sqlite3.Error as error:
        raise StateError(f"the database {path} can't be used: {error}") from None


class Journal:
    """One database for all units of a process."""

    def __init__(self, path: Path | str, sealer: Sealer) -> None:
        self._sealer = sealer
        self._path = path
        self._prune_at: dict[int, int] = {}
        with contextlib.ExitStack() as opened:
            try:
                self._db = self._connect()
                opened.callback(self._db.close)
                self._open()
                self._reader = self._connect()
            except sqlite3.Error as error:
                raise StateError(f"the database {path} can't be used: {error}") from None
            opened.pop_all()

    @classmethod
    def in_memory(cls) -> Journal:
        """Give one that nothing is left of at the end of the process."""
        name = secrets.token_hex(8)
        return cls(f"file:mibagent-{name}?mode=memory&cache=shared", Sealer(os.urandom(32)))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=2.0,
            uri=str(self._path).startswith("file:"))

    def _open(self) -> None:
        db = self._db
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA wal_autocheckpoint=1000")
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name='meta'").fetchone():
            with self._whole():
                for statement in _TABLES.split(";"):
                    db.execute(statement)
                db.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
        held = db.execute("SELECT value FROM meta WHERE key='format'").fetchone()
        found = held[0] if held else 0
        if found > FORMAT:
            raise StateError(
                f"the state is of format {found} and this mibgate knows {FORMAT}: "
                "use the newer mibgate that wrote it")
        if found < FORMAT:
            with self._whole():
                self._upgrade(found)

    def _upgrade(self, found: int) -> None:
        """Bring an older database up to date, in one transaction."""
        if found < 1:
            columns = [row[1] for row in self._db.execute("PRAGMA table_info(value)")]
            if "sealed" not in columns:
                self._db.execute("ALTER TABLE value ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0")
            names = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master")}
            for statement in _TABLES.split(";"):
                words = statement.split()
                if len(words) > 2 and words[2] not in names:
                    self._db.execute(statement)
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('format', ?)", (FORMAT,))

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(f"the database {self._path} can't be used: {error}") from None

    def unit(self, name: str) -> int:
        """Give the number of the unit of that name, made when there is none."""
        with self._opening():
            with self._whole():
                self._db.execute("INSERT OR IGNORE INTO unit (name) VALUES (?)", (name,))
            (number,) = self._db.execute("SELECT unit FROM unit WHERE name=?", (name,)).fetchone()
        return int(number)

    def values(self, unit: int) -> Iterator[tuple[str, str, Value]]:
        """Give object, row and value of all that is configured; secrets opened."""
        with self._opening():
            for name, row, value, sealed in self._db.execute(
                    "SELECT object, row, value, sealed FROM value WHERE unit=?"
                    " ORDER BY object, row", (unit,)):
                yield name, row, self._opened(name, value) if sealed else _from_sql(value)

    def _vault(self, name: str) -> str:
        return "certificate" if "@" in name else "secret"

    def _opened(self, name: str, number: int) -> bytes:
        found = self._reader.execute(
            f"SELECT sealed FROM {self._vault(name)} WHERE id=?", (number,)).fetchone()
        if found is None:
            raise StateError(f"the secret of {name} is missing from the database {self._path}")
        return self._sealer.open(found[0], name)

    def give(self, unit: int, values: Iterable[tuple[str, str, Value]]) -> None:
        """Write values that were there before anybody changed any; nobody is told who did."""
        try:
            with self._whole():
                self._db.executemany(
                    "INSERT OR IGNORE INTO value VALUES (?,?,?,?,0)",
                    ((unit, name, row, _to_sql(value)) for name, row, value in values))
        except sqlite3.Error as error:
            raise StateError(f"the database {self._path} can't be written: {error}") from None

    def memory(self, unit: int) -> dict[str, bytes]:
        """Give all that the unit remembers."""
        with self._opening():
            return dict(self._db.execute("SELECT key, value FROM memory WHERE unit=?", (unit,)))

    def last_number(self, unit: int) -> int:
        """Give the number of the newest revision, 0 before the first."""
        with self._opening():
            (number,) = self._db.execute(
                "SELECT max(number) FROM revision WHERE unit=?", (unit,)).fetchone()
        return int(number or 0)

    def write(self, batch: list[Entry]) -> None:
        """Write the batch as one transaction; it is on disk when this returns. Raises OSError."""
        try:
            with self._whole():
                for entry in batch:
                    self._write(entry)
        except sqlite3.Error as error:
            raise OSError(f"the database {self._path} can't be written: {error}") from None

    def _write(self, entry: Entry) -> None:
        changes = []
        for cell in entry.cells:
            if cell.volatile:
                shown = ("********", "********") if cell.sealed else (cell.old, cell.new)
                changes.append([cell.name, cell.row, *map(_shown_volatile, shown)])
                continue
            old, new = (self._reseal(entry, cell) if cell.sealed
                        else (_to_json(cell.old), _to_json(cell.new)))
            changes.append([cell.name, cell.row, old, new])
            if not cell.sealed:
                self._put(entry.unit, cell, _to_sql(cell.new), 0)
        if changes or entry.commands:
            self._db.execute(
                "INSERT OR REPLACE INTO revision VALUES (?,?,?,?,?,?,?,?,?,?)",
                (entry.unit, entry.number, entry.at, entry.principal, entry.rights,
                 entry.northbound, entry.peer, entry.undoes, json.dumps(changes),
                 json.dumps(entry.commands)))
        for key, value in entry.memory.items():
            self._remember(entry.unit, key, value)
        if entry.number >= self._prune_at.get(entry.unit, 0):
            self._prune(entry.unit, entry.number - KEPT_REVISIONS)
            self._prune_at[entry.unit] = entry.number + 100

    def _put(self, unit: int, cell: Cell, value: int | bytes | str | None, sealed: int) -> None:
        if value is None:
            self._db.execute("DELETE FROM value WHERE unit=? AND object=? AND row=?",
                             (unit, cell.name, cell.row))
        else:
            self._db.execute("INSERT OR REPLACE INTO value VALUES (?,?,?,?,?)",
                             (unit, cell.name, cell.row, value, sealed))

    def _reseal(self, entry: Entry, cell: Cell) -> tuple[Any, Any]:
        vault = self._vault(cell.name)
        held = self._db.execute(
            "SELECT value FROM value WHERE unit=? AND object=? AND row=?",
            (entry.unit, cell.name, cell.row)).fetchone()
        if held is not None:
            self._db.execute(f"UPDATE {vault} SET until=? WHERE id=?", (entry.number, held[0]))
        new = None
        if cell.new is not None:
            assert isinstance(cell.new, bytes)
            new = self._db.execute(
                f"INSERT INTO {vault} (unit, sealed) VALUES (?,?)",
                (entry.unit, self._sealer.seal(cell.new, cell.name))).lastrowid
        self._put(entry.unit, cell, new, 1)
        return ({"s": held[0]} if held is not None else None,
                {"s": new} if new is not None else None)

    def _prune(self, unit: int, oldest: int) -> None:
        for vault in ("secret", "certificate"):
            self._db.execute(f"DELETE FROM {vault} WHERE unit=? AND until<=?", (unit, oldest))
        self._db.execute("DELETE FROM revision WHERE unit=? AND number<=?", (unit, oldest))

    def remember(self, unit: int, values: Mapping[str, bytes | None]) -> None:
        """Write what the unit remembers beside its configuration; None forgets."""
        try:
            with self._whole():
                for key, value in values.items():
                    self._remember(unit, key, value)
        except sqlite3.Error as error:
            raise OSError(f"the database {self._path} can't be written: {error}") from None

    def _remember(self, unit: int, key: str, value: bytes | None) -> None:
        if value is None:
            self._db.execute("DELETE FROM memory WHERE unit=? AND key=?", (unit, key))
        else:
            self._db.execute("INSERT OR REPLACE INTO memory VALUES (?,?,?)", (unit, key, value))

    def cells(self, unit: int, number: int) -> list[Cell]:
        """Give the cells of one revision, secrets opened, to take it back."""
        found = self._reader.execute("SELECT changes FROM revision WHERE unit=? AND number=?",
                                     (unit, number)).fetchone()
        cells = []
        for name, row, old, new in json.loads(found[0]) if found else ():
            values = [self._opened(name, value["s"]) if isinstance(value, dict) and "s" in value
                      else _from_json(value) if not isinstance(value, str) else None
                      for value in (old, new)]
            if not isinstance(old, str):
                cells.append(Cell(name, row, values[0], values[1]))
        return cells

    def audit(self, unit: int, last: int = 50) -> list[Audit]:
        """Give the newest revisions, newest first, secrets hidden."""
        lines = []
        for number, at, who, door, peer, undoes, changes in self._reader.execute(
                "SELECT number, at, principal, northbound, peer, undoes, changes FROM revision"
                " WHERE unit=? ORDER BY number DESC LIMIT ?", (unit, last)):
            lines.append(Audit(number, at, who, door, peer, undoes, tuple(
                (name, row, _shown(old), _shown(new))
                for name, row, old, new in json.loads(changes))))
        return lines

    def close(self) -> None:
        """Fold the write-ahead log into the database and close it."""
        self._reader.close()
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()


def _shown_volatile(value: Value | str | None) -> str:
    return value if isinstance(value, str) else _shown(_to_json(value))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        if "s" in value:
            return "********"
        if "o" in value:
            return str(value["o"])
        return bytes.fromhex(value["x"]).decode("utf-8", "backslashreplace")
    return "" if value is None else str(value)
