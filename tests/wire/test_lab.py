"""`mibgate run --ephemeral`: all that a test needs in one file, and no trace at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import defer, reactor
from twisted.trial.unittest import TestCase

from mibgateway.lab.folder import LabFolder
from mibgateway.lab.ports import PortLender
from mibgateway.lab.ready import Ready
from mibgateway.lab.shell import LONGEST_LINE
from mibgateway.lab.start import LabOptions, first_script
from mibgateway.main import Launch, Order
from mibgateway.northbound.script_grammar import parse_script
from tests.wire.programs import require
from tests.wire.unit_process import MIBGATE, WAIT_S, Snmp, folder, mibgate, until

PARENT = """
import subprocess, sys
subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.read()
"""


class Run:
    """One ephemeral unit; all that it makes is in one folder, so that what it leaves is found."""

    def __init__(self, home: Path, *arguments: str | Path) -> None:
        self.home = home
        self.ready_file = home / "ready.json"
        self.temporary = home / "t"
        self.temporary.mkdir(exist_ok=True)
        self.environment = {**os.environ, "TMPDIR": str(self.temporary)}
        self.command = [*MIBGATE, "run", "--ephemeral", "--ready-file", str(self.ready_file),
                        *map(str, arguments)]
        self.output = home / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, *prefix: str) -> Run:
        self.process = subprocess.Popen(
            [*prefix, *self.command], stdin=subprocess.PIPE, stdout=self.output.open("w"),
            stderr=subprocess.STDOUT, env=self.environment)
        return self

    def ready(self) -> Ready:
        until(self.ready_file.exists, "ready")
        return Ready.from_json(self.ready_file.read_text())

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Give its exit status, and what it wrote."""
        assert self.process is not None and self.process.stdin is not None
        status = self.process.wait(WAIT_S)
        self.process.stdin.close()
        return status, self.output.read_text()

    def left(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir())


@pytest.fixture
def home() -> Iterator[Path]:
    with folder("run") as made:
        yield made


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}/status").exists() \
        and "zombie" not in Path(f"/proc/{pid}/status").read_text()


def test_the_file_has_all_that_is_needed_and_nothing_stays(home: Path) -> None:
    run = Run(home).launch()
    ready = run.ready()
    assert stat.S_IMODE(run.ready_file.stat().st_mode) == 0o600
    assert run.process is not None and ready.pid == run.process.pid
    assert Path(ready.state).parent == run.temporary
    assert ready.snmp.community is not None and ready.snmp.writes
    with Snmp((ready.snmp.address, ready.snmp.port), ready.snmp.community) as snmp:
        snmp.set(("hocSystemName", (), b"by a test"))
        assert snmp.get("sysName") == b"by a test"
    assert ready.ca is not None and ready.console is not None
    done = mibgate("script", "--state", ready.state, "-", given="Hoc.SystemName=scripted\n")
    assert done.returncode == 0, done.stderr
    user = ready.users[0]
    assert (user.name, user.rights) == ("admin", "admin") and user.password
    assert ready.snmp.v3 and user.priv_password
    asked = subprocess.run(
        [require("snmpget"), "-v3", "-l", "authPriv", "-u", user.name, "-a", user.auth_protocol,
         "-A", user.password, "-x", user.priv_protocol, "-X", user.priv_password, "-Oqv",
         f"{ready.snmp.address}:{ready.snmp.port}", "1.3.6.1.2.1.1.5.0"],
        capture_output=True, text=True, check=False, env={"SNMPCONFPATH": os.devnull})
    assert asked.stdout.strip() == '"scripted"', asked
    status, text = run.end()
    assert status == 0 and "Traceback" not in text
    assert not run.ready_file.exists() and run.left() == []


def test_two_units_share_nothing(home: Path) -> None:
    (home / "a").mkdir()
    (home / "b").mkdir()
    runs = [Run(home / name).launch() for name in "ab"]
    one, other = (run.ready() for run in runs)
    assert one.snmp.engine_id != other.snmp.engine_id
    assert one.serial != other.serial
    assert not {each.port for each in one.listeners} & {each.port for each in other.listeners}
    for run in runs:
        assert run.end()[0] == 0


