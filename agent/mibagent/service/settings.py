"""Typed views: a service's settings as a frozen dataclass over any layer of the store.

A service writes down the settings that its code reads; each field's name is the object's own
(`sipEpTransportTlsVersion` is `transport_tls_version`), its type must be the MIB's.
"""

from __future__ import annotations

import dataclasses
import enum
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from mibagent.errors import Index, ModelError, Refused, WrongValue
from mibagent.model.nodes import MibModel, ObjectNode, TableNode
from mibagent.smi.syntax import Base, Syntax, Value, fold
from mibagent.store.layers import View, value_in
from mibagent.store.live import as_index, as_key

RowT = TypeVar("RowT")
RefusalT = TypeVar("RefusalT", bound=Refused)


def snake(words: str) -> str:
    """Give `TransportTlsVersion` as `transport_tls_version`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", words)
    return words.lower()


def layer_of(settings: object) -> View:
    """Give the layer of the store that a view of settings reads, for a check over two services."""
    found: View = settings.__dict__["view"]
    return found


def stem(model: MibModel, module: str) -> str:
    """Give what every descriptor of a module's service begins with; nothing for foreign ones."""
    service = model.modules[module].service
    return service.name[:1].lower() + service.name[1:] if service else ""


def field_name(model: MibModel, node: ObjectNode) -> str:
    """Give the field that holds the object, in its settings or row."""
    prefix = stem(model, node.module)
    if node.table is not None:
        table = node.table.name.removesuffix("Table")
        if node.name.startswith(table):
            return snake(node.name[len(table):])
        entry = node.table.entry_name.removesuffix("Entry")
        if node.name.startswith(entry):
            return snake(node.name[len(entry):])
    return snake(node.name[len(prefix):] if prefix and node.name.startswith(prefix) else node.name)


def table_field(model: MibModel, table: TableNode) -> str:
    """Give the field that holds the table's rows."""
    prefix = stem(model, table.module)
    name = table.name.removesuffix("Table")
    return snake(name[len(prefix):] if prefix and name.startswith(prefix) else name)


@dataclasses.dataclass(frozen=True)
class Row:
    """Root of the dataclasses that a table's rows are seen as."""

    def _at(self) -> tuple[View, Index, Mapping[str, ObjectNode]]:
        raise LookupError("a row of a table is made by its table")

    @property
    def index(self) -> Index:
        """The row's key as the store has it."""
        return self._at()[1]

    @property
    def key(self) -> Any:
        """The row's key: str or int, a tuple where there are several."""
        return as_key(self.index)

    def no(self, refusal: type[RefusalT], field: str, why: str) -> RefusalT:
        """Give the refusal of one of the row's fields, to be raised."""
        _, index, nodes = self._at()
        return refusal(nodes[field].name, why, index)


def is_active(view: View, table: TableNode, index: Index) -> bool:
    """Whether a row is there and in service; only such rows are settings."""
    base = view.shape.base_of(table)
    if base.row_status and base.name not in view.shape.fixed:
        return view.cell(base.row_status, index) == 1
    return view.has_row(base, index)


class Table(Mapping[Any, RowT], Generic[RowT]):
    """A table's rows by key, read when asked. Rows that are not active are left out."""

    def __init__(self, view: View, table: TableNode, make: Callable[[View, Index], RowT]) -> None:
        self._view, self._table, self._make = view, table, make

    def __getitem__(self, key: Any) -> RowT:
        index = as_index(key)
        if not is_active(self._view, self._table, index):
            raise KeyError(key)
        return self._make(self._view, index)

    def __iter__(self) -> Iterator[Any]:
        for index in self._view.rows(self._table):
            if is_active(self._view, self._table, index):
                yield as_key(index)

    def __len__(self) -> int:
        return sum(1 for _ in self)


_TRUTHS = (("false", "true"), ("no", "yes"), ("disable", "enable"), ("disabled", "enabled"))


def _truth(syntax: Syntax) -> tuple[int, int]:
    """Give the numbers of no and yes, by label where those are known; else the lesser is no."""
    for no, yes in _TRUTHS:
        if set(syntax.by_label) == {no, yes}:
            return syntax.by_label[no], syntax.by_label[yes]
    numbers = [number for _, number in syntax.labels] or [0, 1]
    return min(numbers), max(numbers)


def reader_of(syntax: Syntax, kind: Any) -> Callable[[Any], Any]:
    """Give what makes of a value what a settings field wants.

    That raises ValueError with the reason.
    """
    if kind is str:
        return _text
    if kind is bool:
        yes = _truth(syntax)[1]
        return lambda value: value == yes
    if kind in (int, bytes, tuple) or typing.get_origin(kind) is tuple:
        return lambda value: value
    if isinstance(kind, type) and issubclass(kind, enum.IntEnum):
        return kind
    return lambda value: kind.from_text(_text(value))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def to_value(syntax: Syntax, given: Any) -> Value:
    """Give what a service computed as a value of the syntax."""
    if type(given) is int:
        return given
    if isinstance(given, bool):
        return _truth(syntax)[given]
    if isinstance(given, int):
        return int(given)
    if isinstance(given, str):
        return given.encode()
    if isinstance(given, bytes | tuple):
        return given
    return str(given).encode()


