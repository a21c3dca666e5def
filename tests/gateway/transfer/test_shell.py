"""Transfers, with a server that is played by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError

from mibgateway.transfer.disk import BLOCK_OCTETS, MOST_HELD_OCTETS
from mibgateway.transfer.shell import CONTINUE_S
from mibgateway.transfer.terms import Bounds, Credentials, Done, TransferError
from tests.gateway.transfer.far_end import FarEnd

URL = "http://192.0.2.1:8080/x/y.cfg"
EVA = Credentials("eva", "secret")


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def failed(end: FarEnd, why: str, may_retry: bool = False) -> None:
    assert isinstance(end.result, TransferError)
    assert why in str(end.result)
    assert end.result.may_retry is may_retry


def test_a_file_comes_under_its_name_when_it_is_whole(tmp_path: Path) -> None:
    end, to = FarEnd(), tmp_path / "y.cfg"
    end.download(URL, to)
    assert end.accept() == (
        "GET /x/y.cfg HTTP/1.1\r\nHost: 192.0.2.1:8080\r\nUser-Agent: mibgate/1.2.3\r\n"
        "Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n")
    end.answer("200 OK", "Content-Length: 6", "Content-Type: text/plain", body="abc")
    assert not to.exists()
    end.say("def")
    assert end.result == Done(6, sha256(b"abcdef"), "text/plain")
    assert to.read_bytes() == b"abcdef"
    assert names(tmp_path) == ["y.cfg"]
    assert end.progress == [(6, 6)]
    assert end.line.aborting
    assert end.is_quiet()


def test_chunks_are_put_together(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x")
    end.accept()
    end.answer("200 OK", "Transfer-Encoding: chunked", body="3\r\nabc\r\n3;x=y\r\ndef\r\n0\r\n\r\n")
    assert end.result.octets == 6
    assert (tmp_path / "x").read_bytes() == b"abcdef"
    assert end.progress == [(6, None)]


@pytest.mark.parametrize("cleanly", [True, False])
def test_without_a_length_only_a_clean_close_makes_a_file_whole(
    tmp_path: Path, cleanly: bool
) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", bounds=Bounds(resumptions=0))
    end.accept()
    end.answer("200 OK", body="abc")
    end.hang_up(cleanly)
    if cleanly:
        assert end.result.octets == 3
    else:
        failed(end, "cut short after 3 octets", may_retry=True)
    assert names(tmp_path) == ["x"] * cleanly


@pytest.mark.parametrize(
    ("status", "why", "may_retry"),
    [
        ("404 Nope", "the server answers 404 (Not Found)", False),
        ("403 Nope", "403 (Forbidden)", False),
        ("503 Later", "503 (Service Unavailable)", True),
        ("599 Odd", "answers 599", True),
        ("429 Later", "429 (Too Many Requests)", True),
        ("204 Nothing", "204 (No Content)", False),
        ("401 Who", "asks for credentials", False),
    ],
)
def test_what_is_no_success_leaves_what_was_there(
    tmp_path: Path, status: str, why: str, may_retry: bool
) -> None:
    end, to = FarEnd(), tmp_path / "x"
    to.write_bytes(b"old")
    end.download(URL, to)
    end.accept()
    end.answer(status, "Content-Length: 3", body="abc")
    failed(end, why, may_retry)
    assert (names(tmp_path), to.read_bytes()) == (["x"], b"old")
    assert end.is_quiet()


def test_a_file_that_is_too_large_is_refused_by_its_length(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", most_octets=5)
    end.accept()
    end.answer("200 OK", "Content-Length: 6")
    failed(end, "the file is too large: 5 octets are allowed")
    assert names(tmp_path) == []


def test_a_body_without_an_end_is_refused_when_it_is_too_large(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", most_octets=5)
    end.accept()
    end.answer("200 OK", "Transfer-Encoding: chunked", body="5\r\nabcde\r\n1\r\n")
    end.say("f")
    failed(end, "too large")
    assert names(tmp_path) == []


def test_what_is_cut_short_is_taken_up_again(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", sha256=sha256(b"abcdef"))
    end.accept()
    end.answer("200 OK", "Content-Length: 6", 'ETag: "1"', body="abc")
    end.hang_up()
    asked = end.accept()
    assert "\r\nRange: bytes=3-\r\nIf-Range: \"1\"\r\n" in asked
    end.answer("206 Part", "Content-Range: bytes 3-5/6", "Content-Length: 3", 'ETag: "1"',
               body="def")
    assert end.result.sha256 == sha256(b"abcdef")
    assert (tmp_path / "x").read_bytes() == b"abcdef"


def test_a_file_that_has_changed_begins_anew(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x")
    end.accept()
    end.answer("200 OK", "Content-Length: 6", 'ETag: "1"', body="abc")
    end.hang_up()
    end.accept()
    end.answer("200 OK", "Content-Length: 4", 'ETag: "2"', body="wxyz")
    assert end.result.octets == 4
    assert (tmp_path / "x").read_bytes() == b"wxyz"


def test_resumptions_are_counted(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", bounds=Bounds(resumptions=2))
    end.accept()
    end.answer("200 OK", "Content-Length: 9", 'ETag: "1"', body="a")
    end.hang_up()
    end.refuse()
    end.reactor.advance(2)
    end.accept()
    end.hang_up()
    failed(end, "cut short after 1 of 9 octets, taken up again 2 times: "
                "the server closed the connection without an answer", may_retry=True)
    assert names(tmp_path) == []
    assert end.is_quiet()


def test_a_server_that_cannot_be_reached_is_told_at_once(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x")
    end.refuse()
    failed(end, "192.0.2.1 can't be reached: Connection was refused", may_retry=True)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "no connection within 15 s"),
        ("HTTP/1.1 200 OK\r\n", "nothing has moved for 30 s"),
    ],
)
def test_a_silent_server_is_left(tmp_path: Path, said: str, why: str) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x")
    if said:
        end.accept()
        end.say(said)
    end.reactor.advance(15)
    end.reactor.advance(15)
    failed(end, why, may_retry=True)
    assert end.is_quiet() or not said


def test_a_trickle_is_left(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x")
    end.accept()
    end.answer("200 OK", "Content-Length: 900")
    for _ in range(6):
        end.reactor.advance(10)
        if not end.told:
            end.say("a")
    failed(end, "the server is too slow", may_retry=True)
    assert names(tmp_path) == []


def test_the_whole_has_its_bound(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", bounds=Bounds(total_s=20))
    end.accept()
    end.answer("200 OK", "Content-Length: 900")
    end.reactor.advance(20)
    failed(end, "not done within 20 s", may_retry=True)


def test_a_server_waits_for_a_disk_that_lags(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", most_octets=10**9)
    end.accept()
    end.is_slow = True
    size = BLOCK_OCTETS + MOST_HELD_OCTETS
    end.answer("200 OK", f"Content-Length: {size}")
    end.say(b"a" * BLOCK_OCTETS)
    end.say(b"a" * (MOST_HELD_OCTETS - 1))
    assert end.line.producerState == "producing"
    end.say(b"a")
    assert end.result if end.told else end.line.aborting
    end.is_slow = False
    end.waiting.pop()()
    assert end.result.octets == size


def test_a_disk_that_lags_is_not_the_servers_fault(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", most_octets=10**9)
    end.accept()
    end.is_slow = True
    end.answer("200 OK", f"Content-Length: {10**8}")
    end.say(b"a" * BLOCK_OCTETS)
    end.say(b"a" * MOST_HELD_OCTETS)
    assert end.line.producerState == "paused"
    end.reactor.advance(300)
    assert not end.told
    end.is_slow = False
    end.waiting.pop()()
    assert end.line.producerState == "producing"
    end.reactor.advance(29)
    assert not end.told
    end.running.cancel()


def test_to_cancel_is_to_hang_up_and_to_leave_nothing(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", most_octets=10**9)
    end.accept()
    end.answer("200 OK", f"Content-Length: {10**8}", 'ETag: "1"')
    end.say(b"a" * BLOCK_OCTETS)
    assert len(names(tmp_path)) == 1
    end.running.cancel()
    assert isinstance(end.result, CancelledError)
    assert end.line.aborting
    assert names(tmp_path) == []
    assert end.is_quiet()


def test_to_cancel_while_the_disk_is_busy_leaves_nothing_either(tmp_path: Path) -> None:
    end = FarEnd()
    end.is_slow = True
    end.download(URL, tmp_path / "x")
    end.running.cancel()
    assert isinstance(end.result, CancelledError)
    end.is_slow = False
    end.waiting.pop()()
    assert names(tmp_path) == []


def test_to_cancel_while_dialling_gives_the_dial_up(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x")
    end.running.cancel()
    assert isinstance(end.result, CancelledError)
    assert end.reactor.getDelayedCalls() == []
    assert names(tmp_path) == []


def test_a_full_disk_ends_it(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "nowhere" / "x")
    failed(end, "can't be written: No such file or directory")
    assert end.is_quiet()


def test_a_redirect_is_followed_and_named(tmp_path: Path) -> None:
    end = FarEnd()
    end.download("http://eva:secret@192.0.2.1/x", tmp_path / "x")
    end.accept()
    end.answer("302 There", "Location: http://192.0.2.2/z")
    assert end.accept().startswith("GET /z HTTP/1.1\r\nHost: 192.0.2.2\r\n")
    end.answer("401 Who", 'WWW-Authenticate: Basic realm="x"')
    failed(end, "asks for credentials, which stands elsewhere than asked "
                "(redirected to 192.0.2.2)")


def test_credentials_wait_until_they_are_asked_for(tmp_path: Path) -> None:
    end = FarEnd()
    end.download(URL, tmp_path / "x", credentials=EVA)
    assert "Authorization" not in end.accept()
    end.answer("401 Who", 'WWW-Authenticate: Basic realm="x"')
    assert "\r\nAuthorization: Basic ZXZhOnNlY3JldA==\r\n" in end.accept()
    end.answer("200 OK", "Content-Length: 0")
    assert end.result.octets == 0
    assert (tmp_path / "x").read_bytes() == b""


def test_https_needs_a_ca(tmp_path: Path) -> None:
    end = FarEnd()
    end.download("https://192.0.2.1/x", tmp_path / "x")
    failed(end, "no CA certificate is installed")
    assert [server for _, server in end.made] == ["192.0.2.1"]
    assert end.is_quiet()


# -- uploads


def test_a_file_waits_until_the_server_wants_it(tmp_path: Path) -> None:
    end, source = FarEnd(), tmp_path / "x"
    source.write_bytes(b"abcdef")
    end.upload(URL, source, credentials=EVA)
    asked = end.accept()
    assert asked.startswith("PUT /x/y.cfg HTTP/1.1\r\n")
    assert "\r\nContent-Length: 6\r\n" in asked
    assert "\r\nExpect: 100-continue\r\n" in asked
    assert asked.endswith("\r\n\r\n")
    end.answer("401 Who", 'WWW-Authenticate: Basic realm="x"')
    assert "Authorization: Basic" in end.accept()
    end.answer("100 Continue")
    assert end.asked() == "abcdef"
    end.answer("201 Made", "Content-Length: 0")
    assert end.result == Done(6, sha256(b"abcdef"))
    assert end.progress == [(6, 6)]
    assert end.is_quiet()


def test_a_server_without_an_opinion_gets_it_all_the_same(tmp_path: Path) -> None:
    end, source = FarEnd(), tmp_path / "x"
    source.write_bytes(b"abcdef")
    end.upload(URL, source)
    end.accept()
    end.reactor.advance(CONTINUE_S)
    assert end.asked() == "abcdef"
    end.answer("204 Kept")
    assert end.result.octets == 6


def test_an_empty_file_is_put_at_once(tmp_path: Path) -> None:
    end, source = FarEnd(), tmp_path / "x"
    source.write_bytes(b"")
    end.upload(URL, source)
    assert "Expect" not in end.accept()
    end.answer("201 Made", "Content-Length: 0")
    assert end.result.octets == 0


@pytest.mark.parametrize(
    ("status", "why", "may_retry"),
    [("413 Much", "413 (", False), ("507 Full", "507 (", True), ("303 See", "303 (", False),
     ("201 Made", "content before it had the file", False)],
)
def test_a_server_may_say_no_before_it_has_the_file(
    tmp_path: Path, status: str, why: str, may_retry: bool
) -> None:
    end, source = FarEnd(), tmp_path / "x"
    source.write_bytes(b"abcdef")
    end.upload(URL, source)
    end.accept()
    end.answer(status, "Location: /y", "Content-Length: 0")
    failed(end, why, may_retry)


def test_a_server_that_knows_no_expectations_is_asked_without(tmp_path: Path) -> None:
    end, source = FarEnd(), tmp_path / "x"
    source.write_bytes(b"abcdef")
    end.upload(URL, source)
    end.accept()
    end.answer("417 What", "Content-Length: 0")
    assert end.accept().endswith("\r\n\r\nabcdef")
    end.answer("200 OK", "Content-Length: 0")
    assert end.result.octets == 6


def test_what_is_not_there_is_not_sent(tmp_path: Path) -> None:
    end = FarEnd()
    end.upload(URL, tmp_path / "x")
    failed(end, "x can't be read: No such file")
    assert end.is_quiet()
