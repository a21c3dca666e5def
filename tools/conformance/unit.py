"""A mibgate unit on loopback, started for a run and thrown away after it."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.conformance.agent import Agent
from tools.conformance.credentials import Credentials
from tools.conformance.link import UdpLink
from tools.conformance.names import (
    COMMUNITY_ENTRY,
    SNMP,
    VACM_ACCESS_ENTRY,
    VACM_GROUP_ENTRY,
    VACM_VIEW_ENTRY,
)
from tools.conformance.pdu import SET, binding, number, text
from tools.conformance.registry import Failed
from tools.conformance.usm import User

_WAIT_S = 40.0
_CREATE_AND_GO, _EXCLUDED, _V2C, _USM, _AUTH_PRIV = 4, 2, 2, 3, 3


class UnitFailed(Exception):
    """It did not start; the text is what it said."""


def free_port() -> int:
    """Give a UDP port that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class StartedUnit:
    """A unit that runs."""

    host: str
    port: int
    credentials: Credentials
    pid: int
    log_file: Path

    def log(self) -> str:
        """Give what it has logged."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def resident_octets(self) -> int:
        """Give the memory that it has in use."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def _credentials() -> Credentials:
    """Give communities and users for every role that a unit can have, at random."""
    def user(role: str, priv: str = "AES") -> User:
        return User(role, "SHA-256", secrets.token_hex(8), priv, secrets.token_hex(8))

    users = {"main": user("main"), "signer": user("signer", ""), "limited": user("limited"),
             "viewless": user("viewless")}
    reader, writer, guarded = (letter + secrets.token_hex(6) for letter in "rwg")
    return Credentials(reader, writer, guarded, users=users, least=1, main_writes=True,
                       outside=SNMP)


def _script(known: Credentials, port: int, sip_port: int) -> str:
    lines = [
        "Snmp.EnableSnmpV1=enable", "Snmp.EnableSnmpV2=enable", 'Snmp.SnmpUser=""',
        "Snmp.CommunityMayWrite=enable", f"Snmp.Port={port}",
        f"SipEp.Gateway[Name=default].Port={sip_port}",
        f"Aaa.Users[UserName={known.community}].AccessRights=observer",
        f"Aaa.Users[UserName={known.write_community}].AccessRights=user"]
    rights = {"main": "admin", "viewless": "user"}
    for role, user in known.users.items():
        row = f"Aaa.Users[UserName={role}]"
        lines += [f"{row}.AccessRights={rights.get(role, 'observer')}",
                  f'{row}.Password="{user.auth_password}"',
                  f'{row}.PrivPassword="{user.priv_password}"']
        if not user.priv:
            lines.append(f"{row}.PrivProtocol=none")
    return "\n".join(lines) + "\n"


def _narrow(unit: StartedUnit) -> None:
    """Make what an Admin may: views for `limited` and `viewless`, a community that is guarded.

    Raises UnitFailed.
    """
    agent = Agent(UdpLink(unit.host, unit.port), unit.credentials)
    view = (4, *b"part")
    rows = [binding((*VACM_VIEW_ENTRY, 6, *view, 1, 1), number(_CREATE_AND_GO)),
            binding((*VACM_VIEW_ENTRY, 6, *view, len(SNMP), *SNMP), number(_CREATE_AND_GO)),
            binding((*VACM_VIEW_ENTRY, 4, *view, len(SNMP), *SNMP), number(_EXCLUDED))]
    for group, name in ((b"observer", b"part"), (b"user", b"nowhere")):
        row = (len(group), *group, 0, _USM, _AUTH_PRIV)
        rows += [binding((*VACM_ACCESS_ENTRY, 9, *row), number(_CREATE_AND_GO)),
                 binding((*VACM_ACCESS_ENTRY, 5, *row), text(name))]
    known, group, word = unit.credentials, b"guarded", (len(b"guarded"), *b"guarded")
    rows += [binding((*COMMUNITY_ENTRY, 8, *group), number(_CREATE_AND_GO)),
             binding((*COMMUNITY_ENTRY, 2, *group), text(known.guarded_community.encode())),
             binding((*COMMUNITY_ENTRY, 3, *group), text(group)),
             binding((*VACM_GROUP_ENTRY, 5, _V2C, *word), number(_CREATE_AND_GO)),
             binding((*VACM_GROUP_ENTRY, 3, _V2C, *word), text(group)),
             binding((*VACM_ACCESS_ENTRY, 9, *word, 0, _V2C, _AUTH_PRIV), number(_CREATE_AND_GO)),
             binding((*VACM_ACCESS_ENTRY, 5, *word, 0, _V2C, _AUTH_PRIV), text(b"all"))]
    try:
        answer = agent.secure("main").ask(SET, b"".join(rows))
    except Failed as failed:
        raise UnitFailed(f"its views can't be set: {failed}; {unit.log()}") from None
    if answer.status:
        raise UnitFailed(f"its views can't be set: {answer.said}")


@contextmanager
def started_unit() -> Iterator[StartedUnit]:
    """Start a unit, with users for every role it can have, and end it. Raises UnitFailed."""
    port, sip_port, known = free_port(), free_port(), _credentials()
    with tempfile.TemporaryDirectory(prefix="mibgate-conformance-") as folder:
        home = Path(folder)
        script = home / "script"
        script.touch(0o600)
        script.write_text(_script(known, port, sip_port), encoding="utf-8")
        log = home / "log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "mibgateway", "run", "--state", home / "state",
                 "--script", script, "--unprivileged"],
                stdout=subprocess.PIPE, stderr=errors)
        try:
            _wait_until_ready(process, log)
            unit = StartedUnit("127.0.0.1", port, known, process.pid, log)
            _narrow(unit)
            yield unit
        finally:
            process.terminate()
            try:
                process.wait(_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    assert process.stdout is not None
    deadline = time.monotonic() + _WAIT_S
    for line in process.stdout:
        if line.strip() == b"ready":
            return
        if time.monotonic() > deadline:
            break
    raise UnitFailed(log.read_text(encoding="utf-8", errors="replace")[-2000:] or "no word of it")
