"""YAML that a YAML reader reads back."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from mibgateway.platforms.yaml_text import yaml_text

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("äß€\n"))
SCALAR = st.integers(-(2**31), 2**31) | st.booleans() | TEXT
PLAIN = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.integers(0, 99) | TEXT, inner, max_size=4), max_leaves=20)


@given(st.dictionaries(TEXT, PLAIN, min_size=1, max_size=4))
def test_what_is_printed_is_what_is_read(value: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_text(value, "a comment")) == value


def test_words_that_yaml_would_take_for_something_else_stay_words() -> None:
    value = {"no": "no", "1e3": "1e3", "~": "~", "on": ["yes", "0x1"], "a: b": "#"}
    assert yaml.safe_load(yaml_text(value)) == value
