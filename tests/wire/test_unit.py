"""A unit in a process of its own, asked by managers that others wrote."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mibagent.model.nodes import Access
from mibagent.model.places import mib_folders
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Value
from mibagent.snmp.pdu import Kind, Status
from tests.wire.programs import found, free_udp_port, require
from tests.wire.unit_process import (
    COMMUNITY,
    Snmp,
    UnitProcess,
    folder,
    mibgate,
    model,
    oid_of,
    until,
)

DEFAULT = (b"default",)
UDP, TCP, TLS = (f"sipEpTransportConfig{name}Enable" for name in ("Udp", "Tcp", "Tls"))
TOOLS_OF_NET_SNMP = ("snmpget", "snmpwalk", "snmpbulkwalk", "snmpset", "snmptable")


@pytest.fixture(scope="module")
def unit() -> Iterator[UnitProcess]:
    """Give a unit that may be written; each test leaves it as it was."""
    with folder("unit") as home, UnitProcess(home) as started:
        yield started


@pytest.fixture
def fresh() -> Iterator[UnitProcess]:
    """Give a unit that nobody has set."""
    with folder("fresh") as home, UnitProcess(home) as started:
        yield started


# -- net-snmp's tools


@pytest.mark.parametrize("tool", TOOLS_OF_NET_SNMP)
def test_net_snmp_works_by_name_with_our_mib_files(unit: UnitProcess, tool: str) -> None:
    mibs = ":".join(map(str, mib_folders()))
    words = {
        "snmpget": ["MIBGATE-HOC-MIB::hocSystemName.0"],
        "snmpwalk": ["mibgate"],
        "snmpbulkwalk": ["mibgate"],
        "snmpset": ["sipEpTransportFailbackInterval.0", "=", "15"],
        "snmptable": ["scmServicesInfoTable"],
    }[tool]
    done = subprocess.run(
        [require(tool), "-M", mibs, "-m", "ALL", "-v2c", "-c", COMMUNITY,
         f"127.0.0.1:{unit.port}", *words],
        capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Wrong Type" not in done.stdout
    assert "No Such" not in done.stdout


@pytest.mark.parametrize("tool", TOOLS_OF_NET_SNMP)
def test_net_snmp_needs_no_option_but_the_conf_of_the_state(unit: UnitProcess, tool: str) -> None:
    words = {
        "snmpget": ["sysDescr.0", "sipEpTransportTlsVersion.0"],
        "snmpwalk": ["mibgate"],
        "snmpbulkwalk": ["sipEp"],
        "snmpset": ['sipEpTransportConfigUdpEnable."default"', "=", "enable"],
        "snmptable": ["-Cb", "sipEpTransportConfigTable"],
    }[tool]
    if tool == "snmpbulkwalk":
        words = ["mibgateServices"]
    done = unit.tool(tool, "127.0.0.1", *words)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_line_of_a_walk_fits_its_mib(unit: UnitProcess) -> None:
    done = unit.tool("snmpwalk", "127.0.0.1", ".1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) > 250
    for wrong in ("Wrong Type", "No Such", "enterprises.", "iso.", "mib-2."):
        assert wrong not in done.stdout
    assert "SNMPv2-MIB::sysObjectID.0 = OID: MIBGATE-SMI-MIB::mibgateUnit" in lines
    assert not [line for line in lines if re.search(r"= INTEGER: -?\d+$", line)
                and "Enable" in line]


def test_no_core_dump_holds_its_keys(unit: UnitProcess) -> None:
    limits = Path(f"/proc/{unit.pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


def test_a_table_is_shown_as_a_table(unit: UnitProcess) -> None:
    done = unit.tool("snmptable", "-Cb", "-Cf", ";", "127.0.0.1", "sipEpTransportConfigTable")
    assert done.stdout.splitlines()[-1] == "default;enable;disable;disable"


# -- the whole tree


HOST = {"HOST-RESOURCES-MIB", "IF-MIB", "IP-MIB"}
"""Where rows come and go as the host's processes and interfaces do, whoever walks."""

Walked = list[tuple[Oid, int, Value | None]]


def hold_alike(walked: Walked, before: Walked, after: Walked) -> None:
    """Demand what stood from one walk to another, in its order, and no more but of the host."""
    then, now = {name: tag for name, tag, _ in before}, {name for name, _, _ in after}
    standing = [(name, tag) for name, tag in then.items() if name in now]
    changed = then.keys() ^ now
    held = {name for name, _ in standing}
    assert [row[:2] for row in walked if row[0] in held] == standing
    for name in changed | {row[0] for row in walked if row[0] not in held}:
        assert model().find(name).node.module in HOST, name


