"""The command line: what it asks of whom, and one line for what goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mibgateway.cli import checked_address, checked_identity, default_state, mibgate
from mibgateway.errors import StartError
from tests.structure.tree import ROOT

UNIT: list[dict[str, Any]] = []


def ask(*words: str, text: str = "") -> Result:
    return CliRunner().invoke(mibgate, list(words), input=text)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bytes]]:
    """A running unit that notes the scripts it is given, and what it answers."""
    asked: list[tuple[Path, bytes]] = []
    UNIT[:] = [{"result": "Success", "lines": 1, "failures": [], "answers": []}]

    def ask_console(path: Path, octets: bytes, **_: object) -> dict[str, Any]:
        asked.append((path, octets))
        return UNIT[0]

    monkeypatch.setattr("mibgateway.northbound.shell.ask_console", ask_console)
    return asked


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Units that would have been run."""
    given: list[Any] = []

    def run_order(order: Any, then: Any = None) -> int:
        given.append(order)
        return 0

    monkeypatch.setattr("mibgateway.main.run_order", run_order)
    return given


# -- run


def test_run_hands_its_options_on(orders: list[Any], tmp_path: Path) -> None:
    found = ask("run", "--state", str(tmp_path), "--script", "s", "--listen", "::1",
                "--mibs", "a", "--mibs", "b", "--unprivileged", "--profile", "p",
                "--serial", "0123456789ab", "--mac", "00-00-5e-00-53-0f", "--oui", "00005e",
                "--product", "lamp")
    assert found.exit_code == 0, found.output
    (order,) = orders
    assert (order.state, order.script, order.listen, order.mibs, order.unprivileged,
            order.profile) == (tmp_path, Path("s"), "::1", (Path("a"), Path("b")), True, Path("p"))
    assert order.identity == {"serial": "0123456789AB", "mac": "00:00:5E:00:53:0F",
                              "oui": "00005E", "product": "lamp"}


def test_run_without_options_is_on_loopback(orders: list[Any]) -> None:
    assert ask("run").exit_code == 0
    (order,) = orders
    assert (order.listen, order.unprivileged, order.script, order.identity) == (
        "127.0.0.1", False, None, {"serial": "", "mac": "", "oui": "", "product": ""})
    assert order.state == default_state()


def test_the_state_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state() == tmp_path / "mibgate"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_state() == tmp_path / ".local" / "state" / "mibgate"


@pytest.mark.parametrize(("words", "why"), [
    (("--listen", "localhost"), "an IPv4 or IPv6 address is wanted"),
    (("--serial", "12"), "12 hexadecimal digits"), (("--mac", "00:00"), "12 hexadecimal digits"),
    (("--oui", "xyzxyz"), "6 hexadecimal digits"), (("--product", "a\tb"), "printable"),
    (("--product", "x" * 65), "at most 64")])
def test_a_bad_option_is_one_line_and_status_1(
    orders: list[Any], words: tuple[str, ...], why: str
) -> None:
    found = ask("run", *words)
    assert found.exit_code == 1
    assert found.output.startswith("mibgate: ")
    assert why in found.output
    assert found.output.count("\n") == 1
    assert orders == []


def test_what_is_not_given_stays_open() -> None:
    assert checked_identity("", "", "", "") == {"serial": "", "mac": "", "oui": "", "product": ""}
    for address in ("127.0.0.1", "::", "2001:db8::1"):
        checked_address(address)
    with pytest.raises(StartError):
        checked_address("")


# -- script, passwd, cert


def test_a_script_goes_to_the_unit_that_runs(
    console: list[tuple[Path, bytes]], tmp_path: Path
) -> None:
    file = tmp_path / "s"
    file.write_bytes(b"Hoc.SystemName=x\n")
    found = ask("script", "--state", str(tmp_path), str(file))
    assert console == [(tmp_path / "console", b"Hoc.SystemName=x\n")]
    assert (found.exit_code, found.output) == (0, "Success: 1 lines, 0 refused\n")


def test_refused_lines_are_told_and_are_status_1(
    console: list[tuple[Path, bytes]], tmp_path: Path
) -> None:
    UNIT[0] = {"result": "ExecutionFailed", "lines": 2, "answers": ["said"],
               "failures": [{"line": 2, "why": "Hoc.X: no such object"}]}
    found = ask("script", "--state", str(tmp_path), "-", text="x")
    assert found.exit_code == 1
    assert found.output.splitlines() == [
        "said", "mibgate: line 2: Hoc.X: no such object", "ExecutionFailed: 2 lines, 1 refused"]


def test_a_password_comes_from_standard_input_and_is_quoted(
    console: list[tuple[Path, bytes]], tmp_path: Path
) -> None:
    (tmp_path / "unit.db").touch()
    found = ask("passwd", "--state", str(tmp_path), "eva", text='a "b" \\c d\n')
    assert found.exit_code == 0, found.output
    assert console[0][1] == b'Aaa.Users[UserName="eva"].Password="a \\"b\\" \\\\c d"\n'
    assert "a \"b\"" not in found.output


def test_a_short_password_is_warned_of_and_an_empty_one_refused(
    console: list[tuple[Path, bytes]], tmp_path: Path
) -> None:
    (tmp_path / "unit.db").touch()
    assert "SNMPv3 makes no keys" in ask(
        "passwd", "--state", str(tmp_path), text="1234567\n").output
    console.clear()
    found = ask("passwd", "--state", str(tmp_path), text="\n")
    assert (found.exit_code, console) == (1, [])
    assert "nothing was changed" in found.output


