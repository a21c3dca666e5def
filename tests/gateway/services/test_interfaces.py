"""IF-MIB: the host's interfaces, what is kept of them, linkUp and linkDown. RFC 2863."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred

from mibagent.errors import NoCreation, NoSuchName, NotWritable
from mibgateway.host.interfaces import (
    DORMANT,
    DOWN,
    LOWER_LAYER_DOWN,
    NOT_PRESENT,
    UNKNOWN,
    UP,
    Facts,
    Links,
)
from mibgateway.notifier import Notice
from mibgateway.services.interfaces import LOOK_S, InterfacesService, States
from tests.gateway.kit import Bench

LO = {name: index for index, name in socket.if_nameindex()}["lo"]
ENABLED, DISABLED = 1, 2


class Told:
    """The same, as the whole answer of the host."""

    def __init__(self, host: Host) -> None:
        self.host, self.seen, self.links = host, dict(host.seen), Links()

    def get(self) -> Links:
        if self.seen != self.host.seen or not self.links.interfaces:
            self.seen = dict(self.host.seen)
            self.links = Links({
                index: Facts(index, name, 6, 1500, 0, b"", wanted, oper, False, False)
                for index, (name, wanted, oper) in self.seen.items()})
        return self.links

    def stop(self) -> None:
        pass


class Host:
    """What the service is told of interface 9, and what it issued."""

    def __init__(self, unit: Bench) -> None:
        self.unit = unit
        service = unit.services["IF-MIB"]
        assert isinstance(service, InterfacesService)
        self.seen: dict[int, tuple[str, bool, int]] = {LO: ("lo", True, UP)}
        service._looking = self  # type: ignore[assignment]
        unit.unit.links = Told(self)  # type: ignore[assignment]
        unit.wait(LOOK_S)
        self.sent: list[Notice] = []
        unit.unit.notifier.reach_managers_by(self.sent.append)
        self.sent.clear()

    def get(self) -> States:
        return dict(self.seen)

    def stop(self) -> None:
        pass

    def becomes(self, oper: int, wanted: bool = True) -> None:
        self.seen = {**self.seen, 9: ("eth9", wanted, oper)}
        self.unit.wait(LOOK_S)

    def names(self) -> list[str]:
        names = [notice.node.name for notice in self.sent]
        self.sent.clear()
        return names


@pytest.fixture
def host(unit: Bench) -> Host:
    return Host(unit)


def test_the_hosts_interfaces_are_there(unit: Bench) -> None:
    assert {index[0] for index in unit.rows("ifTable")} == {
        index for index, _ in socket.if_nameindex()}
    assert unit.rows("ifXTable") == unit.rows("ifTable")
    assert unit.get("ifNumber") == len(socket.if_nameindex())
    assert (unit.get("ifDescr", (LO,)), unit.get("ifName", (LO,))) == (b"lo", b"lo")
    assert unit.get("ifHCInOctets", (LO,)) & 0xFFFFFFFF == unit.get("ifInOctets", (LO,))
    assert unit.get("ifLastChange", (LO,)) == 0


def test_the_stack_has_every_interface_with_nothing_above_and_below(unit: Bench) -> None:
    rows = unit.rows("ifStackTable")
    for index in unit.rows("ifTable"):
        assert any(upper == index[0] for upper, _ in rows)
        assert any(lower == index[0] for _, lower in rows)
    assert unit.get("ifStackStatus", rows[0]) == 1


@pytest.mark.parametrize(("name", "index", "value"), [
    ("ifAdminStatus", (LO,), 2), ("ifPromiscuousMode", (LO,), 1), ("ifStackStatus", (0, LO), 6)])
def test_a_unit_does_not_reconfigure_its_host(
    unit: Bench, name: str, index: Any, value: int
) -> None:
    with pytest.raises(NotWritable):
        unit.set(name, value, index)


def test_an_alias_is_kept_over_restarts_and_of_no_interface_refused(
    unit: Bench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    unit.set("ifAlias", b"to the cellar", (LO,))
    assert unit.get("ifAlias", (LO,)) == b"to the cellar"
    with pytest.raises(NoCreation):
        unit.set("ifAlias", b"x", (2**30,))
    with pytest.raises(NoSuchName):
        unit.get("ifAlias", (2**30,))


def test_going_down_and_coming_up_is_reported_with_its_states(host: Host) -> None:
    host.becomes(UP)
    assert host.names() == []
    host.becomes(DOWN, wanted=False)
    (down,) = host.sent
    assert down.node.name == "linkDown"
    assert [(each.node.name, each.index, each.value) for each in down.carried] == [
        ("ifIndex", (9,), 9), ("ifAdminStatus", (9,), 2), ("ifOperStatus", (9,), DOWN)]
    host.sent.clear()
    host.becomes(UP)
    (up,) = host.sent
    assert up.node.name == "linkUp"
    assert [each.value for each in up.carried] == [9, 1, UP]


@pytest.mark.parametrize(("was", "becomes", "name"), [
    (UP, DOWN, "linkDown"), (DORMANT, DOWN, "linkDown"), (UNKNOWN, DOWN, "linkDown"),
    (LOWER_LAYER_DOWN, DOWN, "linkDown"), (NOT_PRESENT, DOWN, ""),
    (DOWN, UP, "linkUp"), (DOWN, DORMANT, "linkUp"), (DOWN, LOWER_LAYER_DOWN, "linkUp"),
    (DOWN, NOT_PRESENT, ""), (UP, LOWER_LAYER_DOWN, ""), (LOWER_LAYER_DOWN, UP, ""),
    (UP, NOT_PRESENT, ""), (NOT_PRESENT, UP, ""), (UP, UP, ""), (UP, DORMANT, "")])
def test_which_changes_are_reported(host: Host, was: int, becomes: int, name: str) -> None:
    host.becomes(was)
    host.names()
    host.becomes(becomes)
    assert host.names() == [name] * bool(name)


def test_reports_can_be_switched_off_for_one_interface(unit: Bench) -> None:
    host = Host(unit)
    host.becomes(UP)
    host.seen[LO] = ("lo", True, UP)
    unit.set("ifLinkUpDownTrapEnable", DISABLED, (LO,))
    host.seen = {**host.seen, LO: ("lo", False, DOWN)}
    unit.wait(LOOK_S)
    assert host.names() == []
    unit.set("ifLinkUpDownTrapEnable", ENABLED, (LO,))
    host.seen = {**host.seen, LO: ("lo", True, UP)}
    unit.wait(LOOK_S)
    assert host.names() == ["linkUp"]


def test_one_that_comes_or_goes_is_no_link_that_went_down(host: Host, unit: Bench) -> None:
    host.becomes(UP)
    del host.seen[9]
    unit.wait(LOOK_S)
    host.becomes(DOWN)
    assert host.names() == []


def test_changes_have_their_time(unit: Bench) -> None:
    host = Host(unit)
    unit.wait(10)
    host.becomes(UP)
    came = unit.get("sysUpTime")
    assert unit.get("ifTableLastChange") in range(came - 300, came + 1)
    assert unit.get("ifLastChange", (9,)) == unit.get("ifCounterDiscontinuityTime", (9,)) > 1000
    unit.wait(100)
    host.becomes(DOWN)
    assert unit.get("ifLastChange", (9,)) > 11000 > unit.get("ifCounterDiscontinuityTime", (9,))


def test_a_restart_of_the_unit_begins_anew(unit: Bench) -> None:
    host = Host(unit)
    unit.wait(10)
    host.becomes(UP)
    unit.restart("Hoc")
    unit.result(ensureDeferred(unit.unit.restart()))
    host.unit.wait(LOOK_S)
    assert unit.get("ifTableLastChange") == 0
    assert not {"linkUp", "linkDown"} & set(host.names())
