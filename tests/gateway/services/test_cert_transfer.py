"""Certificates that are fetched by a job: installed as an import would, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred

from mibagent.errors import NoAccess
from mibagent.service.jobs import JobResult
from mibagent.smi.syntax import Value
from mibagent.store.access import Principal
from mibgateway.services.cert_rows import TransferResult
from mibgateway.services.cert_transfer import INCOMING, LARGEST_FILE_OCTETS
from mibgateway.tls.policy import Floor, Level, SuiteSet, TlsPolicy, Trust
from mibgateway.transfer.terms import Credentials, TransferError
from tests.gateway.kit import ADMIN, USER, Bench, bench
from tests.gateway.services.far_files import FarFiles
from tests.gateway.tls.pki import chain_pem, dns, issue

HOST, OTHER, DESTROY = 100, 200, 6
HOSTS, OTHERS = "certHostCertificatesInfo", "certOthersCertificatesInfo"
URL = b"https://ca.example.com/ca.pem"

CA = issue("Test CA", ca=True, days=3650)
OWN = issue("unit.example.com", dns("unit.example.com"), by=CA, number=1, days=365)
OTHER_KEY = issue("unit.example.com", dns("unit.example.com"), by=CA, number=2, days=365)


def arguments(**given: Value) -> dict[str, Value]:
    return {"certDownload" + name: value
            for name, value in {"Url": URL, "Type": OTHER, **given}.items()}


def download(unit: Bench, principal: Principal = ADMIN, **given: Any) -> Any:
    return unit.run("certDownloadTable", arguments(**given), principal)


def begun(unit: Bench) -> Deferred[Any]:
    waiting: Any = unit.session().run("certDownloadTable", arguments())
    started = ensureDeferred(waiting)
    unit.settle()
    return started


def incoming(unit: Bench) -> list[Path]:
    folder = unit.unit.state.path / INCOMING
    return list(folder.iterdir()) if folder.exists() else []


def test_a_ca_is_fetched_and_trusted(unit: Bench) -> None:
    far = FarFiles(unit, chain_pem(CA.certificate))
    unit.texts()
    job = download(unit)
    assert (job.result, job.percent, job.bytes) == (
        JobResult.SUCCESS, 100, len(far.octets))
    assert unit.rows(OTHERS + "Table") == [(b"ca.pem",)]
    assert [each.certificate for each in unit.unit.vault.authorities()] == [CA.certificate]
    assert unit.get("certStatLastTransferResult") == TransferResult.SUCCESS
    assert unit.texts() == [
        f"Transfer of https://ca.example.com/ca.pem is done: {len(far.octets)} octets.",
        "Certificate ca.pem of CN=Test CA added, type other."]
    assert far.column == "certHostCertificateAssociationCert"
    assert far.asked[0]["most_octets"] == LARGEST_FILE_OCTETS
    assert incoming(unit) == []


def test_a_host_certificate_comes_with_its_locked_key(unit: Bench) -> None:
    FarFiles(unit, OWN.pem("a word"))
    job = download(unit, Type=HOST, FileName=b"unit.pem", Password=b"another")
    assert job.result is JobResult.FAILED and "password" in job.error
    assert unit.get("certStatLastTransferResult") == TransferResult.INVALID_CERTIFICATE
    job = download(unit, Type=HOST, FileName=b"unit.pem", Password=b"a word")
    assert job.result is JobResult.SUCCESS, job.error
    assert unit.unit.vault.hosts["unit.pem"].certificate == OWN.certificate
    assert unit.get("certDownloadPassword", (job.number,)) == b""
    assert "a word" not in repr(unit.store.audit())


def test_the_wrong_key_is_told_as_an_import_tells_it(unit: Bench) -> None:
    ours, theirs = OWN.pem(), OTHER_KEY.pem()
    end = b"-----END CERTIFICATE-----\n"
    FarFiles(unit, theirs[:theirs.index(end) + len(end)] + ours[ours.rindex(end) + len(end):])
    assert download(unit, Type=HOST).result is JobResult.FAILED
    assert unit.get("certStatLastTransferResult") == TransferResult.KEY_MISMATCH
    assert unit.rows(HOSTS + "Table") == []


def test_what_does_not_come_installs_nothing(unit: Bench) -> None:
    far = FarFiles(unit)
    far.why = TransferError("the server says 404 Not Found")
    unit.texts()
    job = download(unit, Url=b"https://eva:pa55@ca.example.com/ca.pem")
    assert (job.result, job.error) == (JobResult.FAILED, "the server says 404 Not Found")
    assert unit.get("certStatLastTransferResult") == TransferResult.TRANSFER_FAILED
    assert unit.get("certDownloadUrl", (job.number,)) == URL
    said = unit.texts()
    assert said == [
        "Transfer of https://ca.example.com/ca.pem failed: the server says 404 Not Found."]
    assert "pa55" not in repr(unit.store.audit())
    assert incoming(unit) == []


@pytest.mark.parametrize(("given", "why"), [
    ({"Url": b""}, "a Url is needed"),
    ({"Url": b"http://ca.example.com/ca.pem"}, "http is not allowed"),
    ({"Url": b"https://ca.example.com/"}, "FileName is 1 to 64"),
    ({"FileName": b"a/b.pem"}, "FileName is 1 to 64"),
    ({"Url": b"https://ca.example.com/%nothing%.pem"}, "%nothing%"),
])
def test_what_cannot_be_is_not_asked_for(
    unit: Bench, given: dict[str, Value], why: str
) -> None:
    far = FarFiles(unit)
    job = unit.run("certDownloadTable", arguments(**given))
    assert job.result is JobResult.FAILED and why in job.error, job.error
    assert far.asked == []


def test_macros_make_it_each_units_own(unit: Bench) -> None:
    far = FarFiles(unit, OWN.pem())
    job = download(unit, Type=HOST, Url=b"https://ca.example.com/%serial%.pem")
    assert job.result is JobResult.SUCCESS, job.error
    name = f"{unit.unit.identity.serial}.pem"
    assert far.asked[0]["url"].path == f"/{name}"
    assert unit.rows(HOSTS + "Table") == [(name.encode(),)]


def test_transfers_go_by_the_parameters_of_now(unit: Bench) -> None:
    far = FarFiles(unit, chain_pem(CA.certificate))
    unit.change(("certTransferHttpsCipherSuite", (), 300),
                ("certTransferHttpsTlsVersion", (), 500),
                ("certTransferCertificateValidation", (), 100),
                ("certTransferCertificateTrustLevel", (), 200),
                ("certTransferUsername", (), b"unit"), ("certTransferPassword", (), b"a word"),
                ("certTransferHttpEnable", (), 1))
    download(unit, Url=b"http://ca.example.com/ca.pem")
    policy = far.asked[0]["policy"]
    assert (policy.suite_set, policy.floor, policy.level, policy.trust) == (
        SuiteSet.CS3, Floor.TLSV1_3, Level.NO_VALIDATION, Trust.OCSP_OPTIONAL)
    assert far.asked[0]["credentials"] == Credentials("unit", "a word")
    assert far.asked[0]["url"].scheme == "http"


def test_all_of_it_is_an_admins(unit: Bench) -> None:
    FarFiles(unit)
    with pytest.raises(NoAccess):
        download(unit, USER)
    for name in ("HttpsCipherSuite", "HttpsTlsVersion", "CertificateValidation",
                 "CertificateTrustLevel", "HttpEnable"):
        with pytest.raises(NoAccess):
            unit.set("certTransfer" + name, 1 if name == "HttpEnable" else 100, principal=USER)


def test_destroying_the_row_or_a_restart_ends_it(unit: Bench) -> None:
    far = FarFiles(unit, chain_pem(CA.certificate))
    far.holds = True
    job = begun(unit)
    assert len(incoming(unit)) == 1
    assert unit.get("certStatLastTransferResult") == TransferResult.TRANSFERRING
    unit.set("certDownloadRowStatus", DESTROY, (1,))
    assert unit.result(job).result is JobResult.CANCELLED
    job = begun(unit)
    unit.restart("Cert")
    assert unit.result(job).result is JobResult.CANCELLED
    assert unit.rows(OTHERS + "Table") == []
    assert incoming(unit) == []


def test_what_a_process_that_died_had_fetched_is_gone_at_the_next_start(tmp_path: Path) -> None:
    with bench(tmp_path) as unit:
        left = unit.unit.state.path / INCOMING / "abc"
        left.mkdir(parents=True)
        (left / ".fetched.0123456789ab.part").write_bytes(b"a key")
    with bench(tmp_path) as unit:
        assert not left.exists()


@pytest.mark.parametrize("service", ["File", "Cert"])
def test_a_certificate_that_a_service_may_not_use_is_not_shown(
    unit: Bench, service: str
) -> None:
    FarFiles(unit, OWN.pem())
    download(unit, Type=HOST, FileName=b"unit.pem")
    del unit.unit.transfers                     # the real ones again
    column = "certHostCertificateAssociation" + service

    def shown() -> bool:
        transfers = unit.unit.transfers(column)
        return transfers.creator(
            TlsPolicy(use="x", level=Level.NO_VALIDATION), "a.example.com")._credential is not None

    assert shown()
    unit.set(column, 0, (b"unit.pem",))
    assert not shown()
    unit.change(("certHostCertificateAssociationFile", (b"unit.pem",), 1),
                ("certHostCertificateAssociationCert", (b"unit.pem",), 1))
    assert shown()
