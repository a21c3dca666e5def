"""The command: what it asks of whom, and its exit status."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conformance.fault_agent import FaultAgent
from tools.conformance.__main__ import main
from tools.conformance.credentials import BadCredentials, read

COMMUNITY = {"MIBGATE_CONFORMANCE_COMMUNITY": "public"}
QUICK = ("--no-managers", "--only", "get-*", "--wait", "5")


@contextmanager
def served(fault: str = "") -> Iterator[str]:
    """Give the address of an agent on loopback."""
    agent = FaultAgent(fault)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        host, port = listening.getsockname()

        def answer_all() -> None:
            while True:
                octets, peer = listening.recvfrom(65535)
                if not octets:
                    return
                answer = agent.answer(octets)
                if answer is not None:
                    listening.sendto(answer, peer)

        thread = threading.Thread(target=answer_all)
        thread.start()
        try:
            yield f"{host}:{port}"
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", (host, port))
            thread.join()


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMMUNITY.items():
        monkeypatch.setenv(name, value)


def test_an_agent_without_fault_is_passed(capsys: pytest.CaptureFixture[str]) -> None:
    with served() as target:
        assert main(["--target", target, *QUICK]) == 0
    assert " 0 fail" in capsys.readouterr().out


def test_a_fault_is_told_and_is_the_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, junit = tmp_path / "json", tmp_path / "xml"
    with served("get-wants-null") as target:
        assert main(["--target", target, *QUICK, "--json", str(found), "--junit", str(junit)]) == 1
        assert "get-looks-at-no-values" in capsys.readouterr().out
        assert main(["--target", target, *QUICK, "--baseline", str(found)]) == 0
        assert "known" in capsys.readouterr().out
    failed = [each["name"] for each in json.loads(found.read_text())["results"]
              if each["verdict"] == "fail"]
    assert failed == ["get-looks-at-no-values"]
    assert ElementTree.parse(junit).getroot().get("failures") == "1"


def test_nothing_is_set_unless_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    with served("reader-writes") as target:
        assert main(["--target", target, "--no-managers", "--only", "*set*"]) == 0
        told = capsys.readouterr().out
    assert "--allow-set" in told
    assert " 0 fail" in told


def test_silence_at_the_start_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        assert main(["--target", f"127.0.0.1:{mute.getsockname()[1]}", "--wait", "0.05"]) == 2
    assert "no answer" in capsys.readouterr().err


def test_checks_are_listed_with_their_clauses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "get-of-no-object\tRFC 3416 4.2.1\t" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "why"), [
    ("comunity = 'x'", "there is no comunity"),
    ("community = 7", "can't be 7"),
    ("v1 = 'no'", "v1 can't be 'no'"),
    ("[user.boss]\nname = 'x'", "roles are"),
    ("[user.main]\nname = 'x'\nauth = 'SHA-3'", "SHA-3 is none of"),
    ("[user.main]\nnome = 'x'", "nome"),
    ("[user.main]\nauth = 'SHA'", "no name"),
    ("user.main = 3", "no table"),
    ("[user.limited]\nname = 'x'\noutside = 'a.b'", "no OID"),
    ("= =", "credentials"),
])
def test_credentials_that_cannot_be_used_are_named(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadCredentials, match="credentials") as refused:
        read(path, {})
    assert why in str(refused.value)


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("community = 'file'\nwrite_community = 'kept'\n", encoding="utf-8")
    found = read(path, {"MIBGATE_CONFORMANCE_COMMUNITY": "environment"})
    assert (found.community, found.write_community) == ("environment", "kept")


@pytest.mark.parametrize("target", ["127.0.0.1:x", "127.0.0.1:0", "no-such-host.invalid:161"])
def test_a_target_that_is_none_is_named(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", target]) == 2
    assert target.split(":")[0] in capsys.readouterr().err
