"""A row's key, to and from the sub-identifiers behind a column's OID.

RFC 2578 section 7.7.
"""

from __future__ import annotations

from collections.abc import Sequence

from mibagent.errors import Index
from mibagent.smi.oid import MAX_SUB_IDENTIFIER, MAX_SUB_IDENTIFIERS, Oid
from mibagent.smi.syntax import Base, Syntax, Value

_OIDS = (Base.OID, Base.ANY)

SCALAR: Index = ()
"""The index of the one instance of a scalar; its suffix is (0,)."""


def encode_index(index: Index, syntaxes: Sequence[Syntax], implied: bool = False) -> Oid:
    """Give the sub-identifiers of index. Raises ValueError when it does not fit the syntaxes."""
    if len(index) != len(syntaxes):
        raise ValueError(f"the row's key has {len(syntaxes)} parts, {len(index)} were given")
    suffix: list[int] = []
    for place, (part, syntax) in enumerate(zip(index, syntaxes, strict=True)):
        if isinstance(part, int):
            if not syntax.base.is_number or not 0 <= part <= MAX_SUB_IDENTIFIER:
                raise ValueError("a number in a row's key is 0 to 4294967295, where one is wanted")
            suffix.append(part)
            continue
        if syntax.base.is_number or isinstance(part, tuple) != (syntax.base in _OIDS):
            raise ValueError("the row's key is of another type")
        last = implied and place == len(syntaxes) - 1
        size = syntax.fixed_size
        if size is None:
            if not last:
                suffix.append(len(part))
        elif len(part) != size:
            raise ValueError(f"a part of the row's key has {size} octets, always")
        if isinstance(part, tuple) and part and max(part) > MAX_SUB_IDENTIFIER:
            raise ValueError("an object identifier in a row's key has parts of 32 bits")
        suffix.extend(part)
    if len(suffix) > MAX_SUB_IDENTIFIERS:
        raise ValueError("the row's key is too long for an object identifier")
    return tuple(suffix)


def decode_index(suffix: Oid, syntaxes: Sequence[Syntax], implied: bool = False) -> Index:
    """Give the key that suffix spells. Raises ValueError when it spells none."""
    index: list[Value] = []
    at = 0
    for place, syntax in enumerate(syntaxes):
        if syntax.base.is_number:
            if at >= len(suffix):
                raise ValueError("the row's key is cut short")
            index.append(suffix[at])
            at += 1
            continue
        last = implied and place == len(syntaxes) - 1
        size = syntax.fixed_size
        if last:
            size = len(suffix) - at
        elif size is None:
            if at >= len(suffix):
                raise ValueError("the row's key is cut short")
            size, at = suffix[at], at + 1
        part = suffix[at:at + size]
        if len(part) != size:
            raise ValueError("the row's key is cut short")
        at += size
        if syntax.base in _OIDS:
            index.append(part)
        elif any(octet > 255 for octet in part):
            raise ValueError("an octet of the row's key is over 255")
        else:
            index.append(bytes(part))
    if at != len(suffix):
        raise ValueError("the row's key has more parts than it should")
    return tuple(index)
