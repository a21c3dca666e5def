"""Who sees what from where, with net-snmp's tools as managers: views, transports, networks."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mibagent.snmp.pdu import Kind
from tests.agent.snmp.fakes import request, response
from tests.wire.programs import free_udp_port, require
from tests.wire.unit_process import COMMUNITY, UnitProcess, folder, model

PASS_PHRASE = "a long enough word"
SCRIPT = "".join(
    f"Aaa.Users[UserName={name}].AccessRights={rights}\n"
    f'Aaa.Users[UserName={name}].Password="{PASS_PHRASE}"\n'
    for name, rights in (("admin", "Admin"), ("eva", "Observer"))) + "Snmp.EnableTcp=enable\n"


@contextmanager
def unit(listen: str = "127.0.0.1", script: str = SCRIPT) -> Iterator[UnitProcess]:
    with folder("views") as home:
        made = UnitProcess(home, script, listen=listen)
        try:
            yield made.start()
        finally:
            made.kill()


@pytest.fixture(scope="module")
def ours() -> Iterator[UnitProcess]:
    with unit() as made:
        yield made


def user(name: str) -> list[str]:
    return ["-v3", "-l", "authPriv", "-u", name, "-a", "SHA-256", "-A", PASS_PHRASE, "-x", "AES",
            "-X", PASS_PHRASE]


def run(tool: str, who: list[str], where: str, *arguments: str) -> tuple[int, str]:
    found = subprocess.run(
        [require(tool), "-On", "-m", "", "-r", "1", "-t", "5", *who, where, *arguments],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "SNMPCONFPATH": "/nowhere"})
    return found.returncode, found.stdout + found.stderr


def oid(name: str) -> str:
    return "." + ".".join(map(str, model().objects[name].oid))


SYSTEM = ".1.3.6.1.2.1.1"
BY_COMMUNITY = ["-v2c", "-c", COMMUNITY]


def test_an_admin_makes_a_view_by_snmpvacm_and_the_observer_sees_that_and_no_more(
    ours: UnitProcess
) -> None:
    where = f"127.0.0.1:{ours.port}"
    status, text = run("snmpget", user("eva"), where, oid("hocSystemName") + ".0")
    assert (status, "No Such" in text) == (0, False), text
    for command in (("createView", "narrow", SYSTEM),
                    ("createView", "-Ce", "narrow", SYSTEM + ".4"),
                    ("createAccess", "observer", "3", "3", "1", "narrow", "none", "narrow")):
        status, text = run("snmpvacm", user("admin"), where, *command)
        assert status == 0, (command, text)
    for _ in range(3):
        status, text = run("snmpwalk", user("eva"), where, ".1.3")
        names = [line.split()[0] for line in text.splitlines() if line.startswith(".1")]
        assert names, text
        assert all(name.startswith(SYSTEM + ".") for name in names), text
        assert not any(name.startswith(SYSTEM + ".4.") for name in names)
    assert "No Such Object" in run("snmpget", user("eva"), where, oid("hocSystemName") + ".0")[1]
    status, text = run("snmpset", user("eva"), where, SYSTEM + ".5.0", "s", "x")
    assert (status, "noAccess" in text) == (2, True), text
    status, text = run("snmpvacm", user("admin"), where, "deleteAccess", "observer", "3", "3")
    assert status == 0, text
    assert "No Such" not in run("snmpget", user("eva"), where, oid("hocSystemName") + ".0")[1]


def test_an_observer_makes_no_view(ours: UnitProcess) -> None:
    where = f"127.0.0.1:{ours.port}"
    status, text = run("snmpvacm", user("eva"), where, "createView", "mine", ".1")
    assert status != 0
    assert "noAccess" in text


def test_the_names_of_the_host_are_written_through(ours: UnitProcess) -> None:
    where = f"127.0.0.1:{ours.port}"
    for standard, own in ((SYSTEM + ".4.0", "hocSystemContact"), (SYSTEM + ".5.0", "hocSystemName"),
                          (SYSTEM + ".6.0", "hocSystemLocation")):
        for first, second in ((standard, oid(own) + ".0"), (oid(own) + ".0", standard)):
            status, text = run("snmpset", user("admin"), where, first, "s", f"by {first}")
            assert status == 0, text
            assert f'"by {first}"' in run("snmpget", user("admin"), where, second)[1]


def test_tcp_answers_each_version(ours: UnitProcess) -> None:
    where = f"tcp:127.0.0.1:{ours.port}"
    for who in (BY_COMMUNITY, user("eva"), user("admin")):
        status, text = run("snmpget", who, where, SYSTEM + ".1.0")
        assert (status, "mibgate" in text) == (0, True), text
    by_udp = run("snmpwalk", user("admin"), f"127.0.0.1:{ours.port}", SYSTEM)[1]
    by_tcp = run("snmpbulkwalk", user("admin"), where, SYSTEM)[1]
    names = [[line.split()[0] for line in text.splitlines() if line.startswith(".1")]
             for text in (by_udp, by_tcp)]
    assert names[0] == names[1] != []
    status, text = run("snmpset", user("admin"), where, SYSTEM + ".6.0", "s", "over TCP")
    assert status == 0, text


def test_from_outside_the_source_networks_nothing_is_answered(ours: UnitProcess) -> None:
    where, networks = f"127.0.0.1:{ours.port}", oid("snmpSourceNetworks") + ".0"
    from_two = ["--clientaddr=127.0.0.2"]
    assert run("snmpget", [*user("eva"), *from_two], where, SYSTEM + ".1.0")[0] == 0
    assert run("snmpset", user("admin"), where, networks, "s", "127.0.0.1")[0] == 0
    for who in (user("eva"), BY_COMMUNITY):
        assert run("snmpget", who, where, SYSTEM + ".1.0")[0] == 0
        status, text = run("snmpget", [*who, *from_two, "-t", "1", "-r", "0"], where,
                           SYSTEM + ".1.0")
        assert (status, "Timeout" in text) == (1, True), text
    assert run("snmpset", user("admin"), where, networks, "s", "")[0] == 0
    assert run("snmpget", [*user("eva"), *from_two], where, SYSTEM + ".1.0")[0] == 0


def test_a_tagged_community_is_taken_from_the_addresses_of_its_tag_and_outlives_a_restart() -> None:
    """RFC 3584 section 5: an Admin makes it all by snmpset, over SNMPv3."""
    with unit() as made:
        where, port = f"127.0.0.1:{made.port}", free_udp_port()
        by_port = port.to_bytes(2, "big").hex()
        group = '.2."nms"'
        for command in (
            (oid("snmpCommunityStatus") + ".'row'", "i", "4",
             oid("snmpCommunityName") + ".'row'", "s", "tagged",
             oid("snmpCommunitySecurityName") + ".'row'", "s", "nms",
             oid("snmpCommunityTransportTag") + ".'row'", "s", "here"),
            (oid("vacmSecurityToGroupStatus") + group, "i", "4",
             oid("vacmGroupName") + group, "s", "observer"),
            *(_target(name, octets, mask, mms) for name, octets, mask, mms in (
                ("a", f"7f000001{by_port}", "", "484"),
                ("b", "7f00000300a1", "ffffffff0000", "0"))),
        ):
            status, text = run("snmpset", user("admin"), where, *command)
            assert status == 0, (command, text)
        for _ in range(2):
            for source, is_taken in ((f"127.0.0.1:{port}", True), ("127.0.0.1", False),
                                     (f"127.0.0.1:{port}", True), ("127.0.0.4", False),
                                     ("127.0.0.3", True), ("127.0.0.3", True)):
                assert _asks(made, source, wait="5" if is_taken else "0.5") is is_taken, source
            assert run("snmpget", ["-v2c", "-c", "tagged", "-t", "0.5", "-r", "0"], "tcp:" + where,
                       SYSTEM + ".1.0")[0] == 1
            assert _asks(made, "127.0.0.4", COMMUNITY)
            for source, most in ((f"127.0.0.1:{port}", 484), ("127.0.0.3:0", 65507)):
                answer = _bulk(made, source)
                assert len(answer) <= most
                assert (len(answer) > 484) is (most > 484)
            made.restart()
        done = run("snmpset", user("admin"), where, oid("snmpTargetAddrRowStatus") + ".'b'",
                   "i", "6")
        assert done[0] == 0, done[1]
        assert not _asks(made, "127.0.0.3", wait="0.5")


def _target(name: str, octets: str, mask: str, mms: str) -> tuple[str, ...]:
    row = f".'{name}'"
    return (oid("snmpTargetAddrRowStatus") + row, "i", "4",
            oid("snmpTargetAddrTDomain") + row, "o", ".1.3.6.1.6.1.1",
            oid("snmpTargetAddrTAddress") + row, "x", octets,
            oid("snmpTargetAddrTagList") + row, "s", "here there",
            oid("snmpTargetAddrParams") + row, "s", "none",
            oid("snmpTargetAddrTMask") + row, "x", mask,
            oid("snmpTargetAddrMMS") + row, "i", mms)


def _asks(
    made: UnitProcess, source: str, community: str = "tagged", wait: str = "5"
) -> bool:
    """Whether a GET from there is answered."""
    port = ["--clientaddrUsesPort=yes"] if ":" in source else []
    who = ["-v2c", "-c", community, "-t", wait, "-r", "0", f"--clientaddr={source}", *port]
    return run("snmpget", who, f"127.0.0.1:{made.port}", SYSTEM + ".1.0")[0] == 0


def _bulk(made: UnitProcess, source: str) -> bytes:
    host, _, port = source.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.bind((host, int(port)))
        client.connect(("127.0.0.1", made.port))
        client.send(request(Kind.GET_BULK, (1, 3), community=b"tagged", second=2000))
        return client.recv(65536)


def test_an_answer_to_a_community_is_bounded_and_one_to_a_user_is_not(ours: UnitProcess) -> None:
    octets = request(Kind.GET_BULK, (1, 3), community=COMMUNITY.encode(), second=2000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", ours.port))
        client.send(octets)
        answer = client.recv(65536)
    assert len(answer) <= 50 * len(octets)
    assert len(response(answer).varbinds) > 5
    status, text = run("snmpbulkget", [*user("admin"), "-Cr200"], f"127.0.0.1:{ours.port}", ".1.3")
    assert (status, len(text.splitlines()) >= 200) == (0, True)


def test_thousands_of_strangers_leave_the_unit_as_it_was(ours: UnitProcess) -> None:
    """Distinct communities from distinct addresses; who is known is answered all the while."""
    assert run("snmpget", BY_COMMUNITY, f"127.0.0.1:{ours.port}", SYSTEM + ".1.0")[0] == 0
    process = ours.process
    assert process is not None

    def resident() -> int:
        statm = Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii")
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def flood(first: int) -> None:
        for number in range(first, first + 5000):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.bind((f"127.1.{number // 250 % 250}.{1 + number % 250}", 0))
                client.sendto(request(Kind.GET, (1, 3, 6, 1, 2, 1, 1, 1, 0),
                                      community=b"guess %d" % number), ("127.0.0.1", ours.port))

    flood(0)
    assert run("snmpget", user("admin"), f"127.0.0.1:{ours.port}", SYSTEM + ".1.0")[0] == 0
    before = resident()
    flood(5000)
    assert run("snmpget", user("admin"), f"127.0.0.1:{ours.port}", SYSTEM + ".1.0")[0] == 0
    assert resident() - before < 4 << 20
    assert "Traceback" not in ours.log()


def test_over_ipv6_by_udp_and_tcp() -> None:
    with unit("::1") as six:
        for transport in ("udp6", "tcp6"):
            for who in (BY_COMMUNITY, user("eva")):
                status, text = run("snmpget", who, f"{transport}:[::1]:{six.port}", SYSTEM + ".1.0")
                assert (status, "mibgate" in text) == (0, True), text


def test_on_all_addresses_the_one_that_was_asked_answers() -> None:
    with unit("0.0.0.0") as all_of_them:
        for host in ("127.0.0.1", "127.0.0.9"):
            where = f"{host}:{all_of_them.port}"
            status, text = run("snmpget", user("eva"), where, SYSTEM + ".1.0")
            assert (status, "mibgate" in text) == (0, True), text
