"""What a module with a `Service:` line must say for the store and the services to serve it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mibagent.model.clauses import Modules
from mibagent.model.findings import Finding
from mibagent.model.nodes import (
    Access,
    Applies,
    MibModel,
    NotificationNode,
    ObjectNode,
    ServiceNode,
    TableNode,
)
from mibagent.model.prose import Prose, read_prose
from mibagent.smi.syntax import Base

SEVERITIES = ("debug", "info", "warning", "error", "critical")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

_SERVICE = re.compile(r"([A-Z][A-Za-z0-9]*) ([0-9]+) (?:\"([^\"]+)\"|'([^']+)') (user|system)")
_OBJECT_KEYS = {"Applies", "Rights", "Command"}
_NOTIFICATION_KEYS = {"Severity", "Text", "Clears"}

Say = Callable[[str, str, str], None]


def read_service(line: str) -> ServiceNode:
    """Give what a `Service:` line says. Raises ValueError."""
    match = _SERVICE.fullmatch(line)
    if match is None:
        raise ValueError(f"Service: {line}: a name, a number, a title in quotes and "
                         "user or system are wanted")
    name, number, title, other_title, kind = match.groups()
    return ServiceNode(name, int(number), title or other_title, kind == "user")


def expand_placeholder(placeholder: str, objects: tuple[str, ...]) -> str | None:
    """Give which of a notification's objects `descriptor` or `…Descriptor` means, or None."""
    if placeholder in objects:
        return placeholder
    if placeholder.startswith("…") and len(placeholder) > 1:
        found = [name for name in objects if name.endswith(placeholder[1:])]
        return found[0] if len(found) == 1 else None
    return None


def examine_services(
    modules: Modules, model: MibModel, prose: Mapping[tuple[str, str], Prose]
) -> list[Finding]:
    """Give the faults of modules that have a `Service:` line."""
    examination = _Examination(modules, model, prose)
    examination.examine()
    return examination.findings


