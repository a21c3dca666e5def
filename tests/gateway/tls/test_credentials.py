from __future__ import annotations

import time
from datetime import UTC, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from hypothesis import given
from hypothesis import strategies as some

from mibgateway.tls.certificate import SIP_DOMAIN, CredentialError, Status, Usage, facts, usage
from mibgateway.tls.credentials import (
    CERTIFICATE_LIMIT,
    SIZE_LIMIT_BYTES,
    HostCredential,
    choose,
    read_authorities,
    read_certificates,
    read_host,
)
from mibgateway.tls.policy import Floor, SuiteSet, TlsPolicy
from tests.gateway.tls.pki import NOW, chain_pem, dns, ip, issue, key_usage, uri

WEB = TlsPolicy(use="Web")
ROOT = issue("Root", ca=True, number=1)
MIDDLE = issue("Middle", by=ROOT, ca=True, number=2)
LEAF = issue("host", dns("host.example.com"), by=MIDDLE)
RSA = issue("host", dns("host.example.com"), by=ROOT, kind="rsa")


def key_pem(style: serialization.PrivateFormat, password: bytes = b"") -> bytes:
    return RSA.key.private_bytes(
        serialization.Encoding.PEM,
        style,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


@pytest.mark.parametrize("kind", [trustme.KeyType.RSA, trustme.KeyType.ECDSA])
def test_what_trustme_writes_is_read(kind: trustme.KeyType) -> None:
    ca = trustme.CA(key_type=kind)
    leaf = ca.create_child_ca(key_type=kind).issue_cert("a.example", key_type=kind)
    host = read_host("a.pem", leaf.private_key_and_cert_chain_pem.bytes())
    assert [each.subject for each in host.chain[:1]] == [host.certificate.subject]
    assert host.certificate.issuer == host.chain[1].subject
    assert host.facts.alternative_names == ("DNS:a.example",)
    assert host.facts.key_type in ("RSA-2048", "EC-P256")
    [authority] = read_authorities("ca.pem", ca.cert_pem.bytes())
    assert authority.facts.is_authority


def test_a_file_may_hold_its_certificates_in_any_order() -> None:
    parts = [
        each.public_bytes(serialization.Encoding.PEM)
        for each in (ROOT.certificate, LEAF.certificate, MIDDLE.certificate)
    ]
    host = read_host("x", b"some words\r\n" + LEAF.pem() + b"".join(parts))
    assert host.chain[0] == LEAF.certificate
    assert host.chain[1] == MIDDLE.certificate
    assert read_host("x", LEAF.pem().replace(b"\n", b"\r\n")).chain == host.chain[:2]


def test_what_is_written_is_read_again() -> None:
    host = LEAF.credential()
    assert read_host(host.name, host.key_pem() + host.chain_pem()).chain == host.chain


@pytest.mark.parametrize(
    "style", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_keys_in_each_style_with_and_without_a_password(
    style: serialization.PrivateFormat,
) -> None:
    certificate = chain_pem(RSA.certificate)
    assert read_host("x", certificate + key_pem(style)).certificate == RSA.certificate
    sealed = certificate + key_pem(style, b"se cret")
    assert read_host("x", sealed, "se cret").certificate == RSA.certificate
    with pytest.raises(CredentialError, match=r"^x: the private key needs a password$"):
        read_host("x", sealed)
    with pytest.raises(CredentialError, match=r"is the password right\?") as refused:
        read_host("x", sealed, "other")
    assert "other" not in str(refused.value)


def test_pkcs12_with_its_chain() -> None:
    octets = pkcs12.serialize_key_and_certificates(
        b"n",
        LEAF.key,
        LEAF.certificate,
        [ROOT.certificate, MIDDLE.certificate],
        serialization.BestAvailableEncryption(b"pw"),
    )
    host = read_host("x.p12", octets, "pw")
    assert host.chain == (LEAF.certificate, MIDDLE.certificate, ROOT.certificate)
    for password in ("", "pq"):
        with pytest.raises(CredentialError, match=r"^x\.p12: .*password"):
            read_host("x.p12", octets, password)


def test_pkcs12_without_a_key_is_no_host_certificate() -> None:
    octets = pkcs12.serialize_key_and_certificates(
        None, None, ROOT.certificate, None, serialization.NoEncryption()
    )
    with pytest.raises(CredentialError, match="no private key in it"):
        read_host("x.p12", octets)


def test_a_key_of_another_certificate_is_refused_by_name() -> None:
    other = issue("other", kind="ec", number=9)
    mixed = chain_pem(LEAF.certificate) + other.credential().key_pem()
    with pytest.raises(CredentialError, match=r"belongs to none of its certificates: CN=host"):
        read_host("x", mixed)
    with pytest.raises(CredentialError, match=r"does not belong to CN=host"):
        HostCredential("x", (LEAF.certificate,), other.key)


def test_a_damaged_certificate_is_named_by_its_place() -> None:
    good = chain_pem(ROOT.certificate)
    for damaged in (good[:60] + good[64:], good.replace(b"MII", b"$II")):
        with pytest.raises(CredentialError, match=r"^x: certificate 2 of 3 can't be read"):
            read_certificates("x", good + damaged + good)
    with pytest.raises(CredentialError, match="without its END line"):
        read_certificates("x", good[:-30])
    with pytest.raises(CredentialError, match="without its END line"):
        read_certificates("x", good[:100] + b"\n" + good)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "can't be read"),
        (b"\0" * 1000, "can't be read"),
        ("Zertifikat".encode("utf-16"), "can't be read"),
        (b"-----BEGIN X-----\n-----END X-----\n", "no certificate in it"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "can't be read"),
    ],
)
def test_what_is_no_certificate_is_refused(octets: bytes, why: str) -> None:
    with pytest.raises(CredentialError, match=why):
        read_certificates("x", octets)
    with pytest.raises(CredentialError):
        read_host("x", octets)


