"""Files and certificates from a real server: by SNMPv3 alone, and by a script's lines."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.gateway.tls.pki import chain_pem, dns, ip, issue
from tests.structure.tree import ROOT
from tests.wire.nginx import ADDRESS, Nginx
from tests.wire.programs import require
from tests.wire.unit_process import (
    WAIT_S,
    UnitProcess,
    folder,
    free_tcp_port,
    mibgate,
    until,
)

BEGIN = datetime.now(UTC) - timedelta(days=30)
CA = issue("Files CA", ca=True, number=1, start=BEGIN)
SERVER = issue("files", (*dns("localhost"), *ip(ADDRESS)), by=CA, kind="rsa", start=BEGIN)
OWN = issue("unit.example.com", dns("unit.example.com"), by=CA, number=3, start=BEGIN)
TEXT = b"Description: Rings for the lobby\n" + bytes(range(256)) * 800
LARGE = 8 * 1024 * 1024


class Site:
    """nginx with TLS, and a unit that trusts its CA and answers SNMPv3 alone."""

    def __init__(self, home: Path, unit: UnitProcess, nginx: Nginx) -> None:
        self.home, self.unit, self.nginx = home, unit, nginx

    def url(self, path: str, user: str = "") -> str:
        return f"https://{user}{ADDRESS}:{self.nginx.ports['good']}{path}"

    @property
    def files(self) -> Path:
        return self.unit.state / "files"

    def script(self, *lines: str) -> tuple[int, str]:
        done = mibgate("script", "--state", self.unit.state, "-", given="\n".join(lines) + "\n")
        return done.returncode, done.stdout + done.stderr

    def set(self, *words: str) -> None:
        done = self.unit.tool("snmpset", "-v3", "-Oqs", ADDRESS, *words)
        assert done.returncode == 0, done.stderr

    def walk(self, table: str) -> dict[str, str]:
        """Give what snmpwalk shows, by column and row."""
        done = self.unit.tool("snmpwalk", "-v3", "-OqsU", ADDRESS, table)
        assert done.returncode == 0, done.stderr
        return {name: value.strip('"') for name, _, value in
                (line.partition(" ") for line in done.stdout.splitlines())}

    def has_begun(self, stem: str) -> bool:
        return int(self.walk(stem + "Table")[f"{stem}Bytes.1000"]) > 0

    def watched(self, table: str, number: int) -> dict[str, str]:
        """Watch a run to its end."""
        stem = table.removesuffix("Table")

        def ended() -> dict[str, str]:
            found = self.walk(table)
            return found if found.get(f"{stem}State.{number}") == "done" else {}

        found = until(ended, table)
        return {name.removeprefix(stem).partition(".")[0]: value for name, value in found.items()
                if name.endswith(f".{number}")}


@contextmanager
def started() -> Iterator[Site]:
    with folder("file") as home:
        for program in ("snmpset", "nginx"):
            require(program)
        (home / "nginx").mkdir()
        nginx = Nginx(home / "nginx")
        nginx.serve("good", SERVER)
        nginx.file("files/rings.wav", TEXT)
        nginx.file("files/ca.pem", chain_pem(CA.certificate))
        nginx.file("files/unit.pem", OWN.pem("a word"))
        nginx.file("files/large", b"new" + bytes(LARGE - 3))
        nginx.file("files/medium", b"new" + bytes(LARGE // 4))
        nginx.start()
        try:
            (home / "ca.pem").write_bytes(chain_pem(CA.certificate))
            with UnitProcess(home, script=None) as unit:
                site = Site(home, unit, nginx)
                status, said = site.script(
                    f'Cert.Import Type=Other FileName=files-ca.pem Path="{home}/ca.pem"')
                assert status == 0, said
                yield site
        finally:
            nginx.stop()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with started() as found:
        yield found


def test_the_page_on_transfers_has_commands_that_work_as_they_stand(site: Site) -> None:
    require("openssl")
    page = (ROOT / "docs" / "transfers.md").read_text(encoding="utf-8")
    text = "".join(re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    (site.home / "unit1").symlink_to(site.unit.state)
    paths = [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "trap 'kill $(jobs -p) || true' EXIT\n"
         + text.replace("8443", str(free_tcp_port()))],
        cwd=site.home, capture_output=True, text=True, timeout=WAIT_S, check=False,
        env={**os.environ, "PATH": os.pathsep.join(paths)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("done\n") >= 2 and "Success: 2 lines, 0 refused" in done.stdout
    assert "failed" not in done.stdout, done.stdout
    assert (site.files / "notes" / "trial.txt").read_text() == "Description: a trial\n"
    assert (site.files / "trial.txt").exists()


def test_a_file_comes_by_snmp_alone(site: Site) -> None:
    site.set("fileDownloadFileUrl.5", "s", site.url("/asks/rings.wav", "eva:secret@"),
             "fileDownloadFileFileName.5", "s", "lobby/rings.wav",
             "fileDownloadFileRowStatus.5", "i", "createAndGo")
    ended = site.watched("fileDownloadFileTable", 5)
    assert (ended["Result"], ended["Percent"], ended["Bytes"], ended["Error"]) == (
        "success", "100", str(len(TEXT)), "")
    assert ended["Url"] == site.url("/asks/rings.wav")
    assert (site.files / "lobby" / "rings.wav").read_bytes() == TEXT
    shown = site.walk("fileFilesTable").items()
    number = next(name.rpartition(".")[2] for name, value in shown if value == "lobby/rings.wav")
    assert {(f"fileFilesFileDescription.{number}", "Rings for the lobby"),
            (f"fileFilesFileSize.{number}", "201")} <= set(shown)
    site.set(f"fileFilesRowStatus.{number}", "i", "destroy")
    until(lambda: not (site.files / "lobby").exists(), "removed")
    assert "secret" not in site.unit.log()


def test_a_file_goes_by_snmp_alone(site: Site) -> None:
    (site.files / "report.txt").write_bytes(TEXT)
    site.set("fileUploadFileUrl.5", "s", site.url("/put/%serial%.txt"),
             "fileUploadFileFileName.5", "s", "report.txt",
             "fileUploadFileRowStatus.5", "i", "createAndGo")
    ended = site.watched("fileUploadFileTable", 5)
    assert ended["Result"] == "success", ended
    (came,) = (site.nginx.home / "put").iterdir()
    assert came.read_bytes() == TEXT and len(came.stem) == 12


def test_a_certificate_comes_by_snmp_alone(site: Site) -> None:
    site.set("certDownloadUrl.5", "s", site.url("/unit.pem"), "certDownloadType.5", "i", "host",
             "certDownloadPassword.5", "s", "a word", "certDownloadRowStatus.5", "i",
             "createAndGo")
    ended = site.watched("certDownloadTable", 5)
    assert (ended["Result"], ended["Error"], ended["Password"]) == ("success", "", "")
    held = site.walk("certHostCertificatesInfoTable").values()
    assert {"unit.pem", OWN.credential().facts.fingerprint} <= set(held)
    assert site.walk("certStatLastTransferResult") == {"certStatLastTransferResult.0": "success"}


def test_the_same_as_lines_of_a_script(site: Site) -> None:
    status, said = site.script(
        f'File.DownloadFile Url="{site.url("/rings.wav")}"',
        f'Cert.Download Url="{site.url("/ca.pem")}" Type=Other FileName=again.pem',
        f'File.UploadFile Url="{site.url("/put/back.wav")}" FileName=rings.wav')
    assert (status, said) == (0, "Success: 3 lines, 0 refused\n")
    assert (site.files / "rings.wav").read_bytes() == TEXT
    assert (site.nginx.home / "put" / "back.wav").read_bytes() == TEXT
    assert "again.pem" in site.walk("certOthersCertificatesInfoFileName").values()


def test_what_fails_says_why_on_its_line(site: Site) -> None:
    status, said = site.script(
        f'File.DownloadFile Url="{site.url("/nothing")}"',
        f'File.DownloadFile Url="{site.url("/rings.wav")}" FileName="../key"',
        f'Cert.Download Url="{site.url("/large")}" Type=Other FileName=large.pem',
        f'Cert.Download Url="{site.url("/rings.wav")}" Type=Other')
    result, *lines = said.splitlines()
    assert (status, result) == (1, "ExecutionFailed: 4 lines, 4 refused")
    for line, why in zip(lines, ("404", "without ..", "4194304", "certificate"), strict=True):
        assert why in line, lines


def test_without_its_ca_a_server_is_refused(site: Site) -> None:
    for name in site.walk("certOthersCertificatesInfoFileName"):
        site.set(name.replace("FileName", "RowStatus"), "i", "destroy")
    status, said = site.script(f'File.DownloadFile Url="{site.url("/rings.wav")}" FileName=no')
    assert status == 1 and "no CA certificate is installed" in said
    assert not (site.files / "no").exists()
    status, said = site.script(f'Cert.Import Path="{site.home}/ca.pem" FileName=files-ca.pem')
    assert status == 0, said


def test_a_transfer_that_is_killed_leaves_old_or_new_and_nothing_else() -> None:
    with started() as site:
        site.script(f'File.DownloadFile Url="{site.url("/rings.wav")}" FileName=large')
        for stem in ("fileDownloadFile", "certDownload"):
            site.set(f"{stem}Url.1000", "s", site.url("/slow/medium"),
                     f"{stem}FileName.1000", "s", "large",
                     f"{stem}RowStatus.1000", "i", "createAndGo")
            until(partial(site.has_begun, stem), "octets")
        begun = list(site.unit.state.rglob("*.part"))
        site.unit.kill()
        assert len(begun) == 2
        site.unit.start()
        assert [path.name for path in site.files.iterdir()] == ["large"]
        assert (site.files / "large").read_bytes() == TEXT
        assert list(site.unit.state.rglob("*.part")) == []
        assert not (site.unit.state / "incoming").exists()
        assert site.walk("certOthersCertificatesInfoFileName").keys() == {
            'certOthersCertificatesInfoFileName."files-ca.pem"'}
