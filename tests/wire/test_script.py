"""Scripts at a start, on a running unit and on a stopped one: product.md section 4's grammar."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from mibagent.snmp.pdu import Status
from mibgateway.northbound.script_grammar import LIMIT_BYTES, LINE_LIMIT_BYTES
from mibgateway.services.aaa import is_password
from tests.wire.unit_process import Snmp, UnitProcess, folder, mibgate

AUTHORITY = trustme.CA(key_type=trustme.KeyType.RSA)


@pytest.fixture(scope="module")
def unit() -> Iterator[UnitProcess]:
    """Give a unit that runs; each test leaves it as it was, or looks at what only it sets."""
    with folder("script") as home, UnitProcess(home) as started:
        yield started


@pytest.fixture
def snmp(unit: UnitProcess) -> Iterator[Snmp]:
    """Give a socket to the unit."""
    with unit.ask() as asked:
        yield asked


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a folder."""
    with folder("script") as made:
        yield made


def run(unit: UnitProcess, text: str | bytes) -> subprocess.CompletedProcess[str]:
    """Run a script with `mibgate script`."""
    path = unit.home / "some-script"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return mibgate("script", "--state", unit.state, path)


def line_of(unit: UnitProcess, text: str) -> int:
    """Give the line of the unit's own script that holds this."""
    lines = unit.script.read_text(encoding="utf-8").splitlines()
    return next(at for at, line in enumerate(lines, 1) if text in line)


def refuses(unit: UnitProcess) -> str:
    """Start it; give the one line in which it says why it does not."""
    unit.launch()
    assert unit.wait() == 1
    assert "ready" not in unit.console().splitlines()
    (line,) = unit.log().splitlines()
    return line


# -- at the start


@pytest.mark.parametrize(("bad", "why"), [
    ("SipEp.TransportFailbackInterval=4", "5..3600"),
    ("SipEp.TransportTlsVersion=tlsv14", "tlsv13"),
    ("SipEp.NoSuchThing=1", "NoSuchThing"),
    ("Hoc.SystemTime=now", ""),
    ('Hoc.StaticTimeZone="nonsense"', ""),
    ("SipEp.TransportConfig[GatewayName=default].Nothing=1", "Nothing"),
    ("Cert.Import Type=Other FileName=x Path=/no/such/file", "/no/such/file"),
    ("SipEp.Reconnect", "not started"),
    ("Nlm.SendTestNotification Text=x", "running unit"),
])
def test_a_refused_line_stops_the_start_with_its_number(home: Path, bad: str, why: str) -> None:
    unit = UnitProcess(
        home, f'Hoc.SystemName="changed"\n\n# a comment\n{bad}\nHoc.SystemContact=x\n')
    line = refuses(unit)
    assert line.startswith("mibgate: ")
    assert f"line {line_of(unit, bad)}:" in line
    assert why in line


def test_a_refused_line_leaves_nothing_of_a_first_start(home: Path) -> None:
    unit = UnitProcess(home, "SipEp.TransportFailbackInterval=4\n")
    refuses(unit)
    assert not (unit.state / "first-password").exists()
    with closing(sqlite3.connect(unit.state / "unit.db")) as database:
        for table in ("value", "revision", "secret", "memory"):
            assert database.execute(f"SELECT * FROM {table}").fetchall() == []
    # so that the next start is the first
    unit.script.write_text(unit.script.read_text().replace("Interval=4", "Interval=40"))
    with unit:
        assert (unit.state / "first-password").exists()
        assert unit.snmpget("sipEpTransportFailbackInterval.0")[0].split()[0] == "40"


def test_a_refused_line_leaves_the_store_as_before(home: Path) -> None:
    unit = UnitProcess(home, 'Hoc.SystemName="before"\n')
    with unit:
        assert unit.stop() == 0
    unit.script.write_text('Hoc.SystemName="after"\nAaa.Users[UserName=x].AccessRights=Admin\n'
                           "SipEp.TransportFailbackInterval=4\n")
    assert "line 3:" in refuses(unit)
    unit.forget_script()
    with unit, unit.ask() as snmp:
        assert snmp.get("hocSystemName") == b"before"
        assert snmp.get("aaaUsersAccessRights", (b"x",)) is None


