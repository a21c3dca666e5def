"""Who may ask what of the agent: Aaa's users, Snmp's objects and the standard tables together.

A community or a user is mapped to a security name; RFC 3415 maps that to views. Rows that follow
from users and parameters stand beside those that an Admin made, and none gives more than the
rights of the user: the store asks for these again.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol, cast

from mibagent.errors import Index
from mibagent.model.nodes import MibModel
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Value
from mibagent.snmp.limits import Failures, Networks
from mibagent.snmp.source import Grant
from mibagent.snmp.target_mib import endpoints_in
from mibagent.snmp.targets import Endpoint, ends_at
from mibagent.snmp.vacm import EVERYTHING, NOTHING, Entry, Family, Level, Model, Vacm, View, Views
from mibagent.store.access import Principal, Rights
from mibagent.store.live import LiveTable
from mibagent.store.rows import Status
from mibagent.store.storage import Storage
from mibagent.store.store import ParameterStore
from mibgateway.services.snmp_community import CommunityRow, CommunitySettings
from mibgateway.services.snmp_vacm import ContextMatch, FamilyType, VacmSettings
from mibgateway.snmp_users import OWN_KEY_CHANGES

GROUPS = {Rights.OBSERVER: b"observer", Rights.USER: b"user", Rights.ADMIN: b"admin"}
"""The groups of those who have these rights."""

WRITE_VIEWS = {Rights.OBSERVER: NOTHING.name, Rights.USER: b"user", Rights.ADMIN: EVERYTHING.name}

_USM_USER_ENTRY: Oid = (1, 3, 6, 1, 6, 3, 15, 1, 2, 2, 1)
OWN = View(b"own", tuple(Family((*_USM_USER_ENTRY, arc)) for arc in (7, 10)))
"""What an Observer writes: the changes of his own keys. RFC 3414 section 5."""

TOLD = b"trapDest"
"""The group of those that are sent notifications by a community, and ask for nothing."""

MOST_OF_A_NAME = 32
"""Octets of a security name in the standard tables; longer ones are not shown there."""

MOST_JUDGED = 256
"""Communities, users and hosts that are remembered."""


class Running(Protocol):
    """What of Snmp's settings the service runs with."""

    @property
    def enable_snmp_v1(self) -> bool: ...
    @property
    def enable_snmp_v2(self) -> bool: ...
    @property
    def community(self) -> str: ...
    @property
    def snmp_user(self) -> str: ...


def user_view(model: MibModel, is_served: Callable[[str], bool]) -> View:
    """Give the view of what a User may write: all but what is an Admin's."""
    guarded = {node.oid for node in model.objects.values() if node.is_writable
               and (node.admin_only or node.syntax.secret) and is_served(node.name)
               and node.name not in OWN_KEY_CHANGES}
    for table in model.tables.values():
        columns = [node.oid for node in model.columns(table.name) if node.is_writable]
        if columns and guarded.issuperset(columns):
            guarded.difference_update(columns)
            guarded.add(table.oid)
    return View(WRITE_VIEWS[Rights.USER], (
        Family((1,)), *(Family(oid, included=False) for oid in sorted(guarded))))


