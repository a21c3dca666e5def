"""An agent that does all rightly but for one fault: `--fault NAME --port PORT` serves it on UDP.

It shares nothing with mibagent. What each fault must be noticed by stands in faults.py.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance.fault_set import set_values
from tests.conformance.fault_tree import COUNTED, tree_of
from tests.conformance.fault_v3 import Engine
from tests.conformance.faults import FAULTS, OF_V1, STATUSES
from tools.conformance.ber import (
    COUNTER64,
    END_OF_VIEW,
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    NULL,
    SEQUENCE,
    Malformed,
    Oid,
    Reader,
    Value,
    integer,
    tlv,
)
from tools.conformance.names import (
    IN_ASN_PARSE_ERRS,
    IN_BAD_COMMUNITY_NAMES,
    IN_BAD_VERSIONS,
    IN_PKTS,
    SNMP,
    SYS_DESCR,
)
from tools.conformance.pdu import (
    AUTHORIZATION_ERROR,
    GEN_ERR,
    GET,
    GET_BULK,
    GET_NEXT,
    INFORM,
    NO_SUCH_NAME,
    RESPONSE,
    SET,
    TOO_BIG,
    Pdu,
    binding,
    read_pdu,
)

V1, V2C, V3 = 0, 1, 3
LARGEST = 65507


@dataclass(frozen=True)
class Who:
    """Somebody who was let in."""

    reads: bool = True
    writes: bool = False
    hidden: Oid = ()
    """A subtree that is not there for them."""

    def sees(self, oid: Oid) -> bool:
        """Tell whether an instance is in the view."""
        return not self.hidden or oid[:len(self.hidden)] != self.hidden


class _Error(Exception):
    def __init__(self, status: int, index: int) -> None:
        super().__init__(status, index)
        self.status, self.index = status, index


class FaultAgent:
    """Datagrams in, datagrams out."""

    def __init__(self, fault: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        assert not fault or fault in FAULTS, fault
        self.fault, self.clock = fault, clock
        self._began = clock() - 10_000
        self.counters = dict.fromkeys(COUNTED, 0)
        self.engine = Engine(self)
        self.tree = tree_of(self.counters, self._uptime, self.engine.tells, self.has)

    def has(self, fault: str) -> bool:
        """Tell whether it is wrong in this way."""
        return self.fault == fault

    def count(self, oid: Oid, unless: str = "") -> int:
        """Count, unless a fault keeps it from that; give the counter."""
        if not unless or not self.has(unless):
            self.counters[oid] += 1
        return self.counters[oid]

    def _uptime(self) -> Value:
        grown = self.clock() - self._began
        return int(grown * (1 if self.has("up-time-in-seconds") else 100))

    @property
    def seconds(self) -> int:
        """snmpEngineTime."""
        return 10_000 if self.has("time-stands-still") else int(self.clock() - self._began)

    # -- messages

    def answer(self, octets: bytes) -> bytes | None:
        """Give what answers a datagram."""
        self.count(IN_PKTS, unless="packets-uncounted")
        if self.has("small-buffer") and len(octets) > 400:
            return None
        if self.has("refuses-long-lengths") and octets[1:2] == b"\x83":
            return None
        if self.has("takes-indefinite-lengths") and octets[1:2] == b"\x80":
            octets = tlv(SEQUENCE, octets[2:-2])
        try:
            return self._answer(octets)
        except Malformed:
            self.count(IN_ASN_PARSE_ERRS, unless="parse-errors-uncounted")
            return b"\x30\0" if self.has("answers-cut-messages") else None

    def _answer(self, octets: bytes) -> bytes | None:
        outer = Reader(octets)
        _, inner = outer.take(SEQUENCE)
        version = inner.integer()
        if version == V3:
            return self.engine.answer(inner)
        if version not in (V1, V2C):
            self.count(IN_BAD_VERSIONS, unless="versions-uncounted")
            if not self.has("any-version"):
                return None
        community = inner.string()
        who = self._who(version, community)
        if who is None:
            self.count(IN_BAD_COMMUNITY_NAMES, unless="communities-uncounted")
            return None
        kind, content = inner.take()
        if not self._takes(kind, version):
            return None
        if self.has("takes-any-encoding") and kind == SET:
            content = _with_a_good_number(content)
        asked = read_pdu(kind, content)
        told = self.has("another-community")
        front = integer(V2C if self.has("answers-v1-in-v2c") else version) + tlv(
            4, b"" if told else community)

        def around(body: bytes) -> bytes:
            return tlv(SEQUENCE, front, body)

        return self.respond(asked, who, version, LARGEST, around)

    def _who(self, version: int, community: bytes) -> Who | None:
        if community == b"private":
            return Who(writes=True)
        if community == b"guarded":
            return Who(reads=self.has("any-level-by-community"))
        if community == b"public" or (self.has("community-by-prefix")
                                      and community.startswith(b"publi")):
            return Who(writes=self.has("reader-writes"))
        return Who() if version == V1 and self.has("any-community-in-v1") else None

    def _takes(self, kind: int, version: int) -> bool:
        if kind in (GET, GET_NEXT, SET):
            return True
        if kind == GET_BULK:
            return version != V1 or self.has("bulk-in-v1")
        if kind == INFORM:
            return self.has("acknowledges-informs")
        if kind in (RESPONSE, 0xA7, 0xA8):
            return self.has("answers-responses")
        return self.has("any-pdu")

    # -- PDUs

    def respond(self, asked: Pdu, who: Who, version: int, most: int,
                around: Callable[[bytes], bytes]) -> bytes | None:
        """Give the answer to a PDU, at most so many octets of it."""
        echoed = [each.octets for each in asked.bindings]
        status, index, found = 0, 0, list[bytes]()
        try:
            if not who.reads:
                raise _Error(AUTHORIZATION_ERROR, 0)
            found = self._found(asked, who, version, most)
        except _Dropped:
            return None
        except _Error as error:
            status, index = error.status, error.index
            found = [] if self.has("refusal-without-bindings") else echoed
        status = STATUSES.get(self.fault, {}).get(status, status)
        if version == V1 and not self.has("v2-errors-to-v1"):
            status = OF_V1.get(status, status)
            if self.has("read-only-to-v1") and status == NO_SUCH_NAME and asked.kind == SET:
                status = 4
        if status and self.has("counts-from-zero"):
            index = max(0, index - 1)
        if status and (self.has("blames-the-first")
                       or (version == V1 and self.has("v1-index-zero"))):
            index = min(index, int(not self.has("v1-index-zero")))
        answer = around(self._pdu(asked, status, index, found))
        if len(answer) <= most:
            return answer
        if self.has("no-too-big"):
            return None
        if asked.kind == GET_BULK and not self.has("bulk-too-much-is-too-big"):
            while len(answer) > most and found:
                del found[-max(1, len(found) // 20):]
                answer = around(self._pdu(asked, status, index, found))
            return answer
        keeps = version == V1 and not self.has("v1-too-big-empty")
        if self.has("too-big-with-bindings") or (
                version == V3 and self.has("v3-too-big-with-bindings")):
            keeps, echoed = True, echoed[:1]
        return around(self._pdu(asked, TOO_BIG, 0, echoed if keeps else []))

    def _pdu(self, asked: Pdu, status: int, index: int, found: list[bytes]) -> bytes:
        number = asked.request_id
        if self.has("request-id-of-24-bits"):
            number &= 0xFFFFFF
        told = b"\x02\x02\0\0" if self.has("padded-integers") and not status else integer(status)
        return tlv(RESPONSE, integer(number), told, integer(index), tlv(SEQUENCE, *found))

    def _found(self, asked: Pdu, who: Who, version: int, most: int) -> list[bytes]:
        names = [each.oid for each in asked.bindings]
        if asked.kind == SET:
            size = sum(len(each.octets) for each in asked.bindings)
            if size + 150 > most and not self.has("sets-what-is-too-big"):
                return [each.octets for each in asked.bindings]     # which will not fit
            refused = set_values(self, asked.bindings, who)
            if refused is not None:
                raise _Error(*refused)
            if self.has("set-answers-null"):
                return [binding(oid) for oid in names]
            return [each.octets for each in asked.bindings]
        is_null = all(each.tag == NULL for each in asked.bindings)
        if asked.kind == GET_BULK:
            if self.has("bulk-wants-null") and not is_null:
                raise _Error(GEN_ERR, 1)
            return self._bulk(names, who, asked.status, asked.index)
        if self.has("get-wants-null") and not is_null:
            raise _Error(GEN_ERR, 1)
        if self.has("get-minds-error-fields") and asked.status:
            raise _Error(GEN_ERR, 0)
        if self.has("drops-empty-gets") and not names:
            raise _Dropped
        if self.has("ten-bindings-at-most"):
            names = names[:10]
        if self.has("next-answers-first-only") and asked.kind == GET_NEXT:
            names = names[:1]
        if self.has("get-sorts") or (version == V3 and self.has("v3-sorts")):
            names.sort()
        if self.has("get-once-each"):
            names = list(dict.fromkeys(names))
        step = self._next if asked.kind == GET_NEXT else self._get
        return [step(at, oid, who, version) for at, oid in enumerate(names, 1)]

    def _get(self, at: int, oid: Oid, who: Who, version: int) -> bytes:
        sees = who.sees(oid) or self.has("get-sees-all")
        found = self.tree.object_of(oid)
        is_v1 = version == V1 and not self.has("exceptions-to-v1")
        if oid in self.tree.values and sees and found is not None and not (
                version == V1 and found.tag == COUNTER64 and not self.has("counter64-to-v1")):
            value = self.tree.read(oid)
            if self.has("get-in-another-type") and value[0] == 0x43:
                value = b"\x42" + value[1:]
            return binding(oid, value)
        if is_v1 or self.has("no-such-name-to-v2c"):
            raise _Error(NO_SUCH_NAME, at)
        tag = NO_SUCH_INSTANCE if found is not None and sees else NO_SUCH_OBJECT
        if self.has("no-such-object-as-instance"):
            tag = NO_SUCH_INSTANCE
        if self.has("no-such-instance-as-object"):
            tag = NO_SUCH_OBJECT
        return binding(oid, tlv(tag))

    def _next(self, at: int, oid: Oid, who: Who, version: int, see_all: str = "next-sees-all"
              ) -> bytes:
        def sees(name: Oid) -> bool:
            found = self.tree.object_of(name)
            if found is not None and found.tag == COUNTER64 and version == V1 \
                    and not self.has("v1-next-counter64"):
                return False
            return who.sees(name) or self.has(see_all)

        if self.has("next-wants-an-instance") and oid[:6] == (1, 3, 6, 1, 2, 1) \
                and oid not in self.tree.values:
            raise _Error(NO_SUCH_NAME, at)
        name = self.tree.after(oid, sees)
        if self.has("next-repeats") and oid == SYS_DESCR:
            name = oid
        if name is None:
            if (version == V1 and not self.has("end-to-v1")) or self.has("end-is-an-error"):
                raise _Error(NO_SUCH_NAME, at)
            told = (*oid, 0) if self.has("end-renamed") else oid
            return binding(told, tlv(END_OF_VIEW))
        return binding(name, self.tree.read(name))

    def _bulk(self, names: list[Oid], who: Who, several: int, repeat: int) -> list[bytes]:
        if self.has("bulk-negative-is-gen-err") and min(several, repeat) < 0:
            raise _Error(GEN_ERR, 0)
        if (self.has("bulk-drops-zero") and repeat <= 0) or (
                self.has("bulk-drops-empty") and not names):
            raise _Dropped
        if self.has("bulk-minds-many-non-repeaters") and several > len(names):
            raise _Error(GEN_ERR, 0)
        several = 0 if self.has("bulk-repeats-all") else min(max(several, 0), len(names))
        first = [self._next(0, oid, who, V2C, "bulk-sees-all") for oid in names[:several]]
        columns: list[list[bytes]] = []
        repeat = min(max(repeat, 0), 3000) + self.has("bulk-one-too-many")
        for oid in names[several:]:
            run, at = list[bytes](), oid
            while len(run) < repeat:
                if self.has("bulk-skips") and at[:8] == (*SNMP, 1):
                    at = (*SNMP, 3, 0)
                run.append(self._next(0, at, who, V2C, "bulk-sees-all"))
                name = _name(run[-1])
                if name == at:
                    if self.has("bulk-end-is-an-error"):
                        raise _Error(NO_SUCH_NAME, 1)
                    break
                at = name
            columns.append(run)
        longest = max(map(len, columns), default=0)
        for run in columns:
            run += run[-1:] * (longest - len(run))
        if self.has("bulk-by-column"):
            return first + [each for run in columns for each in run]
        return first + [run[row] for row in range(longest) for run in columns]


class _Dropped(Exception):
    """No answer."""


def _name(octets: bytes) -> Oid:
    return Reader(octets).take()[1].take()[1].object_id()


def _with_a_good_number(content: Reader) -> Reader:
    """Put INTEGER 1 where an INTEGER is that has no such octets."""
    for bad in (b"\2\0", b"\2\5\1\0\0\0\1"):
        whole = content.content
        if whole.endswith(bad):
            name = whole[whole.index(b"\6\x08"):-len(bad)]
            good = tlv(SEQUENCE, tlv(SEQUENCE, name, integer(1)))
            return Reader(whole[:whole.index(b"\2\1\0\2\1\0") + 6] + good)
    return content


def serve(fault: str, host: str, port: int) -> None:
    """Answer on UDP until interrupted."""
    agent = FaultAgent(fault)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                       socket.SOCK_DGRAM) as listening:
        listening.bind((host, port))
        print(f"listening at {host} port {listening.getsockname()[1]}", flush=True)
        while True:
            octets, peer = listening.recvfrom(LARGEST)
            answer = agent.answer(octets)
            if answer is not None:
                listening.sendto(answer, peer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", default="", choices=["", *FAULTS])
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    try:
        serve(asked.fault, asked.listen, asked.port)
    except KeyboardInterrupt:
        sys.exit(0)
