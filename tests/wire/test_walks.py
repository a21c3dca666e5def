"""The whole tree of a unit with rows, walked in every way: the same, in order, typed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mibagent.errors import WrongLength, WrongType, WrongValue
from mibagent.smi.oid import Oid, parse_oid
from mibagent.smi.syntax import Value
from tests.wire.unit_process import COMMUNITY, Snmp, UnitProcess, folder, model

SCRIPT = """
Aaa.Users[UserName=ann].AccessRights=User
Aaa.Users[UserName=ann].Password="a long enough word"
Aaa.Users[UserName=ben].AccessRights=User
Nlm.Events[Index=20].Criteria="1400.W"
SipEp.Gateway[Name=second].Port=0
SipEp.Gateway[Name=second].SecurePort=0
Hoc.SystemName="a name with\\ttab"
"""

CHANGING = {
    "sysUpTime", "hocSystemUptime", "hocSystemTime", "ifLastChange", "ipAddressLastChanged",
    "snmpEngineTime"}
"""Objects that are read at different moments, beside all that the host and the engine count."""
OF_THE_HOST = ("if", "hr", "snmpIn", "snmpOut", "snmpStats", "snmpSilent")
COMING_AND_GOING = ("hrSWRunTable", "hrSWRunPerfTable")


@pytest.fixture(scope="module")
def unit() -> Iterator[UnitProcess]:
    with folder("walks") as home, UnitProcess(home, SCRIPT) as found:
        yield found


@pytest.fixture
def snmp(unit: UnitProcess) -> Iterator[Snmp]:
    with unit.ask() as found:
        yield found


def stays(oid: Oid) -> bool:
    """Whether the instance is there in each walk."""
    table = model().find(oid).node.table
    return table is None or table.name not in COMING_AND_GOING


def lasting(rows: list[tuple[Oid, int, Value | None]]) -> dict[Oid, tuple[int, Value | None]]:
    """Give what two walks must have alike."""
    found: dict[Oid, tuple[int, Value | None]] = {}
    for oid, tag, value in rows:
        name = model().find(oid).node.name
        if stays(oid):
            moves = name in CHANGING or name.startswith(OF_THE_HOST)
            found[oid] = (tag, None if moves else value)
    return found


@pytest.mark.parametrize("bulk", [1, 7, 50, 2000])
def test_getbulk_gives_what_getnext_gives(snmp: Snmp, bulk: int) -> None:
    by_next, by_bulk = snmp.walk(), snmp.walk(bulk=bulk)
    assert len(by_next) > 900
    assert lasting(by_bulk) == lasting(by_next)


def test_what_a_walk_names_a_get_finds(snmp: Snmp) -> None:
    walked = lasting(snmp.walk(bulk=50))
    for oid, (tag, value) in walked.items():
        ((name, got_tag, got),) = snmp.ask_oids(0xA0, oid).varbinds  # type: ignore[arg-type]
        assert (name, got_tag) == (oid, tag)
        assert value is None or got == value, model().find(oid).node.name


def test_every_value_is_of_its_syntax_and_in_its_range(snmp: Snmp) -> None:
    for oid, tag, value in snmp.walk(bulk=50):
        node = model().find(oid).node
        assert tag == node.syntax.base.tag, node.name
        assert value is not None
        if node.syntax.secret:
            assert value == b"", node.name
            continue
        try:
            node.check(value)
        except (WrongType, WrongLength, WrongValue) as refusal:
            raise AssertionError(f"{node.name}: {value!r}: {refusal.why}") from None


def test_every_row_has_all_its_columns(snmp: Snmp) -> None:
    rows: dict[tuple[str, object], set[str]] = {}
    for oid, _, _ in snmp.walk(bulk=50):
        node, index = model().find(oid)
        if node.table is not None and stays(oid):
            rows.setdefault((node.table.name, index), set()).add(node.name)
    by_table: dict[str, set[str]] = {}
    for (table, _), columns in rows.items():
        by_table.setdefault(table, set()).update(columns)
    missing = {(table, str(index)): by_table[table] - columns
               for (table, index), columns in rows.items() if columns != by_table[table]}
    assert missing == {}


def named(printed: str) -> list[Oid]:
    """Give the names in what net-snmp prints, without its line that says that all is told."""
    return [parse_oid(line.split(" ")[0]) for line in printed.splitlines()
            if line.startswith(".1.") and "No more variables left" not in line]


def test_net_snmp_walks_it_whole_and_finds_no_wrong_type(unit: UnitProcess, snmp: Snmp) -> None:
    for tool, *more in (("snmpwalk",), ("snmpbulkwalk", "-Cr40")):
        done = unit.tool(tool, *more, "-On", unit.agent, ".1")
        assert done.returncode == 0, done.stderr
        assert {oid for oid in named(done.stdout) if stays(oid)} == set(lasting(snmp.walk(bulk=50)))
        read = unit.tool(tool, *more, unit.agent, ".1")
        assert "Wrong Type" not in read.stdout and "Error" not in read.stderr


def test_a_user_by_snmpv3_sees_the_same(
    unit: UnitProcess, snmp: Snmp
) -> None:
    secret = "a long enough word"
    done = unit.tool(
        "snmpbulkwalk", "-Cr40", "-On", "-v3", "-l", "authPriv", "-u", "ann", "-a", "SHA-256",
        "-A", secret, "-x", "AES", "-X", secret, unit.agent, ".1")
    assert done.returncode == 0, done.stderr
    names = named(done.stdout)
    assert names == sorted(names) and len(set(names)) == len(names)
    assert {oid for oid in names if stays(oid)} >= set(lasting(snmp.walk(bulk=50)))
    assert secret not in done.stdout


def test_pysnmp_walks_it_whole(unit: UnitProcess, snmp: Snmp) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("pysnmp_manager.py")), unit.listen,
         str(unit.port), COMMUNITY], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    names = [parse_oid(line.split(" ")[0]) for line in done.stdout.splitlines()
             if line.startswith("1.")]
    assert names == sorted(names) and len(set(names)) == len(names)
    assert {oid for oid in names if stays(oid)} == set(lasting(snmp.walk(bulk=50)))
