"""What Zabbix and LibreNMS are told to ask of a unit, asked of one that runs, in their manner."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
import yaml

from mibagent.smi.oid import Oid, parse_oid
from mibagent.smi.syntax import Value
from tests.wire.programs import require
from tests.wire.unit_process import COMMUNITY, UnitProcess, folder, mibgate

SCRIPT = (
    'SipEp.DefaultStaticProxyOutboundHost="127.0.0.1:9"\n'
    "SipEp.TransportConfig[GatewayName=default].TlsEnable=enable\n")

WITH_ROWS = {
    "ifTable", "ifXTable", "hrStorageTable", "hrDeviceTable", "hrProcessorTable",
    "scmServicesInfoTable", "nlmEventsTable", "nlmActiveTable", "sipEpGatewayStatusTable",
    "sipEpTlsPersistentConnectionStatusTable", "certHostCertificatesInfoTable",
    "certOthersCertificatesInfoTable"}
"""Tables that have rows here; what is asked of others is asked of nobody."""

MACRO = re.compile(r"\{\{(#\w+)\}\.regsub\(\"\^\(\.\{0,80\}\)\", \"\\1\"\)\}|\{(#\w+)\}")
"""A macro in a name, cut to 80 characters or as it is."""


class Scene(NamedTuple):
    """A unit, all that it answers, and the folder with what it gave for platforms."""

    unit: UnitProcess
    values: dict[Oid, Value | None]
    home: Path


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with folder("platforms") as home, UnitProcess(home, SCRIPT) as unit:
        commands, authority = home / "commands", home / "ca.pem"
        authority.write_bytes(trustme.CA().cert_pem.bytes())
        commands.write_text(
            f'Cert.Import Type=Other FileName=ca.pem Path="{authority}"\n'
            'Cert.GenerateSelfSigned FileName=gw.pem CommonName="gw.example.com"\n'
            "Scm.RestartRequiredServices\n", encoding="utf-8")
        for command in (
                ("script", "--state", unit.state, commands), ("mib", "copy", home / "mibs"),
                *(("mib", "export", "--for", each, "--to", home) for each in (
                    "zabbix", "librenms"))):
            done = mibgate(*command)
            assert done.returncode == 0, done.stdout + done.stderr
        with unit.ask() as snmp:
            yield Scene(unit, {oid: value for oid, _, value in snmp.walk(bulk=50)}, home)


# -- Zabbix


def column(scene: Scene, oid: Oid) -> dict[Oid, Value | None]:
    """Give a column's values by index."""
    size = len(oid)
    return {known[size:]: value for known, value in scene.values.items() if known[:size] == oid}


def discovered(scene: Scene, rule: dict[str, Any]) -> dict[Oid, dict[str, Value | None]]:
    """Do what Zabbix does: each index that one of the columns has, with the macros that it has."""
    found: dict[Oid, dict[str, Value | None]] = {}
    for macro, oid in re.findall(r"(\{#\w+\}),([\d.]+)", rule["snmp_oid"]):
        for index, value in column(scene, parse_oid(oid)).items():
            found.setdefault(index, {})[macro] = value
    wanted = [each["macro"] for each in rule.get("filter", {}).get("conditions", ())]
    return {index: macros for index, macros in found.items()
            if all(macro in macros for macro in wanted)}


def is_what_it_says(item: dict[str, Any], value: Value | None, maps: dict[str, set[str]]) -> bool:
    """Tell whether a value is of an item's type, and in its value map where it has one."""
    kind = item.get("value_type", "UNSIGNED")
    if kind in ("CHAR", "TEXT"):
        return isinstance(value, bytes) and value.decode("utf-8") is not None and (
            kind == "TEXT" or len(value.decode("utf-8")) <= 255)
    if not isinstance(value, int) or (kind == "UNSIGNED" and value < 0):
        return False
    return "valuemap" not in item or str(value) in maps[item["valuemap"]["name"]]


def in_place(macros: dict[str, Value | None], match: re.Match[str]) -> str:
    """Give what stands in a name in place of a macro."""
    value = macros["{" + (match[1] or match[2]) + "}"]
    assert isinstance(value, bytes)
    return value.decode()[:80 if match[1] else None]


