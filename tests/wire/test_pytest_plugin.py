"""The pytest plugin in somebody else's project: runs of pytest in a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mibgateway.pytest_plugin import UnitFactory
from mibgateway.testing import LabUnit, Notification
from tests.structure.tree import ROOT, SOURCES
from tests.wire.programs import require
from tests.wire.unit_process import WAIT_S, folder, until

UNITS, AT_LEAST, ENOUGH_S = 50, 6, 8.0
"""How many units follow each other, and when it is enough; benchmarks/lab_start.py has all 50."""

NO_INI = "[pytest]\naddopts = -p no:cacheprovider\n"


class Project:
    """A folder with tests that know nothing of mibgate's own."""

    def __init__(self, home: Path, bytecode: Path) -> None:
        self.home, self.bytecode = home, bytecode
        self.temporary = home / "t"
        self.temporary.mkdir()
        (home / "pytest.ini").write_text(NO_INI)

    def write(self, name: str, text: str) -> None:
        (self.home / name).write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items()
                     if name != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, "TMPDIR": str(self.temporary),
                "PYTHONPYCACHEPREFIX": str(self.bytecode),    # as an installed package has it
                "PYTHONPATH": os.pathsep.join(map(str, SOURCES.values()))}

    @property
    def command(self) -> list[str]:
        plugin = () if _is_installed() else ("-p", "mibgateway.pytest_plugin")
        return [sys.executable, "-m", "pytest", "-q", *plugin]

    def run(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [*self.command, *arguments], cwd=self.home, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=2 * WAIT_S, check=False)
        assert done.returncode == status, done.stdout
        self.left_nothing()
        return done.stdout

    def processes(self) -> list[str]:
        """Give the command lines of processes that were told of our folder."""
        lines = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(self.temporary) in line:
                lines.append(line)
        return lines

    def left_nothing(self) -> None:
        assert self.processes() == []
        assert list(self.temporary.iterdir()) == []


def _is_installed() -> bool:
    from importlib.metadata import entry_points
    return any(each.value == "mibgateway.pytest_plugin"
               for each in entry_points(group="pytest11"))


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with folder("plugin") as home:
        yield Project(home, tmp_path_factory.getbasetemp() / "bytecode")


def test_one_unit_serves_the_run_and_each_test_finds_it_as_at_the_start(project: Project) -> None:
    project.write("start.cfg", "Hoc.SystemName=at-the-start\n")
    project.write("pytest.ini", NO_INI + "mibgate_script = start.cfg\n")
    for name in ("one", "other"):
        project.write(f"test_{name}.py", """
def test_change(mibgate_unit):
    assert mibgate_unit.get("sysName") == "at-the-start"
    mibgate_unit.script('SipEp.Gateway[Name=two].Port=5070')
    mibgate_unit.set("Hoc.SystemName", "changed")
    print("PID", mibgate_unit.pid)

def test_found_as_before(mibgate_unit):
    assert mibgate_unit.get("sysName") == "at-the-start"
    assert [row["Name"] for row in mibgate_unit.table("SipEp.Gateway")] == ["default"]
    print("PID", mibgate_unit.pid)
""")
    text = project.run("-s")
    assert len({line.split("PID ")[1] for line in text.splitlines() if "PID " in line}) == 1
    assert "4 passed" in text


def test_scope_and_start_are_the_users_choice(project: Project) -> None:
    for name in ("a", "b"):
        project.write(f"test_{name}.py", """
import pytest

def test_one(mibgate_unit):
    print("PID", mibgate_unit.pid)

@pytest.mark.mibgate(script="Hoc.SystemName=marked")
def test_marked(mibgate_unit):
    assert mibgate_unit.get("sysName") == "marked"

def test_two(mibgate_unit):
    assert mibgate_unit.get("sysName") == ""
    print("PID", mibgate_unit.pid)
""")
    text = project.run("-s", "--mibgate-scope=module", "--strict-markers")
    pids = [line.split("PID ")[1] for line in text.splitlines() if "PID " in line]
    assert len(pids) == 4 and len(set(pids)) == 2


