from __future__ import annotations

import pytest

from mibgateway.tls.policy import Level, TlsPolicy, missing, problems, warnings
from mibgateway.tls.suites import (
    TLS_1_3,
    UP_TO_TLS_1_2,
    Floor,
    SuiteSet,
    iana_name,
    installed_suites,
    openssl_name,
    select,
)

# IANA's TLS Cipher Suites registry: the values tell that a name is the registry's.
REGISTRY = {
    "RSA_WITH_RC4_128_MD5": 0x0004,
    "RSA_WITH_RC4_128_SHA": 0x0005,
    "RSA_WITH_3DES_EDE_CBC_SHA": 0x000A,
    "DHE_DSS_WITH_3DES_EDE_CBC_SHA": 0x0013,
    "DHE_RSA_WITH_3DES_EDE_CBC_SHA": 0x0016,
    "RSA_WITH_AES_128_CBC_SHA": 0x002F,
    "DHE_DSS_WITH_AES_128_CBC_SHA": 0x0032,
    "DHE_RSA_WITH_AES_128_CBC_SHA": 0x0033,
    "RSA_WITH_AES_256_CBC_SHA": 0x0035,
    "DHE_DSS_WITH_AES_256_CBC_SHA": 0x0038,
    "DHE_RSA_WITH_AES_256_CBC_SHA": 0x0039,
    "RSA_WITH_AES_128_CBC_SHA256": 0x003C,
    "RSA_WITH_AES_256_CBC_SHA256": 0x003D,
    "DHE_RSA_WITH_AES_128_CBC_SHA256": 0x0067,
    "DHE_RSA_WITH_AES_256_CBC_SHA256": 0x006B,
    "RSA_WITH_AES_128_GCM_SHA256": 0x009C,
    "RSA_WITH_AES_256_GCM_SHA384": 0x009D,
    "DHE_RSA_WITH_AES_128_GCM_SHA256": 0x009E,
    "DHE_RSA_WITH_AES_256_GCM_SHA384": 0x009F,
    "AES_128_GCM_SHA256": 0x1301,
    "AES_256_GCM_SHA384": 0x1302,
    "CHACHA20_POLY1305_SHA256": 0x1303,
    "ECDHE_RSA_WITH_AES_128_CBC_SHA256": 0xC027,
    "ECDHE_RSA_WITH_AES_256_CBC_SHA384": 0xC028,
    "ECDH_RSA_WITH_AES_128_CBC_SHA256": 0xC029,
    "ECDH_RSA_WITH_AES_256_CBC_SHA384": 0xC02A,
    "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": 0xC02B,
    "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": 0xC02C,
    "ECDHE_RSA_WITH_AES_128_GCM_SHA256": 0xC02F,
    "ECDHE_RSA_WITH_AES_256_GCM_SHA384": 0xC030,
    "ECDH_RSA_WITH_AES_128_GCM_SHA256": 0xC031,
    "ECDH_RSA_WITH_AES_256_GCM_SHA384": 0xC032,
    "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": 0xCCA8,
    "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": 0xCCA9,
}


def test_every_suite_of_a_set_is_in_the_registry_and_the_other_way_round() -> None:
    named = {suite.iana for suites in (*UP_TO_TLS_1_2.values(), TLS_1_3) for suite in suites}
    assert named == set(REGISTRY)


def product(*parts: str) -> set[str]:
    """Read a line of product.md section 2: key exchanges, then ciphers."""
    exchanges, ciphers = (part.split() for part in parts)
    return {f"{exchange}_WITH_{cipher}" for exchange in exchanges for cipher in ciphers}


OLD = "AES_256_CBC_SHA AES_128_CBC_SHA 3DES_EDE_CBC_SHA"
GCM = "AES_256_GCM_SHA384 AES_128_GCM_SHA256"


@pytest.mark.parametrize(
    ("suite_set", "wanted"),
    [
        (
            SuiteSet.CS1,
            product("RSA DHE_RSA DHE_DSS", OLD) | product("RSA", "RC4_128_SHA RC4_128_MD5"),
        ),
        (SuiteSet.CS2, product("RSA DHE_RSA", OLD)),
        (
            SuiteSet.CS3,
            product("ECDHE_RSA DHE_RSA ECDH_RSA RSA", GCM)
            | product("ECDHE_RSA ECDH_RSA", "AES_256_CBC_SHA384 AES_128_CBC_SHA256")
            | product("DHE_RSA RSA", "AES_256_CBC_SHA256 AES_128_CBC_SHA256"),
        ),
        (
            SuiteSet.CS4,
            product("ECDHE_ECDSA ECDHE_RSA", GCM + " CHACHA20_POLY1305_SHA256"),
        ),
    ],
)
def test_a_set_holds_what_the_product_says(suite_set: SuiteSet, wanted: set[str]) -> None:
    assert {suite.iana for suite in UP_TO_TLS_1_2[suite_set]} == wanted


