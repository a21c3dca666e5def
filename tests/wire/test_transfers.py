"""Transfers from and to nginx, and servers that do what they should not."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet import reactor, task, threads
from twisted.internet.defer import Deferred, ensureDeferred, inlineCallbacks
from twisted.trial import unittest

from mibgateway.tls.creator import ClientCreator
from mibgateway.tls.credentials import Authority, HostCredential
from mibgateway.tls.policy import Level, SuiteSet, TlsPolicy
from mibgateway.transfer.part import sweep
from mibgateway.transfer.shell import Transfers
from mibgateway.transfer.terms import Bounds, Credentials, Done, TransferError
from mibgateway.transfer.url import Url
from tests.gateway.tls.pki import chain_pem, dns, ip, issue
from tests.wire.file_servers import (
    Answer,
    FileServer,
    endless,
    endless_head,
    fixed,
    in_pieces,
    reset,
    wrong_part,
)
from tests.wire.nginx import ADDRESS, Nginx
from tests.wire.programs import needs
from tests.wire.unit_process import free_tcp_port, until

BEGIN = datetime.now(UTC) - timedelta(days=30)
ROOT = issue("Root", ca=True, kind="rsa", number=1, start=BEGIN)
OTHER = issue("Other root", ca=True, number=2, start=BEGIN)
NAMES = (*dns("localhost"), *ip(ADDRESS))
GOOD = issue("files", NAMES, by=ROOT, kind="rsa", start=BEGIN)
ELSEWHERE = issue("elsewhere", dns("elsewhere.example"), by=ROOT, kind="rsa", start=BEGIN)
STRANGER = issue("stranger", NAMES, by=OTHER, kind="rsa", start=BEGIN)
EXPIRED = issue("expired", NAMES, by=ROOT, kind="rsa", start=BEGIN, days=10)
CLIENT = issue("unit", by=ROOT, kind="rsa", number=3, start=BEGIN)

EVA = Credentials("eva", "secret")
TEXT = bytes(range(256)) * 400
LARGE = 1 << 30
POLICY = TlsPolicy(use="File transfer")
Steps = Generator[Deferred[Any], Any, None]


def in_thread(call: Callable[[], Any]) -> Deferred[Any]:
    return threads.deferToThread(call)


class TransferCase(unittest.TestCase):
    """What comes, goes or fails, and what is then to be seen of it."""

    timeout = 60

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.to = self.folder / "file"

    def transfers(
        self, credential: HostCredential | None = None,
        trusted: tuple[Authority, ...] = (ROOT.authority(),),
    ) -> Transfers:
        return Transfers(
            reactor, lambda policy, server: ClientCreator(
                policy, credential, trusted, server, clock=lambda: datetime.now(UTC)),
            in_thread)

    def bring(self, url: str, *, through: Transfers | None = None, **given: Any) -> Deferred[Done]:
        given.setdefault("policy", POLICY)
        given.setdefault("most_octets", 1 << 20)
        return ensureDeferred((through or self.transfers()).download(
            Url.parse(url), self.to, **given))

    @inlineCallbacks
    def comes(self, url: str, octets: bytes = TEXT, **given: Any) -> Steps:
        """It comes, whole, and nothing else is there."""
        done = yield self.bring(url, **given)
        self.assertEqual(done.sha256, hashlib.sha256(octets).hexdigest())
        self.assertEqual(self.to.read_bytes(), octets)
        self.assertEqual([each.name for each in self.folder.iterdir()], ["file"])

    @inlineCallbacks
    def fails(self, url: str, why: str, may_retry: bool = False, **given: Any) -> Steps:
        """It fails for that reason, and nothing is there but what was."""
        try:
            done = yield self.bring(url, **given)
        except TransferError as error:
            self.assertIn(why, str(error))
            self.assertEqual(error.may_retry, may_retry, str(error))
        else:
            self.fail(f"it came: {done}")
        self.assertEqual(list(self.folder.iterdir()), [])


@needs("nginx")
class NginxTests(TransferCase):
    """A real server, set well and badly."""

    nginx: ClassVar[Nginx]
    home: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.home = Path(tempfile.mkdtemp())
        nginx = cls.nginx = Nginx(cls.home)
        nginx.serve("plain")
        nginx.serve("good", GOOD)
        nginx.serve("demands", GOOD, nginx.authorities(ROOT))
        nginx.serve("old", GOOD, "ssl_protocols TLSv1.1", "ssl_ciphers ALL:@SECLEVEL=0")
        nginx.serve("weak", GOOD, "ssl_protocols TLSv1.2", "ssl_ciphers AES128-SHA")
        nginx.serve("elsewhere", ELSEWHERE)
        nginx.serve("stranger", STRANGER)
        nginx.serve("expired", EXPIRED)
        nginx.file("files/file", TEXT)
        nginx.file("files/chunked", b"<html>" * 20_000)
        with nginx.file("files/large", b"").open("r+b") as large:
            large.truncate(LARGE)
        nginx.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.nginx.stop()
        shutil.rmtree(cls.home)

    def url(self, server: str, path: str = "/file", user: str = "") -> str:
        scheme = "http" if server == "plain" else "https"
        return f"{scheme}://{user}{ADDRESS}:{self.nginx.ports[server]}{path}"

    def test_a_file_comes_by_https_and_by_http(self) -> Any:
        return self.each(
            partial(self.comes, self.url("good")),
            partial(self.comes, self.url("plain")),
            partial(self.comes, self.url("good").replace(ADDRESS, "localhost")),
            partial(self.comes, self.url("good", "/moved")),
            partial(self.comes, self.url("good", "/chunked"), b"<html>" * 20_000))

    @inlineCallbacks
    def each(self, *steps: Callable[[], Deferred[None]]) -> Steps:
        for step in steps:
            yield step()
            self.to.unlink(missing_ok=True)

    def test_a_certificate_that_is_demanded_is_shown(self) -> Any:
        return self.each(
            partial(self.comes, self.url("demands"), through=self.transfers(CLIENT.credential())),
            partial(self.fails, self.url("demands"),
                    "it may demand a certificate, and none of ours was given"))

    def test_a_server_that_cannot_be_trusted_gives_nothing(self) -> Any:
        return self.each(
            partial(self.fails, self.url("elsewhere"), "elsewhere.example"),
            partial(self.fails, self.url("stranger"), "CN=stranger"),
            partial(self.fails, self.url("expired"), "CN=expired"),
            partial(self.comes, self.url("stranger"),
                    policy=TlsPolicy(use="File transfer", level=Level.NO_VALIDATION)))

    def test_versions_and_suites_outside_the_policy_are_not_spoken(self) -> Any:
        return self.each(
            partial(self.fails, self.url("old"), "protocol version"),
            partial(self.fails, self.url("weak"), "cipher suites of CS4"),
            partial(self.comes, self.url("weak"),
                    policy=TlsPolicy(use="File transfer", suite_set=SuiteSet.CS2)))

    def test_who_speaks_in_clear_is_told(self) -> Any:
        return self.fails(self.url("plain").replace("http:", "https:"), "does not speak TLS")

    def test_without_a_ca_nothing_is_dialled(self) -> Any:
        return self.fails(self.url("good"), "no CA certificate is installed",
                          through=self.transfers(trusted=()))

    def test_what_the_server_says_is_told(self) -> Any:
        return self.each(
            partial(self.fails, self.url("good", "/nothing"), "404 (Not Found)"),
            partial(self.fails, self.url("good", "/busy"), "503 (Service Unavailable)", True),
            partial(self.fails, self.url("good", "/round"), "more than 5 redirects"),
            partial(self.fails, self.url("good", "/down"), "from https to http"),
            partial(self.fails, self.url("good", "/large"), "too large"),
            partial(self.fails, self.url("good"), "SHA-256", sha256="0" * 64))

    def test_credentials_are_for_who_was_asked(self) -> Any:
        return self.each(
            partial(self.comes, self.url("good", "/asks/file"), credentials=EVA),
            partial(self.comes, self.url("good", "/asks/file", "eva:secret@")),
            partial(self.fails, self.url("good", "/asks/file"), "asks for credentials"),
            partial(self.fails, self.url("good", "/asks/file", "eva:wrong@"),
                    "refuses the credentials"),
            partial(self.fails, self.url("good", "/away"), "stands elsewhere", credentials=EVA))

    @inlineCallbacks
    def test_a_file_is_put(self) -> Steps:
        source = self.nginx.file("source", TEXT * 40)
        for server in ("good", "plain"):
            for _ in range(2):
                seen: list[tuple[int, int | None]] = []
                done = yield ensureDeferred(self.transfers().upload(
                    Url.parse(self.url(server, f"/put/{server}")), source, policy=POLICY,
                    progress=lambda *each, seen=seen: seen.append(each)))
                self.assertEqual(done.sha256, hashlib.sha256(TEXT * 40).hexdigest())
                self.assertEqual(seen[-1], (len(TEXT) * 40, len(TEXT) * 40))
            put = self.home / "put" / server
            self.assertEqual(put.read_bytes(), TEXT * 40)

    @inlineCallbacks
    def test_a_put_that_is_refused_is_told(self) -> Steps:
        source = self.nginx.file("source", TEXT * 40)
        for path, why in (("/file", "405 (Method Not Allowed)"),
                          ("/asks/file", "asks for credentials")):
            with self.assertRaises(TransferError) as refused:
                yield ensureDeferred(self.transfers().upload(
                    Url.parse(self.url("good", path)), source, policy=POLICY))
            self.assertIn(why, str(refused.exception))
        self.assertEqual((self.home / "files" / "file").read_bytes(), TEXT)

    @inlineCallbacks
    def test_a_dial_that_is_given_up_leaves_nothing(self) -> Steps:
        coming = self.bring(self.url("good", "/slow/large"), most_octets=LARGE)
        while not any(each.stat().st_size for each in self.folder.iterdir()):
            yield task.deferLater(reactor, 0.02)  # type: ignore[arg-type]
        coming.cancel()
        coming.addErrback(lambda _: None)
        yield coming
        self.assertEqual(list(self.folder.iterdir()), [])

    def run_process(self, path: str) -> subprocess.Popen[str]:
        ca = self.nginx.file("ca.pem", chain_pem(ROOT.certificate))
        return subprocess.Popen(
            [sys.executable, "-m", "tests.wire.transfer_process", self.url("good", path),
             str(self.to), str(ca), str(LARGE)], stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[2])

    def test_a_large_file_needs_little_memory_and_is_not_seen_before_it_is_whole(self) -> None:
        process = self.run_process("/large")
        sizes = set()
        while process.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                sizes.add(self.to.stat().st_size)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        said, _ = process.communicate()
        told = json.loads(said)
        self.assertEqual((told["octets"], self.to.stat().st_size), (LARGE, LARGE))
        self.assertLessEqual(sizes, {LARGE})
        self.assertLess(told["growth_kib"], 30 * 1024)

    def test_a_process_that_is_killed_leaves_what_was_there(self) -> None:
        self.to.write_bytes(b"old")
        process = self.run_process("/slow/large")

        def part() -> list[Path]:
            return [each for each in self.folder.glob(".file.*.part") if each.stat().st_size]

        try:
            until(part, "a part of the file")
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        self.assertEqual(self.to.read_bytes(), b"old")
        self.assertEqual(sweep(self.folder), 1)
        self.assertEqual({each.name for each in self.folder.iterdir()}, {"file", "small"})


class BadServerTests(TransferCase):
    """Servers of the test's own."""

    def serve(self, answers: dict[str, Answer]) -> FileServer:
        made = FileServer(answers)
        self.addCleanup(in_thread, made.close)
        return made

    def url(self, answer: Answer) -> str:
        self.server = self.serve({"/x": answer})
        return f"http://{ADDRESS}:{self.server.port}/x"

    @inlineCallbacks
    def test_what_is_cut_short_is_taken_up_again(self) -> Steps:
        yield self.comes(self.url(in_pieces(TEXT, len(TEXT) // 3)))
        self.assertEqual(len(self.server.asked), 4)

    @inlineCallbacks
    def test_what_cannot_be_taken_up_begins_anew_a_few_times(self) -> Steps:
        yield self.fails(self.url(in_pieces(TEXT, 1000, etag='W/"1"')),
                         f"cut short after 1000 of {len(TEXT)} octets", may_retry=True)
        self.assertEqual(len(self.server.asked), 6)

    def test_another_part_than_asked_for_is_refused(self) -> Any:
        return self.fails(self.url(wrong_part(TEXT)), "where those from 10 on were asked for")

    def test_a_reset_is_no_end(self) -> Any:
        return self.fails(self.url(reset), "in the midst of the answer", may_retry=True,
                          bounds=Bounds(resumptions=1))

    def test_a_body_without_an_end_is_left(self) -> Any:
        return self.fails(self.url(endless), "the file is too large")

    def test_a_head_without_an_end_is_left(self) -> Any:
        return self.fails(self.url(endless_head), "head is over")

    @inlineCallbacks
    def test_a_trickle_is_left(self) -> Steps:
        server = self.serve({})
        server.answers["/x"] = server.trickle
        yield self.fails(f"http://{ADDRESS}:{server.port}/x", "too slow", may_retry=True,
                         bounds=Bounds(window_s=0.5, least_octets=1000))

    @inlineCallbacks
    def test_silence_is_left(self) -> Steps:
        server = self.serve({})
        server.answers["/x"] = server.silence
        yield self.fails(f"http://{ADDRESS}:{server.port}/x", "nothing has moved", may_retry=True,
                         bounds=Bounds(idle_s=0.3, resumptions=0))

    def test_a_coding_that_nobody_asked_for_is_refused(self) -> Any:
        return self.fails(self.url(fixed(
            "HTTP/1.1 200 OK\nContent-Length: 3\nContent-Encoding: gzip\n\nabc")), "in a coding")

    def test_who_does_not_speak_http_is_told(self) -> Any:
        return self.fails(self.url(fixed("SSH-2.0-OpenSSH\n\n")), "does not speak HTTP")

    def test_nobody_there_is_told(self) -> Any:
        return self.fails(f"https://{ADDRESS}:{free_tcp_port()}/x", "can't be reached",
                          may_retry=True)
