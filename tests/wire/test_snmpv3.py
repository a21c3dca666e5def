"""SNMPv3 with net-snmp's tools and with pysnmp as managers: every algorithm, and who is refused."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mibagent.snmp.ber import SEQUENCE, tlv
from mibagent.snmp.pdu import Kind
from mibagent.snmp.secured import scoped_front
from mibagent.snmp.users import User
from tests.agent.snmp.fakes import pdu
from tests.agent.snmp.secure import Answer
from tests.wire.programs import require
from tests.wire.unit_process import WAIT_S, UnitProcess, folder

PASSWORD, PRIVATE = "maple syrup", "pan cakes and more"
UP_TIME, NAME = "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.5.0"

AUTHS = {"MD5": "md5", "SHA": "sha1", "SHA-224": "sha224", "SHA-256": "sha256",
         "SHA-384": "sha384", "SHA-512": "sha512"}
PRIVS = {"DES": "des", "AES": "aes128", "AES-192": "aes192", "AES-256": "aes256",
         "AES-192-C": "aes192Reeder", "AES-256-C": "aes256Reeder"}


def name_of(auth: str, priv: str) -> str:
    return f"u-{auth}-{priv}"


def script() -> str:
    lines = ["Snmp.EnableSnmpV2=disable", "Snmp.AllowLegacyAlgorithms=enable"]
    for auth, ours in AUTHS.items():
        for priv, theirs in PRIVS.items():
            row = f"Aaa.Users[UserName={name_of(auth, priv)}]"
            lines += [f"{row}.AuthProtocol={ours}", f"{row}.PrivProtocol={theirs}",
                      f'{row}.Password="{PASSWORD}"', f'{row}.PrivPassword="{PRIVATE}"']
    lines += [f'Aaa.Users[UserName=eva].Password="{PASSWORD}"',
              "Aaa.Users[UserName=eva].AccessRights=User",
              'Aaa.Users[UserName=boss].Password="my own words"',
              "Aaa.Users[UserName=boss].AccessRights=Admin",
              'Aaa.Users[UserName=tom].Password="short"']
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def unit() -> Iterator[UnitProcess]:
    with folder("v3") as home, UnitProcess(home, script()) as made:
        yield made


def ask(unit: UnitProcess, tool: str, *words: str, user: str = "eva", auth: str = "SHA-256",
        priv: str = "AES", password: str = PASSWORD, private: str | None = None,
        level: str = "authPriv", engine: str = "", form: str = "-Oqvn"
        ) -> subprocess.CompletedProcess[str]:
    """Run one of net-snmp's tools with all said on its command line, and no MIB."""
    named = ["-e", engine] if engine else []
    return subprocess.run(
        [require(tool), "-v3", "-m", "", "-M", "/nonexistent", form, "-t", "4", "-r", "1",
         "-l", level, "-u", user, "-a", auth, "-A", password, "-x", priv, "-X",
         password if private is None else private, *named, f"127.0.0.1:{unit.port}", *words],
        capture_output=True, text=True, timeout=WAIT_S, check=False,
        env={"SNMPCONFPATH": str(unit.home / "none"), "PATH": "/usr/bin:/bin",
             "SNMP_PERSISTENT_DIR": str(unit.home / "persistent")})


@pytest.mark.parametrize("auth", AUTHS)
def test_net_snmp_agrees_on_every_algorithm(unit: UnitProcess, auth: str) -> None:
    for priv in PRIVS:
        done = ask(unit, "snmpget", NAME, user=name_of(auth, priv), auth=auth, priv=priv,
                   private=PRIVATE)
        assert done.returncode == 0 and done.stdout, (auth, priv, done.stderr)


def test_pysnmp_agrees_too(unit: UnitProcess) -> None:
    asked = [[name_of(auth, priv), auth, priv] for auth, priv in (
        ("MD5", "DES"), ("SHA", "AES"), ("SHA-256", "AES"), ("SHA-512", "AES-256"),
        ("SHA-224", "AES-192"), ("SHA-384", "AES-256-C"))]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("pysnmp_v3_manager.py")), str(unit.port),
         PASSWORD, PRIVATE, json.dumps(asked)],
        capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["ok"] * len(asked)


def test_the_walk_of_everything_is_the_same_by_next_and_by_bulk(unit: UnitProcess) -> None:
    def names(*words: str) -> list[str]:
        done = ask(unit, *words, ".1.3.6.1.2.1.1", form="-Oqn")
        assert done.returncode == 0, done.stderr
        return [line.split()[0] for line in done.stdout.splitlines() if line.startswith(".")]
    by_next = names("snmpwalk")
    assert by_next == names("snmpbulkwalk") and len(by_next) > 7


def test_who_may_write_writes(unit: UnitProcess) -> None:
    assert ask(unit, "snmpset", NAME, "s", "by eva").returncode == 0
    assert ask(unit, "snmpget", NAME).stdout == '"by eva"\n'
    observer = {"user": name_of("SHA-256", "AES"), "private": PRIVATE}
    refused = ask(unit, "snmpset", NAME, "s", "by another", **observer)
    assert "noAccess" in refused.stderr
    assert ask(unit, "snmpget", NAME).stdout == '"by eva"\n'


