from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from mibgateway.tls.certificate import SIP_DOMAIN
from mibgateway.tls.creator import ClientCreator, ServerCreator, facts
from mibgateway.tls.credentials import Authority
from mibgateway.tls.explain import explain
from mibgateway.tls.identity import Names, PeerRefused, is_named, sip_host
from mibgateway.tls.policy import Level, TlsPolicy
from tests.gateway.tls.pki import (
    NOW,
    Issued,
    clock,
    dns,
    handshake,
    ip,
    issue,
    key_usage,
    uri,
)

SERVER, NODE, ADDRESS = "sip.example.com", "node1.example.com", "192.0.2.7"
TRUSTED, SRV, HOST = Level.TRUSTED_CERTIFICATE, Level.DNS_SRV_RESPONSE, Level.HOST_NAME

ROOT = issue("Root", ca=True, number=1)
MIDDLE = issue("Middle", by=ROOT, ca=True, number=2)
OLD_MIDDLE = issue("Old middle", by=ROOT, ca=True, number=2, days=20)
OLD_ROOT = issue("Old root", ca=True, number=3, days=20)
OTHER_ROOT = issue("Other root", ca=True, number=4)
NAMED = dns(SERVER)


def without_issuers(issued: Issued) -> Issued:
    return Issued(issued.certificate, issued.key)


class Case(NamedTuple):
    peer: Issued
    trusted: str
    """Empty where it passes, else the check that refuses it."""
    srv: str
    host: str
    contacted: str = SERVER


CASES = {
    "good": Case(issue("x", NAMED, by=ROOT), "", "", ""),
    "good with RSA": Case(issue("x", NAMED, by=ROOT, kind="rsa"), "", "", ""),
    "through an intermediate": Case(issue("x", NAMED, by=MIDDLE), "", "", ""),
    "missing intermediate": Case(
        without_issuers(issue("x", NAMED, by=MIDDLE)), "chain", "chain", "chain"
    ),
    "self-signed": Case(issue("x", NAMED), "chain", "chain", "chain"),
    "unknown CA": Case(issue("x", NAMED, by=OTHER_ROOT), "chain", "chain", "chain"),
    "expired": Case(issue("x", NAMED, by=ROOT, days=29), "dates", "dates", "dates"),
    "not yet valid": Case(
        issue("x", NAMED, by=ROOT, start=NOW + timedelta(hours=1)), "dates", "dates", "dates"
    ),
    "intermediate expired": Case(issue("x", NAMED, by=OLD_MIDDLE), "dates", "dates", "dates"),
    "root expired": Case(issue("x", NAMED, by=OLD_ROOT), "dates", "dates", "dates"),
    "wrong name": Case(issue("x", dns("sip.example.org"), by=ROOT), "", "hostname", "hostname"),
    "longer name": Case(issue("x", dns("a.sip.example.com"), by=ROOT), "", "hostname", "hostname"),
    "other letters": Case(issue("x", dns("SIP.Example.COM"), by=ROOT), "", "", ""),
    "CN only": Case(issue(SERVER, by=ROOT), "", "", ""),
    "CN beside a SAN of that kind": Case(
        issue(SERVER, dns("x.example.org"), by=ROOT), "", "hostname", "hostname"
    ),
    "CN beside a SAN of another kind": Case(issue(SERVER, ip(ADDRESS), by=ROOT), "", "", ""),
    "IP SAN": Case(issue("x", ip(ADDRESS), by=ROOT), "", "", "", ADDRESS),
    "IPv6 SAN": Case(issue("x", ip("2001:db8::7"), by=ROOT), "", "", "", "2001:DB8:0::7"),
    "IP SAN, contacted by name": Case(issue("x", ip(ADDRESS), by=ROOT), "", "hostname", "hostname"),
    "IP as dNSName": Case(issue("x", dns(ADDRESS), by=ROOT), "", "hostname", "hostname", ADDRESS),
    "IP in the CN": Case(issue(ADDRESS, dns("a.example"), by=ROOT), "", "", "", ADDRESS),
    "SRV name only": Case(issue("x", dns(NODE), by=ROOT), "", "", "hostname"),
    "wildcard": Case(issue("x", dns("*.example.com"), by=ROOT), "", "hostname", "hostname"),
    "wildcard in the CN": Case(issue("*.example.com", by=ROOT), "", "hostname", "hostname"),
    "SIP URI": Case(issue("x", uri(f"sip:{SERVER}"), by=ROOT), "", "", ""),
    "SIP URI of another, dNSName ours": Case(  # RFC 5922 section 7.1, DNS
        issue("x", uri("sip:example.org") + NAMED, by=ROOT), "", "hostname", "hostname"
    ),
    "sips URI": Case(issue("x", uri(f"sips:{SERVER}"), by=ROOT), "", "hostname", "hostname"),
    "SIP URI of a user": Case(
        issue("x", uri(f"sip:bob@{SERVER}"), by=ROOT), "", "hostname", "hostname"
    ),
    "for clients only": Case(
        issue("x", NAMED, by=ROOT, purposes=[Purpose.CLIENT_AUTH]),
        "key usage",
        "key usage",
        "key usage",
    ),
    "for e-mail only": Case(
        issue("x", NAMED, by=ROOT, purposes=[Purpose.EMAIL_PROTECTION]),
        "key usage",
        "key usage",
        "key usage",
    ),
    "no extended key usage": Case(issue("x", NAMED, by=ROOT, purposes=None), "", "", ""),
    "for SIP": Case(issue("x", NAMED, by=ROOT, purposes=[SIP_DOMAIN]), "", "", ""),
    "for issuing only": Case(
        issue("x", NAMED, by=ROOT, key_usage=key_usage("key_cert_sign")),
        "key usage",
        "key usage",
        "key usage",
    ),
    "issued by a leaf": Case(
        issue("x", NAMED, by=issue("no CA", by=ROOT, number=5)), "chain", "chain", "chain"
    ),
    "key too short": Case(
        issue("x", NAMED, by=ROOT, kind="rsa1024"), "strength", "strength", "strength"
    ),
}

