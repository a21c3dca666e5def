"""Two managers at window 32 set the same objects, and objects that conflict.

The audit trail is the order that has to explain everything: it holds what was acknowledged, each
change begins where the one before ended, its last state is the store, it follows real time, and
every read gives a state of it. A SET writes its own word to three objects, so that each value tells
which SET it comes from.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from mibagent.snmp.pdu import Status
from mibagent.store.journal import Audit, Journal
from mibagent.store.seal import Sealer
from tests.wire.unit_process import Setting, Snmp, UnitProcess, folder

WINDOW = 32
SETS = 450
"""Of each manager: together fewer than the audit trail keeps."""
DEFAULT = (b"default",)
TLS, UDP = "sipEpTransportConfigTlsEnable", "sipEpTransportConfigUdpEnable"
NAMES = ("hocSystemName", "hocSystemLocation", "hocSystemContact")
AGAIN_S = 3.0


@dataclass
class Write:
    """One SET as its manager saw it."""

    word: str
    settings: list[Setting]
    began: float
    ended: float = float("inf")
    """When its answer came; infinite where none came."""
    status: Status | None = None

    @property
    def asks_for_udp(self) -> bool:
        """Whether it can be refused."""
        return (UDP, DEFAULT, 1) in self.settings


@dataclass
class Read:
    """One GET of all three objects."""

    words: Sequence[object]
    began: float
    ended: float


@dataclass
class Manager:
    """Keeps its window full until it has sent enough, or is told to stop."""

    snmp: Snmp
    name: str
    seed: int
    stop: Event
    writes: list[Write] = field(default_factory=list)
    failure: BaseException | None = None

    def run(self) -> None:
        """Send and take answers."""
        try:
            self._run()
        except BaseException as error:
            self.failure = error

    def _write(self, luck: random.Random) -> Write:
        word = f"{self.name}{len(self.writes)}"
        settings: list[Setting] = [(name, (), word.encode()) for name in NAMES]
        luck.shuffle(settings)
        if luck.random() < 0.3:
            settings.append(luck.choice([(TLS, DEFAULT, 1), (TLS, DEFAULT, 0), (UDP, DEFAULT, 1)]))
        return Write(word, settings, time.monotonic())

    def _run(self) -> None:
        luck = random.Random(self.seed)
        waiting: dict[int, tuple[Write, bytes]] = {}
        heard = time.monotonic()
        while not self.stop.is_set() and (len(self.writes) < SETS or waiting):
            while len(waiting) < WINDOW and len(self.writes) < SETS:
                write = self._write(luck)
                request, octets = self.snmp.set_request(*write.settings)
                self.writes.append(write)
                waiting[request] = (write, octets)
                self.snmp.socket.send(octets)
            got = self.snmp.receive(0.2)
            if got is not None and got[0] in waiting:
                heard = time.monotonic()
                write, _ = waiting.pop(got[0])
                write.ended, write.status = heard, got[1].status
            elif time.monotonic() - heard > AGAIN_S and not self.stop.is_set():
                heard = time.monotonic()
                for _, octets in waiting.values():
                    self.snmp.socket.send(octets)


def trail(state: Path) -> list[Audit]:
    """Give the revisions of a unit that does not run, the oldest first, that changed words."""
    journal = Journal(state / "unit.db", Sealer.of_file(state / "key"))
    try:
        found = journal.audit(1, 2000)
    finally:
        journal.close()
    return [each for each in reversed(found)
            if NAMES[0] in {change[0] for change in each.changes}]


def word_of(revision: Audit) -> str:
    """Give the word that a revision wrote, whole."""
    words = {new for name, _, _, new in revision.changes if name in NAMES}
    assert len(words) == 1, f"torn: {revision}"
    assert {change[0] for change in revision.changes} >= set(NAMES), f"half: {revision}"
    return words.pop()


def explain(
    state: Path, first: str, writes: Sequence[Write], reads: Sequence[Read], last: Sequence[object]
) -> None:
    """Hold the trail against what the managers saw, and against what the store held at the end."""
    revisions = [each for each in trail(state) if word_of(each) != first]
    order = [word_of(each) for each in revisions]
    by_word = {write.word: write for write in writes}
    assert len(set(order)) == len(order), "a SET was carried out twice"
    acknowledged = {write.word for write in writes if write.status is Status.NO_ERROR}
    refused = {write.word for write in writes
               if write.status not in (None, Status.NO_ERROR)}
    assert acknowledged <= set(order), "an acknowledged SET is lost"
    assert not refused & set(order), "a refused SET left a trace"
    for word in refused:
        assert by_word[word].asks_for_udp
        assert by_word[word].status is Status.INCONSISTENT_VALUE
    before = first
    udp, tls = "1", "0"
    for revision, word in zip(revisions, order, strict=True):
        for name, _, old, new in revision.changes:
            if name in NAMES:
                assert old == before, "a change does not begin where the one before ended"
            udp, tls = (new if name == UDP else udp), (new if name == TLS else tls)
        assert (udp, tls) != ("1", "1"), f"TLS beside UDP after {word}"
        before = word
    assert list(last) == [before.encode()] * 3, "the trail does not lead to the store"
    in_real_time(order, by_word, reads, first)


def in_real_time(
    order: list[str], by_word: dict[str, Write], reads: Sequence[Read], first: str
) -> None:
    """Hold the order against the moments at which requests were sent and answers came."""
    latest = 0.0
    for word in order:
        latest = max(latest, by_word[word].began)
        assert by_word[word].ended >= latest, f"{word} came after one that began later"
    place = {word: at for at, word in enumerate(order)}
    place[first] = -1
    for read in reads:
        (word,) = {str(value, "utf-8") for value in read.words if isinstance(value, bytes)}
        at = place[word]
        assert at < 0 or by_word[word].began <= read.ended, "a word was read before it was sent"
        overwritten = [other for other in order[at + 1:]
                       if by_word[other].ended < read.began]
        assert not overwritten, f"{word} was read after {overwritten[0]} was acknowledged"


def watch(snmp: Snmp, running: Sequence[Thread]) -> list[Read]:
    """Read as long as one of them runs."""
    reads = []
    while any(thread.is_alive() for thread in running):
        began = time.monotonic()
        answer = snmp.get_all(*((name, ()) for name in NAMES))
        reads.append(Read(answer.values, began, time.monotonic()))
        assert len(set(map(str, answer.values))) == 1, f"torn: {answer.values}"
    return reads


def managers(unit: UnitProcess, stop: Event) -> list[Manager]:
    """Give two managers, each with a socket of its own."""
    return [Manager(unit.ask(), name, seed, stop) for seed, name in enumerate("ab")]


def ended(loads: Sequence[Manager]) -> None:
    """Close sockets; raise what broke."""
    for load in loads:
        load.snmp.close()
        if load.failure is not None:
            raise load.failure


def begin(snmp: Snmp) -> None:
    """Set what the store holds before the managers come."""
    answer = snmp.set(*((name, (), b"first") for name in NAMES))
    assert answer.status is Status.NO_ERROR


def test_some_order_explains_what_two_managers_saw() -> None:
    with folder("two") as home, UnitProcess(home) as unit, unit.ask() as snmp:
        begin(snmp)
        loads = managers(unit, Event())
        threads = [Thread(target=load.run, daemon=True) for load in loads]
        for thread in threads:
            thread.start()
        reads = watch(snmp, threads)
        ended(loads)
        writes = [write for load in loads for write in load.writes]
        assert len(writes) == 2 * SETS
        assert all(write.status is not None for write in writes)
        assert {write.status for write in writes} == {Status.NO_ERROR, Status.INCONSISTENT_VALUE}
        last = snmp.get_all(*((name, ()) for name in NAMES)).values
        assert unit.stop() == 0
        explain(unit.state, "first", writes, reads, last)


def test_what_was_not_acknowledged_is_whole_or_absent() -> None:
    luck = random.Random(5)
    for _ in range(4):
        with folder("two") as home, UnitProcess(home) as unit:
            with unit.ask() as snmp:
                begin(snmp)
            loads = managers(unit, stop := Event())
            threads = [Thread(target=load.run, daemon=True) for load in loads]
            for thread in threads:
                thread.start()
            time.sleep(luck.uniform(0.05, 0.3))
            unit.kill()
            time.sleep(0.3)               # what was answered is taken
            stop.set()
            for thread in threads:
                thread.join()
            ended(loads)
            unit.forget_script()
            unit.start()
            with unit.ask() as snmp:
                last = snmp.get_all(*((name, ()) for name in NAMES)).values
            assert unit.stop() == 0
            writes = [write for load in loads for write in load.writes]
            explain(unit.state, "first", writes, (), last)
