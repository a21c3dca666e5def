"""Users of SNMPv3: Aaa's, with the keys that were made of their passwords.

Of each password only keys are kept, one for each hash that was allowed when it was set, localised
to the unit's engine ID; every privacy key comes of those. Keys that came by SNMP itself, by
KeyChange or clone-from, stand in the hidden cell `aaaUsers@snmp`, with the protocol that each is
made for, and go before those of the password.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mibagent.errors import InconsistentValue, Index
from mibagent.snmp.auth import Signer
from mibagent.snmp.keys import (
    HASHES,
    LEGACY,
    LEGACY_PRIVACY,
    SHORTEST_PASS_PHRASE,
    localize,
    password_to_key,
    privacy_key,
)
from mibagent.snmp.priv import privacy_of
from mibagent.snmp.users import User
from mibagent.store.layers import View, value_in
from mibagent.store.rows import Status
from mibagent.store.transaction import Plain

OVERRIDE = "aaaUsers@snmp"
"""Keys that came by SNMP, as JSON: `engine`, and `auth` and `priv` with protocol and key."""

MOST_OF_A_NAME = 32
KEY_CHANGES = {
    "usmUserAuthKeyChange": "auth", "usmUserOwnAuthKeyChange": "auth",
    "usmUserPrivKeyChange": "priv", "usmUserOwnPrivKeyChange": "priv",
}
"""Columns that change a key, and which."""

OWN_KEY_CHANGES = ("usmUserOwnAuthKeyChange", "usmUserOwnPrivKeyChange")
"""What whoever it is about may write, whatever his rights."""

MOST_REMOTE = 64
"""Users at other engines whose keys are remembered."""


class AuthProtocol(enum.IntEnum):
    """How the unit's users are authenticated."""

    MD5 = 100
    SHA1 = 200
    SHA224 = 300
    SHA256 = 400
    SHA384 = 500
    SHA512 = 600


class PrivProtocol(enum.IntEnum):
    """How the messages of the unit's users are encrypted."""

    NONE = 0
    DES = 100
    AES128 = 200
    AES192 = 300
    AES256 = 400
    AES192_REEDER = 500
    AES256_REEDER = 600


class UserAuthProtocol(enum.IntEnum):
    """How one user is authenticated."""

    AS_UNIT = 0
    MD5 = 100
    SHA1 = 200
    SHA224 = 300
    SHA256 = 400
    SHA384 = 500
    SHA512 = 600


class UserPrivProtocol(enum.IntEnum):
    """How the messages of one user are encrypted."""

    AS_UNIT = 0
    NONE = 50
    DES = 100
    AES128 = 200
    AES192 = 300
    AES256 = 400
    AES192_REEDER = 500
    AES256_REEDER = 600


AUTH = dict(zip(map(int, AuthProtocol), HASHES, strict=True))
"""Names of protocols, as net-snmp has them, by their numbers in our MIBs."""

PRIV = dict(zip((100, 200, 300, 400, 500, 600),
                ("DES", "AES-128", "AES-192", "AES-256", "AES-192-C", "AES-256-C"), strict=True))


class Running(Protocol):
    """What of Snmp's settings the users depend on."""

    @property
    def auth_protocol(self) -> AuthProtocol: ...
    @property
    def priv_protocol(self) -> PrivProtocol: ...
    @property
    def priv_password(self) -> bytes: ...
    @property
    def allow_legacy_algorithms(self) -> bool: ...


class AsConfigured:
    """What the agent would run with if it started on a layer of the store."""

    def __init__(self, view: View) -> None:
        self._view = view

    def _value(self, name: str) -> Any:
        return value_in(self._view, self._view.shape.model[name], ())

    @property
    def auth_protocol(self) -> AuthProtocol:
        return AuthProtocol(self._value("snmpAuthProtocol"))

    @property
    def priv_protocol(self) -> PrivProtocol:
        return PrivProtocol(self._value("snmpPrivProtocol"))

    @property
    def priv_password(self) -> bytes:
        return bytes(self._value("snmpPrivPassword"))

    @property
    def allow_legacy_algorithms(self) -> bool:
        return bool(self._value("snmpAllowLegacyAlgorithms"))


class Unusable(Exception):
    """Why a user can't come in by SNMPv3."""


@dataclass(frozen=True)
class Keeping:
    """What is kept of a password that is set now."""

    hashes: tuple[str, ...] = tuple(name for name in HASHES if name not in LEGACY)
    masters: bool = False
    """Whether also the keys of which those for other engines are made."""

    @classmethod
    def of(cls, view: View) -> Keeping:
        """Give what the parameters say in a layer of the store."""
        kept = cls(masters=bool(view.cell("snmpKeepInformKeys", ())))
        return replace(kept, hashes=tuple(HASHES)) \
            if view.cell("snmpAllowLegacyAlgorithms", ()) else kept


MODERN = Keeping()
"""What is kept where nothing was changed."""


