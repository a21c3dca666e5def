"""Messages that are almost well formed, and what must hold whatever comes.

One maker of messages for hypothesis, for a plain random source and for atheris: each is a Luck.
"""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, TypeVar

from mibagent.model.nodes import ObjectNode
from mibagent.smi.syntax import Base
from mibagent.snmp.ber import ENCODERS, INTEGER, OCTETS, SEQUENCE, encode_integer, encode_oid, tlv
from mibagent.snmp.message import read_version
from mibagent.snmp.secured import scoped_front
from tests.agent.snmp.fakes import PEER, ROOT, sample
from tests.agent.snmp.secure import BOOTS, ENGINE, SecureWire, user_of

T = TypeVar("T")

CRASHERS = Path(__file__).with_name("crashers")
MAX_SIZE, MAX_VARBINDS = 1500, 40
PEERS = (PEER, ("192.0.2.2", 40001), ("2001:db8::1", 161, 0, 0))
CALLS_A_DATAGRAM, CALLS_AN_OCTET = 12_000, 20
"""Python calls that one datagram may cost, beside those by its size."""

_RANGE = range(20)
_EVA, _TOM = user_of(), user_of(b"tom", "SHA", "")
_USERS = (_EVA, _TOM, user_of(b"mal"), user_of(password=b"guessing"), user_of(b"", ""))
_KINDS = (0xA0, 0xA1, 0xA3, 0xA5, 0xA0, 0xA1, 0xA3, 0xA5, 0xA2, 0xA4, 0xA6, 0xA7, 0xA8, 0xA9, 0x30)
_ARCS = (0, 1, 2, 3, 4, 9, 97, 127, 128, 200, 16384, 40000, 70000, 2**28, 2**32 - 1, 2**32, 2**40)
_NUMBERS = (0, 1, 2, 3, 10, 127, 128, 255, 40, 41, 2**15, 2**31 - 1, -1, -(2**31), 2**31, 2**63)
_LENGTHS = (b"\x80", b"\x81\x00", b"\x81\xff", b"\x82\xff\xff", b"\x83\0\0\1",
            b"\x84\xff\xff\xff\xff", b"\x84\0\0\0\2", b"\x85\0\0\0\0\1", b"\xff", b"\x7f", b"\0")


class Luck(Protocol):
    """Where choices come from."""

    def pick(self, choices: Sequence[T]) -> T:
        """Give one of these."""

    def octets(self, most: int) -> bytes:
        """Give some octets, perhaps none."""