AUTHORITIES = (ROOT.authority(), OLD_ROOT.authority())


def shake(
    peer: Issued, policy: TlsPolicy, contacted: str = SERVER
) -> tuple[Exception | None, Exception | None]:
    """Dial a server that shows the peer's certificate; give what client and server failed with."""
    client = ClientCreator(policy, None, AUTHORITIES, contacted, {NODE}, clock=clock)
    server = ServerCreator(TlsPolicy(floor=policy.floor), peer.credential, tuple, clock=clock)
    if peer is CASES["key too short"].peer:
        server = ServerCreator(
            TlsPolicy(floor=policy.floor.TLSV1), peer.credential, tuple, clock=clock
        )
    failed = handshake(client.clientConnectionForTLS(None), server.serverConnectionForTLS(None))
    return failed.get("client"), failed.get("server")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("level", list(Level))
def test_each_level_judges_each_server(level: Level, name: str) -> None:
    case = CASES[name]
    expected = {Level.NO_VALIDATION: "", TRUSTED: case.trusted, SRV: case.srv, HOST: case.host}
    failure, _ = shake(case.peer, TlsPolicy(level=level), case.contacted)
    if not expected[level]:
        assert failure is None
        return
    assert isinstance(failure, PeerRefused)
    assert (failure.check, failure.level) == (expected[level], level)
    text = explain(failure, TlsPolicy(level=level))
    assert failure.subject in text
    assert failure.check in text
    assert level.label in text


@pytest.mark.parametrize("name", CASES)
def test_a_server_judges_each_client_at_the_trusted_level(name: str) -> None:
    case, policy = CASES[name], TlsPolicy(client_authentication=True, level=Level.NO_VALIDATION)
    if name == "key too short":
        return  # OpenSSL does not let a client of ours show it
    good = CASES["good"].peer
    client = ClientCreator(policy, case.peer.credential(), (), SERVER, clock=clock)
    server = ServerCreator(policy, good.credential, lambda: AUTHORITIES, clock=clock)
    connection = server.serverConnectionForTLS(None)
    failure = handshake(client.clientConnectionForTLS(None), connection).get("server")
    expected = "" if name == "for clients only" else case.trusted
    assert getattr(failure, "check", "") == expected
    if not expected:
        assert facts(connection).peer_subject == case.peer.certificate.subject.rfc4514_string()