def test_too_much_is_refused_and_quickly() -> None:
    one = chain_pem(ROOT.certificate)
    few = one * (CERTIFICATE_LIMIT + 1)
    with pytest.raises(CredentialError, match=f"{CERTIFICATE_LIMIT + 1} certificates, more than"):
        read_certificates("x", few)
    started = time.monotonic()
    for octets in (
        one * 10000,
        b"A" * (10 << 20),
        b"-----BEGIN X-----\n" * (SIZE_LIMIT_BYTES // 18),
        (b"-----BEGIN X-----\n-----END X-----\n" * (SIZE_LIMIT_BYTES // 34))[:SIZE_LIMIT_BYTES],
    ):
        with pytest.raises(CredentialError):
            read_certificates("x", octets)
    assert time.monotonic() - started < 2


@given(some.binary(max_size=300))
def test_noise_is_refused_by_credential_error_alone(noise: bytes) -> None:
    pem = b"-----BEGIN CERTIFICATE-----\n" + noise + b"\n-----END CERTIFICATE-----\n"
    for octets in (noise, pem, RSA.pem()[:500] + noise):
        for read in (read_certificates, read_host, read_authorities):
            with pytest.raises(CredentialError):
                read("x", octets)


def test_der_is_read() -> None:
    octets = ROOT.certificate.public_bytes(serialization.Encoding.DER)
    assert read_certificates("x.cer", octets) == (ROOT.certificate,)


def test_a_leaf_is_no_authority() -> None:
    with pytest.raises(CredentialError, match="CN=host is not a CA certificate"):
        read_authorities("x", chain_pem(ROOT.certificate, LEAF.certificate))


def test_ed25519_keys_are_refused_by_name() -> None:
    own = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .serial_number(1)
        .public_key(own.public_key())
        .not_valid_before(NOW)
        .not_valid_after(NOW)
        .sign(own, None)
    )
    pem = chain_pem(certificate) + own.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(CredentialError, match="is Ed25519; RSA or EC is needed"):
        read_host("x", pem)
    assert facts(certificate).key_type == "Ed25519"


def test_a_key_is_in_no_text() -> None:
    host = LEAF.credential()
    assert "key" not in repr(host).replace("public_key", "")


def test_the_facts_of_a_certificate() -> None:
    shown = facts(
        issue(
            "host",
            dns("a.example") + ip("192.0.2.1", "2001:db8::1") + uri("sip:a.example"),
            by=ROOT,
        ).certificate
    )
    assert (shown.issued_to, shown.issued_by) == ("CN=host", "CN=Root")
    assert shown.alternative_names == (
        "DNS:a.example",
        "IP:192.0.2.1",
        "IP:2001:db8::1",
        "URI:sip:a.example",
    )
    assert shown.usage == (Usage.TLS_CLIENT, Usage.TLS_SERVER)
    assert (shown.is_authority, shown.key_type) == (False, "EC-P256")
    assert shown.valid_from.tzinfo is UTC
    digest = hashes.Hash(hashes.SHA256())
    digest.update(ROOT.certificate.public_bytes(serialization.Encoding.DER))
    assert facts(ROOT.certificate).fingerprint == digest.finalize().hex()


@pytest.mark.parametrize(
    ("purposes", "bits", "roles", "for_sip"),
    [
        (None, (), "TlsClient TlsServer", "TlsClient TlsServer"),
        ([Purpose.SERVER_AUTH], (), "TlsServer", "TlsServer"),
        ([Purpose.CLIENT_AUTH], (), "TlsClient", "TlsClient"),
        ([Purpose.ANY_EXTENDED_KEY_USAGE], (), "TlsClient TlsServer", "TlsClient TlsServer"),
        ([SIP_DOMAIN], (), "", "TlsClient TlsServer"),
        ([Purpose.CODE_SIGNING], (), "", ""),
        (None, ("digital_signature",), "TlsClient TlsServer", "TlsClient TlsServer"),
        (None, ("key_encipherment",), "TlsServer", "TlsServer"),
        (None, ("key_cert_sign",), "", ""),
        ([Purpose.CLIENT_AUTH], ("key_encipherment",), "", ""),
    ],
)
def test_usage_is_what_both_extensions_allow(
    purposes: list[x509.ObjectIdentifier] | None, bits: tuple[str, ...], roles: str, for_sip: str
) -> None:
    """RFC 5280 sections 4.2.1.3 and 4.2.1.12."""
    certificate = issue(
        "x", purposes=purposes, key_usage=key_usage(*bits) if bits else None
    ).certificate
    assert " ".join(usage(certificate)) == roles
    assert " ".join(usage(certificate, for_sip=True)) == for_sip


def test_the_status_follows_the_clock() -> None:
    shown = facts(issue("x", start=NOW, days=100).certificate)
    end = NOW + timedelta(days=100)
    second = timedelta(seconds=1)
    assert shown.status(None) is Status.TIME_UNKNOWN
    assert shown.status(NOW - second, 30) is Status.NOT_YET_VALID
    assert shown.status(NOW, 30) is Status.VALID
    assert shown.status(end - timedelta(days=30) - second, 30) is Status.VALID
    assert shown.status(end - timedelta(days=30), 30) is Status.EXPIRES_SOON
    assert shown.status(end, 0) is Status.VALID
    assert shown.status(end + second, 30) is Status.EXPIRED
    days = [shown.days_left(at) for at in (NOW, end - second, end, end + second)]
    assert days == [100, 0, 0, -1]


def test_the_one_that_ends_last_is_taken() -> None:
    short = issue("short", by=ROOT, days=100).credential("short")
    long = issue("long", by=ROOT, days=300).credential("long")
    future = issue("future", by=ROOT, start=NOW + timedelta(days=60), days=900).credential("f")
    server = issue("server", by=ROOT, days=800, purposes=[Purpose.SERVER_AUTH]).credential("server")
    ours = [short, long, future, server]
    assert choose(ours, Usage.TLS_CLIENT, NOW, WEB) is long
    assert choose(ours, Usage.TLS_SERVER, NOW, WEB) is server
    assert choose(ours, Usage.TLS_CLIENT, NOW + timedelta(days=61), WEB) is future
    assert choose(ours, Usage.TLS_CLIENT, None, WEB) is future
    assert choose([short], Usage.TLS_CLIENT, NOW + timedelta(days=200), WEB) is None
    assert choose([], Usage.TLS_SERVER, NOW, WEB) is None


def test_for_sip_a_sip_certificate_may_be_taken() -> None:
    host = issue("x", by=ROOT, purposes=[SIP_DOMAIN]).credential()
    assert choose([host], Usage.TLS_SERVER, NOW, WEB) is None
    assert choose([host], Usage.TLS_SERVER, NOW, TlsPolicy()) is host


def test_a_key_that_serves_more_of_the_policy_goes_first() -> None:
    """RFC 8422 section 2: below TLS 1.3 the suites of CS1 to CS3 have no use for an EC key."""
    own_rsa = issue("rsa", by=ROOT, kind="rsa", days=100).credential("rsa")
    own_ec = issue("ec", by=ROOT, days=300).credential("ec")
    for suite_set in SuiteSet:
        for floor in Floor:
            policy = TlsPolicy(suite_set, floor)
            taken = choose([own_rsa, own_ec], Usage.TLS_SERVER, NOW, policy)
            only_1_3 = floor is Floor.TLSV1_3 and suite_set is SuiteSet.CS3
            is_ec = suite_set is SuiteSet.CS4 or only_1_3
            is_ec = is_ec or not policy.selection.usable
            assert taken is (own_ec if is_ec else own_rsa), policy
            assert choose([own_ec], Usage.TLS_SERVER, NOW, policy) is own_ec
