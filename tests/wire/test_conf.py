"""Scripts from nginx: ordered by SNMPv3 alone and by script, at a start, and cut short."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.gateway.tls.pki import chain_pem, dns, ip, issue
from tests.wire.nginx import ADDRESS, Nginx
from tests.wire.unit_process import UnitProcess, folder, mibgate, until

BEGIN = datetime.now(UTC) - timedelta(days=1)
ROOT = issue("Root", ca=True, number=1, start=BEGIN)
GOOD = issue("files", (*dns("localhost"), *ip(ADDRESS)), by=ROOT, number=2, start=BEGIN)
ELSEWHERE = issue("elsewhere", dns("elsewhere.example"), by=ROOT, number=2, start=BEGIN)
OWN = issue("unit", by=ROOT, number=3, start=BEGIN)

MANY = 5000


@pytest.fixture(scope="module")
def nginx() -> Iterator[Nginx]:
    """Three servers over the same files: a good one, one of another name, one that asks back."""
    with folder("nginx") as home:
        server = Nginx(home)
        server.serve("good", GOOD)
        server.serve("elsewhere", ELSEWHERE)
        server.serve("asks", GOOD, server.authorities(ROOT))
        for name, text in {
            "all.cfg": "Hoc.SystemName=all\nHoc.SystemLocation=cellar\n",
            "one.cfg": "Hoc.SystemName=one\nHoc.Nothing=1\n",
            "start.cfg": "Hoc.SystemContact=start\nScm.RestartUnit\n",
            "many.cfg": "".join(f"Hoc.SystemContact={line}\n" for line in range(1, MANY + 1)),
        }.items():
            (home / "files" / name).write_text(text)
        server.start()
        yield server
        server.stop()


def imports(home: Path) -> str:
    """Give the lines by which a unit trusts ROOT, and is asked by SNMPv3 alone."""
    path = home / "root.pem"
    path.write_bytes(chain_pem(ROOT.certificate))
    return f"Snmp.EnableSnmpV2=disable\nCert.Import Path={path} Type=Other\n"


@pytest.fixture(scope="module")
def unit(nginx: Nginx) -> Iterator[UnitProcess]:
    """A unit that trusts the servers' authority and has a certificate of its own."""
    with folder("conf") as home:
        own = home / "own.pem"
        own.write_bytes(OWN.pem())
        script = imports(home) + f"Cert.Import Path={own} Type=Host\n"
        with UnitProcess(home, script) as running:
            yield running


def value(unit: UnitProcess, name: str) -> str:
    (found,) = unit.snmpget(name)
    return found.strip('"')


def order(unit: UnitProcess) -> str:
    """Have the configured scripts fetched and run by SNMP; give the result."""
    done = unit.snmpset("confConfiguredScriptsTransferAndRun.0", "i", "transferAndRun")
    assert done.returncode == 0, done.stderr
    until(lambda: value(unit, "confScriptsStatsCurrentTransferState.0") == "idle", "idle")
    return value(unit, "confScriptsStatsLastTransferResult.0")


def point_at(unit: UnitProcess, nginx: Nginx, name: str, generic: str = "all.cfg") -> None:
    done = unit.snmpset(
        "confScriptGenericFileName.0", "s", generic,
        "confScriptSpecificFileName.0", "s", "",
        "confScriptsTransferSrvHostname.0", "s", f"{ADDRESS}:{nginx.ports[name]}")
    assert done.returncode == 0, done.stderr


def test_snmpset_and_snmpget_alone_have_the_configured_scripts_run(
    unit: UnitProcess, nginx: Nginx
) -> None:
    point_at(unit, nginx, "good")
    assert order(unit) == "success"
    assert (value(unit, "sysName.0"), value(unit, "sysLocation.0")) == ("all", "cellar")
    assert unit.snmpset("confScriptSpecificFileName.0", "s", "one.cfg").returncode == 0
    assert order(unit) == "executionFailed"
    assert value(unit, "sysName.0") == "one"
    assert value(unit, "confScriptsStatsLastErrors.0").startswith("one.cfg line 2: Hoc.Nothing")