class RandomLuck:
    """Choices of a random number generator."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def pick(self, choices: Sequence[T]) -> T:
        return self._source.choice(choices)

    def octets(self, most: int) -> bytes:
        return self._source.randbytes(self._source.randrange(most + 1))


class TapeLuck:
    """Choices read off octets that hypothesis or atheris made; off the end, always the first."""

    def __init__(self, tape: bytes) -> None:
        self._tape, self._at = tape, 0

    def _next(self) -> int:
        at = self._at
        self._at = at + 1
        return self._tape[at] if at < len(self._tape) else 0

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self._next() % len(choices)]

    def octets(self, most: int) -> bytes:
        at = self._at + 1
        size = self._next() % (most + 1)
        self._at = at + size
        return self._tape[at:at + size]


class Maker:
    """Makes datagrams, of which most have something wrong somewhere."""

    def __init__(self, luck: Luck) -> None:
        self.luck = luck
        self._oids = [node.instance_oid(()) for node in sample().model.objects.values()
                      if node.table is None]
        self._oids += [(*ROOT, 2, 1, 3, 1, 97), (*ROOT, 2, 1, 4, 2, 97, 98),
                       (*ROOT, 40000, 1, 200, 1), (*ROOT, 40000, 1, 70000, 127), (1, 3), (0, 0),
                       (2, 999, 3), ROOT]
        self._faults = 0

    def _seldom(self) -> bool:
        """Tell whether something goes wrong here; twice in a datagram is enough."""
        if self._faults >= 2 or self.luck.pick(_RANGE) != 19:
            return False
        self._faults += 1
        return True

    def node(self, tag: int, *contents: bytes) -> bytes:
        """Give tag, length and contents, one of which may be a lie."""
        content = b"".join(contents)
        if not self._seldom():
            return tlv(tag, content)
        luck = self.luck
        what = luck.pick(range(7))
        if what == 0:
            return bytes((tag,)) + luck.pick(_LENGTHS) + content
        if what == 1:
            return tlv(luck.pick((*_KINDS, 4, 5, 6, 0x1F, 0x24, 0x80, 0x82, 0xFF)), content)
        if what == 2:
            return tlv(tag, content + luck.octets(6))
        if what == 3:
            return tlv(tag, content[:len(content) // 2])
        if what == 4:
            return tlv(tag, content)[:-1]
        if what == 5:
            size = len(content) + luck.pick((-2, -1, 1, 2))
            return bytes((tag, size & 0x7F)) + content
        return tlv(tag, b"".join((*contents[1:], *contents[:1])))

    def number(self, usual: int) -> bytes:
        """Give an INTEGER."""
        return self.node(INTEGER, encode_integer(
            self.luck.pick(_NUMBERS) if self._seldom() else usual)[2:])

    def oid(self) -> bytes:
        """Give a name, mostly of something that is there or near it."""
        oid = self.luck.pick(self._oids)
        what = self.luck.pick(range(8))
        if what == 0:
            oid = oid[:self.luck.pick(range(2, len(oid) + 1))]
        elif what == 1:
            oid = (*oid, self.luck.pick(_ARCS[:-2]))
        if self._seldom():
            return self.node(0x06, self.luck.pick((
                b"", b"\x80", b"\x2b\x80", b"\x2b\x80\x01", b"\x2b\xff\xff\xff\xff\x7f",
                b"\x2b" * 129,
                b"\x2b\x90\x80\x80\x80\x00", b"\xff" * 40, b"\x2b" + b"\x81" * 60 + b"\1")))
        return self.node(0x06, encode_oid(oid))

    def value(self, is_set: bool) -> bytes:
        """Give what stands as a value."""
        if not is_set and not self._seldom():
            return b"\5\0"
        base = self.luck.pick((Base.INTEGER, Base.OCTETS, Base.OID, Base.IP_ADDRESS,
                               Base.UNSIGNED32, Base.COUNTER32, Base.COUNTER64, Base.TIME_TICKS))
        if self._seldom():
            return self.node(base.tag, self.luck.octets(12))
        held: Any = {Base.OCTETS: b"abc", Base.OID: (1, 3, 6), Base.IP_ADDRESS: b"\1\2\3\4"}.get(
            base, self.luck.pick((0, 1, 99, 101)))
        return ENCODERS[base](held)

    def pdu(self) -> bytes:
        """Give a PDU."""
        luck, kind = self.luck, self.luck.pick(_KINDS)
        many = luck.pick((0, 1, 1, 1, 2, 3, 5, 60))
        one = [self.node(SEQUENCE, self.oid(), self.value(kind == 0xA3))
               for _ in range(min(many, 5))]
        bindings = one if many <= 5 else one * 12
        first, second = (luck.pick(_NUMBERS[:14]), luck.pick(_NUMBERS[:14])) if kind == 0xA5 \
            else (0, 0)
        return self.node(kind, self.number(luck.pick((0, 1, 7, 2**31 - 1))), self.number(first),
                         self.number(second), self.node(SEQUENCE, *bindings))

    def datagram(self) -> bytes:
        """Give a datagram."""
        self._faults = 0
        luck = self.luck
        version = luck.pick((0, 1, 1, 3, 3))
        whole = self.secured() if version == 3 else self.node(
            SEQUENCE, self.number(version),
            self.node(OCTETS, luck.pick((b"public", b"private", b"", b"x" * 300))), self.pdu())
        if self._seldom():
            at = luck.pick(range(len(whole)))
            whole = luck.pick((whole[:at], whole + luck.octets(9), whole[at:],
                               whole[:at] + luck.octets(4) + whole[at + 1:], whole * 2))
        return whole[:65507]

    def secured(self) -> bytes:
        """Give a message of SNMPv3, rightly signed or by hand."""
        luck = self.luck
        context_engine = luck.pick((ENGINE, ENGINE, ENGINE, b"", b"x" * 40))
        context = luck.pick((b"", b"", b"", b"ctx", b"\xff" * 300))
        scoped = self.node(SEQUENCE, scoped_front(context_engine, context), self.pdu())
        user = luck.pick(_USERS)
        boots = luck.pick((BOOTS, BOOTS, BOOTS, 0, BOOTS + 1, 2**31 - 1))
        time = luck.pick((0, 0, 0, 149, 151, 2**31 - 1))
        if luck.pick(range(4)):
            return user.seal(luck.pick(range(1, user.level + 1)), boots, time,
                             encode_integer(luck.pick((0, 77, 2**31 - 1)))[2:], scoped,
                             luck.pick((True, True, False)))
        header = self.node(SEQUENCE, self.number(77),
                           self.number(luck.pick((484, 1500, 65507, 483))),
                           self.node(OCTETS, bytes((luck.pick((0, 1, 2, 3, 4, 5, 6, 7, 0xFC)),))),
                           self.number(luck.pick((3, 3, 3, 1, 2, 0))))
        security = self.node(
            SEQUENCE, self.node(OCTETS, luck.pick((ENGINE, b"", b"x" * 33))), self.number(boots),
            self.number(time), self.node(OCTETS, luck.pick((b"eva", b"tom", b"", b"x" * 33))),
            self.node(OCTETS, luck.octets(49)), self.node(OCTETS, luck.octets(9)))
        sealed = luck.pick((scoped, self.node(OCTETS, luck.octets(64))))
        return self.node(SEQUENCE, self.number(3), header, self.node(OCTETS, security), sealed)


class _Complaints(logging.Handler):
    """Keeps what the agent logs as a mistake of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


