"""Object identifiers and their texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.smi.oid import parse_oid, print_oid


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=128).map(tuple))
def test_what_is_printed_is_read(oid: tuple[int, ...]) -> None:
    assert parse_oid(print_oid(oid)) == oid
    assert parse_oid("." + print_oid(oid)) == oid


@pytest.mark.parametrize("text", [
    "", ".", "1.", "..1", "1..2", "a", "1.-2", "1. 2", "4294967296", "١", "1." * 128 + "1"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="object identifier"):
        parse_oid(text)
