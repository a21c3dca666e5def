"""A LibreNMS definition: how it knows a unit, and what it polls of one."""

from __future__ import annotations

from typing import Any

from mibagent.model.nodes import MibModel, ObjectNode
from mibgateway.platforms.chosen import Chosen, Polled, choose, dotted, is_long
from mibgateway.platforms.yaml_text import yaml_text

DETECTION, DISCOVERY = "os_detection/mibgate.yaml", "os_discovery/mibgate.yaml"
"""Where the files go, below resources/definitions (below includes/definitions in older ones)."""

GOOD, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3

_BAD = {"critical": CRITICAL, "stopped": CRITICAL, "down": CRITICAL, "serverUnreachable": CRITICAL,
        "expired": CRITICAL, "invalid": CRITICAL, "portInUse": CRITICAL, "error": CRITICAL,
        "notResponding": CRITICAL, "networkDown": CRITICAL,
        "warning": WARNING, "expiresSoon": WARNING, "waitingForTime": WARNING,
        "restarting": WARNING, "notYetValid": WARNING, "timeUnknown": UNKNOWN}
"""What a state is worth, by its word; one that is not here is good."""


def librenms_files(model: MibModel) -> dict[str, str]:
    """Give the texts by where they go."""
    return {DETECTION: yaml_text(_detection(model), "How LibreNMS knows a mibgate unit."),
            DISCOVERY: yaml_text(_discovery(model), "What LibreNMS polls of a mibgate unit.")}


def _detection(model: MibModel) -> dict[str, Any]:
    return {
        "os": "mibgate", "text": "mibgate", "type": "collaboration", "icon": "generic",
        "mib_dir": "mibgate", "ifname": True,
        "over": [{"graph": "device_bits", "text": "Device Traffic"},
                 {"graph": "device_processor", "text": "CPU Usage"}],
        "discovery": [{"sysObjectID": ["." + dotted(model.names["mibgateUnit"])],
                       "sysDescr": ["mibgate "]}]}


def _discovery(model: MibModel) -> dict[str, Any]:
    chosen = choose(model)
    states = [_scalar_state(node) for node in chosen.scalars if _is_state(node)]
    counts: list[dict[str, Any]] = []
    for polled in chosen.tables:
        if not polled.columns[0].service:
            continue          # LibreNMS knows the standard ones by itself
        for node in polled.columns:
            if _is_state(node):
                states.append(_row_state(polled, node))
            elif node.units in ("days", "milliseconds"):
                counts.append(_row_count(polled, node))
    return {
        "mib": ":".join(sorted({*_modules(chosen), "ENTITY-MIB"})),
        "modules": {
            "os": {
                "hardware": "ENTITY-MIB::entPhysicalModelName.1",
                "version": "ENTITY-MIB::entPhysicalSoftwareRev.1",
                "serial": "ENTITY-MIB::entPhysicalSerialNum.1"},
            "sensors": {"state": {"data": states}, "count": {"data": counts}}}}


def _modules(chosen: Chosen) -> set[str]:
    nodes = [*chosen.scalars, *(node for polled in chosen.tables for node in polled.columns)]
    return {node.module for node in nodes if node.service}


def _is_state(node: ObjectNode) -> bool:
    return bool(node.service and node.syntax.labels) and not node.name.endswith("NeedRestartInfo")


def _states(node: ObjectNode) -> list[dict[str, Any]]:
    return [{"value": number, "generic": _BAD.get(label, GOOD), "graph": 1, "descr": label}
            for label, number in node.syntax.labels]


def _scalar_state(node: ObjectNode) -> dict[str, Any]:
    return {"oid": f"{node.module}::{node.name}",
            "num_oid": f".{dotted(node.oid)}.{{{{ $index }}}}", "descr": node.name,
            "index": f"{node.name}.{{{{ $index }}}}", "state_name": node.name,
            "states": _states(node)}


def _row(polled: Polled, node: ObjectNode) -> dict[str, Any]:
    module = node.module
    names = " ".join(f"{{{{ {module}::{each.name} }}}}" for each in polled.names
                     if not is_long(each)) or "{{ $index }}"
    return {"oid": f"{module}::{polled.table.name}", "value": f"{module}::{node.name}",
            "num_oid": f".{dotted(node.oid)}.{{{{ $str_index_as_numeric }}}}"
            if _is_named(polled) else f".{dotted(node.oid)}.{{{{ $index }}}}",
            "descr": f"{node.name} {names}", "index": f"{node.name}.{{{{ $index }}}}"}


def _is_named(polled: Polled) -> bool:
    return any(not part.base.is_number for part in polled.table.index_syntaxes)


def _row_state(polled: Polled, node: ObjectNode) -> dict[str, Any]:
    return {**_row(polled, node), "state_name": node.name, "states": _states(node)}


def _row_count(polled: Polled, node: ObjectNode) -> dict[str, Any]:
    return _row(polled, node)