def test_a_check_across_lines_names_the_line_to_blame(home: Path) -> None:
    row = "SipEp.TransportConfig[GatewayName=default]"
    unit = UnitProcess(home, f"{row}.TlsEnable=enable\n{row}.UdpEnable=enable\n")
    line = refuses(unit)
    assert f"line {line_of(unit, 'TlsEnable')}:" in line
    assert "TLS" in line


def test_a_script_at_a_later_start_is_applied_before_the_services_start(home: Path) -> None:
    unit = UnitProcess(home)
    with unit:
        assert unit.stop() == 0
        unit.script.write_text(
            "begin\nSipEp.TransportConfig[GatewayName=default].TlsEnable=enable\n"
            "SipEp.TransportTlsCipherSuite=CS3\ncommit\nScm.RestartRequiredServices\n")
        unit.start()
        assert f"tls 127.0.0.1 port {unit.secure_port}" in unit.console()
        with unit.ask() as snmp:
            assert snmp.get("sipEpTransportTlsCipherSuite") == 300
            assert snmp.get("sipEpNeedRestartInfo") == 0


@pytest.mark.parametrize(("octets", "line"), [
    (b'Hoc.SystemName="after\n', 1),
    (b"\n\nHoc.SystemName=after x=y z\n", 3),
    (b"Hoc.SystemName=after\nbegin\nHoc.SystemContact=x\n", 2),
    (b"Hoc.SystemName=after\ncommit\n", 2),
    (b"Hoc.SystemName=after\n\xff\xfe\n", 2),
    (b"Hoc.SystemName=after\n]\n", 2),
])
def test_a_syntax_error_runs_nothing(
    unit: UnitProcess, snmp: Snmp, octets: bytes, line: int
) -> None:
    before = snmp.get("hocSystemName")
    done = run(unit, octets)
    assert done.returncode == 1
    assert f"line {line}: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert snmp.get("hocSystemName") == before
    # at a start too
    with folder("syntax") as home:
        other = UnitProcess(home)
        other.script.write_bytes(octets)
        assert f"line {line}: " in refuses(other)


@pytest.mark.parametrize("what", ["a folder", "nothing"])
def test_a_script_that_is_no_file(home: Path, what: str) -> None:
    unit = UnitProcess(home)
    unit.script.unlink()
    if what == "a folder":
        unit.script.mkdir()
    unit.launch()
    assert unit.wait() != 0
    assert "script" in unit.log()
    assert "Traceback" not in unit.log()


# -- on a running unit


def test_each_line_stands_or_falls_alone(unit: UnitProcess, snmp: Snmp) -> None:
    done = run(unit, 'Hoc.SystemContact="one"   # fine\r\n'
                     "SipEp.TransportFailbackInterval=1\n"
                     "\n"
                     'HOC.systemLOCATION="a \\"b\\" \\\\ é"\n'
                     "Nothing.Here=1\n")
    assert done.returncode == 1
    assert [line.partition(": ")[2].partition(":")[0] for line in done.stderr.splitlines()] == [
        "line 2", "line 5"]
    assert done.stdout.splitlines()[-1] == "ExecutionFailed: 4 lines, 2 refused"
    assert snmp.get("hocSystemContact") == b"one"
    assert snmp.get("hocSystemLocation") == 'a "b" \\ é'.encode()
    assert snmp.get("sipEpTransportFailbackInterval") == 15


def test_begin_to_commit_is_one_transaction(unit: UnitProcess, snmp: Snmp) -> None:
    before = snmp.get("hocSystemContact")
    done = run(unit, "begin\n"
                     'Hoc.SystemContact="two"\n'
                     "SipEp.TransportFailbackInterval=1\n"
                     "COMMIT\n"
                     'Hoc.SystemLocation="goes on"\n')
    assert done.returncode == 1
    assert done.stderr.startswith("mibgate: line 3: ")
    assert snmp.get("hocSystemContact") == before
    assert snmp.get("hocSystemLocation") == b"goes on"
    row = "SipEp.TransportConfig[GatewayName=default]"
    done = run(unit, f"begin\n{row}.UdpEnable=enable\n{row}.TlsEnable=enable\ncommit\n")
    assert done.stderr.startswith("mibgate: line 3: ")


