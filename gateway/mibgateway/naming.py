"""All spellings of an object, for `mibgate name`."""

from __future__ import annotations

from collections.abc import Iterator

from mibagent.errors import MibgateError
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
from mibagent.smi.oid import print_oid


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
