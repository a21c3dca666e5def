"""A source in memory, and requests by their octets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, succeed

from mibagent.errors import Index, NoAccess, NoSuchName, NotWritable
from mibagent.model.nodes import Access, MibModel, ObjectNode, TableNode
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base, Syntax, Value
from mibagent.snmp.ber import (
    ENCODERS,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTETS,
    SEQUENCE,
    encode_integer,
    encode_oid,
    tlv,
)
from mibagent.snmp.engine import Engine
from mibagent.snmp.message import read_message, read_version
from mibagent.snmp.pdu import Kind, Pdu, encode_varbind, read_pdu
from mibagent.snmp.source import Grant
from mibagent.snmp.vacm import Level
from mibagent.store.access import Principal, Rights
from mibagent.store.store import ReadersOf
from mibagent.store.telling import Listener

ROOT = (1, 3, 6, 1, 4, 1, 32473, 9)
PEER = ("192.0.2.1", 40000)
NULL_VALUE = b"\x05\x00"


def scalar(
    arcs: Oid, name: str, base: Base = Base.INTEGER, access: Access = Access.READ_WRITE,
    secret: bool = False, ranges: tuple[tuple[int, int], ...] = (),
) -> ObjectNode:
    return ObjectNode(
        ROOT + arcs, name, "FAKE-MIB", Syntax(base, secret=secret, ranges=ranges), access,
        None, None)


def table(
    arc: int, name: str, keys: tuple[Syntax, ...],
    columns: tuple[tuple[int, str, Base], ...], access: Access = Access.READ_CREATE,
) -> list[ObjectNode]:
    oid = (*ROOT, arc)
    node = TableNode(
        name, "FAKE-MIB", oid, name + "Entry", (*oid, 1), "",
        tuple(column for _, column, _ in columns), tuple(f"{name}Key{n}" for n in range(len(keys))),
        keys, False, "", "")
    return [ObjectNode((*oid, 1, column), label, "FAKE-MIB", Syntax(base), access, node, None)
            for column, label, base in columns]


def model_of(objects: Iterable[ObjectNode]) -> MibModel:
    ordered = sorted(objects, key=lambda node: node.oid)
    tables = {node.table.name: node.table for node in ordered if node.table is not None}
    return MibModel({}, {node.name: node for node in ordered}, tables, {})


class FakeSource:
    """Values by name and index; what is not kept is read by its function or from `values`."""

    def __init__(
        self, objects: Iterable[ObjectNode], kept: Callable[[ObjectNode], bool] = lambda _: True,
    ) -> None:
        self.model = model_of(objects)
        self.values: dict[tuple[str, Index], Value] = {}
        self.computed: dict[tuple[str, Index], Callable[[], Value]] = {}
        self.present: dict[str, dict[Index, None]] = {name: {} for name in self.model.tables}
        self.listeners: list[Listener] = []
        self.transactions: list[FakeTransaction] = []
        self.refuse_prepare: Exception | None = None
        self.refuse_set: dict[str, Exception] = {}
        self.on_commit: Callable[[], Awaitable[object]] = lambda: succeed(None)
        self.reads = 0
        self.asked_for_rows: list[str] = []
        self.at_once: set[str] = set()
        """Scalars that are read together."""
        self.reads_at_once = 0
        self._kept = kept

    def served(self) -> Iterable[ObjectNode]:
        return [node for node in self.model.objects.values() if node.is_readable]

    def is_kept(self, node: ObjectNode) -> bool:
        return self._kept(node)

    def reader(self, node: ObjectNode) -> Callable[[Index], Value]:
        return lambda index: self.read(node, index)

    def read(self, node: ObjectNode, index: Index) -> Value:
        self.reads += 1
        reader = self.computed.get((node.name, index))
        if reader is not None:
            return reader()
        try:
            return self.values[node.name, index]
        except KeyError:
            raise NoSuchName(node.name, "no such instance", index) from None

    def together(self, node: ObjectNode) -> ReadersOf | None:
        return self._read_at_once if node.name in self.at_once else None

    def _read_at_once(self, names: Sequence[str]) -> Callable[[], Sequence[Value]]:
        def read() -> list[Value]:
            self.reads_at_once += 1
            return [self.values[name, ()] for name in names]
        return read

    def rows(self, table: TableNode) -> Iterable[Index]:
        self.asked_for_rows.append(table.name)
        return list(self.present[table.name])

    def watch(self, listener: Listener) -> None:
        self.listeners.append(listener)

    def begin(self, principal: Principal) -> FakeTransaction:
        transaction = FakeTransaction(self, principal)
        self.transactions.append(transaction)
        return transaction

    def put(self, name: str, index: Index, value: Value) -> None:
        self.values[name, index] = value
        for listener in self.listeners:
            listener.changed(name, index)

    def take(self, name: str, index: Index) -> None:
        self.values.pop((name, index), None)
        for listener in self.listeners:
            listener.changed(name, index)

    def add_row(self, table: str, index: Index, **values: Value) -> None:
        for name, value in values.items():
            self.values[name, index] = value
        self.present[table][index] = None
        for listener in self.listeners:
            listener.row_added(table, index)

    def remove_row(self, table: str, index: Index) -> None:
        self.present[table].pop(index, None)
        for name in self.model.tables[table].column_names:
            self.values.pop((name, index), None)
        for listener in self.listeners:
            listener.row_removed(table, index)

    def replace_rows(self, table: str, rows: Iterable[Index]) -> None:
        self.present[table] = dict.fromkeys(rows)
        for listener in self.listeners:
            listener.rows_replaced(table)


class FakeTransaction:
    """Checks what the MIB alone says, in the order of the store's."""

    def __init__(self, source: FakeSource, principal: Principal) -> None:
        self.source, self.principal = source, principal
        self.wishes: list[tuple[str, Index, Value]] = []
        self.rolled_back = self.committed = False

    def set(self, name: str, index: Index, value: Value) -> None:
        node = self.source.model[name]
        if self.principal.rights >= Rights.OBSERVER:
            raise NoAccess(name, "may only read")
        if not node.is_writable:
            raise NotWritable(name, "it is read-only")
        node.check(value)
        if name in self.source.refuse_set:
            raise self.source.refuse_set[name]
        self.wishes.append((name, index, value))

    def prepare(self) -> None:
        if self.source.refuse_prepare is not None:
            raise self.source.refuse_prepare

    def commit(self) -> Awaitable[object]:
        result = self.source.on_commit()
        if isinstance(result, Deferred):
            result.addCallback(self._done)
        return result

    def _done(self, result: object) -> object:
        self.committed = True
        for name, index, value in self.wishes:
            self.source.put(name, index, value)
        return result

    def rollback(self) -> None:
        self.rolled_back = True