def keeps(node: ObjectNode) -> bool:
    """Some of the tree is stored, some computed."""
    return node.name not in ("oneNumber", "numberedB")


class Judge:
    """Two engines that hear the same, one of them by its strict path alone."""

    def __init__(self, measured: bool = True) -> None:
        """measured: count the calls of each datagram; atheris has a tracer of its own."""
        self._measured = measured
        self.quick, self.strict = (
            SecureWire(_EVA, _TOM, source=sample(keeps), max_size=MAX_SIZE,
                       max_varbinds=MAX_VARBINDS) for _ in range(2))
        self.most_calls = 0

    def hear(self, datagram: bytes, peer: tuple[Any, ...] = PEER) -> bytes | None:
        """Put a datagram to both. Raises AssertionError where something does not hold."""
        complaints = _Complaints()
        logger = logging.getLogger("mibagent")
        logger.addHandler(complaints)
        was, logger.propagate = logger.propagate, False
        try:
            answer = self._counted(lambda: self.quick.engine.answer(
                datagram, peer, self.quick.sent.append))
            other = self._counted(lambda: self.strict.engine.answer_strictly(
                datagram, peer, self.strict.sent.append))
        finally:
            logger.propagate = was
            logger.removeHandler(complaints)
        assert not complaints.heard, complaints.heard[0]
        allowed = CALLS_A_DATAGRAM + CALLS_AN_OCTET * len(datagram)
        assert self.most_calls <= allowed, f"{self.most_calls} calls, {allowed} allowed"
        self.most_calls = 0
        for given in (answer, *self.quick.sent):
            assert given is None or len(given) <= MAX_SIZE, f"{len(given)} octets"
        later = [*self.quick.sent], [*self.strict.sent]
        self.quick.sent.clear()
        self.strict.sent.clear()
        self._agree(answer, other)
        assert len(later[0]) == len(later[1]), "one path answers later than the other"
        for mine, others in zip(*later, strict=True):
            self._agree(mine, others)
        return answer

    def _counted(self, act: Callable[[], bytes | None]) -> bytes | None:
        calls = 0
        if not self._measured:
            return act()

        def note(frame: FrameType, event: str, arg: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(note)
        try:
            return act()
        finally:
            sys.setprofile(None)
            self.most_calls = max(self.most_calls, calls)

    @staticmethod
    def _agree(quick: bytes | None, strict: bytes | None) -> None:
        if quick == strict:
            return
        assert quick is not None and strict is not None, (quick, strict)
        # the salt of an encrypted answer is its own
        assert read_version(quick)[0] == 3 and len(quick) == len(strict), (quick, strict)

    def settle(self) -> None:
        """Hold the engines to having counted the same."""
        quick, strict = (wire.engine.counted() for wire in (self.quick, self.strict))
        names = type(quick).__slots__
        told = {name: (getattr(quick, name), getattr(strict, name)) for name in names}
        differ = {name: pair for name, pair in told.items() if pair[0] != pair[1]}
        assert not differ, f"counted by both paths, and not the same: {differ}"


def replay(path: Path) -> list[bytes]:
    """Give the datagrams of a file: hexadecimal, one a line; # begins a comment."""
    lines = (line.partition("#")[0].strip() for line in path.read_text("ascii").splitlines())
    return [bytes.fromhex(line) for line in lines if line]
