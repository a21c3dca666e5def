"""The files of each platform."""

from __future__ import annotations

from collections.abc import Callable

from mibagent.model.nodes import MibModel
from mibgateway.platforms.exporter import exporter_file, old_exporter_file
from mibgateway.platforms.librenms import librenms_files
from mibgateway.platforms.zabbix import zabbix_file

PLATFORMS: dict[str, Callable[[MibModel], dict[str, str]]] = {
    "snmp-exporter": lambda model: {"mibgate-snmp.yml": exporter_file(model)},
    "snmp-exporter-0.22": lambda model: {"mibgate-snmp.yml": old_exporter_file(model)},
    "zabbix": lambda model: {"mibgate-zabbix.yaml": zabbix_file(model)},
    "librenms": librenms_files,
}


def of(model: MibModel, platform: str) -> dict[str, str]:
    """Give a platform's texts by file name. Raises KeyError for one that is not known."""
    return PLATFORMS[platform](model)
