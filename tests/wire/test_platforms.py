"""A real poller works with the definition that is made for it: the Prometheus SNMP exporter."""

from __future__ import annotations

import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from mibagent.smi.syntax import Base
from mibgateway.platforms.definitions import of
from tests.wire.programs import require
from tests.wire.unit_process import (
    COMMUNITY,
    Snmp,
    UnitProcess,
    folder,
    free_tcp_port,
    mibgate,
    model,
    until,
)

LINE = re.compile(r'^([A-Za-z_]\w*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Sample = tuple[dict[str, str], float]


OF_V2C = {"version": 2, "auth": {"community": COMMUNITY}}
OF_V3 = {"version": 3, "auth": {
    "security_level": "authPriv", "username": "eva", "password": "a long enough word",
    "auth_protocol": "SHA256", "priv_protocol": "AES", "priv_password": "a long enough word"}}


@contextmanager
def exporter(home: Path, credentials: dict[str, Any]) -> Iterator[int]:
    """Run it with our file and these credentials; give its port."""
    program = require("prometheus-snmp-exporter")
    done = mibgate("mib", "export", "--for", "snmp-exporter-0.22", "--to", home)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    definition = yaml.safe_load(path.read_text())
    ours = definition["mibgate"]
    ours.update(credentials)
    definition["whole"] = {**ours, "walk": ["1.3.6"], "get": []}
    path.write_text(yaml.safe_dump(definition))
    port = free_tcp_port()
    with (home / "exporter.log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"--config.file={path}", f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=log)
    try:
        until(lambda: _listens(port), "the exporter listens")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def scrape(port: int, unit: UnitProcess, module: str = "mibgate") -> dict[str, list[Sample]]:
    """Give the samples by metric."""
    url = f"http://127.0.0.1:{port}/snmp?module={module}&target=127.0.0.1:{unit.port}"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error
    found: dict[str, list[Sample]] = {}
    for line in text.splitlines():
        match = None if line.startswith("#") else LINE.match(line)
        if match:
            labels = dict(LABEL.findall(match.group(2) or ""))
            found.setdefault(match.group(1), []).append((labels, float(match.group(3))))
    return found


def value(found: dict[str, list[Sample]], name: str, **labels: str) -> float:
    """Give the one sample with these labels."""
    (sample,) = [number for known, number in found[name] if labels.items() <= known.items()]
    return sample


def test_a_scrape_by_snmpv1_lacks_the_counters_of_64_bits_alone() -> None:
    with folder("prom") as home, UnitProcess(home, "Snmp.EnableSnmpV1=enable\n") as unit, \
            exporter(home, {**OF_V2C, "version": 1}) as port:
        found = scrape(port, unit)
        text = of(model(), "snmp-exporter-0.22")["mibgate-snmp.yml"]
        wide = {metric["name"] for metric in yaml.safe_load(text)["mibgate"]["metrics"]
                if model()[metric["name"]].syntax.base is Base.COUNTER64}
        assert "ifHCInOctets" in wide
        assert found.keys().isdisjoint(wide)
        assert value(found, "ifOperStatus", ifName="lo") == 1


@pytest.mark.parametrize("credentials", [OF_V2C, OF_V3], ids=["v2c", "v3"])
def test_a_scrape_is_clean_and_says_what_snmp_says(credentials: dict[str, Any]) -> None:
    with folder("prom") as home, UnitProcess(
            home, 'Aaa.Users[UserName=eva].Password="a long enough word"\n') as unit, exporter(
            home, credentials) as port, unit.ask() as snmp:
        before = snmp.get_all(("snmpInPkts", ()), ("sysUpTime", ())).values
        found = scrape(port, unit)
        after = snmp.get_all(("snmpInPkts", ()), ("sysUpTime", ())).values
        for name, low, high in zip(("snmpInPkts", "sysUpTime"), before, after, strict=True):
            assert isinstance(low, int) and isinstance(high, int)
            assert low <= value(found, name) <= high
        lo = next(number for number, name in socket.if_nameindex() if name == "lo")
        assert value(found, "ifOperStatus", ifIndex=str(lo), ifName="lo") == 1
        assert value(found, "ifMtu", ifName="lo") == snmp.get("ifMtu", (lo,))
        assert value(found, "hrStorageSize", hrStorageDescr="Physical memory") == snmp.get(
            "hrStorageSize", (1,))
        assert value(found, "scmServicesInfoExecState", scmServicesInfoName="SipEp") == 100
        assert value(found, "scmUnitHealth") == snmp.get("scmUnitHealth")
        state = snmp.get("sipEpGatewayStatusStateCode", (b"default",))
        assert state == value(
            found, "sipEpGatewayStatusStateCode", sipEpGatewayStatusName="default")
        assert not (home / "exporter.log").read_text().count("level=error")
        every_metric_has_its_samples(found, snmp)
        whole = scrape(port, unit, "whole")
        every_metric_has_its_samples(whole, snmp)
        assert value(whole, "snmp_scrape_pdus_returned") > 1000
        assert not (home / "exporter.log").read_text().count("level=error")


def every_metric_has_its_samples(found: dict[str, list[Sample]], snmp: Snmp) -> None:
    """Hold what was scraped against the definition: each scalar once, each row of each table."""
    text = of(model(), "snmp-exporter-0.22")["mibgate-snmp.yml"]
    rows = Counter(model().find(oid).node.name for oid, _, _ in snmp.walk(bulk=50))
    for metric in yaml.safe_load(text)["mibgate"]["metrics"]:
        assert len(found.get(metric["name"], [])) == rows[metric["name"]], metric["name"]
