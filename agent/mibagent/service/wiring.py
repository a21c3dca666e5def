"""The check at the start: every object has somebody who answers for it, and only one."""

from __future__ import annotations

import inspect
import typing
from collections import abc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from mibagent.errors import ModelError
from mibagent.model.nodes import Access, Applies, MibModel, ObjectNode, TableNode
from mibagent.service.jobs import JOB_COLUMNS, Job
from mibagent.service.service import Hook, Service
from mibagent.service.settings import Binding, field_name, stem, table_field
from mibagent.store.live import LiveTable, Snapshot

COMMON = ("MinSeverity", "NeedRestartInfo")
"""Objects of every service that the host answers for."""


@dataclass
class Wired:
    """A service with its hooks found and its settings bound."""

    service: Service[Any]
    name: str
    nodes: dict[str, ObjectNode]
    """The objects that are answered."""
    tables: dict[str, TableNode]
    binding: Binding[Any]
    completes: list[tuple[tuple[str, ...], Callable[..., Any]]] = field(default_factory=list)
    checks: list[tuple[tuple[str, ...], Callable[..., Any], str]] = field(default_factory=list)
    """Names, method, and the table whose rows it is called for, or nothing."""
    reactions: list[tuple[tuple[str, ...], Callable[..., Any]]] = field(default_factory=list)
    commands: dict[str, Callable[..., Any]] = field(default_factory=dict)
    offline: dict[str, Callable[..., Any]] = field(default_factory=dict)
    provides: dict[str, Callable[..., Any]] = field(default_factory=dict)
    lasting: set[str] = field(default_factory=set)
    together: set[str] = field(default_factory=set)
    """Of these what is provided is what reads several at once."""
    factory: dict[str, Callable[[], Any]] = field(default_factory=dict)
    arguments: dict[str, Binding[Any]] = field(default_factory=dict)
    read_only: frozenset[str] = frozenset()
    """Writable objects that the service's capabilities let nobody write."""

    def is_writable(self, node: ObjectNode) -> bool:
        """Whether anybody may write the object here."""
        return node.is_writable and node.name not in self.read_only


def _hooks(service: Service[Any]) -> Iterator[tuple[Hook, Callable[..., Any]]]:
    found = [
        (member.__code__.co_firstlineno, hook, getattr(service, name))
        for name, member in inspect.getmembers(type(service), inspect.isfunction)
        for hook in getattr(member, "hooks", ())]
    found.sort(key=lambda each: each[0])
    return ((hook, method) for _, hook, method in found)


def wire(model: MibModel, service: Service[Any], wholly: bool = True) -> Wired:
    """Find a service's hooks and hold them against its MIB. Raises ModelError.

    wholly: whether it must answer for every object of its MIB.
    """
    who = type(service).__name__
    module = model.modules.get(service.mib)
    if module is None:
        raise ModelError(who, service.mib, "no such MIB is loaded")
    nodes, read_only = _answered(model, service)
    tables = {table.name: table for table in model.tables.values()
              if table.module == service.mib and not nodes.keys().isdisjoint(table.column_names)}
    fields = {field_name(model, node): node for node in nodes.values() if node.table is None}
    binding = Binding(model, service.settings, fields,
                      {table_field(model, table): table for table in tables.values()})
    name = module.service.name if module.service else service.mib
    wired = Wired(service, name, nodes, tables, binding, read_only=read_only)
    for hook, method in _hooks(service):
        for named in hook.names:
            known = named in nodes or named in tables or named in model.objects
            if not known and "@" not in named:
                raise ModelError(who, named, f"@{hook.kind} on {method.__name__}: no such object")
        _place(model, wired, hook, method, who)
    if wholly:
        _all_answered(model, wired, who)
    return wired


def _answered(
    model: MibModel, service: Service[Any]
) -> tuple[dict[str, ObjectNode], frozenset[str]]:
    """Give the objects that a service answers for, and those that it lets nobody write.

    RFC 2580 section 6.
    """
    nodes = {node.name: node for node in model.of_module(service.mib)}
    if not service.capabilities:
        return nodes, frozenset()
    who = type(service).__name__
    statement = model.capabilities.get(service.capabilities)
    support = statement.supports.get(service.mib) if statement is not None else None
    if support is None:
        raise ModelError(who, service.capabilities, f"no such statement supports {service.mib}")
    for name in (*support.groups, *support.access):
        if name not in model.groups and name not in nodes and name not in model.names:
            raise ModelError(service.capabilities, name, f"{service.mib} has none of that name")
    included = {name for group in support.groups for name in model.groups.get(group, ())}
    answered = {
        name: node for name, node in nodes.items()
        if name in included and support.access.get(name) != "not-implemented"}
    keys = {name for node in answered.values() if node.table for name in node.table.index_names}
    answered.update({name: node for name, node in nodes.items()
                     if name in keys and node.access is Access.NOT_ACCESSIBLE})
    return answered, frozenset(
        name for name, access in support.access.items() if access == "read-only")


