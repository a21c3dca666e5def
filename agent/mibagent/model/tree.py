"""A model as a tree of text, one name a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mibagent.model.nodes import Access, MibModel, NotificationNode, ObjectNode, TableNode
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base, Syntax

_ACCESS = {
    Access.NOT_ACCESSIBLE: "---",
    Access.NOTIFY: "--n",
    Access.READ_ONLY: "r--",
    Access.READ_WRITE: "rw-",
    Access.READ_CREATE: "rwc",
}
_BASES = {
    Base.INTEGER: "Integer32",
    Base.OCTETS: "OCTET STRING",
    Base.OID: "OBJECT IDENTIFIER",
    Base.IP_ADDRESS: "IpAddress",
    Base.COUNTER32: "Counter32",
    Base.UNSIGNED32: "Unsigned32",
    Base.TIME_TICKS: "TimeTicks",
    Base.OPAQUE: "Opaque",
    Base.COUNTER64: "Counter64",
    Base.BITS: "BITS",
}
_WELL_KNOWN: dict[Oid, str] = {
    (0,): "ccitt",
    (1,): "iso",
    (1, 3): "org",
    (1, 3, 6): "dod",
    (1, 3, 6, 1): "internet",
}
_WIDEST = 60
_SHOWN_LABELS = 6

_Line = tuple[str, str, str]


def tree_lines(model: MibModel, root: Oid = (), modules: Iterable[str] = ()) -> list[str]:
    """Give what is at and under root, by OID: name and arc, access, SYNTAX.

    Nothing for modules is all of them. Access is r, w, c (rows may be made) or n (in notifications
    only).
    """
    names = _names(model, set(modules))
    shown = {
        oid[:size] for oid in names if oid[:len(root)] == root
        for size in range(max(1, len(root)), len(oid) + 1)}
    ordered = sorted(shown)
    children: dict[Oid, list[Oid]] = {}
    for oid in ordered:
        children.setdefault(oid[:-1], []).append(oid)
    start = [root] if root in shown else children.get(root, [])
    lines: list[_Line] = []
    for place, oid in enumerate(start):
        lines += _branch(names, children, oid, "", place == len(start) - 1, is_root=True)
    width = max((len(name) for name, _access, _syntax in lines), default=0)
    width = min(width, _WIDEST)
    return [f"{name:<{width}}  {access:<3}  {syntax}".rstrip() for name, access, syntax in lines]


def _names(model: MibModel, modules: set[str]) -> dict[Oid, tuple[str, str, str]]:
    """Give name, access and syntax of every OID that a module names."""
    found: dict[Oid, tuple[str, str, str]] = {}
    for name, oid in model.names.items():
        if not modules:
            found.setdefault(oid, (name, "", ""))
    nodes: tuple[TableNode | NotificationNode | ObjectNode, ...] = (
        *model.tables.values(), *model.notifications.values(), *model.objects.values())
    for node in nodes:
        if not modules or node.module in modules:
            found[node.oid] = (node.name, *_about(node))
            if isinstance(node, TableNode):
                found[node.entry_oid] = (node.entry_name, "", f"[{_index(node)}]")
    if modules:
        above = {oid[:size] for oid in found for size in range(1, len(oid))}
        for name, oid in model.names.items():
            if oid in above:
                found.setdefault(oid, (name, "", ""))
    for oid, name in _WELL_KNOWN.items():
        if any(other[:len(oid)] == oid for other in found):
            found.setdefault(oid, (name, "", ""))
    return found


def _about(node: TableNode | NotificationNode | ObjectNode) -> tuple[str, str]:
    if isinstance(node, TableNode):
        return "", "job table" if node.is_job else "table"
    if isinstance(node, NotificationNode):
        return "--n", f"notification ({', '.join(node.objects)})"
    units = f" {node.units}" if node.units else ""
    return _ACCESS[node.access], _syntax(node.syntax) + units


def _index(table: TableNode) -> str:
    parts = list(table.index_names)
    if table.implied:
        parts[-1] = "IMPLIED " + parts[-1]
    return ", ".join(parts)


def _syntax(syntax: Syntax) -> str:
    name = syntax.convention or _BASES[syntax.base]
    if syntax.labels:
        labels = [f"{label}({number})" for label, number in syntax.labels[:_SHOWN_LABELS]]
        more = len(syntax.labels) - _SHOWN_LABELS
        return f"{name} {{{', '.join(labels)}{f', {more} more' if more > 0 else ''}}}"
    if syntax.ranges:
        ranges = "|".join(
            str(low) if low == high else f"{low}..{high}" for low, high in syntax.ranges)
        return f"{name} ({ranges})" if syntax.base.is_number else f"{name} (SIZE ({ranges}))"
    return name


def _branch(
    names: dict[Oid, tuple[str, str, str]], children: dict[Oid, list[Oid]], oid: Oid,
    before: str, is_last: bool, is_root: bool = False,
) -> Iterator[_Line]:
    name, access, syntax = names.get(oid, ("", "", ""))
    arc = ".".join(map(str, oid)) if is_root else str(oid[-1])
    mark = "" if is_root else ("└─ " if is_last else "├─ ")
    yield f"{before}{mark}{name}({arc})", access, syntax
    below = children.get(oid, [])
    under = before + ("" if is_root else ("   " if is_last else "│  "))
    for place, child in enumerate(below):
        yield from _branch(names, children, child, under, place == len(below) - 1)
