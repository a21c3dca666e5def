"""Sessions are resumed where nothing has changed, and never past a judgement."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from OpenSSL import SSL

from mibgateway.tls.creator import ClientCreator, ServerCreator
from mibgateway.tls.keylog import KeyLog
from mibgateway.tls.native import was_resumed
from mibgateway.tls.policy import Floor, Level, SuiteSet, TlsPolicy
from mibgateway.tls.shared import MOST_SESSIONS, KeptSession, Sessions, Shared
from tests.gateway.tls.pki import NOW, Issued, dns, handshake, issue

NAME = "sip.example.com"
ROOT = issue("Root", ca=True, number=1, days=3650)
OTHER = issue("Other", ca=True, number=2, days=3650)
LEAF = issue("leaf", dns(NAME), by=ROOT, number=3, days=60)
OWN = issue("own", by=ROOT, number=4)
TLS_1_2 = TlsPolicy(SuiteSet.CS2)


class Pair:
    """A client and a server of ours that talk again and again."""

    def __init__(self, policy: TlsPolicy = TlsPolicy()) -> None:  # noqa: B008
        self.now: datetime | None = NOW
        self.shared = Shared(sessions=Sessions())
        self.policy = self.servers = policy
        self.shown = [LEAF.credential()]
        self.server = ServerCreator(
            policy, lambda: self.shown[0], lambda: [ROOT.authority()], clock=lambda: self.now)

    def talk(self, name: str = NAME, trusts: tuple[Issued, ...] = (ROOT,), **given: Any) -> bool:
        """Shake hands, keep the session; give whether one was resumed."""
        policy = given.pop("policy", self.policy)
        own, closes = given.pop("own", None), given.pop("closes", True)
        creator = ClientCreator(
            policy, own, [each.authority() for each in trusts], name, clock=lambda: self.now,
            shared=self.shared, **given)
        client = creator.clientConnectionForTLS(None)
        failed = handshake(client, self.server.serverConnectionForTLS(None))
        if failed:
            raise failed["client"]
        creator.keep_session(client)
        resumed = was_resumed(client)
        if closes:
            client.shutdown()
        return resumed


@pytest.mark.parametrize("policy", [
    TlsPolicy(), TlsPolicy(level=Level.NO_VALIDATION), TlsPolicy(floor=Floor.TLSV1_3)])
def test_the_next_connection_resumes(policy: TlsPolicy) -> None:
    pair = Pair(policy)
    assert [pair.talk() for _ in range(3)] == [False, True, True]


def test_a_connection_that_was_not_closed_in_order_is_not_resumed() -> None:
    """RFC 5246 section 7.2.1 allows it; OpenSSL does not."""
    pair = Pair()
    assert [pair.talk(closes=False), pair.talk(), pair.talk()] == [False, False, True]


def test_so_it_does_below_tls_1_3() -> None:
    rsa = issue("leaf", dns(NAME), by=ROOT, kind="rsa", days=60)
    pair = Pair(TLS_1_2)
    pair.shown[0] = rsa.credential()
    assert [pair.talk() for _ in range(2)] == [False, True]


def test_it_does_not_once_anything_has_changed() -> None:
    pair = Pair()
    assert [pair.talk(), pair.talk()] == [False, True]
    changed: list[dict[str, Any]] = [
        {"policy": replace(pair.policy, level=Level.TRUSTED_CERTIFICATE)},
        {"policy": replace(pair.policy, floor=Floor.TLSV1_3)},
        {"trusts": (ROOT, OTHER)}, {"own": OWN.credential()}, {"wildcards": True},
        {"srv_names": ("node.example.com",)}]
    for given in changed:
        assert not pair.talk(**given), given
    assert pair.talk()


def test_a_name_that_was_not_judged_is_judged() -> None:
    pair = Pair()
    pair.talk()
    with pytest.raises(SSL.Error, match="hostname"):
        pair.talk(name="other.example.com")


def test_a_removed_ca_ends_it() -> None:
    pair = Pair()
    pair.talk()
    with pytest.raises(SSL.Error, match="chain"):
        pair.talk(trusts=(OTHER,))


def test_a_certificate_that_has_ended_since_is_judged_anew() -> None:
    pair = Pair()
    pair.now = NOW + timedelta(days=30) - timedelta(minutes=30)      # its last half hour
    assert [pair.talk(), pair.talk()] == [False, True]
    pair.now += timedelta(minutes=31)
    pair.server = ServerCreator(
        pair.policy, lambda: pair.shown[0], lambda: [ROOT.authority()], clock=lambda: pair.now)
    with pytest.raises(SSL.Error, match="it expired"):
        pair.talk()


def test_a_session_ends_after_its_longest_time_and_when_the_clock_is_lost() -> None:
    pair = Pair()
    pair.talk()
    assert pair.now is not None
    pair.now += timedelta(minutes=61)
    assert not pair.talk()
    pair.now -= timedelta(minutes=30)                                # before it began
    assert not pair.talk()


def test_resuming_does_not_make_it_longer() -> None:
    pair = Pair()
    pair.talk()
    assert pair.now is not None
    pair.now += timedelta(minutes=50)
    assert pair.talk()
    pair.now += timedelta(minutes=11)
    assert not pair.talk()


def test_a_server_forgets_its_sessions_with_its_certificate() -> None:
    pair = Pair()
    pair.talk()
    pair.shown[0] = issue("new", dns(NAME), by=ROOT, number=3).credential()
    assert not pair.talk()
    assert pair.talk()


def test_a_demanded_client_certificate_is_judged_each_time() -> None:
    pair = Pair(TlsPolicy(client_authentication=True))
    own = OWN.credential()
    assert [pair.talk(own=own) for _ in range(3)] == [False] * 3


def test_sessions_are_used_once_and_bounded() -> None:
    pair = Pair()
    pair.talk()
    sessions = pair.shared.sessions
    assert sessions is not None
    (key, kept), = list(sessions._kept.items())
    assert sessions.take(key, NOW) is kept
    assert sessions.take(key, NOW) is None
    for number in range(MOST_SESSIONS + 10):
        sessions.keep(number, kept)
    assert len(sessions._kept) == MOST_SESSIONS
    assert sessions.take(0, NOW) is None
    sessions.clear()
    assert sessions.take(MOST_SESSIONS, NOW) is None
    assert isinstance(kept, KeptSession)


def test_the_key_log_hears_while_it_is_on_and_a_later_connection_is_none_of_its() -> None:
    """RFC 9850 section 2."""
    lines: list[bytes] = []
    pair = Pair()
    pair.server._shared.key_log = pair.shared.key_log
    pair.talk()
    pair.shared.key_log.turn(lines.append)
    pair.talk()
    labels = {line.split()[0] for line in lines}
    assert {b"CLIENT_HANDSHAKE_TRAFFIC_SECRET", b"SERVER_TRAFFIC_SECRET_0"} <= labels
    assert all(len(line.split()) == 3 and line.endswith(b"\n") for line in lines)
    assert len({line.split()[1] for line in lines}) == 1
    before = len(lines)
    pair.shared.key_log.turn(None)
    pair.talk()
    assert (len(lines), KeyLog().is_on) == (before, False)


@pytest.mark.parametrize("spoken", [(b"http/1.1",), (b"h2", b"http/1.1"), (), (b"h2",)])
def test_the_first_protocol_of_the_server_that_both_speak(spoken: tuple[bytes, ...]) -> None:
    """RFC 7301 section 3.2."""
    served = ServerCreator(
        TlsPolicy(use="Web", protocols=(b"http/1.1",)), LEAF.credential, tuple,
        clock=lambda: NOW)
    creator = ClientCreator(
        TlsPolicy(use="File", protocols=spoken), None, [ROOT.authority()], NAME,
        clock=lambda: NOW)
    client = creator.clientConnectionForTLS(None)
    assert handshake(client, served.serverConnectionForTLS(None)) == {}
    agreed = b"http/1.1" if b"http/1.1" in spoken else b""
    assert client.get_alpn_proto_negotiated() == agreed
