"""What is lent to every service of one unit."""

from __future__ import annotations

import errno
import re
import time
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred, maybeDeferred
from twisted.internet.error import CannotListenError

from mibagent.store.access import Principal, Rights
from mibgateway.errors import StartError
from mibgateway.tls.policy import TlsPolicy
from mibgateway.transfer.terms import TransferError
from mibgateway.transfer.url import Url
from mibgateway.unit import FALLBACK_PORTS, Identity, JournalThread, Options, ReadyLed
from tests.gateway.kit import Bench, bench, model
from tests.gateway.tls.pki import chain_pem, issue

WHO = Principal("eva", Rights.ADMIN, "snmp")


# -- identity


def test_an_identity_is_made_at_random_in_the_documentation_ranges() -> None:
    one, other = Identity.fresh(4711), Identity.fresh(4711)
    assert re.fullmatch(r"[0-9A-F]{12}", one.serial)
    assert re.fullmatch(r"00:00:5E:00:53:[0-9A-F]{2}", one.mac)
    assert (one.oui, one.product) == ("00005E", "mibgate")
    assert one.serial != other.serial
    assert one.engine_id != other.engine_id


def test_an_engine_id_is_of_format_5() -> None:
    """RFC 3411 section 5: the enterprise with its highest bit set, 5, octets of our choice."""
    octets = bytes.fromhex(Identity.fresh(4711).engine_id)
    assert int.from_bytes(octets[:4], "big") == 2**31 + 4711
    assert (octets[4], len(octets)) == (5, 13)


def test_the_units_engine_is_of_our_enterprise(unit: Bench) -> None:
    assert int.from_bytes(unit.unit.engine_id[:4], "big") & 0x7FFFFFFF == \
        model().names["mibgate"][-1]


def test_an_identity_is_kept(tmp_path: Path) -> None:
    with bench(tmp_path / "state") as unit:
        first = unit.unit.identity
    with bench(tmp_path / "state") as unit:
        assert not unit.unit.is_first_start
        assert unit.unit.identity == first


def test_only_the_first_start_settles_it(tmp_path: Path) -> None:
    with bench(tmp_path / "state", starts=False) as unit:
        assert unit.unit.is_first_start
        unit.unit.identify(serial="0123456789AB", mac="", oui="", product="lamp")
        unit.result(ensureDeferred(_kept(unit)))
    with bench(tmp_path / "state", starts=False) as unit:
        assert (unit.unit.identity.serial, unit.unit.identity.product) == ("0123456789AB", "lamp")
        unit.unit.identify(serial="0123456789ab")
        unit.unit.identify()
        with pytest.raises(StartError, match="--serial is settled at the first start") as refused:
            unit.unit.identify(serial="BA9876543210")
        assert "0123456789AB" in str(refused.value)
        assert unit.unit.identity.serial == "0123456789AB"


async def _kept(unit: Bench) -> None:
    await unit.unit.keep_identity()


def test_what_platforms_key_on(unit: Bench) -> None:
    assert unit.get("sysDescr").startswith(b"mibgate 1.2.3 software gateway unit, ")
    assert unit.get("sysObjectID") == model().names["mibgateUnit"]


# -- transfers


def test_macros_are_the_units(unit: Bench) -> None:
    identity = unit.unit.identity
    assert unit.unit.macros() == {
        "mac": identity.mac.replace(":", ""), "serial": identity.serial,
        "product": "mibgate", "version": "1.2.3"}


def test_a_transfer_shows_what_its_column_allows_at_each_dial(unit: Bench) -> None:
    root = issue("Root", ca=True)
    for name, kind, pem in ((b"ca.pem", 200, chain_pem(root.certificate)),
                            (b"unit.pem", 100, issue("unit", by=root).pem())):
        unit.run("certImportTable", {
            "certImportType": kind, "certImportFileName": name, "certImportPem": pem})
    column = "certHostCertificateAssociationSip"
    transfers = unit.unit.transfers(column)

    def is_shown() -> bool:
        creator = transfers.creator(TlsPolicy(use="File transfer"), "files.example.com")
        return creator.clientConnectionForTLS(None).get_certificate() is not None

    assert is_shown()
    unit.set(column, 0, (b"unit.pem",))
    assert not is_shown()


