"""What a ready file says, read from a unit that is ready."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mibagent.errors import Index
from mibagent.model.places import mib_folders
from mibagent.store.live import as_key
from mibagent.store.store import ParameterStore
from mibgateway.lab.ready import PRODUCT, SCHEMA, Listener, Ready, SnmpAccess, User
from mibgateway.services.snmp import SnmpService
from mibgateway.unit import Unit

if TYPE_CHECKING:
    from mibgateway.main import Launch

DOOR = "lab"
"""The laboratory's socket in an ephemeral state."""

LOG = "log"
"""Where whoever starts a unit in the laboratory puts what it writes."""


def describe(launch: Launch, passwords: dict[str, str], *, ephemeral: bool) -> Ready:
    """Give what a ready file says of a unit."""
    unit = launch.unit
    state, store, identity = unit.state.path.absolute(), unit.store, unit.identity
    pki = state / "pki"

    def there(path: Path) -> str | None:
        return str(path) if path.exists() else None

    return Ready(
        SCHEMA, PRODUCT, unit.options.version, os.getpid(), ephemeral, str(state),
        unit.options.listen, identity.serial, identity.mac, identity.oui, identity.product,
        tuple(str(folder) for folder in (*mib_folders(), *launch.mibs)),
        there(state / "console"), there(state / DOOR), there(state / LOG),
        there(pki / "ca.pem"), there(pki / "ca.key"), there(pki / "unit.pem"),
        _snmp(unit), tuple(_user(unit, name, passwords.get(name))
                           for name in _keys(store, "aaaUsersTable")),
        tuple(_listeners(unit)))


def _snmp(unit: Unit) -> SnmpAccess:
    store = unit.store
    v1, v2c, v3 = (bool(store.get(f"snmpEnableSnmpV{number}")) for number in (1, 2, 3))
    community = store.configured.cell("snmpCommunity", ())
    text = community.decode("utf-8", "replace") if isinstance(community, bytes) else "public"
    return SnmpAccess(
        unit.options.listen, _number(unit, "snmpPortInUse"), unit.engine_id.hex(), v1, v2c, v3,
        text if v1 or v2c else None,
        bool(store.get("snmpCommunityMayWrite")), str(unit.state.path.absolute() / "snmp"))


def _user(unit: Unit, name: str, password: str | None) -> User:
    key = name.encode()
    rights = _label(unit, "aaaUsersAccessRights", (key,))
    snmp = unit.host.services["Snmp"].wired.service
    assert isinstance(snmp, SnmpService)
    found = snmp.users.user(key) if snmp.answers_v3 else None
    if found is None or found.unusable or found.auth is None:
        return User(name, rights, password)
    has_other = unit.store.has_secret("aaaUsersPrivPassword", (key,)) \
        or unit.store.has_secret("snmpPrivPassword")
    priv = found.priv.protocol if found.priv is not None else ""
    return User(name, rights, password, found.auth.protocol, priv,
                password if priv and not has_other else None)


def _listeners(unit: Unit) -> Iterator[Listener]:
    store, address = unit.store, unit.options.listen
    port = _number(unit, "snmpPortInUse")
    if port:
        yield Listener("Snmp", "udp", address, port)
    for key in _keys(store, "sipEpGatewayTable"):
        index = (key.encode(),)
        plain = _number(unit, "sipEpGatewayStatusPort", index)
        secure = _number(unit, "sipEpGatewayStatusSecurePort", index)
        for name in ("udp", "tcp"):
            if plain and store.get(f"sipEpTransportConfig{name.capitalize()}Enable", index):
                yield Listener("SipEp", name, address, plain, key)
        if secure:
            yield Listener("SipEp", "tls", address, secure, key)


def _number(unit: Unit, name: str, index: Index = ()) -> int:
    found = unit.store.get(name, index)
    assert isinstance(found, int)
    return found


def _keys(store: ParameterStore, table: str) -> list[str]:
    return [str(as_key(index)) for index in store.rows(store.model.tables[table])]


def _label(unit: Unit, name: str, index: Index) -> str:
    node = unit.model[name]
    return str(node.syntax.print(unit.store.get(name, index)))
