"""Which cipher suites and versions a policy means, and which of them the installed OpenSSL has.

The only file that knows OpenSSL's spellings of IANA's names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from OpenSSL import SSL


class SuiteSet(IntEnum):
    """The sets of cipher suites, by the numbers that the MIBs give them."""

    CS1 = 100
    CS2 = 200
    CS3 = 300
    CS4 = 400


class Floor(IntEnum):
    """The lowest version that a use accepts, by the numbers that the MIBs give them."""

    SSLV3 = 100
    TLSV1 = 200
    TLSV1_1 = 300
    TLSV1_2 = 400
    TLSV1_3 = 500

    @property
    def acts_as(self) -> Floor:
        """Itself, but TLS 1.0 for SSL 3.0, which libraries no longer have.

        RFC 7568 section 3.
        """
        return max(self, Floor.TLSV1)

    @property
    def words(self) -> str:
        """`TLS 1.2`, for people."""
        return _VERSIONS[self.acts_as][0]

    @property
    def wire(self) -> int:
        """The version as OpenSSL and the protocol number it."""
        return _VERSIONS[self.acts_as][1]


_VERSIONS = {
    Floor.TLSV1: ("TLS 1.0", SSL.TLS1_VERSION),
    Floor.TLSV1_1: ("TLS 1.1", SSL.TLS1_1_VERSION),
    Floor.TLSV1_2: ("TLS 1.2", SSL.TLS1_2_VERSION),
    Floor.TLSV1_3: ("TLS 1.3", SSL.TLS1_3_VERSION),
}


@dataclass(frozen=True)
class Suite:
    """A cipher suite under both its names."""

    iana: str
    """IANA's name without the `TLS_` in front."""
    openssl: str
    level: int = 2
    """The highest security level up to 2 at which OpenSSL still negotiates it."""


def _suites(*names: str) -> tuple[Suite, ...]:
    return tuple(_KNOWN[name] for name in names)