def test_names_go_both_ways() -> None:
    for suites in (*UP_TO_TLS_1_2.values(), TLS_1_3):
        for suite in suites:
            assert iana_name(suite.openssl) == f"TLS_{suite.iana}"
            assert openssl_name(iana_name(suite.openssl)) == suite.openssl
    assert iana_name("PSK-AES256-CCM") == "PSK-AES256-CCM"


def test_what_openssl_lacks_is_left_out_and_named() -> None:
    chosen = select(SuiteSet.CS1, Floor.TLSV1, frozenset({"AES256-SHA", "RC4-MD5"}))
    assert [suite.openssl for suite in chosen.up_to_1_2] == ["AES256-SHA", "RC4-MD5"]
    assert len(chosen.missing) == 9
    assert "DHE_DSS_WITH_AES_256_CBC_SHA" in chosen.missing


def test_no_openssl_of_today_has_fixed_ecdh() -> None:
    fixed = {name for name in missing(TlsPolicy(SuiteSet.CS3)) if name.startswith("ECDH_RSA")}
    assert len(fixed) == 4
    assert "ECDH_RSA_WITH_AES_256_GCM_SHA384" in warnings(TlsPolicy(SuiteSet.CS3))[0]
    assert problems(TlsPolicy(SuiteSet.CS3)) == []
    assert missing(TlsPolicy(SuiteSet.CS4)) == ()


def test_none_left_is_an_error_of_the_policy() -> None:
    assert not select(SuiteSet.CS4, Floor.TLSV1_2, frozenset()).usable
    assert not select(SuiteSet.CS2, Floor.TLSV1, frozenset({"RC4-SHA"})).usable
    assert select(SuiteSet.CS4, Floor.TLSV1_3, frozenset({"TLS_AES_128_GCM_SHA256"})).usable
    assert not select(SuiteSet.CS4, Floor.TLSV1_3, frozenset({"AES256-SHA"})).usable


@pytest.mark.parametrize("suite_set", [SuiteSet.CS1, SuiteSet.CS2])
def test_the_old_sets_can_not_have_tls_1_3(suite_set: SuiteSet) -> None:
    assert select(suite_set, Floor.TLSV1_2).highest is Floor.TLSV1_2
    [problem] = problems(TlsPolicy(suite_set, Floor.TLSV1_3))
    assert suite_set.name in problem
    assert "TLS 1.3" in problem


def test_sslv3_acts_as_tls_1_0_and_says_so() -> None:
    assert select(SuiteSet.CS1, Floor.SSLV3).lowest is Floor.TLSV1
    assert any("SSLv3 acts as TLSv1" in each for each in warnings(TlsPolicy(floor=Floor.SSLV3)))
    assert warnings(TlsPolicy()) == []


@pytest.mark.parametrize("suite_set", list(SuiteSet))
def test_security_level_0_is_for_low_floors_alone(suite_set: SuiteSet) -> None:
    with_everything = installed_suites() | {"RC4-SHA", "RC4-MD5"}
    for floor in (Floor.SSLV3, Floor.TLSV1, Floor.TLSV1_1):
        assert select(suite_set, floor).security_level == 0
    for floor in (Floor.TLSV1_2, Floor.TLSV1_3):
        assert select(suite_set, floor).security_level == 2
        chosen = select(suite_set, floor, with_everything)
        assert chosen.security_level >= 1
        assert "RC4-MD5" not in [suite.openssl for suite in chosen.up_to_1_2]


def test_the_defaults_are_the_product_s() -> None:
    policy = TlsPolicy()
    assert (policy.suite_set, policy.floor) == (SuiteSet.CS4, Floor.TLSV1_2)
    assert (policy.level, policy.client_authentication) == (Level.HOST_NAME, False)
    assert policy.selection.groups == ("X25519", "P-256", "P-384")