def test_getnext_and_getbulk_give_the_same_names_in_order(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        nexts = snmp.walk()
        walks = [snmp.walk(bulk=bulk) for bulk in (1, 7, 50, 2000)]
        walks.append([snmp.ask_oids(Kind.GET, name).varbinds[0] for name, _, _ in nexts])
        after = snmp.walk()
    for walked in walks:
        hold_alike(walked, nexts, after)


def left_out() -> set[str]:
    """Give the objects that AGENT-CAPABILITIES say a unit does not answer."""
    return {
        node.name for statement in model().capabilities.values()
        for module, support in statement.supports.items() for node in model().of_module(module)
        if support.access.get(node.name) == "not-implemented"
        or not any(node.name in model().groups.get(group, ()) for group in support.groups)}


def test_no_instance_is_missing_and_each_has_its_type(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        before = snmp.walk(bulk=50)
        walked = snmp.walk(bulk=50)
        after = snmp.walk(bulk=50)
    hold_alike(walked, before, after)
    now = {name for name, _, _ in after}
    standing = {name for name, _, _ in before if name in now}
    rows: dict[str, set[tuple[int, ...]]] = {}
    columns: dict[str, dict[str, set[tuple[int, ...]]]] = {}
    seen = set()
    for name, tag, _ in walked:
        instance = model().find(name)
        node = instance.node
        assert node.access >= Access.READ_ONLY, f"{node.name} can't be read"
        assert tag == node.syntax.base.tag, node.name
        seen.add(node.name)
        suffix = name[len(node.oid):]
        if node.table is None:
            assert suffix == (0,)
        else:
            if name in standing:
                rows.setdefault(node.table.name, set()).add(suffix)
            columns.setdefault(node.table.name, {}).setdefault(node.name, set()).add(suffix)
    absent = left_out()
    assert seen.isdisjoint(absent)
    for node in model().objects.values():
        if (node.service or node.module in HOST) and node.is_readable and node.table is None:
            assert (node.name in seen) != (node.name in absent), node.name
    for table in rows:
        there = columns[table]
        for node in model().columns(table):
            if node.is_readable and node.name not in absent:
                assert rows[table] <= there.get(node.name, set()), f"{node.name} lacks rows"


def test_counters_count(unit: UnitProcess) -> None:
    def read() -> list[int]:
        return [int(text.split()[0]) for text in unit.snmpget(
            "snmpInPkts.0", "snmpInGetRequests.0", "snmpStatsGetRequest.0")]

    before, after = read(), read()
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1]


def test_pysnmp_agrees(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        before = snmp.walk(bulk=50)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("pysnmp_manager.py")), "127.0.0.1",
         str(unit.port), COMMUNITY],
        capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    names = [tuple(map(int, line.split()[0].split("."))) for line in done.stdout.splitlines()]
    with unit.ask() as snmp:
        after = snmp.walk(bulk=50)
    types = {name: tag for name, tag, _ in (*before, *after)}
    hold_alike([(name, types.get(name, 0), None) for name in names], before, after)


