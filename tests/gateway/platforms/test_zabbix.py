"""The Zabbix template is one that Zabbix 7.0 takes: its fields, identifiers and references."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from mibgateway.platforms.zabbix import zabbix_file
from tests.gateway.kit import model

UUID4 = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")
ITEM = {"uuid", "name", "type", "snmp_oid", "key", "delay", "description", "value_type", "trends",
        "units", "preprocessing", "valuemap", "triggers", "trigger_prototypes"}
RULE = {"uuid", "name", "type", "snmp_oid", "key", "delay", "description", "item_prototypes",
        "filter"}


@pytest.fixture(scope="module")
def export() -> Any:
    return yaml.safe_load(zabbix_file(model()))["zabbix_export"]


def parts(value: Any) -> list[dict[str, Any]]:
    """Give every mapping in a document."""
    if isinstance(value, dict):
        return [value, *(part for inner in value.values() for part in parts(inner))]
    if isinstance(value, list):
        return [part for inner in value for part in parts(inner)]
    return []


def test_the_form_is_that_of_7_0(export: Any) -> None:
    assert export["version"] == "7.0"
    assert set(export) == {"version", "template_groups", "templates"}
    (template,) = export["templates"]
    assert set(template) == {"uuid", "template", "name", "description", "groups", "items",
                             "discovery_rules", "valuemaps"}
    assert template["groups"] == [{"name": export["template_groups"][0]["name"]}]


def test_identifiers_are_uuids_of_version_4_and_none_is_there_twice(export: Any) -> None:
    found = [part["uuid"] for part in parts(export) if "uuid" in part]
    assert all(UUID4.fullmatch(each) for each in found)
    assert len(set(found)) == len(found)


def test_items_have_fields_that_zabbix_knows_and_keys_of_their_own(export: Any) -> None:
    (template,) = export["templates"]
    items = [*template["items"], *(item for rule in template["discovery_rules"]
                                   for item in rule["item_prototypes"])]
    for item in items:
        assert set(item) <= ITEM
        assert item["type"] == "SNMP_AGENT"
        assert item.get("value_type", "UNSIGNED") in ("UNSIGNED", "FLOAT", "CHAR", "TEXT")
        assert len(item["name"]) <= 255 and len(item["key"]) <= 2048
        assert re.fullmatch(r"[\d.]+(\{#SNMPINDEX\})?", item["snmp_oid"])
        assert len(item.get("units", "")) <= 255
    for rule in template["discovery_rules"]:
        assert set(rule) <= RULE
        assert len(rule["snmp_oid"]) <= 512
        for condition in rule.get("filter", {}).get("conditions", ()):
            assert set(condition) == {"macro", "operator", "formulaid"}
            assert condition["operator"] == "EXISTS" and condition["macro"] in rule["snmp_oid"]
        assert re.fullmatch(r"discovery\[(\{#\w+\},[\d.]+,?)+\]", rule["snmp_oid"])
        for item in rule["item_prototypes"]:
            assert item["key"].endswith("[{#SNMPINDEX}]")
    keys = [item["key"] for item in (*items, *template["discovery_rules"])]
    assert len(set(keys)) == len(keys)


def test_value_maps_are_there_for_whoever_names_them(export: Any) -> None:
    (template,) = export["templates"]
    maps = {each["name"] for each in template["valuemaps"]}
    named = {part["valuemap"]["name"] for part in parts(export) if "valuemap" in part}
    assert named == maps and "ifOperStatus" in maps
    assert len(template["valuemaps"]) == len(maps)
    for each in template["valuemaps"]:
        assert len(each["name"]) <= 64
        assert all(len(mapping[word]) <= 64 for mapping in each["mappings"] for word in mapping)


def test_who_borrows_names_takes_only_rows_of_its_own(export: Any) -> None:
    (template,) = export["templates"]
    rules = {rule["name"]: rule for rule in template["discovery_rules"]}
    assert "{#VALUE},1.3.6.1.2.1.25.3.3.1.2" in rules["hrProcessorTable"]["snmp_oid"]
    assert rules["hrProcessorTable"]["filter"]["conditions"][0]["macro"] == "{#VALUE}"
    assert "filter" not in rules["scmServicesInfoTable"]


def test_triggers_are_about_items_of_the_template(export: Any) -> None:
    (template,) = export["templates"]
    keys = {part["key"] for part in parts(template) if "key" in part}
    triggers = [part for part in parts(template) if "expression" in part]
    assert len(triggers) >= 8
    for trigger in triggers:
        match = re.fullmatch(r"last\(/(.+?)/(.+)\)=(\d+)", trigger["expression"])
        assert match and match[1] == template["template"] and match[2] in keys
        values = model().objects[match[2].partition("[")[0]].syntax.labels
        assert int(match[3]) in dict(values).values() or int(match[3]) in {
            number for _, number in values}
        assert trigger["priority"] in ("INFO", "WARNING", "HIGH")


def test_counters_are_rates_and_times_are_seconds(export: Any) -> None:
    items = {part["key"]: part for part in parts(export) if "preprocessing" in part}
    assert items["snmpInPkts"]["preprocessing"][0]["type"] == "CHANGE_PER_SECOND"
    assert items["ifHCInOctets[{#SNMPINDEX}]"]["value_type"] == "FLOAT"
    assert items["sysUpTime"]["preprocessing"] == [{"type": "MULTIPLIER", "parameters": ["0.01"]}]
