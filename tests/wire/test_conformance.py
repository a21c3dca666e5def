"""The conformance tool against agents as they run: a unit, net-snmp's snmpd, pysnmp's responder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tools.conformance.checks  # noqa: F401  (fills the registry)
from tests.conformance.fault_v3 import CREDENTIALS
from tests.wire.programs import free_udp_port, require
from tests.wire.unit_process import WAIT_S, folder, until
from tools.conformance.__main__ import main
from tools.conformance.agent import Agent
from tools.conformance.link import UdpLink
from tools.conformance.names import SYS_LOCATION
from tools.conformance.registry import CHECKS, FAIL, PASS, SKIP, Failed, run, run_one

UNIT_SKIPS = {
    "usm-late-message",         # it has just begun
    "vacm-user-in-no-group",    # each of its users has rights, and so a group
}
"""What a new unit gives no occasion for."""

SNMPD_FAILS = {
    "set-of-no-encoding", "serial-number-is-tested-and-incremented", "system-group-is-there",
    "vacm-community-below-the-least",
    "set-too-big-for-the-asker",
    "too-big-for-a-datagram", "v1-has-no-getbulk", "v1-too-big", "v3-bulk-fits-the-asker",
    "v3-drops-unknown-security-models", "v3-reports-informs-that-nobody-takes",
    "v3-reports-unknown-context-engines", "v3-reports-unknown-contexts", "v3-too-big-for-the-asker",
}
"""What net-snmp 5.9.3 fails; docs/conformance.md says how."""

PYSNMP_FAILS = {
    "vacm-view-that-is-nowhere": "a view that is missing lets all in",
    "vacm-community-below-the-least": "access rows count whatever level they ask for",
    "reading-community-writes-nothing": "and so does an empty view for writing",
    "set-blames-the-right-binding": "error indexes are wrong",
    "set-of-another-type": "values of another type are taken",
    "set-is-whole-or-nothing": "so that a SET that is wrong is carried out",
    "bulk-with-no-repetitions": "a GETBULK with 0 repetitions gets no answer",
}
"""Why pysnmp is the judge and not the engine."""


def test_a_unit_passes_by_three_managers(tmp_path: Path) -> None:
    """The third are the datagrams of the tool itself."""
    require("snmpget")
    found = tmp_path / "report"
    status = main(["--json", str(found), "--wait", "10"])
    results = json.loads(found.read_text(encoding="utf-8"))["results"]
    assert [(each["name"], each["why"]) for each in results if each["verdict"] == FAIL] == []
    assert status == 0
    skipped = {each["name"]: each["why"] for each in results if each["verdict"] == SKIP}
    assert skipped.keys() <= UNIT_SKIPS, skipped


@contextmanager
def ended(command: list[str | Path], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as it is needed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def is_there(agent: Agent) -> bool:
    try:
        return bool(agent.survey.found)
    except Failed:
        return False


SNMPD = """\
rocommunity {reader}
rwcommunity {writer}
com2sec guarded default {guarded}
group guarded v2c guarded
access guarded "" v2c priv exact part none none
rwuser main priv
rouser signer auth
view part included .1
view part excluded .1.3.6.1.2.1.11
rouser limited priv -V part
group viewless usm viewless
access viewless "" usm noauth exact nowhere nowhere nowhere
"""


def test_snmpd_fails_what_is_told_of_it_and_nothing_else() -> None:
    snmpd = require("snmpd")
    with folder("snmpd") as home:
        port = free_udp_port()
        lines = [SNMPD.format(reader=CREDENTIALS.community, writer=CREDENTIALS.write_community,
                              guarded=CREDENTIALS.guarded_community)]
        for user in CREDENTIALS.users.values():
            priv = f'{user.priv} "{user.priv_password}"' if user.priv else ""
            lines.append(f'createUser {user.name} {user.auth} "{user.auth_password}" {priv}\n')
        (home / "snmpd.conf").write_text("".join(lines), encoding="utf-8")
        command: list[str | Path] = [
            snmpd, "-C", "-c", home / "snmpd.conf", "-Lf", home / "log", "-f", "-r",
            f"udp:127.0.0.1:{port}"]
        with ended(command, SNMP_PERSISTENT_DIR=str(home / "kept"), MIBS=""):
            agent = Agent(UdpLink("127.0.0.1", port), CREDENTIALS, allow_set=True, wait_s=0.6,
                          survey_limit=700)
            until(lambda: is_there(agent), "snmpd answers")
            results = run(agent, [each for each in CHECKS.values()
                                  if not each.run.__module__.endswith("managers")])
    failed = {each.name: each.why for each in results if each.verdict == FAIL}
    assert failed.keys() <= SNMPD_FAILS, failed
    assert {each.name for each in results if each.verdict == SKIP} <= {
        "usm-late-message",         # it has just begun
        "v1-get-of-counter64", "v1-next-steps-over-counter64"}      # a host of many interfaces
    assert "v3-too-big-for-the-asker" in failed
    assert "v1-has-no-getbulk" in failed


@contextmanager
def pysnmps_responder() -> Iterator[Agent]:
    command: list[str | Path] = [sys.executable, "-m", "tests.wire.pysnmp_responder"]
    with ended(command) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        agent = Agent(UdpLink("127.0.0.1", port), CREDENTIALS, allow_set=True, wait_s=0.6,
                      survey_limit=40)
        until(lambda: is_there(agent), "pysnmp answers", WAIT_S)
        yield agent


@pytest.fixture(scope="module")
def pysnmp() -> Iterator[Agent]:
    """Give pysnmp's own responder, as one asks it."""
    with pysnmps_responder() as agent:
        yield agent


@pytest.mark.parametrize("name", PYSNMP_FAILS)
def test_pysnmps_own_agent_fails(name: str, pysnmp: Agent) -> None:
    result = run_one(CHECKS[name], pysnmp)
    assert result.verdict == FAIL, PYSNMP_FAILS[name]


def test_pysnmps_own_agent_loses_what_a_failed_commit_named() -> None:
    """From then on they cannot be read, so it is an agent of its own."""
    with pysnmps_responder() as agent:
        assert agent.value(SYS_LOCATION) is not None
        result = run_one(CHECKS["set-refused-late-is-undone"], agent)
        assert result.verdict == FAIL
        with pytest.raises(Failed, match="no answer"):
            agent.value(SYS_LOCATION)


@pytest.mark.parametrize("name", [
    "get-gives-what-is-asked-in-order", "next-of-several", "bulk-goes-row-by-row",
    "set-changes-the-value", "v3-gives-the-message-id-back", "usm-signs-its-answers"])
def test_pysnmps_own_agent_passes(name: str, pysnmp: Agent) -> None:
    result = run_one(CHECKS[name], pysnmp)
    assert (result.verdict, result.why) == (PASS, "")
