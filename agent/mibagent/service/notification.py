"""What a notification carries: each of its OBJECTS as an instance with a value of its type.

RFC 2578 section 8.1; RFC 3416 section 4.2.6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mibagent.errors import Index, LocalError, NoSuchName, Refused
from mibagent.model.nodes import MibModel, NotificationNode, ObjectNode, TableNode
from mibagent.service.settings import to_value
from mibagent.smi.syntax import Base, Syntax, Value
from mibagent.store.live import as_index

Read = Callable[[str, Index], Value]


class Carried(NamedTuple):
    """One object with the instance and the value that a notification gives it."""

    node: ObjectNode
    index: Index  # type: ignore[assignment]    # a field here, a method of tuple
    value: Value


def unknown(name: str, index: Index) -> Value:
    """Know no value."""
    raise NoSuchName(name, "not known", index)


def carried(
    model: MibModel, node: NotificationNode, values: Mapping[str, object],
    rows: Mapping[str, Any], read: Read = unknown,
) -> tuple[Carried, ...]:
    """Give a notification's objects in the order of its OBJECTS.

    values: by descriptor; what is left out is read, or empty. rows: keys by table, for columns
    whose row the values don't tell. Raises LocalError where a row or a value can't be told.
    """
    found = []
    for name in node.objects:
        each = model[name]
        index = _row_of(model, each.table, values, rows, node.name) if each.table else ()
        found.append(Carried(each, index, _value_of(each, index, values, read)))
    return tuple(found)


def _row_of(
    model: MibModel, table: TableNode, values: Mapping[str, object], rows: Mapping[str, Any],
    notification: str,
) -> Index:
    """Give the row by its key, by that of a table with the same key, or by values that repeat it.

    Those are the columns of INDEX themselves and the readable ones that mirror them.
    """
    for name, key in rows.items():
        if name == table.name or model.tables[name].index_names == table.index_names:
            return as_index(key)
    parts: list[object] = []
    for place, name in enumerate(table.index_names):
        mirror = table.mirrors[place] if place < len(table.mirrors) else ""
        known = [values[each] for each in (name, mirror) if each in values]
        if not known:
            raise LocalError(f"{notification} is issued without its row of {table.name}: "
                             f"give rows={{'{table.name}': key}}")
        parts.append(known[0])
    return as_index(tuple(parts))


def _value_of(node: ObjectNode, index: Index, values: Mapping[str, object], read: Read) -> Value:
    syntax = node.syntax
    if syntax.secret:
        return b""
    if node.name not in values:
        try:
            return read(node.name, index)
        except NoSuchName:
            return _nothing(syntax)
    given = values[node.name]
    try:
        value = _of_text(syntax, given) if isinstance(given, str) else to_value(syntax, given)
        syntax.check(value, node.name)
    except Refused as refusal:
        raise LocalError(f"{given!r} is no value of {node.name}: {refusal.why}") from None
    return value


def _of_text(syntax: Syntax, text: str) -> Value:
    """Give the value of a text; one that is too long for its object is cut, between characters."""
    if not syntax.is_text:
        return syntax.parse(text)
    octets = text.encode("utf-8", "replace")
    most = max((high for _, high in syntax.ranges), default=len(octets))
    if len(octets) <= most:
        return octets
    return octets[:most].decode("utf-8", "ignore").encode()


def _nothing(syntax: Syntax) -> Value:
    """Give what stands for a value that nobody knows."""
    if syntax.base is Base.OID:
        return (0, 0)
    if syntax.base is Base.IP_ADDRESS:
        return bytes(4)
    if not syntax.base.is_number:
        return bytes(syntax.fixed_size or 0)
    if syntax.labels:
        return syntax.labels[0][1]
    return syntax.ranges[0][0] if syntax.ranges else 0


def shown(model: MibModel, name: str, value: object) -> str:
    """Give a value as a notification's text has it; a number with a name by that."""
    node = model.objects.get(name)
    if node is not None and node.syntax.secret:
        return ""
    if node is not None and isinstance(value, int) and node.syntax.labels:
        return node.syntax.print(int(to_value(node.syntax, value)))  # type: ignore[arg-type]
    return str(value)
