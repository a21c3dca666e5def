"""Challenges and their answers; the figures are those of the RFCs."""

from __future__ import annotations

import re

import pytest

from mibgateway.transfer.authentication import MOST_STALE, Authentication, Challenge, challenges
from mibgateway.transfer.terms import Credentials, TransferError

MUFASA = Credentials("Mufasa", "Circle of Life")
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
EXAMPLE = ('Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
           'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
           'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"')


def answer(asked: list[str], who: Credentials = MUFASA, cnonce: str = CNONCE) -> str:
    made = Authentication(who, lambda: cnonce)
    made.challenged(challenges(asked))
    return made.field("GET", "/dir/index.html")


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_digests_are_those_of_rfc_7616_section_3_9_1(algorithm: str, response: str) -> None:
    said = answer([EXAMPLE.format(algorithm)])
    assert said == (
        'Digest username="Mufasa", realm="http-auth@example.org", '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", '
        f'algorithm={algorithm}, qop=auth, nc=00000001, cnonce="{CNONCE}", '
        f'response="{response}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"')


def test_a_server_of_rfc_2069_is_answered_its_way() -> None:
    said = answer(['Digest realm="testrealm@host.com", '
                   'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'],
                  Credentials("Mufasa", "CircleOfLife"))
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in said   # its errata
    assert "qop" not in said


def test_basic_is_that_of_rfc_7617() -> None:
    assert answer(['Basic realm="WallyWorld"'], Credentials("Aladdin", "open sesame")) == \
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert answer(['Basic realm="foo", charset="UTF-8"'], Credentials("test", "123\u00a3")) == \
        "Basic dGVzdDoxMjPCow=="
    with pytest.raises(TransferError, match="colon"):
        answer(["Basic"], Credentials("a:b", "c"))


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        ([EXAMPLE.format("MD5"), EXAMPLE.format("SHA-256"), "Basic realm=x"], "algorithm=SHA-256"),
        (["Basic realm=x, " + EXAMPLE.format("MD5")], "algorithm=MD5"),
        ([EXAMPLE.format("SHA-512-256"), "Basic"], "Basic "),
        ([EXAMPLE.format("MD5").replace("auth, auth-int", "auth-int"), "Basic"], "Basic "),
        (["Digest realm=x", "Negotiate abc==, Basic realm=x"], "Basic "),
    ],
)
def test_the_best_way_is_taken(offered: list[str], taken: str) -> None:
    assert taken in answer(offered)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(TransferError, match="by bearer, negotiate; Digest and Basic are known"):
        answer(["Negotiate", "Bearer realm=x"])
    with pytest.raises(TransferError, match="by nothing"):
        answer([])


def test_credentials_that_are_refused_are_not_told_again() -> None:
    for asked in ("Basic realm=x", EXAMPLE.format("MD5")):
        made = Authentication(MUFASA, lambda: CNONCE)
        assert made.field("GET", "/") == ""
        made.challenged(challenges([asked]))
        made.field("GET", "/")
        with pytest.raises(TransferError, match="refuses the credentials"):
            made.challenged(challenges([asked]))


def test_a_stale_nonce_is_renewed_a_few_times() -> None:
    made = Authentication(MUFASA, lambda: CNONCE)
    made.challenged(challenges(["Digest realm=x, nonce=n, qop=auth"]))
    assert "nc=00000001" in made.field("GET", "/")
    assert "nc=00000002" in made.field("GET", "/")
    for count in range(MOST_STALE):
        made.challenged(challenges([f"Digest realm=x, nonce=m{count}, qop=auth, stale=TRUE"]))
        assert "nc=00000001" in made.field("GET", "/")
    with pytest.raises(TransferError, match="refuses"):
        made.challenged(challenges(["Digest realm=x, nonce=o, qop=auth, stale=true"]))


def test_a_session_key_is_made_of_both_nonces() -> None:
    plain = answer(["Digest realm=x, nonce=n, qop=auth, algorithm=MD5"])
    session = answer(["Digest realm=x, nonce=n, qop=auth, algorithm=MD5-sess"])
    assert "algorithm=MD5-sess" in session
    assert re.search('response="(.*?)"', plain) != re.search('response="(.*?)"', session)


def test_names_and_realms_are_told_whatever_is_in_them() -> None:
    said = answer(['Digest realm="a\\"b\\\\c", nonce="n"'], Credentials('e"va', "x"))
    assert 'username="e\\"va", realm="a\\"b\\\\c"' in said
    assert "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe" in answer(
        ["Digest realm=x, nonce=n"], Credentials("J\u00e4s\u00f8n Doe", "x"))


def test_fields_are_read_as_far_as_they_can_be() -> None:
    assert challenges(['Newauth realm="apps", type=1, title="Login, \\"now\\"", Basic realm=x']) \
        == [Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login, "now"'}),
            Challenge("basic", {"realm": "x"})]
    assert challenges([",, Basic ,", "", '"', "Digest a=\"b"]) == \
        [Challenge("basic", {}), Challenge("digest", {})]
    challenges(["a=" * 20_000, " ," * 20_000, "a b" * 20_000, '"' * 20_000, "a " * 20_000])
