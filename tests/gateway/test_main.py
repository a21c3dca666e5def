"""A start: what a first one settles, what a refused one leaves, and who is joined to whom."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred

from mibagent.errors import MibgateError, StateError
from mibagent.northbound import Session
from mibagent.snmp.keys import localized_key
from mibagent.store.wish import Wish
from mibgateway.errors import StartError
from mibgateway.main import (
    SERVICES,
    STARTER,
    Launch,
    Order,
    model_of,
    product_version,
    profile_of,
    read_script,
)
from mibgateway.services.aaa import is_password
from mibgateway.state import StateDirectory
from tests.gateway.kit import AtOnce, Reactor, model
from tests.gateway.tls.pki import chain_pem, issue
from tests.structure.tree import ROOT


class Opened:
    def stopListening(self) -> None:
        pass


class Start:
    """One process, up to a point."""

    def __init__(self, path: Path, **given: Any) -> None:
        self.reactor = Reactor()
        self.said: list[str] = []
        self.launch = Launch(self.reactor, Order(path, say=self.said.append, **given))
        self.unit = self.launch.unit
        self.store = self.unit.store

    def _wait(self, made: Any) -> None:
        found: list[Any] = []
        ensureDeferred(made).addBoth(found.append)
        for _ in range(20):
            self.reactor.advance(0.5)
        assert found
        if found[0] is not None:
            found[0].raiseException()

    def settle(self) -> Start:
        try:
            self._wait(self.launch.settle())
        except BaseException:
            self.stop()
            raise
        return self

    def start(self) -> Start:
        self.settle()
        self._wait(self.launch.start())
        return self

    def stop(self) -> None:
        self._wait(self.launch.stop())


@pytest.fixture(autouse=True)
def nothing_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mibgateway.unit.JournalThread", AtOnce)
    monkeypatch.setattr("mibgateway.services.snmp.listen", lambda *given: Opened())
    monkeypatch.setattr("mibgateway.main.model_of", lambda extra: model())


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    StateDirectory(tmp_path / "state").close()          # whoever had it has given it back


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "script"
    path.write_text(text)
    return path


def first_password(path: Path) -> tuple[str, str]:
    user, password = (path / "first-password").read_text().split()
    return user, password


# -- a first start


def test_without_a_script_it_makes_an_admin_and_says_how_to_get_in(path: Path) -> None:
    start = Start(path).start()
    user, password = first_password(path)
    assert stat.S_IMODE((path / "first-password").stat().st_mode) == 0o600
    kept = start.store.configured.cell("aaaUsersPassword", (user.encode(),))
    assert is_password(kept, password.encode())  # type: ignore[arg-type]
    assert start.store.get("aaaUsersAccessRights", (b"admin",)) == 100
    assert not any(password in line for line in start.said)
    assert any("first-password" in line for line in start.said)
    start.stop()


def test_with_a_terminal_the_password_is_printed_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    start = Start(path).settle()
    assert sum("has the password" in line for line in start.said) == 1
    assert not (path / "first-password").exists()
    start.stop()
    start = Start(path).settle()
    assert not any("password" in line for line in start.said)
    start.stop()


def keys(path: Path) -> list[str]:
    conf = (path / "snmp" / "snmp.conf").read_text()
    return [line for line in conf.splitlines() if "LocalizedKey" in line]


@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0", "::", "192.0.2.1"])
def test_a_first_start_opens_snmpv3_alone_with_the_admins_keys_in_snmp_conf(
    path: Path, listen: str
) -> None:
    start = Start(path, listen=listen).start()
    store = start.store
    assert (store.get("snmpEnableSnmpV1"), store.get("snmpEnableSnmpV2"),
            store.get("snmpEnableSnmpV3")) == (0, 0, 1)
    conf = (path / "snmp" / "snmp.conf").read_text().splitlines()
    _, password = first_password(path)
    key = localized_key("SHA-256", password.encode(), start.unit.engine_id)
    for line in ("defVersion 3", "defSecurityName admin", "defSecurityLevel authPriv",
                 "defAuthType SHA-256", f"defAuthLocalizedKey 0x{key.hex()}",
                 "defPrivType AES-128", f"defPrivLocalizedKey 0x{key[:16].hex()}",
                 "defaultPort 161", "mibs ALL"):
        assert line in conf
    assert not any("Community" in line or password in line for line in conf)
    assert stat.S_IMODE((path / "snmp" / "snmp.conf").stat().st_mode) == 0o600
    start.stop()


def test_snmp_conf_follows_the_admins_password(path: Path) -> None:
    start = Start(path).start()
    before = keys(path)
    session = Session(start.unit.host, STARTER)
    for password, many in ((b"correct horse", 2), (b"short", 0)):
        ensureDeferred(session.change([Wish("aaaUsersPassword", (b"admin",), password)]))
        for _ in range(20):
            start.reactor.advance(0.1)
        assert len(keys(path)) == many and keys(path) != before
    start.stop()


def test_with_a_community_allowed_that_is_what_net_snmp_uses_unless_told_otherwise(
    path: Path, tmp_path: Path
) -> None:
    text = 'Snmp.EnableSnmpV2=enable\nSnmp.Community="a word"\nSnmp.SnmpUser=admin\n'
    start = Start(path, script=script(tmp_path, text)).start()
    conf = (path / "snmp" / "snmp.conf").read_text()
    assert "defVersion 2c\ndefCommunity a word\n" in conf and "defVersion 3" not in conf
    assert len(keys(path)) == 2
    start.stop()


def test_a_community_that_stands_for_nobody_is_not_what_net_snmp_uses(
    path: Path, tmp_path: Path
) -> None:
    start = Start(path, script=script(tmp_path, "Snmp.EnableSnmpV2=enable\n")).start()
    conf = (path / "snmp" / "snmp.conf").read_text()
    assert "defVersion 3\n" in conf and "Community" not in conf
    start.stop()


def test_with_a_script_snmp_is_as_the_script_says(path: Path, tmp_path: Path) -> None:
    start = Start(path, script=script(tmp_path, "Hoc.SystemName=lab\n")).start()
    assert start.store.get("snmpEnableSnmpV2") == 0
    assert start.store.get("hocSystemName") == b"lab"
    assert start.store.get("aaaUsersAccessRights", (b"admin",)) == 100
    start.stop()


def test_a_script_that_makes_an_admin_is_enough(path: Path, tmp_path: Path) -> None:
    text = ('Aaa.Users[UserName=eva].AccessRights=admin\n'
            'Aaa.Users[UserName=eva].Password="12345678"\n')
    start = Start(path, script=script(tmp_path, text)).settle()
    assert list(start.store.rows(model().tables["aaaUsersTable"])) == [(b"eva",)]
    assert not (path / "first-password").exists()
    start.stop()


def test_factory_rows_are_made_once(path: Path) -> None:
    start = Start(path).settle()
    gateways = model().tables["sipEpGatewayTable"]
    assert list(start.store.rows(gateways)) == [(b"default",)]
    start._wait(_delete_default(start))
    start.stop()
    start = Start(path).settle()
    assert list(start.store.rows(gateways)) == []
    start.stop()


async def _delete_default(start: Start) -> None:
    from tests.gateway.kit import ADMIN
    with start.store.begin(ADMIN) as transaction:
        transaction.set("sipEpGatewayRowStatus", (b"default",), 6)
        transaction.prepare()
        await transaction.commit()


def test_all_of_a_first_start_is_one_revision(path: Path, tmp_path: Path) -> None:
    start = Start(path, script=script(tmp_path, "Hoc.SystemName=lab\n")).settle()
    assert [line.number for line in start.store.audit()] == [1]
    start.stop()


def test_a_first_start_that_was_cut_short_is_taken_up_again(path: Path) -> None:
    """kill -9 between the commit and the identity: the rows are there, the unit is not known."""
    start = Start(path).settle()
    start._wait(_forget_identity(start))
    start.stop()
    start = Start(path).start()
    user, password = first_password(path)
    kept = start.store.configured.cell("aaaUsersPassword", (user.encode(),))
    assert is_password(kept, password.encode())  # type: ignore[arg-type]
    start.stop()


async def _forget_identity(start: Start) -> None:
    await start.store.remember({"identity": None})


# -- identity and profile


def test_identity_is_given_at_the_first_start(path: Path) -> None:
    identity = {"serial": "0123456789AB", "mac": "00:00:5E:00:53:01", "oui": "", "product": ""}
    start = Start(path, identity=identity).settle()
    start.stop()
    start = Start(path).settle()
    assert (start.unit.identity.serial, start.unit.identity.mac) == \
        ("0123456789AB", "00:00:5E:00:53:01")
    start.stop()
    with pytest.raises(StartError, match="--serial is settled"):
        Start(path, identity={"serial": "BA9876543210"})


def profile(tmp_path: Path, text: str, name: str = "acme") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_profile_gives_defaults_that_are_kept(path: Path, tmp_path: Path) -> None:
    given = profile(tmp_path, "SipEp.TransportFailbackInterval=77\n")
    start = Start(path, profile=given).settle()
    assert start.store.get("sipEpTransportFailbackInterval") == 77
    assert start.store.configured.cell("sipEpTransportFailbackInterval", ()) is None
    start.stop()
    given.unlink()
    start = Start(path).settle()
    assert start.store.get("sipEpTransportFailbackInterval") == 77
    assert start.unit.identity.profile == "acme"
    start.stop()


def test_a_profile_is_of_the_first_start_alone(path: Path, tmp_path: Path) -> None:
    one = profile(tmp_path, "SipEp.TransportFailbackInterval=77\n", "one")
    other = profile(tmp_path, "SipEp.TransportFailbackInterval=78\n", "other")
    Start(path, profile=one).settle().stop()
    Start(path, profile=one).settle().stop()
    with pytest.raises(StartError, match="--profile is settled"):
        Start(path, profile=other)


def test_a_start_that_was_refused_keeps_no_profile(path: Path, tmp_path: Path) -> None:
    given = profile(tmp_path, "SipEp.TransportFailbackInterval=77\n")
    with pytest.raises(StartError):
        Start(path, profile=given, script=script(tmp_path, "Hoc.Nothing=1\n")).settle()
    start = Start(path).settle()
    assert start.store.get("sipEpTransportFailbackInterval") == 15
    start.stop()


@pytest.mark.parametrize(("text", "why"), [
    ("Hoc.Nothing=1", "line 1: Hoc.Nothing"), ("\nbegin\ncommit", "line 2: only assignments"),
    ("SipEp.Gateway[Name=a].Port=1", "line 1: only scalars have defaults"),
    ('Nlm.SendTestNotification Text="x"', "line 1: only scalars have defaults"),
    ("SipEp.TransportFailbackInterval=4", "line 1: .*5..3600"), ("???", "line 1")])
def test_a_bad_profile_names_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(StartError, match=why) as refused:
        found = profile_of(model(), profile(tmp_path, text))
        for (name, _), value in found.items():
            model()[name].check(value)
    assert "\n" not in str(refused.value)


# -- what stops a start


def test_a_refused_line_stops_it_and_the_store_is_as_before(path: Path, tmp_path: Path) -> None:
    start = Start(path).settle()
    before = list(start.store.audit())
    start.stop()
    bad = script(tmp_path, "Hoc.SystemName=x\n\nSipEp.TransportFailbackInterval=4\n")
    with pytest.raises(StartError, match=rf"^the script {bad}, line 3: .*5\.\.3600"):
        Start(path, script=bad).settle()
    start = Start(path).settle()
    assert start.store.get("hocSystemName") != b"x"
    assert list(start.store.audit()) == before
    start.stop()


def test_what_only_the_whole_refuses_is_told_by_its_line_too(path: Path, tmp_path: Path) -> None:
    bad = script(tmp_path, """Hoc.SystemName=x
