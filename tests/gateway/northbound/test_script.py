"""Scripts as a door: which lines are one transaction, and what is said of the refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred

from mibagent.northbound import Session
from mibagent.store.access import Principal
from mibgateway.northbound.script import (
    MOST_IN_BLOCK,
    LineFailure,
    Report,
    ScriptRunner,
    Translator,
    lay_whole,
    said,
)
from mibgateway.northbound.script_grammar import (
    LIMIT_BYTES,
    LINE_LIMIT_BYTES,
    ScriptError,
    parse_script,
)
from tests.gateway.kit import LOCAL, USER, Bench, bench, model
from tests.gateway.tls.pki import chain_pem, issue

CA = issue("Test CA", ca=True)


def run(unit: Bench, text: str, principal: Principal = LOCAL) -> Report:
    runner = ScriptRunner(Session(unit.host, principal))
    return unit.result(ensureDeferred(runner.run(parse_script(text.encode()))))


def failures(report: Report) -> list[tuple[int, str]]:
    return [(each.line, each.why) for each in report.failures]


# -- lines


def test_each_line_stands_or_falls_alone(unit: Bench) -> None:
    report = run(unit, """
Hoc.SystemName="one"
Hoc.StaticTimeZone="nowhere"
Hoc.SystemLocation="cellar"   # the rest runs
SipEp.Nothing=1
""")
    assert unit.get("hocSystemName") == b"one"
    assert unit.get("hocSystemLocation") == b"cellar"
    assert [line for line, _ in failures(report)] == [3, 5]
    assert report.failures[0].why.startswith("Hoc.StaticTimeZone: ")
    assert (report.lines, report.result) == (4, "ExecutionFailed")
    assert str(report.failures[0]).startswith("line 3: Hoc.StaticTimeZone: ")


def test_a_script_that_goes_well_says_so(unit: Bench) -> None:
    report = run(unit, "hoc.systemname=x\nSipEp.TransportTlsVersion=TLSv1_3\n")
    assert (report.result, report.failures) == ("Success", [])
    assert unit.get("sipEpTransportTlsVersion") == 500


@pytest.mark.parametrize("value", ["TLSv1_2", "tlsv12", "400", "tlsV1.2"])
def test_labels_match_whatever_their_case_and_marks(unit: Bench, value: str) -> None:
    unit.set("sipEpTransportTlsVersion", 500)
    run(unit, f"SipEp.TransportTlsVersion={value}")
    assert unit.get("sipEpTransportTlsVersion") == 400


def test_an_empty_script_does_nothing_and_goes_well(unit: Bench) -> None:
    assert run(unit, "# nothing\n\n").result == "Success"


# -- transactions


def test_between_begin_and_commit_all_or_nothing(unit: Bench) -> None:
    report = run(unit, """begin
Hoc.SystemName="one"
SipEp.TransportFailbackInterval=4
commit
Hoc.SystemLocation=x
""")
    assert unit.get("hocSystemName") != b"one"
    assert unit.get("hocSystemLocation") == b"x"
    assert failures(report) == [(3, report.failures[0].why)]
    assert report.failures[0].why.startswith("SipEp.TransportFailbackInterval: ")


def test_a_block_that_a_check_refuses_is_told_under_its_line(unit: Bench) -> None:
    report = run(unit, """begin
Hoc.SystemName="one"
SipEp.TransportConfig[GatewayName=default].UdpEnable=enable
SipEp.TransportConfig[GatewayName=default].TlsEnable=enable
commit
""")
    ((line, why),) = failures(report)
    assert line == 4
    assert why.startswith("SipEp.TransportConfig[GatewayName=default].TlsEnable: ")
    assert unit.get("sipEpTransportConfigTlsEnable", (b"default",)) == 0


def test_a_job_does_not_stand_in_a_block(unit: Bench) -> None:
    report = run(unit, """begin