_KNOWN = {
    suite.iana: suite
    for suite in (
        Suite("RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"),
        Suite("RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),
        Suite("RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA"),
        Suite("RSA_WITH_RC4_128_SHA", "RC4-SHA", 1),
        Suite("RSA_WITH_RC4_128_MD5", "RC4-MD5", 0),
        Suite("RSA_WITH_AES_256_CBC_SHA256", "AES256-SHA256"),
        Suite("RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"),
        Suite("RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        Suite("RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        Suite("DHE_RSA_WITH_AES_256_CBC_SHA", "DHE-RSA-AES256-SHA"),
        Suite("DHE_RSA_WITH_AES_128_CBC_SHA", "DHE-RSA-AES128-SHA"),
        Suite("DHE_RSA_WITH_3DES_EDE_CBC_SHA", "DHE-RSA-DES-CBC3-SHA"),
        Suite("DHE_RSA_WITH_AES_256_CBC_SHA256", "DHE-RSA-AES256-SHA256"),
        Suite("DHE_RSA_WITH_AES_128_CBC_SHA256", "DHE-RSA-AES128-SHA256"),
        Suite("DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384"),
        Suite("DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE-RSA-AES128-GCM-SHA256"),
        Suite("DHE_DSS_WITH_AES_256_CBC_SHA", "DHE-DSS-AES256-SHA"),
        Suite("DHE_DSS_WITH_AES_128_CBC_SHA", "DHE-DSS-AES128-SHA"),
        Suite("DHE_DSS_WITH_3DES_EDE_CBC_SHA", "DHE-DSS-DES-CBC3-SHA"),
        Suite("ECDH_RSA_WITH_AES_256_CBC_SHA384", "ECDH-RSA-AES256-SHA384"),
        Suite("ECDH_RSA_WITH_AES_128_CBC_SHA256", "ECDH-RSA-AES128-SHA256"),
        Suite("ECDH_RSA_WITH_AES_256_GCM_SHA384", "ECDH-RSA-AES256-GCM-SHA384"),
        Suite("ECDH_RSA_WITH_AES_128_GCM_SHA256", "ECDH-RSA-AES128-GCM-SHA256"),
        Suite("ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384"),
        Suite("ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),
        Suite("ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        Suite("ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        Suite("ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
        Suite("ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        Suite("ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        Suite("ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        Suite("AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
        Suite("CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
        Suite("AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
    )
}

_BY_OPENSSL = {suite.openssl: suite.iana for suite in _KNOWN.values()}

UP_TO_TLS_1_2 = {
    SuiteSet.CS1: _suites(
        "RSA_WITH_AES_256_CBC_SHA",
        "DHE_RSA_WITH_AES_256_CBC_SHA",
        "DHE_DSS_WITH_AES_256_CBC_SHA",
        "RSA_WITH_AES_128_CBC_SHA",
        "DHE_RSA_WITH_AES_128_CBC_SHA",
        "DHE_DSS_WITH_AES_128_CBC_SHA",
        "RSA_WITH_3DES_EDE_CBC_SHA",
        "DHE_RSA_WITH_3DES_EDE_CBC_SHA",
        "DHE_DSS_WITH_3DES_EDE_CBC_SHA",
        "RSA_WITH_RC4_128_SHA",
        "RSA_WITH_RC4_128_MD5",
    ),
    SuiteSet.CS2: _suites(
        "RSA_WITH_AES_256_CBC_SHA",
        "DHE_RSA_WITH_AES_256_CBC_SHA",
        "RSA_WITH_AES_128_CBC_SHA",
        "DHE_RSA_WITH_AES_128_CBC_SHA",
        "RSA_WITH_3DES_EDE_CBC_SHA",
        "DHE_RSA_WITH_3DES_EDE_CBC_SHA",
    ),
    SuiteSet.CS3: _suites(
        "ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "DHE_RSA_WITH_AES_256_GCM_SHA384",
        "DHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE_RSA_WITH_AES_256_CBC_SHA384",
        "ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        "DHE_RSA_WITH_AES_256_CBC_SHA256",
        "DHE_RSA_WITH_AES_128_CBC_SHA256",
        "ECDH_RSA_WITH_AES_256_GCM_SHA384",
        "ECDH_RSA_WITH_AES_128_GCM_SHA256",
        "ECDH_RSA_WITH_AES_256_CBC_SHA384",
        "ECDH_RSA_WITH_AES_128_CBC_SHA256",
        "RSA_WITH_AES_256_GCM_SHA384",
        "RSA_WITH_AES_128_GCM_SHA256",
        "RSA_WITH_AES_256_CBC_SHA256",
        "RSA_WITH_AES_128_CBC_SHA256",
    ),
    SuiteSet.CS4: _suites(
        "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ),
}
"""Each set's suites of TLS 1.2 and below, in the order that a server of ours prefers."""

TLS_1_3 = _suites("AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256", "AES_128_GCM_SHA256")
"""TLS 1.3's own suites. RFC 8446 section B.4."""

_WITH_TLS_1_3 = frozenset({SuiteSet.CS3, SuiteSet.CS4})

_GROUPS = {SuiteSet.CS4: ("X25519", "P-256", "P-384")}


@dataclass(frozen=True)
class Selection:
    """What a suite set and a floor come to with one OpenSSL."""

    up_to_1_2: tuple[Suite, ...]
    for_1_3: tuple[Suite, ...]
    missing: tuple[str, ...]
    """IANA names of the suites that the set has and this OpenSSL lacks."""
    lowest: Floor
    highest: Floor
    """Below `lowest` when the set has no suite of the floor's version."""
    security_level: int
    """OpenSSL's; it belongs to the one context that is made from this selection."""
    groups: tuple[str, ...]
    """Names of the key exchange groups; empty for OpenSSL's own choice."""

    @property
    def usable(self) -> bool:
        """Whether a handshake can succeed at all."""
        return self.highest >= self.lowest and bool(self.up_to_1_2 or self.for_1_3)

    def reach(self, key_is_ec: bool) -> int:
        """Count what a certificate with such a key serves: TLS 1.2 and below, and TLS 1.3.

        RFC 8422 section 2; with TLS 1.3 the suite does not bind the key, RFC 8446 section 1.2.
        """
        kind = "ECDSA_WITH" if key_is_ec else "RSA_WITH"
        return any(kind in suite.iana for suite in self.up_to_1_2) + bool(self.for_1_3)

    @property
    def cipher_list(self) -> bytes:
        """The list for TLS 1.2 and below, with the security level, as OpenSSL takes it."""
        names = [suite.openssl for suite in self.up_to_1_2] or ["DEFAULT"]
        return ":".join([*names, f"@SECLEVEL={self.security_level}"]).encode()

    @property
    def ciphersuites(self) -> bytes:
        """The list for TLS 1.3, as OpenSSL takes it."""
        return ":".join(suite.openssl for suite in self.for_1_3).encode()

    @property
    def span(self) -> str:
        """`TLS 1.2 to 1.3`: the versions that are offered, for people."""
        if self.highest <= self.lowest:
            return self.lowest.words
        return f"{self.lowest.words} to {self.highest.words.removeprefix('TLS ')}"


def select(suite_set: SuiteSet, floor: Floor, installed: frozenset[str] | None = None) -> Selection:
    """Choose suites, versions and the security level.

    `installed` are OpenSSL's names for what there is; None asks the library. From TLS 1.2 on the
    security level is 2, or 1 where an installed suite of the set needs it; TLS 1.0 and 1.1 need 0.
    """
    have = installed_suites() if installed is None else installed
    lowest = floor.acts_as
    highest = Floor.TLSV1_3 if suite_set in _WITH_TLS_1_3 else Floor.TLSV1_2
    least = 0 if lowest < Floor.TLSV1_2 else 1
    wanted_12 = UP_TO_TLS_1_2[suite_set] if lowest <= Floor.TLSV1_2 else ()
    wanted_13 = TLS_1_3 if highest == Floor.TLSV1_3 else ()
    up_to_1_2 = tuple(s for s in wanted_12 if s.openssl in have and s.level >= least)
    for_1_3 = tuple(s for s in wanted_13 if s.openssl in have)
    if not for_1_3:
        highest = Floor.TLSV1_2
    return Selection(
        up_to_1_2=up_to_1_2,
        for_1_3=for_1_3,
        missing=tuple(s.iana for s in wanted_12 + wanted_13 if s not in up_to_1_2 + for_1_3),
        lowest=lowest,
        highest=highest,
        security_level=0 if not least else min((s.level for s in up_to_1_2), default=2),
        groups=_GROUPS.get(suite_set, ()),
    )


@cache
def installed_suites() -> frozenset[str]:
    """Ask OpenSSL for the names of all cipher suites that it has."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.set_tls13_ciphersuites(":".join(suite.openssl for suite in TLS_1_3).encode())
    return frozenset(SSL.Connection(context, None).get_cipher_list())


def iana_name(openssl: str) -> str:
    """IANA's name with its `TLS_`; OpenSSL's own where no set of ours has the suite."""
    name = _BY_OPENSSL.get(openssl)
    return openssl if name is None else f"TLS_{name}"


def openssl_name(iana: str) -> str:
    """OpenSSL's name, for IANA's with or without `TLS_`. Raises KeyError for a foreign suite."""
    return _KNOWN[iana.removeprefix("TLS_")].openssl
