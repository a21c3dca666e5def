"""Conf: which scripts are fetched, when, with whose rights they run, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from mibagent.errors import InconsistentValue, NoAccess, WrongValue
from mibagent.service.jobs import JobResult
from mibagent.store.access import Principal
from mibgateway.main import SERVICES
from mibgateway.northbound.script_grammar import LIMIT_BYTES, LINE_LIMIT_BYTES
from mibgateway.services.conf import AFTER_START_S
from mibgateway.services.conf_rows import TransferResult, TransferState
from mibgateway.tls.policy import Floor, Level, SuiteSet, TlsPolicy, Trust
from mibgateway.transfer.schedule import RETRY_S
from mibgateway.transfer.terms import Credentials, Done, TransferError
from mibgateway.transfer.url import Url
from tests.gateway.kit import ADMIN, LOCAL, USER, Bench, bench

SERVER = "https://conf.example.com"
RUN = "confScriptTransferAndRunTable"
STATS = "confScriptsStats"
PASSES = TransferError("it cannot be reached", may_retry=True)
STAYS = TransferError("the server answers 404 Not Found")


class Servers:
    """What lies where, in place of transfers, and who asked for it."""

    def __init__(self, unit: Bench) -> None:
        self.files: dict[str, bytes | TransferError | Deferred[bytes]] = {}
        self.asked: list[str] = []
        self.policies: list[TlsPolicy] = []
        self.credentials: list[Credentials | None] = []
        unit.unit.transfers = self.lend  # type: ignore[method-assign,assignment]

    def lend(self, column: str) -> Servers:
        assert column == "certHostCertificateAssociationConf"
        return self

    async def download(
        self, url: Url, to: Path, *, policy: TlsPolicy, most_octets: int,
        credentials: Credentials | None, progress: Callable[[int, int | None], None],
    ) -> Done:
        assert most_octets == LIMIT_BYTES
        self.asked.append(url.shown)
        self.policies.append(policy)
        self.credentials.append(credentials)
        found = self.files.get(url.shown, STAYS)
        if isinstance(found, TransferError):
            raise found
        octets = await found if isinstance(found, Deferred) else found
        progress(len(octets) // 2, len(octets))
        to.write_bytes(octets)
        return Done(len(octets), "")

    def asked_now(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture
def servers(unit: Bench) -> Servers:
    return Servers(unit)


def configure(unit: Bench, **given: Any) -> None:
    """Set parameters of Conf, the generic script on SERVER unless told otherwise."""
    usual = {"confScriptGenericFileName": b"all.cfg",
             "confScriptsTransferSrvHostname": b"conf.example.com"}
    unit.change(*((name, (), value) for name, value in {**usual, **given}.items()))


def order(unit: Bench, principal: Principal = ADMIN) -> None:
    unit.set("confConfiguredScriptsTransferAndRun", 10, principal=principal)
    unit.settle()


def fetch(unit: Bench, url: str, principal: Principal = ADMIN) -> Any:
    return unit.run(RUN, {"confScriptTransferAndRunUrl": url.encode()}, principal)


def result(unit: Bench) -> TransferResult:
    return TransferResult(unit.get(STATS + "LastTransferResult"))


def errors(unit: Bench) -> list[str]:
    return str(unit.get(STATS + "LastErrors"), "utf-8").splitlines()


def name(unit: Bench) -> str:
    return str(unit.get("hocSystemName"), "utf-8")


def location(unit: Bench) -> str:
    return str(unit.get("hocSystemLocation"), "utf-8")


# -- which, and from where


def test_the_generic_script_is_run_and_then_the_specific_one(
    unit: Bench, servers: Servers
) -> None:
    servers.files = {SERVER + "/all.cfg": b"Hoc.SystemName=all\nHoc.SystemLocation=cellar\n",
                     SERVER + "/one.cfg": b"Hoc.SystemName=one\n"}
    configure(unit, confScriptSpecificFileName=b"one.cfg")
    order(unit)
    assert servers.asked == [SERVER + "/all.cfg", SERVER + "/one.cfg"]
    assert (name(unit), location(unit)) == ("one", "cellar")
    assert (result(unit), errors(unit)) == (TransferResult.SUCCESS, [])
    assert unit.texts("confTransferDone", "confScriptRun") == [
        f"The transfer of {SERVER}/all.cfg is done: 45 octets.",
        "The script all.cfg has run: 2 lines, of which 0 were refused.",
        f"The transfer of {SERVER}/one.cfg is done: 19 octets.",
        "The script one.cfg has run: 1 lines, of which 0 were refused."]


def test_macros_stand_in_names_and_location(unit: Bench, servers: Servers) -> None:
    configure(unit, confScriptGenericFileName=b"%product%#1.cfg",
              confScriptSpecificFileName=b"%mac%.cfg", confScriptsLocation=b"/units/%serial%/")
    order(unit)
    identity = unit.unit.identity
    folder = f"{SERVER}/units/{identity.serial}"
    assert servers.asked == [f"{folder}/mibgate%231.cfg",
                             f"{folder}/{identity.mac.replace(':', '')}.cfg"]


def test_a_macro_that_is_not_known_is_a_failed_transfer(unit: Bench, servers: Servers) -> None:
    configure(unit, confScriptGenericFileName=b"%colour%")
    order(unit)
    assert result(unit) is TransferResult.TRANSFER_FAILED
    assert "no macro %colour%" in errors(unit)[0]


@pytest.mark.parametrize(("protocol", "host", "asked"), [
    (100, b"conf.example.com", "http://conf.example.com/all.cfg"),
    (200, b"192.0.2.7:8443", "https://192.0.2.7:8443/all.cfg"),
    (200, b"2001:db8::7", "https://[2001:db8::7]/all.cfg"),
])
def test_protocol_and_server_are_the_parameters(
    unit: Bench, servers: Servers, protocol: int, host: bytes, asked: str
) -> None:
    configure(unit, confScriptsTransferProtocol=protocol, confScriptsTransferSrvHostname=host)
    order(unit)
    assert servers.asked == [asked]


def test_without_a_server_nobody_is_asked(unit: Bench, servers: Servers) -> None:
    configure(unit, confScriptsTransferSrvHostname=b"")
    order(unit)
    assert servers.asked == []
    assert errors(unit) == ["generic: Conf.ScriptsTransferSrvHostname names no server"]


def test_the_server_is_judged_by_the_parameters(unit: Bench, servers: Servers) -> None:
    configure(unit)
    order(unit)
    assert servers.policies == [TlsPolicy(use="Script transfer")]
    configure(unit, confScriptsTransferCertificateValidation=100, confScriptsTransferTlsVersion=500,
              confScriptsTransferCertificateTrustLevel=300, confScriptsTransferCipherSuite=300)
    order(unit)
    assert servers.policies[1] == TlsPolicy(
        SuiteSet.CS3, Floor.TLSV1_3, Level.NO_VALIDATION, trust=Trust.OCSP_MANDATORY,
        use="Script transfer")


def test_credentials_are_for_the_configured_server_alone(unit: Bench, servers: Servers) -> None:
    configure(unit, confScriptsTransferUsername=b"unit", confScriptsTransferPassword=b"sesame")
    order(unit)
    fetch(unit, SERVER + "/other.cfg", USER)
    fetch(unit, "https://elsewhere.example.com/other.cfg", USER)
    fetch(unit, "https://conf.example.com:8443/other.cfg", USER)
    ours = Credentials("unit", "sesame")
    assert servers.credentials == [ours, ours, None, None]
    assert unit.get("confScriptsTransferPassword") == b""


def test_credentials_are_told_in_the_normal_way(unit: Bench, servers: Servers) -> None:
    unit.set("confScriptsTransferHttpAuthenticationMethod", 100)
    with pytest.raises(WrongValue):
        unit.set("confScriptsTransferHttpAuthenticationMethod", 200)


# -- rights


ADMINS = [
    ("confScriptGenericFileName", b"x"), ("confScriptSpecificFileName", b"x"),
    ("confScriptsLocation", b"x"),
    ("confScriptsTransferProtocol", 100), ("confScriptsTransferUsername", b"x"),
    ("confScriptsTransferPassword", b"x"), ("confScriptsTransferSrvHostname", b"x"),
    ("confScriptsTransferCertificateValidation", 100),
    ("confScriptsTransferCertificateTrustLevel", 300), ("confScriptsTransferCipherSuite", 100),
    ("confScriptsTransferTlsVersion", 100), ("confScriptsTransferHttpAuthenticationMethod", 100),
]
MAKES_AN_ADMIN = b"Hoc.SystemName=done\nAaa.Users[UserName=eve].AccessRights=admin\n"


@pytest.mark.parametrize(("parameter", "value"), ADMINS)
def test_only_an_admin_says_which_scripts_run_as_admin(
    unit: Bench, parameter: str, value: Any
) -> None:
    with pytest.raises(NoAccess):
        unit.set(parameter, value, principal=USER)


def test_a_configured_script_has_an_admins_rights_whoever_orders_it(
    unit: Bench, servers: Servers
) -> None:
    servers.files[SERVER + "/all.cfg"] = MAKES_AN_ADMIN
    configure(unit)
    order(unit, USER)
    assert result(unit) is TransferResult.SUCCESS
    assert (b"eve",) in unit.rows("aaaUsersTable")
    entry = unit.store.audit(1)[0]
    assert (entry.principal, entry.northbound) == ("Conf", "script")


def test_a_script_from_the_units_files_has_a_users_rights(unit: Bench, servers: Servers) -> None:
    files = unit.unit.state.path / "files" / "scripts"
    files.mkdir(parents=True)
    (files / "all.cfg").write_bytes(MAKES_AN_ADMIN)
    configure(unit, confScriptsTransferProtocol=500, confScriptsLocation=b"scripts")
    order(unit)
    assert (name(unit), servers.asked) == ("done", [])
    assert result(unit) is TransferResult.EXECUTION_FAILED
    assert errors(unit) == [
        "all.cfg line 2: Aaa.Users[UserName=eve].RowStatus: only an Admin may write it"]


@pytest.mark.parametrize("path", [b"../unit.db", b"/etc/passwd", b"gone.cfg", b"out", b""])
def test_no_path_leads_out_of_the_units_files(unit: Bench, path: bytes) -> None:
    files = unit.unit.state.path / "files"
    files.mkdir(exist_ok=True)
    (files / "out").symlink_to("/etc/passwd")
    configure(unit, confScriptsTransferProtocol=500, confScriptSpecificFileName=path or b".")
    order(unit)
    assert result(unit) is TransferResult.TRANSFER_FAILED


def test_a_job_has_the_rights_of_who_started_it(unit: Bench, servers: Servers) -> None:
    servers.files[SERVER + "/eve.cfg"] = MAKES_AN_ADMIN
    job = fetch(unit, SERVER + "/eve.cfg", USER)
    assert job.result is JobResult.FAILED
    assert job.error.startswith("eve.cfg line 2: ") and "only an Admin" in job.error
    assert (b"eve",) not in unit.rows("aaaUsersTable")
    assert fetch(unit, SERVER + "/eve.cfg", ADMIN).result is JobResult.SUCCESS
    assert (b"eve",) in unit.rows("aaaUsersTable")


def test_a_user_prepares_no_job_that_runs_as_the_admin_who_starts_it(
    unit: Bench, servers: Servers
) -> None:
    servers.files[SERVER + "/eve.cfg"] = MAKES_AN_ADMIN
    unit.change(("confScriptTransferAndRunRowStatus", (1,), 5))
    unit.change(("confScriptTransferAndRunUrl", (1,), f"{SERVER}/eve.cfg".encode()),
                principal=USER)
    unit.change(("confScriptTransferAndRunRowStatus", (1,), 1))
    unit.settle()
    assert (b"eve",) not in unit.rows("aaaUsersTable")


def test_what_comes_from_a_network_names_no_file_of_the_host(
    unit: Bench, servers: Servers, tmp_path: Path
) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_bytes(b"secret")
    servers.files[SERVER + "/x.cfg"] = f"Cert.Import Path={pem}\n".encode()
    assert "relative to the unit's files" in fetch(unit, SERVER + "/x.cfg", LOCAL).error


# -- by URL


def test_a_job_tells_how_far_it_is_and_hides_the_user_part(unit: Bench, servers: Servers) -> None:
    octets: Deferred[bytes] = Deferred()
    servers.files[SERVER + "/x.cfg"] = octets
    unit.change(("confScriptTransferAndRunUrl", (7,), b"https://ann:key@conf.example.com/x.cfg"),
                ("confScriptTransferAndRunRowStatus", (7,), 4))
    unit.settle()
    assert unit.get("confScriptTransferAndRunUrl", (7,)) == f"{SERVER}/x.cfg".encode()
    assert unit.get(STATS + "CurrentTransferState") == TransferState.TRANSFERING
    octets.callback(b"Hoc.SystemName=seven\n")
    unit.settle()
    assert unit.get("confScriptTransferAndRunResult", (7,)) == JobResult.SUCCESS
    assert unit.get("confScriptTransferAndRunBytes", (7,)) == 21
    assert unit.get("confScriptTransferAndRunPercent", (7,)) == 100
    assert (name(unit), unit.get(STATS + "CurrentTransferState")) == ("seven", TransferState.IDLE)
    assert "key" not in " ".join(unit.texts())


def test_http_is_for_those_who_chose_it(unit: Bench, servers: Servers) -> None:
    servers.files["http://conf.example.com/x.cfg"] = b"Hoc.SystemName=x\n"
    job = fetch(unit, "http://conf.example.com/x.cfg")
    assert (servers.asked, job.result) == ([], JobResult.FAILED)
    assert "http is allowed only while" in job.error
    unit.set("confScriptsTransferProtocol", 100)
    assert fetch(unit, "http://conf.example.com/x.cfg").result is JobResult.SUCCESS


@pytest.mark.parametrize("url", ["", "ftp://a/b", "all.cfg", "https://", "https://a\nb/"])
def test_what_is_no_url_is_refused(unit: Bench, servers: Servers, url: str) -> None:
    job = fetch(unit, url)
    assert (job.result, result(unit)) == (JobResult.FAILED, TransferResult.TRANSFER_FAILED)
    assert job.error


def test_a_job_that_is_destroyed_ends_its_transfer(unit: Bench, servers: Servers) -> None:
    cancelled: list[Any] = []
    servers.files[SERVER + "/x.cfg"] = Deferred(cancelled.append)
    unit.change(("confScriptTransferAndRunUrl", (1,), f"{SERVER}/x.cfg".encode()),
                ("confScriptTransferAndRunRowStatus", (1,), 4))
    unit.settle()
    unit.change(("confScriptTransferAndRunRowStatus", (1,), 6))
    unit.settle()
    assert len(cancelled) == 1
    assert unit.get(STATS + "CurrentTransferState") == TransferState.IDLE
    assert (result(unit), errors(unit)) == (TransferResult.TRANSFER_FAILED, ["cancelled"])


# -- what is wrong with a script


@pytest.mark.parametrize(("octets", "line", "why"), [
    (b"Hoc.SystemName=x\nAaa.Users[UserName=x].Password=all my-secret\n", 2, "should end"),
    (b"Hoc.SystemName=x\n\0", 2, "NUL"),
    (b"Hoc.SystemName=x\n#\xff", 2, "not UTF-8"),
    ("Hoc.SystemName=x".encode("utf-16"), 1, "UTF-16"),
    (b"#" + b"x" * LINE_LIMIT_BYTES, 1, "longer than 65536"),
    (b"Hoc.SystemName=x\nbegin\n", 2, "without a commit"),
])
def test_what_is_no_script_runs_not_at_all(
    unit: Bench, servers: Servers, octets: bytes, line: int, why: str
) -> None:
    servers.files[SERVER + "/all.cfg"] = octets
    configure(unit)
    before = name(unit)
    order(unit)
    assert (name(unit), result(unit)) == (before, TransferResult.EXECUTION_FAILED)
    (error,) = errors(unit)
    assert error.startswith(f"all.cfg line {line}: ") and why in error
    (told,) = unit.texts("confScriptLineFailed")
    assert why in told
    assert "my-secret" not in error + told


def test_lines_that_are_refused_are_named_and_the_rest_runs(unit: Bench, servers: Servers) -> None:
    servers.files[SERVER + "/all.cfg"] = b"Hoc.Nothing=1\n" * 30 + b"Hoc.SystemName=end\n"
    configure(unit)
    order(unit)
    assert (name(unit), result(unit)) == ("end", TransferResult.EXECUTION_FAILED)
    assert [error.split(":")[0] for error in errors(unit)] == [
        f"all.cfg line {number}" for number in range(1, 21)]
    assert unit.texts("confScriptRun") == [
        "The script all.cfg has run: 31 lines, of which 30 were refused."]
    assert len(unit.texts("confScriptLineFailed")) == 20
    assert len(unit.active()) == 1
    servers.files[SERVER + "/all.cfg"] = b"Hoc.SystemName=good\n"
    order(unit)
    assert (unit.active(), errors(unit), result(unit)) == ([], [], TransferResult.SUCCESS)


def test_a_script_that_is_not_there_keeps_no_other_from_running(
    unit: Bench, servers: Servers
) -> None:
    servers.files[SERVER + "/one.cfg"] = b"Hoc.SystemName=one\n"
    configure(unit, confScriptSpecificFileName=b"one.cfg")
    order(unit)
    assert (name(unit), result(unit)) == ("one", TransferResult.TRANSFER_FAILED)
    assert errors(unit) == ["all.cfg: the server answers 404 Not Found"]
    assert unit.texts("confTransferFailed") == [
        f"The transfer of {SERVER}/all.cfg failed: the server answers 404 Not Found."]
    when = unit.get(STATS + "LastTransferDateTime")
    assert when.startswith(b"20") and unit.get(STATS + "LastTransferTime") != bytes(8)


def test_min_severity(unit: Bench, servers: Servers) -> None:
    unit.set("confMinSeverity", 400)
    servers.files[SERVER + "/all.cfg"] = b"Hoc.Nothing=1\n"
    configure(unit)
    order(unit)
    assert unit.texts("confTransferDone", "confScriptRun") == []
    assert len(unit.texts("confScriptLineFailed")) == 1


def test_nothing_of_a_script_stays_on_the_disk(unit: Bench, servers: Servers) -> None:
    servers.files[SERVER + "/all.cfg"] = b"Hoc.SystemName=x\n"
    left = unit.unit.state.path / "fetched"
    left.mkdir()
    (left / ".old.part").write_bytes(b"secret")
    configure(unit)
    order(unit)
    assert (name(unit), list(left.iterdir())) == ("x", [])


# -- the same again


def test_the_same_script_again_is_run_unless_that_is_switched_off(
    unit: Bench, servers: Servers
) -> None:
    servers.files[SERVER + "/all.cfg"] = b"Hoc.SystemName=script\n"
    configure(unit)
    for allowed, wanted in ((1, "script"), (0, "hand"), (1, "script")):
        unit.set("hocSystemName", b"hand")
        unit.set("confScriptsAllowRepeatedExecution", allowed)
        order(unit)
        assert (name(unit), result(unit)) == (wanted, TransferResult.SUCCESS)
    unit.set("confScriptsAllowRepeatedExecution", 0)
    servers.files[SERVER + "/all.cfg"] = b"Hoc.SystemName=other\n"
    order(unit)
    assert name(unit) == "other"


# -- one at a time


def test_a_second_order_is_refused_while_one_stands(unit: Bench, servers: Servers) -> None:
    octets: Deferred[bytes] = Deferred()
    servers.files[SERVER + "/all.cfg"] = octets
    configure(unit)
    order(unit)
    with pytest.raises(InconsistentValue, match="already"):
        order(unit)
    assert "already" in fetch(unit, SERVER + "/x.cfg").error
    octets.callback(b"Hoc.SystemName=x\n")
    unit.settle()
    assert (name(unit), servers.asked) == ("x", [SERVER + "/all.cfg"])


def test_an_order_about_nothing_is_refused(unit: Bench) -> None:
    with pytest.raises(InconsistentValue, match="no script is configured"):
        order(unit)


def test_a_script_that_fetches_itself_has_a_line_refused(unit: Bench, servers: Servers) -> None:
    servers.files[SERVER + "/all.cfg"] = (
        f"Hoc.SystemName=x\nConf.ScriptTransferAndRun Url={SERVER}/all.cfg\n"
        "Conf.ConfiguredScriptsTransferAndRun\nHoc.SystemLocation=end\n").encode()
    configure(unit)
    order(unit)
    assert servers.asked == [SERVER + "/all.cfg"]
    assert location(unit) == "end"
    assert [error.split(":")[0] for error in errors(unit)] == ["all.cfg line 2", "all.cfg line 3"]


# -- unasked


def enable_on_restart(unit: Bench, **given: Any) -> None:
    configure(unit, confScriptsTransferOnRestartEnable=1, **given)


def restart_unit(unit: Bench) -> None:
    unit.run("scmRestartUnitTable", {})
    unit.wait(1)


def test_at_the_units_start_scripts_are_fetched(unit: Bench, servers: Servers) -> None:
    servers.files[SERVER + "/all.cfg"] = b"Hoc.SystemName=start\n"
    configure(unit)
    restart_unit(unit)
    unit.wait(AFTER_START_S)
    assert servers.asked == []
    unit.set("confScriptsTransferOnRestartEnable", 1)
    unit.restart("Conf")
    unit.wait(AFTER_START_S)
    assert servers.asked == []
    restart_unit(unit)
    unit.wait(AFTER_START_S)
    assert (servers.asked, name(unit)) == ([SERVER + "/all.cfg"], "start")


def test_a_restart_that_a_fetched_script_orders_fetches_none(
    unit: Bench, servers: Servers
) -> None:
    servers.files[SERVER + "/all.cfg"] = (
        b"Hoc.SystemName=start\nScm.RestartUnit\nHoc.SystemLocation=end\n")
    enable_on_restart(unit, confScriptsTransferRetriesNumber=0)
    boots = unit.unit.boots
    restart_unit(unit)
    for _ in range(20):
        unit.wait(10)
    assert (unit.unit.boots, len(servers.asked)) == (boots + 2, 1)
    assert name(unit) == "start"


@pytest.mark.parametrize("how", ["Scm.RestartUnit[Number=77].Delay=3",
                                 "begin\nScm.RestartUnit[Number=77].Delay=3\ncommit"])
def test_nor_does_one_that_comes_later(unit: Bench, servers: Servers, how: str) -> None:
    servers.files[SERVER + "/all.cfg"] = f"{how}\n".encode()
    enable_on_restart(unit)
    boots = unit.unit.boots
    restart_unit(unit)
    for _ in range(20):
        unit.wait(10)
    assert (unit.unit.boots, len(servers.asked)) == (boots + 2, 1)


def test_a_script_that_restarts_conf_ends_there(unit: Bench, servers: Servers) -> None:
    servers.files[SERVER + "/all.cfg"] = (
        b"Hoc.SystemName=x\nScm.ServiceCommands[Name=Conf].Restart\n"
        + b"Hoc.SystemContact=%d\n" * 20 % tuple(range(20)) + b"Hoc.SystemLocation=never\n")
    configure(unit, confScriptSpecificFileName=b"one.cfg")
    order(unit)
    unit.wait(60)
    assert (name(unit), location(unit)) == ("x", "")
    assert result(unit) is TransferResult.EXECUTION_FAILED
    (error,) = errors(unit)
    assert error.startswith("all.cfg: nothing was run after line ")
    assert error.endswith(": the service was stopped")
    assert servers.asked == [SERVER + "/all.cfg"]
    order(unit)
    assert len(servers.asked) == 2


def test_one_whose_last_line_is_a_restart_has_gone_well(unit: Bench, servers: Servers) -> None:
    servers.files[SERVER + "/all.cfg"] = b"Hoc.SystemName=x\nScm.RestartUnit\n"
    configure(unit)
    boots = unit.unit.boots
    order(unit)
    unit.wait(60)
    assert unit.unit.boots == boots + 1
    assert (result(unit), errors(unit)) == (TransferResult.SUCCESS, [])


def test_services_restart_within_a_script(unit: Bench, servers: Servers) -> None:
    servers.files[SERVER + "/all.cfg"] = (
        b"SipEp.TransportTlsVersion=tlsv13\nScm.RestartRequiredServices\n"
        b"Hoc.SystemLocation=end\n")
    configure(unit)
    order(unit)
    unit.wait(1)
    assert (unit.get("sipEpNeedRestartInfo"), location(unit)) == (0, "end")


def test_a_server_that_cannot_be_reached_is_asked_again(unit: Bench, servers: Servers) -> None:
    servers.files[SERVER + "/all.cfg"] = PASSES
    enable_on_restart(
        unit, confScriptsTransferRetriesNumber=2, confScriptSpecificFileName=b"one.cfg")
    restart_unit(unit)
    unit.wait(AFTER_START_S)
    assert servers.asked_now() == [SERVER + "/all.cfg"]
    assert result(unit) is TransferResult.TRANSFER_FAILED
    unit.wait(RETRY_S)
    assert servers.asked_now() == [SERVER + "/all.cfg"]
    unit.wait(RETRY_S)
    assert servers.asked_now() == [SERVER + "/all.cfg", SERVER + "/one.cfg"]
    unit.wait(10 * RETRY_S)
    assert servers.asked_now() == []
    assert len(unit.texts("confTransferFailed")) == 2


def test_what_has_run_is_not_run_again_for_the_sake_of_the_next(
    unit: Bench, servers: Servers
) -> None:
    servers.files = {SERVER + "/all.cfg": b"Hoc.SystemName=all\n", SERVER + "/one.cfg": PASSES}
    enable_on_restart(unit, confScriptSpecificFileName=b"one.cfg")
    restart_unit(unit)
    unit.wait(AFTER_START_S)
    servers.asked_now()
    unit.wait(RETRY_S)
    assert servers.asked_now() == [SERVER + "/one.cfg"]
    servers.files[SERVER + "/one.cfg"] = b"Hoc.SystemName=one\n"
    unit.wait(RETRY_S)
    unit.wait(10 * RETRY_S)
    assert (servers.asked_now(), name(unit)) == ([SERVER + "/one.cfg"], "one")
    assert (result(unit), unit.active()) == (TransferResult.SUCCESS, [])


def test_what_no_further_attempt_helps_is_not_tried_again(unit: Bench, servers: Servers) -> None:
    enable_on_restart(unit)
    restart_unit(unit)
    unit.wait(AFTER_START_S)
    unit.wait(10 * RETRY_S)
    assert servers.asked == [SERVER + "/all.cfg"]


def test_an_order_by_hand_takes_the_place_of_further_attempts(
    unit: Bench, servers: Servers
) -> None:
    servers.files[SERVER + "/all.cfg"] = PASSES
    enable_on_restart(unit)
    restart_unit(unit)
    unit.wait(AFTER_START_S)
    servers.asked_now()
    order(unit)
    unit.wait(10 * RETRY_S)
    assert servers.asked_now() == [SERVER + "/all.cfg"]


@pytest.mark.parametrize(("time_unit", "interval", "seconds"), [
    (100, 5, 300), (200, 2, 7200), (300, 1, 86400)])
def test_scripts_are_fetched_periodically(
    unit: Bench, servers: Servers, time_unit: int, interval: int, seconds: int
) -> None:
    configure(unit, confScriptsTransferPeriodicTimeUnit=time_unit,
              confScriptsTransferInterval=interval)
    unit.wait(seconds + 1)
    assert servers.asked_now() == []
    unit.set("confScriptsTransferPeriodicEnable", 1)
    for _ in range(3):
        unit.wait(seconds - 1)
        assert servers.asked_now() == []
        unit.wait(1)
        assert servers.asked_now() == [SERVER + "/all.cfg"]
    unit.set("confScriptsTransferPeriodicEnable", 0)
    unit.wait(seconds * 2)
    assert servers.asked_now() == []


def test_days_are_by_the_time_of_day_in_the_units_zone(unit: Bench, servers: Servers) -> None:
    unit.set("hocStaticTimeZone", b"CET-1")
    now = unit.unit.clock.local()
    at = (now.hour + 2) % 24
    configure(unit, confScriptsTransferPeriodicTimeUnit=300, confScriptsTransferPeriodicEnable=1,
              confScriptsTransferTimeRange=f"{at}:00".encode())
    wait = 7200 - now.minute * 60 - now.second
    unit.wait(wait - 60)
    assert servers.asked == []
    for _ in range(3):
        unit.wait(30)
    assert servers.asked == [SERVER + "/all.cfg"]


@pytest.mark.parametrize("text", [b"25", b"1:00 -", b"soon"])
def test_a_time_range_that_cannot_be_read_is_refused(unit: Bench, text: bytes) -> None:
    with pytest.raises(WrongValue) as refused:
        unit.set("confScriptsTransferTimeRange", text)
    assert refused.value.name == "confScriptsTransferTimeRange"


def test_nothing_is_periodic_until_the_time_is_known(unit: Bench, servers: Servers) -> None:
    unit.set("hocClockSource", 300)
    configure(unit, confScriptsTransferPeriodicTimeUnit=100, confScriptsTransferPeriodicEnable=1)
    for _ in range(10):
        unit.wait(60)
    assert servers.asked == []
    unit.set("hocClockSource", 200)
    unit.wait(60)
    assert servers.asked == [SERVER + "/all.cfg"]


def test_a_stopped_unit_waits_for_nothing(tmp_path: Path) -> None:
    with bench(tmp_path / "state") as unit:
        servers = Servers(unit)
        servers.files[SERVER + "/all.cfg"] = Deferred()
        configure(unit)
        order(unit)
    assert unit.get(STATS + "CurrentTransferState") == TransferState.IDLE


def test_conf_starts_last_so_that_scripts_find_all_services() -> None:
    assert SERVICES[-1].mib == "MIBGATE-CONF-MIB"
