"""Conceptual tables: who gives the key, who repeats it, who owns the rows.

RFC 2578 sections 7.7 and 7.8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mibagent.model.clauses import Modules, ObjectClause, find_object
from mibagent.model.nodes import TableNode
from mibagent.model.prose import read_prose
from mibagent.smi.oid import MAX_SUB_IDENTIFIERS
from mibagent.smi.syntax import Base, Syntax

Say = Callable[[str, str, str], None]
Syntaxes = Mapping[str, Syntax]

_CHAIN = 10


class _TableFault(Exception):
    pass


def build_table(
    modules: Modules, say: Say, clause: ObjectClause, entry: ObjectClause,
    columns: Sequence[ObjectClause], syntaxes: Syntaxes, of_service: bool,
) -> TableNode | None:
    """Give a table, `base` still the name of the entry that it augments; None with a finding."""
    try:
        key, implied = _key(modules, entry, 0)
        index_syntaxes = tuple(_index_syntax(part, syntaxes, of_service) for part in key)
        _check_implied(entry, index_syntaxes)
    except _TableFault as fault:
        if str(fault):
            say(entry.module, entry.name, str(fault))
        return None
    prose = read_prose(clause.description)
    ordered = sorted(columns, key=lambda column: column.oid)
    if not ordered:
        say(clause.module, clause.name, "has no columns")
        return None
    statuses = [
        column.name for column in ordered if syntaxes[column.name].convention == "RowStatus"]
    if len(statuses) > 1:
        say(clause.module, statuses[1], "is the second RowStatus of its table")
    storage = [
        column.name for column in ordered if syntaxes[column.name].convention == "StorageType"]
    table = TableNode(
        name=clause.name, module=clause.module, oid=clause.oid, entry_name=entry.name,
        entry_oid=entry.oid, description=prose.text,
        column_names=tuple(column.name for column in ordered),
        index_names=tuple(part.name for part in key), index_syntaxes=index_syntaxes,
        implied=implied, base=entry.augments, row_status=statuses[0] if statuses else "",
        mirrors=_mirrors(ordered, syntaxes, index_syntaxes, of_service),
        is_job=prose.keys.get("Command") == "yes", storage_type=storage[0] if storage else "")
    if of_service and _longest(table) > MAX_SUB_IDENTIFIERS:
        say(entry.module, entry.name, "its longest key does not fit an object identifier")
    return table


def _key(
    modules: Modules, entry: ObjectClause, depth: int
) -> tuple[tuple[ObjectClause, ...], bool]:
    """Give the columns of INDEX, from the augmented entry where there is one, and IMPLIED."""
    if entry.augments:
        target = find_object(modules, entry.module, entry.augments)
        if target is None or target.kind != "row":
            raise _TableFault(f"AUGMENTS names {entry.augments}, which is no entry")
        if depth > _CHAIN:
            raise _TableFault("AUGMENTS leads back to itself")
        if target.augments or target.index:
            return _key(modules, target, depth + 1)
        raise _TableFault(f"AUGMENTS names {entry.augments}, which has no INDEX")
    if not entry.index:
        raise _TableFault("has neither INDEX nor AUGMENTS")
    key: list[ObjectClause] = []
    for name in entry.index:
        part = find_object(modules, entry.module, name)
        if part is None:
            raise _TableFault(f"INDEX names {name}, which is no object")
        if part.kind not in ("column", "scalar"):
            raise _TableFault(f"INDEX names {name}, which is no column")
        if part in key:
            raise _TableFault(f"INDEX names {name} twice")
        key.append(part)
    if any(entry.implied[:-1]):
        raise _TableFault("IMPLIED is for the last part of INDEX only")
    return tuple(key), entry.implied[-1]


def _index_syntax(part: ObjectClause, syntaxes: Syntaxes, of_service: bool) -> Syntax:
    syntax = syntaxes.get(part.name)
    if syntax is None:
        raise _TableFault("")
    if syntax.base in (Base.COUNTER64, Base.BITS):
        raise _TableFault(f"INDEX names {part.name}, whose SYNTAX can be no key")
    if of_service and syntax.base is Base.INTEGER and any(low < 0 for low, _ in syntax.ranges):
        raise _TableFault(f"INDEX names {part.name}, which may be below 0")
    return syntax


def _check_implied(entry: ObjectClause, syntaxes: Sequence[Syntax]) -> None:
    if entry.implied and entry.implied[-1]:
        last = syntaxes[-1]
        if last.base.is_number or last.fixed_size is not None:
            raise _TableFault("IMPLIED is for a key of variable size only")


def _mirrors(
    columns: Sequence[ObjectClause], syntaxes: Syntaxes, key: Sequence[Syntax], of_service: bool
) -> tuple[str, ...]:
    readable = iter([
        column.name for column in columns
        if column.access == "read-only" and syntaxes[column.name].base is Base.OCTETS])
    return tuple(
        next(readable, "") if of_service and part.base is Base.OCTETS else "" for part in key)


def _longest(table: TableNode) -> int:
    length = len(table.entry_oid) + 1
    for syntax in table.index_syntaxes:
        if syntax.base.is_number:
            length += 1
        elif syntax.fixed_size is not None:
            length += syntax.fixed_size
        else:
            length += 1 + max((high for _low, high in syntax.ranges), default=MAX_SUB_IDENTIFIERS)
    return length - table.implied
