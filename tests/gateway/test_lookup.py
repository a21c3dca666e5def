"""Look-ups of hosts, without waiting."""

from __future__ import annotations

import pytest

from mibgateway.lookup import Search
from tests.gateway.kit import Reactor


@pytest.fixture
def reactor() -> Reactor:
    reactor = Reactor()
    reactor.nameResolver.names["two.example.com"] = ["192.0.2.1", "192.0.2.2"]  # type: ignore[attr-defined]
    return reactor


@pytest.mark.parametrize(("host", "found"), [
    ("two.example.com", ["192.0.2.1", "192.0.2.2"]), ("nobody.example.com", []),
    ("192.0.2.9", ["192.0.2.9"]), ("::1", ["::1"]), ("[2001:DB8::1]", ["2001:db8::1"])])
def test_a_name_has_addresses_and_an_address_is_its_own(
    reactor: Reactor, host: str, found: list[str]
) -> None:
    answers: list[list[str]] = []
    Search(answers.append).begin(reactor, host, 162)
    assert answers == [found]


def test_what_comes_after_it_was_given_up_is_forgotten(reactor: Reactor) -> None:
    answers: list[list[str]] = []
    search = Search(answers.append)
    search.give_up()
    search.begin(reactor, "two.example.com", 162)
    assert answers == []
