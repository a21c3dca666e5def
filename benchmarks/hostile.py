"""A unit under datagrams of ill will: a million by default, with good requests all the while.

python benchmarks/hostile.py [--datagrams 1000000] [--seed 1]

Mutations of good requests, noise, cuts, lengths that lie, deep nesting, floods of repetitions,
SNMPv3 under wrong engines, users, digests, times and keys. Held to: every good GET is answered, no
Traceback in the log, the log stays small, memory stays flat. Exit status 1 where it does not.
"""

from __future__ import annotations

import argparse
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.conformance.agent import V1, V2C, Agent, Community, Secure  # noqa: E402
from tools.conformance.ber import Oid, tlv  # noqa: E402
from tools.conformance.link import UdpLink  # noqa: E402
from tools.conformance.names import SYS_CONTACT, SYS_DESCR, SYS_UP_TIME  # noqa: E402
from tools.conformance.pdu import (  # noqa: E402
    GET,
    GET_BULK,
    GET_NEXT,
    INFORM,
    REPORT,
    RESPONSE,
    SET,
    TRAP,
    binding,
    number,
    pdu,
)
from tools.conformance.registry import Failed  # noqa: E402
from tools.conformance.unit import StartedUnit, started_unit  # noqa: E402
from tools.conformance.usm import User  # noqa: E402
from tools.conformance.v3 import REPORTABLE, Envelope  # noqa: E402

IN_FLIGHT_OCTETS = 64 * 1024
"""Fewer than a socket holds where the host allows little, so that each is read."""
GROWTH_OCTETS = 8 << 20
MOST_LOG = 100_000
TREE: Oid = (1, 3, 6, 1)
LENGTHS = (b"\x80", b"\x81\xff", b"\x82\xff\xff", b"\x84\xff\xff\xff\xff", b"\x85\0\0\0\0\1",
           b"\xff" + b"\xff" * 126)


class Hostility:
    """Makes datagrams of ill will."""

    def __init__(self, agent: Agent, luck: random.Random) -> None:
        self._luck = luck
        known = agent.credentials
        v2c, v1 = (Community(agent, version, known.community) for version in (V2C, V1))
        names = b"".join(map(binding, (SYS_DESCR, SYS_UP_TIME, TREE)))
        self._good = [
            v2c.request(GET, names), v2c.request(GET_NEXT, names), v1.request(GET, names),
            v1.request(GET_NEXT, names), v2c.request(GET_BULK, names, 1, 10),
            v2c.request(SET, binding(SYS_DESCR, number(1))),
            v2c.request(SET, binding(SYS_CONTACT, number(1))),
            *(v2c.request(kind, names) for kind in (RESPONSE, REPORT, TRAP, INFORM))]
        self._strangers = [
            Community(agent, version, community).request(GET, names)
            for version in (V1, V2C) for community in ("", "public", known.community + "x")]
        self._floods = [
            v2c.request(GET_BULK, binding(TREE) * many, 0, repeat)
            for many in (1, 60) for repeat in (500, 2**31 - 1)]
        self._floods += [v2c.request(GET, binding(SYS_DESCR) * 2000)]
        deep = b""
        while len(deep) < 1200:
            deep = tlv(0x30, deep)
        self._nested = [deep, b"\x30\x80" * 700, tlv(0x30, b"\2\1\1", tlv(4, b"x"), deep)]
        self._secured = self._of_v3(agent, names)
        self.kinds: dict[str, tuple[int, Callable[[], bytes]]] = {
            "mutated": (40, self._mutated), "noise": (10, self._noise), "cut": (10, self._cut),
            "lengths that lie": (10, self._lying),
            "nested": (3, lambda: luck.choice(self._nested)),
            "unknown communities": (5, lambda: luck.choice(self._strangers)),
            "floods": (1, lambda: luck.choice(self._floods)),
            "SNMPv3": (11, lambda: luck.choice(self._secured)),
            "SNMPv3, mutated": (10, lambda: self._changed(luck.choice(self._secured)))}
        self._names = list(self.kinds)
        self._weights = [weight for weight, _ in self.kinds.values()]

    def next(self) -> tuple[str, bytes]:
        """Give one, and what it is."""
        name = self._luck.choices(self._names, self._weights)[0]
        return name, self.kinds[name][1]()

    def _of_v3(self, agent: Agent, names: bytes) -> list[bytes]:
        """Give messages of SNMPv3, each wrong in its own way."""
        user = agent.credentials.users.get("main", User(
            "admin", "SHA-256", "no such pass phrase", "AES", "nor this one"))
        try:
            engine = Secure(agent, user, 0).discover().engine_id
        except Failed:
            engine = b"\x80\0\0\0\5nobody's"
        good = Envelope(77, REPORTABLE | 3, user.keys(engine), engine, 1, 1, user.name.encode())
        wrong = replace(user, auth_password="guessed wrongly", priv_password="guessed wrongly")
        made = []
        for fields in (
            {}, {"time": 2**31 - 1}, {"boots": 2**31 - 1}, {"engine_id": b"\x80\0\0\0\5elsewhere"},
            {"user": b"nobody"}, {"user": b"x" * 500}, {"digest": b"\0" * 24}, {"digest": b"\1"},
            {"digest": b""}, {"salt": b""}, {"sealed": b"\0" * 64}, {"keys": wrong.keys(engine)},
            {"flags": 0}, {"flags": 1}, {"flags": 2}, {"flags": 4}, {"model": 1}, {"max_size": 1},
            {"max_size": 484}, {"context_name": b"x" * 200}, {"context_engine": b"elsewhere"},
        ):
            envelope = replace(good, **fields)
            made += [envelope.message(pdu(kind, 9, names, 0, 0))
                     for kind in (GET, GET_BULK, SET, INFORM, REPORT)]
        return made

    def _changed(self, request: bytes) -> bytes:
        luck, octets = self._luck, bytearray(request)
        how = luck.randrange(4)
        at = luck.randrange(len(octets))
        if how == 0:
            octets[at:at] = luck.randbytes(luck.randrange(1, 20))
        elif how == 1:
            del octets[at:at + luck.randrange(1, 10)]
        else:
            for _ in range(luck.randrange(1, 5)):
                octets[luck.randrange(len(octets))] = luck.choice(
                    (0, 1, 0x7F, 0x80, 0x82, 0x84, 0xFF, 0x30, luck.randrange(256)))
        return bytes(octets)

    def _mutated(self) -> bytes:
        return self._changed(self._luck.choice(self._good))

    def _noise(self) -> bytes:
        return self._luck.randbytes(self._luck.choice((0, 1, 20, 300, 1400)))

    def _cut(self) -> bytes:
        whole = self._luck.choice(self._good + self._secured)
        return whole[:self._luck.randrange(1, len(whole))]

    def _lying(self) -> bytes:
        whole = self._luck.choice(self._good + self._secured)
        at = self._luck.choice((0, 0, *(at for at, octet in enumerate(whole) if octet == 0x30)))
        return whole[:at + 1] + self._luck.choice(LENGTHS) + whole[at + 2:]


