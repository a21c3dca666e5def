"""What is asked next."""

from __future__ import annotations

import pytest

from mibgateway.transfer.response import Head
from mibgateway.transfer.steps import Again, Download, Take, Upload
from mibgateway.transfer.terms import Bounds, Credentials, Cut, TransferError
from mibgateway.transfer.url import Url

EVA = Credentials("eva", "secret")
BASIC = ("www-authenticate", 'Basic realm="x"')
CUT = Cut("gone")
LATER = ("date", "Sun, 06 Nov 1994 08:49:38 GMT")
MODIFIED = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")


def asking(
    url: str = "https://a.example/x", most: int = 100, who: Credentials | None = None,
    bounds: Bounds | None = None,
) -> Download:
    return Download(Url.parse(url), most, who, bounds or Bounds(), "mibgate", lambda: "00")


def asked(download: Download | Upload) -> str:
    return download.request().head.decode()


def redirect(to: str, status: int = 302) -> Head:
    return Head(status, (("location", to),))


def begun(*fields: tuple[str, str], length: int = 10, came: int = 4) -> Download:
    download = asking()
    download.request()
    download.answered(Head(200, (("content-length", str(length)), *fields)))
    download.took(came)
    return download


# -- redirects and credentials


def test_redirects_are_bounded() -> None:
    download = asking(bounds=Bounds(redirects=2))
    for place in ("/y", "/z"):
        assert download.answered(redirect(place)) == Again()
        assert asked(download).startswith(f"GET {place} HTTP/1.1\r\nHost: a.example\r\n")
    with pytest.raises(TransferError, match="more than 2 redirects"):
        download.answered(redirect("/x"))


@pytest.mark.parametrize("to", ["http://a.example/x", "http://b.example/x"])
def test_no_redirect_leads_from_https_to_http(to: str) -> None:
    with pytest.raises(TransferError, match="from https to http"):
        asking().answered(redirect(to))


def test_a_redirect_may_lead_from_http_to_https_and_never_back() -> None:
    download = asking("http://a.example/x")
    download.answered(redirect("https://a.example/x", 301))
    assert download.request().scheme == "https"
    with pytest.raises(TransferError, match="from https to http"):
        download.answered(redirect("http://a.example/y"))


@pytest.mark.parametrize(
    "to", ["https://b.example/x", "https://a.example:8443/x", "https://b.example:443/x"])
def test_another_origin_gets_no_credentials(to: str) -> None:
    download = asking(who=EVA)
    download.answered(Head(401, (BASIC,)))
    assert "Authorization" in asked(download)
    download.answered(redirect(to))
    assert "Authorization" not in asked(download)
    with pytest.raises(TransferError, match="asks for credentials, which stands elsewhere"):
        download.answered(Head(401, (BASIC,)))


def test_credentials_do_not_come_back_by_a_second_redirect() -> None:
    download = asking(who=EVA)
    download.answered(redirect("https://b.example/x"))
    download.answered(redirect("https://a.example/x"))
    with pytest.raises(TransferError, match="asks for credentials"):
        download.answered(Head(401, (BASIC,)))


def test_the_same_origin_keeps_them() -> None:
    download = asking(who=EVA)
    download.answered(Head(401, (BASIC,)))
    download.answered(redirect("https://A.example:443/y"))
    assert "Authorization" in asked(download)


def test_credentials_in_the_url_go_first() -> None:
    download = asking("https://bob:pw@a.example/x", who=EVA)
    assert "bob" not in asked(download)
    download.answered(Head(401, (BASIC,)))
    assert "Authorization: Basic Ym9iOnB3\r\n" in asked(download)


def test_credentials_that_the_server_refuses_are_told_of() -> None:
    download = asking(who=EVA)
    download.answered(Head(401, (BASIC,)))
    download.request()
    with pytest.raises(TransferError, match="refuses the credentials") as refused:
        download.answered(Head(401, (BASIC,)))
    assert "secret" not in str(refused.value)


def test_nothing_in_credentials_ends_a_line() -> None:
    with pytest.raises(TransferError, match="control character"):
        asking("https://eva%0d%0aX:y@a.example/x")
    with pytest.raises(TransferError, match="control character"):
        asking(who=Credentials("eva", "a\nb"))


# -- going on


