"""SNMP-USER-BASED-SM-MIB: Aaa's users as SNMPv3 has them, and keys that are changed by SNMP.

One set of users: each user with keys has a row here, and whoever makes, suspends or destroys one of
the two rows does so to both. A key change touches the SNMPv3 keys alone; the password stays.

RFC 3414 section 5.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import ensureDeferred

from mibagent.errors import (
    InconsistentName,
    InconsistentValue,
    Index,
    NoCreation,
    WrongLength,
    WrongValue,
)
from mibagent.service.service import Service, Wishes, check, completes, provides
from mibagent.service.settings import Row, Table, layer_of
from mibagent.smi.oid import Oid
from mibagent.snmp.auth import NO_AUTH, PROTOCOLS
from mibagent.snmp.counters import OF_V3
from mibagent.snmp.keys import changed_key
from mibagent.store.access import Principal
from mibagent.store.layers import View
from mibagent.store.live import as_key
from mibagent.store.rows import Status
from mibagent.store.storage import Storage
from mibagent.store.store import SYSTEM
from mibagent.store.wish import Wish
from mibgateway.snmp_users import (
    AUTH,
    KEY_CHANGES,
    MOST_OF_A_NAME,
    OVERRIDE,
    OWN_KEY_CHANGES,
    PRIV,
    AsConfigured,
    KeyRing,
    Running,
    Unusable,
    UserPrivProtocol,
    has_keys,
    names_in,
)

TABLE = "usmUserTable"
ZERO: Oid = (0, 0)
_PRIV_PROTOCOLS: Oid = (1, 3, 6, 1, 6, 3, 10, 1, 2)
NO_PRIV: Oid = (*_PRIV_PROTOCOLS, 1)
STANDARD = {"DES": (*_PRIV_PROTOCOLS, 2), "AES-128": (*_PRIV_PROTOCOLS, 4)}
OURS = {"AES-192": "snmpAes192Protocol", "AES-256": "snmpAes256Protocol",
        "AES-192-C": "snmpAes192ReederProtocol", "AES-256-C": "snmpAes256ReederProtocol"}
"""No standard names these, so our own MIB does."""

_STATES = (Status.ACTIVE, Status.NOT_IN_SERVICE)


@dataclass(frozen=True)
class UsmUserRow(Row):
    """One user, at our engine."""

    public: bytes
    storage_type: Storage


@dataclass(frozen=True)
class UsmSettings:
    """The writable objects of SNMP-USER-BASED-SM-MIB."""

    usm_user: Table[UsmUserRow]
    usm_user_spin_lock: int


class UsmService(Service[UsmSettings]):
    """Keeps Aaa's users and the standard table one set, and changes keys."""

    mib = "SNMP-USER-BASED-SM-MIB"
    settings = UsmSettings

    def derive(self) -> Mapping[str, Callable[[bytes], bytes]]:
        return {name: lambda change: b"" for name in KEY_CHANGES}

    def owners(self) -> Mapping[str, Callable[[Principal, Index], bool]]:
        """Give whose the objects are that nobody else may write, and no community of his."""
        return {name: lambda principal, index:
                principal.proven and index[1:] == (principal.name.encode(),)
                for name in OWN_KEY_CHANGES}

    # -- one set of users

    @completes(TABLE, "aaaUsersPassword", "aaaUsersRowStatus", "aaaUsersPrivProtocol",
               "snmpOwnEngineId")
    def both_tables_have_the_same_users(
        self, wanted: UsmSettings, wishes: Wishes
    ) -> Iterable[Wish]:
        """Give the wishes that the other table follows with, and the keys that a change makes."""
        changing = _Changing(self, layer_of(wanted), wishes)
        yield from changing.wishes()

    @check("usmUserCloneFrom", "usmUserStatus")
    def a_user_has_keys(self, wanted: UsmSettings, row: UsmUserRow) -> None:
        """Refuse an active row of a user without keys."""
        name = row.index[1]
        if not has_keys(layer_of(wanted), (name,)):
            raise InconsistentValue(
                "usmUserStatus", "it has no keys: clone it from a user that has", row.index)

    # -- what is read

    @provides("usmUserCloneFrom")
    def clone_from(self, key: Any) -> Oid:
        """Nothing, whatever was set. RFC 3414 section 5."""
        return ZERO

    @provides("usmUserSecurityName")
    def security_name(self, key: Any) -> str:
        """The user's name."""
        return str(key[1])

    @provides("usmUserAuthProtocol")
    def auth_protocol(self, key: Any, view: View | None = None) -> Oid:
        """What the user's keys authenticate with."""
        ring = self.ring(key[1], view)
        return NO_AUTH if ring is None else PROTOCOLS[ring.auth_protocol]

    @provides("usmUserPrivProtocol")
    def priv_protocol(self, key: Any, view: View | None = None) -> Oid:
        """What the user's keys encrypt with."""
        ring = self.ring(key[1], view)
        return self.named_privacy(ring.priv_protocol if ring is not None else "")

    def named_privacy(self, protocol: str) -> Oid:
        """Give the object identifier of a privacy protocol, or of none."""
        if not protocol:
            return NO_PRIV
        if protocol in STANDARD:
            return STANDARD[protocol]
        name: Oid = self.unit.model.names[OURS[protocol]]
        return name

    @provides(*(name for name in OF_V3 if name.startswith("usmStats")))
    def counter(self, name: str) -> int:
        """One of the engine's counters."""
        return int(self.unit.counters()[name]) & 0xFFFFFFFF

    # -- keys

    def running(self, view: View) -> Running:
        """Give what the agent runs with; while it is stopped, what it would start with."""
        running: Running | None = self.unit.host.services["Snmp"].wired.service.users.running
        return running or AsConfigured(view)

    def ring(self, name: str, view: View | None = None) -> KeyRing | None:
        """Give a user's keys as they are in a layer of the store."""
        view = view or self.unit.store.configured
        key = name.encode("utf-8", "surrogateescape")
        return KeyRing(view, self.running(view), key, self.unit.engine_id_in(view)) \
            if has_keys(view, (key,)) else None

    def start(self, running: UsmSettings) -> None:
        """Make rows that are lacking and end those of another engine ID.

        Such is a state that an older version left, or that became another unit.
        """
        store, engine_id = self.unit.store, self.unit.engine_id
        missing = [Wish("usmUserStatus", index, int(Status.DESTROY))
                   for index in store.configured.rows(store.model.tables[TABLE])
                   if index[0] != engine_id]
        for name in names_in(store.configured):
            missing += self.rows_for(store.configured, name)
        if missing:
            ensureDeferred(self._make(missing))

    async def _make(self, wishes: list[Wish]) -> None:
        with self.unit.store.begin(SYSTEM) as transaction:
            for wish in wishes:
                transaction.put(wish)
            transaction.prepare()
            await transaction.commit()

    def rows_for(self, view: View, name: bytes) -> Iterator[Wish]:
        """Give the wishes that let the standard table have what Aaa's has."""
        index = (self.unit.engine_id_in(view), name)
        ours, theirs = view.cell("aaaUsersRowStatus", (name,)), view.cell("usmUserStatus", index)
        has = ours is not None and len(name) <= MOST_OF_A_NAME and has_keys(view, (name,))
        if has and theirs is None:
            yield Wish("usmUserCloneFrom", index, ZERO)
            yield Wish("usmUserStatus", index, int(
                Status.CREATE_AND_GO if ours == Status.ACTIVE else Status.CREATE_AND_WAIT))
            yield from self.protocols_for(view, index)
        elif theirs is not None and not has:
            yield Wish("usmUserStatus", index, int(Status.DESTROY))
        elif theirs is not None and ours is not None:
            yield from self.protocols_for(view, index)
            if ours in _STATES and ours != theirs:
                yield Wish("usmUserStatus", index, ours)

    def protocols_for(self, view: View, index: Index) -> Iterator[Wish]:
        """Give wishes that hold what reads compute, so that another value is a change."""
        key = as_key(index)
        yield Wish("usmUserAuthProtocol", index, self.auth_protocol(key, view))
        yield Wish("usmUserPrivProtocol", index, self.priv_protocol(key, view))


