"""The database: whole batches, older and newer formats, and what it keeps how long."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mibagent.errors import StateError
from mibagent.smi.syntax import Value
from mibagent.store import journal as module
from mibagent.store.journal import FORMAT, KEPT_REVISIONS, Cell, Entry, Journal, summarize
from mibagent.store.seal import Sealer

KEY = bytes(range(32))
ROOT = Path(__file__).resolve().parents[3]


def opened(folder: Path) -> Journal:
    return Journal(folder / "unit.db", Sealer(KEY))


def entry(number: int, *cells: Cell, memory: dict[str, bytes | None] | None = None,
          unit: int = 1) -> Entry:
    return Entry(unit, number, 1000.0 + number, "ada", 100, "snmp", "192.0.2.1", cells,
                 memory=memory or {})


def plain(value: Value | None, name: str = "trialLimit", row: str = "") -> Cell:
    return Cell(name, row, None, value)


@pytest.mark.parametrize("value", [
    0, -(2**31), 2**31 - 1, 2**63 - 1, 2**63, 2**64 - 1, b"", b"\0\xff", b"u7", (0, 0),
    (1, 3, 6, 1, 4294967295)])
def test_every_value_comes_back_as_it_was(tmp_path: Path, value: Value) -> None:
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    journal.write([entry(1, plain(value))])
    assert list(journal.values(unit)) == [("trialLimit", "", value)]
    (cell,) = journal.cells(unit, 1)
    assert (cell.old, cell.new) == (None, value)
    journal.close()


def test_units_of_one_database_know_nothing_of_each_other(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    one, two = journal.unit("one"), journal.unit("two")
    assert (one, two, journal.unit("one")) == (1, 2, 1)
    journal.write([entry(1, plain(1), unit=one), entry(5, plain(2), unit=two)])
    assert [value for *_, value in journal.values(one)] == [1]
    assert [value for *_, value in journal.values(two)] == [2]
    assert (journal.last_number(one), journal.last_number(two), journal.last_number(3)) \
        == (1, 5, 0)
    journal.close()


def test_a_batch_is_whole_or_absent(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    journal.write([entry(1, plain(1))])
    with pytest.raises(OverflowError):
        journal.write([entry(2, plain(2)), entry(3, plain(-(2**70)))])
    assert [value for *_, value in journal.values(unit)] == [1]
    journal.write([entry(2, plain(3))])
    assert journal.last_number(unit) == 2
    journal.close()


def test_a_commit_that_fails_leaves_no_open_transaction(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    journal.write([entry(1, plain(1))])
    journal._db.execute("PRAGMA foreign_keys=ON")
    journal._db.execute("CREATE TABLE host (id INTEGER PRIMARY KEY)")
    journal._db.execute("CREATE TABLE guest (host REFERENCES host DEFERRABLE INITIALLY DEFERRED)")
    journal._db.execute(
        "CREATE TRIGGER spoil AFTER INSERT ON revision BEGIN INSERT INTO guest VALUES (7); END")
    with pytest.raises(OSError, match="FOREIGN KEY"):
        journal.write([entry(2, plain(2))])
    journal._db.execute("DROP TRIGGER spoil")
    journal.write([entry(3, plain(3))])
    assert journal.last_number(unit) == 3
    assert [value for *_, value in journal.values(unit)] == [3]
    journal.close()


def test_a_reader_sees_only_what_is_committed(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    with journal._whole():
        journal._write(entry(1, plain(1)))
        assert (journal.audit(unit), journal.cells(unit, 1)) == ([], [])
    assert len(journal.audit(unit)) == len(journal.cells(unit, 1)) == 1
    journal.close()


def test_it_is_written_in_a_thread_of_its_own(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    thread = threading.Thread(target=journal.write, args=([entry(1, plain(1))],))
    thread.start()
    thread.join()
    assert len(journal.audit(1)) == 1
    journal.close()


def test_every_commit_reaches_the_disk_before_it_is_answered(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
    journal.close()


def test_volatile_cells_are_told_but_not_kept(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    journal.write([entry(1, Cell("bakeRowStatus", "1", None, 1, volatile=True),
                         Cell("bakeCake", "1", None, b"nut", volatile=True),
                         Cell("bakeToken", "1", None, b"sesame", sealed=True, volatile=True))])
    assert list(journal.values(unit)) == []
    assert journal.cells(unit, 1) == []
    assert journal.audit(unit)[0].changes == (
        ("bakeRowStatus", "1", "", "1"), ("bakeCake", "1", "", "nut"),
        ("bakeToken", "1", "********", "********"))
    journal.close()


def test_what_is_remembered_is_written_with_the_commit(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    journal.write([entry(1, plain(1), memory={"confirm:1": b"5.0"})])
    journal.remember(unit, {"boots": b"1"})
    assert journal.memory(unit) == {"confirm:1": b"5.0", "boots": b"1"}
    journal.write([entry(2, plain(2), memory={"confirm:1": None})])
    assert journal.memory(unit) == {"boots": b"1"}
    journal.close()


def test_revisions_and_their_secrets_are_kept_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_REVISIONS", 150)
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    for number in range(1, 1001, 3):    # most numbers are never written: no-ops, refusals
        journal.write([entry(
            number, Cell("trialPassword", "", None, b"pw %d" % number, sealed=True))])
    (revisions,) = journal._db.execute("SELECT count(*) FROM revision").fetchone()
    (secrets,) = journal._db.execute("SELECT count(*) FROM secret").fetchone()
    assert 150 // 3 <= revisions <= 250 // 3 + 1
    assert 0 <= secrets - revisions <= 1
    assert list(journal.values(unit)) == [("trialPassword", "", b"pw 1000")]
    oldest = journal.audit(unit, 1000)[-1].number
    assert [(cell.old, cell.new) for cell in journal.cells(unit, oldest)] \
        == [(b"pw %d" % (oldest - 3), b"pw %d" % oldest)]
    assert KEPT_REVISIONS == 1000
    journal.close()


def test_parts_of_certificates_have_a_vault_of_their_own(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    journal.write([entry(1, Cell("certInfo@key", "1.97", None, b"PEM", sealed=True))])
    assert journal._db.execute("SELECT count(*) FROM certificate").fetchone() == (1,)
    assert list(journal.values(unit)) == [("certInfo@key", "1.97", b"PEM")]
    assert journal.audit(unit)[0].changes == (("certInfo@key", "1.97", "", "********"),)
    journal.close()


# -- the state it finds

def test_a_newer_format_is_refused_in_one_line(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    with sqlite3.connect(tmp_path / "unit.db") as database:
        database.execute("UPDATE meta SET value=?", (FORMAT + 1,))
    with pytest.raises(StateError) as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value) and f"format {FORMAT + 1}" in str(caught.value)
    with sqlite3.connect(tmp_path / "unit.db") as database:
        assert database.execute("SELECT value FROM meta").fetchone() == (FORMAT + 1,)


@pytest.mark.parametrize("format_row", ["('format', 0)", None])
def test_an_older_format_is_brought_up_to_date(tmp_path: Path, format_row: str | None) -> None:
    with sqlite3.connect(tmp_path / "unit.db") as database:
        database.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID")
        if format_row:
            database.execute(f"INSERT INTO meta VALUES {format_row}")
        database.execute(
            "CREATE TABLE unit (unit INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
        database.execute("INSERT INTO unit VALUES (1, 'unit')")
        database.execute("CREATE TABLE value (unit INTEGER, object TEXT, row TEXT, value,"
                         " PRIMARY KEY (unit, object, row)) WITHOUT ROWID")
        database.execute("INSERT INTO value VALUES (1, 'trialLimit', '', 42)")
    for _ in range(2):
        journal = opened(tmp_path)
        assert list(journal.values(journal.unit("unit"))) == [("trialLimit", "", 42)]
        assert journal._db.execute("SELECT value FROM meta WHERE key='format'").fetchone() \
            == (FORMAT,)
        journal.close()
    journal = opened(tmp_path)
    journal.write([entry(1, Cell("trialPassword", "", None, b"pw", sealed=True))])
    journal.remember(1, {"boots": b"1"})
    journal.close()


@pytest.mark.parametrize("content", [b"this is no database, but long enough to be one" * 30])
def test_what_is_no_database_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "unit.db").write_bytes(content)
    with pytest.raises(StateError, match=r"unit\.db can't be used") as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "unit.db").read_bytes() == content


def test_a_folder_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="can't be used"):
        opened(tmp_path / "nowhere")


def test_another_key_opens_no_secret(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    journal.write([entry(1, Cell("trialPassword", "", None, b"pw", sealed=True))])
    journal.close()
    other = Journal(tmp_path / "unit.db", Sealer(bytes(32)))
    with pytest.raises(StateError, match="trialPassword does not open"):
        list(other.values(unit))
    other.close()


def test_a_secret_that_is_missing_is_said(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    unit = journal.unit("unit")
    journal.write([entry(1, Cell("trialPassword", "", None, b"pw", sealed=True))])
    journal._db.execute("DELETE FROM secret")
    with pytest.raises(StateError, match="trialPassword is missing"):
        list(journal.values(unit))
    journal.close()


# -- being killed

WRITER = """
import sys
from pathlib import Path
from mibagent.store.journal import Cell, Entry, Journal
from mibagent.store.seal import Sealer
journal = Journal(Path(sys.argv[1]) / "unit.db", Sealer(bytes(range(32))))
unit = journal.unit("unit")
number = journal.last_number(unit)
while True:
    number += 1
    cells = (Cell("a", "", None, number), Cell("b", "1.97", None, number),
             Cell("pw", "", None, b"%d" % number, sealed=True))
    journal.write([Entry(unit, number, 0.0, "ada", 100, "snmp", "", cells)])
    print(number, flush=True)