def test_several_units_differ_in_all_that_must(project: Project) -> None:
    project.write("test_it.py", """
def test_three(mibgate_units):
    first, second = mibgate_units.several(2)
    own = mibgate_units(listen="own", serial="0123456789AB", script="Hoc.SystemName=third")
    units = [first, second, own]
    assert len({unit.snmp.engine_id for unit in units}) == 3
    assert len({unit.facts.serial for unit in units}) == 3
    assert len({(unit.snmp.address, unit.snmp.port) for unit in units}) == 3
    assert own.address != "127.0.0.1" and own.address.startswith("127.")
    assert own.snmp.port == 1161 and own.sip("udp") == (own.address, 5060)
    assert (own.facts.serial, own.get("sysName")) == ("0123456789AB", "third")
""")
    assert "1 passed" in project.run()


def test_a_unit_can_be_broken_and_comes_back(project: Project) -> None:
    project.write("test_it.py", """
import pytest

def test_kill(mibgate_unit):
    mibgate_unit.set("Hoc.SystemName", "kept")
    before = mibgate_unit.pid, mibgate_unit.snmp, mibgate_unit.facts.users
    mibgate_unit.kill9()
    assert not mibgate_unit.is_running
    mibgate_unit.start()
    assert mibgate_unit.get("sysName") == "kept"
    assert mibgate_unit.pid != before[0]
    assert (mibgate_unit.snmp, mibgate_unit.facts.users) == before[1:]
    mibgate_unit.restart()
    assert mibgate_unit.get("sysName") == "kept"
    boots = mibgate_unit.facts
    mibgate_unit.restart_unit()
    assert mibgate_unit.get("sysName") == "kept"
    mibgate_unit.kill9()

def test_next_finds_a_fresh_one(mibgate_unit):
    assert mibgate_unit.get("sysName") == ""
""")
    assert "2 passed" in project.run()


def test_a_failure_shows_what_the_unit_logged_and_why(project: Project) -> None:
    project.write("test_it.py", """
import pytest
from mibgateway.testing import LabError, Refused

def test_fails(mibgate_unit):
    mibgate_unit.script('Nlm.SendTestNotification Text="look-at-this"')
    mibgate_unit.wait_for_notification("look-at-this")
    assert False

def test_refused(mibgate_unit):
    with pytest.raises(Refused, match=r"line 2: SipEp.Tran.*=1\\n.*5..3600") as no:
        mibgate_unit.script("Hoc.SystemName=a\\nSipEp.TransportFailbackInterval=1\\n")
    assert no.value.line == 2
    with pytest.raises(Refused, match="read-only"):
        mibgate_unit.set("sysDescr", "x")
    with pytest.raises(LabError, match="sysName is 'a', not 'b', after 0.1 s"):
        mibgate_unit.wait_for("sysName", "b", timeout=0.1)
    with pytest.raises(LabError, match="does not listen by tls: .*SipEp udp"):
        mibgate_unit.sip("tls")
    with pytest.raises(LabError, match="no notification 'never' within 0.1 s"):
        mibgate_unit.wait_for_notification("never", timeout=0.1)

def test_points_at_its_own_line(mibgate_unit):
    mibgate_unit.wait_for("sysName", "never", timeout=0.1)

@pytest.mark.mibgate(script="Hoc.Nothing=1")
def test_does_not_start(mibgate_unit):
    pass
""")
    text = project.run(status=1)
    assert "2 failed, 1 passed, 1 error" in text
    assert "sysName is '', not 'never', after 0.1 s" in text
    assert "raise LabError" not in text and "mibgateway/testing.py" not in text
    assert "mibgate unit log" in text and "look-at-this" in text.partition("unit log")[2]
    assert "Hoc.Nothing" in text and "line 1" in text


