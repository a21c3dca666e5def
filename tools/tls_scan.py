"""Lets scanners look at TLS servers made by our engine, one for each policy.

sslyze asks for every version, suite and group; testssl.sh, with --testssl, tries every known
attack and takes some minutes a server. Exit status 1 says that there are findings.

    python tools/tls_scan.py             sslyze alone, all policies
    python tools/tls_scan.py --testssl   testssl.sh too, under the defaults
    python tools/tls_scan.py CS3-rsa     that policy alone
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.internet import protocol, reactor, utils
from twisted.internet.defer import ensureDeferred

from mibgateway.tls.creator import ServerCreator
from mibgateway.tls.credentials import HostCredential
from mibgateway.tls.policy import Floor, SuiteSet, TlsPolicy
from mibgateway.tls.shell import tls_factory

SSLYZE = Path(sys.prefix) / "sslyze" / "bin" / "sslyze"
"""In an environment of its own, since it needs an older cryptography than we."""

SCANS = ("--certinfo", "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3",
         "--reneg", "--fallback", "--compression", "--heartbleed", "--robot", "--openssl_ccs",
         "--early_data", "--elliptic_curves", "--ems")

NAME = "localhost"
DEFAULTS = ("CS4-ec", "CS4-rsa")


@dataclass(frozen=True)
class Server:
    """A server to be looked at."""

    policy: TlsPolicy
    kind: str

    @property
    def name(self) -> str:
        floor = "" if self.policy.floor is Floor.TLSV1_2 else f"-{self.policy.floor.name}"
        return f"{self.policy.suite_set.name}{floor}-{self.kind}"

    def expected(self) -> dict[str, set[str]]:
        """Give by version the suites that the policy names and this certificate suits."""
        chosen = self.policy.selection
        kind = "ECDSA_WITH" if self.kind == "ec" else "RSA_WITH"
        below = {f"TLS_{suite.iana}" for suite in chosen.up_to_1_2 if kind in suite.iana}
        old = {name for name in below if name.endswith(("_SHA", "_MD5"))}
        found = {"tls_1_3": {f"TLS_{suite.iana}" for suite in chosen.for_1_3}, "tls_1_2": below}
        for version, floor in (("tls_1_1", Floor.TLSV1_1), ("tls_1_0", Floor.TLSV1)):
            found[version] = old if chosen.lowest <= floor else set()
        return found | {"ssl_3_0": set(), "ssl_2_0": set()}


SERVERS = [
    Server(TlsPolicy(), "ec"),
    Server(TlsPolicy(), "rsa"),
    Server(TlsPolicy(floor=Floor.TLSV1_3), "ec"),
    Server(TlsPolicy(SuiteSet.CS3), "rsa"),
    Server(TlsPolicy(SuiteSet.CS2), "rsa"),
    Server(TlsPolicy(SuiteSet.CS1, Floor.TLSV1), "rsa"),
]


class Terse(protocol.Protocol):
    """Answers a line and hangs up: a scanner then takes it for no web server."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.transport.write(b"no web server\r\n")
        self.transport.loseConnection()


def certificates(kind: str) -> tuple[x509.Certificate, HostCredential]:
    """Make a CA and a certificate of 90 days as RFC 5280 and the browsers' forum want them."""
    def make() -> Any:
        return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" \
            else rsa.generate_private_key(65537, 2048)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def issue(subject: str, key: Any, issuer: str, by: Any, days: int, ca: bool) -> Any:
        now = datetime.now(UTC)
        usage = dict.fromkeys((
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
            "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
        usage.update({"key_cert_sign": True, "crl_sign": True} if ca else {
            "digital_signature": True, "key_encipherment": kind == "rsa"})
        own, theirs = (each.public_key() for each in (key, by))
        builder = (
            x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(issuer))
            .public_key(own).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(theirs),
                           critical=False))
        if not ca:
            names = x509.SubjectAlternativeName([x509.DNSName(NAME)])
            purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(names, critical=False)
            builder = builder.add_extension(purposes, critical=False)
        return builder.sign(by, hashes.SHA256())

    above, own = make(), make()
    root = issue("Scan CA", above, "Scan CA", above, 3650, True)
    leaf = issue(NAME, own, "Scan CA", above, 90, False)
    return root, HostCredential("scan", (leaf,), own)


async def scan(server: Server, folder: Path, with_testssl: bool) -> list[str]:
    """Give the findings about one server."""
    root, own = certificates(server.kind)
    ca = folder / f"{server.name}.pem"
    ca.write_bytes(root.public_bytes(Encoding.PEM))
    creator = ServerCreator(
        server.policy, lambda: own, tuple, clock=lambda: datetime.now(UTC))
    factory: Any = tls_factory(creator, protocol.Factory.forProtocol(Terse), reactor)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    where = f"{NAME}:{port.getHost().port}"
    try:
        findings = await by_sslyze(server, where, ca, folder)
        if with_testssl and server.name in DEFAULTS:
            findings += await by_testssl(where, ca, folder)
    finally:
        await port.stopListening()
    return findings


