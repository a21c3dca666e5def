"""The certificates of one unit, as whoever makes a TLS connection sees them."""

from __future__ import annotations

from mibgateway.tls.certificate import Usage
from mibgateway.tls.policy import TlsPolicy
from mibgateway.tls.vault import Vault
from tests.gateway.tls.pki import clock, issue

CA = issue("CA", ca=True)
SHORT = issue("short", by=CA, number=1, days=100).credential("short.pem")
LONG = issue("long", by=CA, number=2, days=300).credential("long.pem")


def test_of_several_the_one_that_ends_last_is_shown() -> None:
    vault = Vault(clock)
    assert vault.credential(Usage.TLS_CLIENT, TlsPolicy()) is None
    vault.replace({"long.pem": LONG, "short.pem": SHORT}, {})
    assert vault.credential(Usage.TLS_CLIENT, TlsPolicy()) is LONG
    assert vault.credential(Usage.TLS_SERVER, TlsPolicy(), frozenset({"long.pem"})) is SHORT
    both = frozenset({"long.pem", "short.pem"})
    assert vault.credential(Usage.TLS_SERVER, TlsPolicy(), both) is None


def test_every_authority_of_every_file_is_trusted() -> None:
    vault = Vault(clock)
    one, two = CA.authority("one.pem"), issue("two", ca=True, number=5).authority("two.pem")
    vault.replace({}, {"one.pem": (one,), "two.pem": (two,)})
    assert vault.authorities() == (one, two)


def test_whoever_watches_hears_of_each_change_after_it() -> None:
    vault = Vault(clock)
    heard: list[int] = []
    end = vault.watch(lambda: heard.append(len(vault.hosts)))
    vault.replace({"short.pem": SHORT}, {})
    vault.replace({}, {})
    assert heard == [1, 0]
    end()
    vault.replace({"short.pem": SHORT}, {})
    assert heard == [1, 0]


def test_a_watcher_may_leave_while_it_is_told() -> None:
    vault = Vault(clock)
    heard: list[str] = []

    def once() -> None:
        heard.append("once")
        end()

    end = vault.watch(once)
    vault.watch(lambda: heard.append("always"))
    vault.replace({}, {})
    vault.replace({}, {})
    assert heard == ["once", "always", "always"]