class AccessControl:
    """Answers as `Access` does, from what is configured now."""

    def __init__(
        self, store: ParameterStore, tables: Callable[[], VacmSettings],
        communities: Callable[[], CommunitySettings], engine_id: Callable[[], bytes],
        community_may_write: Callable[[], bool], now: Callable[[], float],
    ) -> None:
        """tables, communities: give what is configured of the standard tables."""
        self.running: Running | None = None
        """None while the agent is stopped: nobody is let in."""
        self.told: frozenset[tuple[int, bytes]] = frozenset()
        """Security models and names for which notifications go to Snmp.TrapDest."""
        self._store, self._tables, self._communities = store, tables, communities
        self._engine_id = engine_id
        self._named: dict[bytes, CommunityRow] | None = None
        self._endpoints: tuple[Endpoint, ...] | None = None
        self._community_may_write = community_may_write
        self._judged: dict[tuple[int, bytes, int, str], Grant] = {}
        self._vacm: Vacm | None = None
        self._networks: Networks | None = None
        self._failures = Failures(now)
        self._views: tuple[View, ...] = ()

    def forget(self) -> None:
        """Ask again who may what: something of it has changed."""
        self._judged.clear()
        self._vacm = self._networks = self._named = self._endpoints = None

    def forgive(self) -> None:
        """Hear everybody again: what was wrong may be right now."""
        self._failures.forget()

    # -- answers

    def admits(self, peer_host: str) -> bool:
        """Tell whether Snmp.SourceNetworks holds a host."""
        if self._networks is None:
            self._networks = _networks(self._store.get("snmpSourceNetworks"))
        return self._networks.hold(peer_host)

    def judge(self, version: int, community: bytes, peer_host: str) -> Grant | None:
        """Say what a community may. RFC 3584 section 5.2.

        A host that guessed wrongly too often has to wait, even with the right one, unless that
        is remembered: so nobody finds it by trying. A community that is right and may not come
        from there is no guess, and neither is one of a version that is off.
        """
        model = Model.V1 + version
        found = self._judged.get((model, community, 0, peer_host))
        if found is not None:
            return found
        if self._failures.are_too_many(peer_host):
            return None
        if not self._answers(version):
            return None
        name, tag = self._meaning_of(community)
        if name is None:
            self._failures.note(peer_host)
            return None
        ends = ends_at(self._known_endpoints, tag, peer_host) if tag else None
        if ends == () or not self._may_come_from(name, peer_host):
            return None
        rights = max(self._rights_of(name) or Rights.OBSERVER, self._most())
        found = self._grant(model, name, Level.NO_AUTH_NO_PRIV, b"", rights, peer_host)
        return self._remember((model, community, 0, peer_host), replace(found, ends=ends))

    def judge_user(
        self, name: bytes, level: int, context: bytes, peer_host: str
    ) -> Grant | None:
        """Say what a user may whom SNMPv3 has let in. RFC 3413 section 3.2."""
        if context:
            return None
        key = (int(Model.USM), name, level, peer_host)
        found = self._judged.get(key)
        if found is not None:
            return found
        rights = self._rights_of(name)
        if rights is None or self.running is None or not self._may_come_from(name, peer_host):
            return Grant(Principal(_text(name), Rights.OBSERVER, "snmp", peer_host))
        if level == Level.NO_AUTH_NO_PRIV:
            rights = max(rights, self._most())      # a mere name, as a community is
        return self._remember(
            key, self._grant(Model.USM, name, level, context, rights, peer_host))

    def _remember(self, key: tuple[int, bytes, int, str], grant: Grant) -> Grant:
        if len(self._judged) >= MOST_JUDGED:
            self._judged.clear()
        self._judged[key] = grant
        return grant

    def _answers(self, version: int) -> bool:
        running = self.running
        return running is not None and (running.enable_snmp_v1, running.enable_snmp_v2)[version]

    def _meaning_of(self, community: bytes) -> tuple[bytes | None, bytes]:
        """Give security name and transport tag; no name for one that is wrong."""
        running = self.running
        assert running is not None
        if running.snmp_user:
            if hmac.compare_digest(community, running.community.encode()):
                name = running.snmp_user.encode()
                return name if self._rights_of(name) is not None else None, b""
        elif self._rights_of(community) is not None:
            return community, b""
        made = self._made_communities.get(community)
        return (None, b"") if made is None else (made.security_name, made.transport_tag.encode())

    def community_of(self, security_name: bytes) -> bytes | None:
        """Give a community that stands for a security name; the first by name where there are some.

        RFC 3584 section 5.2.3.
        """
        return min((community for community, made in self._made_communities.items()
                    if made.security_name == security_name), default=None)

    @property
    def _known_endpoints(self) -> tuple[Endpoint, ...]:
        if self._endpoints is None:
            self._endpoints = endpoints_in(self._store)
        return self._endpoints

    @property
    def _made_communities(self) -> dict[bytes, CommunityRow]:
        """Rows by community that Admins made for this engine and its one context."""
        if self._named is None:
            self._named = {row.name: row
                           for row in self._communities().snmp_community.values()
                           if row.name and not row.context_name
                           and row.context_engine_id == self._engine_id()}
        return self._named

    def _rights_of(self, user: bytes) -> Rights | None:
        if self._store.configured.cell("aaaUsersRowStatus", (user,)) != Status.ACTIVE:
            return None
        return Rights(int(self._store.get("aaaUsersAccessRights", (user,))))  # type: ignore[arg-type]

    def _may_come_from(self, user: bytes, peer_host: str) -> bool:
        if self._rights_of(user) is None:
            return True             # a name that is only in the standard tables
        return _networks(self._store.get("aaaUsersSourceNetworks", (user,))).hold(peer_host)

    def _most(self) -> Rights:
        return Rights.USER if self._community_may_write() else Rights.OBSERVER

    def _grant(
        self, model: int, name: bytes, level: int, context: bytes, rights: Rights, peer_host: str
    ) -> Grant:
        views: Views = self.vacm.views_of(model, name, level, context)
        proven = model == Model.USM and level > Level.NO_AUTH_NO_PRIV
        who = Principal(_text(name), rights, "snmp", peer_host, proven)
        return Grant(who, views.read, views.write, views.notify)

    # -- the tables

    @property
    def vacm(self) -> Vacm:
        """The tables as they are now, made when first asked for."""
        if self._vacm is None:
            made = self._tables()
            groups: dict[Any, bytes] = {
                row.index: row.vacm_group_name for row in made.vacm_security_to_group.values()}
            entries = {_key(entry): entry for entry in (*_entries(made), *_entries_given())}
            self._vacm = Vacm.of(
                {**groups, **self._groups_given()}, entries.values(), self._all_views(made))
        return self._vacm

    def _all_views(self, made: VacmSettings) -> list[View]:
        given = {view.name: view for view in self._views_given()}
        more: dict[bytes, dict[Oid, Family]] = {}
        for name, family in _families(made):
            more.setdefault(name, {})[family.subtree] = family
        for name in given.keys() & more.keys():
            more[name].update((family.subtree, family) for family in given[name].families)
        return list({**given, **{name: View(name, tuple(families.values()))
                                 for name, families in more.items()}}.values())

    def _views_given(self) -> tuple[View, ...]:
        if not self._views:
            self._views = (
                EVERYTHING, NOTHING, OWN, user_view(self._store.model, self._store.is_served))
        return self._views

    def _groups_given(self) -> dict[tuple[int, bytes], bytes]:
        running = self.running
        found: dict[tuple[int, bytes], bytes] = {}
        if running is None:
            return found
        found.update(dict.fromkeys(self.told, TOLD))
        versions = [Model.V1] * running.enable_snmp_v1 + [Model.V2C] * running.enable_snmp_v2
        for index in self._store.configured.rows(self._store.model.tables["aaaUsersTable"]):
            (name,) = index
            assert isinstance(name, bytes)
            rights = self._rights_of(name)
            if rights is None:
                continue
            found[Model.USM, name] = GROUPS[rights]
            if running.snmp_user in ("", _text(name)):
                for model in versions:
                    found[model, name] = GROUPS[max(rights, self._most())]
        return found

    def _communities_given(self) -> dict[Index, Mapping[str, Value]]:
        """Give the row that follows from Snmp.Community and Snmp.SnmpUser."""
        running = self.running
        if running is None or not (running.enable_snmp_v1 or running.enable_snmp_v2):
            return {}
        name = running.snmp_user.encode()
        if self._rights_of(name) is None or len(name) > MOST_OF_A_NAME:
            return {}
        return {(b"snmpCommunity",): {
            "snmpCommunityName": b"", "snmpCommunitySecurityName": name,
            "snmpCommunityContextEngineID": self._engine_id(), **_follows("snmpCommunity")}}

    def show(self) -> None:
        """Let the standard tables show the rows that follow from users and parameters."""
        store = self._store
        _fill(store.follow("vacmSecurityToGroupTable"), {
            key: {"vacmGroupName": group, **_follows("vacmSecurityToGroup")}
            for key, group in self._groups_given().items() if 0 < len(key[1]) <= MOST_OF_A_NAME})
        _fill(store.follow("snmpCommunityTable"), self._communities_given())
        _fill(store.follow("vacmAccessTable"), {
            _key(entry): {
                "vacmAccessReadViewName": entry.read, "vacmAccessWriteViewName": entry.write,
                "vacmAccessNotifyViewName": entry.notify, **_follows("vacmAccess")}
            for entry in _entries_given()})
        _fill(store.follow("vacmViewTreeFamilyTable"), {
            (view.name, family.subtree): {
                "vacmViewTreeFamilyMask": family.mask,
                "vacmViewTreeFamilyType": int(
                    FamilyType.INCLUDED if family.included else FamilyType.EXCLUDED),
                **_follows("vacmViewTreeFamily")}
            for view in self._views_given() for family in view.families})