class Assault:
    """Pours them on a unit, and asks good questions between."""

    def __init__(self, unit: StartedUnit, seed: int) -> None:
        self.unit = unit
        self.agent = Agent(UdpLink(unit.host, unit.port), unit.credentials, wait_s=10.0)
        self.hostility = Hostility(self.agent, random.Random(seed))
        self.sent: Counter[str] = Counter()
        self.answers = self.good = 0
        self.slowest_s = 0.0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((unit.host, unit.port))
        self._socket.setblocking(False)

    def ask(self) -> None:
        """Ask what every unit can answer. Raises Failed."""
        began = time.monotonic()
        self.agent.begin()
        if self.agent.value(SYS_UP_TIME) is None:
            raise Failed("sysUpTime has no value")
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.good += 1

    def pour(self, many: int) -> None:
        """Send so many. Raises Failed where a good question is not answered."""
        in_flight = 0
        for _ in range(many):
            name, octets = self.hostility.next()
            self._socket.send(octets)
            self.sent[name] += 1
            in_flight += len(octets) + 1024         # the kernel's own share
            if in_flight > IN_FLIGHT_OCTETS:
                in_flight = 0
                self.ask()
                self._hear()
        self.ask()
        self._hear()

    def _hear(self) -> None:
        while True:
            try:
                self._socket.recv(65536)
            except BlockingIOError:
                return
            self.answers += 1

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def run(datagrams: int, seed: int) -> list[str]:
    """Do it, and print; give what does not hold."""
    with started_unit() as unit:
        assault = Assault(unit, seed)
        began = time.monotonic()
        try:
            assault.pour(max(5000, datagrams // 20))        # what it keeps is filled now
            before = unit.resident_octets()
            left, most = datagrams, before
            while left > 0:
                some = min(left, 100_000)
                assault.pour(some)
                left -= some
                most = max(most, unit.resident_octets())
                print(f"{datagrams - left} datagrams, {unit.resident_octets() >> 10} KiB,"
                      f" {time.monotonic() - began:.0f} s", flush=True)
        except Failed as failed:
            return [f"a good GET: {failed}", unit.log()[-2000:]]
        finally:
            assault.close()
        after, log = unit.resident_octets(), unit.log()
    print(f"{sum(assault.sent.values())} datagrams, {assault.answers} answered; "
          + ", ".join(f"{name} {many}" for name, many in assault.sent.most_common()))
    print(f"{assault.good} good GETs, all answered, the slowest after {assault.slowest_s:.2f} s")
    print(f"memory {before >> 10} KiB before, {after >> 10} KiB after, at most {most >> 10} KiB; "
          f"log {len(log)} octets")
    found = []
    if after - before > GROWTH_OCTETS:
        found.append(f"it grew by {(after - before) >> 10} KiB")
    if "Traceback" in log:
        found.append(f"a Traceback: {log[log.index('Traceback'):][:2000]}")
    if len(log) > MOST_LOG:
        found.append(f"strangers fill its log: {len(log)} octets")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run as asked; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--datagrams", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    found = run(asked.datagrams, asked.seed)
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
