"""What one request costs inside the process: microseconds, sockets left out.

Run as `python benchmarks/snmp_core.py [ROWS]`; `--strict` goes past the fast path, `--profile`
shows where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import time
from collections.abc import Callable, Iterable
from typing import NoReturn

from mibagent.errors import Index
from mibagent.model.nodes import Access, MibModel, ObjectNode, TableNode
from mibagent.smi.syntax import Base, Syntax, Value
from mibagent.snmp.ber import SEQUENCE, encode_integer, encode_oid, tlv
from mibagent.snmp.engine import Engine
from mibagent.snmp.pdu import Kind, encode_varbind
from mibagent.snmp.source import Grant
from mibagent.store.access import Principal, Rights
from mibagent.store.telling import Listener

ENTRY = (1, 3, 6, 1, 4, 1, 32473, 9, 1, 1)
PEER = ("127.0.0.1", 1)
COLUMNS = {2: Base.OCTETS, 3: Base.INTEGER, 4: Base.OID, 5: Base.TIME_TICKS, 6: Base.OCTETS}


class Table:
    """A source of one table of five columns."""

    def __init__(self, rows: int, kept: bool) -> None:
        table = TableNode("loadTable", "LOAD-MIB", ENTRY[:-1], "loadEntry", ENTRY, "",
                          tuple(f"load{arc}" for arc in COLUMNS), ("loadIndex",),
                          (Syntax(Base.INTEGER),), False, "", "")
        objects = {f"load{arc}": ObjectNode((*ENTRY, arc), f"load{arc}", "LOAD-MIB", Syntax(base),
                                            Access.READ_ONLY, table, None)
                   for arc, base in COLUMNS.items()}
        self.model = MibModel({}, objects, {"loadTable": table}, {})
        self._rows, self._kept = rows, kept
        values: dict[Base, Value] = {
            Base.OCTETS: b"a string of thirty octets here", Base.INTEGER: 4,
            Base.OID: (1, 3, 6, 1, 2, 1, 25, 6, 3), Base.TIME_TICKS: 12345678}
        self._values = {name: values[node.syntax.base] for name, node in objects.items()}

    def served(self) -> Iterable[ObjectNode]:
        return self.model.objects.values()

    def is_kept(self, node: ObjectNode) -> bool:
        return self._kept

    def reader(self, node: ObjectNode) -> Callable[[Index], Value]:
        value = self._values[node.name]
        return lambda index: value

    def together(self, node: ObjectNode) -> None:
        return None

    def rows(self, table: TableNode) -> Iterable[Index]:
        return [(number,) for number in range(1, self._rows + 1)]

    def watch(self, listener: Listener) -> None:
        pass

    def begin(self, principal: Principal) -> NoReturn:
        raise NotImplementedError


class Everybody:
    """Lets all in to read."""

    def admits(self, peer_host: str) -> bool:
        return True

    def judge(self, version: int, community: bytes, peer_host: str) -> Grant | None:
        return Grant.by_rights(Principal("all", Rights.OBSERVER, "snmp", peer_host))

    def judge_user(self, name: bytes, level: int, context: bytes, peer_host: str) -> NoReturn:
        raise NotImplementedError


def request(kind: Kind, names: list[tuple[int, ...]], number: int, repeat: int = 0) -> bytes:
    """Give one request of v2c."""
    varbinds = b"".join(encode_varbind(encode_oid(name), b"\x05\x00") for name in names)
    content = (encode_integer(1 << 24 | number) + encode_integer(0) + encode_integer(repeat)
               + tlv(SEQUENCE, varbinds))
    return tlv(SEQUENCE, b"\x02\x01\x01\x04\x06public" + tlv(kind, content))


def scenarios(rows: int) -> dict[str, list[bytes]]:
    """Give 500 requests of each kind."""
    def name(column: int, number: int) -> tuple[int, ...]:
        return (*ENTRY, column, 1 + number * 7 % (rows - 60))

    def many(build: Callable[[int], bytes]) -> list[bytes]:
        return [build(number) for number in range(500)]

    return {
        "GET-1": many(lambda n: request(Kind.GET, [name(2, 1)], n)),
        "GET-rot": many(lambda n: request(Kind.GET, [name(2, n)], n)),
        "GET-10": many(lambda n: request(
            Kind.GET, [name(2 + k % 5, k) for k in range(10)], n)),
        "GETNEXT": many(lambda n: request(Kind.GET_NEXT, [name(2, n)], n)),
        "GETBULK-50": many(lambda n: request(Kind.GET_BULK, [name(2, n)], n, 50)),
        "GETBULK 5x10": many(lambda n: request(
            Kind.GET_BULK, [name(column, n) for column in COLUMNS], n, 10)),
    }


def main() -> None:
    """Print one line a scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=1000)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    for label, requests in scenarios(options.rows).items():
        shown = []
        for kept in (True, False):
            engine = Engine(Table(options.rows, kept), Everybody())
            ask = engine.answer_strictly if options.strict else engine.answer
            shown.append(measured(ask, requests))
        print(f"{label:14} stored {shown[0]:7.2f} us   computed {shown[1]:7.2f} us")
        if options.profile:
            with cProfile.Profile() as profile:
                measured(ask, requests)
            profile.print_stats("tottime")


def measured(ask: Callable[..., bytes | None], requests: list[bytes]) -> float:
    """Give the best of several rounds, in microseconds a request."""
    best = float("inf")
    for _ in range(12):
        begun = time.perf_counter()
        for octets in requests:
            assert ask(octets, PEER, print) is not None
        best = min(best, time.perf_counter() - begun)
    return best / len(requests) * 1e6


if __name__ == "__main__":
    main()
