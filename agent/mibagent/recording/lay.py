"""A recording laid over a model: which objects serve it, and what no MIB tells of.

What fits an object of the model belongs to it, and can be set as its MIB allows. All else is
served as it was recorded, by *found* columns: each stands for a part of the tree of which no
served object is, its rows are what is left of the names, its values are whole TLVs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from mibagent.errors import Index, Refused
from mibagent.model.nodes import Access, MibModel, ObjectNode, TableNode
from mibagent.recording.remarks import Remarks
from mibagent.recording.sample import Sample
from mibagent.recording.values import NoValue, fitting, natural
from mibagent.smi.index import decode_index
from mibagent.smi.oid import Oid, print_oid
from mibagent.smi.syntax import Base, Syntax, Value
from mibagent.snmp.ber import encode_as

_ANY = Syntax(Base.ANY)
_ACTIVE = 1


class Profile(Mapping[tuple[str, Index], Value]):
    """Recorded values by object and row, the rows' keys shared between columns."""

    def __init__(self) -> None:
        self.by_name: dict[str, dict[Index, Value]] = {}

    def __getitem__(self, key: tuple[str, Index]) -> Value:
        return self.by_name[key[0]][key[1]]

    def get(self, key: tuple[str, Index], default: Value | None = None) -> Value | None:  # type: ignore[override]
        rows = self.by_name.get(key[0])
        return default if rows is None else rows.get(key[1], default)

    def __iter__(self) -> Iterable[tuple[str, Index]]:  # type: ignore[override]
        return ((name, index) for name, rows in self.by_name.items() for index in rows)

    def __len__(self) -> int:
        return sum(map(len, self.by_name.values()))


@dataclass
class Laid:
    """A recording as a store takes it."""

    model: MibModel
    """The model with its found columns, and without the objects that they stand for."""
    served: set[str]
    """Objects that somebody may ask for."""
    profile: Profile = field(default_factory=Profile)
    """Values of scalars, of fixed tables and of found columns."""
    fixed: dict[str, list[Index]] = field(default_factory=dict)
    """Rows of the tables that nobody makes rows of."""
    made: dict[tuple[str, Index], Value] = field(default_factory=dict)
    """Cells of rows that may be destroyed, RowStatus among them."""
    sparse: dict[str, set[Index]] = field(default_factory=dict)
    """Rows in which an object has its recorded value or none, by object."""
    found: int = 0
    """How many instances no MIB tells of."""
    laid: int = 0
    """How many instances belong to an object."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was recorded."""
        return not self.laid + self.found


def lay(
    samples: Iterable[Sample], model: MibModel, modules: Iterable[str], remarks: Remarks, *,
    fill: bool = False, writable: bool = False,
) -> Laid:
    """Lay samples over a model, of which those modules are served besides what was recorded.

    fill: serve what a recorded module has and the recording lacks, by its DEFVALs.
    writable: let found columns be set, each value by one of its own type.
    """
    return _Layer(model, set(modules), remarks, fill, writable).lay(samples)