def keys_of(password: bytes, engine_id: bytes, keeping: Keeping = MODERN) -> dict[str, Any]:
    """Give what is kept of a password for SNMPv3; no keys of one under 8 octets.

    Takes some milliseconds: call it in a thread.
    """
    found: dict[str, Any] = {"engine": engine_id.hex(), "keys": {}}
    if len(password) < SHORTEST_PASS_PHRASE:
        return found
    masters = {name: password_to_key(name, password) for name in keeping.hashes}
    found["keys"] = {name: localize(name, key, engine_id).hex() for name, key in masters.items()}
    if keeping.masters:
        found["masters"] = {name: key.hex() for name, key in masters.items()}
    return found


def private_keys_of(password: bytes, engine_id: bytes, keeping: Keeping = MODERN) -> bytes:
    """Give what is kept of a privacy password."""
    return json.dumps(keys_of(password, engine_id, keeping)).encode() if password else b""


def _read(cell: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cell) if type(cell) is bytes and cell else {}
    return found


def has_keys(view: View, key: Index) -> bool:
    """Whether a user has keys for SNMPv3, or is about to get them with a password."""
    password = view.cell("aaaUsersPassword", key)
    if isinstance(password, Plain):
        return len(password) >= SHORTEST_PASS_PHRASE
    return "auth" in _read(view.cell(OVERRIDE, key)) or bool(_read(password).get("keys"))


def names_in(view: View) -> Iterator[bytes]:
    """Give the names of all users, whatever their row's state."""
    for (name,) in view.rows(view.shape.model.tables["aaaUsersTable"]):
        assert isinstance(name, bytes)
        yield name


class KeyRing:
    """One user's keys in one layer of the store."""

    def __init__(self, view: View, running: Running, name: bytes, engine_id: bytes) -> None:
        self._view, self._running = view, running
        self._name, self._engine_id = name, engine_id
        is_new = isinstance(self._cell("aaaUsersPassword"), Plain)
        self.override = {} if is_new else _read(self._cell(OVERRIDE))
        self._password = _read(self._cell("aaaUsersPassword"))

    def _cell(self, column: str) -> Any:
        return self._view.cell(column, (self._name,))

    @property
    def auth_protocol(self) -> str:
        """The hash that authenticates the user."""
        if "auth" in self.override:
            return str(self.override["auth"][0])
        return AUTH[int(self._cell("aaaUsersAuthProtocol") or self._running.auth_protocol)]

    @property
    def priv_protocol(self) -> str:
        """What encrypts the user's messages, or nothing."""
        asked = int(self._cell("aaaUsersPrivProtocol") or 0)
        if asked == UserPrivProtocol.NONE:
            return ""
        if "priv" in self.override:
            return str(self.override["priv"][0])
        return PRIV.get(asked or int(self._running.priv_protocol), "")

    def auth_key(self) -> bytes:
        """Give the localised key. Raises Unusable with the reason."""
        self._is_sound()
        protocol = self.auth_protocol
        if protocol in LEGACY and not self._running.allow_legacy_algorithms:
            raise Unusable(f"{_said(protocol)} is refused while Snmp.AllowLegacyAlgorithms is off")
        if "auth" in self.override:
            return bytes.fromhex(self.override["auth"][1])
        return self._key_in(self._password, protocol, "its password")

    def priv_key(self) -> bytes:
        """Give the privacy protocol's key. Raises Unusable with the reason."""
        protocol = self.priv_protocol
        if protocol in LEGACY_PRIVACY and not self._running.allow_legacy_algorithms:
            raise Unusable(f"{protocol} is refused while Snmp.AllowLegacyAlgorithms is off")
        if "priv" in self.override:
            return bytes.fromhex(self.override["priv"][1])
        kept, whose = self._privacy()
        key = self._key_in(kept, self.auth_protocol, whose)
        return privacy_key(self.auth_protocol, key, protocol, self._engine_id)

    def _privacy(self) -> tuple[dict[str, Any], str]:
        """Give what is kept of the privacy password, and whose it is."""
        own = _read(self._cell("aaaUsersPrivPassword"))
        if own:
            return own, "its privacy password"
        common = _read(self._running.priv_password)
        return (common, "Snmp.PrivPassword") if common else (self._password, "its password")

    def _is_sound(self) -> None:
        if len(self._name) > MOST_OF_A_NAME:
            raise Unusable("its name is longer than SNMPv3's 32 octets")
        if self.override and self.override.get("engine") != self._engine_id.hex():
            raise Unusable("its keys are for another engine ID: set its password again")
        if not self._password and "auth" not in self.override:
            raise Unusable("it has no password")

    def _key_in(self, kept: dict[str, Any], protocol: str, whose: str) -> bytes:
        if not kept:
            raise Unusable(f"there is no key of {whose}: set it again")
        if kept["engine"] != self._engine_id.hex():
            raise Unusable(f"{whose} was set for another engine ID: set it again")
        if not kept["keys"]:
            raise Unusable(f"{whose} is under {SHORTEST_PASS_PHRASE} characters")
        if protocol not in kept["keys"]:
            raise Unusable(
                f"{whose} was set while {_said(protocol)} was not allowed: set it again")
        return bytes.fromhex(kept["keys"][protocol])

    def user(self) -> User:
        """Give the user with keys at our engine. Raises Unusable."""
        signer = Signer(self.auth_protocol, self.auth_key())
        protocol = self.priv_protocol
        privacy = privacy_of(protocol, self.priv_key()) if protocol else None
        return User(self._name, self._engine_id, signer, privacy)

    def user_at(self, engine_id: bytes) -> User | None:
        """Give the user with keys at another engine; unusable where no master key is kept."""
        auth = self.auth_protocol
        kept, _ = self._privacy()
        masters = self._password.get("masters", {}), kept.get("masters", {})
        if "auth" in self.override or any(auth not in keys for keys in masters):
            return User(self._name, engine_id, None, unusable=_NO_INFORM_KEYS)
        keys = [localize(auth, bytes.fromhex(found[auth]), engine_id) for found in masters]
        protocol = self.priv_protocol
        privacy = privacy_of(protocol, privacy_key(auth, keys[1], protocol, engine_id)) \
            if protocol else None
        return User(self._name, engine_id, Signer(auth, keys[0]), privacy)

    def lacks_legacy(self) -> bool:
        """Whether the password has keys, but none for the algorithms that are off by default."""
        keys = self._password.get("keys", {})
        return bool(keys) and not LEGACY.issubset(keys)