def _entries_given() -> Iterator[Entry]:
    """Give the access entries that follow from rights.

    Admins have none for communities; without authentication nobody of SNMPv3 has one.
    """
    for rights, group in GROUPS.items():
        views = (EVERYTHING.name, WRITE_VIEWS[rights], EVERYTHING.name)
        if rights is not Rights.ADMIN:
            for model in (Model.V1, Model.V2C):
                yield Entry(group, *views, model=model)
        if rights is Rights.OBSERVER:
            views = (EVERYTHING.name, OWN.name, EVERYTHING.name)
        yield Entry(group, *views, model=Model.USM, level=Level.AUTH_NO_PRIV)
    for model in (Model.V1, Model.V2C):
        yield Entry(TOLD, notify=EVERYTHING.name, model=model)


def _entries(made: VacmSettings) -> Iterator[Entry]:
    for row in made.vacm_access.values():
        group, context, model, level = cast("tuple[bytes, bytes, int, int]", row.index)
        yield Entry(group, row.read_view_name, row.write_view_name, row.notify_view_name,
                    model, level, context, row.context_match is ContextMatch.EXACT)


def _key(entry: Entry) -> tuple[bytes, bytes, int, int]:
    return entry.group, entry.context, int(entry.model), int(entry.level)


def _families(made: VacmSettings) -> Iterator[tuple[bytes, Family]]:
    for row in made.vacm_view_tree_family.values():
        name, subtree = cast("tuple[bytes, Oid]", row.index)
        yield name, Family(subtree, row.mask, row.type is FamilyType.INCLUDED)


def _follows(prefix: str) -> dict[str, Value]:
    return {prefix + "StorageType": int(Storage.READ_ONLY), prefix + "Status": int(Status.ACTIVE)}


def _fill(table: LiveTable[Mapping[str, Value]], rows: Mapping[Index, Mapping[str, Value]]) -> None:
    """Let a table have exactly these rows; one that differs goes and comes back."""
    for index in table.indexes():
        if table.row(index) != rows.get(index):
            table.remove(index)
    for index, row in rows.items():
        if not table.has(index):
            table.add(index, row)


def _networks(text: Value) -> Networks:
    assert isinstance(text, bytes)
    return Networks.from_text(_text(text))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