def test_a_cell_makes_its_row_and_delete_takes_it(unit: UnitProcess, snmp: Snmp) -> None:
    done = run(unit, "Nlm.Events[Index=70].Criteria=1400.303\n"
                     "Nlm.Events[Index=70].Action=LogLocally\n"
                     'SipEp.Gateway[Name="second one"].Port=5099\n')
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Success: 3 lines, 0 refused"
    assert snmp.get("nlmEventsCriteria", (70,)) == b"1400.303"
    assert snmp.get("nlmEventsAction", (70,)) == 300
    assert snmp.get("sipEpGatewayName", (b"second one",)) == b"second one"
    assert snmp.get("sipEpTransportConfigUdpEnable", (b"second one",)) == 1   # comes with it
    done = run(unit, 'SipEp.Gateway[Name="second one"].Delete\nNlm.Events[Index=70].delete\n')
    assert done.returncode == 0, done.stderr
    assert snmp.get("sipEpGatewayName", (b"second one",)) is None
    assert snmp.get("sipEpTransportConfigUdpEnable", (b"second one",)) is None
    assert snmp.get("nlmEventsCriteria", (70,)) is None
    done = run(unit, "Nlm.Events[Index=70].Delete\n")
    assert done.returncode == 1 or done.stderr == ""
    # a row of a table that only the unit fills is not made
    done = run(unit, 'Scm.ServicesConfig[Name="Nobody"].StartupType=Auto\n')
    assert done.returncode == 1


def test_a_command_waits_for_its_job(unit: UnitProcess, snmp: Snmp) -> None:
    path = unit.home / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    done = run(unit, f'Cert.Import Type=Other FileName=from-script Path="{path}"\n')
    assert done.returncode == 0, done.stderr
    name = "certOthersCertificatesInfoCertificateAuthority"
    assert snmp.get(name, (b"from-script",)) is not None
    done = run(unit, "Cert.OthersCertificatesInfo[FileName=from-script].Delete\n")
    assert done.returncode == 0, done.stderr
    assert snmp.get(name, (b"from-script",)) is None


def test_labels_and_numbers_are_one(unit: UnitProcess, snmp: Snmp) -> None:
    for spelled in ("TLSv1_3", "tlsv13", "TLSV1.3", "500"):
        assert run(unit, f"SipEp.TransportTlsVersion={spelled}\n").returncode == 0
        assert snmp.get("sipEpTransportTlsVersion") == 500
        assert run(unit, "SipEp.TransportTlsVersion=TLSv1_2\n").returncode == 0


# -- bounds