class _Examination:
    def __init__(
        self, modules: Modules, model: MibModel, prose: Mapping[tuple[str, str], Prose]
    ) -> None:
        self.modules, self.model, self.prose = modules, model, prose
        self.findings: list[Finding] = []

    def say(self, module: str, name: str, reason: str) -> None:
        declared = self.modules[module].declared
        self.findings.append(
            Finding(declared.file, name, reason, line=declared.lines.get(name, 0)))

    def examine(self) -> None:
        names: dict[str, str] = {}
        numbers: dict[int, str] = {}
        for module in self.model.modules.values():
            service = module.service
            if service is None:
                continue
            first = names.setdefault(service.name.casefold(), module.name)
            second = numbers.setdefault(service.number, module.name)
            if {first, second} != {module.name}:
                other = first if first != module.name else second
                self.say(module.name, module.identity, f"{other} has this service's name or number")
            for name in self.modules[module.name].declared.twice:
                self.say(module.name, name, "is declared twice")
            self._examine_identity(module.name, module.identity)
        for table in self.model.tables.values():
            owner = self._service(table.module)
            if owner:
                self._examine_table(table, owner)
        for node in self.model.objects.values():
            if node.syntax.refers and node.syntax.refers not in self.model.tables:
                self.say(node.module, node.name,
                         f"refers to {node.syntax.refers}, which is no table")
            if node.service:
                self._examine_object(node, self.model.services[node.service])
        for notification in self.model.notifications.values():
            if notification.service:
                self._examine_notification(notification)
        self._examine_paths()

    def _service(self, module: str) -> ServiceNode | None:
        return self.model.modules[module].service

    def _examine_identity(self, module: str, identity: str) -> None:
        self._examine_keys(
            module, identity, read_prose(self.modules[module].description), {"Service"})

    def _examine_keys(self, module: str, name: str, prose: Prose, allowed: set[str]) -> None:
        for word in prose.unknown:
            self.say(module, name, f"{word}: is unknown in the last paragraph")
        for word in prose.twice:
            self.say(module, name, f"{word}: is given twice")
        for word in prose.keys:
            if word not in allowed:
                self.say(module, name, f"{word}: has no place here")

    def _examine_words(self, module: str, name: str, prose: Prose) -> None:
        for key, only in (("Command", "yes"), ("Rights", "admin")):
            if prose.keys.get(key, only) != only:
                self.say(module, name, f"{key}: takes {only} and nothing else")

    def _examine_table(self, table: TableNode, service: ServiceNode) -> None:
        module, name = table.module, table.name
        clause = self.modules[module].objects[name]
        prose = read_prose(clause.description)
        self._examine_keys(module, name, prose, {"Command", "Rights"})
        self._examine_name(module, name, service)
        self._examine_words(module, name, prose)
        if not name.endswith("Table") or table.entry_name != name[:-5] + "Entry":
            self.say(module, name, "a table is called …Table and its entry …Entry")
        if table.is_job and not table.row_status:
            self.say(module, name, "a job table needs a RowStatus")
        stem = name.removesuffix("Table")
        for column in table.column_names:
            if not column.startswith(stem) or column == stem:
                self.say(module, column, f"a column of {name} is called {stem}…")
        for place, (key, mirror) in enumerate(zip(table.index_names, table.mirrors, strict=True)):
            self._examine_key(table, key, mirror, place)

    def _examine_key(self, table: TableNode, key: str, mirror: str, place: int) -> None:
        syntax = table.index_syntaxes[place]
        node = self.model.objects.get(key)
        if node is not None and node.access is not Access.NOT_ACCESSIBLE:
            self.say(table.module, key, "an index column is not-accessible")
        if syntax.base is not Base.OCTETS:
            return
        if not syntax.ranges or any(low < 1 for low, _high in syntax.ranges):
            self.say(table.module, key, "a key that is a name has a SIZE, from 1 on")
        if not mirror:
            self.say(table.module, table.name, f"no readable column repeats its key {key}")
            return
        other = self.model.objects[mirror].syntax
        if (other.hint, other.convention) != (syntax.hint, syntax.convention):
            if other.hint == syntax.hint and _holds(other.ranges, syntax.ranges):
                return
            self.say(table.module, mirror, f"repeats the key {key} and has another SYNTAX")

    def _examine_name(self, module: str, name: str, service: ServiceNode) -> None:
        stem = service.name[0].lower() + service.name[1:]
        if not name.startswith(stem) or not name[len(stem):][:1].isupper():
            self.say(module, name, f"a descriptor of {service.name} is called {stem}…")

    def _examine_object(self, node: ObjectNode, service: ServiceNode) -> None:
        prose = self.prose[node.module, node.name]
        self._examine_name(node.module, node.name, service)
        self._examine_keys(node.module, node.name, prose, _OBJECT_KEYS)
        if not (node.description or prose.keys):
            self.say(node.module, node.name, "has no DESCRIPTION")
        if service.number not in node.oid:
            self.say(node.module, node.name, f"is not under the service's number {service.number}")
        self._examine_applies(node, prose.keys.get("Applies"))
        self._examine_words(node.module, node.name, prose)
        command = prose.keys.get("Command")
        if command == "yes" and ("noOp", 0) not in node.syntax.labels:
            self.say(node.module, node.name, "a command's values are noOp(0) and verbs")
        if command == "yes" and not node.is_writable:
            self.say(node.module, node.name, "a command must be writable")

    def _examine_applies(self, node: ObjectNode, applies: str | None) -> None:
        if applies is None:
            if node.is_writable:
                self.say(node.module, node.name, "is writable and has no Applies: line")
            return
        if not node.is_writable:
            self.say(node.module, node.name, "has an Applies: line and is not writable")
        word, _blank, other = applies.partition(" ")
        if word not in {value.value for value in Applies}:
            self.say(node.module, node.name, f"Applies: {applies} is unknown")
        elif other and word != "restart":
            self.say(node.module, node.name, f"Applies: {word} takes no service")
        elif other and other not in self.model.services:
            self.say(node.module, node.name, f"Applies: restart {other}: no such service")

    def _examine_notification(self, node: NotificationNode) -> None:
        prose = self.prose[node.module, node.name]
        self._examine_keys(node.module, node.name, prose, _NOTIFICATION_KEYS)
        if node.severity not in SEVERITIES:
            self.say(node.module, node.name, f"Severity: {node.severity} is unknown"
                     if node.severity else "has no Severity: line")
        if not node.text:
            self.say(node.module, node.name, "has no Text: line")
        if node.oid[-2] != 0:
            self.say(node.module, node.name, "a notification's last arc but one is 0")
        for placeholder in PLACEHOLDER.findall(node.text):
            if expand_placeholder(placeholder, node.objects) is None:
                self.say(node.module, node.name,
                         f"Text: {{{placeholder}}} is none, or not one, of its OBJECTS")
        known = {
            other.number for other in self.model.notifications.values()
            if other.service == node.service}
        words = prose.keys.get("Clears", "").replace(",", " ").split()
        for word in words:
            if not word.isdigit() or int(word) not in known:
                self.say(node.module, node.name,
                         f"Clears: {word} is no notification of this service")
        if "Clears" in prose.keys and not words:
            self.say(node.module, node.name, "Clears: names no notification")

    def _examine_paths(self) -> None:
        """Refuse two objects of one module whose paths differ in case only."""
        taken: dict[str, str] = {}
        tables = [(table.name.removesuffix("Table"), table.name, table.module)
                  for table in self.model.tables.values()]
        scalars = [(node.name, node.name, node.module)
                   for node in self.model.objects.values() if not node.table]
        columns = [(f"{node.table.name}/{node.name}", node.name, node.module)
                   for node in self.model.objects.values() if node.table]
        for spelling, name, module in (*tables, *scalars, *columns):
            if self._service(module):
                other = taken.setdefault(spelling.casefold(), name)
                if other != name:
                    self.say(module, name, f"its path is that of {other}")


def _holds(wide: tuple[tuple[int, int], ...], narrow: tuple[tuple[int, int], ...]) -> bool:
    return not wide or all(
        any(low <= inner_low and inner_high <= high for low, high in wide)
        for inner_low, inner_high in narrow)