def test_a_transfer_waits_for_the_time(unit: Bench) -> None:
    root = issue("Root", ca=True).authority()
    unit.unit.vault.replace({}, {"ca.pem": (root,)})
    unit.set("hocClockSource", 300)
    done = ensureDeferred(unit.unit.transfers("certHostCertificateAssociationSip").download(
        Url.parse("https://192.0.2.1/x"), unit.unit.state.path / "x",
        policy=TlsPolicy(use="File transfer"), most_octets=100))
    with pytest.raises(TransferError, match="the time is not known") as refused:
        unit.result(done)
    assert refused.value.may_retry


# -- starts


def test_boots_are_counted_over_processes_and_restarts(tmp_path: Path) -> None:
    with bench(tmp_path / "state") as unit:
        assert unit.unit.boots == 1
        unit.result(ensureDeferred(unit.unit.restart()))
        assert unit.unit.boots == 2
    with bench(tmp_path / "state") as unit:
        assert unit.unit.boots == 3


def test_interfaces_are_told_while_the_unit_starts_and_not_after(unit: Bench) -> None:
    assert unit.said == ["  SNMP     udp 127.0.0.1 port 161             v3",
                         "  SIP      udp 127.0.0.1 port 5060            default"]
    unit.unit.is_ready = True
    unit.restart("SipEp")
    assert len(unit.said) == 2


def test_a_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    unit = Bench(tmp_path / "state")
    unit.set("sipEpTransportConfigTlsEnable", 1, (b"default",))
    _commit(unit, confirm_within=60)
    unit.stop()
    assert unit.reactor.getDelayedCalls() == []
    assert unit.reactor.ports == []
    assert unit.unit.thread.stopped  # type: ignore[attr-defined]
    assert unit.unit.ready_led is ReadyLed.OFF


def test_two_units_share_nothing(tmp_path: Path) -> None:
    with bench(tmp_path / "one") as one, bench(tmp_path / "two") as two:
        one.set("hocSystemName", b"one")
        assert two.get("hocSystemName") != b"one"
        one.unit.notifier.issue("nlmTest", {"nlmSendTestNotificationText": "one"},
                             {"nlmSendTestNotificationTable": 1})
        assert "one" not in two.texts()
        assert one.unit.identity.serial != two.unit.identity.serial


# -- commit-confirm


def _commit(unit: Bench, confirm_within: float) -> int:
    with unit.store.begin(WHO) as transaction:
        transaction.set("hocSystemName", (), b"risky")
        transaction.prepare()
        revision: Any = unit.result(maybeDeferred(transaction.commit, confirm_within))
    assert revision is not None
    unit.settle()
    return int(revision.number)


def test_what_nobody_confirms_is_taken_back_at_its_deadline(unit: Bench) -> None:
    unit.set("hocSystemName", b"safe")
    _commit(unit, 60)
    unit.wait(58)
    assert unit.get("hocSystemName") == b"risky"
    unit.wait(3)
    assert unit.get("hocSystemName") == b"safe"


def test_what_is_confirmed_stays(unit: Bench) -> None:
    number = _commit(unit, 60)
    unit.result(ensureDeferred(_confirmed(unit, number)))
    unit.wait(61)
    assert unit.get("hocSystemName") == b"risky"


async def _confirmed(unit: Bench, number: int) -> None:
    await unit.store.confirm(number)


def test_the_deadline_is_met_by_the_next_process_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path / "state") as unit:
        unit.set("hocSystemName", b"safe")
        _commit(unit, 60)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 100)
    with bench(tmp_path / "state") as unit:
        unit.wait(0.1)
        assert unit.get("hocSystemName") == b"safe"


