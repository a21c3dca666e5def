"""Networks that may ask, and hosts that fail too often."""

from __future__ import annotations

import pytest

from mibagent.snmp.limits import Failures, Networks


@pytest.mark.parametrize(("text", "host", "held"), [
    ("", "192.0.2.1", True), ("", "2001:db8::1", True), (" ", "nobody", True),
    ("192.0.2.0/24", "192.0.2.255", True), ("192.0.2.0/24", "192.0.3.0", False),
    ("192.0.2.0/24", "2001:db8::1", False), ("192.0.2.7", "192.0.2.7", True),
    ("192.0.2.7", "192.0.2.8", False), ("192.0.2.7 , 2001:db8::/32", "2001:db8:1::5", True),
    ("2001:db8::/32", "2001:db9::", False), ("::/0", "192.0.2.1", False),
    ("192.0.2.0/24", "nobody", False),
])
def test_a_host_is_in_a_list_or_not(text: str, host: str, held: bool) -> None:
    assert Networks.from_text(text).hold(host) is held


@pytest.mark.parametrize("text", [
    "192.0.2.0/33", "example.test", "192.0.2.1/24", "1,", ",", "192.0.2.0/24 192.0.3.0/24", "*",
    ",".join(["192.0.2.1"] * 65),
])
def test_a_list_that_cannot_be_read_says_which_part(text: str) -> None:
    with pytest.raises(ValueError, match=r"network"):
        Networks.from_text(text)


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_host_may_fail_a_few_times_and_then_waits() -> None:
    time = Time()
    failures = Failures(time, burst=3, each_s=2.0)
    for _ in range(3):
        assert not failures.are_too_many("192.0.2.1")
        failures.note("192.0.2.1")
    assert failures.are_too_many("192.0.2.1")
    assert not failures.are_too_many("192.0.2.2")
    time.now += 2.0
    assert not failures.are_too_many("192.0.2.1")
    failures.note("192.0.2.1")
    assert failures.are_too_many("192.0.2.1")


def test_who_goes_on_failing_waits_no_longer_for_it() -> None:
    time = Time()
    failures = Failures(time, burst=3, each_s=2.0)
    for _ in range(1000):
        failures.note("192.0.2.1")
    time.now += 2.0
    assert not failures.are_too_many("192.0.2.1")


def test_the_hosts_of_one_ipv6_network_count_as_one() -> None:
    failures = Failures(Time(), burst=3)
    for number in range(3):
        failures.note(f"2001:db8::{number}")
    assert failures.are_too_many("2001:db8::ffff:1")
    assert not failures.are_too_many("2001:db8:0:1::1")


def test_all_are_forgiven_at_once() -> None:
    failures = Failures(Time(), burst=3)
    for _ in range(5):
        failures.note("192.0.2.1")
    failures.forget()
    assert (failures.are_too_many("192.0.2.1"), len(failures)) == (False, 0)


def test_the_table_does_not_grow() -> None:
    failures = Failures(Time(), limit=100)
    for number in range(5000):
        failures.note(f"192.0.{number // 250}.{number % 250}")
    assert len(failures) == 100