def _place(
    model: MibModel, wired: Wired, hook: Hook, method: Callable[..., Any], who: str
) -> None:
    names = _widened(model, hook.names)
    match hook.kind:
        case "completes":
            wired.completes.append((names, method))
        case "check":
            home = _row_table(model, method, hook, who)
            if home and home not in [table.name for table in wired.binding.tables.values()]:
                raise ModelError(who, home, f"{method.__name__} checks rows that no setting reads")
            wired.checks.append((names, method, home))
        case "on_change":
            for named in names:
                node = model.objects.get(named)
                if node is not None and node.applies is Applies.RESTART and not node.applies_to:
                    raise ModelError(who, named, "@on_change on an object that waits for a restart")
            wired.reactions.append((names, method))
        case "command" | "offline":
            methods = wired.commands if hook.kind == "command" else wired.offline
            for named in hook.names:
                if named in methods:
                    raise ModelError(who, named, "two methods command it")
                methods[named] = method
                if named in wired.tables:
                    wired.arguments[named] = _arguments(model, method, named, who)
        case "provides":
            for named in hook.names:
                if named in wired.provides:
                    raise ModelError(who, named, "two methods provide it")
                wired.provides[named] = method
                if hook.lasting:
                    wired.lasting.add(named)
                if hook.together:
                    wired.together.add(named)
                if named in wired.tables:
                    _row_answers(model, wired, method, named, who)
        case "rows":
            wired.factory[hook.names[0]] = method


def _widened(model: MibModel, names: tuple[str, ...]) -> tuple[str, ...]:
    wide: list[str] = []
    for name in names:
        if name in model.tables:
            wide += [node.name for node in model.columns(name) if node.is_writable]
        else:
            wide.append(name)
    return tuple(wide)


def _row_table(model: MibModel, method: Callable[..., Any], hook: Hook, who: str) -> str:
    if len(inspect.signature(method).parameters) < 2:
        return ""
    homes = {model.tables[name].name if name in model.tables else
             (table.name if (table := model.objects[name].table) else "") for name in hook.names}
    if len(homes) != 1 or "" in homes:
        raise ModelError(who, method.__name__, "a check of rows names columns of one table")
    return homes.pop()


def _row_answers(
    model: MibModel, wired: Wired, method: Callable[..., Any], table: str, who: str
) -> None:
    """Refuse a row class that lacks a column; one that is not annotated is found out at a read."""
    kind = typing.get_type_hints(method).get("return")
    row = typing.get_args(kind)[0] if typing.get_args(kind) else kind
    if not isinstance(row, type) or row is Any or hasattr(row, "__getattr__"):
        return
    known = {*dir(row), *typing.get_type_hints(row)}
    mirrors = model.tables[table].mirrors
    for node in model.columns(table):
        if node.name in wired.nodes and node.is_readable and not wired.is_writable(node) \
                and node.name not in mirrors and node.name not in wired.provides \
                and field_name(model, node) not in known:
            raise ModelError(who, node.name, f"{row.__name__} has no {field_name(model, node)}")


def frozen_fields(method: Callable[..., Any]) -> frozenset[str]:
    """Give the fields that never change in the rows of the LiveTable that a method gives.

    Those of a frozen dataclass, but for what is called at each read; none where the method is
    not annotated so.
    """
    kind = typing.get_type_hints(method).get("return")
    row = (typing.get_args(kind) or (None,))[0]
    if typing.get_origin(kind) not in (LiveTable, Snapshot) or not isinstance(row, type) \
            or not is_dataclass(row) or not row.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return frozenset()
    hints = typing.get_type_hints(row)
    return frozenset(each.name for each in fields(row)
                     if typing.get_origin(hints[each.name]) is not abc.Callable)


def _arguments(
    model: MibModel, method: Callable[..., Any], table: str, who: str
) -> Binding[Any]:
    hints = typing.get_type_hints(method)
    hints.pop("return", None)
    kind = next(iter(hints.values()), None)
    inner = typing.get_args(kind)
    row = inner[0] if typing.get_origin(kind) is Job and inner else kind
    if not (isinstance(row, type) and is_dataclass(row)):
        raise ModelError(who, method.__name__, "a job's method takes Job[Arguments]")
    return Binding(model, row,
                   {field_name(model, node): node for node in model.columns(table)}, {})


def _all_answered(model: MibModel, wired: Wired, who: str) -> None:
    prefix = stem(model, wired.service.mib)
    read = {node.name for bound in (wired.binding, *wired.binding.rows.values(),
                                    *wired.arguments.values()) for node in bound.nodes.values()}
    acted = {name for names, _ in wired.reactions for name in names}
    acted.update(wired.service.derive())
    for node in wired.nodes.values():
        table = node.table
        if node.access <= Access.NOTIFY or (table and node.name in table.mirrors):
            continue
        if prefix and node.name in [prefix + common for common in COMMON]:
            continue
        if node.name in wired.provides or (table and table.name in wired.provides
                                           and not wired.is_writable(node)):
            continue
        if node.is_command:
            if node.name not in wired.commands:
                raise ModelError(who, node.name, "nobody carries out this command")
        elif table and table.is_job:
            if table.name not in wired.commands:
                raise ModelError(who, table.name, "nobody carries out these jobs")
            known = node.name.removeprefix(table.name.removesuffix("Table"))
            if not (node.is_row_status or known in JOB_COLUMNS or node.name in read):
                raise ModelError(who, node.name, "no code reads this argument")
        elif not wired.is_writable(node):
            raise ModelError(who, node.name, "nobody provides it")
        elif node.is_row_status:
            if table and table not in wired.binding.tables.values() \
                    and node.name not in wired.commands and table.name not in wired.service.makes:
                raise ModelError(who, table.name, "no setting reads its rows")
        elif node.name not in read and node.name not in acted:
            raise ModelError(who, node.name, "no code reads it and nobody acts on it")
