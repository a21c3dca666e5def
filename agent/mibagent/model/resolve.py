"""SYNTAX clauses, textual conventions followed through imports."""

from __future__ import annotations

from dataclasses import replace

from mibagent.errors import MibgateError
from mibagent.model.clauses import Modules, TypeClause, TypeUse, home_of
from mibagent.model.prose import read_prose
from mibagent.smi.syntax import Base, Syntax

BASES = {
    "INTEGER": Base.INTEGER,
    "Integer32": Base.INTEGER,
    "OCTET STRING": Base.OCTETS,
    "OBJECT IDENTIFIER": Base.OID,
    "BITS": Base.BITS,
    "Bits": Base.BITS,
    "IpAddress": Base.IP_ADDRESS,
    "NetworkAddress": Base.IP_ADDRESS,
    "Counter": Base.COUNTER32,
    "Counter32": Base.COUNTER32,
    "Gauge": Base.UNSIGNED32,
    "Gauge32": Base.UNSIGNED32,
    "Unsigned32": Base.UNSIGNED32,
    "TimeTicks": Base.TIME_TICKS,
    "Opaque": Base.OPAQUE,
    "Counter64": Base.COUNTER64,
}

_LIMITS = {
    Base.INTEGER: (-(2**31), 2**31 - 1),
    Base.COUNTER64: (0, 2**64 - 1),
}
_DEPTH = 20


class SyntaxFault(MibgateError):
    """A SYNTAX that can't be resolved; the text says why."""


class Resolver:
    """Resolves SYNTAX clauses; equal ones give the same value."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._known: dict[tuple[str, TypeUse], Syntax] = {}
        self._same: dict[Syntax, Syntax] = {}

    def resolve(self, module: str, use: TypeUse) -> Syntax:
        """Give what `module` means by use. Raises SyntaxFault."""
        known = self._known.get((module, use))
        if known is None:
            known = self._resolve(module, use, 0)
            known = self._known[module, use] = self._same.setdefault(known, known)
        return known

    def _resolve(self, module: str, use: TypeUse, depth: int) -> Syntax:
        if depth > _DEPTH:
            raise SyntaxFault(f"the type {use.name} is made of itself")
        base = BASES.get(use.name)
        if base is not None:
            syntax = Syntax(base, ranges=use.ranges, labels=use.labels)
        else:
            syntax = self._of_convention(module, use, depth)
        _check_limits(use, syntax.base)
        return syntax

    def _of_convention(self, module: str, use: TypeUse, depth: int) -> Syntax:
        home = home_of(self._modules, module, use.name)
        clause = self._modules[home].types.get(use.name) if home else None
        if clause is None:
            raise SyntaxFault(f"the type {use.name} is neither declared nor imported")
        inner = self._resolve(home, clause.use, depth + 1)
        keys = read_prose(clause.description).keys
        for label, number in use.labels:
            if inner.labels and (label, number) not in inner.labels:
                raise SyntaxFault(f"{use.name} has no value {label}({number})")
        return replace(
            inner, convention=use.name, ranges=use.ranges or inner.ranges,
            labels=use.labels or inner.labels, hint=clause.hint or inner.hint,
            secret=inner.secret or keys.get("Kind") == "secret",
            refers=keys.get("Refers", inner.refers))

    def faults(self, clause: TypeClause) -> list[str]:
        """Give what is wrong with a textual convention."""
        found: list[str] = []
        try:
            syntax = self.resolve(clause.module, clause.use)
        except SyntaxFault as fault:
            return [str(fault)]
        prose = read_prose(clause.description)
        if not {"Kind", "Refers"} >= set(prose.keys):
            found.append(f"a textual convention has no {sorted(prose.keys)[0]}: line")
        if prose.keys.get("Kind", "secret") != "secret":
            found.append(f"Kind: {prose.keys['Kind']} is unknown, only secret is")
        if prose.keys.get("Kind") and syntax.base is not Base.OCTETS:
            found.append("a secret is an OCTET STRING")
        return found


def _check_limits(use: TypeUse, base: Base) -> None:
    numbers = [number for _label, number in use.labels]
    if len(set(numbers)) != len(numbers):
        raise SyntaxFault("two values of an enumeration have one number")
    if use.labels and base not in (Base.INTEGER, Base.BITS):
        raise SyntaxFault("names of values are for INTEGER and BITS")
    if base is Base.BITS and numbers and min(numbers) < 0:
        raise SyntaxFault("the positions of BITS start at 0")
    low_limit, high_limit = _LIMITS.get(base, (0, 2**32 - 1))
    for low, high in use.ranges:
        if low > high:
            raise SyntaxFault(f"the range {low}..{high} is the wrong way round")
        if base.is_number and (low < low_limit or (high > high_limit and base is not Base.INTEGER)):
            raise SyntaxFault(f"the range {low}..{high} is not within that of its type")
        if not base.is_number and (low < 0 or high > 65535):
            raise SyntaxFault(f"the size {low}..{high} is not within 0..65535")