def test_a_run_that_is_killed_leaves_nothing(project: Project) -> None:
    project.write("test_it.py", """
import time
def test_waits(mibgate_unit, mibgate_units):
    mibgate_units()
    open("here", "w").close()
    time.sleep(600)
""")
    with subprocess.Popen(project.command, cwd=project.home, env=project.environment,
                          stdout=subprocess.DEVNULL) as process:
        until((project.home / "here").exists, "both units are ready")
        assert len(project.processes()) == 2
        process.kill()
    until(lambda: project.processes() == [], "the units end")
    until(lambda: list(project.temporary.iterdir()) == [], "the folders are gone")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_leaves_nothing(
    project: Project, number: signal.Signals
) -> None:
    project.write("test_it.py", """
import time
def test_waits(mibgate_unit):
    open("here", "w").close()
    time.sleep(600)
""")
    with subprocess.Popen(project.command, cwd=project.home, env=project.environment,
                          stdout=subprocess.DEVNULL) as process:
        until((project.home / "here").exists, "the unit is ready")
        process.send_signal(number)
    until(lambda: project.processes() == [], "the unit ends")
    until(lambda: list(project.temporary.iterdir()) == [], "the folder is gone")


def test_a_run_without_a_unit_loads_nothing_of_it(project: Project) -> None:
    project.write("test_it.py", """
import sys
def test_nothing():
    loaded = {name for name in sys.modules if name.split(".")[0] in (
        "mibgateway", "mibagent", "twisted", "cryptography", "OpenSSL")}
    assert loaded <= {"mibgateway", "mibgateway.pytest_plugin"}
""")
    project.run()
    text = project.run("--co")
    assert "1 test collected" in text


def test_collecting_alone_starts_no_unit(project: Project) -> None:
    project.write("test_it.py", "def test_it(mibgate_unit): pass\n")
    started = time.monotonic()
    assert "1 test collected" in project.run("--co")
    assert time.monotonic() - started < WAIT_S


def test_a_users_annotations_hold(mibgate_unit: LabUnit, mibgate_units: UnitFactory) -> None:
    other: LabUnit = mibgate_units(script="Hoc.SystemName=a", serial="0123456789AB")
    name: str = mibgate_unit.get("sysName")
    rows: list[dict[str, str]] = other.table("SipEp.Gateway")
    found: list[Notification] = other.notifications
    address: tuple[str, int] = mibgate_unit.sip("udp")
    assert (name, rows[0]["Name"], found, address[0]) == ("", "default", [], "127.0.0.1")


def test_units_one_after_the_other_leave_nothing(project: Project) -> None:
    project.write("test_it.py", f"""
import time, threading
from pathlib import Path
import pytest

END = time.monotonic() + {ENOUGH_S}

def handles():
    return {{path.name for path in Path("/proc/self/fd").iterdir()}}

@pytest.mark.parametrize("number", range({UNITS}))
def test_one(number, mibgate_units):
    if number >= {AT_LEAST} and time.monotonic() > END:
        pytest.skip("time is over")
    before = handles(), threading.enumerate()
    unit = mibgate_units()
    port = unit.snmp.port
    unit.close()
    assert (handles(), threading.enumerate()) == before
    assert not unit.is_running
    assert not any(f"{{port:04X}}" in line.split()[1] for name in ("udp", "tcp")
                   for line in Path(f"/proc/net/{{name}}").read_text().splitlines()[1:])
""")
    project.run()


# -- the examples of docs/pytest.md


def examples() -> list[tuple[str, str]]:
    """Give name and text of each file of tests that the page shows."""
    page = (ROOT / "docs" / "pytest.md").read_text()
    return re.findall(r"^```python\n# (test_\w+\.py)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("name", "text"), examples(), ids=lambda each: str(each)[:24])
def test_the_examples_of_the_page_work(project: Project, name: str, text: str) -> None:
    require("snmpget")
    project.write(name, text)
    assert " passed" in project.run()


def test_there_are_three_examples() -> None:
    assert len(examples()) >= 3

