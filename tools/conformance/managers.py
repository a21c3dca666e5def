"""Two managers that others wrote: net-snmp's tools and pysnmp, each in a process of its own.

Passwords go by a file that only we can read and by standard input, never by arguments.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tools.conformance.agent import Agent
from tools.conformance.ber import Oid, dotted
from tools.conformance.credentials import LEVELS
from tools.conformance.names import SYS_CONTACT, SYS_DESCR, SYS_UP_TIME, SYSTEM
from tools.conformance.registry import Failed, Skipped, check, require

_WAIT_S = 60.0
_LINE = re.compile(r"^\.([0-9.]+) = ?(.*)$")
_PYSNMP = Path(__file__).with_name("pysnmp_manager.py")


def _address(agent: Agent) -> tuple[str, int]:
    address = getattr(agent.link, "address", None)
    if address is None:
        raise Skipped("managers need a socket to ask")
    found: tuple[str, int] = address
    return found


def _level(number: int) -> str:
    return next(word for word, level in LEVELS.items() if level == number)


@contextmanager
def _net_snmp(agent: Agent, way: str) -> Iterator[dict[str, str]]:
    """Give the environment in which net-snmp's tools are that identity."""
    known = agent.credentials
    lines = ["retries 2", "timeout 3"]
    if way == "v3":
        user = known.users["main"]
        lines += ["defVersion 3", f"defSecurityName {user.name}",
                  f"defSecurityLevel {_level(user.level)}"]
        if user.auth:
            lines += [f"defAuthType {user.auth}", f"defAuthPassphrase {user.auth_password}"]
        if user.priv:
            lines += [f"defPrivType {user.priv}", f"defPrivPassphrase {user.priv_password}"]
    else:
        lines += [f"defVersion {way}", f"defCommunity {known.community}"]
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        path = Path(folder, "snmp.conf")
        path.touch(0o600)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield {"PATH": os.environ.get("PATH", "/usr/bin"), "SNMPCONFPATH": folder,
               "SNMP_PERSISTENT_DIR": folder, "MIBS": "", "HOME": folder}


def _tool(agent: Agent, way: str, name: str, *arguments: str) -> list[str]:
    """Run one of net-snmp's tools; give its lines. Raises Failed, Skipped."""
    path = shutil.which(name)
    if path is None:
        raise Skipped(f"{name} is not installed (Debian: snmp)")
    host, port = _address(agent)
    where = f"udp6:[{host}]:{port}" if ":" in host else f"udp:{host}:{port}"
    with _net_snmp(agent, way) as environment:
        done = subprocess.run(
            [path, "-On", "-Ih", *arguments[:-1], where, arguments[-1]], capture_output=True,
            text=True, errors="replace", env=environment, timeout=_WAIT_S, check=False)
    if done.returncode:
        raise Failed(f"{name} says: {(done.stderr or done.stdout).strip()[:300]}")
    return done.stdout.splitlines()


def _names(lines: list[str]) -> list[str]:
    found = [_LINE.match(line) for line in lines]
    return [line[1] for line in found if line and "No more variables" not in line[2]]


def _ways(agent: Agent) -> list[str]:
    ways = [way for way, need in (("2c", "v2"), ("3", "v3")) if agent.has(need)]
    return ["v3" if way == "3" else way for way in ways]


def _pysnmp(agent: Agent, way: str, job: str, oid: Oid) -> list[str]:
    """Have pysnmp do a job; give the names that it got. Raises Failed."""
    host, port = _address(agent)
    known = agent.credentials
    order = {"host": host, "port": port, "job": job, "oid": dotted(oid), "limit": 600,
             "community": known.community if way == "2c" else "",
             "user": asdict(known.users["main"]) if way == "v3" else None}
    done = subprocess.run([sys.executable, str(_PYSNMP)], input=json.dumps(order),
                          capture_output=True, text=True, timeout=_WAIT_S, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()
        raise Failed(f"pysnmp says: {last[-1][:300] if last else 'nothing'}")
    found: list[str] = json.loads(done.stdout)
    return found


@check("RFC 3416 4.2.1", "modern")
def net_snmp_gets(agent: Agent) -> None:
    """net-snmp's snmpget reads sysDescr, by community and as user."""
    for way in _ways(agent):
        got = _names(_tool(agent, way, "snmpget", dotted(SYS_DESCR)))
        require(got == [dotted(SYS_DESCR)], f"it got {got}")


@check("RFC 3416 4.2.2, 4.2.3", "modern")
def net_snmp_walks_agree(agent: Agent) -> None:
    """net-snmp's snmpwalk and snmpbulkwalk of the system group meet the same names."""
    for way in _ways(agent):
        walked = _names(_tool(agent, way, "snmpwalk", dotted(SYSTEM)))
        bulk = _names(_tool(agent, way, "snmpbulkwalk", "-Cr7", dotted(SYSTEM)))
        require(walked and walked == bulk, f"{len(walked)} by GETNEXT, {len(bulk)} by GETBULK")
        own = [dotted(each.oid) for each in agent.survey.found if each.oid[:7] == SYSTEM]
        require(set(own) <= set(walked), f"it misses {sorted(set(own) - set(walked))[:3]}")


@check("RFC 3416 4.2.1", "modern")
def pysnmp_gets(agent: Agent) -> None:
    """pysnmp's manager reads sysDescr, by community and as user."""
    _needs_pysnmp()
    for way in _ways(agent):
        got = _pysnmp(agent, way, "get", SYS_DESCR)
        require(got == [dotted(SYS_DESCR)], f"it got {got}")


@check("RFC 3416 4.2.2, 4.2.3", "modern")
def pysnmp_walks_agree(agent: Agent) -> None:
    """pysnmp's walks by GETNEXT and by GETBULK meet what net-snmp's manager meets."""
    _needs_pysnmp()
    for way in _ways(agent):
        walked = _pysnmp(agent, way, "walk", SYSTEM)
        bulk = _pysnmp(agent, way, "bulk-walk", SYSTEM)
        require(walked and walked == bulk, f"{len(walked)} by GETNEXT, {len(bulk)} by GETBULK")
        other = _names(_tool(agent, way, "snmpwalk", dotted(SYSTEM)))
        require(walked == other, f"{len(walked)} for pysnmp, {len(other)} for net-snmp")


@check("RFC 3416 4.2.5", "v3", "set", "writer")
def pysnmp_sets(agent: Agent) -> None:
    """pysnmp's manager sets sysContact to what it is."""
    _needs_pysnmp()
    if not agent.credentials.main_writes:
        raise Skipped("user.main may not write")
    require(_pysnmp(agent, "v3", "set-same", SYS_CONTACT) == [dotted(SYS_CONTACT)],
            "it got another name")


@check("RFC 3414 3.2; RFC 3415 3.2", "v3", "auth")
def net_snmp_is_refused_below_the_least(agent: Agent) -> None:
    """net-snmp's manager gets nothing below the level that the user's access wants."""
    if not agent.credentials.least:
        raise Skipped("user.main may read at any level")
    try:
        lines = _tool(agent, "v3", "snmpget", "-l", "noAuthNoPriv", dotted(SYS_UP_TIME))
    except Failed:
        return
    require(not _names(lines), f"it got {lines}")


def _needs_pysnmp() -> None:
    if importlib.util.find_spec("pysnmp") is None:
        raise Skipped("pysnmp is not installed")
