"""Who gets which notification."""

from __future__ import annotations

import pytest

from mibagent.smi.oid import Oid
from mibagent.snmp.targets import (
    UDP_DOMAIN,
    UDP_IPV4,
    UDP_IPV6,
    Address,
    End,
    Endpoint,
    Filter,
    Kind,
    Params,
    Target,
    Targets,
    ends_at,
    tags_of,
)
from mibagent.snmp.vacm import Family

ROOT = (1, 3, 6, 1, 4, 1, 32473)
EVENT = (*ROOT, 1, 1400, 0, 303)
COLUMN = (*ROOT, 1, 1400, 1, 9, 1)


def target(name: str, version: int = 1, params: str = "p") -> Target:
    return Target(name.encode(), Address("192.0.2.1", 162), Params(
        params.encode(), version, version + (version < 3), b"someone", 1 if version < 3 else 3))


# -- addresses


@pytest.mark.parametrize(("domain", "octets", "host", "port"), [
    (UDP_DOMAIN, b"\xc0\x00\x02\x01\x00\xa2", "192.0.2.1", 162),
    (UDP_IPV4, b"\x7f\x00\x00\x01\x27\x0f", "127.0.0.1", 9999),
    (UDP_IPV6, bytes(15) + b"\x01\x00\xa2", "::1", 162)])
def test_an_address_is_read_and_written(domain: Oid, octets: bytes, host: str, port: int) -> None:
    address = Address.of(domain, octets)
    assert address == Address(host, port)
    assert address.octets == octets
    assert Address.of(address.domain, address.octets) == address


@pytest.mark.parametrize(("domain", "octets", "why"), [
    ((1, 3, 6, 1, 6, 1, 2), b"\xc0\x00\x02\x01\x00\xa2", "snmpUDPDomain"),
    (UDP_DOMAIN, b"\xc0\x00\x02\x01", "4 octets"), (UDP_IPV6, bytes(6), "16 octets"),
    (UDP_DOMAIN, b"\xc0\x00\x02\x01\x00\x00", "port 0")])
