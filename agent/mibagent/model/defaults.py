"""DEFVAL clauses. RFC 2578 section 7.9."""

from __future__ import annotations

import re
from collections.abc import Callable

from mibagent.errors import Refused
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base, Syntax, Value

_DIGITS = re.compile(r"'([0-9A-Fa-f\s]*)'\s*([HhBb])")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_ARC = re.compile(
    r"[A-Za-z][A-Za-z0-9-]*\s*\(\s*([0-9]+)\s*\)|([0-9]+)|([A-Za-z][A-Za-z0-9-]*)")


def parse_default(raw: str, syntax: Syntax, oid_of: Callable[[str], Oid | None]) -> Value:
    """Give the value of what stands between the braces of DEFVAL.

    Raises ValueError with the reason, for a value that the SYNTAX does not allow too.
    """
    value = _parsed(raw.strip(), syntax, oid_of)
    try:
        syntax.check(value)
    except Refused as refusal:
        raise ValueError(f"DEFVAL {{ {raw} }}: {refusal.why}") from None
    return value


def _parsed(raw: str, syntax: Syntax, oid_of: Callable[[str], Oid | None]) -> Value:
    if syntax.base.is_number:
        return _number(raw, syntax)
    if syntax.base is Base.OID:
        return _oid(raw, oid_of)
    if raw.startswith("{"):
        if syntax.base is not Base.BITS:
            raise ValueError("a list of names as DEFVAL is for BITS only")
        return _bits(raw, syntax)
    if raw.startswith('"') and raw.endswith('"') and len(raw) >= 2:
        if syntax.base is Base.BITS:
            raise ValueError("a text as DEFVAL of BITS has no meaning")
        return raw[1:-1].encode("utf-8")
    digits = _DIGITS.fullmatch(raw)
    if digits is None:
        raise ValueError(f"DEFVAL {{ {raw} }} is no string of octets")
    return _octets(*digits.groups())


def _number(raw: str, syntax: Syntax) -> int:
    if re.fullmatch(r"-?[0-9]+", raw):
        return int(raw)
    digits = _DIGITS.fullmatch(raw)
    if digits:
        return _whole(*digits.groups())
    for label, number in syntax.labels:
        if label == raw:
            return number
    if _NAME.fullmatch(raw) and syntax.labels:
        raise ValueError(f"DEFVAL {{ {raw} }}: no value has this label")
    raise ValueError(f"DEFVAL {{ {raw} }} is no number")


def _whole(digits: str, form: str) -> int:
    try:
        return int(re.sub(r"\s", "", digits) or "0", 16 if form in "Hh" else 2)
    except ValueError:
        raise ValueError("DEFVAL of binary digits has others") from None


def _octets(digits: str, form: str) -> bytes:
    digits = re.sub(r"\s", "", digits)
    if form in "Hh":
        return bytes.fromhex(digits + "0" * (len(digits) % 2))
    if set(digits) - {"0", "1"}:
        raise ValueError("DEFVAL of binary digits has others")
    digits += "0" * (-len(digits) % 8)
    return int(digits or "0", 2).to_bytes(len(digits) // 8, "big")


def _bits(raw: str, syntax: Syntax) -> bytes:
    inner = raw.removeprefix("{").removesuffix("}")
    positions = dict(syntax.labels)
    words = [word.strip() for word in inner.split(",")] if inner.strip() else []
    unknown = [word for word in words if word not in positions]
    if unknown:
        raise ValueError(f"DEFVAL {{ {raw} }}: no bit is named {unknown[0]}")
    return syntax.bits_at([positions[word] for word in words])


def _oid(raw: str, oid_of: Callable[[str], Oid | None]) -> Oid:
    inner = raw.removeprefix("{").removesuffix("}").strip()
    arcs: list[int] = []
    at = 0
    while at < len(inner):
        match = _ARC.match(inner, at)
        if match is None:
            raise ValueError(f"DEFVAL {{ {raw} }} is no object identifier")
        named, number, name = match.groups()
        if name and arcs:
            raise ValueError(f"DEFVAL {{ {raw} }}: {name} stands where a number should")
        found = oid_of(name) if name else (int(named or number),)
        if found is None:
            raise ValueError(f"DEFVAL {{ {raw} }}: {name} is neither declared nor imported")
        arcs += found
        at = match.end()
        at += len(inner[at:]) - len(inner[at:].lstrip())
    return tuple(arcs)