class FakeAccess:
    """`public` reads, `private` writes."""

    def __init__(self) -> None:
        self.communities: dict[bytes, Rights] = {
            b"public": Rights.OBSERVER, b"private": Rights.ADMIN}
        self.asked = 0
        self.shut_out: set[str] = set()
        self.users: dict[bytes, Rights] = {b"eva": Rights.ADMIN, b"tom": Rights.OBSERVER}
        self.of: dict[bytes, dict[str, Any]] = {}
        """Views in place of those that rights give: read, write; a community by itself too."""

    def admits(self, peer_host: str) -> bool:
        return peer_host not in self.shut_out

    def judge(self, version: int, community: bytes, peer_host: str) -> Grant | None:
        self.asked += 1
        if community not in self.communities and community not in self.of:
            return None
        rights = self.communities.get(community, Rights.OBSERVER)
        grant = Grant.by_rights(Principal("somebody", rights, "snmp", peer_host))
        return replace(grant, **self.of.get(community, {}))

    def judge_user(
        self, name: bytes, level: int, context: bytes, peer_host: str
    ) -> Grant | None:
        self.asked += 1
        if context or name not in self.users:
            return None
        least = Level.AUTH_NO_PRIV
        principal = Principal(name.decode(), self.users[name], "snmp", peer_host)
        return Grant(principal) if level < least else Grant.by_rights(principal)


class Wire:
    """An engine with what it sent later."""

    def __init__(self, source: FakeSource, **options: Any) -> None:
        self.source = source
        self.access = FakeAccess()
        self.now = 0.0
        self.sent: list[bytes] = []
        self.refused: list[str] = []
        self.engine = Engine(
            source, self.access, lambda: self.now,
            on_refused=lambda _peer, why: self.refused.append(why), **options)

    def ask(self, octets: bytes, peer: tuple[Any, ...] = PEER) -> bytes | None:
        return self.engine.answer(octets, peer, self.sent.append)

    def ask_both(self, octets: bytes) -> bytes | None:
        """Ask by the fast path (twice, to have it learn) and strictly; demand equal octets."""
        strict = self.engine.answer_strictly(octets, PEER, self.sent.append)
        for _ in range(2):
            assert self.engine.answer(octets, PEER, self.sent.append) == strict
        return strict

    def reply(self, octets: bytes, **more: Any) -> Pdu:
        answer = self.ask(octets, **more)
        if answer is None and self.sent:
            answer = self.sent.pop()
        assert answer is not None
        return response(answer)


def name(*arcs: int) -> bytes:
    """Content octets of an OID under ROOT."""
    return encode_oid(ROOT + arcs)


def null(oid: Oid) -> bytes:
    return encode_varbind(encode_oid(oid), NULL_VALUE)