def _complaint(syntax: Syntax, kind: Any) -> str:
    """Say why a field of that type can't hold such values, or nothing."""
    if kind is bool:
        return "" if len(syntax.labels) == 2 else "bool wants an enumeration of two"
    if isinstance(kind, type) and issubclass(kind, enum.IntEnum):
        wanted = {fold(label): number for label, number in syntax.labels}
        has = {fold(member.name): member.value for member in kind}
        return "" if wanted == has else f"{kind.__name__} has {has}, the MIB {wanted}"
    if kind is int:
        return "" if syntax.base.is_number and not syntax.labels else "int wants a plain number"
    if kind is str:
        return "" if syntax.is_text else "str wants a text"
    if kind is bytes:
        return "" if not syntax.base.is_number and syntax.base is not Base.OID else \
            "bytes wants octets"
    if kind is tuple or typing.get_origin(kind) is tuple:
        return "" if syntax.base is Base.OID else "tuple wants an object identifier"
    if hasattr(kind, "from_text"):
        return "" if syntax.is_text else f"{kind.__name__} wants a text"
    return f"no type of settings: {kind!r}"


class Binding(Generic[RowT]):
    """A settings or row dataclass tied to the MIB: makes views of it."""

    def __init__(
        self, model: MibModel, cls: type[RowT], nodes: Mapping[str, ObjectNode],
        tables: Mapping[str, TableNode],
    ) -> None:
        self.nodes: dict[str, ObjectNode] = {}
        self.tables: dict[str, TableNode] = {}
        self.rows: dict[str, Binding[Any]] = {}
        self._readers: dict[str, Callable[[Any], Any]] = {}
        hints = typing.get_type_hints(cls)
        namespace: dict[str, Any] = {}
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            kind = hints[field.name]
            if typing.get_origin(kind) is Table:
                self._bind_table(model, cls, field.name, kind, tables)
                namespace[field.name] = property(self._table_reader(field.name))
                continue
            node = nodes.get(field.name)
            if node is None:
                raise ModelError(cls.__name__, field.name, "the MIB has no such object")
            why = _complaint(node.syntax, kind)
            if why:
                raise ModelError(cls.__name__, field.name, f"{node.name}: {why}")
            self.nodes[field.name] = node
            made = self._readers[field.name] = reader_of(node.syntax, kind)
            namespace[field.name] = property(self._reader(node, made))
        bound = self

        def at(view: Any) -> tuple[View, Index, Mapping[str, ObjectNode]]:
            return view.__dict__["view"], view.__dict__["index_"], bound.nodes

        namespace["_at"] = at
        self._cls = types.new_class(cls.__name__, (cls,), {}, lambda ns: ns.update(namespace))
        self._fields: dict[str, list[tuple[Binding[Any], str]]] = {}
        for row in (self, *self.rows.values()):
            for name, node in row.nodes.items():
                self._fields.setdefault(node.name, []).append((row, name))

    def _bind_table(
        self, model: MibModel, cls: type, name: str, kind: Any, tables: Mapping[str, TableNode]
    ) -> None:
        table = tables.get(name)
        if table is None:
            raise ModelError(cls.__name__, name, "the MIB has no such table")
        (row,) = typing.get_args(kind)
        self.tables[name] = table
        self.rows[name] = Binding(
            model, row, {field_name(model, node): node for node in model.columns(table.name)}, {})

    @staticmethod
    def _reader(node: ObjectNode, made: Callable[[Any], Any]) -> Callable[[Any], Any]:
        is_scalar = node.table is None

        def read(view: Any) -> Any:
            held = view.__dict__
            return made(value_in(held["view"], node, () if is_scalar else held["index_"]))
        return read

    def _table_reader(self, name: str) -> Callable[[Any], Any]:
        def read(view: Any) -> Any:
            return Table(view.__dict__["view"], self.tables[name], self.rows[name].view)
        return read

    def view(self, view: View, index: Index = ()) -> RowT:
        """Give the dataclass over a layer; nothing is read until a field is."""
        found: Any = object.__new__(self._cls)
        found.__dict__["view"], found.__dict__["index_"] = view, index
        made: RowT = found
        return made

    def check(self, view: View, name: str, index: Index) -> None:
        """Raise WrongValue where the changed object does not read as its field's type."""
        for row, field in self._fields.get(name, ()):
            node = row.nodes[field]
            try:
                row._readers[field](value_in(view, node, index))
            except ValueError as error:
                raise WrongValue(name, str(error), index) from None
