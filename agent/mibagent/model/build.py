"""From clauses to nodes: SYNTAX, INDEX, DEFVAL and places resolved, faults named."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from mibagent.model.capabilities import Capabilities
from mibagent.model.clauses import (
    Modules,
    NotificationClause,
    ObjectClause,
    TypeUse,
    find_node,
    find_object,
    home_of,
)
from mibagent.model.defaults import parse_default
from mibagent.model.findings import Finding, Severity
from mibagent.model.nodes import (
    Access,
    Applies,
    MibModel,
    ModuleNode,
    NotificationNode,
    ObjectNode,
    ServiceNode,
    TableNode,
)
from mibagent.model.prose import Prose, read_prose
from mibagent.model.resolve import Resolver, SyntaxFault
from mibagent.model.rules import examine_services, read_service
from mibagent.model.structure import examine_structure
from mibagent.model.tables import build_table
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base, Syntax, Value

ACCESS = {
    "not-accessible": Access.NOT_ACCESSIBLE,
    "accessible-for-notify": Access.NOTIFY,
    "read-only": Access.READ_ONLY,
    "read-write": Access.READ_WRITE,
    "read-create": Access.READ_CREATE,
    "write-only": Access.READ_WRITE,
}


def build(modules: Modules, digest: str = "") -> tuple[MibModel, list[Finding]]:
    """Give the model of what is sound, and what is not."""
    builder = Builder(modules)
    model = builder.build(digest)
    builder.findings += examine_services(modules, model, builder.prose)
    return model, builder.findings


class Builder:
    """Collects nodes and findings, module by module."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.findings: list[Finding] = []
        self.prose: dict[tuple[str, str], Prose] = {}
        self._resolver = Resolver(modules)
        self._services: dict[str, ServiceNode] = {}
        self._syntaxes: dict[str, Syntax] = {}

    def build(self, digest: str) -> MibModel:
        """Give the model."""
        module_nodes = {name: self._module(name) for name in self.modules}
        kept = examine_structure(self.modules, set(self._services), self.findings)
        columns = [
            clause for clause in kept
            if clause.kind in ("column", "scalar") and self._resolve(clause)]
        tables = self._tables([clause for clause in kept if clause.kind == "table"], columns)
        by_entry = {table.entry_oid: table for table in tables.values()}
        objects = {
            clause.name: self._object(clause, by_entry.get(clause.oid[:-1]))
            for clause in columns if clause.kind == "scalar" or clause.oid[:-1] in by_entry}
        return MibModel(
            modules=module_nodes, objects=objects, tables=tables,
            notifications=self._notifications(objects), names=self._names(objects, tables),
            digest=digest, groups=self._groups(), capabilities=self._capabilities())

    def say(self, module: str, name: str, reason: str, severity: Severity = "error") -> None:
        """Note a fault of what a module declares as name."""
        declared = self.modules[module].declared
        line = declared.lines.get(name, declared.line if name == module else 0)
        self.findings.append(Finding(declared.file, name, reason, severity, line))

    def is_service(self, module: str) -> bool:
        """Whether a module has a `Service:` line."""
        return module in self._services

    def _module(self, name: str) -> ModuleNode:
        module = self.modules[name]
        prose = read_prose(module.description)
        service = None
        if module.identity and "Service" in prose.keys:
            try:
                service = self._services[name] = read_service(prose.keys["Service"])
            except ValueError as error:
                self.say(name, module.identity, str(error))
        for clause in module.types.values():
            for reason in self._resolver.faults(clause):
                self.say(name, clause.name, reason)
        return ModuleNode(
            name, module.identity, module.oid, prose.text, module.revision, service,
            module.declared.file)

    def _resolve(self, clause: ObjectClause) -> bool:
        if clause.use is None:
            self.say(clause.module, clause.name, "has a SYNTAX that is none")
            return False
        try:
            self._syntaxes[clause.name] = self._resolver.resolve(clause.module, clause.use)
        except SyntaxFault as fault:
            return self._resolve_bare(clause, clause.use, fault)
        return True

    def _resolve_bare(self, clause: ObjectClause, use: TypeUse, fault: SyntaxFault) -> bool:
        """Take other people's SYNTAX without the limits that make no sense."""
        bare = None
        if not self.is_service(clause.module) and (use.ranges or use.labels):
            with contextlib.suppress(SyntaxFault):
                bare = self._resolver.resolve(clause.module, TypeUse(use.name))
        if bare is None:
            self.say(clause.module, clause.name, str(fault))
            return False
        self._syntaxes[clause.name] = bare
        self.say(clause.module, clause.name, f"{fault}; its limits are left out", "warning")
        return True

    def _tables(
        self, clauses: list[ObjectClause], columns: list[ObjectClause]
    ) -> dict[str, TableNode]:
        entries = {
            clause.oid: clause for module in self.modules.values()
            for clause in module.objects.values() if clause.kind == "row"}
        of_entry: dict[Oid, list[ObjectClause]] = {}
        for column in columns:
            if column.kind == "column":
                of_entry.setdefault(column.oid[:-1], []).append(column)
        tables: dict[str, TableNode] = {}
        for clause in clauses:
            entry = entries.get((*clause.oid, 1))
            if entry is not None:
                table = build_table(
                    self.modules, self.say, clause, entry, of_entry.get(entry.oid, []),
                    self._syntaxes, self.is_service(clause.module))
                if table is not None:
                    tables[clause.name] = table
        return {name: self._with_base(table, tables) for name, table in tables.items()}

    def _with_base(self, table: TableNode, tables: dict[str, TableNode]) -> TableNode:
        if table.base:
            by_entry = {other.entry_name: other.name for other in tables.values()}
            return replace(table, base=by_entry.get(table.base, ""))
        for other in tables.values():
            if (other.name != table.name and other.index_names == table.index_names
                    and set(table.index_names) <= set(other.column_names)):
                return replace(table, base=other.name)
        return table

    def _object(self, clause: ObjectClause, table: TableNode | None) -> ObjectNode:
        syntax = self._syntaxes[clause.name]
        prose = self.prose[clause.module, clause.name] = read_prose(clause.description)
        if prose.keys.get("Kind") == "secret" and syntax.base is Base.OCTETS:
            syntax = replace(syntax, secret=True)
        service = self._services.get(clause.module)
        applies, _blank, applies_to = prose.keys.get("Applies", "at-once").partition(" ")
        return ObjectNode(
            oid=clause.oid, name=clause.name, module=clause.module, syntax=syntax,
            access=ACCESS.get(clause.access, Access.NOT_ACCESSIBLE if service
                              else Access.READ_ONLY),
            table=table if clause.kind == "column" else None,
            default=self._default(clause, syntax), units=clause.units, description=prose.text,
            reference=" ".join(clause.reference.split()), status=clause.status or "current",
            applies=Applies(applies) if applies in _APPLIES else Applies.AT_ONCE,
            applies_to=applies_to.strip(), admin_only=self._is_admin_only(prose, table),
            is_command=prose.keys.get("Command") == "yes",
            service=service.name if service else "")

    def _is_admin_only(self, prose: Prose, table: TableNode | None) -> bool:
        """Whether the object or its table says `Rights: admin`."""
        if prose.keys.get("Rights") == "admin":
            return True
        if table is None:
            return False
        clause = self.modules[table.module].objects[table.name]
        return read_prose(clause.description).keys.get("Rights") == "admin"

    def _default(self, clause: ObjectClause, syntax: Syntax) -> Value | None:
        raw = self.modules[clause.module].declared.defaults.get(clause.name)
        if raw is None:
            return None
        try:
            return parse_default(
                raw, syntax, lambda name: find_node(self.modules, clause.module, name))
        except ValueError as error:
            severity: Severity = "error" if self.is_service(clause.module) else "warning"
            self.say(clause.module, clause.name, str(error), severity)
            return None

    def _notifications(self, objects: dict[str, ObjectNode]) -> dict[str, NotificationNode]:
        clauses = [
            clause
            for module in sorted(self.modules.values(), key=lambda module: not module.identity)
            for clause in module.notifications.values() if clause.oid]
        found: dict[str, NotificationNode] = {}
        for clause in clauses:
            if clause.name in found:
                self.say(clause.module, clause.name, "another module declares this name",
                         "warning")
                continue
            found[clause.name] = self._notification(clause, objects)
        return dict(sorted(found.items(), key=lambda item: item[1].oid))

    def _notification(
        self, clause: NotificationClause, objects: dict[str, ObjectNode]
    ) -> NotificationNode:
        for name in clause.objects:
            node = objects.get(name)
            if not home_of(self.modules, clause.module, name):
                self.say(clause.module, clause.name,
                         f"OBJECTS names {name}, which is neither declared nor imported")
            elif node is None:
                if find_object(self.modules, clause.module, name) is None:
                    self.say(clause.module, clause.name, f"OBJECTS names {name}, no object")
            elif node.access is Access.NOT_ACCESSIBLE:
                self.say(clause.module, clause.name,
                         f"OBJECTS names {name}, which is not-accessible")
        prose = self.prose[clause.module, clause.name] = read_prose(clause.description)
        service = self._services.get(clause.module)
        clears = prose.keys.get("Clears", "").replace(",", " ").split()
        return NotificationNode(
            clause.oid, clause.name, clause.module, clause.oid[-1],
            prose.keys.get("Severity", ""), prose.keys.get("Text", ""),
            tuple(int(number) for number in clears if number.isdigit()), clause.objects,
            prose.text, service.name if service else "")

    def _groups(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for module in self.modules.values():
            for name, members in module.declared.groups.items():
                found.setdefault(name, members)
        return found

    def _capabilities(self) -> dict[str, Capabilities]:
        return {name: Capabilities(name, module.nodes[name], supports)
                for module in self.modules.values()
                for name, supports in module.declared.supports.items() if name in module.nodes}

    def _names(
        self, objects: dict[str, ObjectNode], tables: dict[str, TableNode]
    ) -> dict[str, Oid]:
        names: dict[str, Oid] = {}
        for module in self.modules.values():
            for name, oid in module.nodes.items():
                if oid:
                    names.setdefault(name, oid)
            for clause in module.objects.values():
                if clause.name not in objects and clause.name not in tables:
                    names.setdefault(clause.name, clause.oid)
        return dict(sorted(names.items(), key=lambda item: item[1]))


_APPLIES = {word.value for word in Applies}