def test_wildcards_are_for_all_but_sip() -> None:
    peer = CASES["wildcard"].peer
    assert shake(peer, TlsPolicy(use="File")) == (None, None)
    for foreign in ("a.b.example.com", "example.com"):
        failure, _ = shake(peer, TlsPolicy(use="File"), foreign)
        assert isinstance(failure, PeerRefused)


def test_what_only_sip_has_is_not_for_others() -> None:
    for name, check in (("SIP URI", "hostname"), ("for SIP", "key usage")):
        failure, _ = shake(CASES[name].peer, TlsPolicy(use="File"))
        assert isinstance(failure, PeerRefused)
        assert failure.check == check
    beside = CASES["SIP URI of another, dNSName ours"].peer
    assert shake(beside, TlsPolicy(use="File")) == (None, None)


@pytest.mark.parametrize(
    ("name", "alert"),
    [
        ("wrong name", "bad certificate"),
        ("unknown CA", "unknown ca"),
        ("expired", "certificate expired"),
        ("for clients only", "unsupported certificate"),
    ],
)
def test_the_peer_is_told_by_the_right_alert(name: str, alert: str) -> None:
    """RFC 8446 section 6.2."""
    _, heard = shake(CASES[name].peer, TlsPolicy())
    assert heard is not None
    assert alert in str(heard)


def test_a_wrong_name_is_refused_without_openssl_s_help_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mibgateway.tls.creator.ask_for_the_name", lambda context: False)
    failure, _ = shake(CASES["wrong name"].peer, TlsPolicy())
    assert isinstance(failure, PeerRefused)
    assert failure.check == "hostname"
    assert shake(CASES["good"].peer, TlsPolicy()) == (None, None)


@pytest.mark.parametrize("authorities", [(), AUTHORITIES])
def test_without_a_ca_or_the_time_nothing_is_dialled(authorities: tuple[Authority, ...]) -> None:
    def unknown() -> datetime | None:
        return None

    for level in Level:
        policy = TlsPolicy(level=level)
        if level is Level.NO_VALIDATION:
            ClientCreator(policy, None, (), SERVER, clock=unknown)
            continue
        with pytest.raises(PeerRefused) as refused:
            ClientCreator(policy, None, authorities, SERVER, clock=unknown)
        assert refused.value.check == ("clock" if authorities else "empty store")
        assert level.label in str(refused.value)


def test_a_server_without_a_ca_refuses_every_client_and_says_why() -> None:
    policy = TlsPolicy(client_authentication=True, level=Level.NO_VALIDATION)
    good = CASES["good"].peer.credential
    client = ClientCreator(policy, good(), (), SERVER, clock=clock)
    server = ServerCreator(policy, good, tuple, clock=clock)
    failed = handshake(client.clientConnectionForTLS(None), server.serverConnectionForTLS(None))
    assert "no CA certificate is installed" in explain(failed["server"], policy, "client")


def test_one_refusal_does_not_reach_the_next_connection() -> None:
    policy = TlsPolicy(client_authentication=True, level=Level.NO_VALIDATION)
    server = ServerCreator(policy, CASES["good"].peer.credential, lambda: AUTHORITIES, clock=clock)
    for name in ("unknown CA", "good", "expired", "unknown CA", "good", "good"):
        client = ClientCreator(policy, CASES[name].peer.credential(), (), SERVER, clock=clock)
        ends = client.clientConnectionForTLS(None), server.serverConnectionForTLS(None)
        assert ("server" in handshake(*ends)) is (name != "good")