Hoc.SystemName="one"
Nlm.SendTestNotification Text="x"
commit
""")
    assert failures(report) == [(3, "a job does not stand between begin and commit")]
    assert unit.get("hocSystemName") != b"one"


def test_a_scalar_command_may_stand_in_a_block(unit: Bench) -> None:
    run(unit, """begin
SipEp.TransportTlsVersion=tlsv13
Scm.RestartRequiredServices
commit
""")
    unit.settle()
    assert unit.get("sipEpNeedRestartInfo") == 0


# -- rows


def test_a_cell_of_a_row_that_is_not_there_makes_it(unit: Bench) -> None:
    before = unit.store.tip.number
    run(unit, """
SipEp.Gateway[Name=trunk].Port=5070
SipEp.Gateway[Name=trunk].Domain="pbx.example.com"
""")
    assert unit.get("sipEpGatewayPort", (b"trunk",)) == 5070
    assert unit.get("sipEpGatewayDomain", (b"trunk",)) == b"pbx.example.com"
    assert unit.get("sipEpGatewayRowStatus", (b"trunk",)) == 1
    assert unit.store.tip.number == before + 1          # adjacent lines are one transaction


def test_a_companions_cell_makes_the_row_it_goes_with(unit: Bench) -> None:
    run(unit, "SipEp.TransportConfig[GatewayName=trunk].TcpEnable=enable\n")
    assert unit.get("sipEpGatewayRowStatus", (b"trunk",)) == 1
    assert unit.get("sipEpTransportConfigTcpEnable", (b"trunk",)) == 1


def test_adjacent_lines_about_one_row_fall_together(unit: Bench) -> None:
    report = run(unit, """
