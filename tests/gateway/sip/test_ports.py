"""Local ports of persistent connections."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from mibgateway.sip.ports import candidate_ports


def test_without_an_interval_the_first_free_port_at_or_above_the_base_is_taken() -> None:
    assert list(islice(candidate_ports(16000, 0, None), 2)) == [16000, 16001]
    assert next(candidate_ports(16000, 0, 16005)) == 16000
    assert next(candidate_ports(16000, 0, None, {16000, 16001})) == 16002
    assert list(candidate_ports(65534, 0, None)) == [65534, 65535]


def test_with_an_interval_the_port_after_the_last_one_is_taken() -> None:
    assert next(candidate_ports(16000, 100, None)) == 16000
    assert next(candidate_ports(16000, 100, 16000)) == 16001
    assert next(candidate_ports(16000, 100, 16100)) == 16000
    assert next(candidate_ports(16000, 100, 9999)) == 16000
    assert next(candidate_ports(16000, 100, 16000, {16001, 16002})) == 16003


@given(
    st.integers(1025, 64535),
    st.integers(100, 1000),
    st.none() | st.integers(1, 65535),
    st.sets(st.integers(1025, 65535)),
)
def test_a_cycle_has_each_free_port_once(
    base: int, interval: int, last: int | None, in_use: set[int]
) -> None:
    ports = list(candidate_ports(base, interval, last, in_use))
    assert sorted(ports) == [p for p in range(base, base + interval + 1) if p not in in_use]
    if last in ports:
        assert ports[-1] == last
