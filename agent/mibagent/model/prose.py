"""The machine-read last paragraph of a DESCRIPTION, one `Key: value` a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent

KEYS = frozenset({"Applies", "Clears", "Command", "Kind", "Refers", "Rights", "Service", "Severity",
                  "Text"})

_LINE = re.compile(r"([A-Z][A-Za-z-]*):(?: (.*)|$)")


@dataclass(frozen=True)
class Prose:
    """A DESCRIPTION, taken apart."""

    text: str
    """For people: paragraphs with an empty line between, without indentation."""
    keys: dict[str, str]
    """What programs read."""
    unknown: tuple[str, ...] = ()
    """Words that stand where a key should and are none."""
    twice: tuple[str, ...] = ()
    """Keys that are given more than once."""


def read_prose(description: str) -> Prose:
    """Take a DESCRIPTION apart; where a word of the last paragraph is no key it is all text."""
    first, _newline, rest = description.strip().expandtabs().partition("\n")
    lines = [line.rstrip() for line in (first + "\n" + dedent(rest)).split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    before, blank, last = text.rpartition("\n\n")
    keys: list[tuple[str, list[str]]] = []
    for line in last.split("\n"):
        match = _LINE.match(line.strip())
        if match:
            keys.append((match.group(1), [match.group(2) or ""]))
        elif keys:
            keys[-1][1].append(line.strip())
        else:
            return Prose(text, {})
    names = [name for name, _value in keys]
    unknown = tuple(name for name in names if name not in KEYS)
    if len(unknown) == len(names):
        return Prose(text, {}, unknown)
    twice = tuple(sorted({name for name in names if names.count(name) > 1}))
    found = {name: " ".join(value).strip() for name, value in keys if name in KEYS}
    return Prose(before if blank else "", found, unknown, twice)
