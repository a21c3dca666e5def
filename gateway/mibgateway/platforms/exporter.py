"""A module of the Prometheus SNMP exporter.

Its file has one form up to version 0.22 and another from 0.23 on, which keeps credentials apart.
"""

from __future__ import annotations

from typing import Any

from mibagent.model.nodes import MibModel, ObjectNode
from mibgateway.platforms.chosen import Polled, choose, dotted, in_one_line, is_counter
from mibgateway.platforms.yaml_text import yaml_text

MODULE = "mibgate"


def exporter_file(model: MibModel) -> str:
    """Give snmp.yml for version 0.23 and later."""
    return yaml_text(
        {"auths": {"mibgate": {"version": 2, "community": "public"}},
         "modules": {MODULE: _module(model)}},
        "A module for the Prometheus SNMP exporter, 0.23 or later, made from the MIBs of mibgate.",
        "Put the unit's community, or a user of SNMPv3, under auths.")


def old_exporter_file(model: MibModel) -> str:
    """Give snmp.yml for versions up to 0.22, as Debian 12 has it."""
    return yaml_text(
        {MODULE: {**_module(model), "version": 2, "auth": {"community": "public"}}},
        "A module for the Prometheus SNMP exporter up to 0.22, made from the MIBs of mibgate.",
        "Put the unit's community, or a user of SNMPv3, under auth.")


def _module(model: MibModel) -> dict[str, Any]:
    chosen = choose(model)
    walked = {dotted(node.oid): None for polled in chosen.tables
              for node in (*polled.columns, *polled.names)}
    metrics = [_metric(node, dotted((*node.oid, 0))) for node in chosen.scalars]
    for polled in chosen.tables:
        metrics += [{**_metric(node, dotted(node.oid)), **_rows(polled)}
                    for node in polled.columns]
    return {"walk": list(walked), "get": [dotted((*node.oid, 0)) for node in chosen.scalars],
            "metrics": metrics}


def _metric(node: ObjectNode, oid: str) -> dict[str, Any]:
    metric: dict[str, Any] = {
        "name": node.name, "oid": oid, "type": "counter" if is_counter(node) else "gauge",
        "help": f"{in_one_line(node.description)} - {dotted(node.oid)}"}
    if node.syntax.labels:
        metric["enum_values"] = {number: label for label, number in node.syntax.labels}
    return metric


def _rows(polled: Polled) -> dict[str, Any]:
    table = polled.table
    indexes: list[dict[str, Any]] = []
    for place, (name, syntax) in enumerate(
            zip(table.index_names, table.index_syntaxes, strict=True)):
        mirror = table.mirrors[place] if place < len(table.mirrors) else ""
        index: dict[str, Any] = {
            "labelname": mirror or name,
            "type": "gauge" if syntax.base.is_number else "DisplayString"}
        if syntax.fixed_size is not None:
            index["fixed_size"] = syntax.fixed_size
        if table.implied and place == len(table.index_names) - 1:
            index["implied"] = True
        indexes.append(index)
    rows: dict[str, Any] = {"indexes": indexes}
    labels = [index["labelname"] for index in indexes]
    lookups = [{"labels": labels, "labelname": node.name, "oid": dotted(node.oid),
                "type": "DisplayString"} for node in polled.names if node.name not in labels]
    if lookups:
        rows["lookups"] = lookups
    return rows