def test_nonsense_at_the_door_hurts_nobody(home: Path) -> None:
    run = Run(home).launch()
    ready = run.ready()
    assert ready.door is not None

    def ask(octets: bytes, lines: int = 1) -> bytes:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(WAIT_S)
            link.connect(str(ready.door))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                link.sendall(octets)
                with link.makefile("rb") as answers:
                    return b"".join(answers.readline() for _ in range(lines))
        return b""

    for octets in (b"\n", b"\xff\xfe\n", b"[]\n", b'{"do": ["get"]}\n', b"1e999\n",
                   b'{"do": "get", "name": 5}\n', b'{"do": "table", "name": null}\n'):
        assert ask(octets).startswith(b'{"no": ')
    assert ask(b"x" * (LONGEST_LINE + 100_000)) == b""
    assert ask(b'{"do": "get", "name": "sysName"}\n' * 3, 3).count(b'{"ok": ""}') == 3
    status, text = run.end()
    assert status == 0 and "Traceback" not in text


def test_a_second_unit_takes_neither_file_nor_state_of_the_first(home: Path) -> None:
    state = home / "state"
    run = Run(home, "--state", state).launch()
    ready = run.ready()
    for words in (("--ready-file", str(run.ready_file)), ("--state", str(state))):
        done = mibgate("run", "--ephemeral", *words, environment=run.environment)
        assert (done.returncode, f"process {ready.pid}" in done.stderr) == (1, True), done.stderr
    assert run.ready() == ready and (state / "unit.db").exists()
    assert run.end()[0] == 0
    assert not state.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("after_s", [0.15, 0.5])
def test_a_signal_while_it_starts_leaves_nothing(
    home: Path, number: signal.Signals, after_s: float
) -> None:
    run = Run(home).launch()
    time.sleep(after_s)
    status, _ = run.end(number)
    assert status not in (0, 1) or not run.left()
    until(lambda: run.left() == [], "gone")
    assert not run.ready_file.exists()


def test_it_ends_with_a_parent_that_is_killed(home: Path) -> None:
    run = Run(home).launch(sys.executable, "-c", PARENT)
    ready = run.ready()
    assert run.process is not None and ready.pid != run.process.pid
    run.end(signal.SIGKILL)
    until(lambda: not is_there(ready.pid), "the unit ends")
    until(lambda: run.left() == [] and not run.ready_file.exists(), "nothing is left")


def test_it_may_outlive_its_parent(home: Path) -> None:
    run = Run(home, "--outlive-parent").launch(sys.executable, "-c", PARENT)
    ready = run.ready()
    run.end(signal.SIGKILL)
    community = ready.snmp.community
    assert community is not None
    with Snmp((ready.snmp.address, ready.snmp.port), community) as snmp:
        for _ in range(5):
            assert snmp.get("sysName") == b""
    os.kill(ready.pid, signal.SIGTERM)
    until(lambda: run.left() == [], "gone")


def test_what_a_killed_unit_left_goes_with_the_next_start(home: Path) -> None:
    run = Run(home).launch()
    ready = run.ready()
    run.end(signal.SIGKILL)
    assert Path(ready.state).exists() and run.ready_file.exists()
    second = Run(home).launch()
    until(lambda: second.ready_file.exists() and second.ready().pid != ready.pid, "ready")
    assert not Path(ready.state).exists()
    second.end()
    assert second.left() == [] and not run.ready_file.exists()


def test_a_script_has_the_last_word(home: Path) -> None:
    (home / "script").write_text(
        "Aaa.Users[UserName=admin].Password=chosen-by-the-test\n"
        "Snmp.Community=chosen-too\nSnmp.CommunityMayWrite=disable\n"
        "SipEp.TransportConfig[GatewayName=default].TlsEnable=enable\n")
    run = Run(home, "--script", home / "script").launch()
    ready = run.ready()
    assert ready.users[0].password == "chosen-by-the-test"
    assert (ready.snmp.community, ready.snmp.writes) == ("chosen-too", False)
    assert {(each.service, each.transport) for each in ready.listeners} == {
        ("Snmp", "udp"), ("SipEp", "tls")}
    assert run.end()[0] == 0


