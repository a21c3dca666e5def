"""linkUp and linkDown of real interfaces, in a network namespace that the test makes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.wire.programs import found
from tests.wire.receivers import Snmptrapd, Trap
from tests.wire.unit_process import UnitProcess, folder, until

LINK_DOWN, LINK_UP = ".1.3.6.1.6.3.1.1.5.3", ".1.3.6.1.6.3.1.1.5.4"
IF_ENTRY = ".1.3.6.1.2.1.2.2.1"
NAME = f"mibgate-test-{os.getpid()}"
INSIDE = ["ip", "netns", "exec", NAME]


def ip(*words: str, inside: bool = True) -> None:
    """Run ip in the namespace, or outside."""
    done = subprocess.run([*(INSIDE if inside else []), "ip", *words],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def namespace() -> Iterator[None]:
    """Make a network with loopback and a pair of interfaces that are up."""
    ip("netns", "add", NAME, inside=False)
    try:
        ip("link", "set", "lo", "up")
        ip("link", "add", "left", "type", "veth", "peer", "name", "right")
        for name in ("left", "right"):
            ip("link", "set", name, "up")
        yield
    finally:
        ip("netns", "delete", NAME, inside=False)


def may_make_namespaces() -> bool:
    """Whether this user may, and the programs are there."""
    if os.geteuid() != 0 or not found("ip"):
        return False
    try:
        with namespace():
            return True
    except AssertionError:
        return False


def about(traps: Sequence[Trap], identity: str, index: int) -> list[dict[str, str]]:
    """Give the values of the notifications of that identity about one interface."""
    return [dict(trap.values) for trap in traps if trap.identity == identity
            and dict(trap.values).get(f"{IF_ENTRY}.1.{index}") == f"INTEGER: {index}"]


def door(port: int) -> str:
    return f'Snmp.TrapDest="127.0.0.1:{port}"\nSnmp.EnableTrap=enable\n'


@pytest.mark.skipif(not may_make_namespaces(), reason="this user may not make network namespaces")
def test_an_interface_that_goes_down_and_comes_up_is_reported_and_read_so() -> None:
    with folder("links") as home, namespace(), Snmptrapd(
            home, "authCommunity log public", prefix=INSIDE) as trapd, UnitProcess(
            home, door(trapd.port), prefix=INSIDE) as unit:
        unit.beside = INSIDE
        names = dict(line.removeprefix("IF-MIB::ifName.").split(" = STRING: ")
                     for line in unit.tool("snmpwalk", unit.agent, "ifName")
                     .stdout.splitlines())
        index = next(int(number) for number, name in names.items() if name == "left")
        assert set(names.values()) == {"lo", "left", "right"}
        assert unit.snmpget(f"ifOperStatus.{index}", f"ifAdminStatus.{index}") == ["up", "up"]
        ip("link", "set", "left", "down")
        (down,) = until(lambda: about(trapd.traps(), LINK_DOWN, index), "linkDown")
        assert down[f"{IF_ENTRY}.7.{index}"] == "INTEGER: 2"
        assert down[f"{IF_ENTRY}.8.{index}"] == "INTEGER: 2"
        until(lambda: unit.snmpget(f"ifOperStatus.{index}") == ["down"], "reads down")
        assert unit.snmpget(f"ifLastChange.{index}") != ["0:0:00:00.00"]
        ip("link", "set", "left", "up")
        (up,) = until(lambda: about(trapd.traps(), LINK_UP, index), "linkUp")
        assert up[f"{IF_ENTRY}.8.{index}"] == "INTEGER: 1"
        done = unit.snmpset(f"ifLinkUpDownTrapEnable.{index}", "i", "disabled")
        assert done.returncode == 0, done.stderr
        before = len(trapd.traps())
        ip("link", "set", "left", "down")
        until(lambda: unit.snmpget(f"ifOperStatus.{index}") == ["down"], "reads down")
        ip("link", "delete", "left")
        until(lambda: unit.tool("snmpwalk", "-Oqv", unit.agent, "ifName")
              .stdout.split() == ["lo"], "both are gone")
        assert not [trap for trap in trapd.traps()[before:]
                    if trap.identity == LINK_DOWN
                    and about([trap], LINK_DOWN, index)]


@pytest.mark.skipif(not may_make_namespaces(), reason="this user may not make network namespaces")
def test_hundreds_of_interfaces_are_walked_and_watched_while_the_unit_serves(
    tmp_path: Path,
) -> None:
    with folder("many") as home, namespace():
        batch = tmp_path / "batch"
        batch.write_text("".join(
            f"link add a{number} type veth peer name b{number}\n" for number in range(100)))
        ip("-batch", str(batch))
        with UnitProcess(home, prefix=INSIDE) as unit:
            unit.beside = INSIDE
            done = unit.tool("snmpbulkwalk", "-Cr40", "-Oqv", unit.agent, "ifName")
            assert len(done.stdout.split()) == 203, done.stderr
            ip("link", "delete", "a8")
            until(lambda: "b8" not in unit.tool(
                "snmpbulkwalk", "-Cr40", "-Oqv", unit.agent, "ifName").stdout.split(), "b8 goes")
            assert unit.snmpget("ifNumber.0") == ["201"]