def test_several_objects_are_one_set(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        before = snmp.get("hocSystemLocation")
        answer = snmp.set(("hocSystemLocation", (), b"x"), ("hocStaticTimeZone", (), b"nonsense"))
        assert (answer.status, answer.blamed) == (Status.WRONG_VALUE, 2)
        assert snmp.get("hocSystemLocation") == before


# -- the TLS switch


def transports(snmp: Snmp) -> tuple[object, ...]:
    """Give what UDP, TCP and TLS are."""
    return tuple(snmp.get(name, DEFAULT) for name in (UDP, TCP, TLS))


def test_tls_enable_alone_succeeds_on_a_fresh_unit(fresh: UnitProcess) -> None:
    done = fresh.snmpset('sipEpTransportConfigTlsEnable."default"', "=", "1")
    assert (done.returncode, done.stderr) == (0, "")
    with fresh.ask() as snmp:
        assert transports(snmp) == (0, 0, 1)


def test_the_tls_switch(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        tls, udp = (TLS, DEFAULT, 1), (UDP, DEFAULT, 1)
        answer = snmp.set(tls, udp)
        assert (answer.status, answer.blamed) == (Status.INCONSISTENT_VALUE, 1)
        answer = snmp.set(udp, tls)
        assert (answer.status, answer.blamed) == (Status.INCONSISTENT_VALUE, 2)
        assert transports(snmp) == (1, 0, 0)
        assert snmp.set(tls).status is Status.NO_ERROR
        assert transports(snmp) == (0, 0, 1)
        for name in (UDP, TCP):
            answer = snmp.set(("hocSystemLocation", (), b""), (name, DEFAULT, 1))
            assert (answer.status, answer.blamed) == (Status.INCONSISTENT_VALUE, 2), name
        assert transports(snmp) == (0, 0, 1)
        assert snmp.set((TLS, DEFAULT, 0)).status is Status.NO_ERROR
        assert transports(snmp) == (1, 0, 0)


def test_net_snmp_is_told_which_binding_is_inconsistent(unit: UnitProcess) -> None:
    row = '."default"'
    done = unit.snmpset(UDP + row, "=", "1", TLS + row, "=", "1")
    assert "inconsistentValue" in done.stderr
    assert f"{TLS}{row}" in done.stderr


# -- what waits for a restart


def test_a_restart_object_waits_and_setting_it_back_clears_that(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        name = "sipEpTransportTlsCipherSuite"
        assert (snmp.get(name), snmp.get("sipEpNeedRestartInfo")) == (400, 0)
        snmp.set((name, (), 100))
        assert (snmp.get(name), snmp.get("sipEpNeedRestartInfo")) == (100, 100)
        assert snmp.get("scmAnyServiceNeedsRestart") in (1, 100)
        assert snmp.get("scmServicesInfoNeedRestart", (b"SipEp",)) in (1, 100)
        snmp.set((name, (), 400))
        assert snmp.get("sipEpNeedRestartInfo") == 0
        assert snmp.get("scmAnyServiceNeedsRestart") == 0


@pytest.mark.parametrize("command", [
    ("scmServiceCommandsRestart", (b"SipEp",), 10), ("scmRestartRequiredServices", (), 10)])
def test_one_pdu_holds_a_change_and_its_restart(
    unit: UnitProcess, command: tuple[str, tuple[bytes, ...], int]
) -> None:
    def wait_until(wanted: int) -> None:
        until(lambda: snmp.get("sipEpGatewayStatusSecurePort", DEFAULT) == wanted,
              "the restart acts")

    with unit.ask() as snmp:
        assert snmp.set((TLS, DEFAULT, 1), command).status is Status.NO_ERROR
        wait_until(unit.secure_port)
        assert snmp.get("sipEpNeedRestartInfo") == 0
        assert snmp.get(command[0], command[1]) == 0
        assert snmp.set((TLS, DEFAULT, 0), command).status is Status.NO_ERROR
        wait_until(0)
        assert snmp.get("sipEpNeedRestartInfo") == 0


def test_the_agent_restarts_itself_and_answers_again(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        answer = snmp.set(("scmServiceCommandsRestart", (b"Snmp",), 10))
        assert answer.status is Status.NO_ERROR
        assert snmp.get("scmServicesInfoExecState", (b"Snmp",)) is not None


def test_the_unit_restarts_in_its_process(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        assert snmp.get("sysUpTime") is not None
        def born() -> float:
            """Give when the unit says that it began, by our clock; a lost answer moves nothing."""
            return time.monotonic() - int(str(snmp.get("sysUpTime"))) / 100

        until(lambda: int(str(snmp.get("sysUpTime"))) > 200, "some time passes")
        first = born()
        answer = snmp.set(("scmRestartUnitRowStatus", (1,), 4), ("scmRestartUnitDelay", (1,), 0))
        assert answer.status is Status.NO_ERROR
        until(lambda: born() > first + 1.5, "uptime begins again")
        assert snmp.get("sipEpTransportTlsCipherSuite") == 400
    assert unit.process is not None
    assert unit.process.poll() is None


# -- rights


def test_a_first_start_is_open_to_its_admin_by_snmpv3_alone() -> None:
    with folder("first") as home, UnitProcess(home, None) as unit:
        password = unit.state / "first-password"
        assert password.stat().st_mode & 0o777 == 0o600
        user, secret = password.read_text().split()
        assert user == "admin"
        assert len(secret) >= 12
        assert str(password) in unit.console()
        assert secret not in unit.console() + unit.log()
        conf = unit.state / "snmp" / "snmp.conf"
        assert conf.stat().st_mode & 0o777 == 0o600
        assert conf.parent.stat().st_mode & 0o777 == 0o700
        assert unit.snmpget("sysObjectID.0") == ["MIBGATE-SMI-MIB::mibgateUnit"]
        done = unit.snmpset("hocSystemName.0", "=", "x")
        assert done.returncode == 0, done.stderr
        assert unit.snmpget("hocSystemName.0") == ["x"]
        for version in ("-v1", "-v2c"):
            refused = unit.tool("snmpget", version, "-c", "public", "-t", "0.5", "-r", "0",
                                "127.0.0.1", "sysUpTime.0")
            assert "Timeout" in refused.stderr


def test_an_observer_reads_and_writes_nothing() -> None:
    script = ('Aaa.Users[UserName=eye].AccessRights=Observer\nSnmp.SnmpUser=eye\n'
              "SipEp.TransportFailbackInterval=20\n")
    with folder("eye") as home, UnitProcess(home, script) as unit, unit.ask() as snmp:
        assert snmp.get("sipEpTransportFailbackInterval") == 20
        for setting in (("sipEpTransportFailbackInterval", (), 30), (TLS, DEFAULT, 1),
                        ("scmServiceCommandsRestart", (b"SipEp",), 10),
                        ("certImportRowStatus", (1,), 5)):
            answer = snmp.set(setting)
            assert (answer.status, answer.blamed) == (Status.NO_ACCESS, 1), setting
        assert snmp.get("sipEpTransportFailbackInterval") == 20
        assert transports(snmp) == (1, 0, 0)


def test_a_community_never_writes_what_guards_the_unit(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        for setting in (
            ("snmpCommunity", (), b"other"), ("snmpCommunityMayWrite", (), 0),
            ("aaaUsersAccessRights", (b"admin",), 300), ("aaaUsersPassword", (b"admin",), b"x" * 9),
            ("hocClockSource", (), 100), ("hocLabClockOffset", (), 5),
            ("sipEpInteropTlsCertificateValidation", (), 100), ("certImportRowStatus", (1,), 5),
        ):
            answer = snmp.set(setting)
            assert answer.status is Status.NO_ACCESS, setting
            assert answer.blamed == 1


def test_a_revoked_user_is_refused_with_the_next_datagram() -> None:
    script = "Aaa.Users[UserName=guest].AccessRights=User\nSnmp.SnmpUser=guest\n"
    with folder("revoked") as home, UnitProcess(home, script) as unit, unit.ask() as snmp:
        setting = ("sipEpTransportFailbackInterval", (), 33)
        assert snmp.set(setting).status is Status.NO_ERROR
        assert console(unit, "Aaa.Users[UserName=guest].AccessRights=Observer\n").returncode == 0
        assert snmp.set(setting).status is Status.NO_ACCESS
        assert snmp.get("sipEpTransportFailbackInterval") == 33
        assert console(unit, "Aaa.Users[UserName=guest].Delete\n").returncode == 0
        number, octets = snmp.request(Kind.GET, b"")
        snmp.socket.send(octets)
        assert snmp.receive(1.0) is None
        assert number


def test_another_community_is_not_answered(unit: UnitProcess) -> None:
    with unit.ask("public") as stranger, unit.ask() as snmp:
        before = int(str(snmp.get("snmpInBadCommunityNames")))
        stranger.socket.send(stranger.set_request(("hocSystemName", (), b"x"))[1])
        assert stranger.receive(0.5) is None
        assert int(str(snmp.get("snmpInBadCommunityNames"))) == before + 1
        # RFC 3418's authenticationFailure for people: which peer, and what to set, once logged
        assert "not known here" in unit.log()
        assert "public" not in unit.log()


# -- secrets


def console(unit: UnitProcess, text: str) -> subprocess.CompletedProcess[str]:
    """Run a script on the unit."""
    path = unit.home / "console-script"
    path.write_text(text, encoding="utf-8")
    return mibgate("script", "--state", unit.state, path)


def test_no_secret_is_in_a_walk_a_file_or_a_log() -> None:
    words = ("hush-a-user", "hush-a-job", "hush-a-community")
    script = f'Aaa.Users[UserName=u].Password="{words[0]}"\n'
    with folder("secret") as home, UnitProcess(home, script) as unit:
        unit.script.unlink()
        done = console(unit, f'Cert.Import Type=Host FileName=x Path=/none Password="{words[1]}"\n'
                             f'Snmp.Community="{words[2]}"\n'
                             f'Aaa.Users[UserName=v].Password="{words[0]}-2"\n')
        (home / "console-script").unlink()
        assert done.returncode == 1        # of the path that is not there, and nothing else
        assert done.stderr.count("mibgate: line") == 1
        with unit.ask() as snmp:
            walked = b"\0".join(value for _, _, value in snmp.walk(bulk=50)
                                if isinstance(value, bytes))
            assert snmp.get("snmpCommunity") == b""
            assert snmp.get("aaaUsersPassword", (b"u",)) == b""
            assert b"none" in walked       # the job is in the walk, its secret is not
        assert unit.stop() == 0
        files = [path for path in home.rglob("*") if path.is_file()]
        assert home / "state" / "unit.db" in files
        # what lets the host's own Admin ask holds the community, and nothing else does
        conf = home / "state" / "snmp" / "snmp.conf"
        assert conf.stat().st_mode & 0o777 == 0o600
        assert f"defCommunity {words[2]}\n" in conf.read_text()
        places = {str(path.relative_to(home)): path.read_bytes() for path in files}
        places[str(conf.relative_to(home))] = conf.read_bytes().replace(words[2].encode(), b"")
        places["walk"] = walked
        places["answer"] = (done.stdout + done.stderr).encode()
        for word in words:
            holding = [name for name, octets in places.items() if word.encode() in octets]
            assert not holding, word


# -- addresses, ports, processes


def has_ipv6() -> bool:
    """Whether this host has an IPv6 loopback."""
    try:
        free_udp_port("::1")
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6")
def test_ipv6_serves() -> None:
    with folder("six") as home, UnitProcess(home, listen="::1") as unit:
        with unit.ask() as snmp:
            assert snmp.get("snmpPortInUse") == unit.port
        assert unit.snmpget("snmpPortInUse.0") == [str(unit.port)]
        assert "::1" in unit.console()
        for path in ("/proc/net/udp", "/proc/net/tcp"):
            ours = f":{unit.port:04X} "
            assert ours not in Path(path).read_text(encoding="ascii"), "listens on IPv4 too"


@pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6")
def test_net_snmp_needs_no_option_at_an_ipv6_address_either() -> None:
    with folder("six") as home, UnitProcess(home, listen="::1") as unit:
        done = unit.tool("snmpget", "-Oqv", "udp6:[::1]", "snmpPortInUse.0")
        assert (done.stdout.strip(), done.stderr) == (str(unit.port), "")


ALONE = ["unshare", "--net", "sh", "-c",
         'ip link set lo up && ip -4 address flush dev lo && exec "$@"', "sh"]


def may_be_alone() -> bool:
    """Whether this user may make a network without IPv4."""
    if not (has_ipv6() and found("unshare") and found("ip") and found("nsenter")):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_be_alone(), reason="this user may not make a network without IPv4")
def test_a_host_without_ipv4_is_served_with_no_option() -> None:
    with folder("alone") as home:
        unit = UnitProcess(home, None, listen="::1", prefix=ALONE)
        unit.listening = []
        with unit:
            assert f"::1 port {unit.port}" in unit.console()
            unit.beside = ["nsenter", "--net", "--target", str(unit.pid)]
            assert unit.snmpget("snmpPortInUse.0") == [str(unit.port)]
            assert unit.snmpget('sipEpGatewayStatusState."default"') == ["Ready"]
            assert unit.stop() == 0


def test_a_second_process_on_one_state_is_refused(unit: UnitProcess) -> None:
    done = mibgate("run", "--state", unit.state, "--unprivileged")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"in use by process {unit.pid}:" in line
    with unit.ask() as snmp:
        assert snmp.get("snmpPortInUse") == unit.port


def test_sigterm_ends_it_with_nothing_lost() -> None:
    with folder("term") as home:
        unit = UnitProcess(home)
        with unit:
            with unit.ask() as snmp:
                assert snmp.set(("hocSystemName", (), b"kept")).status is Status.NO_ERROR
            assert unit.stop() == 0
            assert not (unit.state / "unit.db-wal").exists()
            unit.forget_script()
            unit.start()
            assert unit.snmpget("sysName.0") == ["kept"]


def test_ctrl_c_ends_it_too() -> None:
    heeded = ["env", "--default-signal=INT"]      # what a shell starts with & would ignore it
    with folder("int") as home, UnitProcess(home, prefix=heeded) as unit:
        assert unit.process is not None
        unit.process.send_signal(signal.SIGINT)
        assert unit.wait() == 0


def test_a_port_in_use_is_one_clear_line() -> None:
    with folder("taken") as home, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        unit = UnitProcess(home)
        taken.bind(("127.0.0.1", unit.port))
        unit.launch()
        assert unit.wait() == 1
        (line,) = unit.log().splitlines()
        assert line.startswith("mibgate: ")
        assert f"port {unit.port}" in line
        assert "ready" not in unit.console().splitlines()


def test_the_serial_is_kept() -> None:
    with folder("serial") as home:
        unit = UnitProcess(home, arguments=["--serial", "0123456789AB"])
        with unit:
            assert "0123456789AB" in unit.console()
            unit.arguments = ["--serial", "BA9876543210"]
            assert unit.stop() == 0
            unit.launch()
            assert unit.wait() == 1
            (line,) = unit.log().splitlines()
            assert "--serial" in line
            assert "0123456789AB" in line


# -- syslog


def test_syslog_leaves_by_udp_with_facility_user() -> None:
    with folder("syslog") as home, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(30)
        where = f"127.0.0.1:{collector.getsockname()[1]}"
        with UnitProcess(home, f'Nlm.SyslogRemoteHost="{where}"\n') as unit:
            until_heard(
                collector, b"<14>SipEp: 1400-SIP Endpoint: 323-SIP gateway default is ready.")
            done = console(unit, 'Nlm.SendTestNotification Text="hello there"\n')
            assert done.returncode == 0, done.stderr
            until_heard(collector, b"hello there")
            with unit.ask() as snmp:
                snmp.set(("nlmSyslogMessageFormat", (), b"%serviceid/%msgid %message"))
                assert console(unit, 'Nlm.SendTestNotification Text="again"\n').returncode == 0
            assert until_heard(collector, b"again").startswith(b"<14>1100/")


def until_heard(collector: socket.socket, wanted: bytes) -> bytes:
    """Take datagrams until one holds what is wanted."""
    while wanted not in (heard := collector.recv(65536)):
        pass
    return heard


# -- the command line beside the unit


def test_name_gives_each_spelling() -> None:
    dotted = ".".join(map(str, oid_of("sipEpTransportTlsVersion")))
    for spelled in ("sipep.transportTLSversion", "sipEpTransportTlsVersion", dotted):
        done = mibgate("name", spelled)
        assert done.returncode == 0, done.stderr
        lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines()
                     if not line.startswith("web"))
        assert lines["descriptor"] == "MIBGATE-SIPEP-MIB::sipEpTransportTlsVersion"
        assert lines["path"] == "SipEp.TransportTlsVersion"
        assert lines["OID"].startswith("1.3.6.1.4.1.32473.1.1400.")
    done = mibgate("name", "SipEp.TransportTlsVersio")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "SipEp.TransportTlsVersio" in line


def test_mib_path_is_what_net_snmp_takes() -> None:
    path = mibgate("mib", "path").stdout.strip()
    assert all(Path(each).is_dir() for each in path.split(":"))
    done = subprocess.run(
        [require("snmptranslate"), "-M", path, "-m", "ALL", "-IR", "-On",
         "sipEpTransportTlsVersion"],
        capture_output=True, text=True, check=False)
    assert done.stderr == ""
    dotted = ".".join(map(str, model()["sipEpTransportTlsVersion"].oid))
    assert done.stdout.strip() == f".{dotted}"


def test_mib_tree_shows_every_object() -> None:
    done = mibgate("mib", "tree")
    assert done.returncode == 0
    for name in ("sipEpTransportTlsVersion", "sysDescr", "scmServiceCommandsRestart"):
        assert name in done.stdout


def test_mib_check_passes_ours_and_names_what_is_wrong(tmp_path: Path) -> None:
    ours = [path for folder_ in mib_folders()[:1] for path in sorted(folder_.glob("*.mib"))]
    done = mibgate("mib", "check", *ours)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "BROKEN-MIB.mib"
    broken.write_text(ours[0].read_text().replace("FROM SNMPv2-SMI", "FROM NO-SUCH-MIB", 1))
    done = mibgate("mib", "check", broken)
    assert done.returncode == 1
    assert "BROKEN-MIB.mib" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_no_mistake() -> None:
    with subprocess.Popen([sys.executable, "-m", "mibgateway", "mib", "tree"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        os.close(os.dup(running.stdout.fileno()))
        running.stdout.readline()
        running.stdout.close()
        assert b"Traceback" not in running.stderr.read()