async def run(program: str, *arguments: str) -> str:
    out, err, status = await utils.getProcessOutputAndValue(
        program, arguments, {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent"})
    return f"{out.decode('utf-8', 'replace')}{err.decode('utf-8', 'replace')}\nstatus {status}"


async def by_sslyze(server: Server, where: str, ca: Path, folder: Path) -> list[str]:
    result = folder / f"{server.name}.json"
    compliance = "intermediate" if server.name in DEFAULTS else "disable"
    said = await run(str(SSLYZE), f"--mozilla_config={compliance}", f"--json_out={result}",
                     f"--certinfo_ca_file={ca}", *SCANS, where)
    if not result.exists():
        return [f"sslyze did not look: {said[-500:]}"]
    (found,) = json.loads(result.read_text())["server_scan_results"]
    findings = list(_of_sslyze(server, found["scan_result"]))
    if server.name in DEFAULTS and ": OK - Compliant" not in said:
        findings.append("Mozilla intermediate: " + said.rpartition("FAILED")[2].strip())
    return findings


def _of_sslyze(server: Server, found: dict[str, Any]) -> Iterator[str]:
    def result(command: str) -> dict[str, Any]:
        if found[command]["result"] is None:
            raise ValueError(f"sslyze has no result of {command}: {found[command]}"[:500])
        answer: dict[str, Any] = found[command]["result"]
        return answer

    for version, suites in server.expected().items():
        accepted = {each["cipher_suite"]["name"] for each in
                    result(f"{version}_cipher_suites")[
                        "accepted_cipher_suites"]}
        for name in accepted - suites:
            yield f"{version}: {name} is taken and is not of {server.policy.suite_set.name}"
        for name in suites - accepted:
            yield f"{version}: {name} is not taken"
    reneg = result("session_renegotiation")
    if reneg["is_vulnerable_to_client_renegotiation_dos"]:
        yield "a client may renegotiate"
    if not reneg["supports_secure_renegotiation"]:
        yield "RFC 5746 is not spoken"
    if server.policy.selection.lowest < Floor.TLSV1_3 \
            and not result("tls_fallback_scsv")["supports_fallback_scsv"]:
        yield "a downgrade goes unnoticed (RFC 7507)"
    if result("tls_compression")["supports_compression"]:
        yield "it compresses"
    if result("heartbleed")["is_vulnerable_to_heartbleed"]:
        yield "it bleeds"
    if result("openssl_ccs_injection")["is_vulnerable_to_ccs_injection"]:
        yield "it takes an early change of cipher"
    if result("tls_1_3_early_data")["supports_early_data"]:
        yield "it takes early data"
    robot = result("robot")["robot_result"]
    if not robot.startswith("NOT_VULNERABLE"):
        yield f"ROBOT: {robot}"
    if server.policy.suite_set is SuiteSet.CS4:
        groups = {each["name"] for each in result("elliptic_curves")["supported_curves"] or ()}
        if not groups <= {"X25519", "secp256r1", "prime256v1", "secp384r1"}:
            yield f"groups {', '.join(sorted(groups))}"


async def by_testssl(where: str, ca: Path, folder: Path) -> list[str]:
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if program is None:
        return ["testssl.sh is not installed"]
    result = folder / f"{ca.stem}-testssl.json"
    said = await run(program, "--add-ca", str(ca), "--color", "0", "--warnings", "batch", "--quiet",
                     "--severity", "MEDIUM", "--jsonfile", str(result), where)
    if not result.exists():
        return [f"testssl.sh did not look: {said[-500:]}"]
    return [f"testssl.sh: {each['severity']} {each['id']}: {each['finding']}"
            for each in json.loads(result.read_text())
            if each["severity"] in ("MEDIUM", "HIGH", "CRITICAL")
            and each["id"] != "cert_revocation"]


async def scan_all(names: list[str], with_testssl: bool) -> int:
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for server in SERVERS:
            if names and server.name not in names:
                continue
            findings = await scan(server, Path(folder), with_testssl)
            print(f"{server.name}: {'nothing' if not findings else ''}", flush=True)
            for finding in findings:
                print(f"  {finding}")
            count += len(findings)
    return int(count > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--testssl", action="store_true", help="let testssl.sh look too")
    parser.add_argument("policies", nargs="*", help=", ".join(each.name for each in SERVERS))
    given = parser.parse_args()
    unknown = set(given.policies) - {each.name for each in SERVERS}
    if unknown:
        parser.error(f"no such policy: {', '.join(sorted(unknown))}")
    if not SSLYZE.exists():
        parser.error(f"{SSLYZE} is not there; tools/setup --peers installs it")
    status: list[int] = [2]

    def done(found: Any) -> None:
        if isinstance(found, int):
            status[0] = found
        else:
            print(found.getTraceback(), file=sys.stderr)
        reactor.stop()

    reactor.callWhenRunning(
        lambda: ensureDeferred(scan_all(given.policies, given.testssl)).addBoth(done))
    reactor.run()
    sys.exit(status[0])


if __name__ == "__main__":
    main()
