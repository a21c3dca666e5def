"""Names with macros, so that many units can share one configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mibgateway.transfer.terms import TransferError

_MACRO = re.compile(r"%(?:[0-9][0-9A-Fa-f]|[A-Fa-f][0-9])|%([A-Za-z0-9_]*+)(%?)")


def expand(text: str, names: Mapping[str, str]) -> str:
    """Put the unit's values in place of `%mac%` and its like; `%%` is a percent sign.

    An encoded octet stays (`a%20b%20c`), and so does a percent sign that nothing closes. Names
    match without regard to case. Raises TransferError for a macro that is not known.
    """
    def value(found: re.Match[str]) -> str:
        name, closed = (found[1] or "").lower(), found[2]
        if not closed:
            return found[0]
        if not name:
            return "%"
        if name not in names:
            known = ", ".join(f"%{each}%" for each in sorted(names))
            raise TransferError(f"no macro %{name}%; there are {known}")
        return names[name]

    return _MACRO.sub(value, text)