# -- severity


@pytest.mark.parametrize("name", [
    "aaaMinSeverity", "certMinSeverity", "hocMinSeverity", "nlmMinSeverity", "scmMinSeverity",
    "sipEpMinSeverity", "snmpMinSeverity"])
def test_each_service_issues_from_its_own_least_severity(unit: Bench, name: str) -> None:
    stem = name.removesuffix("MinSeverity")
    services = {service[:1].lower() + service[1:]: service for service in model().services}
    before = {service: unit.unit.notifier.least(service) for service in model().services}
    unit.set(name, 400)
    after = {service: unit.unit.notifier.least(service) for service in model().services}
    assert after == {**before, services[stem]: 400}
    assert before[services[stem]] == 200


def test_a_service_without_the_parameter_issues_from_info(unit: Bench) -> None:
    assert unit.unit.notifier.least("SipEp") == 200
    unit.set("sipEpMinSeverity", 500)
    assert unit.unit.notifier.least("SipEp") == 500
    assert unit.unit.notifier.least("Nothing") == 200


# -- ports


class Opens:
    """What opens ports: it notes what was tried, and refuses some."""

    def __init__(self, refused: dict[int, int]) -> None:
        self.refused, self.tried = refused, []  # type: ignore[var-annotated]

    def __call__(self, port: int) -> str:
        self.tried.append(port)
        if port in self.refused:
            code = self.refused[port]
            raise CannotListenError("127.0.0.1", port, OSError(code, errno.errorcode[code]))
        return f"open {port}"


def open_port(unit: Bench, port: int, **refused: int) -> tuple[Any, list[int]]:
    opens = Opens({int(number[1:]): code for number, code in refused.items()})
    found = unit.unit.open_port(port, opens)
    return found, opens.tried


@pytest.mark.parametrize(("port", "other"), [*FALLBACK_PORTS.items(), (514, 1538)])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_a_port_that_needs_privileges_falls_back(
    unit: Bench, port: int, other: int, code: int
) -> None:
    found, tried = open_port(unit, port, **{f"p{port}": code})
    assert (found, tried) == ((f"open {other}", other), [port, other])


@pytest.mark.parametrize("port", [161, 5060, 0])
def test_a_port_that_can_be_had_is_taken(unit: Bench, port: int) -> None:
    assert open_port(unit, port) == ((f"open {port}", port), [port])


def test_a_port_in_use_does_not_fall_back(unit: Bench) -> None:
    with pytest.raises(StartError, match=r"port 161 at 127\.0\.0\.1 can't be listened on"):
        open_port(unit, 161, p161=errno.EADDRINUSE)


def test_where_the_fallback_is_taken_too_it_is_named(unit: Bench) -> None:
    with pytest.raises(StartError, match="port 1161 "):
        open_port(unit, 161, p161=errno.EACCES, p1161=errno.EADDRINUSE)


def test_unprivileged_goes_to_the_fallback_at_once(tmp_path: Path) -> None:
    with bench(tmp_path / "state", options=Options(unprivileged=True)) as unit:
        assert open_port(unit, 161) == (("open 1161", 1161), [1161])
        assert open_port(unit, 5060) == (("open 5060", 5060), [5060])


# -- the journal's thread


def test_the_journals_thread_runs_calls_in_their_order() -> None:
    class Reactor:
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def callFromThread(self, call: Any, *given: Any, **named: Any) -> None:
            self.calls.append(lambda: call(*given, **named))

    reactor = Reactor()
    thread = JournalThread(reactor)
    seen: list[int] = []
    waiting = [thread.run(lambda number=number: seen.append(number))  # type: ignore[misc]
               for number in range(20)]
    thread.stop()
    assert seen == list(range(20))
    for call in reactor.calls:
        call()
    assert all(each.called for each in waiting)