class _Layer:
    def __init__(
        self, model: MibModel, modules: set[str], remarks: Remarks, fill: bool, writable: bool
    ) -> None:
        self._model, self._modules, self._remarks = model, modules, remarks
        self._fill, self._writable = fill, writable
        self._nodes = model.by_oid_order
        self._oids = [node.oid for node in self._nodes]
        self._by_node: dict[str, list[tuple[Sample, Index]]] = {}
        self._raw: dict[Oid, Sample] = {}
        self._demoted: set[str] = set()
        self._keys: dict[str, dict[Oid, Index]] = {}
        self._touched: set[str] = set()

    def lay(self, samples: Iterable[Sample]) -> Laid:
        """Give what is served."""
        self._sort(samples)
        profile = Profile()
        for name in list(self._by_node):
            values = self._values_of(self._model.objects[name])
            if values is not None:
                profile.by_name[name] = values
        served = self._served(profile)
        prefixes = self._prefixes(profile, served)
        laid = Laid(self._model, served, profile, found=len(self._raw))
        laid.laid = len(profile)
        self._give_rows(laid)
        self._add_found(laid, prefixes)
        return laid

    # -- which object an instance belongs to

    def _sort(self, samples: Iterable[Sample]) -> None:
        seen: dict[Oid, int] = {}
        for sample in samples:
            first = seen.setdefault(sample.oid, sample.line)
            if first != sample.line:
                self._remarks.add(sample.line, print_oid(sample.oid), "is recorded twice; the "
                                  "first value counts")
                continue
            node = self._node_of(sample.oid)
            if node is not None:
                self._touched.add(node.module)
            if node is None or not node.is_readable:
                self._raw[sample.oid] = sample
                continue
            index = self._index_of(node, sample)
            if index is None:
                self._demote(node, sample)
                self._raw[sample.oid] = sample
            else:
                self._by_node.setdefault(node.name, []).append((sample, index))

    def _node_of(self, oid: Oid) -> ObjectNode | None:
        at = bisect_left(self._oids, (*oid, 0)) - 1
        if at >= 0 and oid[:len(self._oids[at])] == self._oids[at]:
            return self._nodes[at]
        return None

    def _index_of(self, node: ObjectNode, sample: Sample) -> Index | None:
        suffix = sample.oid[len(node.oid):]
        if node.table is None:
            return () if suffix == (0,) else None
        keys = self._keys.setdefault(node.table.name, {})
        index = keys.get(suffix)
        if index is None:
            try:
                index = decode_index(suffix, node.table.index_syntaxes, node.table.implied)
            except ValueError:
                return None
            keys[suffix] = index
            try:
                node.table.index(suffix)
            except ValueError as error:
                self._remarks.add(sample.line, node.table.name, "the MIB allows no such key "
                                  f"({error}); such rows can be read, not set")
        return index if suffix else None

    def _demote(self, node: ObjectNode, sample: Sample, why: str = "") -> None:
        """Let an object be served as it was recorded, and no longer by its MIB."""
        if node.name not in self._demoted:
            self._demoted.add(node.name)
            self._remarks.add(
                sample.line, node.name,
                (why or f"{print_oid(sample.oid)} is no instance that its MIB allows")
                + "; all of it is served as recorded, read-only unless --writable")

    def _values_of(self, node: ObjectNode) -> dict[Index, Value] | None:
        """Give an object's values by row; None where it is served as recorded."""
        values: dict[Index, Value] = {}
        if node.name not in self._demoted:
            for sample, index in self._by_node[node.name]:
                try:
                    values[index] = fitting(sample, node, self._remarks)
                except Refused as refusal:
                    self._demote(node, sample, refusal.why)
                    break
                except NoValue as error:
                    self._remarks.add(sample.line, print_oid(sample.oid),
                                      f"{error}; it is left out")
        if node.name not in self._demoted:
            return values or None
        for sample, _index in self._by_node.pop(node.name):
            self._raw[sample.oid] = sample
        return None

    # -- which objects are served

    def _served(self, profile: Profile) -> set[str]:
        touched = self._touched
        recorded = {
            table.name for name in profile.by_name
            if (table := self._model.objects[name].table) is not None}
        served = set(profile.by_name)
        for node in self._nodes:
            if node.name in self._demoted or node.module not in self._modules | touched:
                continue
            is_full = node.module not in touched or self._fill
            if is_full or (node.table is not None and node.table.name not in recorded):
                served.add(node.name)
        return served

    def _prefixes(self, profile: Profile, served: set[str]) -> list[tuple[Oid, list[Oid]]]:
        """Give the parts of the tree that found columns stand for, with their instances."""
        while True:
            kept = sorted(self._model.objects[name].oid for name in served
                          if self._model.objects[name].is_readable)
            found: list[tuple[Oid, list[Oid]]] = []
            in_the_way: Oid | None = None
            for oid in sorted(self._raw):
                if found and oid[:len(found[-1][0])] == found[-1][0]:
                    found[-1][1].append(oid)
                    continue
                prefix, neighbour = _prefix(oid, kept)
                if len(prefix) >= len(oid):
                    in_the_way = neighbour
                    break
                found.append((prefix, [oid]))
            if in_the_way is None:
                return found
            node = self._model.by_oid[in_the_way]
            served.discard(node.name)
            values = profile.by_name.pop(node.name, None)
            if values:
                self._demote(node, self._raw[oid])
                for sample, _index in self._by_node.pop(node.name):
                    self._raw[sample.oid] = sample

    # -- rows

    def _give_rows(self, laid: Laid) -> None:
        rows: dict[str, dict[Index, None]] = {}
        columns: dict[str, list[str]] = {}
        for name, values in laid.profile.by_name.items():
            table = self._model.objects[name].table
            if table is not None:
                rows.setdefault(table.name, {}).update(dict.fromkeys(values))
                columns.setdefault(table.name, []).append(name)
        for name, indexes in rows.items():
            table = self._model.tables[name]
            given = set(indexes)
            for column in columns[name]:
                if len(laid.profile.by_name[column]) < len(given):
                    laid.sparse[column] = given
            if self._is_made(table, rows, columns):
                self._make(laid, table, columns[name], indexes)
            else:
                laid.fixed[name] = list(indexes)
        self._keep_companions_away(laid, rows)

    def _keep_companions_away(self, laid: Laid, rows: dict[str, dict[Index, None]]) -> None:
        """Let recorded rows bring none in tables of which the recording has no instance."""
        for table in self._model.tables.values():
            base = table
            while base.name not in rows and base.base:
                base = self._model.tables[base.base]
            if base is table or base.name not in rows:
                continue
            if base.name in laid.fixed:
                laid.fixed[table.name] = []
            else:
                given = set(rows[base.name])
                laid.sparse.update(dict.fromkeys(table.column_names, given))

    def _is_made(
        self, table: TableNode, rows: dict[str, dict[Index, None]], columns: dict[str, list[str]]
    ) -> bool:
        """Whether its rows may come and go: it or its base has a RowStatus that was recorded."""
        if table.row_status:
            return table.row_status in columns[table.name]
        base = self._model.tables.get(table.base)
        return base is not None and base.name in rows \
            and rows[table.name].keys() <= rows[base.name].keys() \
            and self._is_made(base, rows, columns)

    def _make(
        self, laid: Laid, table: TableNode, columns: list[str], indexes: Iterable[Index]
    ) -> None:
        for column in columns:
            for index, value in laid.profile.by_name.pop(column).items():
                laid.made[column, index] = value
        if table.row_status:
            for index in indexes:
                if laid.made.setdefault((table.row_status, index), _ACTIVE) not in (1, 2, 3):
                    laid.made[table.row_status, index] = _ACTIVE

    # -- found columns

    def _add_found(self, laid: Laid, prefixes: list[tuple[Oid, list[Oid]]]) -> None:
        objects = self._without(laid, [prefix for prefix, _ in prefixes])
        tables = {node.table.name: node.table for node in objects.values() if node.table}
        access = Access.READ_WRITE if self._writable else Access.READ_ONLY
        for prefix, oids in prefixes:
            name = print_oid(prefix)
            table = TableNode(
                f"{name}Table", "", prefix[:-2], f"{name}Entry", prefix[:-1], "", (name,),
                ("",), (_ANY,), True, "", "")
            values: dict[Index, Value] = {}
            for oid in oids:
                sample = self._raw[oid]
                try:
                    base, value = natural(sample)
                    values[(oid[len(prefix):],)] = encode_as(base.tag, value)
                except (NoValue, ValueError) as error:
                    self._remarks.add(sample.line, print_oid(oid), f"{error}; it is left out")
            objects[name] = ObjectNode(prefix, name, "", _ANY, access, table, None)
            tables[table.name] = table
            laid.profile.by_name[name] = values
            laid.fixed[table.name] = list(values)
            laid.served.add(name)
        ordered = dict(sorted(objects.items(), key=lambda item: item[1].oid))
        laid.model = replace(
            self._model, objects=ordered,
            tables=dict(sorted(tables.items(), key=lambda item: item[1].oid)))

    def _without(self, laid: Laid, prefixes: list[Oid]) -> dict[str, ObjectNode]:
        """Give the model's objects but those that found columns stand for."""
        gone: set[str] = set()
        for prefix in prefixes:
            at = bisect_left(self._oids, prefix)
            while at < len(self._oids) and self._oids[at][:len(prefix)] == prefix:
                gone.add(self._nodes[at].name)
                at += 1
        laid.served -= gone
        objects = {name: node for name, node in self._model.objects.items() if name not in gone}
        changed = {table.name: _narrowed(table, gone) for table in self._model.tables.values()
                   if not gone.isdisjoint(table.column_names)}
        return {
            name: node if node.table is None or node.table.name not in changed
            else replace(node, table=changed[node.table.name])
            for name, node in objects.items()}


def _prefix(oid: Oid, kept: list[Oid]) -> tuple[Oid, Oid | None]:
    """Give the shortest prefix that begins none of the sorted kept ones, and who made it long."""
    at = bisect_left(kept, oid)
    long, who = 0, None
    for neighbour in kept[max(0, at - 1):at + 1]:
        shared = _shared(oid, neighbour)
        if shared >= long:
            long, who = shared, neighbour
    return oid[:max(2, long + 1)], who


def _shared(one: Oid, other: Oid) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def _narrowed(table: TableNode, gone: set[str]) -> TableNode:
    def kept(name: str) -> str:
        return "" if name in gone else name

    return replace(
        table, column_names=tuple(name for name in table.column_names if name not in gone),
        row_status=kept(table.row_status), storage_type=kept(table.storage_type),
        mirrors=tuple(map(kept, table.mirrors)))