def value(base: Base, held: Value) -> bytes:
    return ENCODERS[base](held)


def pdu(kind: int, varbinds: bytes, first: int = 0, second: int = 0, request_id: int = 7) -> bytes:
    return tlv(kind, encode_integer(request_id) + encode_integer(first) + encode_integer(second)
               + tlv(SEQUENCE, varbinds))


def message(body: bytes, version: int = 1, community: bytes = b"public") -> bytes:
    return tlv(SEQUENCE, tlv(INTEGER, bytes((version,))) + tlv(OCTETS, community) + body)


def request(kind: int, *oids: Oid, version: int = 1, community: bytes = b"public",
            first: int = 0, second: int = 0, request_id: int = 7) -> bytes:
    return message(pdu(kind, b"".join(map(null, oids)), first, second, request_id),
                   version, community)


def set_request(*bindings: tuple[Oid, bytes], version: int = 1, community: bytes = b"private",
                request_id: int = 7) -> bytes:
    varbinds = b"".join(encode_varbind(encode_oid(oid), held) for oid, held in bindings)
    return message(pdu(Kind.SET, varbinds, request_id=request_id), version, community)


def response(octets: bytes) -> Pdu:
    version, at = read_version(octets)
    found = read_message(octets, version, at)
    assert found.tag == Kind.RESPONSE
    return read_pdu(Kind.RESPONSE, octets, found.start, len(octets))


def walk(wire: Wire, start: Oid = (1, 3), kind: int = Kind.GET_NEXT) -> Iterator[bytes]:
    """Names' content octets, by GETNEXT, until nothing follows."""
    at = encode_oid(start)
    while True:
        octets = message(pdu(kind, encode_varbind(at, NULL_VALUE)))
        varbind = wire.reply(octets).varbinds[0]
        if varbind.tag == 0x82:
            return
        at = varbind.name
        yield at


def binding(base: Base, oid: Oid, held: Value) -> bytes:
    return tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, encode_oid(oid)) + value(base, held))


NUMBER = (Syntax(Base.INTEGER),)
TEXT = (Syntax(Base.OCTETS, ranges=((1, 64),)),)


def sample_objects() -> list[ObjectNode]:
    """Scalars of every type, a table of text keys, scalars again, a table of numbers."""
    return [
        scalar((1, 1), "oneNumber", ranges=((0, 100),)),
        scalar((1, 2), "oneText", Base.OCTETS, ranges=((0, 8),)),
        scalar((1, 3), "oneOid", Base.OID),
        scalar((1, 4), "oneAddress", Base.IP_ADDRESS),
        scalar((1, 5), "oneCounter", Base.COUNTER32, Access.READ_ONLY),
        scalar((1, 6), "oneGauge", Base.UNSIGNED32),
        scalar((1, 7), "oneTicks", Base.TIME_TICKS, Access.READ_ONLY),
        scalar((1, 8), "oneWide", Base.COUNTER64, Access.READ_ONLY),
        scalar((1, 9), "oneSecret", Base.OCTETS, secret=True),
        scalar((1, 10), "oneHidden", access=Access.NOT_ACCESSIBLE),
        *table(2, "named", TEXT, ((2, "namedNumber", Base.INTEGER), (3, "namedText", Base.OCTETS),
                                  (4, "namedWide", Base.COUNTER64))),
        scalar((3, 1), "lateNumber"),
        scalar((3, 300), "laterNumber"),
        *table(40000, "numbered", NUMBER, ((1, "numberedA", Base.INTEGER),
                                           (200, "numberedB", Base.UNSIGNED32),
                                           (70000, "numberedC", Base.OCTETS))),
    ]


def sample(kept: Callable[[ObjectNode], bool] = lambda node: True, rows: int = 5) -> FakeSource:
    """A source of those with values in all."""
    source = FakeSource(sample_objects(), kept)
    source.values |= {
        ("oneNumber", ()): 5, ("oneText", ()): b"abc", ("oneOid", ()): (1, 3, 6, 1),
        ("oneAddress", ()): bytes((192, 0, 2, 9)), ("oneCounter", ()): 2**32 - 1,
        ("oneGauge", ()): 0, ("oneTicks", ()): 123456, ("oneWide", ()): 2**64 - 1,
        ("oneSecret", ()): b"", ("lateNumber", ()): -1, ("laterNumber", ()): 300,
    }
    for label in (b"a", b"b", b"ab", b"\xff\xff"):
        source.add_row("named", (label,), namedNumber=len(label), namedText=label * 3,
                       namedWide=2**40)
    for number in (1, 2, 127, 128, 16383, 16384, 2**21, 2**28, 2**31 - 1)[:rows + 4]:
        source.add_row("numbered", (number,), numberedA=number, numberedB=number,
                       numberedC=b"x" * (number % 50))
    return source

