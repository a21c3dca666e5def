"""A Zabbix template, in the import format of Zabbix 7.0."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from mibagent.model.nodes import MibModel, ObjectNode
from mibagent.smi.syntax import Base
from mibgateway.platforms.chosen import Polled, choose, dotted, in_one_line, is_counter, is_long
from mibgateway.platforms.yaml_text import yaml_text

TEMPLATE = "mibgate by SNMP"
GROUP = "Templates/Telephony"
DELAY, DISCOVERY_DELAY = "1m", "15m"

TEXTS = ("sysDescr", "sysName", "sysLocation", "entPhysicalSerialNum", "scmUnitHealthText")
"""Texts that are worth a line of their own."""

TRIGGERS = (
    ("scmUnitHealth", 300, "HIGH", "mibgate: the unit is in a critical state"),
    ("scmUnitHealth", 200, "WARNING", "mibgate: the unit reports a warning"),
    ("scmAnyServiceNeedsRestart", 100, "INFO", "mibgate: a service waits for its restart"),
    ("hocTimeSynchronized", 0, "WARNING", "mibgate: the unit does not know the time"),
)
"""Scalar, value, severity, name."""
ROW_TRIGGERS = (
    ("sipEpTlsPersistentConnectionStatusState", 200, "HIGH", "mibgate: a TLS connection is down"),
    ("sipEpGatewayStatusStateCode", 600, "HIGH", "mibgate: a gateway's server is unreachable"),
    ("certHostCertificatesInfoStatus", 300, "HIGH", "mibgate: a certificate has expired"),
    ("certHostCertificatesInfoStatus", 400, "WARNING", "mibgate: a certificate expires soon"),
)
"""Column, value, severity, name."""


def zabbix_file(model: MibModel) -> str:
    """Give the template."""
    chosen = choose(model)
    texts = [model.objects[name] for name in TEXTS if name in model.objects]
    enumerated = [node for node in (*chosen.scalars, *(
        node for polled in chosen.tables for node in polled.columns)) if node.syntax.labels]
    template = {
        "uuid": _uuid("template"), "template": TEMPLATE, "name": TEMPLATE,
        "description": "Made from the MIBs of mibgate.",
        "groups": [{"name": GROUP}],
        "items": [_item(node, _instance(node), node.name) for node in (*texts, *chosen.scalars)],
        "discovery_rules": [_rule(polled) for polled in chosen.tables],
        "valuemaps": [_value_map(node) for node in enumerated],
    }
    return yaml_text(
        {"zabbix_export": {
            "version": "7.0",
            "template_groups": [{"uuid": _uuid(f"group {GROUP}"), "name": GROUP}],
            "templates": [template]}},
        "A template for Zabbix 7.0 or later: Data collection, Templates, Import.",
        "Its hosts have an SNMP interface with the unit's address, port and credentials.")


def _uuid(what: str) -> str:
    """Give an identifier that is the same at each export, in the form that Zabbix wants."""
    digest = hashlib.sha256(f"mibgate {what}".encode()).digest()[:16]
    return uuid.UUID(bytes=digest, version=4).hex


def _instance(node: ObjectNode) -> str:
    return dotted((*node.oid, 0 if node.table is None else 1))


def _item(node: ObjectNode, oid: str, key: str, name: str = "") -> dict[str, Any]:
    item: dict[str, Any] = {
        "uuid": _uuid(f"item {key}"), "name": name or node.name, "type": "SNMP_AGENT",
        "snmp_oid": oid, "key": key, "delay": DELAY,
        "description": in_one_line(node.description)}
    base = node.syntax.base
    if base is Base.OCTETS:
        item |= {"value_type": "TEXT" if is_long(node) else "CHAR", "trends": "0"}
    elif base is Base.INTEGER and any(low < 0 for low, _ in node.syntax.ranges or ((-1, 0),)) \
            and not node.syntax.labels:
        item["value_type"] = "FLOAT"      # UNSIGNED, which is meant unless another is, has no minus
    if base is Base.TIME_TICKS:
        item["units"] = "uptime"
        item["preprocessing"] = [{"type": "MULTIPLIER", "parameters": ["0.01"]}]
    elif is_counter(node):
        item["value_type"] = "FLOAT"
        item["units"] = f"{node.units}/s" if node.units else "/s"
        item["preprocessing"] = [{"type": "CHANGE_PER_SECOND", "parameters": [""]}]
    elif node.units:
        item["units"] = f"!{node.units}"
    if node.syntax.labels:
        item["valuemap"] = {"name": node.name}
    if node.table is None:
        triggers = [_trigger(key, value, priority, text)
                    for of, value, priority, text in TRIGGERS if of == node.name]
        if triggers:
            item["triggers"] = triggers
    return item


def _trigger(key: str, value: int, priority: str, text: str) -> dict[str, Any]:
    return {"uuid": _uuid(f"trigger {key} {value}"),
            "expression": f"last(/{TEMPLATE}/{key})={value}", "name": text, "priority": priority}


def _rule(polled: Polled) -> dict[str, Any]:
    table = polled.table
    known = [("{#NAME" + (str(place) if place else "") + "}", node)
             for place, node in enumerate(polled.names)]
    is_borrowed = any(node.table is not table for _, node in known)
    found = [*known, ("{#VALUE}", polled.columns[0])] if is_borrowed or not known else known
    title = " ".join(_shown(macro, node) for macro, node in known) or "{#SNMPINDEX}"
    prototypes = []
    for node in polled.columns:
        key = f"{node.name}[{{#SNMPINDEX}}]"
        item = _item(node, dotted(node.oid) + ".{#SNMPINDEX}", key, f"{node.name}: {title}")
        triggers = [_trigger(key, value, priority, f"{text}: {title}")
                    for of, value, priority, text in ROW_TRIGGERS if of == node.name]
        if triggers:
            item["trigger_prototypes"] = triggers
        prototypes.append(item)
    oids = ",".join(f"{macro},{dotted(node.oid)}" for macro, node in found)
    rule: dict[str, Any] = {
        "uuid": _uuid(f"rule {table.name}"), "name": table.name, "type": "SNMP_AGENT",
        "snmp_oid": f"discovery[{oids}]", "key": f"{table.name}.discovery",
        "delay": DISCOVERY_DELAY, "description": in_one_line(table.description),
        "item_prototypes": prototypes}
    if is_borrowed:         # rows that have a name there and are none of this table
        rule["filter"] = {"conditions": [
            {"macro": "{#VALUE}", "operator": "EXISTS", "formulaid": "A"}]}
    return rule


def _shown(macro: str, node: ObjectNode) -> str:
    """Give a row's name, cut to what a name of Zabbix can hold."""
    return f'{{{macro}.regsub("^(.{{0,80}})", "\\1")}}' if is_long(node) else macro


def _value_map(node: ObjectNode) -> dict[str, Any]:
    return {"uuid": _uuid(f"valuemap {node.name}"), "name": node.name,
            "mappings": [{"value": str(number), "newvalue": label}
                         for label, number in node.syntax.labels]}
