from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import product

import pytest
import trustme
from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

from mibgateway.tls.certificate import CredentialError
from mibgateway.tls.creator import ClientCreator, ServerCreator, facts
from mibgateway.tls.credentials import (
    Authority,
    HostCredential,
    read_authorities,
    read_host,
)
from mibgateway.tls.explain import explain
from mibgateway.tls.policy import Floor, Level, PolicyError, SuiteSet, TlsPolicy, problems
from tests.gateway.tls.pki import NOW, clock, dns, handshake, issue

NAME = "sip.example.com"


def from_trustme(kind: trustme.KeyType) -> tuple[HostCredential, tuple[Authority, ...]]:
    ca = trustme.CA(key_type=kind)
    leaf = ca.issue_cert(
        NAME, key_type=kind, not_before=NOW - timedelta(1), not_after=NOW + timedelta(90)
    )
    return (
        read_host("host.pem", leaf.private_key_and_cert_chain_pem.bytes()),
        read_authorities("ca.pem", ca.cert_pem.bytes()),
    )


CREDENTIALS = {"rsa": from_trustme(trustme.KeyType.RSA), "ec": from_trustme(trustme.KeyType.ECDSA)}


def server_of(policy: TlsPolicy, kind: str = "rsa") -> ServerCreator:
    host, authorities = CREDENTIALS[kind]
    return ServerCreator(policy, lambda: host, lambda: authorities, clock=clock)


def client_of(policy: TlsPolicy, kind: str = "rsa", *, shows: bool = False) -> ClientCreator:
    host, authorities = CREDENTIALS[kind]
    return ClientCreator(policy, host if shows else None, authorities, NAME, clock=clock)


def shake(
    client: ClientCreator, server: ServerCreator
) -> tuple[SSL.Connection, dict[str, SSL.Error]]:
    connection = client.clientConnectionForTLS(None)
    return connection, handshake(connection, server.serverConnectionForTLS(None))


