"""Well-formed reads by their octets, without taking them apart.

Everything before a request-id's content (versions, community, PDU, all lengths) is one key of
the envelope table, and a hit proves it all; the octets from the request-id to the bindings are
compared or looked up likewise; each binding is a key of the tree's cells. An envelope gets into
the table only after the strict path has read such a datagram and access has let it in. What is
not found here is no error: None sends the datagram to the strict path, which answers everything.

Must give what `Engine.answer_strictly` gives, octet for octet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from itertools import chain

from mibagent.errors import NoSuchName
from mibagent.snmp.ber import (
    INTEGER,
    SEQUENCE,
    BerError,
    check_oid,
    encode_integer,
    encode_length,
)
from mibagent.snmp.cells import Cell
from mibagent.snmp.counters import Counters
from mibagent.snmp.message import V1, V3, Request, size_of_response
from mibagent.snmp.pdu import Kind, Pdu, name_of, repetitions
from mibagent.snmp.segments import Segment
from mibagent.snmp.sight import Sight
from mibagent.snmp.tree import Tree, end_of_view

MAX_HOSTS = 64
MAX_ENVELOPES = 1024
MAX_TAILS = 64
MAX_HEADS = 4096
MAX_REQUEST = 4096
"""Octets of a request; larger ones are read strictly, which stops where the answer is full."""
MAX_SLICE = 128

_NO_ERROR = b"\x02\x01\x00\x02\x01\x00"


class _Heads:
    """The octets around request-id and bindings of an answer, by the bindings' size."""

    __slots__ = ("by_size", "front", "id_size", "is_v1", "room")

    def __init__(self, front: bytes, id_size: int, room: int, is_v1: bool) -> None:
        self.front, self.id_size, self.room, self.is_v1 = front, id_size, room, is_v1
        self.by_size: dict[int, tuple[bytes, bytes]] = {}

    def make(self, size: int) -> tuple[bytes, bytes]:
        """Give what stands before the request-id and between it and the bindings."""
        behind = _NO_ERROR + bytes((SEQUENCE,)) + encode_length(size)
        id_head = bytes((INTEGER, self.id_size))
        pdu = len(id_head) + self.id_size + len(behind) + size
        front = self.front + bytes((Kind.RESPONSE,)) + encode_length(pdu)
        before = bytes((SEQUENCE,)) + encode_length(len(front) + pdu) + front + id_head
        if len(self.by_size) >= MAX_HEADS:
            self.by_size.clear()
        self.by_size[size] = before, behind
        return before, behind


class _Envelope:
    """What is known of all requests that begin alike."""

    __slots__ = ("after_id", "cells", "heads", "hits", "is_v1", "kind", "list_head", "room",
                 "sight", "size", "start", "tail", "tails")

    def __init__(self, kind: Kind, size: int, after_id: int, heads: _Heads, sight: Sight) -> None:
        self.kind, self.size, self.after_id, self.heads = int(kind), size, after_id, heads
        self.sight, self.cells = sight, sight.cells
        self.is_v1 = heads.is_v1
        self.hits = 0
        self.tail = b""
        """What stands between request-id and bindings of a GET or GETNEXT."""
        self.start = 0
        """Where their bindings begin."""
        self.list_head = 0
        """How many octets begin a GETBULK's list of bindings."""
        self.tails: dict[bytes, tuple[int, int]] = {}
        """non-repeaters and max-repetitions of what stands there in a GETBULK."""


def _unknown(octets: bytes, peer: tuple[object, ...], at: int) -> None:
    return None


Envelopes = dict[bytes, _Envelope]


