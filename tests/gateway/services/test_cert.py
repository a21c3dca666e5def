"""Certificates: imported, listed, judged by date, handed to the vault, never with their keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from mibagent.errors import MibgateError, NoAccess, NoCreation, WrongValue
from mibagent.model.nodes import Access
from mibagent.service.jobs import JobResult
from mibagent.smi.syntax import Value
from mibagent.store.store import SYSTEM
from mibagent.store.wish import Wish
from mibgateway.services.cert_rows import Reports
from mibgateway.state import own_file
from mibgateway.tls.certificate import Status
from mibgateway.tls.revocation import Responder, Revoked
from tests.gateway.kit import LOCAL, USER, Bench, bench, model
from tests.gateway.tls.pki import NOW, Issued, chain_pem, dns, ip, issue

HOST, OTHER = 100, 200
HOSTS, OTHERS = "certHostCertificatesInfo", "certOthersCertificatesInfo"
DESTROY = 6
SUBJECTS = ("certCertificateAdded", "certCertificateDeleted", "certCertificateExpiresSoon",
            "certCertificateNotValid", "certCertificateRefused")

CA = issue("Test CA", ca=True, days=3650)
OTHER_CA = issue("Other CA", ca=True, number=7, days=3650)


def leaf(days: float = 365, name: str = "unit.example.com", by: Issued = CA) -> Issued:
    return issue(name, (*dns(name), *ip("192.0.2.5")), by=by, number=1, days=days)


def files(unit: Bench) -> Path:
    folder = unit.unit.state.path / "files"
    folder.mkdir(exist_ok=True)
    return folder


def arguments(**given: Value) -> dict[str, Value]:
    return {"certImport" + name: value for name, value in given.items()}


def take(unit: Bench, name: bytes, pem: bytes, kind: int = OTHER) -> None:
    job = unit.run("certImportTable", arguments(Type=kind, FileName=name, Pem=pem))
    assert job.result is JobResult.SUCCESS, job.error


def fails(unit: Bench, principal: object = None, **given: Value) -> str:
    """Give why a job failed; nothing may have come of it."""
    before = (unit.rows(HOSTS + "Table"), unit.rows(OTHERS + "Table"), dict(unit.unit.vault.hosts))
    job = unit.run("certImportTable", arguments(**given),
                   **({"principal": principal} if principal else {}))  # type: ignore[arg-type]
    assert job.result is JobResult.FAILED
    assert job.error
    assert before == (unit.rows(HOSTS + "Table"), unit.rows(OTHERS + "Table"),
                      dict(unit.unit.vault.hosts))
    return str(job.error)


# -- what is imported


def test_a_host_certificate_comes_with_its_key_and_its_row(unit: Bench) -> None:
    unit.texts()
    own = leaf()
    take(unit, b"unit.pem", own.pem(), HOST)
    assert unit.rows(HOSTS + "Table") == [(b"unit.pem",)]
    shown = {column: unit.get(HOSTS + column, (b"unit.pem",)) for column in (
        "FileName", "IssuedTo", "IssuedBy", "ValidFrom", "ValidTo", "Usage", "KeyType",
        "SubjectAltNames", "Status", "DaysLeft", "RowStatus")}
    assert shown == {
        "FileName": b"unit.pem", "IssuedTo": b"CN=unit.example.com", "IssuedBy": b"CN=Test CA",
        "ValidFrom": b"2031-04-06 07:08:09", "ValidTo": b"2032-04-05 07:08:09",
        "Usage": b"TlsClient, TlsServer", "KeyType": b"EC-P256",
        "SubjectAltNames": b"DNS:unit.example.com, IP:192.0.2.5", "Status": Status.VALID,
        "DaysLeft": 335, "RowStatus": 1}
    assert unit.get(HOSTS + "Fingerprint", (b"unit.pem",)).decode() == \
        own.credential().facts.fingerprint
    held = unit.unit.vault.hosts["unit.pem"]
    assert held.certificate == own.certificate
    assert unit.texts("certCertificateAdded") == [
        "Certificate unit.pem of CN=unit.example.com added, type host."]


def test_a_host_certificate_may_be_used_for_sip_unless_its_row_says_no(unit: Bench) -> None:
    take(unit, b"unit.pem", leaf().pem(), HOST)
    assert unit.get("certHostCertificateAssociationSip", (b"unit.pem",)) == 1
    unit.set("certHostCertificateAssociationSip", 0, (b"unit.pem",))
    assert unit.get("sipEpNeedRestartInfo") == 100
    unit.restart("SipEp")
    assert unit.sip._forbidden == {"unit.pem"}
    unit.set(HOSTS + "RowStatus", DESTROY, (b"unit.pem",))
    take(unit, b"unit.pem", leaf().pem(), HOST)
    assert unit.get("certHostCertificateAssociationSip", (b"unit.pem",)) == 1


def test_a_ca_is_trusted_at_once(unit: Bench) -> None:
    heard: list[int] = []
    unit.unit.vault.watch(lambda: heard.append(len(unit.unit.vault.authorities())))
    take(unit, b"ca.pem", chain_pem(CA.certificate, OTHER_CA.certificate))
    assert [each.certificate for each in unit.unit.vault.authorities()] == \
        [CA.certificate, OTHER_CA.certificate]
    assert heard == [2]
    assert unit.get(OTHERS + "CertificateAuthority", (b"ca.pem",)) == 100
    assert unit.get(OTHERS + "IssuedTo", (b"ca.pem",)) == b"CN=Test CA"


def test_one_that_is_no_ca_is_listed_and_not_trusted(unit: Bench) -> None:
    take(unit, b"friend.pem", chain_pem(leaf().certificate))
    assert unit.rows(OTHERS + "Table") == [(b"friend.pem",)]
    assert unit.get(OTHERS + "CertificateAuthority", (b"friend.pem",)) == 200
    assert unit.unit.vault.authorities() == ()


def test_der_and_pkcs12_are_read_too(unit: Bench) -> None:
    folder = files(unit)
    (folder / "ca.der").write_bytes(CA.certificate.public_bytes(Encoding.DER))
    job = unit.run("certImportTable", arguments(Type=OTHER, Path=b"ca.der"))
    assert job.result is JobResult.SUCCESS, job.error
    own = leaf()
    packed = pkcs12.serialize_key_and_certificates(
        b"unit", own.key, own.certificate, [CA.certificate],
        BestAvailableEncryption(b"a word"))
    (folder / "unit.p12").write_bytes(packed)
    assert "password" in fails(unit, Type=HOST, Path=b"unit.p12")
    job = unit.run("certImportTable", arguments(
        Type=HOST, Path=b"unit.p12", Password=b"a word"))
    assert job.result is JobResult.SUCCESS, job.error
    assert unit.unit.vault.hosts["unit.p12"].certificate == own.certificate


def test_a_locked_key_wants_its_password_which_nobody_reads_back(unit: Bench) -> None:
    locked = leaf().pem("a word of eva's")
    assert "password" in fails(unit, Type=HOST, FileName=b"unit.pem", Pem=locked)
    assert "password" in fails(unit, Type=HOST, FileName=b"unit.pem", Pem=locked,
                               Password=b"another")
    job = unit.run("certImportTable", arguments(
        Type=HOST, FileName=b"unit.pem", Pem=locked, Password=b"a word of eva's"))
    assert job.result is JobResult.SUCCESS, job.error
    assert unit.get("certImportPassword", (job.number,)) == b""
    assert "a word of eva's" not in repr(unit.store.audit())


BAD = {
    "nothing": b"", "noise": b"\x00\xff" * 50, "text": b"hello",
    "key alone": leaf().pem().split(b"-----END CERTIFICATE-----\n")[-1],
    "torn": leaf().pem()[:300],
    "garbage inside": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "another key": chain_pem(CA.certificate) + leaf().key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "no key": chain_pem(leaf().certificate),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_host_file_installs_nothing_and_says_why(unit: Bench, what: str) -> None:
    unit.texts()
    (files(unit) / "bad.pem").write_bytes(BAD[what])
    error = fails(unit, Type=HOST, Path=b"bad.pem")
    assert "broke" not in error
    told = unit.texts("certCertificateRefused")
    assert len(told) == 1
    assert "bad.pem" in told[0]
    assert not told[0].endswith("..")


@pytest.mark.parametrize("what", ["noise", "text", "torn", "garbage inside", "key alone"])
def test_a_bad_other_file_installs_nothing(unit: Bench, what: str) -> None:
    (files(unit) / "bad.pem").write_bytes(BAD[what])
    assert "broke" not in fails(unit, Type=OTHER, Path=b"bad.pem")


@pytest.mark.parametrize("given", [
    {"FileName": b"a.pem"}, {"FileName": b"a.pem", "Path": b"a.pem", "Pem": b"x"}])
def test_path_or_pem_and_not_both(unit: Bench, given: dict[str, Value]) -> None:
    assert fails(unit, Type=OTHER, **given) == "give either Path or Pem"


@pytest.mark.parametrize("name", [b"", b"a/b.pem", b"..", "é".encode() * 32])
def test_a_name_is_one_that_can_be_shown(unit: Bench, name: bytes) -> None:
    given = arguments(Type=OTHER, FileName=name, Pem=chain_pem(CA.certificate))
    job = unit.run("certImportTable", given)
    is_sound = name in (b"..", "é".encode() * 32)
    assert (job.result is JobResult.SUCCESS) is is_sound, job.error


# -- where files may lie


def test_a_path_from_a_network_is_below_the_units_files(unit: Bench) -> None:
    (files(unit) / "sub").mkdir()
    (files(unit) / "sub" / "ca.pem").write_bytes(chain_pem(CA.certificate))
    job = unit.run("certImportTable", arguments(Type=OTHER, Path=b"sub/ca.pem"))
    assert job.result is JobResult.SUCCESS, job.error
    assert unit.rows(OTHERS + "Table") == [(b"ca.pem",)]


@pytest.mark.parametrize("path", ["../key", "sub/../../key", "/etc/passwd", "..", "link/ca.pem",
                                  "direct.pem"])
def test_a_path_from_a_network_does_not_lead_out(
    unit: Bench, tmp_path: Path, path: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "ca.pem").write_bytes(chain_pem(CA.certificate))
    (files(unit) / "link").symlink_to(outside)
    (files(unit) / "direct.pem").symlink_to(outside / "ca.pem")
    error = fails(unit, Type=OTHER, FileName=b"x.pem", Path=path.encode())
    assert "without .." in error or "leads out" in error


def test_the_console_may_name_any_path(unit: Bench, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(chain_pem(CA.certificate))
    job = unit.run("certImportTable", arguments(Type=OTHER, Path=str(path).encode()), LOCAL)
    assert job.result is JobResult.SUCCESS, job.error


def test_what_cannot_be_read_says_so(unit: Bench, tmp_path: Path) -> None:
    assert fails(unit, Type=OTHER, Path=b"none.pem").endswith("No such file or directory")
    (files(unit) / "folder").mkdir()
    assert fails(unit, Type=OTHER, Path=b"folder") == "folder is not a file"
    with (files(unit) / "large.pem").open("wb") as file:
        file.truncate(4 * 1024 * 1024 + 1)
    assert fails(unit, Type=OTHER, Path=b"large.pem").startswith("large.pem is over")


def test_a_pipe_is_not_waited_for(unit: Bench) -> None:
    os.mkfifo(files(unit) / "pipe")
    assert fails(unit, Type=OTHER, Path=b"pipe") == "pipe is not a file"


def test_a_path_that_no_file_can_have_is_refused_in_words(unit: Bench) -> None:
    (files(unit) / "loop").symlink_to("loop")
    for path in ("a" * 300, "loop", "loop/a"):
        error = fails(unit, Type=OTHER, FileName=b"x", Path=path.encode())
        assert error.startswith(path[:200])
        assert "broke" not in error
    with pytest.raises(MibgateError, match="can't be read: "):
        own_file(files(unit), "a\0b")


# -- renewal and removal


def test_the_same_name_again_is_a_renewal(unit: Bench) -> None:
    take(unit, b"unit.pem", leaf().pem(), HOST)
    unit.set("certHostCertificateAssociationSip", 0, (b"unit.pem",))
    newer = leaf(days=700)
    unit.texts()
    take(unit, b"unit.pem", newer.pem(), HOST)
    assert unit.unit.vault.hosts["unit.pem"].certificate == newer.certificate
    assert unit.get(HOSTS + "ValidTo", (b"unit.pem",)) == b"2033-03-06 07:08:09"
    assert unit.get("certHostCertificateAssociationSip", (b"unit.pem",)) == 0
    assert len(unit.texts("certCertificateAdded")) == 1


def test_a_renewal_with_the_very_same_file_is_no_news(unit: Bench) -> None:
    own = leaf()
    take(unit, b"unit.pem", own.pem(), HOST)
    unit.texts()
    take(unit, b"unit.pem", own.pem(), HOST)
    assert unit.texts(*SUBJECTS) == []


def test_destroying_the_row_takes_certificate_and_trust_away(unit: Bench) -> None:
    take(unit, b"unit.pem", leaf().pem(), HOST)
    take(unit, b"ca.pem", chain_pem(CA.certificate))
    unit.texts()
    unit.change((HOSTS + "RowStatus", (b"unit.pem",), DESTROY),
                (OTHERS + "RowStatus", (b"ca.pem",), DESTROY))
    assert unit.rows(HOSTS + "Table") == unit.rows(OTHERS + "Table") == []
    assert unit.rows("certHostCertificateAssociationTable") == []
    assert (unit.unit.vault.hosts, unit.unit.vault.authorities()) == ({}, ())
    assert unit.store.configured.cell(HOSTS + "@key", (b"unit.pem",)) is None
    assert unit.texts("certCertificateDeleted") == [
        "Certificate unit.pem deleted.", "Certificate ca.pem deleted."]


@pytest.mark.parametrize("table", [HOSTS, OTHERS])
@pytest.mark.parametrize("status", [1, 4, 5])
def test_rows_are_not_made_by_hand(unit: Bench, table: str, status: int) -> None:
    with pytest.raises(NoCreation):
        unit.set(table + "RowStatus", status, (b"x.pem",))


def test_and_not_taken_out_of_service(unit: Bench) -> None:
    take(unit, b"ca.pem", chain_pem(CA.certificate))
    with pytest.raises(WrongValue, match="only destroy"):
        unit.set(OTHERS + "RowStatus", 2, (b"ca.pem",))
    unit.set(OTHERS + "RowStatus", 1, (b"ca.pem",))


@pytest.mark.parametrize("principal", [USER])
def test_only_an_admin_installs_and_removes(unit: Bench, principal: object) -> None:
    take(unit, b"ca.pem", chain_pem(CA.certificate))
    for name, value in ((OTHERS + "RowStatus", DESTROY), ("certExpiryWarningDays", 1)):
        with pytest.raises(NoAccess):
            unit.set(name, value, (b"ca.pem",) if "Row" in name else (), principal=USER)
    with pytest.raises(NoAccess):
        unit.run("certImportTable", arguments(Pem=b"x", FileName=b"x"), USER)


def test_all_of_it_is_there_in_the_next_process(tmp_path: Path) -> None:
    own = leaf()
    with bench(tmp_path / "state") as unit:
        take(unit, b"unit.pem", own.pem(), HOST)
        take(unit, b"ca.pem", chain_pem(CA.certificate))
    with bench(tmp_path / "state") as unit:
        assert unit.unit.vault.hosts["unit.pem"].certificate == own.certificate
        assert [each.certificate for each in unit.unit.vault.authorities()] == [CA.certificate]
        assert unit.texts("certCertificateAdded") == []


def test_the_key_is_nowhere_to_be_read(unit: Bench) -> None:
    own = leaf()
    take(unit, b"unit.pem", own.pem(), HOST)
    secret = b"".join(own.credential().key_pem().splitlines()[1:-1])[:40]
    for node in model().objects.values():
        if node.module != "MIBGATE-CERT-MIB" or node.access < Access.READ_ONLY:
            continue
        places = unit.rows(node.table.name) if node.table else [()]
        for index in places:
            value = unit.get(node.name, index)
            # What an asker sent as Pem can be read back by nobody but as what is left of a job.
            if isinstance(value, bytes):
                assert secret not in value.replace(b"\n", b""), node.name
    assert secret.decode() not in repr(unit.store.audit())
    database = b"".join(path.read_bytes() for path in unit.unit.state.path.glob("unit.db*"))
    assert secret not in database.replace(b"\n", b"")


# -- dates


def ends_in(unit: Bench, days: float) -> None:
    """Install a host certificate that has so many days left."""
    take(unit, b"unit.pem", leaf(days=30 + days).pem(), HOST)


def test_a_certificate_that_ends_soon_is_told_once(unit: Bench) -> None:
    unit.texts()
    ends_in(unit, 29.5)
    told = unit.texts("certCertificateExpiresSoon")
    assert len(told) == 1
    assert told[0].startswith("Certificate unit.pem expires on 2031-06-04 19:08:09")
    assert unit.get(HOSTS + "Status", (b"unit.pem",)) == Status.EXPIRES_SOON
    assert unit.get(HOSTS + "DaysLeft", (b"unit.pem",)) == 29
    unit.wait(3600)
    assert unit.texts("certCertificateExpiresSoon") == []
    assert unit.get("scmUnitHealth") == 200


def test_the_laboratory_offset_lets_it_expire(unit: Bench) -> None:
    ends_in(unit, 335)
    assert unit.get(HOSTS + "Status", (b"unit.pem",)) == Status.VALID
    unit.texts()
    unit.set("hocLabClockOffset", 320 * 86400)
    assert len(unit.texts("certCertificateExpiresSoon")) == 1
    unit.set("hocLabClockOffset", 336 * 86400)
    assert len(unit.texts("certCertificateNotValid")) == 1
    assert unit.get(HOSTS + "Status", (b"unit.pem",)) == Status.EXPIRED
    assert unit.get(HOSTS + "DaysLeft", (b"unit.pem",)) == -1
    assert [text[:24] for text in unit.active()] == ["Certificate unit.pem is "]
    unit.set("hocLabClockOffset", -40 * 86400)
    assert len(unit.texts("certCertificateNotValid")) == 1
    assert unit.get(HOSTS + "Status", (b"unit.pem",)) == Status.NOT_YET_VALID
    unit.set("hocLabClockOffset", 0)
    assert unit.get(HOSTS + "Status", (b"unit.pem",)) == Status.VALID
    assert unit.active() == []
    assert unit.get("scmUnitHealth") == 100


def test_time_that_passes_is_noticed_within_the_hour(unit: Bench) -> None:
    ends_in(unit, 31)
    unit.texts()
    unit.host_time += 86400 + 60       # the host's clock steps; Hoc looks each second
    unit.wait(1)
    assert len(unit.texts("certCertificateExpiresSoon")) == 1


def test_the_warning_days_act_at_once(unit: Bench) -> None:
    ends_in(unit, 29.5)
    unit.set("certExpiryWarningDays", 10)
    assert unit.get(HOSTS + "Status", (b"unit.pem",)) == Status.VALID
    assert unit.active() == []
    unit.texts()
    unit.set("certExpiryWarningDays", 100)
    assert len(unit.texts("certCertificateExpiresSoon")) == 1
    unit.set("certExpiryWarningDays", 0)
    assert unit.get(HOSTS + "Status", (b"unit.pem",)) == Status.VALID


def test_a_renewal_clears_the_warning(unit: Bench) -> None:
    ends_in(unit, 10)
    assert len(unit.active()) == 1
    ends_in(unit, 300)
    assert unit.active() == []


def test_removal_clears_it_and_the_same_file_warns_again(unit: Bench) -> None:
    own = leaf(days=40)
    take(unit, b"unit.pem", own.pem(), HOST)
    unit.set(HOSTS + "RowStatus", DESTROY, (b"unit.pem",))
    assert unit.active() == []
    unit.texts()
    take(unit, b"unit.pem", own.pem(), HOST)
    assert len(unit.texts("certCertificateExpiresSoon")) == 1


def test_without_the_time_nothing_is_judged(unit: Bench) -> None:
    ends_in(unit, 10)
    unit.set("hocClockSource", 300)
    assert unit.get(HOSTS + "Status", (b"unit.pem",)) == Status.TIME_UNKNOWN


@pytest.mark.parametrize(("least", "told"), [(0, 0), (200, 1), (300, 0)])
def test_min_severity(unit: Bench, least: int, told: int) -> None:
    unit.set("certMinSeverity", least)
    unit.texts()
    take(unit, b"ca.pem", chain_pem(CA.certificate))
    assert len(unit.texts("certCertificateAdded")) == told


def test_a_stopped_service_keeps_the_vault(unit: Bench) -> None:
    take(unit, b"ca.pem", chain_pem(CA.certificate))
    unit.services["MIBGATE-CERT-MIB"].stop()
    assert len(unit.unit.vault.authorities()) == 1
    unit.services["MIBGATE-CERT-MIB"].start(unit.services["MIBGATE-CERT-MIB"].configured)


def test_times_are_shown_in_the_units_zone(unit: Bench) -> None:
    take(unit, b"unit.pem", leaf().pem(), HOST)
    assert unit.get(HOSTS + "ValidFrom", (b"unit.pem",)) == b"2031-04-06 07:08:09"
    unit.set("hocStaticTimeZone", b"EST5")
    assert unit.get(HOSTS + "ValidFrom", (b"unit.pem",)) == b"2031-04-06 02:08:09"


# -- what came of it


@pytest.mark.parametrize(("given", "result"), [
    ({"Type": OTHER, "Pem": chain_pem(CA.certificate)}, 300),
    ({"Type": OTHER, "Path": b"none.pem"}, 400),
    ({"Type": OTHER, "Pem": b"noise"}, 500),
    ({"Type": HOST, "Pem": BAD["another key"]}, 600)])
def test_the_last_result_is_kept_for_a_poll(
    unit: Bench, given: dict[str, Value], result: int
) -> None:
    assert unit.get("certStatLastTransferResult") == 100
    unit.run("certImportTable", arguments(FileName=b"x.pem", **given))
    assert unit.get("certStatLastTransferResult") == result


@pytest.mark.parametrize("kind", [HOST, OTHER])
@pytest.mark.parametrize("octets", [
    chain_pem(CA.certificate) * 10_000, b"\0" * 100_000, chain_pem(CA.certificate) + b"\0" * 999,
    b"-----BEGIN CERTIFICATE-----\n" * 50_000, chain_pem(CA.certificate).decode().encode("utf-16"),
    b"\xef\xbb\xbf" + chain_pem(CA.certificate), b"-----BEGIN CERTIFICATE-----" + b"A" * 900_000])
def test_an_odd_file_is_bounded_and_its_error_is_clear(
    unit: Bench, kind: int, octets: bytes
) -> None:
    (files(unit) / "odd.pem").write_bytes(octets)
    job = unit.run("certImportTable", arguments(Type=kind, Path=b"odd.pem"))
    if job.result is JobResult.SUCCESS:
        assert kind == OTHER                    # a mark or zeros around it are passed over
        assert len(unit.unit.vault.authorities()) == 1
    else:
        assert job.error.startswith("odd.pem")
        assert "broke" not in job.error


def test_what_cannot_be_read_any_more_is_left_out_and_told(unit: Bench) -> None:
    take(unit, b"ca.pem", chain_pem(CA.certificate))
    take(unit, b"unit.pem", leaf().pem(), HOST)
    with unit.store.begin(SYSTEM) as transaction:
        transaction.put(Wish(HOSTS + "@key", (b"unit.pem",), b"spoilt", raw=True))
        transaction.prepare()
        unit.result(ensureDeferred(transaction.commit()))  # type: ignore[arg-type]
    assert unit.unit.vault.hosts == {}
    assert len(unit.unit.vault.authorities()) == 1
    assert "unit.pem" in unit.texts("certCertificateRefused")[0]


# -- made here


def run(unit: Bench, name: str, **given: Value) -> Any:
    return unit.run(name + "Table", {name + column: value for column, value in given.items()})


@pytest.mark.parametrize(("kind", "shown"), [(100, b"RSA-2048"), (400, b"EC-P256")])
def test_a_self_signed_certificate_is_made_here(unit: Bench, kind: int, shown: bytes) -> None:
    job = run(unit, "certGenerateSelfSigned", FileName=b"own.pem", CommonName=b"gw.example.com",
              SubjectAltName=b"gw.example.com, IP:192.0.2.5", Days=100, KeyType=kind)
    assert job.result is JobResult.SUCCESS, job.error
    row = {column: unit.get(HOSTS + column, (b"own.pem",)) for column in (
        "IssuedTo", "IssuedBy", "SubjectAltNames", "KeyType", "DaysLeft", "Usage")}
    assert row == {
        "IssuedTo": b"CN=gw.example.com", "IssuedBy": b"CN=gw.example.com",
        "SubjectAltNames": b"DNS:gw.example.com, IP:192.0.2.5", "KeyType": shown, "DaysLeft": 99,
        "Usage": b"TlsClient, TlsServer"}
    assert unit.unit.vault.hosts["own.pem"].facts.is_authority is False


@pytest.mark.parametrize("given", [
    {"FileName": b"a/b"}, {"FileName": b""}, {"CommonName": b""}, {"CommonName": b"a\nb"},
    {"SubjectAltName": b"IP:nowhere"}, {"SubjectAltName": b"-x-"}, {"SubjectAltName": b"a,,b"},
    {"SubjectAltName": b"URI:x y"}, {"SubjectAltName": b",".join([b"a"] * 51)}])
def test_what_cannot_be_a_certificate_is_refused_in_words(
    unit: Bench, given: dict[str, Value]
) -> None:
    fields: dict[str, Value] = {"FileName": b"own.pem", "CommonName": b"gw", **given}
    for name in ("certGenerateSelfSigned", "certGenerateCsr"):
        job = run(unit, name, **fields)
        assert job.result is JobResult.FAILED
        assert "broke" not in job.error
        assert unit.rows(HOSTS + "Table") == unit.rows("certSigningRequestsTable") == []


def test_without_the_time_nothing_is_dated(unit: Bench) -> None:
    unit.set("hocClockSource", 300)
    job = run(unit, "certGenerateSelfSigned", FileName=b"own.pem", CommonName=b"gw")
    assert "the time is not known" in job.error


REQUESTS = "certSigningRequests"


def requested(
    unit: Bench, name: bytes = b"gw.pem", **given: Value
) -> x509.CertificateSigningRequest:
    fields: dict[str, Value] = {"CommonName": b"gw.example.com", **given}
    job = run(unit, "certGenerateCsr", FileName=name, **fields)
    assert job.result is JobResult.SUCCESS, job.error
    pem = unit.get(REQUESTS + "Pem", (name,))
    assert job.answer.encode() == pem.rstrip()
    return x509.load_pem_x509_csr(pem)


def signed(request: x509.CertificateSigningRequest) -> bytes:
    """What the CA makes of a request."""
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    builder = (x509.CertificateBuilder().subject_name(request.subject)
               .issuer_name(CA.certificate.subject).public_key(request.public_key())
               .serial_number(77).not_valid_before(NOW - timedelta(1))
               .not_valid_after(NOW + timedelta(90)).add_extension(names.value, critical=False))
    return chain_pem(builder.sign(CA.key, hashes.SHA256()))


@pytest.mark.parametrize("kind", [100, 500])
def test_a_request_finds_its_key_again_when_it_comes_back_as_a_certificate(
    unit: Bench, kind: int
) -> None:
    request = requested(unit, KeyType=kind, SubjectAltName=b"DNS:gw.example.com")
    assert request.is_signature_valid
    assert unit.get(REQUESTS + "IssuedTo", (b"gw.pem",)) == b"CN=gw.example.com"
    assert unit.get(REQUESTS + "KeyType", (b"gw.pem",)) == \
        {100: b"RSA-2048", 500: b"EC-P384"}[kind]
    assert unit.rows(HOSTS + "Table") == []
    take(unit, b"signed.pem", signed(request), HOST)
    held = unit.unit.vault.hosts["signed.pem"]
    assert held.key.public_key() == request.public_key()
    assert unit.rows(REQUESTS + "Table") == []
    assert unit.store.configured.cell(REQUESTS + "@key", (b"gw.pem",)) is None


def test_a_renewal_of_what_is_there_needs_no_key(unit: Bench) -> None:
    own = leaf()
    take(unit, b"unit.pem", own.pem(), HOST)
    renewed = issue("unit.example.com", dns("unit.example.com"), by=CA, number=1, days=700)
    take(unit, b"unit.pem", chain_pem(renewed.certificate), HOST)
    assert unit.unit.vault.hosts["unit.pem"].certificate == renewed.certificate


def test_a_dropped_request_takes_its_key_away(unit: Bench) -> None:
    request = requested(unit)
    unit.set(REQUESTS + "RowStatus", DESTROY, (b"gw.pem",))
    assert "no signing request" in fails(
        unit, Type=HOST, FileName=b"gw.pem", Pem=signed(request))


def test_the_key_of_a_request_is_sealed_and_shown_nowhere(unit: Bench, tmp_path: Path) -> None:
    requested(unit)
    key = unit.store.configured.cell(REQUESTS + "@key", (b"gw.pem",))
    assert isinstance(key, bytes)
    middle = key.split(b"\n")[1]
    assert middle not in b"".join(
        path.read_bytes() for path in unit.unit.state.path.rglob("*") if path.is_file())
    assert middle.decode() not in repr(unit.store.audit())


def test_requests_are_bounded_and_the_same_name_again_replaces(unit: Bench) -> None:
    for number in range(20):
        requested(unit, b"gw%d.pem" % number)
    job = run(unit, "certGenerateCsr", FileName=b"more.pem", CommonName=b"gw")
    assert "20 signing requests wait already" in job.error
    before = unit.get(REQUESTS + "Pem", (b"gw3.pem",))
    requested(unit, b"gw3.pem")
    assert unit.get(REQUESTS + "Pem", (b"gw3.pem",)) != before


def test_two_jobs_for_one_name_at_once_both_succeed(unit: Bench) -> None:
    """Each reads its file before either commits; the later commit is the one that stays."""
    held: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def in_thread(call: Callable[[], Any]) -> Deferred[Any]:
        held.append((call, Deferred()))
        return held[-1][1]

    unit.unit.in_thread = in_thread  # type: ignore[method-assign,assignment]
    renewed = leaf(days=700)
    waited = [ensureDeferred(unit.session().run("certImportTable", arguments(  # type: ignore[arg-type]
        Type=HOST, FileName=b"unit.pem", Pem=each.pem()))) for each in (leaf(), renewed)]
    unit.settle()
    read = [call() for call, _ in held]
    for (_, done), wishes in zip(held, read, strict=True):
        done.callback(wishes)
    jobs: list[Any] = [unit.result(each) for each in waited]  # type: ignore[arg-type]
    assert [job.error for job in jobs] == ["", ""]
    assert unit.unit.vault.hosts["unit.pem"].certificate == renewed.certificate


# -- revocation


URL = "certCertificateAuthoritiesOverrideIssuedCertificateOcspUrl"


def test_a_cas_row_says_whom_to_ask_about_what_it_issued(unit: Bench) -> None:
    take(unit, b"ca.pem", chain_pem(CA.certificate, OTHER_CA.certificate))
    unit.set(URL, b"http://ocsp.example:8080/x", (b"ca.pem",))
    revocation = unit.unit.vault.shared.revocation
    assert revocation is not None
    for each in (CA, OTHER_CA):
        assert revocation.override(each.certificate) == "http://ocsp.example:8080/x"
    assert revocation.override(leaf().certificate) == ""
    unit.set(OTHERS + "RowStatus", DESTROY, (b"ca.pem",))
    assert revocation.override(CA.certificate) == ""


@pytest.mark.parametrize("url", [b"https://x/", b"x", b"http://", b"http://x:y/", b"http://a b/"])
def test_a_responders_url_is_an_http_url(unit: Bench, url: bytes) -> None:
    take(unit, b"ca.pem", chain_pem(CA.certificate))
    with pytest.raises(WrongValue, match="http://"):
        unit.set(URL, url, (b"ca.pem",))


def test_what_responders_say_is_told_once(unit: Bench) -> None:
    revocation = unit.unit.vault.shared.revocation
    assert revocation is not None
    for _ in range(2):
        revocation.tell(Responder("http://ocsp.example/", "no answer within 5 s"))
    assert unit.texts("certOcspResponderNotAvailable") == [
        "OCSP responder http://ocsp.example/ is not available: no answer within 5 s."]
    assert len(unit.active()) == 1
    for _ in range(2):
        revocation.tell(Responder("http://ocsp.example/"))
    assert unit.texts("certOcspResponderAvailable") == [
        "OCSP responder http://ocsp.example/ is available again."]
    assert unit.active() == []
    revocation.tell(Revoked("CN=gone", "CN=Test CA"))
    assert unit.texts("certCertificateRevoked") == [
        "Certificate of CN=gone, issued by CN=Test CA, is revoked."]


# -- the key log


def test_the_key_log_is_on_for_so_many_minutes(unit: Bench) -> None:
    key_log = unit.unit.vault.shared.key_log
    job = run(unit, "certKeyLog", Minutes=3)
    assert job.result is JobResult.SUCCESS, job.error
    path = Path(job.answer)
    assert (path.stat().st_mode & 0o777, path.parent) == (0o600, unit.unit.state.path)
    assert unit.texts("certKeyLogOn") == [
        "The TLS key log keylog.txt is on for 3 min: whoever has it can read our connections."]
    assert (key_log.is_on, unit.get("certKeyLogRemaining")) == (True, 180)
    key_log.hear(None, b"LINE 1 2")  # type: ignore[arg-type]
    assert path.read_bytes() == b"LINE 1 2\n"
    unit.wait(179)
    assert (key_log.is_on, unit.get("certKeyLogRemaining")) == (True, 1)
    unit.wait(2)
    assert (key_log.is_on, unit.get("certKeyLogRemaining")) == (False, 0)
    assert unit.texts("certKeyLogOff") == ["The TLS key log keylog.txt is off."]
    assert unit.active() == []
    assert path.exists()


def test_0_minutes_turn_it_off_and_a_new_run_begins_a_new_file(unit: Bench) -> None:
    key_log = unit.unit.vault.shared.key_log
    path = Path(run(unit, "certKeyLog", Minutes=60).answer)
    key_log.hear(None, b"OLD")  # type: ignore[arg-type]
    run(unit, "certKeyLog", Minutes=0)
    assert not key_log.is_on
    run(unit, "certKeyLog", Minutes=1)
    assert path.read_bytes() == b""


def test_an_hour_is_the_most_and_an_admin_it_takes(unit: Bench) -> None:
    with pytest.raises(WrongValue):
        run(unit, "certKeyLog", Minutes=61)
    with pytest.raises(NoAccess):
        unit.run("certKeyLogTable", {"certKeyLogMinutes": 1}, principal=USER)


def test_it_is_off_after_a_restart(unit: Bench) -> None:
    run(unit, "certKeyLog", Minutes=60)
    unit.restart("Cert")
    assert not unit.unit.vault.shared.key_log.is_on
    assert unit.get("certKeyLogRemaining") == 0


# -- the probe


def test_a_probe_wants_a_host_with_its_port(unit: Bench) -> None:
    for host in (b"", b"sip.example.com"):
        assert "with its port" in run(unit, "certProbe", Host=host).error


def test_what_is_no_host_is_refused_as_it_is_written(unit: Bench) -> None:
    with pytest.raises(WrongValue, match="a host is a name"):
        unit.change(("certProbeRowStatus", (3,), 5), ("certProbeHost", (3,), b'"'))


def test_a_server_that_cannot_be_reached_is_said(unit: Bench) -> None:
    running = unit.session().run("certProbeTable", {"certProbeHost": b"192.0.2.9:5061"})
    waited: Any = ensureDeferred(running)  # type: ignore[arg-type]
    unit.settle()
    host, port, factory, *_ = unit.reactor.tcpClients.pop()
    assert (host, port) == ("192.0.2.9", 5061)
    factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))  # type: ignore[arg-type]
    job: Any = unit.result(waited)
    assert "192.0.2.9:5061 can't be reached" in job.error


def test_the_last_five_reports_are_kept() -> None:
    reports = Reports()
    for number in range(1, 8):
        reports.keep(number, ["one", "x" * 2000])
    assert sorted({index[0] for index in reports.table.indexes()}) == [3, 4, 5, 6, 7]
    reports.keep(7, ["again"])
    assert [index for index in reports.table.indexes() if index[0] == 7] == [(7, 1)]
    row = reports.table.get((6, 2))
    assert row is not None
    assert len(row.text) == 1024
