"""kill -9 at any moment: what was acknowledged is there after the next start, none of it half."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mibagent.snmp.pdu import Status
from mibgateway.errors import StartError
from mibgateway.northbound.shell import ask_console
from tests.gateway.tls.pki import issue
from tests.wire.unit_process import Setting, Snmp, UnitProcess, folder

ROUNDS = 36
AT_LEAST = 24
"""On a machine that is slow the rounds end when their time is over, but not before these."""
TIME_S = 60.0

WINDOW = 8
ROWS = 16
FIRST_ROW = 100
CREATE_AND_GO, DESTROY = 4, 6


def settings(number: int) -> list[Setting]:
    """Give the SET of a number: three scalars and a row that comes or goes."""
    word = b"%d" % number
    index = (FIRST_ROW + number % ROWS,)
    row: list[Setting] = [("nlmEventsRowStatus", index, DESTROY)]
    if comes(number):
        row = [("nlmEventsRowStatus", index, CREATE_AND_GO),
               ("nlmEventsCriteria", index, criteria(number))]
    return [("hocSystemName", (), word), *row, ("hocSystemLocation", (), word),
            ("sipEpTransportFailbackInterval", (), 5 + number % 3000)]


def comes(number: int) -> bool:
    """Whether that SET makes its row; each row comes and goes in turn."""
    return number // ROWS % 2 == 0


def criteria(number: int) -> bytes:
    """Give what the row holds."""
    return b"1400.%d" % (number % 60000)


def rows_after(number: int) -> dict[int, bytes]:
    """Give the rows that are there once the SETs up to that number are done."""
    found = {}
    for last in range(max(0, number - ROWS + 1), number + 1):
        if comes(last):
            found[FIRST_ROW + last % ROWS] = criteria(last)
    return found


def load(snmp: Snmp, first: int, until: float) -> tuple[int, int]:
    """SET without a pause until then; give the last number sent and the last acknowledged."""
    waiting: dict[int, int] = {}
    sent, acknowledged = first - 1, first - 1
    while time.monotonic() < until:
        while len(waiting) < WINDOW:
            sent += 1
            request, octets = snmp.set_request(*settings(sent))
            waiting[request] = sent
            snmp.socket.send(octets)
        acknowledged = max(acknowledged, take(snmp, waiting, 0.05))
    return sent, acknowledged


def take(snmp: Snmp, waiting: dict[int, int], wait_s: float) -> int:
    """Take one answer; give the number that it acknowledges."""
    got = snmp.receive(wait_s)
    if got is None:
        return -1
    assert got[1].status is Status.NO_ERROR, got
    return waiting.pop(got[0])


def check(snmp: Snmp, acknowledged: int, sent: int) -> int:
    """Hold the store against what was acknowledged; give the number that it is at."""
    name, location, interval = snmp.get_all(
        ("hocSystemName", ()), ("hocSystemLocation", ()),
        ("sipEpTransportFailbackInterval", ())).values
    assert isinstance(name, bytes)
    number = int(name)
    assert acknowledged <= number <= sent, "an acknowledged SET is lost"
    assert (location, interval) == (name, 5 + number % 3000), "a SET is half there"
    there = {}
    for row in range(FIRST_ROW, FIRST_ROW + ROWS):
        held = snmp.get("nlmEventsCriteria", (row,))
        if held is not None:
            there[row] = held
    assert there == rows_after(number), "a row does not fit its SET"
    return number


def test_what_was_acknowledged_survives_kill_9() -> None:
    luck = random.Random(36)
    end = time.monotonic() + TIME_S
    total = 0
    with folder("kill") as home:
        unit = UnitProcess(home)
        with unit:
            with unit.ask() as snmp:
                assert snmp.set(*settings(0)).status is Status.NO_ERROR
            number = 0
            for turn in range(ROUNDS):
                if turn >= AT_LEAST and time.monotonic() > end:
                    break
                with unit.ask() as snmp:
                    sent, acknowledged = load(
                        snmp, number + 1, time.monotonic() + luck.uniform(0.02, 0.4))
                    unit.kill()
                    acknowledged = max(acknowledged, last_words(snmp, sent))
                    total += acknowledged - number
                unit.forget_script()
                if turn % 6 == 5:                # and while it starts
                    unit.launch()
                    time.sleep(luck.uniform(0.0, 0.6))
                    unit.kill()
                unit.start()
                with unit.ask() as snmp:
                    number = check(snmp, acknowledged, sent)
    assert total > ROUNDS, "hardly a SET was acknowledged"


def last_words(snmp: Snmp, sent: int) -> int:
    """Take what was answered before the end and not read yet; give the last acknowledged."""
    last = -1
    while (got := snmp.receive(0.01)) is not None:
        assert got[1].status is Status.NO_ERROR
        (value,) = [value for name, _, value in got[1].varbinds[:1]]
        assert isinstance(value, bytes)
        last = max(last, int(value))
    assert last <= sent
    return last


IMPORT_ROUNDS = 10
IMPORTS_AT_LEAST = 4


def test_a_certificate_import_that_is_killed_is_done_or_not_begun(tmp_path: Path) -> None:
    """The old certificate with its key or the new one with its own, and its renewal goes on."""
    now = datetime.now(UTC) - timedelta(days=1)
    by_turns = [issue("one", kind="rsa", start=now), issue("two", number=2, start=now)]
    prints = [each.credential().facts.fingerprint.encode() for each in by_turns]
    lines = []
    for number, each in enumerate(by_turns):
        path = tmp_path / f"{number}.pem"
        path.write_bytes(each.pem())
        lines.append(f'Cert.Import Type=Host FileName=unit.pem Path="{path}"\n')
    luck = random.Random(8)
    seen = set()
    with folder("kill-import") as home:
        unit = UnitProcess(home, lines[0])
        with unit:
            for turn in range(IMPORT_ROUNDS):
                script = "".join(lines[(turn + at) % 2] for at in range(100)).encode()
                console = unit.state / "console"
                asking = threading.Thread(
                    target=lambda at=console, text=script: suppressed(ask_console, at, text),
                    daemon=True)
                asking.start()
                time.sleep(luck.uniform(0.0, 0.3))
                unit.kill()
                asking.join(20)
                unit.forget_script()
                unit.start()
                with unit.ask() as snmp:
                    shown = snmp.get("certHostCertificatesInfoFingerprint", (b"unit.pem",))
                    kind = snmp.get("certHostCertificatesInfoKeyType", (b"unit.pem",))
                at = prints.index(shown)  # type: ignore[arg-type]
                assert kind == (b"RSA-2048", b"EC-P256")[at]
                assert "refused" not in unit.log()
                seen.add(at)
                if turn + 1 >= IMPORTS_AT_LEAST and len(seen) == 2:
                    break
    assert seen == {0, 1}, "no import got through"


def suppressed(call: Callable[..., object], *arguments: object) -> None:
    """Call what may be cut off by the end of the unit."""
    with suppress(OSError, StartError):
        call(*arguments)