SipEp.TransportConfig[GatewayName=default].UdpEnable=enable
SipEp.TransportConfig[GatewayName=default].TlsEnable=enable
""")
    with pytest.raises(StartError, match=r"line 3: .*TLS shares the unit"):
        Start(path, script=bad).settle()
    assert not (path / "first-password").exists()


@pytest.mark.parametrize("text", ["???\n", "begin\n", "Hoc.SystemName=\xff"])
def test_a_script_that_cannot_be_read_is_refused_before_the_state_is_touched(
    tmp_path: Path, text: str
) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(text.encode("latin-1"))
    with pytest.raises(StartError, match=rf"the script {bad}, line \d+: "):
        Start(tmp_path / "state", script=bad)
    assert not (tmp_path / "state").exists()


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="can't be read: No such file"):
        read_script(tmp_path / "none")


def test_a_second_process_is_refused_and_the_first_goes_on(path: Path) -> None:
    start = Start(path).start()
    with pytest.raises(StateError, match="is in use by process"):
        Start(path)
    start.stop()


def test_a_key_that_is_not_the_databases_is_one_line(path: Path) -> None:
    Start(path).settle().stop()
    (path / "key").write_bytes(bytes(32))
    with pytest.raises(MibgateError) as refused:
        Start(path)
    assert "\n" not in str(refused.value)


def test_a_port_in_use_stops_the_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twisted.internet.error import CannotListenError

    def refuse(*given: Any) -> None:
        raise CannotListenError("127.0.0.1", 161, OSError(98, "Address already in use"))

    monkeypatch.setattr("mibgateway.services.snmp.listen", refuse)
    start = Start(path).settle()
    with pytest.raises(StartError, match=r"port 161 at 127\.0\.0\.1 can't be listened on"):
        start._wait(start.launch.start())
    start.stop()


def test_a_folder_of_mibs_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with pytest.raises(StartError, match="there is no such folder"):
        model_of((tmp_path / "none",))
    assert "sipEpTransportTlsVersion" in model_of(()).objects


def test_what_todays_mibs_refuse_is_set_aside_and_said(path: Path) -> None:
    start = Start(path).settle()
    start.unit.state.journal._db.execute(
        "INSERT INTO value VALUES (?, 'hocGone', '', 1, 0)", (start.unit.number,))
    start.stop()
    start = Start(path).settle()
    assert any(line.startswith("set aside") and "hocGone" in line for line in start.said)
    start.stop()


# -- running


def test_the_console_says_where_everything_is(path: Path) -> None:
    start = Start(path, unprivileged=True).start()
    text = "\n".join(start.said)
    for line in ("SNMP     udp 127.0.0.1 port 1161", "v3, in place of 161",
                 "SIP      udp 127.0.0.1 port 5060", "conf", "SNMPCONFPATH", "console"):
        assert line in text
    assert "defaultPort 1161\n" in (path / "snmp" / "snmp.conf").read_text()
    assert f"unit {start.unit.identity.serial}, state {path}" in text
    start.stop()


def test_a_script_may_bring_certificates(path: Path, tmp_path: Path) -> None:
    ca = issue("CA", ca=True)
    (tmp_path / "ca.pem").write_bytes(chain_pem(ca.certificate))
    text = f'Cert.Import Type=Other Path="{tmp_path / "ca.pem"}"\n'
    start = Start(path, script=script(tmp_path, text)).start()
    assert [each.certificate for each in start.unit.vault.authorities()] == [ca.certificate]
    start.stop()


def test_services_start_in_an_order_in_which_each_finds_what_it_needs() -> None:
    names = [service.mib.split("-")[1] for service in SERVICES]
    assert names.index("NLM") < names.index("CERT") < names.index("SIPEP")
    assert names.index("HOC") < names.index("SIPEP")
    assert names[0] == "SCM"


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert product_version() == project["version"]


def test_identity_is_kept_as_plain_json(path: Path) -> None:
    start = Start(path).settle()
    kept = json.loads(start.store.memory["identity"])
    assert set(kept) == {"serial", "mac", "oui", "product", "profile", "engine_id"}
    start.stop()