@pytest.mark.parametrize(("changed", "said"), [
    ({"password": "maple sirup"}, "Authentication failure"),
    ({"private": "another word"}, "Decryption error"),
    ({"user": "nobody"}, "Unknown user name"),
    ({"user": "tom"}, "Unknown user name"),
    ({"engine": "0x80007ed905ffeeddccbbaa9988"}, ""),
    ({"auth": "SHA-512"}, "Authentication failure"),
])
def test_who_is_not_right_is_told_so(
    unit: UnitProcess, changed: dict[str, str], said: str
) -> None:
    refused = ask(unit, "snmpget", NAME, **changed)
    assert refused.returncode != 0 and said in refused.stderr, refused.stderr


def test_without_authentication_nothing_is_seen(unit: UnitProcess) -> None:
    refused = ask(unit, "snmpget", NAME, level="noAuthNoPriv")
    assert "authorizationError" in refused.stderr


def test_communities_find_nobody(unit: UnitProcess) -> None:
    for version in ("-v1", "-v2c"):
        refused = unit.tool("snmpget", version, "-c", "public", "-t", "0.5", "-r", "0",
                            "127.0.0.1", UP_TIME)
        assert "Timeout" in refused.stderr


def usm(unit: UnitProcess, *words: str, **who: str) -> None:
    """Run snmpusm, which has to succeed."""
    done = ask(unit, "snmpusm", *words, form="-Oq", **who)
    assert done.returncode == 0 and "rror" not in done.stderr, done.stderr


def test_snmpusm_makes_clones_changes_keys_and_deletes(unit: UnitProcess) -> None:
    admin = {"user": "boss", "password": "my own words"}
    usm(unit, "create", "copy", "eva", **admin)
    copy = {"user": "copy"}
    assert ask(unit, "snmpget", NAME, **copy).returncode == 0
    refused = ask(unit, "snmpset", NAME, "s", "no", **copy)
    assert "noAccess" in refused.stderr             # a clone is an Observer, whatever eva is
    usm(unit, "-Ca", "passwd", PASSWORD, "a new word", "copy", **admin)
    assert ask(unit, "snmpget", NAME, password="a new word", private=PASSWORD, **copy).stdout
    usm(unit, "-Cx", "passwd", PASSWORD, "a secret word", "copy", **admin)
    fresh = {"user": "copy", "password": "a new word", "private": "a secret word"}
    assert ask(unit, "snmpget", NAME, **fresh).stdout
    assert ask(unit, "snmpget", NAME, **copy).returncode != 0
    usm(unit, "passwd", "a new word", "yet another", "copy", "-Ca", **admin)
    usm(unit, "delete", "copy", **admin)
    assert "Unknown user name" in ask(unit, "snmpget", NAME, **fresh).stderr


def test_somebody_changes_his_own_password_by_snmpusm(unit: UnitProcess) -> None:
    who = {"user": name_of("SHA-512", "AES-256"), "auth": "SHA-512", "priv": "AES-256"}
    usm(unit, "-Ca", "passwd", PASSWORD, "own new word", private=PRIVATE, **who)
    assert ask(unit, "snmpget", NAME, password="own new word", private=PRIVATE, **who).stdout


STATS = "1.3.6.1.6.3.15.1.1"


def test_what_was_refused_is_counted(unit: UnitProcess) -> None:
    def counted(arc: int) -> int:
        return int(ask(unit, "snmpget", f"{STATS}.{arc}.0").stdout)
    for arc, changed in ((3, {"user": "nobody"}), (5, {"password": "maple sirup"}),
                         (6, {"private": "another word"})):
        before = counted(arc)
        ask(unit, "snmpget", NAME, **changed)
        assert counted(arc) > before


def boots_of(unit: UnitProcess) -> int:
    """Give the boots that a discovery is answered with."""
    nobody = User(b"", b"", None)
    probe = nobody.seal(1, 0, 0, b"\1", tlv(SEQUENCE, scoped_front(b"", b"") + pdu(Kind.GET, b"")),
                        reportable=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as manager:
        manager.settimeout(WAIT_S)
        manager.sendto(probe, ("127.0.0.1", unit.port))
        return Answer(manager.recv(65535), nobody).security.boots


def test_boots_grow_at_each_start_after_kill_9_too() -> None:
    with folder("boots") as home, UnitProcess(home, script=None) as unit:
        conf = (unit.state / "snmp" / "snmp.conf").read_text()
        assert "defAuthLocalizedKey" in conf and "defPrivLocalizedKey" in conf
        boots = [boots_of(unit)]
        for _ in range(2):
            unit.kill()
            unit.start()
            boots.append(boots_of(unit))
        assert boots == [1, 2, 3]