@pytest.mark.parametrize(
    ("fields", "validator"),
    [
        ([("etag", '"v1"')], '"v1"'),
        ([("etag", '"v1"'), MODIFIED, LATER], '"v1"'),
        ([MODIFIED, LATER], MODIFIED[1]),
        ([("etag", 'W/"v1"')], ""),
        ([("etag", 'W/"v1"'), MODIFIED, LATER], ""),
        ([("etag", '"v1')], ""),
        ([MODIFIED, ("date", MODIFIED[1])], ""),
        ([MODIFIED], ""),
        ([("last-modified", "yesterday"), LATER], ""),
        ([("etag", '"v1"'), ("accept-ranges", "none")], ""),
        ([], ""),
    ],
)
def test_the_rest_is_asked_for_where_the_file_is_surely_the_same(
    fields: list[tuple[str, str]], validator: str
) -> None:
    """RFC 9110 sections 8.8.2.2 and 13.1.5."""
    download = begun(*fields)
    assert download.cut(CUT) == 0
    said = asked(download)
    if validator:
        assert f"\r\nRange: bytes=4-\r\nIf-Range: {validator}\r\n" in said
    else:
        assert "Range" not in said
        assert download.answered(Head(200, (("content-length", "9"),))) == Take(0, 9)
        assert download.received == 0


def resumed() -> Download:
    download = begun(("etag", '"v1"'))
    download.cut(CUT)
    download.request()
    return download


@pytest.mark.parametrize("fields", [
    [("content-range", "bytes 4-9/10"), ("etag", '"v1"'), ("content-length", "6")],
    [("content-range", "bytes 4-9/*")],
    [("content-range", "bytes 4-6/10")],
])
def test_a_part_that_fits_is_taken(fields: list[tuple[str, str]]) -> None:
    assert resumed().answered(Head(206, tuple(fields))) == Take(4, 10)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ([("content-range", "bytes 3-9/10")], "octets 3 to 9 where those from 4 on"),
        ([("content-range", "bytes 5-9/10")], "octets 5 to 9 where those from 4 on"),
        ([("content-range", "bytes 4-10/10")], "octets 4 to 10"),
        ([("content-range", "bytes 4-3/10")], "octets 4 to 3"),
        ([("content-range", "bytes 4-11/12")], "a part of another file"),
        ([("content-range", "bytes 4-9/10"), ("etag", '"v2"')], "a part of another file"),
        ([("content-range", "bytes 4-9/10"), ("content-length", "5")], "as long as it says"),
        ([("content-range", "4-9")], "without telling which"),
        ([("content-type", "multipart/byteranges")], "without telling which"),
        ([("content-range", "bytes 4-9/10"), ("content-encoding", "gzip")], "in a coding"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(fields: list[tuple[str, str]], why: str) -> None:
    with pytest.raises(TransferError, match=why) as refused:
        resumed().answered(Head(206, tuple(fields)))
    assert not refused.value.may_retry


def test_a_part_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(TransferError, match="206"):
        asking().answered(Head(206, (("content-range", "bytes 0-9/10"),)))


def test_a_range_that_is_refused_is_not_asked_again() -> None:
    download = resumed()
    assert download.answered(Head(416, (("content-range", "bytes */3"),))) == Again()
    assert "Range" not in asked(download)
    with pytest.raises(TransferError, match="416"):
        download.answered(Head(416))


def test_a_whole_is_counted() -> None:
    download = begun(length=10, came=4)
    assert not download.is_whole
    download.took(6)
    assert download.is_whole
    with pytest.raises(TransferError, match="more than it said"):
        download.took(1)


def test_attempts_without_an_octet_wait_longer_each_time() -> None:
    download = begun(("etag", '"v1"'))
    assert [download.cut(CUT) for _ in range(5)] == [0, 2, 4, 8, 16]
    with pytest.raises(TransferError, match=r"after 4 of 10 octets, taken up again 5 times: gone"):
        download.cut(CUT)


def test_what_has_not_begun_is_not_taken_up() -> None:
    with pytest.raises(Cut):
        asking().cut(CUT)


def test_sizes_are_judged_as_soon_as_they_are_known() -> None:
    with pytest.raises(TransferError, match="too large: 5 octets"):
        asking(most=5).answered(Head(200, (("content-length", "6"),)))
    download = asking(most=5)
    download.answered(Head(200))
    download.took(5)
    with pytest.raises(TransferError, match="too large"):
        download.took(1)


def test_a_coding_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(TransferError, match="in a coding"):
        asking().answered(Head(200, (("content-encoding", "gzip"),)))
    asking().answered(Head(200, (("content-encoding", "Identity"),)))


def test_a_kind_is_shown_without_what_cannot_be() -> None:
    download = asking()
    download.answered(Head(200, (("content-type", "text/plain; ä\x07" + "x" * 500),)))
    assert download.kind.startswith("text/plain; x")
    assert len(download.kind) <= 128


# -- uploads


def test_a_put_follows_as_a_put_and_no_further() -> None:
    upload = Upload(Url.parse("https://a.example/x"), 3, None, Bounds(), "mibgate", lambda: "00")
    assert isinstance(upload.answered(redirect("/y", 307)), Again)
    assert asked(upload).startswith("PUT /y HTTP/1.1\r\n")
    with pytest.raises(TransferError, match="303"):
        upload.answered(redirect("/z", 303))
    assert upload.answered(Head(201)) is None
