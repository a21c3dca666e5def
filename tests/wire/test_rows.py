"""Rows made, changed and destroyed with net-snmp's snmpset, in the usual flows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wire.unit_process import UnitProcess, folder

STATUS, CRITERIA, TYPE = "nlmEventsRowStatus", "nlmEventsCriteria", "nlmEventsAction"


@pytest.fixture(scope="module")
def unit() -> Iterator[UnitProcess]:
    with folder("rows") as home, UnitProcess(home) as found:
        yield found


def refused(unit: UnitProcess, *words: str) -> tuple[str, str]:
    """Give the reason that snmpset prints, and the object that it blames."""
    done = unit.snmpset(*words)
    assert done.returncode == 2, done.stdout
    reason = next(line for line in done.stderr.splitlines() if line.startswith("Reason:"))
    blamed = next(line for line in done.stderr.splitlines() if line.startswith("Failed object:"))
    return (reason.partition("(")[0].removeprefix("Reason: ").strip(),
            blamed.removeprefix("Failed object: "))


def works(unit: UnitProcess, *words: str) -> None:
    done = unit.snmpset(*words)
    assert done.returncode == 0, done.stderr


def test_create_and_go_use_and_destroy(unit: UnitProcess) -> None:
    works(unit, f"{STATUS}.31", "i", "createAndGo", f"{CRITERIA}.31", "s", "1400.W")
    assert unit.snmpget(f"{STATUS}.31", f"{CRITERIA}.31") == ["active", "1400.W"]
    assert refused(unit, f"{STATUS}.31", "i", "createAndGo") == (
        "inconsistentValue", f"{STATUS}.31")
    works(unit, f"{STATUS}.31", "i", "destroy")
    assert unit.snmpget(f"{STATUS}.31") == ["No Such Instance currently exists at this OID"]
    works(unit, f"{STATUS}.31", "i", "destroy")


def test_create_and_wait_and_step_by_step(unit: UnitProcess) -> None:
    works(unit, f"{STATUS}.32", "i", "createAndWait")
    works(unit, f"{CRITERIA}.32", "s", "All")
    assert unit.snmpget(f"{STATUS}.32") == ["notInService"]
    works(unit, f"{STATUS}.32", "i", "active")
    works(unit, f"{STATUS}.32", "i", "notInService", f"{CRITERIA}.32", "s", "-1400.D")
    assert unit.snmpget(f"{STATUS}.32", f"{CRITERIA}.32") == ["notInService", "-1400.D"]
    works(unit, f"{STATUS}.32", "i", "destroy")


def test_what_a_row_that_is_not_there_answers(unit: UnitProcess) -> None:
    assert refused(unit, f"{STATUS}.33", "i", "active") == ("inconsistentValue", f"{STATUS}.33")
    assert refused(unit, f"{CRITERIA}.33", "s", "All") == ("inconsistentName", f"{CRITERIA}.33")
    assert refused(unit, f"{STATUS}.33", "i", "notReady") == ("wrongValue", f"{STATUS}.33")


def test_one_wrong_binding_leaves_nothing_and_is_named(unit: UnitProcess) -> None:
    assert refused(unit, f"{STATUS}.34", "i", "createAndGo", f"{CRITERIA}.34", "s", "1400.X",
                   "hocSystemName.0", "s", "never") == ("wrongValue", f"{CRITERIA}.34")
    assert unit.snmpget(f"{STATUS}.34") == ["No Such Instance currently exists at this OID"]
    assert unit.snmpget("hocSystemName.0") != ["never"]


def test_two_managers_share_a_lock(unit: UnitProcess) -> None:
    (held,) = unit.snmpget("snmpSetSerialNo.0")
    works(unit, "snmpSetSerialNo.0", "i", held, "hocSystemName.0", "s", "first")
    assert refused(unit, "hocSystemName.0", "s", "second", "snmpSetSerialNo.0", "i", held) == (
        "inconsistentValue", "snmpSetSerialNo.0")
    assert unit.snmpget("hocSystemName.0", "snmpSetSerialNo.0") == ["first", str(int(held) + 1)]


def test_rows_outlive_a_kill_and_the_alias_of_an_interface_too(unit: UnitProcess) -> None:
    works(unit, f"{STATUS}.35", "i", "createAndGo", f"{CRITERIA}.35", "s", "All")
    works(unit, "ifAlias.1", "s", "loopback of the cellar")
    unit.kill()
    unit.forget_script()
    unit.start()
    assert unit.snmpget(f"{STATUS}.35", "ifAlias.1") == ["active", "loopback of the cellar"]


SECRET = "a long enough word"
ADMIN = ("-v3", "-l", "authPriv", "-u", "eva", "-a", "SHA-256", "-A", SECRET, "-x", "AES",
         "-X", SECRET)


def test_a_volatile_row_ends_with_the_process_and_others_do_not() -> None:
    script = (f'Aaa.Users[UserName=eva].AccessRights=Admin\n'
              f'Aaa.Users[UserName=eva].Password="{SECRET}"\nSnmp.SnmpUser=eva\n')
    with folder("volatile") as home, UnitProcess(home, script) as unit:
        for name, storage in (("118", "volatile"), ("110", "nonVolatile")):
            done = unit.tool(
                "snmpset", *ADMIN, unit.agent, f"snmpTargetAddrRowStatus.{name}", "i",
                "createAndGo", f"snmpTargetAddrTDomain.{name}", "o", "1.3.6.1.6.1.1",
                f"snmpTargetAddrTAddress.{name}", "x", "7F000001270F",
                f"snmpTargetAddrParams.{name}", "s", "nobody",
                f"snmpTargetAddrStorageType.{name}", "i", storage)
            assert done.returncode == 0, done.stderr
        permanent = unit.tool("snmpset", *ADMIN, unit.agent, "snmpTargetAddrStorageType.110", "i",
                              "permanent")
        assert "inconsistentValue" in permanent.stderr
        unit.kill()
        unit.forget_script()
        unit.start()
        found = unit.tool("snmpget", *ADMIN, "-Oqv", unit.agent, "snmpTargetAddrRowStatus.118",
                          "snmpTargetAddrRowStatus.110", "snmpTargetAddrStorageType.110")
        assert found.stdout.splitlines() == [
            "No Such Instance currently exists at this OID", "active", "nonVolatile"]