def test_an_address_that_cannot_be_sent_to_says_why(
    domain: Oid, octets: bytes, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Address.of(domain, octets)


# -- from where requests may come

HERE = b"\xc0\x00\x02\x01\x00\xa1"


@pytest.mark.parametrize(("mask", "hosts"), [
    (b"", {"192.0.2.1"}),
    (b"\xff" * 6, {"192.0.2.1"}),
    (b"\xff\xff\xff\x00\xff\xff", {"192.0.2.1", "192.0.2.200"}),
    (bytes(6), {"192.0.2.1", "192.0.2.200", "198.51.100.1"}),
    (b"\xff" * 4, set()),           # a mask of another length matches nothing
])
def test_a_mask_says_which_bits_of_a_host_count(mask: bytes, hosts: set[str]) -> None:
    endpoint = Endpoint(frozenset({b"x"}), HERE, mask)
    asked = ("192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1", "no address")
    assert {host for host in asked if endpoint.at(host) is not None} == hosts


@pytest.mark.parametrize(("mask", "ports"), [
    (b"", {161}), (b"\xff" * 4 + b"\xff\xff", {161}), (b"\xff" * 4 + b"\x00\x00", {161, 417, 1}),
    (b"\xff" * 4 + b"\x00\xff", {161, 417})])
def test_a_mask_says_which_bits_of_a_port_count(mask: bytes, ports: set[int]) -> None:
    end = Endpoint(frozenset({b"x"}), HERE, mask).at("192.0.2.1")
    assert end is not None
    assert {port for port in (161, 417, 1) if end.holds(port)} == ports


def test_the_ends_of_a_tag_come_in_their_order_up_to_the_first_that_is_every_port() -> None:
    x, all_ports = frozenset({b"x"}), b"\xff" * 4 + b"\x00\x00"
    endpoints = (Endpoint(frozenset({b"y"}), HERE), Endpoint(x, HERE, room=600),
                 Endpoint(x, HERE, all_ports, 700), Endpoint(x, HERE, all_ports, 800))
    assert ends_at(endpoints, b"x", "192.0.2.1") == (End(161, 0xFFFF, 600), End(161, 0, 700))
    assert ends_at(endpoints, b"x", "192.0.2.2") == ends_at(endpoints, b"z", "192.0.2.1") == ()


# -- tags


@pytest.mark.parametrize(("text", "tags"), [
    ("", set()), ("one", {b"one"}), ("one two\tthree\nfour\rfive",
                                     {b"one", b"two", b"three", b"four", b"five"})])
def test_tags_stand_between_delimiters(text: str, tags: set[bytes]) -> None:
    assert tags_of(text) == tags


@pytest.mark.parametrize("text", [" ", " one", "one ", "one  two", "one\t two"])
def test_delimiters_stand_alone_and_inside(text: str) -> None:
    with pytest.raises(ValueError, match="delimiter"):
        tags_of(text)


def chosen(targets: Targets) -> list[tuple[bytes, Kind]]:
    return [(each.target.name, each.kind) for each in targets.recipients]


def test_a_tag_chooses_and_an_empty_one_chooses_nobody() -> None:
    addresses = [(target("a"), frozenset({b"x", b"y"})), (target("b"), frozenset({b"y"})),
                 (target("c"), frozenset({b""}))]
    assert chosen(Targets([(b"y", Kind.TRAP)], addresses)) == [
        (b"a", Kind.TRAP), (b"b", Kind.TRAP)]
    assert chosen(Targets([(b"", Kind.TRAP), (b"z", Kind.TRAP)], addresses)) == []


def test_who_is_chosen_twice_gets_it_once_for_each_kind() -> None:
    addresses = [(target("a"), frozenset({b"x", b"y"}))]
    notify = [(b"x", Kind.TRAP), (b"y", Kind.TRAP), (b"y", Kind.INFORM)]
    assert chosen(Targets(notify, addresses)) == [(b"a", Kind.TRAP), (b"a", Kind.INFORM)]


def test_v1_is_sent_no_inform() -> None:
    addresses = [(target("a", 0), frozenset({b"x"}))]
    assert chosen(Targets([(b"x", Kind.INFORM)], addresses)) == []
    assert chosen(Targets([(b"x", Kind.TRAP)], addresses)) == [(b"a", Kind.TRAP)]


@pytest.mark.parametrize(("version", "model", "level", "sound"), [
    (0, 1, 1, True), (1, 2, 1, True), (3, 3, 3, True), (3, 3, 1, True), (1, 1, 1, False),
    (0, 2, 1, False), (3, 2, 1, False), (2, 2, 1, False), (1, 2, 3, False)])
def test_version_and_security_have_to_go_together(
    version: int, model: int, level: int, sound: bool
) -> None:
    assert Params(b"p", version, model, b"s", level).is_sound is sound


# -- filters


def included(subtree: Oid, mask: bytes = b"") -> Family:
    return Family(subtree, mask)


def excluded(subtree: Oid, mask: bytes = b"") -> Family:
    return Family(subtree, mask, included=False)


@pytest.mark.parametrize(("families", "passes"), [
    ((), False),
    ((included(ROOT),), True),
    ((included((*ROOT, 2)),), False),
    ((included(ROOT), excluded(EVENT)), False),
    ((excluded(ROOT), included(EVENT)), False),                # its variable is excluded
    ((excluded((*ROOT, 1)), included(EVENT), included(COLUMN)), True),
    ((included(EVENT),), True),                                # no family holds the variable
    ((included(ROOT), excluded(COLUMN)), False),
    ((included((*ROOT, 1, 9999, 0), b"\xff\x7f"),), True),     # any service's notifications
    ((included((*ROOT, 1, 9999, 0), b"\xff\xff"),), False),
    ((included(ROOT), excluded((*ROOT, 1, 9999, 0), b"\xff\x7f")), False)])
def test_a_filter_lets_through_what_it_includes_and_nothing_it_excludes(
    families: tuple[Family, ...], passes: bool
) -> None:
    assert Filter(families).passes(EVENT, ((*COLUMN, 7),)) is passes


def test_the_longer_family_decides_and_among_equals_the_greater() -> None:
    lesser = included((*ROOT, 1, 1400), b"\xff\x7f")
    greater = excluded((*ROOT, 1, 1401), b"\xff\x7f")
    assert not Filter((lesser, greater)).passes(EVENT, ())
    assert not Filter((greater, lesser)).passes(EVENT, ())
    assert Filter((greater, lesser, included(EVENT))).passes(EVENT, ())


def test_a_filter_stands_before_those_that_share_its_params() -> None:
    addresses = [(target("a"), frozenset({b"x"})), (target("b", params="q"), frozenset({b"x"}))]
    only = Filter((included(ROOT),))
    found = Targets([(b"x", Kind.TRAP)], addresses, {b"q": only}).recipients
    assert [each.filter for each in found] == [None, only]
