"""What a job asks for, and what of it may be shown."""

from __future__ import annotations

from typing import Any

import pytest

from mibagent.service.jobs import NOBODY
from mibgateway.tls.policy import Floor, Level, SuiteSet, Trust
from mibgateway.transfer.asked import Validation, asked, shown, told
from mibgateway.transfer.terms import Credentials, TransferError
from tests.gateway.kit import ADMIN, USER


class Wanted:
    transfer_https_cipher_suite = SuiteSet.CS3
    transfer_https_tls_version = Floor.TLSV1_3
    transfer_certificate_validation = Validation.HOST_NAME
    transfer_certificate_trust_level = Trust.OCSP_OPTIONAL
    transfer_username = ""
    transfer_password = ""
    transfer_http_enable = False


def test_a_job_is_judged_by_its_services_parameters() -> None:
    found = asked("https://a.example.com/%mac%", {"mac": "00"}, Wanted(), "File transfer", ADMIN)
    assert found.url.shown == "https://a.example.com/00"
    assert (found.policy.suite_set, found.policy.floor, found.policy.level, found.policy.trust,
            found.policy.use) == (SuiteSet.CS3, Floor.TLSV1_3, Level.HOST_NAME,
                                  Trust.OCSP_OPTIONAL, "File transfer")
    assert found.credentials is None


def test_a_user_of_the_parameters_is_told_and_no_password_without_one() -> None:
    class Named(Wanted):
        transfer_username = "unit"
        transfer_password = "a word"

    class Nameless(Wanted):
        transfer_password = "a word"

    assert asked("https://a/", {}, Named(), "x", ADMIN).credentials == Credentials("unit", "a word")
    assert asked("https://a/", {}, Nameless(), "x", ADMIN).credentials is None


def test_who_may_not_know_the_password_sends_it_nowhere() -> None:
    class Named(Wanted):
        transfer_username = "unit"
        transfer_password = "a word"

    for principal in (USER, NOBODY):
        assert asked("https://a/", {}, Named(), "x", principal).credentials is None
    own = asked("https://eva:pa55@a/", {}, Named(), "x", USER).url
    assert (own.username, own.password) == ("eva", "pa55")


def test_http_has_to_be_allowed() -> None:
    class Open(Wanted):
        transfer_http_enable = True

    assert asked("http://a/", {}, Open(), "x", ADMIN).url.scheme == "http"
    with pytest.raises(TransferError, match="http is not allowed here") as refused:
        asked("http://eva:pa55@a/", {}, Wanted(), "x", ADMIN)
    assert "pa55" not in str(refused.value)


def test_nothing_is_no_url() -> None:
    with pytest.raises(TransferError, match="a Url is needed"):
        asked("", {}, Wanted(), "x", ADMIN)


@pytest.mark.parametrize(("url", "text"), [
    ("https://a.example.com/%mac%/x", "https://a.example.com/%mac%/x"),
    ("https://eva:pa55@a.example.com:8443/x@y?z#q", "https://a.example.com:8443/x@y?z#q"),
    ("https://eva@a", "https://a"), ("https://e@va:pa55@a/x", "https://a/x"),
    ("HTTPS://eva:pa55@[2001:db8::1]/x", "HTTPS://[2001:db8::1]/x"),
    ("ftp://eva:pa55@a/x", "ftp://a/x"), ("eva:pa55@a", "a"), ("https://eva:pa/55@a/x",
                                                              "https://a/x"), ("", "")])
def test_a_url_is_shown_without_its_user_part(url: str, text: str) -> None:
    assert shown(url) == text


def test_progress_has_percent_where_the_size_is_known() -> None:
    heard: list[dict[str, Any]] = []
    tell = told(lambda **given: heard.append(given))
    for octets, total in ((5, 10), (10, 10), (7, None), (0, 0)):
        tell(octets, total)
    assert heard == [{"octets": 5, "percent": 50}, {"octets": 10, "percent": 99},
                     {"octets": 7, "percent": None}, {"octets": 0, "percent": None}]