class _Changing:
    """One transaction: what the table that was not asked has to follow with."""

    def __init__(self, service: UsmService, view: View, wishes: Wishes) -> None:
        self._service, self._view, self._wishes = service, view, wishes
        self._tip: View = service.unit.store.tip
        self._engine_id: bytes = service.unit.engine_id_in(view)

    def wishes(self) -> Iterator[Wish]:
        """Give all of them. Raises Refused."""
        moved = ("snmpOwnEngineId", ()) in self._wishes.changed
        if moved:
            table = self._view.shape.model.tables[TABLE]
            for index in list(self._tip.rows(table)):
                if index[0] != self._engine_id:
                    yield Wish("usmUserStatus", index, int(Status.DESTROY))
        here: dict[bytes, None] = {}
        asked: dict[Index, None] = {}
        for name, index in self._wishes.changed:
            if name.startswith("aaaUsers"):
                here[index[0]] = None       # type: ignore[index]
            elif name.startswith("usmUser") and index:
                asked[index] = None
        for index in asked:
            yield from self._asked(index)
        for user in names_in(self._view) if moved else here:
            if (self._engine_id, user) not in asked:
                yield from self._service.rows_for(self._view, user)

    def _asked(self, index: Index) -> Iterator[Wish]:
        """Let Aaa follow what was asked of a row of the standard table."""
        engine_id, name = index
        assert isinstance(name, bytes)
        key = (name,)
        status, ours = self._view.cell("usmUserStatus", index), \
            self._view.cell("aaaUsersRowStatus", key)
        if engine_id != self._engine_id:
            if status is not None:
                raise NoCreation("usmUserStatus", "users here have keys of this engine alone; for "
                                 "informs see Snmp.KeepInformKeys", index)
            return
        if status is None:
            if ours is not None and self._tip.cell("usmUserStatus", index) is not None:
                yield Wish("aaaUsersRowStatus", key, int(Status.DESTROY))
            return
        override: dict[str, Any] | None = None
        cloned = self._wishes.get(("usmUserCloneFrom", index))
        if cloned not in (None, ZERO) and not has_keys(self._tip, key):
            override = self._cloned(index)
            if ours is None:
                yield Wish("aaaUsersRowStatus", key, int(
                    Status.CREATE_AND_GO if status == Status.ACTIVE else Status.CREATE_AND_WAIT))
            yield Wish("aaaUsersAuthProtocol", key, _number(AUTH, override["auth"][0]))
            yield Wish("aaaUsersPrivProtocol", key, _number(PRIV, override["priv"][0])
                       if "priv" in override else int(UserPrivProtocol.NONE))
            yield Wish("usmUserAuthProtocol", index, PROTOCOLS[override["auth"][0]])
            yield Wish("usmUserPrivProtocol", index, self._service.named_privacy(
                override["priv"][0] if "priv" in override else ""))
        elif ours is not None and status in _STATES and status != ours:
            yield Wish("aaaUsersRowStatus", key, status)
        if override is None:
            self._protocols_stay(index)
        if self._wishes.get(("usmUserPrivProtocol", index)) == NO_PRIV:
            yield Wish("aaaUsersPrivProtocol", key, int(UserPrivProtocol.NONE))
        encrypts = "priv" in override if override is not None else \
            has_keys(self._tip, key) and bool(self._ring(name).priv_protocol)
        for column, which in KEY_CHANGES.items():
            change = self._wishes.get((column, index))
            if isinstance(change, bytes) and change:
                for other in ("aaaUsersPassword", "aaaUsersPrivPassword"):
                    if (other, key) in self._wishes:
                        raise InconsistentValue(
                            column, "a password makes keys anew: change one or the other",
                            index)
                if override is None and not has_keys(self._tip, key):
                    raise InconsistentName(column, "it has no keys: clone it from a user that has",
                                           index)
                if which == "priv" and not encrypts:
                    continue        # RFC 3414 section 5: successful, and changes nothing
                override = self._changed(column, which, index, change, override)
        if override is not None:
            yield Wish(OVERRIDE, key, json.dumps(override).encode())

    def _protocols_stay(self, index: Index) -> None:
        """Refuse another protocol than that of the keys, whatever the row's state; none may be
        written for privacy. Raises Refused. RFC 3414 section 5, usmUserAuthProtocol.
        """
        service, key = self._service, as_key(index)
        known = ({NO_AUTH, *PROTOCOLS.values()}, {NO_PRIV, *STANDARD.values(), *(
            service.unit.model.names[name] for name in OURS.values())})
        for name, now, all_of_them in (
                ("usmUserAuthProtocol", service.auth_protocol, known[0]),
                ("usmUserPrivProtocol", service.priv_protocol, known[1])):
            asked = self._wishes.get((name, index))
            if asked is None:
                continue
            if asked not in all_of_them:
                raise WrongValue(name, "it is none of the protocols that are known here", index)
            if has_keys(self._view, index[1:]) and asked not in (NO_PRIV, now(key, self._view)):
                raise InconsistentValue(
                    name, f"the keys of {key[1]!a} are for another protocol", index)

    def _ring(self, name: bytes) -> KeyRing:
        return KeyRing(self._tip, self._service.running(self._tip), name, self._engine_id)

    def _cloned(self, index: Index) -> dict[str, Any]:
        """Give the keys of the row that a new one is cloned from. Raises InconsistentName."""
        oid = self._wishes["usmUserCloneFrom", index]
        table = self._view.shape.model.tables[TABLE]
        entry = len(table.entry_oid)
        assert isinstance(oid, tuple)
        try:
            if oid[:entry] != table.entry_oid:
                raise ValueError
            template = table.index(oid[entry + 1:])
        except ValueError:
            raise InconsistentName(
                "usmUserCloneFrom", "it points to no row of usmUserTable", index) from None
        if self._tip.cell("usmUserStatus", template) != Status.ACTIVE:
            raise InconsistentName(
                "usmUserCloneFrom", "the row that it points to is not active", index)
        name = template[1]
        assert isinstance(name, bytes)
        ring = self._ring(name)
        try:
            found: dict[str, Any] = {
                "engine": self._engine_id.hex(),
                "auth": [ring.auth_protocol, ring.auth_key().hex()]}
            if ring.priv_protocol:
                found["priv"] = [ring.priv_protocol, ring.priv_key().hex()]
        except Unusable as error:
            raise InconsistentName("usmUserCloneFrom", str(error), index) from None
        return found

    def _changed(
        self, column: str, which: str, index: Index, change: bytes,
        override: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """Give the keys that a KeyChange makes of those there are. Raises Refused."""
        name = index[1]
        assert isinstance(name, bytes)
        ring = self._ring(name)
        found = dict(override if override is not None else ring.override)
        try:
            protocol = found["auth"][0] if "auth" in found else ring.auth_protocol
            if which in found:
                kind, old = found[which][0], bytes.fromhex(found[which][1])
            elif which == "auth":
                kind, old = protocol, ring.auth_key()
            else:
                kind, old = ring.priv_protocol, ring.priv_key()
        except Unusable as error:
            raise InconsistentValue(column, str(error), index) from None
        try:
            new = changed_key(protocol, old, change)
        except ValueError as error:
            raise WrongLength(column, str(error), index) from None
        return {**found, "engine": self._engine_id.hex(), which: [kind, new.hex()]}


def _number(names: Mapping[int, str], name: str) -> int:
    return next(number for number, known in names.items() if known == name)