@pytest.mark.parametrize("native", [True, False])
def test_a_server_judges_by_the_clock_as_it_is_at_the_handshake(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    if not native:
        monkeypatch.setattr("mibgateway.tls.creator.judge_at", lambda context, now: False)
    now = [NOW]
    policy = TlsPolicy(client_authentication=True, level=Level.NO_VALIDATION)
    good = CASES["good"].peer
    server = ServerCreator(policy, good.credential, lambda: AUTHORITIES, clock=lambda: now[0])
    for moment, passes in ((NOW, True), (NOW + timedelta(days=900), False), (NOW, True)):
        now[0] = moment
        client = ClientCreator(policy, good.credential(), (), SERVER, clock=clock)
        ends = client.clientConnectionForTLS(None), server.serverConnectionForTLS(None)
        assert (handshake(*ends) == {}) is passes


def test_a_clock_in_another_zone_is_the_same_clock() -> None:
    zone = timezone(timedelta(hours=14))
    peer = issue("x", NAMED, by=ROOT, start=NOW - timedelta(hours=1))
    client = ClientCreator(
        TlsPolicy(), None, AUTHORITIES, SERVER, clock=lambda: NOW.astimezone(zone)
    )
    server = ServerCreator(TlsPolicy(), peer.credential, tuple, clock=clock)
    ends = client.clientConnectionForTLS(None), server.serverConnectionForTLS(None)
    assert handshake(*ends) == {}


def test_names_that_can_not_be_read_are_refused_and_break_nothing() -> None:
    garbled = x509.UnrecognizedExtension(x509.OID_SUBJECT_ALTERNATIVE_NAME, b"\x30\x05garbl")
    peer = issue("x", by=ROOT, extra=garbled)
    server = peer.credential
    for level in Level:
        policy = TlsPolicy(level=level)
        client = ClientCreator(policy, None, AUTHORITIES, SERVER, clock=clock)
        connection = client.clientConnectionForTLS(None)
        ours = ServerCreator(TlsPolicy(), server, tuple, clock=clock)
        failure = handshake(connection, ours.serverConnectionForTLS(None)).get("client")
        if level is Level.NO_VALIDATION:
            assert failure is None
            assert facts(connection).peer_subject == "CN=x"
        else:
            assert isinstance(failure, PeerRefused)
            assert "CN=x" in str(failure)


def test_an_installed_intermediate_is_trusted_by_itself() -> None:
    peer = without_issuers(issue("x", NAMED, by=MIDDLE))
    client = ClientCreator(TlsPolicy(), None, [MIDDLE.authority()], SERVER, clock=clock)
    server = ServerCreator(TlsPolicy(), peer.credential, tuple, clock=clock)
    ends = client.clientConnectionForTLS(None), server.serverConnectionForTLS(None)
    assert handshake(*ends) == {}


def test_a_renewed_root_beside_the_old_one_is_found() -> None:
    renewed = issue("Old root", ca=True, number=3)
    client = ClientCreator(
        TlsPolicy(), None, [OLD_ROOT.authority(), renewed.authority()], SERVER, clock=clock
    )
    peer = CASES["root expired"].peer
    server = ServerCreator(TlsPolicy(), peer.credential, tuple, clock=clock)
    ends = client.clientConnectionForTLS(None), server.serverConnectionForTLS(None)
    assert handshake(*ends) == {}


def test_a_strangers_name_can_not_break_a_log_line() -> None:
    peer = issue("evil\nSipEp: 1400-all is well" + "x" * 30, dns("a.example"), by=ROOT)
    failure, _ = shake(peer, TlsPolicy())
    text = explain(failure or AssertionError(), TlsPolicy())
    assert "\n" not in text
    assert "\\x0a" in text


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("sip:example.com", "example.com"),
        ("SIP:example.com:5061;transport=tls", "example.com"),
        ("sips:example.com", None),
        ("sip:alice@example.com", None),
        ("sip:example.com?to=alice@x", None),
        ("https://example.com", None),
        ("sip:", None),
    ],
)
def test_the_domain_in_a_sip_uri(text: str, host: str | None) -> None:
    """RFC 5922 section 7.1."""
    assert sip_host(text) == host


@pytest.mark.parametrize(
    ("presented", "contacted", "named"),
    [
        ("*.example.com", "sip.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.sip.example.com", False),
        ("s*.example.com", "sip.example.com", False),
        ("sip.*.com", "sip.example.com", False),
        ("*", "localhost", False),
        ("*.com", "example.com", False),
        ("sip.example.com", "sip.example.com.", True),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("", "sip.example.com", False),
        ("sip.example.com", "", False),
        ("sip.example.com\0.evil.org", "sip.example.com", False),
    ],
)
def test_a_wildcard_is_one_whole_label(presented: str, contacted: str, named: bool) -> None:
    """RFC 9525 section 6.3."""
    names = Names((presented,), (), (), "")
    assert is_named(names, contacted, for_sip=False, wildcards=True) is named
