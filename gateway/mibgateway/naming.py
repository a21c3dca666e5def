"""All spellings of an object, for `mibgate name`, and what any of them names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mibagent.errors import Index, MibgateError, NoSuchName, Refused
from mibagent.model.nodes import Access, MibModel, ObjectNode, TableNode
from mibagent.model.spelling import (
    find_descriptor,
    find_oid,
    find_path,
    label_of,
    oid_of,
    path_of,
    tr069_of,
)
from mibagent.smi.oid import parse_oid, print_oid


def found(model: MibModel, what: str) -> ObjectNode | TableNode:
    """Give the object that what spells: a descriptor, an OID or a path. Raises NoSuchName."""
    stripped = what.strip().removeprefix(".")
    if stripped and all(part.isdigit() for part in stripped.split(".")):
        oid = tuple(map(int, stripped.split(".")))
        node = model.by_oid.get(oid)
        if node is not None:
            return node
        table = next((table for table in model.tables.values()
                      if oid in (table.oid, table.entry_oid)), None)
        return table if table is not None else find_oid(model, stripped).node
    try:
        return find_path(model, what).target
    except MibgateError as unknown:
        try:
            return find_descriptor(model, what.removesuffix(".0"))
        except MibgateError:
            if "." in what:
                raise unknown from None
            raise


def find_instance(model: MibModel, what: str) -> tuple[ObjectNode, Index]:
    """Give the object and row that what spells: `SipEp.Gateway[Name=default].Port`, `sysName.0`,
    `sipEpGatewayPort."default"`, an OID. A scalar needs no `.0`. Raises NoSuchName.
    """
    stripped = what.strip().removeprefix(".")
    name, _, rest = stripped.partition(".")
    if name.isdigit():
        instance = find_oid(model, stripped)
        return instance.node, instance.index
    node = model.objects.get(name.rpartition("::")[2])
    if node is None:
        path = find_path(model, stripped)
        if isinstance(path.target, TableNode) or path.index is None:
            raise NoSuchName(what, "name one column of one row: [Key=value].Column")
        return path.target, path.index
    if node.table is None:
        if rest not in ("", "0"):
            raise NoSuchName(what, "there is one of it: it has no row")
        return node, ()
    return node, _row(node.table, what, rest)


def _row(table: TableNode, what: str, text: str) -> Index:
    """Give the index that stands behind a descriptor, as net-snmp writes it."""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"|([0-9]+)', text)
    try:
        if text.replace(".", "").isdigit():
            return table.index(parse_oid(text))
        if len(parts) == len(table.index_syntaxes):
            return tuple(syntax.parse(re.sub(r"\\(.)", r"\1", quoted) or bare)
                         for syntax, (quoted, bare) in zip(
                             table.index_syntaxes, parts, strict=True))
    except (ValueError, Refused):
        pass
    raise NoSuchName(what, f"name the row: {table.name} has {len(table.index_syntaxes)} keys")


def spellings(model: MibModel, what: str, vendor: str = "X_00005E_") -> Iterator[tuple[str, str]]:
    """Give title and text of each spelling, and what the object is."""
    node = found(model, what)
    yield "descriptor", f"{node.module}::{node.name}"
    yield "OID", print_oid(node.oid) if isinstance(node, TableNode) else oid_of(node)
    yield "path", path_of(model, node)
    if model.modules[node.module].service is not None:
        yield "web label", label_of(model, node)
        yield "TR-069", tr069_of(model, node, vendor)
    if isinstance(node, ObjectNode):
        yield "syntax", f"{node.syntax.convention or node.syntax.base.name}, " \
                        f"{node.syntax.allowed()}"
        yield "access", node.access.name.lower().replace("_", "-") + \
            (", Admin alone writes" if node.admin_only and node.is_writable else "")
        if node.default is not None:
            yield "default", node.syntax.print(node.default) or '""'
        if node.access >= Access.READ_WRITE:
            yield "applies", node.applies.value + \
                (f" of {node.applies_to}" if node.applies_to else "")
    yield "help", " ".join(node.description.split())
