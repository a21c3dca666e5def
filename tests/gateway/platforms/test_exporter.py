"""The Prometheus SNMP exporter's module, in both forms of its file."""

from __future__ import annotations

from typing import Any

import yaml

from mibgateway.platforms.definitions import PLATFORMS, of
from tests.gateway.kit import model


def read(platform: str) -> Any:
    (text,) = of(model(), platform).values()
    return yaml.safe_load(text)


def test_both_forms_hold_the_same_module() -> None:
    new, old = read("snmp-exporter"), read("snmp-exporter-0.22")
    assert set(new) == {"auths", "modules"} and set(old) == {"mibgate"}
    module = dict(old["mibgate"])
    assert (module.pop("version"), module.pop("auth")) == (2, {"community": "public"})
    assert new["modules"]["mibgate"] == module
    assert new["auths"]["mibgate"] == {"version": 2, "community": "public"}


def test_each_metric_is_fetched_and_has_a_type_that_the_exporter_knows() -> None:
    module = read("snmp-exporter")["modules"]["mibgate"]
    names = [metric["name"] for metric in module["metrics"]]
    assert len(set(names)) == len(names)
    for metric in module["metrics"]:
        assert metric["type"] in ("gauge", "counter")
        if "indexes" in metric:
            assert metric["oid"] in module["walk"]
        else:
            assert metric["oid"] in module["get"]
        for lookup in metric.get("lookups", ()):
            assert lookup["oid"] in module["walk"]
            assert lookup["labels"] == [index["labelname"] for index in metric["indexes"]]


def test_a_counter_is_a_counter_and_a_state_has_its_words() -> None:
    metrics = {metric["name"]: metric
               for metric in read("snmp-exporter")["modules"]["mibgate"]["metrics"]}
    assert metrics["ifHCInOctets"]["type"] == "counter"
    assert metrics["scmUnitHealth"]["enum_values"] == {100: "ok", 200: "warning", 300: "critical"}
    assert metrics["ifHCInOctets"]["lookups"][0]["labelname"] == "ifName"
    assert metrics["scmServicesInfoExecState"]["indexes"] == [
        {"labelname": "scmServicesInfoName", "type": "DisplayString"}]


def test_every_platform_gives_files_and_twice_the_same() -> None:
    for platform in PLATFORMS:
        files = of(model(), platform)
        assert files and of(model(), platform) == files
