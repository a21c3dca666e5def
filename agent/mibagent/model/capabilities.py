"""Which part of a module an agent answers: OBJECT-GROUP and AGENT-CAPABILITIES.

RFC 2580 sections 3 and 6. pysmi tells neither, so both are read from the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mibagent.smi.oid import Oid

_GROUP = re.compile(r"(?<![\w-])([a-z][\w-]*)\s+OBJECT-GROUP\s+OBJECTS\s*\{([^{}]*)\}")
_STATEMENT = re.compile(
    r"(?<![\w-])([a-z][\w-]*)\s+AGENT-CAPABILITIES\s+PRODUCT-RELEASE\b(.*?)::=", re.DOTALL)
_SUPPORTS = re.compile(
    r"\bSUPPORTS\s+([A-Z][\w-]*)\s+INCLUDES\s*\{([^{}]*)\}(.*?)(?=\bSUPPORTS\b|\Z)", re.DOTALL)
_VARIATION = re.compile(r"\bVARIATION\s+([a-z][\w-]*)(.*?)(?=\bVARIATION\b|\Z)", re.DOTALL)
_ACCESS = re.compile(r"\bACCESS\s+([a-z-]+)")
_NAME = re.compile(r"[A-Za-z][\w-]*")


@dataclass(frozen=True)
class Support:
    """What one statement says of one module."""

    groups: tuple[str, ...]
    """The groups whose objects are answered."""
    access: dict[str, str] = field(default_factory=dict)
    """Access by object where it is less than MAX-ACCESS; `not-implemented` for none at all."""


@dataclass(frozen=True)
class Capabilities:
    """One AGENT-CAPABILITIES."""

    name: str
    oid: Oid
    supports: dict[str, Support]
    """By module."""


def scan_groups(body: str) -> dict[str, tuple[str, ...]]:
    """Give the objects of each OBJECT-GROUP of a module's masked text."""
    return {match.group(1): tuple(_NAME.findall(match.group(2)))
            for match in _GROUP.finditer(body)}


def scan_supports(body: str) -> dict[str, dict[str, Support]]:
    """Give what each AGENT-CAPABILITIES of a module's masked text says, module by module."""
    return {match.group(1): {
        part.group(1): Support(tuple(_NAME.findall(part.group(2))), _accesses(part.group(3)))
        for part in _SUPPORTS.finditer(match.group(2))} for match in _STATEMENT.finditer(body)}


def _accesses(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _VARIATION.finditer(text):
        access = _ACCESS.search(match.group(2))
        if access:
            found[match.group(1)] = access.group(1)
    return found
