"""Macros in names."""

from __future__ import annotations

import pytest

from mibgateway.transfer.macros import expand
from mibgateway.transfer.terms import TransferError

NAMES = {"mac": "00005E005301", "serial": "0123456789AB", "product": "mibgate", "version": "1.2"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%mac%.cfg", "00005E005301.cfg"),
        ("%product%-%Version%/%SERIAL%", "mibgate-1.2/0123456789AB"),
        ("100%%", "100%"),
        ("%%mac%%", "%mac%"),
        ("a%20b%20c-%mac%", "a%20b%20c-00005E005301"),
        ("caf%C3%A9t", "caf%C3%A9t"),
        ("50% of it", "50% of it"),
        ("", ""),
    ],
)
def test_macros_are_expanded(text: str, expanded: str) -> None:
    assert expand(text, NAMES) == expanded


def test_an_unknown_macro_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(TransferError, match="no macro %mask%; there are %mac%, %product%, %serial"):
        expand("%mask%.cfg", NAMES)