"""


def test_what_was_acknowledged_outlives_a_kill_and_nothing_is_half_there(tmp_path: Path) -> None:
    last = 0
    for kill_after in (1, 7, 30):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "agent")})
        assert writer.stdout is not None
        for _ in range(kill_after):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        last = int((writer.stdout.read().split() or [str(last)])[-1])
        writer.wait()
        writer.stdout.close()
        journal = opened(tmp_path)
        found = {name: value for name, _, value in journal.values(journal.unit("unit"))}
        number = journal.last_number(1)
        assert number in (last, last + 1)
        assert found == {"a": number, "b": number, "pw": b"%d" % number}
        journal.close()


def test_a_summary_is_read_beside_whoever_uses_the_database(tmp_path: Path) -> None:
    path = tmp_path / "unit.db"
    journal = Journal(path, Sealer.of_file(tmp_path / "key"))
    assert summarize(path, "unit") is None
    number = journal.unit("unit")
    journal.remember(number, {"word": b"kept"})
    found = summarize(path, "unit")
    assert found is not None
    assert (found.format, found.memory, found.last, found.last_by) == (
        FORMAT, {"word": b"kept"}, 0, "")
    journal.close()
    (tmp_path / "none").write_text("no database")
    with pytest.raises(StateError, match="can't be used"):
        summarize(tmp_path / "none", "unit")
