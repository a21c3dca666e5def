"""What is asked of a responder, and which answers are believed. RFC 6960."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from hypothesis import given
from hypothesis import strategies as some

from mibgateway.tls.ocsp import OcspError, Standing, ask, read, responder_of
from tests.gateway.tls.pki import NOW, Issued, answer, dns, issue

ROOT = issue("Root", ca=True, number=1)
OTHER = issue("Other", ca=True, number=2)
LEAF = issue("leaf", dns("leaf.example.com"), by=ROOT, number=3, responder="http://ocsp.example/")
DELEGATE = issue("responder", by=ROOT, number=4, purposes=[Purpose.OCSP_SIGNING])


def believed(octets: bytes, nonce: bytes = b"") -> Standing:
    return read(octets, LEAF.certificate, ROOT.certificate, NOW, nonce).standing


def why_not(octets: bytes, nonce: bytes = b"") -> str:
    with pytest.raises(OcspError) as refused:
        believed(octets, nonce)
    return str(refused.value)


@pytest.mark.parametrize("standing", Standing)
def test_the_issuer_says_what_it_knows(standing: Standing) -> None:
    found = read(answer(LEAF, ROOT, standing), LEAF.certificate, ROOT.certificate, NOW)
    assert found.standing is standing
    assert found.next_update == NOW + timedelta(days=1)
    if standing is Standing.REVOKED:
        assert (found.revoked_at, found.reason) == (NOW - timedelta(days=2), "keyCompromise")


def test_a_delegate_of_the_issuer_may_say_it() -> None:
    """RFC 6960 section 4.2.2.2."""
    assert believed(answer(LEAF, ROOT, by=DELEGATE, shown=[DELEGATE])) is Standing.GOOD


def delegate(**given: object) -> Issued:
    fields: dict[str, object] = {"by": ROOT, "purposes": [Purpose.OCSP_SIGNING], **given}
    return issue("responder", number=4, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("who", "why"), [
    (delegate(purposes=[Purpose.SERVER_AUTH]), "is not for OCSP signing"),
    (delegate(purposes=None), "is not for OCSP signing"),
    (delegate(by=OTHER), "was not issued by CN=Root"),
    (delegate(by=None), "was not issued by CN=Root"),
    (delegate(start=NOW - timedelta(days=9), days=8), "is not in date"),
    (delegate(start=NOW + timedelta(days=1)), "is not in date"),
])
def test_nobody_else_may(who: Issued, why: str) -> None:
    assert why in why_not(answer(LEAF, ROOT, by=who, shown=[who]))


def test_a_delegate_that_does_not_come_along_is_nobody() -> None:
    assert "nobody who may" in why_not(answer(LEAF, ROOT, by=DELEGATE))


def test_a_stranger_with_the_issuers_name_is_found_out() -> None:
    false = issue("Root", ca=True, number=9)
    made = answer(LEAF, ROOT, by=false)
    assert "signature of CN=Root does not fit" in why_not(made)


def test_another_issuers_answer_is_about_another() -> None:
    """RFC 6960 section 3.2, rule 1: serial numbers are each CA's own."""
    same_serial = ocsp.OCSPResponseBuilder().add_response_by_hash(
        b"\1" * 20, b"\2" * 20, LEAF.certificate.serial_number, hashes.SHA1(),
        ocsp.OCSPCertStatus.GOOD, NOW, NOW + timedelta(days=1), None, None)
    made = same_serial.responder_id(ocsp.OCSPResponderEncoding.NAME, ROOT.certificate)
    octets = made.sign(ROOT.key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert "about another certificate" in why_not(octets)
    assert "about another certificate" in why_not(answer(DELEGATE, ROOT))


@pytest.mark.parametrize(("since", "until", "why"), [
    (-2.0, -0.1, "held until"), (0.1, 1.0, "is yet to come"), (-1.1, None, "is too old"),
    (-2.0, -0.002, ""), (0.003, 1.0, ""), (-0.9, None, ""), (-300.0, 1.0, ""),
])
def test_its_dates_are_judged_by_the_units_clock(
    since: float, until: float | None, why: str
) -> None:
    """RFC 6960 section 3.2, rules 5 and 6; five minutes are left to clocks that differ."""
    end = None if until is None else NOW + timedelta(days=until)
    made = answer(LEAF, ROOT, since=NOW + timedelta(days=since), until=end)
    if why:
        assert why in why_not(made)
    else:
        assert believed(made) is Standing.GOOD


def test_an_answer_holds_until_the_next_is_due() -> None:
    found = read(answer(LEAF, ROOT), LEAF.certificate, ROOT.certificate, NOW)
    assert found.holds(NOW)
    assert found.holds(NOW + timedelta(hours=23))
    assert not found.holds(NOW + timedelta(days=1))
    assert not found.holds(NOW - timedelta(hours=2))
    newest = read(answer(LEAF, ROOT, until=None), LEAF.certificate, ROOT.certificate, NOW)
    assert not newest.holds(NOW)


def test_the_question_names_the_certificate_and_the_nonce_is_fresh() -> None:
    one, two = (ask(LEAF.certificate, ROOT.certificate) for _ in range(2))
    read_back = ocsp.load_der_ocsp_request(one.octets)
    assert read_back.serial_number == LEAF.certificate.serial_number
    assert read_back.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == one.nonce
    assert one.nonce != two.nonce


def test_a_nonce_is_ours_or_none() -> None:
    """RFC 9654 section 2.1: answers made beforehand have none."""
    nonce = ask(LEAF.certificate, ROOT.certificate).nonce
    assert believed(answer(LEAF, ROOT, nonce=nonce), nonce) is Standing.GOOD
    assert believed(answer(LEAF, ROOT), nonce) is Standing.GOOD
    assert "its nonce is not ours" in why_not(answer(LEAF, ROOT, nonce=b"x" * 16), nonce)


@pytest.mark.parametrize("status", [
    ocsp.OCSPResponseStatus.TRY_LATER, ocsp.OCSPResponseStatus.UNAUTHORIZED])
def test_a_responder_that_will_not_says_so(status: ocsp.OCSPResponseStatus) -> None:
    made = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
    assert why_not(made) == f"the responder says {status.name.lower()}"


@given(some.binary(max_size=300))
def test_octets_of_any_kind_are_an_error_in_words(octets: bytes) -> None:
    assert why_not(octets)


SOUND = answer(LEAF, ROOT, "revoked")


@given(some.integers(0, len(SOUND) - 1), some.integers(0, 7))
def test_a_damaged_answer_is_never_believed(at: int, bit: int) -> None:
    damaged = SOUND[:at] + bytes([SOUND[at] ^ 1 << bit]) + SOUND[at + 1:]
    with suppress(OcspError):
        assert believed(damaged) is Standing.REVOKED    # only what is not signed was hit


def test_the_responder_is_the_one_that_the_certificate_names() -> None:
    assert responder_of(LEAF.certificate) == "http://ocsp.example/"
    assert responder_of(DELEGATE.certificate) == ""
    for url in ("https://ocsp.example/", "ldap://ocsp.example/", "file:///etc/passwd"):
        assert responder_of(issue("x", by=ROOT, responder=url).certificate) == ""