# What two equal policies come to with an RSA certificate: the newest version that the set allows,
# and the first suite of the set.
COMES_TO = {
    SuiteSet.CS1: ("TLSv1.2", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    SuiteSet.CS2: ("TLSv1.2", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    SuiteSet.CS3: ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
    SuiteSet.CS4: ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
}


@pytest.mark.parametrize(("suite_set", "floor", "level"), list(product(SuiteSet, Floor, Level)))
def test_every_set_floor_and_level(suite_set: SuiteSet, floor: Floor, level: Level) -> None:
    policy = TlsPolicy(suite_set, floor, level, client_authentication=True)
    if floor is Floor.TLSV1_3 and suite_set in (SuiteSet.CS1, SuiteSet.CS2):
        assert problems(policy)
        with pytest.raises(PolicyError, match=r"TLS 1\.3"):
            client_of(policy)
        with pytest.raises(PolicyError, match=r"TLS 1\.3"):
            server_of(policy)
        return
    connection, failed = shake(client_of(policy, shows=True), server_of(policy))
    assert failed == {}
    found = facts(connection)
    assert (found.tls_version, found.cipher) == COMES_TO[suite_set]
    assert "trustme" in found.peer_subject


@pytest.mark.parametrize("floor", [Floor.TLSV1_2, Floor.TLSV1_3])
def test_an_ec_certificate_goes_with_cs4_and_with_cs3_only_at_tls_1_3(floor: Floor) -> None:
    for suite_set in (SuiteSet.CS3, SuiteSet.CS4):
        policy = TlsPolicy(suite_set, floor)
        assert shake(client_of(policy, "ec"), server_of(policy, "ec"))[1] == {}
    policy = TlsPolicy(SuiteSet.CS1)
    _, failed = shake(client_of(policy, "ec"), server_of(policy, "ec"))
    assert "CS1" in explain(failed["server"], policy, "client")
    assert "suits our certificate" in explain(failed["server"], policy, "client")


def plain_server(cipher_list: bytes, lowest: int, highest: int) -> SSL.Connection:
    host, _ = CREDENTIALS["rsa"]
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(cipher_list)
    context.set_min_proto_version(lowest)
    context.set_max_proto_version(highest)
    context.use_certificate(host.certificate)
    context.use_privatekey(host.key)
    connection = SSL.Connection(context, None)
    connection.set_accept_state()
    return connection


@pytest.mark.parametrize(
    ("floor", "version"),
    [
        (Floor.SSLV3, "TLSv1"),
        (Floor.TLSV1, "TLSv1"),
        (Floor.TLSV1, "TLSv1.1"),
        (Floor.TLSV1_1, "TLSv1.1"),
        (Floor.TLSV1_2, "TLSv1.2"),
    ],
)
def test_a_floor_lets_its_own_version_in(floor: Floor, version: str) -> None:
    wire = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303}[version]
    connection = client_of(TlsPolicy(SuiteSet.CS1, floor)).clientConnectionForTLS(None)
    assert handshake(connection, plain_server(b"ALL:@SECLEVEL=0", wire, wire)) == {}
    assert facts(connection).tls_version == version


@pytest.mark.parametrize(
    ("policy", "wire", "words"),
    [
        (TlsPolicy(floor=Floor.TLSV1_3), 0x0303, "TLS 1.3 and above"),
        (TlsPolicy(floor=Floor.TLSV1_2), 0x0302, "TLS 1.2 and above"),
        (TlsPolicy(SuiteSet.CS1, Floor.TLSV1_1), 0x0301, "TLS 1.1 to 1.2"),
        (TlsPolicy(SuiteSet.CS1, Floor.TLSV1_2), 0x0304, "TLS 1.2 (CS1 goes no higher)"),
    ],
)
def test_a_server_of_another_version_is_refused_by_the_version_s_name(
    policy: TlsPolicy, wire: int, words: str
) -> None:
    connection = client_of(policy).clientConnectionForTLS(None)
    failed = handshake(connection, plain_server(b"ALL:@SECLEVEL=0", wire, wire))
    text = explain(failed["client"], policy)
    assert words in text
    assert "protocol version" in text


def test_level_0_of_one_policy_does_not_reach_another() -> None:
    low = client_of(TlsPolicy(SuiteSet.CS1, Floor.TLSV1))
    high = client_of(TlsPolicy(SuiteSet.CS4, Floor.TLSV1_2))
    old = b"AES256-SHA:@SECLEVEL=0"
    for creator, works in ((low, True), (high, False), (low, True), (high, False)):
        connection = creator.clientConnectionForTLS(None)
        assert (handshake(connection, plain_server(old, 0x0301, 0x0302)) == {}) is works


def test_a_suite_outside_the_set_fails_at_our_server() -> None:
    for theirs, ours in ((SuiteSet.CS4, SuiteSet.CS1), (SuiteSet.CS1, SuiteSet.CS3)):
        policy = TlsPolicy(ours)
        _, failed = shake(client_of(TlsPolicy(theirs)), server_of(policy))
        assert ours.name in explain(failed["server"], policy, "client")
        assert theirs.name in explain(failed["client"], TlsPolicy(theirs))


def test_dhe_suites_work_on_our_server() -> None:
    server = server_of(TlsPolicy(SuiteSet.CS1)).serverConnectionForTLS(None)
    fresh = SSL.Context(SSL.TLS_METHOD)
    fresh.set_cipher_list(b"DHE-RSA-AES256-SHA:@SECLEVEL=2")
    fresh.set_max_proto_version(SSL.TLS1_2_VERSION)
    only_dhe = SSL.Connection(fresh, None)
    only_dhe.set_connect_state()
    assert handshake(only_dhe, server) == {}
    assert facts(only_dhe).cipher == "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"


@pytest.mark.parametrize("group", [b"P-521", b"X448", b"X25519MLKEM768", b"P-256", b"X25519"])
def test_cs4_has_three_groups(group: bytes) -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    assert Binding.lib.SSL_CTX_set1_curves_list(context._context, group) == 1
    client = SSL.Connection(context, None)
    client.set_connect_state()
    failed = handshake(client, server_of(TlsPolicy(SuiteSet.CS4)).serverConnectionForTLS(None))
    assert (failed == {}) is (group in (b"P-256", b"X25519"))
    if failed:
        assert "no key exchange group in common" in explain(failed["server"], TlsPolicy(), "client")


@pytest.mark.parametrize("floor", [Floor.TLSV1_2, Floor.TLSV1_3])
@pytest.mark.parametrize("suite_set", [SuiteSet.CS1, SuiteSet.CS4])
def test_a_client_without_a_certificate_is_refused_when_one_is_demanded(
    suite_set: SuiteSet, floor: Floor
) -> None:
    policy = TlsPolicy(suite_set, floor, client_authentication=True)
    if problems(policy):
        return
    _, failed = shake(client_of(policy), server_of(policy))
    assert explain(failed["server"], policy, "client") == "the client gave no certificate"
    assert "certificate" in explain(failed["client"], policy)


def test_tls_1_3_lets_the_client_go_ahead_before_the_server_judged_it() -> None:
    """RFC 8446 section 4.4.2.4: hence a link is ready only when the server's first octets came."""
    policy = TlsPolicy(client_authentication=True)
    connection = client_of(policy).clientConnectionForTLS(None)
    server = server_of(policy).serverConnectionForTLS(None)
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    server.bio_write(connection.bio_read(65536))
    with pytest.raises(SSL.WantReadError):
        server.do_handshake()
    connection.bio_write(server.bio_read(65536))
    connection.do_handshake()
    assert "server demands a certificate" in explain(
        handshake(connection, server)["client"], policy
    )


def test_a_new_certificate_is_shown_from_the_next_handshake() -> None:
    root = issue("Root", ca=True, number=1)
    shown = [issue("first", dns(NAME), by=root).credential()]
    made: list[int] = []

    def current() -> HostCredential:
        made.append(1)
        return shown[0]

    server = ServerCreator(TlsPolicy(), current, tuple, clock=clock)
    client = ClientCreator(TlsPolicy(), None, [root.authority()], NAME, clock=clock)
    for expected in ("CN=first", "CN=first"):
        connection, failed = shake(client, server)
        assert (failed, facts(connection).peer_subject) == ({}, expected)
    shown[0] = issue("second", dns(NAME), by=root).credential()
    renewed, failed = shake(client, server)
    assert (failed, facts(renewed).peer_subject) == ({}, "CN=second")
    assert facts(connection).peer_subject == "CN=first"
    assert len(made) == 3


def test_an_unchanged_certificate_makes_no_new_context() -> None:
    server = server_of(TlsPolicy())
    first, second = (server.serverConnectionForTLS(None).get_context() for _ in range(2))
    assert first is second


def test_a_new_ca_counts_from_the_next_handshake_and_a_removed_one_no_more() -> None:
    policy = TlsPolicy(client_authentication=True, level=Level.NO_VALIDATION)
    host, authorities = CREDENTIALS["rsa"]
    trusted: list[Sequence[Authority]] = [authorities]
    server = ServerCreator(policy, lambda: host, lambda: trusted[0], clock=clock)
    client = client_of(policy, shows=True)
    assert shake(client, server)[1] == {}
    trusted[0] = [issue("Another", ca=True, number=2).authority()]
    assert "chain" in explain(shake(client, server)[1]["server"], policy, "client")
    trusted[0] = authorities
    assert shake(client, server)[1] == {}


def test_a_certificate_that_openssl_refuses_leaves_the_last_good_one_in_use() -> None:
    good, short = issue("good", dns(NAME)).credential(), issue("s", kind="rsa1024").credential("s")
    shown = [good]
    server = ServerCreator(TlsPolicy(), lambda: shown[0], tuple, clock=clock)
    client = ClientCreator(TlsPolicy(level=Level.NO_VALIDATION), None, (), NAME, clock=clock)
    assert (shake(client, server)[1], server.trouble) == ({}, "")
    shown[0] = short
    connection, failed = shake(client, server)
    assert (failed, facts(connection).peer_subject) == ({}, "CN=good")
    assert "our key is too short" in server.trouble
    shown[0] = good
    assert (shake(client, server)[1], server.trouble) == ({}, "")
    with pytest.raises(CredentialError, match=r"^s: not usable for SIP: our key is too short"):
        ClientCreator(TlsPolicy(level=Level.NO_VALIDATION), short, (), NAME, clock=clock)


def test_a_bad_new_certificate_does_not_keep_a_removed_ca_trusted() -> None:
    policy = TlsPolicy(client_authentication=True, level=Level.NO_VALIDATION)
    host, authorities = CREDENTIALS["rsa"]
    shown, trusted = [host], [authorities]
    server = ServerCreator(policy, lambda: shown[0], lambda: trusted[0], clock=clock)
    client = client_of(policy, shows=True)
    assert shake(client, server)[1] == {}
    shown[0] = issue("s", kind="rsa1024").credential("s")
    trusted[0] = (issue("Another", ca=True, number=2).authority(),)
    connection, failed = shake(client, server)
    assert "chain" in explain(failed["server"], policy, "client")
    assert "trustme" in facts(connection).peer_subject


def test_without_a_certificate_our_server_says_what_is_wrong() -> None:
    server = ServerCreator(TlsPolicy(), lambda: None, tuple, clock=clock)
    client = ClientCreator(TlsPolicy(level=Level.NO_VALIDATION), None, (), NAME, clock=clock)
    _, failed = shake(client, server)
    assert set(failed) == {"client", "server"}
    assert server.trouble == "SIP: no host certificate to show"


def test_sni_is_for_names_alone() -> None:
    """RFC 6066 section 3."""
    policy = TlsPolicy(level=Level.NO_VALIDATION)
    for contacted, sent in ((NAME + ".", NAME.encode()), ("192.0.2.7", None), ("::1", None)):
        client = ClientCreator(policy, None, (), contacted, clock=clock)
        server = server_of(TlsPolicy()).serverConnectionForTLS(None)
        assert handshake(client.clientConnectionForTLS(None), server) == {}
        assert server.get_servername() == sent


def test_octets_that_are_no_tls_are_explained() -> None:
    policy = TlsPolicy()
    client = client_of(policy).clientConnectionForTLS(None)
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    client.bio_write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(SSL.Error) as failure:
        client.do_handshake()
    assert "does not speak TLS" in explain(failure.value, policy)
    server = server_of(policy).serverConnectionForTLS(None)
    server.bio_write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises(SSL.Error) as failure:
        server.do_handshake()
    assert explain(failure.value, policy, "client") == "the client speaks HTTP in clear"


def test_each_failure_becomes_one_line_for_people() -> None:
    policy = TlsPolicy(SuiteSet.CS1)

    def told(*reasons: str) -> str:
        return explain(SSL.Error([("SSL routines", "", reason) for reason in reasons]), policy)

    assert told("tlsv1 alert unknown ca") == "the server does not trust the CA of our certificate"
    assert told("ssl/tls alert bad certificate") == "the server refuses our certificate"
    assert told("tls alert handshake failure") == (
        "the server refuses TLS 1.2 (CS1 goes no higher) with the cipher suites of CS1, "
        "or wants a certificate of ours: handshake failure"
    )
    assert told("tlsv1 alert unsupported extension").endswith(
        "sends the alert unsupported extension"
    )
    assert told("dh key too small") == (
        "the server's Diffie-Hellman parameters are too weak for TLS 1.2"
    )
    assert told("a reason of tomorrow") == "TLS with the server failed: a reason of tomorrow"
    closed = "the server closed the connection during the handshake"
    assert told() == closed
    assert explain(SSL.SysCallError(-1, "Unexpected EOF"), policy) == closed
    assert explain(SSL.Error("words"), policy) == "TLS with the server failed: words"
    assert explain(ConnectionResetError(), policy) == "ConnectionResetError"
    assert explain(OSError("no route"), policy) == "no route"