class FastPath:
    """Answers what is well formed and known."""

    def __init__(self, tree: Tree, counters: Counters, max_size: int, max_varbinds: int) -> None:
        self._tree = tree
        self._counters = counters
        self._max_size, self._max_varbinds = max_size, max_varbinds
        self._tables: dict[object, Envelopes] = {}
        """By host for communities; by host, user and more for SNMPv3."""
        self._heads: dict[tuple[bytes, int, int, bool], _Heads] = {}
        self.answer_secured: Callable[[bytes, tuple[object, ...], int], bytes | None] = _unknown
        """Answers messages of SNMPv3; the third argument is where msgGlobalData begins."""
        self.unsettled: list[_Envelope] = []
        """Those whose hits are not counted yet."""
        self._varbinds = 0

    def forget(self) -> None:
        """Empty the tables: access has changed."""
        self.settle()
        self._tables.clear()
        self._heads.clear()

    def settle(self) -> None:
        """Add to the counters what was answered since the last time."""
        counters = self._counters
        for envelope in self.unsettled:
            hits, envelope.hits = envelope.hits, 0
            counters.in_pkts += hits
            counters.out_pkts += hits
            counters.out_get_responses += hits
            counters.note_request(envelope.kind, hits)
        self.unsettled.clear()
        counters.in_total_req_vars += self._varbinds
        self._varbinds = 0

    def answer(self, octets: bytes, peer: tuple[object, ...]) -> bytes | None:
        """Give the answer, or None where the strict path has to look at it."""
        try:
            at = octets[1]
            at = 5 if at < 0x80 else at - 0x7B          # 81: 6, 82: 7
            if octets[at - 1] == V3:
                return self.answer_secured(octets, peer, at)
            at += octets[at + 1] + 2
            size = octets[at + 1]
            at += 4 if size < 0x80 else size - 0x7C     # 81: 5, 82: 6
            envelope = self._tables[peer[0]][octets[:at]]
        except Exception:
            return None
        return self.serve(envelope, octets, at)

    def serve(self, envelope: _Envelope, octets: bytes, at: int) -> bytes | None:
        """Give the answer to a request that begins so; its request-id is at that place."""
        try:
            if envelope.size != len(octets):
                return None
            kind = envelope.kind
            after_id = envelope.after_id
            if kind == 0xA5:
                start = after_id + 5 + octets[after_id + 4] + envelope.list_head
                several, repeat = envelope.tails[octets[after_id:start]]
                varbinds, count = self._bulk(envelope, octets, start, several, repeat)
            else:
                start = envelope.start
                if octets[after_id:start] != envelope.tail:
                    return None
                cells = envelope.cells
                stop = start + 2 + octets[start + 1]
                if kind == 0xA0:
                    wire = octets[start:stop]
                    cell = cells.get(wire) or self._unseen(wire, envelope.sight)
                    if envelope.is_v1 and cell.wide:
                        return None
                    varbinds = cell.kept or cell.varbind()
                    count = 1
                    if stop < envelope.size:
                        varbinds, count = self._rest_of_get(envelope, octets, stop, varbinds)
                elif stop == envelope.size:
                    varbinds = self._next(octets[start:], envelope.sight, envelope.is_v1)
                    count = 1
                else:
                    varbinds, count = self._nexts(envelope, octets, start)
            size = len(varbinds)
            heads = envelope.heads
            found = heads.by_size.get(size)
            before, behind = heads.make(size) if found is None else found
            answer = before + octets[at:after_id] + behind + varbinds
        except Exception:
            return None
        if len(answer) > heads.room:
            return None
        if not envelope.hits:
            self.unsettled.append(envelope)
        envelope.hits += 1
        self._varbinds += count
        return answer

    def _rest_of_get(self, envelope: _Envelope, octets: bytes, at: int, first: bytes
                     ) -> tuple[bytes, int]:
        cells, size, is_v1 = envelope.cells, envelope.size, envelope.is_v1
        found = [first]
        while at < size:
            stop = at + 2 + octets[at + 1]
            wire = octets[at:stop]
            cell = cells.get(wire) or self._unseen(wire, envelope.sight)
            if is_v1 and cell.wide:
                raise LookupError
            found.append(cell.kept or cell.varbind())
            at = stop
        return b"".join(found), len(found)

    def _next(self, wire: bytes, sight: Sight, is_v1: bool) -> bytes:
        """Give the answer's binding to one of a GETNEXT."""
        cell = sight.cells.get(wire)
        segment: Segment | None
        if cell is not None:
            segment = cell.segment
            at = bisect_right(segment.keys, cell.key)
        else:
            segment, at = self._locate(wire, sight)
        if segment is not None and at < len(segment.values):
            if is_v1 and segment.wide and segment.is_wide(at):
                raise LookupError       # a Counter64 may be in the way
            found = segment.values[at]
            if found:
                return found
            if found is None:
                with suppress(NoSuchName):
                    return segment.read_at(at)
        if is_v1:
            raise LookupError
        gathered, _ = self._tree.gather(sight, segment, at, 1, self._max_size)
        return gathered[0] if gathered else end_of_view(name_of(wire))

    def _locate(self, wire: bytes, sight: Sight) -> tuple[Segment | None, int]:
        """Give where what follows a binding stands that is no cell yet. Raises BerError."""
        known = sight.between.get(wire)
        if known is not None:
            segment, key = known
            return segment, segment.after(key) if key else 0
        name = self._name(wire)
        cell = self._tree.seen(name, wire, sight)
        if cell is not None:
            return cell.segment, bisect_right(cell.segment.keys, cell.key)
        return self._tree.seen_after(name, wire, sight)

    def _unseen(self, wire: bytes, sight: Sight) -> Cell:
        """Make the cell of a binding that nobody has asked for. Raises BerError, LookupError."""
        cell = self._tree.seen(self._name(wire), wire, sight)
        if cell is None:
            raise LookupError
        return cell

    def _name(self, wire: bytes) -> bytes:
        """Give the name's content octets of a NULL binding. Raises BerError."""
        if wire[1] >= 0x80 or wire[3] >= 0x80 or wire[0] != SEQUENCE or wire[2] != 6 \
                or wire[-2:] != b"\x05\x00" or wire[1] != len(wire) - 2 \
                or wire[3] != len(wire) - 6:
            raise BerError("not in the form that is known by its octets")
        name = wire[4:-2]
        check_oid(name)
        return name

    def _nexts(self, envelope: _Envelope, octets: bytes, at: int) -> tuple[bytes, int]:
        found = []
        while at < envelope.size:
            stop = at + 2 + octets[at + 1]
            found.append(self._next(octets[at:stop], envelope.sight, envelope.is_v1))
            at = stop
        return b"".join(found), len(found)

    def _bulk(self, envelope: _Envelope, octets: bytes, at: int, several: int, repeat: int
              ) -> tuple[bytes, int]:
        """Give the bindings of a GETBULK and how many they are."""
        wires: list[bytes] = []
        size = envelope.size
        while at < size:
            stop = at + 2 + octets[at + 1]
            wires.append(octets[at:stop])
            at = stop
        first = [self._next(wire, envelope.sight, False) for wire in wires[:several]]
        del wires[:several]
        repeat = repetitions(repeat, several, len(wires), self._max_varbinds)
        if 0 < repeat <= MAX_SLICE:
            sliced = self._slices(envelope.sight, wires, repeat)
            if sliced is not None:
                joined = b"".join(first + sliced)
                if self._fits(envelope, len(joined)):
                    return joined, len(first) + len(sliced)
        whole = first + self._rows(envelope, wires, repeat) if repeat else first
        joined = b"".join(whole)
        if not self._fits(envelope, len(joined)):
            total = len(joined)
            while not self._fits(envelope, total):
                total -= len(whole.pop())
            if not whole:
                raise LookupError
            joined = joined[:total]
        return joined, len(whole)

    def _slices(self, sight: Sight, wires: list[bytes], repeat: int) -> list[bytes] | None:
        """Give the rows that follow where all of them are in the same columns and known."""
        cells, between = sight.cells, sight.between
        runs: list[list[bytes]] = []
        for wire in wires:
            cell = cells.get(wire)
            if cell is not None:
                segment = cell.segment
                at = bisect_right(segment.keys, cell.key)
            elif wire in between:
                segment, key = between[wire]
                at = segment.after(key) if key else 0
            else:
                return None
            run = segment.values[at:at + repeat]
            if len(run) != repeat or not all(run):
                return None
            runs.append(run)        # type: ignore[arg-type]
        if len(runs) == 1:
            return runs[0]
        return list(chain.from_iterable(zip(*runs, strict=True)))

    def _fits(self, envelope: _Envelope, size: int) -> bool:
        heads = envelope.heads
        if size + 64 + len(heads.front) < heads.room:
            return True
        return size_of_response(len(heads.front), heads.id_size, size) <= heads.room

    def _rows(self, envelope: _Envelope, wires: list[bytes], repeat: int) -> list[bytes]:
        """Give what follows each of the repeaters, row by row."""
        runs = []
        for wire in wires:
            run, is_cut = self._run(envelope, wire, repeat)
            if is_cut:
                repeat = len(run)
            runs.append(run)
        if any(len(run) != repeat for run in runs):
            self._level(wires, runs, repeat)
        if len(runs) == 1:
            return runs[0]
        return list(chain.from_iterable(zip(*runs, strict=True)))

    def _level(self, wires: list[bytes], runs: list[list[bytes]], repeat: int) -> None:
        """Make all as long as the longest and one that tells its end, at most so many."""
        longest = min(repeat, max(map(len, runs)) + 1)
        for wire, run in zip(wires, runs, strict=True):
            if len(run) < longest:
                run.extend([end_of_view(name_of(run[-1] if run else wire))]
                           * (longest - len(run)))
            del run[longest:]

    def _run(self, envelope: _Envelope, wire: bytes, repeat: int) -> tuple[list[bytes], bool]:
        sight = envelope.sight
        cell = sight.cells.get(wire)
        segment: Segment | None
        if cell is None:
            segment, at = self._locate(wire, sight)
        else:
            segment = cell.segment
            at = bisect_right(segment.keys, cell.key)
        return self._tree.gather(sight, segment, at, repeat, envelope.heads.room)

    def table_of(self, who: object) -> Envelopes:
        """Give what is known of those who ask like that."""
        envelopes = self._tables.get(who)
        if envelopes is None:
            if len(self._tables) >= MAX_HOSTS:
                self.forget()
            envelopes = self._tables[who] = {}
        return envelopes

    def learn(self, envelopes: Envelopes, request: Request, pdu: Pdu, sight: Sight) -> None:
        """Note the form of a read that the strict path has answered, if it is a usual one."""
        octets, id_size = request.octets, len(pdu.request_id)
        before_id = request.start + 2
        head = {0x81: 3, 0x82: 4}.get(octets[1], 2)
        pdu_head = {0x81: 3, 0x82: 4}.get(octets[request.pdu_at + 1], 2)
        if not pdu.varbinds or len(octets) > MAX_REQUEST or len(request.front) >= 0x80 \
                or request.end != len(octets) \
                or request.start != request.pdu_at + pdu_head \
                or octets[head:request.pdu_at] != request.front \
                or octets[request.start:before_id] != bytes((INTEGER, id_size)):
            return
        after_id = before_id + id_size
        body = sum(len(varbind.octets) for varbind in pdu.varbinds)
        start = len(octets) - body
        list_head = bytes((SEQUENCE,)) + encode_length(body)
        numbers = encode_integer(pdu.first) + encode_integer(pdu.second)
        tail = octets[after_id:start]
        is_bulk = pdu.kind is Kind.GET_BULK
        if tail != numbers + list_head or (
                numbers[1] != 1 if is_bulk else numbers != _NO_ERROR):
            return
        key = octets[:before_id]
        envelope = envelopes.get(key)
        if envelope is None:
            if len(envelopes) >= MAX_ENVELOPES:
                self.settle()
                envelopes.clear()
            envelope = envelopes[key] = _Envelope(
                pdu.kind, len(octets), after_id, self._heads_of(request, id_size), sight)
        if not is_bulk:
            envelope.tail, envelope.start = tail, start
            return
        if len(envelope.tails) >= MAX_TAILS:
            envelope.tails.clear()
        envelope.list_head = len(list_head)
        envelope.tails[tail] = min(max(pdu.first, 0), len(pdu.varbinds)), pdu.second

    def _heads_of(self, request: Request, id_size: int) -> _Heads:
        key = (request.front, id_size, request.room, request.version == V1)
        heads = self._heads.get(key)
        if heads is None:
            if len(self._heads) >= MAX_HOSTS:
                self._heads.clear()
            heads = self._heads[key] = _Heads(*key)
        return heads
