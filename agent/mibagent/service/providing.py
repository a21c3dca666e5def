"""A service answers in the store: for objects, tables and jobs. What is read is asked of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from mibagent.errors import Index, NoSuchName
from mibagent.model.nodes import MibModel, ObjectNode, TableNode
from mibagent.service.jobs import JOB_COLUMNS, JobTable
from mibagent.service.settings import field_name, stem, to_value
from mibagent.service.wiring import Wired, frozen_fields
from mibagent.smi.syntax import Value
from mibagent.store.live import LiveTable, as_index, as_key
from mibagent.store.store import ParameterStore


def serve(
    store: ParameterStore, wired: Wired, needs_restart: Callable[[], bool]
) -> dict[str, JobTable]:
    """Let a service answer in a store; give its job tables by descriptor."""
    model = store.model
    assert store.served is not None
    store.served.update(wired.nodes)
    store.read_only.update(wired.read_only)
    store.shape.unmade.update(table.name for table in wired.tables.values()
                              if table.row_status in wired.read_only)
    store.unit_made.update(wired.service.makes)
    store.hidden.update(wired.service.hidden)
    store.derive.update(wired.service.derive())
    store.owners.update(wired.service.owners())
    for name, method in wired.factory.items():
        if not model.tables[name].row_status:
            store.give_fixed(name, [as_index(key) for key in method()])
    _provide_common(store, wired, needs_restart)
    for name, method in wired.provides.items():
        if name in model.tables:
            if model.tables[name].row_status in wired.commands:
                store.shape.unmade.add(name)
            _provide_table(store, wired, name, method)
        elif name in wired.together:
            store.provide_together(name, method)
        else:
            node = model[name]
            if wired.is_writable(node) and node.table is not None and node.table.is_job:
                store.shape.sealed.add(name)    # an argument that is not shown as it was given
            _provide_object(store, node, method, name in wired.lasting)
    return {name: _jobs(store, wired, name) for name in wired.commands if name in wired.tables}


def _provide_common(
    store: ParameterStore, wired: Wired, needs_restart: Callable[[], bool]
) -> None:
    name = stem(store.model, wired.service.mib) + "NeedRestartInfo"
    if name in wired.nodes:
        syntax = wired.nodes[name].syntax
        store.provide(name, lambda _: to_value(syntax, needs_restart()))


def _provide_object(
    store: ParameterStore, node: ObjectNode, method: Callable[..., Any], lasting: bool
) -> None:
    syntax = node.syntax
    if node.table is None:
        call = partial(method, node.name) if inspect.signature(method).parameters else method

        def read_scalar(_: Index) -> Value:
            found = call()
            return found if type(found) is int else to_value(syntax, found)
        store.provide(node.name, read_scalar, lasting)
    else:
        store.provide(
            node.name, lambda index: to_value(syntax, method(as_key(index))))


def _provide_table(
    store: ParameterStore, wired: Wired, name: str, method: Callable[..., Any]
) -> None:
    table = store.model.tables[name]
    stored = store.shape.is_made(table) or name in store.shape.fixed \
        or store.shape.base_of(table).name in store.shape.fixed
    made: LiveTable[Any] | None = None if stored else method()
    if made is not None:
        store.provide_table(name, made, _keeps(store.model, wired, table))
    frozen = frozen_fields(method)
    for node in store.model.columns(name):
        if node.name in table.mirrors and made is None:
            continue
        if not node.is_readable or wired.is_writable(node) or node.name in wired.provides \
                or node.name not in wired.nodes:
            continue
        store.provide(node.name, _column_reader(store.model, node, made, method),
                      made is not None and made.tells
                      and field_name(store.model, node) in frozen)


def _keeps(model: MibModel, wired: Wired, table: TableNode) -> bool:
    """Whether columns of a live table's rows are stored."""
    tables = (table, *model.companions.get(table.name, ()))
    return any(wired.is_writable(node) and not node.is_command
               and not node.is_row_status and node.name in wired.nodes
               for each in tables for node in model.columns(each.name))


def _column_reader(
    model: MibModel, node: ObjectNode, live: LiveTable[Any] | None, method: Callable[..., Any]
) -> Callable[[Index], Value]:
    attribute = field_name(model, node)
    table = node.table
    assert table is not None
    if node.name in table.mirrors:
        place = table.mirrors.index(node.name)
        return lambda index: index[place]

    def read(index: Index) -> Value:
        row = live.row(index) if live is not None else method(as_key(index))
        if row is None:
            raise NoSuchName(node.name, "no such row", index)
        found = getattr(row, attribute)
        if type(found) is int or type(found) is bytes:
            return found
        return to_value(node.syntax, found() if callable(found) else found)
    return read


def _jobs(store: ParameterStore, wired: Wired, name: str) -> JobTable:
    table = store.model.tables[name]
    jobs = JobTable(table, wired.commands[name])
    prefix = name.removesuffix("Table")
    for column in JOB_COLUMNS:
        if prefix + column in store.model.objects:
            store.provide(
                prefix + column,
                lambda index, column=column: jobs.read(column, int(index[0])))  # type: ignore[misc]
    return jobs
