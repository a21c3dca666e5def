"""`mibgate state`: what a state is, and a copied or moved one taken over."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mibagent.store.journal import summarize
from mibagent.store.live import as_key
from mibagent.store.store import SYSTEM
from mibagent.store.wish import Wish
from mibgateway.errors import StartError
from mibgateway.whereabouts import KEPT, UNIT, Whereabouts, check_kind, suspect

if TYPE_CHECKING:
    from mibgateway.main import Launch
    from mibgateway.unit import Unit

_OWN_ENGINE_ID = "snmpOwnEngineId"


def must_be_there(path: Path) -> None:
    """Raise StartError unless a unit has been started on the path."""
    if not (path / "unit.db").exists():
        raise StartError(f"{path} is no state of a unit")
    check_kind(path, is_agents=False)


# -- show


def show(path: Path) -> Iterator[tuple[str, str]]:
    """Give title and text of what a state is, in use or not. Raises MibgateError."""
    must_be_there(path)
    found = summarize(path / "unit.db", UNIT)
    if found is None or "identity" not in found.memory:
        raise StartError(f"the first start on {path} was never finished")
    identity = json.loads(found.memory["identity"])
    yield "state", str(path.absolute())
    for title, name in (("serial", "serial"), ("MAC", "mac"), ("OUI", "oui"),
                        ("product", "product"), ("profile", "profile"),
                        ("engine ID", "engine_id")):
        if identity.get(name):
            yield title, identity[name]
    yield "starts", found.memory.get("boots", b"0").decode()
    if found.last:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(found.last_at))
        yield "changes", f"{found.last}, the last by {found.last_by} at {when}"
    yield "format", str(found.format)
    yield "place", _place(found.memory, path)
    yield "in use", _user(path)


def _place(memory: Mapping[str, bytes], path: Path) -> str:
    before, here = Whereabouts.read(memory.get(KEPT)), Whereabouts.here(path)
    if before is None:
        return "not written down yet"
    suspicion = suspect(memory, path)
    if suspicion is not None:
        return f"{suspicion.why}: it is to be adopted before it can start"
    machine = "this machine" if before.machine == here.machine else "another machine"
    return machine if before.path == here.path else f"{machine}, {before.path}"


def _user(path: Path) -> str:
    """Say who uses it, without taking the lock that a start would need. proc(5), /proc/locks."""
    try:
        inode = (path / "lock").stat().st_ino
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode):
                return f"by process {words[4]}"
    except (OSError, IndexError):
        pass
    return "no"


# -- adopt


async def adopt(launch: Launch, *, moved: bool, serial: str = "", mac: str = "") -> None:
    """Take a state over: as a unit of its own, or, where it was moved, as the one that it was.

    A unit of its own gets a new SNMP engine ID; its boots count from 0 (RFC 3414 section 2.2.2).
    Serial and MAC are kept unless given. Raises StartError.
    """
    unit = launch.unit
    if unit.is_first_start:
        raise StartError(f"the first start on {unit.state.path} was never finished: "
                         "there is nothing to adopt")
    suspicion = suspect(unit.store.memory, unit.state.path)
    if moved and suspicion is not None and not suspicion.may_be_moved:
        raise StartError(f"{unit.state.path} {suspicion.why}, so it was not moved. Without "
                         "--moved it becomes a unit of its own")
    if not moved:
        await _renew(unit, serial, mac)
    await unit.keep_whereabouts()
    identity = unit.identity
    unit.say(f"{unit.state.path} is {'the' if moved else 'a'} unit {identity.serial}"
             f"{' that it was' if moved else ' of its own'}; its engine ID is "
             f"{identity.engine_id}.")
    if moved:
        return
    if not serial or not mac:
        kept = " and ".join(title for title, given in (("serial number", serial), ("MAC", mac))
                            if not given)
        unit.say(f"Its {kept} stayed: an ACS takes units with one serial number for one. "
                 "--serial and --mac give others.")
    names = users_to_set_again(unit)
    if names:
        unit.say(f"SNMPv3 passwords to be set again: {', '.join(names)}")
        for name in names:
            unit.say(f"  mibgate passwd --state {unit.state.path} {name}")


async def _renew(unit: Unit, serial: str, mac: str) -> None:
    if _OWN_ENGINE_ID in unit.model.objects and unit.store.get(_OWN_ENGINE_ID) != b"":
        with unit.store.begin(SYSTEM, override=True) as transaction:
            transaction.put(Wish(_OWN_ENGINE_ID, (), b""))
            transaction.prepare()
            await transaction.commit()
    fresh = type(unit.identity).fresh(unit.model.names["mibgate"][-1])
    unit.identity = replace(
        unit.identity, engine_id=fresh.engine_id,
        serial=serial or unit.identity.serial, mac=mac or unit.identity.mac)
    await unit.store.remember({"boots": None})
    await unit.keep_identity()


def users_to_set_again(unit: Unit) -> list[str]:
    """Give the users whose SNMPv3 keys are good for another engine ID than the unit's."""
    rows = unit.store.configured.tables.get("aaaUsersTable", {})
    return [str(as_key(index)) for index, row in rows.items()
            if any(_is_for_another(kept, unit.engine_id) for kept in row.values())]


def _is_for_another(kept: object, engine_id: bytes) -> bool:
    if not isinstance(kept, bytes) or not kept:
        return False
    try:
        found = json.loads(kept)
        engine = found.get("engine", "")
    except (ValueError, AttributeError):
        return False
    has_keys = any(value for key, value in found.items() if key not in ("engine", "scrypt"))
    return bool(engine) and has_keys and bytes.fromhex(engine) != engine_id
