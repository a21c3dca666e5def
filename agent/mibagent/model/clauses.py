"""What modules declare, clause by clause, before anything is resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from keyword import iskeyword

from mibagent.model.text import Declared
from mibagent.smi.oid import Oid


@dataclass(frozen=True)
class TypeUse:
    """A SYNTAX as it was written."""

    name: str
    """A base type or a textual convention."""
    ranges: tuple[tuple[int, int], ...] = ()
    labels: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class TypeClause:
    """A textual convention, or a type that is none."""

    name: str
    module: str
    use: TypeUse
    hint: str
    description: str


@dataclass(frozen=True)
class ObjectClause:
    """One OBJECT-TYPE."""

    name: str
    module: str
    oid: Oid
    kind: str
    """table, row, column or scalar."""
    use: TypeUse | None
    """None for tables and rows."""
    access: str
    status: str
    units: str
    description: str
    reference: str
    index: tuple[str, ...] = ()
    implied: tuple[bool, ...] = ()
    augments: str = ""


@dataclass(frozen=True)
class NotificationClause:
    """One NOTIFICATION-TYPE or TRAP-TYPE."""

    name: str
    module: str
    oid: Oid
    objects: tuple[str, ...]
    description: str


@dataclass
class ModuleClauses:
    """One module."""

    name: str
    declared: Declared
    identity: str = ""
    oid: Oid = ()
    description: str = ""
    revision: str = ""
    imports: dict[str, str] = field(default_factory=dict)
    """Modules by imported name, pysmi's additions among them."""
    types: dict[str, TypeClause] = field(default_factory=dict)
    objects: dict[str, ObjectClause] = field(default_factory=dict)
    notifications: dict[str, NotificationClause] = field(default_factory=dict)
    nodes: dict[str, Oid] = field(default_factory=dict)
    """Everything else that has an OID."""

    def exports(self, name: str) -> bool:
        """Whether the module declares name."""
        return (name in self.types or name in self.objects or name in self.nodes
                or name in self.notifications or name in self.declared.members)


Modules = dict[str, ModuleClauses]


def mangle(name: str) -> str:
    """Give what pysmi makes of a name in types, AUGMENTS and its documents' keys."""
    return ("_pysmi_" + name if iskeyword(name) else name).replace("-", "_")


def home_of(modules: Modules, module: str, name: str) -> str:
    """Give the module that declares what `module` calls name, or nothing.

    What pysmi imports unasked does not count where the module has a name of its own.
    """
    here = modules.get(module)
    if here is None:
        return ""
    if here.exports(name):
        return module
    source = here.imports.get(name, "")
    return source if source in modules and modules[source].exports(name) else ""


def find_object(modules: Modules, module: str, name: str) -> ObjectClause | None:
    """Give the OBJECT-TYPE that `module` calls name."""
    home = home_of(modules, module, name)
    return modules[home].objects.get(name) if home else None


def find_node(modules: Modules, module: str, name: str) -> Oid | None:
    """Give the OID that `module` calls name."""
    home = home_of(modules, module, name)
    if not home:
        return None
    here = modules[home]
    if name in here.objects:
        return here.objects[name].oid
    if name in here.notifications:
        return here.notifications[name].oid
    return here.nodes.get(name)