def test_a_script_of_ten_megabytes_is_taken_and_a_longer_one_is_not(
    unit: UnitProcess, snmp: Snmp
) -> None:
    line = b"# " + b"x" * 4093 + b"\n"
    last = b'Hoc.SystemName="at the end"\n'
    filling = line * ((LIMIT_BYTES - len(last)) // len(line))
    done = run(unit, filling + last)
    assert done.returncode == 0, done.stderr
    assert snmp.get("hocSystemName") == b"at the end"
    done = run(unit, filling + line + b'Hoc.SystemName="too far"\n')
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert snmp.get("hocSystemName") == b"at the end"


def test_a_line_is_bounded(unit: UnitProcess, snmp: Snmp) -> None:
    before = snmp.get("hocSystemName")
    for octets in (b'Hoc.SystemName="' + b"x" * LINE_LIMIT_BYTES + b'"\n',
                   b"Hoc.SystemName=x #" + b"y" * LINE_LIMIT_BYTES):
        done = run(unit, b"\n" + octets)
        assert done.returncode == 1
        assert "line 2: " in done.stderr
        assert len(done.stderr) < 500
        assert snmp.get("hocSystemName") == before
    longest = b"# " + b"z" * (LINE_LIMIT_BYTES - 3) + b"\n"
    assert run(unit, longest).returncode == 0


def test_a_console_that_is_flooded_stands(unit: UnitProcess, snmp: Snmp) -> None:
    size = unit.resident_octets()
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as link, pytest.raises(OSError):
            link.connect(str(unit.state / "console"))
            while True:
                link.sendall(b"#" * (1 << 20))
    idle = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for link in idle:
        link.connect(str(unit.state / "console"))
    for link in idle:
        link.close()
    assert run(unit, "Hoc.SystemContact=x\n").returncode == 0
    assert snmp.set(("hocSystemContact", (), b"")).status is Status.NO_ERROR
    assert unit.resident_octets() - size < 64 << 20
    assert "Traceback" not in unit.log()


# -- commands that write scripts


def kept(unit: UnitProcess, user: str) -> list[bytes]:
    """Give what a stopped unit keeps of a user's passwords, opened."""
    from mibagent.store.journal import Journal
    from mibagent.store.seal import Sealer
    journal = Journal(unit.state / "unit.db", Sealer.of_file(unit.state / "key"))
    try:
        row = ".".join(map(str, [len(user), *user.encode()]))
        return [value for name, where, value in journal.values(1)
                if name == "aaaUsersPassword" and where == row and isinstance(value, bytes)]
    finally:
        journal.close()


def test_passwd_on_a_running_and_on_a_stopped_unit(home: Path) -> None:
    unit = UnitProcess(home)
    with unit:
        done = mibgate("passwd", "--state", unit.state, given="while it runs\n")
        assert (done.returncode, done.stderr) == (0, "")
        assert unit.stop() == 0
        (found,) = kept(unit, "admin")
        assert is_password(found, b"while it runs")
        done = mibgate("passwd", "--state", unit.state, given='now "it" stands\\\n')
        assert (done.returncode, done.stderr) == (0, "")
        (found,) = kept(unit, "admin")
        assert is_password(found, b'now "it" stands\\')
        done = mibgate("passwd", "--state", unit.state, given="\n")
        assert done.returncode == 1
        (found,) = kept(unit, "admin")
        assert is_password(found, b'now "it" stands\\')
        unit.forget_script()
        unit.start()
        assert unit.snmpget("aaaUsersAccessRights.\"admin\"") == ["admin"]


def test_script_on_a_stopped_unit(home: Path) -> None:
    unit = UnitProcess(home)
    with unit:
        assert unit.stop() == 0
    done = run(unit, 'Hoc.SystemName="offline"\nAaa.Users[UserName=x].AccessRights=User\n')
    assert done.returncode == 0, done.stderr
    done = run(unit, 'Hoc.SystemName="refused"\nSipEp.TransportFailbackInterval=1\n')
    assert done.returncode == 1
    assert "line 2" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    unit.forget_script()
    with unit, unit.ask() as snmp:
        assert snmp.get("hocSystemName") == b"offline"
        assert snmp.get("aaaUsersAccessRights", (b"x",)) == 200


def test_cert_import_on_a_running_and_on_a_stopped_unit(home: Path) -> None:
    leaf = AUTHORITY.issue_cert("unit.example.test", key_type=trustme.KeyType.RSA)
    host, other = home / "host.pem", home / "other.pem"
    host.write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
    AUTHORITY.cert_pem.write_to_path(str(other))
    unit = UnitProcess(home)
    with unit:
        done = mibgate("cert", "import", "--state", unit.state, other)
        assert (done.returncode, done.stdout) == (0, "other.pem installed\n"), done.stderr
        done = mibgate("cert", "import", "--state", unit.state, "--type", "host", other)
        assert done.returncode == 1
        assert "key" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert unit.stop() == 0
        done = mibgate("cert", "import", "--state", unit.state, "--type", "host", "--name", "own",
                       host)
        assert done.returncode == 0, done.stderr
        done = mibgate("cert", "import", "--state", unit.state, "--type", "host", other)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        unit.forget_script()
        unit.start()
        with unit.ask() as snmp:
            named = [value for _, _, value in snmp.walk((1, 3, 6, 1, 4, 1, 32473, 1, 2300))]
            assert b"own" in named
            assert b"other.pem" in named
            assert snmp.get("certHostCertificateAssociationSip", (b"own",)) == 1
