"""Files: listed, removed, brought and sent by jobs, within a quota."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred

from mibagent.errors import NoAccess, NoCreation, Refused
from mibagent.service.jobs import JobResult
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal, Rights
from mibgateway.services.file import FileService
from mibgateway.services.file_rows import DownloadResult, UploadResult
from mibgateway.tls.policy import Floor, Level, SuiteSet, Trust
from mibgateway.transfer.terms import Credentials, TransferError
from tests.gateway.kit import ADMIN, LOCAL, USER, Bench, bench
from tests.gateway.services.far_files import FarFiles

ACTIVE, GO, DESTROY = 1, 4, 6
OBSERVER = Principal("looker", Rights.OBSERVER, "snmp")
URL = b"https://files.example.com/units/rings.wav"


def folder(unit: Bench) -> Path:
    return unit.unit.state.path / "files"


def listed(unit: Bench) -> dict[str, Any]:
    unit.wait(2)
    return {unit.get("fileFilesFileName", index).decode(): index
            for index in unit.rows("fileFilesTable")}


def download(unit: Bench, principal: Principal = USER, **given: Value) -> Any:
    return unit.run("fileDownloadFileTable", {
        "fileDownloadFile" + name: value for name, value in {"Url": URL, **given}.items()},
        principal)


def begun(unit: Bench, **given: Value) -> Deferred[Any]:
    """Start a download that may have to wait."""
    waiting: Any = unit.session(USER).run("fileDownloadFileTable", {
        "fileDownloadFile" + name: value for name, value in {"Url": URL, **given}.items()})
    started = ensureDeferred(waiting)
    unit.settle()
    return started


def upload(unit: Bench, **given: Value) -> Any:
    return unit.run("fileUploadFileTable", {
        "fileUploadFile" + name: value for name, value in {"Url": URL, **given}.items()}, USER)


# -- what is there


def test_what_lies_in_the_folder_is_listed(unit: Bench) -> None:
    (folder(unit) / "music").mkdir()
    (folder(unit) / "music" / "rings.wav").write_bytes(
        b"Description: Three rings\r\n" + bytes(1999))
    (folder(unit) / "a.txt").write_bytes(b"")
    (folder(unit) / ".b.txt.0123456789ab.part").write_bytes(b"half")
    (folder(unit) / "passwd").symlink_to("/etc/passwd")
    rows = listed(unit)
    assert set(rows) == {"a.txt", "music/rings.wav"}
    shown = [unit.get("fileFiles" + column, rows["music/rings.wav"])
             for column in ("FileDescription", "FileSize", "RowStatus")]
    assert shown == [b"Three rings", 2, ACTIVE]
    assert unit.get("fileFilesFileSize", rows["a.txt"]) == 0


def test_a_file_keeps_its_number(unit: Bench) -> None:
    (folder(unit) / "b.txt").write_bytes(b"")
    before = listed(unit)
    (folder(unit) / "a.txt").write_bytes(b"")
    after = listed(unit)
    assert after["b.txt"] == before["b.txt"]
    (folder(unit) / "a.txt").unlink()
    listed(unit)
    (folder(unit) / "c.txt").write_bytes(b"")
    assert listed(unit)["c.txt"] not in after.values()


def test_destroying_the_row_removes_the_file(unit: Bench) -> None:
    (folder(unit) / "music").mkdir()
    (folder(unit) / "music" / "rings.wav").write_bytes(b"x")
    index = listed(unit)["music/rings.wav"]
    with pytest.raises(NoAccess):
        unit.set("fileFilesRowStatus", DESTROY, index, principal=OBSERVER)
    unit.set("fileFilesRowStatus", DESTROY, index, principal=USER)
    unit.settle()
    assert list(folder(unit).iterdir()) == []
    assert listed(unit) == {}


def test_nothing_else_is_done_by_the_row_status(unit: Bench) -> None:
    (folder(unit) / "a.txt").write_bytes(b"x")
    index = listed(unit)["a.txt"]
    unit.set("fileFilesRowStatus", ACTIVE, index)
    for value, row in ((GO, index), (2, index), (GO, (77,))):
        with pytest.raises(Refused):
            unit.set("fileFilesRowStatus", value, row)
    with pytest.raises(NoCreation):
        unit.set("fileFilesRowStatus", DESTROY, (77,))
    assert set(listed(unit)) == {"a.txt"}


def test_the_quota_and_what_is_left_of_it(unit: Bench) -> None:
    assert unit.get("fileFileSystemQuotaSize") == 2 * 1024 * 1024
    before = unit.get("fileFileSystemAvailableSize")
    assert 0 < before <= 2 * 1024 * 1024
    service = unit.services[FileService.mib]
    assert isinstance(service, FileService)
    service._files.quota = 10 * 1024
    (folder(unit) / "a.txt").write_bytes(bytes(4000))
    unit.wait(2)
    assert unit.get("fileFileSystemAvailableSize") == 6


# -- downloads


def test_a_file_comes_and_stands_under_its_name(unit: Bench) -> None:
    far = FarFiles(unit)
    unit.texts()
    assert unit.get("fileStatLastDownloadFileResult") == DownloadResult.NONE
    job = download(unit, FileName=b"music/rings.wav")
    assert (job.result, job.percent, job.bytes) == (JobResult.SUCCESS, 100, 7)
    assert (folder(unit) / "music" / "rings.wav").read_bytes() == b"a file\n"
    assert "music/rings.wav" in listed(unit)
    assert unit.get("fileStatLastDownloadFileResult") == DownloadResult.SUCCESS
    assert unit.texts() == [
        "Transfer of https://files.example.com/units/rings.wav is done: 7 octets."]
    assert far.column == "certHostCertificateAssociationFile"


def test_without_a_name_it_has_that_of_the_url_and_macros_count(unit: Bench) -> None:
    far = FarFiles(unit)
    serial = unit.unit.identity.serial
    job = download(unit, Url=b"https://files.example.com/%serial%/a%20b.txt?x=%product%")
    assert job.result is JobResult.SUCCESS, job.error
    assert far.asked[0]["url"].path == f"/{serial}/a%20b.txt?x=mibgate"
    assert set(listed(unit)) == {"a b.txt"}
    job = download(unit, FileName=b"%serial%.txt")
    assert set(listed(unit)) == {"a b.txt", f"{serial}.txt"}
    assert "%nothing%" in download(unit, FileName=b"%nothing%.txt").error


def test_nobody_is_shown_the_user_part_of_a_url(unit: Bench) -> None:
    far = FarFiles(unit)
    unit.texts()
    job = download(unit, Url=b"https://eva:pa55@files.example.com/a@b.txt")
    assert job.result is JobResult.SUCCESS, job.error
    assert (far.asked[0]["url"].username, far.asked[0]["url"].password) == ("eva", "pa55")
    assert unit.get("fileDownloadFileUrl", (job.number,)) == \
        b"https://files.example.com/a@b.txt"
    far.why = TransferError("404")
    download(unit, Url=b"https://eva:pa55@files.example.com/c.txt")
    download(unit, Url=b"ftp://eva:pa55@files.example.com/c.txt")
    said = " ".join(unit.texts()) + repr(unit.store.audit())
    assert "files.example.com" in said and "pa55" not in said and "eva" not in said


@pytest.mark.parametrize("name", [
    b"../key", b"/etc/passwd", b"a/../../key", b".hidden", b"a/.b", b"a//b", b"a\nb", b"x" * 500
    + "é".encode() * 5, b"link/key"])
def test_a_name_leads_nowhere_else(unit: Bench, name: bytes) -> None:
    far = FarFiles(unit)
    (folder(unit) / "link").symlink_to(unit.unit.state.path)
    before = sorted(unit.unit.state.path.rglob("*"))
    for run in (download, upload):
        job = run(unit, FileName=name)
        assert job.result is JobResult.FAILED and "broke" not in job.error, job.error
    assert sorted(unit.unit.state.path.rglob("*")) == before
    assert far.asked == []


def test_a_folder_is_not_replaced(unit: Bench) -> None:
    FarFiles(unit)
    (folder(unit) / "music").mkdir()
    assert download(unit, FileName=b"music").error == "music is a folder"


def test_a_url_that_is_none_is_told(unit: Bench) -> None:
    FarFiles(unit)
    for url in (b"", b"files.example.com/x", b"ftp://files.example.com/x", b"https://a b/x"):
        job = download(unit, Url=url)
        assert job.result is JobResult.FAILED and "broke" not in job.error
    assert unit.get("fileStatLastDownloadFileResult") == DownloadResult.FAILED


def test_what_fails_says_why_and_leaves_what_was_there(unit: Bench) -> None:
    far = FarFiles(unit)
    far.why = TransferError("the server says 404 Not Found")
    (folder(unit) / "rings.wav").write_bytes(b"old")
    unit.texts()
    job = download(unit)
    assert (job.result, job.error) == (JobResult.FAILED, "the server says 404 Not Found")
    assert (folder(unit) / "rings.wav").read_bytes() == b"old"
    assert unit.get("fileStatLastDownloadFileResult") == DownloadResult.FAILED
    assert unit.texts("fileTransferFailed") == [
        "Transfer of https://files.example.com/units/rings.wav failed: "
        "the server says 404 Not Found."]


def test_what_would_pass_the_quota_is_refused(unit: Bench) -> None:
    far = FarFiles(unit, bytes(3000))
    service = unit.services[FileService.mib]
    assert isinstance(service, FileService)
    service._files.quota = 5000
    assert download(unit, FileName=b"one").result is JobResult.SUCCESS
    assert download(unit, FileName=b"two").error == "it is over 2000 octets"
    far.octets = bytes(2000)
    assert download(unit, FileName=b"two").result is JobResult.SUCCESS
    assert "nothing is left" in download(unit, FileName=b"three").error
    assert len(far.asked) == 3


def test_downloads_follow_each_other(unit: Bench) -> None:
    far = FarFiles(unit)
    far.holds = True
    jobs = [begun(unit, FileName=name) for name in (b"one", b"two", b"three")]
    assert len(far.asked) == 1
    assert unit.get("fileStatLastDownloadFileResult") == DownloadResult.DOWNLOADING
    unit.set("fileDownloadFileRowStatus", DESTROY, (2,))
    for turn in range(2):
        far.waits[turn].callback(None)
        unit.settle()
    assert [unit.result(job).result for job in jobs] == [
        JobResult.SUCCESS, JobResult.CANCELLED, JobResult.SUCCESS]
    assert set(listed(unit)) == {"one", "three"}


def test_progress_can_be_read_while_it_runs_and_destroying_the_row_ends_it(unit: Bench) -> None:
    far = FarFiles(unit, bytes(1000))
    far.holds = True
    unit.texts()
    job = begun(unit)
    assert [unit.get("fileDownloadFile" + column, (1,)) for column in (
        "State", "Percent", "Bytes")] == [200, 50, 500]
    unit.set("fileDownloadFileRowStatus", DESTROY, (1,), principal=USER)
    unit.settle()
    assert unit.result(job).result is JobResult.CANCELLED
    assert unit.texts("fileTransferFailed")[0].endswith("failed: cancelled.")
    assert unit.rows("fileDownloadFileTable") == []


def test_a_restart_of_the_service_ends_what_is_under_way(unit: Bench) -> None:
    far = FarFiles(unit)
    far.holds = True
    job = begun(unit)
    unit.restart("File")
    assert unit.result(job).result is JobResult.CANCELLED
    far.holds = False
    assert download(unit).result is JobResult.SUCCESS


# -- uploads


def test_a_file_is_sent(unit: Bench) -> None:
    far = FarFiles(unit)
    (folder(unit) / "rings.wav").write_bytes(b"one two")
    unit.texts()
    job = upload(unit)
    assert (job.result, job.percent, job.bytes) == (JobResult.SUCCESS, 100, 7)
    assert far.put == [b"one two"]
    assert unit.get("fileStatLastUploadFileResult") == UploadResult.SUCCESS
    assert unit.get("fileStatLastDownloadFileResult") == DownloadResult.NONE
    assert len(unit.texts("fileTransferDone")) == 1
    job = upload(unit, Url=b"https://eva:pa55@files.example.com/", FileName=b"rings.wav")
    assert far.put == [b"one two"] * 2
    assert unit.get("fileUploadFileUrl", (job.number,)) == b"https://files.example.com/"


def test_what_is_not_there_is_not_sent(unit: Bench) -> None:
    FarFiles(unit)
    job = upload(unit, FileName=b"nothing.txt")
    assert (job.result, job.error) == (JobResult.FAILED, "there is no file nothing.txt")
    assert unit.get("fileStatLastUploadFileResult") == UploadResult.FAILED


# -- by which parameters


def test_transfers_go_by_the_parameters_of_now(unit: Bench) -> None:
    far = FarFiles(unit)
    download(unit)
    policy = far.asked[-1]["policy"]
    assert (policy.suite_set, policy.floor, policy.level, policy.trust) == (
        SuiteSet.CS4, Floor.TLSV1_2, Level.HOST_NAME, Trust.LOCALLY_TRUSTED)
    assert far.asked[-1]["credentials"] is None
    unit.change(("fileTransferHttpsCipherSuite", (), 300),
                ("fileTransferHttpsTlsVersion", (), 500),
                ("fileTransferCertificateValidation", (), 100),
                ("fileTransferCertificateTrustLevel", (), 300),
                ("fileTransferUsername", (), b"unit"), ("fileTransferPassword", (), b"a word"))
    download(unit, principal=ADMIN)
    policy = far.asked[-1]["policy"]
    assert (policy.suite_set, policy.floor, policy.level, policy.trust) == (
        SuiteSet.CS3, Floor.TLSV1_3, Level.NO_VALIDATION, Trust.OCSP_MANDATORY)
    assert far.asked[-1]["credentials"] == Credentials("unit", "a word")
    assert unit.get("fileTransferPassword") == b""
    assert unit.get("fileNeedRestartInfo") == 0


def test_a_users_job_takes_no_password_along_that_is_an_admins(unit: Bench) -> None:
    far = FarFiles(unit)
    unit.change(("fileTransferUsername", (), b"unit"), ("fileTransferPassword", (), b"a word"))
    download(unit)
    assert far.asked[-1]["credentials"] is None


def test_http_is_for_who_was_allowed_it(unit: Bench) -> None:
    far = FarFiles(unit)
    error = download(unit, Url=b"http://files.example.com/a.txt").error
    assert error == ("http://files.example.com/a.txt: http is not allowed here; "
                     "TransferHttpEnable allows it")
    unit.set("fileTransferHttpEnable", 1)
    assert download(unit, Url=b"http://files.example.com/a.txt").result is JobResult.SUCCESS
    assert far.asked[0]["url"].scheme == "http"


@pytest.mark.parametrize("name", [
    "fileTransferCertificateValidation", "fileTransferCertificateTrustLevel",
    "fileTransferHttpEnable", "fileTransferPassword"])
def test_what_guards_transfers_is_an_admins(unit: Bench, name: str) -> None:
    value: Value = b"x" if name.endswith("Password") else 1 if name.endswith("Enable") else 100
    with pytest.raises(NoAccess):
        unit.set(name, value, principal=USER)


def test_an_observer_transfers_nothing(unit: Bench) -> None:
    FarFiles(unit)
    with pytest.raises(NoAccess):
        download(unit, OBSERVER)


def test_min_severity(unit: Bench) -> None:
    far = FarFiles(unit)
    unit.set("fileMinSeverity", 400)
    unit.texts()
    download(unit)
    far.why = TransferError("no")
    download(unit)
    assert [notice.node.name for notice in unit.notices] == ["fileTransferFailed"]


# -- over starts


def test_what_a_process_that_died_left_is_swept_away(tmp_path: Path) -> None:
    with bench(tmp_path) as unit:
        (folder(unit) / "music").mkdir()
        part = folder(unit) / "music" / ".rings.wav.0123456789ab.part"
        part.write_bytes(b"half")
        (folder(unit) / "whole.txt").write_bytes(b"whole")
    with bench(tmp_path) as unit:
        assert not part.exists()
        assert set(listed(unit)) == {"whole.txt"}
        assert unit.get("fileStatLastDownloadFileResult") == DownloadResult.NONE


def test_it_can_be_restarted_and_not_stopped(unit: Bench) -> None:
    unit.restart("File")
    with pytest.raises(Refused):
        unit.set("scmServiceCommandsStop", 10, (b"File",), principal=LOCAL)