Nlm.Events[Index=9].Criteria="All"
Nlm.Events[Index=9].Action=LogLocally
Nlm.Events[Index=9].Criteria="nonsense"
""")
    assert len(report.failures) == 1
    assert (9,) not in unit.rows("nlmEventsTable")


def test_a_row_is_deleted(unit: Bench) -> None:
    run(unit, "SipEp.Gateway[Name=trunk].Port=5070")
    report = run(unit, "SipEp.Gateway[Name=trunk].Delete")
    assert report.result == "Success"
    assert (b"trunk",) not in unit.rows("sipEpGatewayTable")


def test_rows_that_only_the_unit_makes_are_not_made(unit: Bench) -> None:
    report = run(unit, "Cert.HostCertificateAssociation[FileName=x.pem].Sip=disable")
    assert report.result == "ExecutionFailed"
    assert unit.rows("certHostCertificatesInfoTable") == []


@pytest.mark.parametrize(("line", "why"), [
    ("SipEp.Gateway=1", "name a column of the row"),
    ("SipEp.Gateway.Delete", "name the row"),
    ("Hoc.SystemName.Delete", "only rows that are made can be deleted"),
    ("Scm.ServicesInfo[Name=Scm].Delete", "only rows that are made can be deleted"),
    ("SipEp.Gateway", "a table is not a command"),
    ("Hoc.SystemName", "not a command; to set it write = and a value"),
    ("SipEp.Reconnect Now=1", "the command takes no arguments"),
    ("Nlm.SendTestNotification Txt=x", "no argument Txt; it takes Text"),
    ("Hoc.SystemUptime=1", "read-only"),
])
def test_what_a_line_can_be_refused_for(unit: Bench, line: str, why: str) -> None:
    report = run(unit, line)
    assert len(report.failures) == 1
    assert why in report.failures[0].why


# -- commands


def test_a_command_of_a_row(unit: Bench) -> None:
    unit.texts()
    assert run(unit, "Scm.ServiceCommands[Name=SipEp].Restart").result == "Success"
    unit.settle()
    assert unit.texts("scmServiceStarted") == ["Service SipEp started."]


def test_a_job_is_run_and_waited_for(unit: Bench) -> None:
    unit.texts()
    assert run(unit, 'Nlm.SendTestNotification Text="can you hear"').result == "Success"
    assert unit.texts("nlmTest") == ["can you hear"]


def test_a_job_that_fails_is_a_line_that_fails(unit: Bench) -> None:
    report = run(unit, '\nCert.Import Type=Other FileName="x.pem" Path="/no/such/file"')
    assert failures(report) == [(2, "/no/such/file can't be read: No such file or directory")]


def test_only_the_console_may_name_any_path(unit: Bench, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(chain_pem(CA.certificate))
    line = f'Cert.Import Type=Other Path="{path}"'
    from mibagent.store.access import Rights
    away = Principal("eva", Rights.ADMIN, "cli", "192.0.2.1")
    assert "from a network" in run(unit, line, away).failures[0].why
    assert run(unit, line).result == "Success"


# -- rights


def test_a_script_may_what_its_asker_may(unit: Bench) -> None:
    report = run(unit, "Hoc.SystemName=x\nAaa.Users[UserName=eva].AccessRights=admin", USER)
    assert unit.get("hocSystemName") == b"x"
    assert [line for line, _ in failures(report)] == [2]
    assert unit.rows("aaaUsersTable") == []


def test_the_reactor_has_its_turn_between_commits(unit: Bench) -> None:
    seen: list[bytes] = []

    def look() -> None:
        seen.append(unit.get("hocSystemName"))
        if len(seen) < 50:
            unit.reactor.callLater(0, look)

    unit.reactor.callLater(0, look)
    run(unit, "Hoc.SystemName=one\nHoc.SystemName=two\n")
    assert list(dict.fromkeys(seen))[-2:] == [b"one", b"two"]


# -- given as octets


def text_runner(unit: Bench, octets: bytes, **given: Any) -> tuple[ScriptRunner, Deferred[Report]]:
    runner = ScriptRunner(Session(unit.host, LOCAL), **given)
    return runner, ensureDeferred(runner.run_text(octets))


@pytest.mark.parametrize("broken", [
    b"?", b"Hoc.SystemName=\0", b"Hoc.SystemName=\xff", b"#" + b"x" * LINE_LIMIT_BYTES,
    b"A.B=1\n" * (LIMIT_BYTES // 6), b"commit", b"begin",
    b"begin\n" + b"A.B=1\n" * (MOST_IN_BLOCK + 1) + b"commit\n",
])
def test_octets_are_read_to_their_end_before_a_line_runs(unit: Bench, broken: bytes) -> None:
    _, told = text_runner(unit, b"Hoc.SystemName=one\n" + broken)
    refusals: list[Any] = []
    told.addErrback(lambda failure: refusals.append(failure.value))
    unit.settle()
    (refusal,) = refusals
    assert isinstance(refusal, ScriptError) and refusal.line > 1
    assert unit.get("hocSystemName") != b"one"


def test_the_reactor_has_many_turns_while_a_long_script_is_read(unit: Bench) -> None:
    line = b"#" + b"x" * 60_000 + b"\n"
    _, told = text_runner(unit, b"Hoc.SystemName=one\n" + line * 100 + b"Hoc.SystemLocation=two\n")
    turns: list[None] = []

    def turn() -> None:
        turns.append(None)
        if not told.called:
            unit.reactor.callLater(0, turn)

    turn()
    unit.settle()
    assert len(turns) > 100
    assert unit.result(told).lines == 2
    assert unit.get("hocSystemLocation") == b"two"


def test_of_many_failures_the_first_are_kept_and_all_counted(unit: Bench) -> None:
    _, told = text_runner(unit, b"Hoc.Nothing=1\n" * 30, most_kept=20)
    report = unit.result(told)
    assert [each.line for each in report.failures] == list(range(1, 21))
    assert (report.lines, report.refused, report.result) == (30, 30, "ExecutionFailed")


def test_a_run_can_be_ended_between_two_lines(unit: Bench) -> None:
    runner, told = text_runner(unit, b"Hoc.SystemName=one\nHoc.SystemName=two\n\n")

    def stop_after_the_first() -> None:
        if unit.get("hocSystemName") == b"one":
            runner.stop()
        else:
            unit.reactor.callLater(0, stop_after_the_first)

    stop_after_the_first()
    assert unit.result(told).lines == 1
    assert (runner.line, runner.is_through) == (1, False)
    runner, told = text_runner(unit, b"Hoc.SystemName=two")
    assert unit.result(told).lines == 1
    assert (runner.line, runner.is_through) == (1, True)


# -- at a start


def whole(unit: Bench, text: str) -> None:
    with unit.store.begin(LOCAL) as transaction:
        lay_whole(unit.host, transaction, parse_script(text.encode()))
        transaction.prepare()
        unit.result(maybeDeferred(transaction.commit))  # type: ignore[arg-type]


def test_at_a_start_all_of_it_is_one_transaction(unit: Bench) -> None:
    before = unit.store.tip.number
    whole(unit, "Hoc.SystemName=x\nbegin\nHoc.SystemLocation=y\ncommit\n"
                "SipEp.Gateway[Name=trunk].Port=5070\n")
    assert unit.store.tip.number == before + 1
    assert unit.get("sipEpGatewayPort", (b"trunk",)) == 5070


@pytest.mark.parametrize(("line", "why"), [
    ("Hoc.Nothing=1", "Hoc.Nothing"), ("SipEp.TransportFailbackInterval=4", "5..3600"),
    ("SipEp.Reconnect", "can't command what has not started"),
    ("Nlm.SendTestNotification Text=x", "needs a running unit"),
    ('Cert.Import Type=Other FileName=x Path="/no/such/file"', "No such file"),
    ("Hoc.SystemUptime=1", "read-only")])
def test_at_a_start_a_refused_line_is_named(unit: Bench, line: str, why: str) -> None:
    with pytest.raises(ScriptError, match=why) as refused:
        whole(unit, f"Hoc.SystemName=x\n{line}\nHoc.SystemLocation=y\n")
    assert refused.value.line == 2
    assert unit.get("hocSystemName") != b"x"


def test_restarts_have_nothing_to_do_at_a_start(unit: Bench) -> None:
    whole(unit, "SipEp.TransportTlsVersion=tlsv13\nScm.RestartRequiredServices\n"
                "Scm.ServiceCommands[Name=SipEp].Restart\n")
    unit.settle()
    assert unit.get("sipEpNeedRestartInfo") == 100


def test_an_import_is_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(chain_pem(CA.certificate))
    with bench(tmp_path / "state") as unit:
        whole(unit, f'Cert.Import Type=Other FileName="lab" Path="{path}"\n'
                    'SipEp.DefaultStaticProxyOutboundHost="192.0.2.1"\n')
        assert [each.name for each in unit.unit.vault.authorities()] == ["lab"]


def test_a_cell_that_follows_an_import_finds_the_row(tmp_path: Path, unit: Bench) -> None:
    path = tmp_path / "unit.pem"
    path.write_bytes(issue("unit", by=CA, number=1).pem())
    whole(unit, f'Cert.Import Type=Host FileName="unit" Path="{path}"\n'
                "Cert.HostCertificateAssociation[FileName=unit].Sip=disable\n")
    assert unit.get("certHostCertificateAssociationSip", (b"unit",)) == 0


# -- words


def test_a_refusal_is_said_by_path(unit: Bench) -> None:
    from mibagent.errors import WrongValue
    refusal = WrongValue("sipEpGatewayPort", "too high", (b"default",))
    assert said(model(), refusal) == "SipEp.Gateway[Name=default].Port: too high"
    assert said(model(), WrongValue("nobody's", "why")) == "nobody's: why"
    assert said(model(), WrongValue("hocSystemName")) == "Hoc.SystemName"


def test_a_translator_needs_the_model_alone() -> None:
    (statement,) = parse_script(b"Hoc.SystemName=x")
    step = Translator(model()).step(statement)  # type: ignore[arg-type]
    assert [(wish.name, wish.value) for wish in step.wishes] == [("hocSystemName", b"x")]
    assert str(LineFailure(3, "why")) == "line 3: why"