def test_each_item_of_the_zabbix_template_is_answered_as_it_says(scene: Scene) -> None:
    export = yaml.safe_load((scene.home / "mibgate-zabbix.yaml").read_text("utf-8"))
    (template,) = export["zabbix_export"]["templates"]
    maps = {each["name"]: {mapping["value"] for mapping in each["mappings"]}
            for each in template["valuemaps"]}
    for item in template["items"]:
        value = scene.values.get(parse_oid(item["snmp_oid"]))
        assert is_what_it_says(item, value, maps), (item, value)
    for rule in template["discovery_rules"]:
        rows = discovered(scene, rule)
        assert rows or rule["name"] not in WITH_ROWS, rule["name"]
        for index, macros in rows.items():
            number = ".".join(map(str, index))
            names = set()
            for item in rule["item_prototypes"]:
                oid = item["snmp_oid"].replace("{#SNMPINDEX}", number)
                value = scene.values.get(parse_oid(oid))
                assert is_what_it_says(item, value, maps), (item, index, value)
                names.add(MACRO.sub(partial(in_place, {**macros, "{#SNMPINDEX}": number.encode()}),
                                    item["name"]))
            assert len(names) == len(rule["item_prototypes"])
            assert all(len(name) <= 255 and "{" not in name for name in names), names


# -- LibreNMS


def walked(scene: Scene, module: str, name: str) -> dict[str, str]:
    """Do as LibreNMS does: `column.index` and the value, as net-snmp prints them with our MIBs."""
    done = subprocess.run(
        [require("snmpwalk"), "-v2c", "-c", COMMUNITY, "-OteQUsa", "-m", module,
         "-M", str(scene.home / "mibs"), f"127.0.0.1:{scene.unit.port}", f"{module}::{name}"],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "SNMPCONFPATH": "/nowhere"})
    assert (done.returncode, done.stderr) == (0, "")
    lines = (line.partition(" = ") for line in done.stdout.splitlines() if " = " in line)
    return {key: value for key, _, value in lines if not value.startswith("No Such")}


def numeric(match: re.Match[str], index: str) -> str:
    """Give what LibreNMS puts in place of its word for an index."""
    if match[1] == "index":
        assert re.fullmatch(r"[\d.]+", index), index
        return index
    text = index.strip('"')
    return ".".join(map(str, (len(text), *text.encode())))


def test_each_sensor_of_librenms_is_found_and_polled_to_the_same_value(scene: Scene) -> None:
    found = yaml.safe_load((scene.home / "os_discovery" / "mibgate.yaml").read_text("utf-8"))
    sensors = found["modules"]["sensors"]
    walks: dict[str, dict[str, str]] = {}
    rows = set()
    for sensor in (*sensors["state"]["data"], *sensors["count"]["data"]):
        module, _, name = sensor["oid"].partition("::")
        if sensor["oid"] not in walks:
            walks[sensor["oid"]] = walked(scene, module, name)
        walk = walks[sensor["oid"]]
        value_of = sensor.get("value", sensor["oid"]).partition("::")[2]
        states = {state["value"] for state in sensor.get("states", ())}
        for key, value in walk.items():
            of, _, index = key.partition(".")
            if of != value_of:
                continue
            rows.add(name)
            oid = re.sub(r"\{\{ \$(index|str_index_as_numeric) \}\}",
                         partial(numeric, index=index), sensor["num_oid"])
            assert str(scene.values[parse_oid(oid)]) == value, (sensor, key)
            assert not states or int(value) in states, (sensor, key)
            for wanted in re.findall(r"\{\{ [\w-]+::(\w+) \}\}", sensor["descr"]):
                assert f"{wanted}.{index}" in walk, (sensor, key)
    assert {"scmUnitHealth", "scmServicesInfoTable", "sipEpGatewayStatusTable",
            "sipEpTlsPersistentConnectionStatusTable", "certHostCertificatesInfoTable"} <= rows
