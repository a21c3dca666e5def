"""The console: a script up to the end of the stream, a report back."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from mibagent.service.jobs import Job
from mibgateway.errors import StartError
from mibgateway.northbound.script import LineFailure, Report
from mibgateway.northbound.script_grammar import LIMIT_BYTES
from mibgateway.northbound.shell import (
    MOST_CALLERS,
    TELL_AT_LEAST_S,
    TELL_EVERY_S,
    Teller,
    ask_console,
    open_console,
    report_as_json,
)
from tests.gateway.kit import Bench


def call(unit: Bench) -> tuple[Any, StringTransport]:
    open_console(unit.reactor, unit.host, Path("console"))
    port = next(port for port in unit.reactor.ports if port.kind == "unix")
    protocol = port.given.buildProtocol(None)
    wire = StringTransport()
    protocol.makeConnection(wire)
    return protocol, wire


def answer(unit: Bench, octets: bytes) -> dict[str, Any]:
    protocol, wire = call(unit)
    for at in range(0, len(octets), 7):
        protocol.dataReceived(octets[at:at + 7])
    protocol.readConnectionLost()
    unit.settle()
    unit.settle()
    assert wire.disconnecting
    found: dict[str, Any] = json.loads(wire.value())
    return found


def test_a_script_gets_its_report(unit: Bench) -> None:
    found = answer(unit, b"Hoc.SystemName=one\nHoc.Nothing=1\n")
    assert (found["result"], found["lines"]) == ("ExecutionFailed", 2)
    assert [each["line"] for each in found["failures"]] == [2]
    assert unit.get("hocSystemName") == b"one"


def test_whoever_opens_it_is_an_admin_and_local(unit: Bench) -> None:
    assert answer(unit, b"Aaa.Users[UserName=eva].AccessRights=admin\n")["result"] == "Success"
    line = unit.store.audit(1)[0]
    assert (line.principal, line.northbound) == ("console", "console")


def test_a_syntax_error_runs_nothing_and_names_its_line(unit: Bench) -> None:
    found = answer(unit, b"Hoc.SystemName=one\n???\n")
    assert (found["result"], found["lines"]) == ("ExecutionFailed", 0)
    assert [each["line"] for each in found["failures"]] == [2]
    assert unit.get("hocSystemName") != b"one"


def test_octets_that_are_no_text_are_a_refusal_too(unit: Bench) -> None:
    assert answer(unit, b"Hoc.SystemName=\xff\xfe\n")["result"] == "ExecutionFailed"


def test_nothing_is_a_script_too(unit: Bench) -> None:
    assert answer(unit, b"")["result"] == "Success"


def test_a_flood_is_cut_off(unit: Bench) -> None:
    protocol, wire = call(unit)
    protocol.dataReceived(b"#" * (LIMIT_BYTES + 2))
    assert wire.disconnecting


def test_a_caller_who_hangs_up_does_not_stop_the_script(unit: Bench) -> None:
    protocol, _ = call(unit)
    protocol.dataReceived(b"Hoc.SystemName=one\n")
    protocol.readConnectionLost()
    protocol.writeConnectionLost()
    protocol.transport = None
    unit.settle()
    assert unit.get("hocSystemName") == b"one"


def test_callers_are_bounded(unit: Bench) -> None:
    open_console(unit.reactor, unit.host, Path("console"))
    port = next(port for port in unit.reactor.ports if port.kind == "unix")
    wires = []
    protocols = []
    for _ in range(MOST_CALLERS + 1):
        protocol = port.given.buildProtocol(None)
        wires.append(StringTransport())
        protocol.makeConnection(wires[-1])
        protocols.append(protocol)
    assert [wire.disconnecting for wire in wires] == [False] * MOST_CALLERS + [True]
    for protocol in protocols:
        protocol.connectionLost()
    assert port.given.callers == 0


def test_a_socket_name_that_the_kernel_does_not_take_is_no_console(unit: Bench) -> None:
    assert open_console(unit.reactor, unit.host, Path("/" + "x" * 120)) is None


def test_a_socket_that_a_dead_process_left_is_replaced(unit: Bench, tmp_path: Path) -> None:
    path = tmp_path / "console"
    path.write_text("")
    open_console(unit.reactor, unit.host, path)
    assert not path.exists()


def test_a_report_as_it_is_sent() -> None:
    report = Report(3, [LineFailure(2, "why")], ["said"])
    assert json.loads(report_as_json(report)) == {
        "result": "ExecutionFailed", "lines": 3, "answers": ["said"],
        "failures": [{"line": 2, "why": "why"}]}


def test_who_waits_is_told_as_a_job_moves_and_now_and_then_when_it_does_not(
    unit: Bench,
) -> None:
    lines: list[bytes] = []
    teller, job = Teller(unit.reactor, lines.append), Job(1, None)

    def told() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in lines]
        lines.clear()
        return found

    teller.follow("File.DownloadFile", job)
    unit.wait(TELL_EVERY_S)
    assert told() == []
    job.progress(percent=40, octets=4000)
    unit.wait(TELL_EVERY_S)
    unit.wait(TELL_EVERY_S)
    assert told() == [{"job": "File.DownloadFile", "percent": 40, "octets": 4000}]
    unit.wait(TELL_AT_LEAST_S)
    assert len(told()) == 1
    teller.stop()
    job.progress(percent=60)
    unit.wait(TELL_AT_LEAST_S)
    assert told() == []


# -- asking


def serve(path: Path, reply: bytes, reads: bool = True) -> threading.Thread:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def run() -> None:
        with listening, listening.accept()[0] as link:
            while reads and link.recv(4096):
                pass
            link.sendall(reply)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_asking_gives_the_report(tmp_path: Path) -> None:
    thread = serve(tmp_path / "console", report_as_json(Report(1)))
    found = ask_console(tmp_path / "console", b"Hoc.SystemName=x\n")
    thread.join()
    assert found is not None
    assert found["result"] == "Success"


def test_progress_is_told_before_the_report(tmp_path: Path) -> None:
    thread = serve(tmp_path / "console", b'{"job": "x", "percent": 1}\n{"job": "x"}\n'
                   + report_as_json(Report(1)))
    moved: list[dict[str, Any]] = []
    found = ask_console(tmp_path / "console", b"x", moved=moved.append)
    thread.join()
    assert found is not None and found["lines"] == 1
    assert moved == [{"job": "x", "percent": 1}, {"job": "x"}]


def test_where_nobody_listens_there_is_no_unit(tmp_path: Path) -> None:
    assert ask_console(tmp_path / "console", b"") is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "console"))
    assert ask_console(tmp_path / "console", b"") is None


@pytest.mark.parametrize("reply", [b"", b"{", b"Traceback"])
def test_a_unit_that_hangs_up_is_one_line(tmp_path: Path, reply: bytes) -> None:
    thread = serve(tmp_path / "console", reply)
    with pytest.raises(StartError, match="gave no report of the script"):
        ask_console(tmp_path / "console", b"x")
    thread.join()


def test_a_unit_that_says_nothing_is_one_line(tmp_path: Path) -> None:
    thread = serve(tmp_path / "console", b"", reads=False)
    thread.join(0)
    with pytest.raises(StartError, match="gave no report"):
        ask_console(tmp_path / "console", b"x" * 5_000_000, timeout_s=0.5)
    thread.join()