def test_where_no_unit_is_no_password_is_asked_for(tmp_path: Path) -> None:
    found = ask("passwd", "--state", str(tmp_path), text="")
    assert (found.exit_code, found.output) == (
        1, f"mibgate: {tmp_path} is no state of a unit\n")


def test_a_certificate_is_named_after_its_file(
    console: list[tuple[Path, bytes]], tmp_path: Path
) -> None:
    file = tmp_path / "my ca.pem"
    file.write_bytes(b"x")
    found = ask("cert", "import", "--state", str(tmp_path), str(file))
    assert found.exit_code == 0
    assert found.output == "my ca.pem installed\n"
    assert console[0][1] == \
        f'Cert.Import Type=other FileName="my ca.pem" Path="{file}"'.encode()
    ask("cert", "import", "--state", str(tmp_path), "--type", "host", "--name", "n", str(file))
    assert b"Type=host FileName=\"n\"" in console[1][1]


def test_a_certificate_that_is_refused(
    console: list[tuple[Path, bytes]], tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(b"x")
    UNIT[0] = {"result": "ExecutionFailed", "lines": 1, "answers": [],
               "failures": [{"line": 1, "why": "no certificate in it"}]}
    found = ask("cert", "import", "--state", str(tmp_path), str(file))
    assert (found.exit_code, found.output) == (1, "mibgate: no certificate in it\n")


def test_without_a_running_unit_the_state_itself_is_changed(
    orders: list[Any], tmp_path: Path
) -> None:
    found = ask("script", "--state", str(tmp_path), "-", text="Hoc.SystemName=x\n")
    assert found.exit_code == 0
    (order,) = orders
    assert (order.state, len(order.statements)) == (tmp_path, 1)
    found = ask("script", "--state", str(tmp_path), "-", text="\n???\n")
    assert (found.exit_code, len(orders)) == (1, 1)
    assert found.output.startswith("mibgate: line 2: ")


# -- MIBs


def test_a_sound_mib_is_found_sound() -> None:
    found = ask("mib", "check", str(ROOT / "mibs" / "MIBGATE-HOC-MIB.mib"))
    assert (found.exit_code, found.output) == (0, "1 file: nothing is wrong\n")


def test_a_broken_one_is_told_by_file_object_and_reason() -> None:
    broken = ROOT / "tests/agent/model/broken/CROW-DEFVAL-RANGE-MIB.mib"
    found = ask("mib", "check", str(broken))
    assert found.exit_code == 1
    assert "CROW-DEFVAL-RANGE-MIB.mib" in found.output


def test_the_tree_has_every_service() -> None:
    found = ask("mib", "tree")
    assert found.exit_code == 0
    for name in ("mibgateScm", "sipEpTransportTlsVersion", "sysDescr"):
        assert name in found.output


def test_the_path_is_what_net_snmp_takes() -> None:
    folders = ask("mib", "path").output.strip().split(":")
    assert all(Path(folder).is_dir() for folder in folders)
    assert any((Path(folder) / "SNMPv2-MIB.mib").exists() for folder in folders)
    assert any((Path(folder) / "MIBGATE-SMI-MIB.mib").exists() for folder in folders)


def test_a_name_has_its_spellings() -> None:
    found = ask("name", "sipep.transporttlsversion")
    assert found.exit_code == 0
    assert "descriptor  MIBGATE-SIPEP-MIB::sipEpTransportTlsVersion\n" in found.output


def test_mib_copy_says_what_it_did_and_what_it_will_not_do(tmp_path: Path) -> None:
    first = ask("mib", "copy", str(tmp_path))
    assert first.exit_code == 0 and first.output.endswith("written, 0 there already\n")
    (tmp_path / "SNMPv2-MIB.mib").write_text("mine")
    again = ask("mib", "copy", str(tmp_path))
    assert (again.exit_code, again.output.count("\n")) == (1, 1) and "--force" in again.output
    assert "1 written" in ask("mib", "copy", str(tmp_path), "--force").output
    missing = ask("mib", "copy", str(tmp_path), "--mibs", str(tmp_path / "none"))
    assert missing.output == f"mibgate: --mibs {tmp_path / 'none'}: there is no such folder\n"


@pytest.mark.parametrize("words", [("name", "SipEp.Nothing"), ("mib", "tree", "--mibs", "/none")])
def test_what_is_not_there_is_one_line(words: tuple[str, ...]) -> None:
    found = ask(*words)
    assert (found.exit_code, found.output[:9], found.output.count("\n")) == (1, "mibgate: ", 1)


# -- the whole


@pytest.mark.parametrize("words", [
    ("--help",), ("run", "--help"), ("demo", "--help"), ("script", "-h"), ("passwd", "-h"),
    ("cert", "import", "-h"), ("mib", "-h"), ("name", "-h")])
def test_help_is_there(words: tuple[str, ...]) -> None:
    found = ask(*words)
    assert found.exit_code == 0
    assert found.output.startswith("Usage: ")


def test_help_loads_neither_reactor_nor_unit() -> None:
    code = ("import sys, runpy; sys.argv = ['mibgate', '--help']\n"
            "try: runpy.run_module('mibgateway', run_name='__main__')\n"
            "except SystemExit: pass\n"
            "import json; print(json.dumps(sorted(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": f"{ROOT / 'agent'}:{ROOT / 'gateway'}"}, timeout=60)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {"twisted.internet.reactor", "twisted.internet", "pysmi",
                         "mibgateway.unit", "mibgateway.main", "cryptography"}


def test_nothing_of_this_is_left_running() -> None:
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("journal")]