def test_a_job_is_made_watched_and_walked_by_snmp(unit: UnitProcess, nginx: Nginx) -> None:
    port = nginx.ports["good"]
    job = "confScriptTransferAndRun{}.41"
    done = unit.snmpset(
        job.format("Url"), "s", f"https://eva:sesame@{ADDRESS}:{port}/all.cfg",
        job.format("RowStatus"), "i", "createAndGo")
    assert done.returncode == 0, done.stderr
    until(lambda: value(unit, job.format("State")) == "done", "done")
    walked = unit.tool("snmpwalk", "-Oqs", unit.agent, "confScriptTransferAndRunTable").stdout
    assert f"{job.format('Result')} success" in walked
    assert f"{job.format('Bytes')} 45" in walked
    assert f"https://{ADDRESS}:{port}/all.cfg" in walked
    assert "sesame" not in walked + unit.log()


def test_a_script_has_another_fetched_and_waits_for_it(unit: UnitProcess, nginx: Nginx) -> None:
    lines = unit.home / "lines"
    url = f"https://localhost:{nginx.ports['good']}"
    lines.write_text("Hoc.SystemLocation=before\n"
                     f"Conf.ScriptTransferAndRun Url={url}/all.cfg\n")
    assert mibgate("script", "--state", unit.state, lines).returncode == 0
    assert value(unit, "sysLocation.0") == "cellar"
    lines.write_text(f"Conf.ScriptTransferAndRun Url={url}/gone.cfg\n")
    done = mibgate("script", "--state", unit.state, lines)
    assert done.returncode == 1
    assert "line 1: " in done.stderr + done.stdout and "404" in done.stderr + done.stdout


def test_a_certificate_of_another_name_is_a_failed_transfer_with_the_reason(
    unit: UnitProcess, nginx: Nginx
) -> None:
    point_at(unit, nginx, "elsewhere")
    assert order(unit) == "transferFailed"
    said = value(unit, "confScriptsStatsLastErrors.0")
    assert said.startswith("all.cfg: ") and "elsewhere" in said and "HostName" in said


def test_the_units_certificate_is_shown_where_its_association_allows(
    unit: UnitProcess, nginx: Nginx
) -> None:
    point_at(unit, nginx, "asks")
    assert order(unit) == "success"
    row = 'certHostCertificateAssociationConf."own.pem"'
    assert unit.snmpset(row, "i", "disable").returncode == 0
    assert order(unit) == "transferFailed"
    assert unit.snmpset(row, "i", "enable").returncode == 0
    assert order(unit) == "success"


def test_at_a_start_the_script_is_fetched_and_may_restart_the_unit(nginx: Nginx) -> None:
    with folder("start") as home:
        script = imports(home) + (
            "Conf.ScriptGenericFileName=start.cfg\n"
            f"Conf.ScriptsTransferSrvHostname={ADDRESS}:{nginx.ports['good']}\n"
            "Conf.ScriptsTransferOnRestartEnable=enable\n")
        with UnitProcess(home, script) as unit:
            until(lambda: value(unit, "sysContact.0") == "start", "fetched")
            until(lambda: value(unit, "snmpEngineBoots.0") == "2", "restarted")
            until(lambda: value(unit, "confScriptsStatsLastTransferResult.0") == "success", "run")
            assert value(unit, "snmpEngineBoots.0") == "2"


def test_a_run_that_is_killed_leaves_what_it_has_committed_and_none_keeps_the_unit_from_ending(
    nginx: Nginx,
) -> None:
    with folder("killed") as home, UnitProcess(home, imports(home)) as unit:
        url = f"https://{ADDRESS}:{nginx.ports['good']}/many.cfg"
        begin(unit, url)
        seen = until(lambda: int(value(unit, "sysContact.0") or 0), "some lines")
        unit.kill()
        with closing(sqlite3.connect(unit.state / "unit.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        unit.forget_script()
        unit.start()
        assert seen <= int(value(unit, "sysContact.0")) < MANY
        assert order_by_job(unit, url.replace("many", "all")) == "success"
        assert not list((unit.state / "fetched").iterdir())
        begin(unit, url, 2)
        until(lambda: value(unit, "confScriptsStatsCurrentTransferState.0") == "running", "runs")
        assert unit.stop() == 0


def begin(unit: UnitProcess, url: str, number: int = 1) -> None:
    done = unit.snmpset(f"confScriptTransferAndRunUrl.{number}", "s", url,
                        f"confScriptTransferAndRunRowStatus.{number}", "i", "createAndGo")
    assert done.returncode == 0, done.stderr


def order_by_job(unit: UnitProcess, url: str) -> str:
    begin(unit, url)
    until(lambda: value(unit, "confScriptTransferAndRunState.1") == "done", "done")
    return value(unit, "confScriptTransferAndRunResult.1")
