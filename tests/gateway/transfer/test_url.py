"""URLs, as people and servers write them."""

from __future__ import annotations

import pytest

from mibgateway.transfer.terms import TransferError
from mibgateway.transfer.url import LONGEST_URL, Url


@pytest.mark.parametrize(
    ("text", "shown", "port"),
    [
        ("https://files.example.com/a/b.cfg", "https://files.example.com/a/b.cfg", 443),
        ("HTTP://Files.Example.COM", "http://files.example.com/", 80),
        ("https://files.example.com:443/x", "https://files.example.com/x", 443),
        ("https://files.example.com:8443/x?y=%2Fz#part", "https://files.example.com:8443/x?y=%2Fz",
         8443),
        ("https://192.0.2.1:/x", "https://192.0.2.1/x", 443),
        ("http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x", 8080),
        ("http://files.example.com?x", "http://files.example.com/?x", 80),
        ("https://bücher.example/ä b/100%", "https://xn--bcher-kva.example/%C3%A4%20b/100%25", 443),
    ],
)
def test_a_url_goes_on_the_wire_encoded(text: str, shown: str, port: int) -> None:
    url = Url.parse(text)
    assert (url.shown, url.port) == (shown, port)
    assert Url.parse(url.shown) == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ftp://example.com/x", "its scheme is ftp"),
        ("files.example.com/x", "is wanted"),
        ("https:///x", "is wanted"),
        ("https://a b/x", "its host is no name"),
        ("https://a..b/x", "its host is no name"),
        ("https://-a.example/x", "its host is no name"),
        ("https://example.com:70000/x", "no port 70000"),
        ("https://example.com:0/x", "no port 0"),
        ("https://[::1::]/x", "no IPv6 address"),
        ("https://example.com/x\r\nHost: evil", "control character"),
        ("https://" + "a" * LONGEST_URL, "at most"),
        ("", "is wanted"),
    ],
)
def test_what_is_no_url_is_refused(text: str, why: str) -> None:
    with pytest.raises(TransferError, match=why) as refused:
        Url.parse(text)
    assert not refused.value.may_retry


def test_the_user_part_is_never_shown() -> None:
    url = Url.parse("https://eva:top%40s3cret@example.com/x")
    assert (url.username, url.password) == ("eva", "top@s3cret")
    assert "s3cret" not in url.shown + repr(url)
    for wrong in ("ftp://eva:s3cret@example.com/", "eva:s3cret@example.com/x",
                  "https://eva:s3cret@a..b/", "https://eva:s3/cret@x y/"):
        with pytest.raises(TransferError) as refused:
            Url.parse(wrong)
        assert "cret" not in str(refused.value)


def test_a_password_may_hold_an_at_sign() -> None:
    assert Url.parse("http://eva:p@ss@example.com/").password == "p@ss"


@pytest.mark.parametrize(
    ("text", "name"),
    [("https://a.example/x/y%20z.cfg?q=/w", "y z.cfg"), ("https://a.example/", ""),
     ("https://a.example/x/..%2Fy", "../y")],
)
def test_the_name_is_the_last_segment(text: str, name: str) -> None:
    assert Url.parse(text).name == name


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("/y", "https://a.example:8443/y"),
        ("y?z", "https://a.example:8443/x/y?z"),
        ("//b.example/y", "https://b.example/y"),
        ("http://c.example/y", "http://c.example/y"),
        ("https://eva:secret@d.example/y", "https://d.example/y"),
    ],
)
def test_a_location_may_be_relative_and_brings_no_user(reference: str, shown: str) -> None:
    found = Url.parse("https://eva:pw@a.example:8443/x/x").joined(reference)
    assert (found.shown, found.username, found.password) == (shown, "", "")


@pytest.mark.parametrize("reference", ["ftp://b.example/", "https://[::1", "file:///etc/passwd"])
def test_a_location_that_leads_nowhere_is_refused(reference: str) -> None:
    with pytest.raises(TransferError):
        Url.parse("https://a.example/").joined(reference)
