"""What the demo's throw-away CA issues."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mibgateway.lab.pki import Authority
from mibgateway.tls.certificate import Status, Usage
from mibgateway.tls.credentials import read_authorities, read_host

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def test_the_ca_and_what_it_issues_are_what_the_unit_takes(tmp_path: Path) -> None:
    authority = Authority("a CA", NOW)
    (trusted,) = read_authorities(
        "ca.pem", authority.write(tmp_path / "ca.pem").read_bytes())
    path = authority.issue(tmp_path / "host.pem", "a host", "127.0.0.1")
    host = read_host("host.pem", path.read_bytes())
    host.certificate.verify_directly_issued_by(trusted.certificate)
    assert host.facts.usage == (Usage.TLS_CLIENT, Usage.TLS_SERVER)
    assert host.facts.alternative_names == ("IP:127.0.0.1",)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nobody_is_warned_of_their_end_while_the_demo_runs(tmp_path: Path) -> None:
    authority = Authority("a CA", NOW)
    path = authority.issue(tmp_path / "host.pem", "a host", "127.0.0.1")
    facts = read_host("host.pem", path.read_bytes()).facts
    for moment in (NOW - timedelta(hours=1), NOW, NOW + timedelta(days=7)):
        assert facts.status(moment) is Status.VALID