def test_a_refused_script_leaves_nothing_and_names_the_line(home: Path) -> None:
    (home / "script").write_text("Hoc.SystemName=a\nHoc.Nothing=1\n")
    run = Run(home, "--script", home / "script").launch()
    status, text = run.wait()
    assert status == 1
    assert text.startswith("mibgate: ") and "line 2" in text
    assert run.left() == [] and not run.ready_file.exists()


def test_a_state_that_is_there_is_not_made_ephemeral(home: Path) -> None:
    state = home / "mine"
    state.mkdir()
    (state / "unit.db").write_text("precious")
    run = Run(home, "--state", state).launch()
    status, text = run.wait()
    assert status == 1 and "holds something already" in text
    assert (state / "unit.db").read_text() == "precious"


def test_off_loopback_no_community_is_open(home: Path) -> None:
    run = Run(home, "--listen", "0.0.0.0").launch()
    ready = run.ready()
    assert (ready.snmp.v2c, ready.snmp.community) == (False, None)
    run.end()


def test_a_lasting_unit_has_a_ready_file_too(home: Path) -> None:
    ready_file = home / "ready.json"
    passwords: list[str | None] = []
    for _ in range(2):
        process = subprocess.Popen(
            [*MIBGATE, "run", "--state", str(home / "state"), "--unprivileged", "--profile",
             str(_profile(home)), "--ready-file", str(ready_file)], stdout=subprocess.DEVNULL)
        until(ready_file.exists, "ready")
        ready = Ready.from_json(ready_file.read_text())
        assert not ready.ephemeral and ready.door is None
        assert ready.state == str(home / "state")
        passwords += [user.password for user in ready.users]
        process.terminate()
        assert process.wait(WAIT_S) == 0
        assert not ready_file.exists() and (home / "state" / "unit.db").exists()
    assert passwords[0] and passwords[1] is None


def _profile(home: Path) -> Path:
    (home / "profile").write_text("Snmp.Port=0\n")
    return home / "profile"


@pytest.mark.parametrize("words", [
    ("--ports", "free"), ("--key-type", "rsa"), ("--ready-file", "/dev/null"),
    ("--ready-file", "/none/r")])
def test_what_makes_no_sense_is_refused_before_anything_is_made(
    home: Path, words: tuple[str, ...]
) -> None:
    done = mibgate("run", "--state", home / "state", *words)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert not (home / "state").exists()


# -- many in one process

UNITS = 50


class OneProcess(TestCase):
    """Units in this process, one after the other."""

    timeout = 4 * WAIT_S

    @defer.inlineCallbacks
    def test_fifty_units_leave_no_thread_port_handle_or_file(
        self
    ) -> Generator[defer.Deferred[Any], Any, None]:
        yield defer.ensureDeferred(self.one())              # what is loaded once is loaded
        before = self.held()
        engines = set()
        for _ in range(UNITS):
            engines.add((yield defer.ensureDeferred(self.one())))
        self.assertEqual(self.held(), before)
        self.assertEqual(len(engines), UNITS)

    async def one(self) -> str:
        """Run a unit from its folder to its end; give its engine ID."""
        with LabFolder.make("mibgate-many-") as made:
            order = Order(made.path, say=lambda text: None)
            ports = PortLender(order.listen)
            try:
                script = first_script(order, LabOptions(ephemeral=True, free_ports=True), ports)
                order.first = parse_script(script.encode())
                launch = Launch(reactor, order)
                await launch.settle()
                await launch.start()
                engine = launch.unit.identity.engine_id
                await launch.stop()
            finally:
                ports.close()
        self.assertFalse(made.path.exists())
        return engine

    def held(self) -> tuple[int, int, int]:
        """Give how many threads, handles and readers this process has.

        The reactor's own threads, of which there are at most ten, stay for whoever comes next.
        """
        pool = reactor.getThreadPool()  # type: ignore[attr-defined]
        handles = len(list(Path("/proc/self/fd").iterdir()))
        return (threading.active_count() - len(pool.threads), handles,
                len(reactor.getReaders()))  # type: ignore[attr-defined]
