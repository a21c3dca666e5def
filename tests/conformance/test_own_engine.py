"""Our own engine, judged datagram by datagram on a tree in memory, SNMPv3 included.

What needs the store (rows, snmpSetSerialNo) is judged on a whole unit, in tests/wire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from mibagent.model.nodes import Access, ObjectNode, TableNode
from mibagent.smi.syntax import Base, Syntax
from mibagent.snmp.auth import Signer
from mibagent.snmp.counters import NAMES, OF_V3
from mibagent.snmp.engine import Engine
from mibagent.snmp.keys import localized_key, privacy_key
from mibagent.snmp.priv import privacy_of
from mibagent.snmp.source import Grant
from mibagent.snmp.users import User
from mibagent.snmp.usm import Usm
from mibagent.snmp.vacm import Family, View
from mibagent.store.access import Principal, Rights
from tests.agent.snmp.fakes import PEER, FakeAccess, FakeSource
from tests.agent.snmp.secure import ENGINE, FakeUsers
from tests.conformance.fault_tree import COUNTED, Object, tree_of
from tests.conformance.fault_v3 import CREDENTIALS
from tests.conformance.test_checks import OF_DATAGRAMS
from tools.conformance.agent import Agent
from tools.conformance.ber import Oid, Value
from tools.conformance.names import NAMES as OF_OIDS
from tools.conformance.names import SNMP
from tools.conformance.registry import FAIL, SKIP, Check, run_one

BOOTS = 4
_BASES = {base.tag: base for base in Base if base is not Base.BITS}
_PRIV = {"AES": "AES-128"}
_HIDING_SNMP = View(b"part", (Family((1,), b"", True), Family(SNMP, b"", False)))
_OF_THE_STORE = ("tools.conformance.checks.rows",)


def node_of(found: Object, table: TableNode | None) -> ObjectNode:
    is_text = found.tag == 4
    ranges = ((0, found.most),) if is_text else ()
    if isinstance(found.allowed, tuple):
        ranges = ((min(found.allowed), max(found.allowed)),)
    access = Access.READ_WRITE if found.is_writable else Access.READ_ONLY
    return ObjectNode(found.oid, f"object{'-'.join(map(str, found.oid))}", "FAKE-MIB",
                      Syntax(_BASES[found.tag], ranges=ranges), access, table, None)


class OwnEngine:
    """The engine, as a link."""

    lag_s = 0.0

    def __init__(self) -> None:
        self.now = 1000.0
        self._came: deque[bytes] = deque()
        tree = tree_of(dict.fromkeys(COUNTED, 0), self._uptime, self._tells, lambda _: False)
        nodes, values = [], {}
        for found in tree.objects.values():
            if found.makes_rows:
                continue
            index = (found.oid[-1],)
            table = None if found.is_scalar else TableNode(
                f"t{found.oid}", "FAKE-MIB", (*found.oid[:-1], 0), "e", found.oid[:-1], "", (),
                ("k",), (Syntax(Base.OID),), True, "", "")
            node = node_of(found, table)
            nodes.append(node)
            for oid, held in tree.values.items():
                if tree.object_of(oid) is found:
                    index = () if found.is_scalar else (oid[len(found.oid):],)  # type: ignore[assignment]
                    values[node, index] = held
        self.source = FakeSource(nodes, kept=lambda node: False)
        for (node, index), held in values.items():
            if node.table is not None:
                self.source.present[node.table.name][index] = None
            if callable(held):
                self.source.computed[node.name, index] = self._reader(node.oid, held)
            else:
                self.source.values[node.name, index] = held     # type: ignore[assignment]
        self.engine = Engine(self.source, Lets(), self.clock)
        self.usm = Usm(ENGINE, BOOTS, FakeUsers(*map(user_of, CREDENTIALS.users)), self.clock,
                       started_at=self.now - 10_000)
        self.engine.secure(self.usm)

    def _reader(self, oid: Oid, held: Callable[[], Any]) -> Callable[[], Any]:
        names = {**{(*SNMP, n): name for n, name in enumerate(
            ("snmpInPkts", "snmpOutPkts", "snmpInBadVersions", "snmpInBadCommunityNames",
             "snmpInBadCommunityUses", "snmpInASNParseErrs"), 1)},
            **{oid[:-1]: name for oid, name in OF_OIDS.items()}}
        name = names.get(oid)
        if name in NAMES or name in OF_V3:
            return lambda: self.engine.counted()[str(name)]
        return held

    def _uptime(self) -> Value:
        return int(self.now * 100)

    def _tells(self, arc: int) -> Value:
        return (ENGINE, *self.usm.boots_and_time(), 65507)[arc - 1]

    def clock(self) -> float:
        return self.now

    def send(self, octets: bytes) -> None:
        answer = self.engine.answer(octets, PEER, self._came.append)
        if answer is not None:
            self._came.append(answer)

    def receive(self, wait_s: float) -> bytes | None:
        return self._came.popleft() if self._came else None

    def fresh(self) -> None:
        self._came.clear()

    def pause(self, seconds: float) -> None:
        self.now += seconds


@cache
def user_of(role: str) -> User:
    """Give the engine's user of a role of the credentials."""
    known = CREDENTIALS.users[role]
    key = localized_key(known.auth, known.auth_password.encode(), ENGINE)
    signer = Signer(known.auth, key)
    if not known.priv:
        return User(role.encode(), ENGINE, signer)
    priv = _PRIV.get(known.priv, known.priv)
    own = localized_key(known.auth, known.priv_password.encode(), ENGINE)
    return User(role.encode(), ENGINE, signer,
                privacy_of(priv, privacy_key(known.auth, own, priv, ENGINE)))


class Lets(FakeAccess):
    """Gives the roles what the checks expect of them."""

    def __init__(self) -> None:
        super().__init__()
        self.of[b"guarded"] = dict.fromkeys(("read", "write", "notify"))

    def judge_user(self, name: bytes, level: int, context: bytes, peer_host: str) -> Grant | None:
        if context:
            return None
        rights = Rights.ADMIN if name == b"main" else Rights.OBSERVER
        principal = Principal(name.decode(), rights, "snmp", peer_host)
        if name in (b"ungrouped", b"viewless") or (level < 3 and name != b"signer"):
            return Grant(principal)
        grant = Grant.by_rights(principal)
        return replace(grant, read=_HIDING_SNMP) if name == b"limited" else grant


@pytest.mark.parametrize("check", [
    each for each in OF_DATAGRAMS.values() if each.run.__module__ not in _OF_THE_STORE
    and each.name != "serial-number-is-tested-and-incremented"], ids=lambda each: each.name)
def test_our_engine_passes(check: Check) -> None:
    wire = OwnEngine()
    agent = Agent(wire, CREDENTIALS, allow_set=True, wait_s=0.0, clock=wire.clock)
    result = run_one(check, agent)
    assert result.verdict not in (FAIL, SKIP), result.why
