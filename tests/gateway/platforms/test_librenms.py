"""The LibreNMS definition: what it detects, and sensors whose objects are there."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from mibgateway.platforms.librenms import DETECTION, DISCOVERY, librenms_files
from tests.gateway.kit import Bench, model


@pytest.fixture(scope="module")
def files() -> dict[str, Any]:
    return {name: yaml.safe_load(text) for name, text in librenms_files(model()).items()}


def test_a_unit_is_detected_by_what_it_says(files: dict[str, Any], unit: Bench) -> None:
    detection = files[DETECTION]
    (rule,) = detection["discovery"]
    oid = "." + ".".join(map(str, unit.get("sysObjectID")))
    assert any(oid.startswith(each) for each in rule["sysObjectID"])
    assert any(each in unit.get("sysDescr").decode() for each in rule["sysDescr"])
    assert detection["os"] == "mibgate"


def test_model_version_and_serial_are_read_from_what_a_unit_answers(
    files: dict[str, Any], unit: Bench
) -> None:
    for where in files[DISCOVERY]["modules"]["os"].values():
        name, _, number = where.partition("::")[2].partition(".")
        assert unit.get(name, (int(number),)) is not None


def test_sensors_are_of_objects_that_are_there(files: dict[str, Any]) -> None:
    sensors = files[DISCOVERY]["modules"]["sensors"]
    states = sensors["state"]["data"]
    assert {"scmUnitHealth", "sipEpTlsPersistentConnectionStatusState"} <= {
        each["state_name"] for each in states}
    for each in [*states, *sensors["count"]["data"]]:
        module, _, name = each.get("value", each["oid"]).partition("::")
        node = model().objects[name]
        assert node.module == module and module in files[DISCOVERY]["mib"].split(":")
        number = re.match(r"\.([\d.]+)\.\{\{", each["num_oid"])
        assert number and tuple(map(int, number[1].split("."))) == node.oid
    for each in states:
        node = model().objects[each["state_name"]]
        assert [(state["descr"], state["value"]) for state in each["states"]] == list(
            node.syntax.labels)
        assert {state["generic"] for state in each["states"]} <= {0, 1, 2, 3}


def test_trouble_is_trouble(files: dict[str, Any]) -> None:
    states = {each["state_name"]: {state["descr"]: state["generic"] for state in each["states"]}
              for each in files[DISCOVERY]["modules"]["sensors"]["state"]["data"]}
    assert states["scmUnitHealth"] == {"ok": 0, "warning": 1, "critical": 2}
    assert states["sipEpTlsPersistentConnectionStatusState"]["down"] == 2
    assert states["certHostCertificatesInfoStatus"]["expiresSoon"] == 1


# what resources/definitions/schema of LibreNMS takes
OID_GROUP = re.compile(r"(\.\d+)+\.?")
NUM_OID = re.compile(r"(\.\d+)+(\.?\{\{ \$(index|str_index_as_numeric|subindex\d) \}\})?(\.\d+)*")


def test_the_detection_is_of_the_form_that_librenms_takes(files: dict[str, Any]) -> None:
    detection = files[DETECTION]
    assert {"os", "text", "type", "discovery"} <= set(detection) <= {
        "os", "text", "type", "discovery", "icon", "mib_dir", "ifname", "over"}
    assert all(set(each) == {"graph", "text"} for each in detection["over"])
    for rule in detection["discovery"]:
        assert set(rule) <= {"sysObjectID", "sysDescr"}
        assert all(OID_GROUP.fullmatch(each) for each in rule["sysObjectID"])


def test_the_discovery_is_of_the_form_that_librenms_takes(files: dict[str, Any]) -> None:
    assert set(files[DISCOVERY]) == {"mib", "modules"}
    modules = files[DISCOVERY]["modules"]
    assert set(modules) == {"os", "sensors"}
    assert set(modules["os"]) == {"hardware", "version", "serial"}
    for kind, sensors in modules["sensors"].items():
        assert set(sensors) == {"data"} and kind in ("state", "count")
        for each in sensors["data"]:
            wanted = {"oid", "num_oid", "descr", "index"}
            more = {"state_name", "states"} if kind == "state" else set()
            assert wanted | more <= set(each) <= wanted | more | {"value"}
            assert NUM_OID.fullmatch(each["num_oid"]), each
            for state in each.get("states", ()):
                assert {word: type(held) for word, held in state.items()} == {
                    "value": int, "generic": int, "graph": int, "descr": str}