_NO_INFORM_KEYS = "no keys at other engines, which informs need: enable " \
                  "Snmp.KeepInformKeys, then set its password again"


def _said(protocol: str) -> str:
    return "SHA-1" if protocol == "SHA" else protocol


class SnmpUsers:
    """Answers as `Users` does, from what is configured now; users are made when first asked for."""

    def __init__(self, view: View, engine_id: Callable[[], bytes]) -> None:
        """engine_id: gives the one that the agent runs with."""
        self.running: Running | None = None
        self._view, self._engine_id = view, engine_id
        self._known: dict[bytes, User] = {}
        self._remote: dict[tuple[bytes, bytes], User | None] = {}

    def forget(self) -> None:
        """Make users anew: something of them has changed."""
        self._known.clear()
        self._remote.clear()

    def ring(self, name: bytes) -> KeyRing | None:
        """Give the keys of a user whose row is active."""
        if self.running is None \
                or self._view.cell("aaaUsersRowStatus", (name,)) != Status.ACTIVE:
            return None
        return KeyRing(self._view, self.running, name, self._engine_id())

    def user(self, name: bytes) -> User | None:
        """Give the user with keys at our own engine; None for nobody."""
        found = self._known.get(name)
        if found is None:
            ring = self.ring(name)
            if ring is None:
                return None
            try:
                found = ring.user()
            except Unusable as error:
                found = User(name, self._engine_id(), None, unusable=str(error))
            self._known[name] = found       # as many as there are rows
        return found

    def user_at(self, name: bytes, engine_id: bytes) -> User | None:
        """Give the user with keys at another engine, for informs."""
        key = (name, engine_id)
        if key not in self._remote:
            if len(self._remote) >= MOST_REMOTE:
                self._remote.clear()
            ring = self.ring(name)
            self._remote[key] = None if ring is None else ring.user_at(engine_id)
        return self._remote[key]

    def complaints(self) -> Iterator[tuple[str, str]]:
        """Give each user that can't come in, and why."""
        assert self.running is not None
        for name in names_in(self._view):
            user = self.user(name)
            if user is not None and user.unusable:
                yield _text(name), user.unusable
            elif self.running.allow_legacy_algorithms:
                ring = self.ring(name)
                if ring is not None and ring.lacks_legacy():
                    yield _text(name), "its password has to be set again before it can have " \
                                       "MD5 or SHA-1"


def check_protocols(view: View, name: str, value: int, index: Index = ()) -> None:
    """Refuse a legacy algorithm that is not allowed. Raises InconsistentValue."""
    legacy = {100: "MD5", 200: "SHA-1"} if "Auth" in name else {100: "DES"}
    if value in legacy and not view.cell("snmpAllowLegacyAlgorithms", ()):
        whose = f" of the user {index[0].decode(errors='replace')}" \
            if index and isinstance(index[0], bytes) else ""
        raise InconsistentValue(
            name, f"{legacy[value]}{whose} is refused unless Snmp.AllowLegacyAlgorithms allows it",
            index)


def check_engine_id(view: View, engine_id: bytes) -> None:
    """Refuse an engine ID for which the keys of users are not. Raises InconsistentValue."""
    orphans = []
    for name in names_in(view):
        for cell in ("aaaUsersPassword", "aaaUsersPrivPassword", OVERRIDE):
            held = view.cell(cell, (name,))
            if type(held) is bytes and held and _read(held).get("engine") != engine_id.hex() \
                    and (cell == OVERRIDE or _read(held)["keys"]):
                orphans.append(_text(name))
                break
    common = view.cell("snmpPrivPassword", ())
    if type(common) is bytes and common and _read(common).get("engine") != engine_id.hex():
        orphans.append("Snmp.PrivPassword")
    if orphans:
        raise InconsistentValue(
            "snmpOwnEngineId", "SNMPv3 keys were made for the present engine ID and would be "
            f"orphaned: set these passwords anew in the same change: {', '.join(orphans)}")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
