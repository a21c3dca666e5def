"""What any module must keep to, and pysmi does not look at: imports, places, access, doubles."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from mibagent.model.clauses import ModuleClauses, Modules, NotificationClause, ObjectClause
from mibagent.model.compile import OLD_MODULES
from mibagent.model.findings import Finding, Severity
from mibagent.smi.oid import MAX_SUB_IDENTIFIERS, Oid

_ACCESS = {"not-accessible", "accessible-for-notify", "read-only", "read-write", "read-create"}
_OLD_ACCESS = {"not-accessible", "read-only", "read-write", "write-only"}
_STATUS = {"current", "deprecated", "obsolete"}
_OLD_STATUS = {"mandatory", "optional", "deprecated", "obsolete"}
_MACROS = {
    "AGENT-CAPABILITIES", "MODULE-COMPLIANCE", "MODULE-IDENTITY", "NOTIFICATION-GROUP",
    "NOTIFICATION-TYPE", "OBJECT-GROUP", "OBJECT-IDENTITY", "OBJECT-TYPE", "TEXTUAL-CONVENTION",
    "TRAP-TYPE"}
_BUILT_IN = {"ApplicationSyntax", "ObjectSyntax", "SimpleSyntax", "NotificationName", "ObjectName"}
_BASE_MODULES = {"SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF"}
_LONGEST_NAME = 64


@dataclass(frozen=True)
class _Place:
    module: str
    name: str


class _Examination:
    def __init__(self, modules: Modules, services: Set[str], findings: list[Finding]) -> None:
        self.modules, self.services, self.findings = modules, services, findings
        self.rows = {
            clause.oid: clause for module in modules.values()
            for clause in module.objects.values() if clause.kind == "row"}
        self.tables = {
            clause.oid for module in modules.values()
            for clause in module.objects.values() if clause.kind == "table"}

    def say(self, module: str, name: str, reason: str, severity: Severity = "error") -> None:
        declared = self.modules[module].declared
        source = declared.imports.get(name, name)
        line = declared.lines.get(name) or declared.import_lines.get(source, 0)
        self.findings.append(Finding(declared.file, name, reason, severity, line))


def examine_structure(
    modules: Modules, services: Set[str], findings: list[Finding]
) -> list[ObjectClause]:
    """Add faults to findings; give the objects that are sound so far, in order of OID.

    Of two modules that declare one object the first counts, SMIv2 before SMIv1.
    """
    examination = _Examination(modules, services, findings)
    for module in modules.values():
        _check_imports(examination, module)
        _check_lost(examination, module)
        _check_sequences(examination, module)
    newest_first = sorted(modules.values(), key=lambda module: not module.identity)
    sound = [
        clause for module in newest_first for clause in module.objects.values()
        if _is_sound(examination, clause)]
    return sorted(_without_doubles(examination, sound), key=lambda clause: clause.oid)


def _check_imports(examination: _Examination, module: ModuleClauses) -> None:
    absent: set[str] = set()
    for name, source in module.declared.imports.items():
        home = examination.modules.get(source)
        if home is None:
            if source not in absent and source not in OLD_MODULES:
                examination.say(module.name, source, f"imports {name} from {source}: "
                                f"there is no module {source}")
            absent.add(source)
        elif not (home.exports(name) or name in _MACROS
                  or (source in _BASE_MODULES and name in _BUILT_IN)):
            examination.say(
                module.name, name, f"is imported from {source}, which does not declare it")


def _check_lost(examination: _Examination, module: ModuleClauses) -> None:
    for name in module.declared.kinds:
        if not module.exports(name) and name not in _MACROS:
            examination.say(module.name, name, "is declared in the text and lost on the way")


def _check_sequences(examination: _Examination, module: ModuleClauses) -> None:
    for sequence, members in module.declared.members.items():
        for member in members:
            if member not in module.objects:
                examination.say(module.name, member,
                                f"is in the SEQUENCE {sequence} and declared nowhere")


def _is_sound(examination: _Examination, clause: ObjectClause) -> bool:
    found: list[str] = []
    odd: list[str] = []
    is_lenient = clause.module not in examination.services
    is_old = not examination.modules[clause.module].identity
    access = _OLD_ACCESS if is_old else _ACCESS
    status = _STATUS | _OLD_STATUS if is_old else _STATUS
    if clause.access not in access | _ACCESS if is_old else clause.access not in access:
        odd.append(f"MAX-ACCESS {clause.access} is unknown" if clause.access
                   else "has no MAX-ACCESS")
    if clause.status not in status:
        odd.append(f"STATUS {clause.status} is unknown" if clause.status else "has no STATUS")
    if not clause.oid or len(clause.oid) > MAX_SUB_IDENTIFIERS:
        found.append("has no object identifier of 1 to 128 parts")
    elif clause.oid[-1] == 0:
        odd.append("an object's last arc is not 0")
    if len(clause.name) > _LONGEST_NAME and clause.module in examination.services:
        found.append("a descriptor has at most 64 characters")
    if not clause.name[:1].islower():
        odd.append("a descriptor starts with a small letter")
    if clause.kind in ("table", "row") and clause.access != "not-accessible":
        odd.append("a table is not-accessible" if clause.kind == "table"
                   else "an entry is not-accessible")
    found += _misplaced(examination, clause)
    for reason in found:
        examination.say(clause.module, clause.name, reason)
    for reason in odd:
        examination.say(clause.module, clause.name, reason, "warning" if is_lenient else "error")
    return not found and (is_lenient or not odd)


def _misplaced(examination: _Examination, clause: ObjectClause) -> list[str]:
    above = clause.oid[:-1]
    match clause.kind:
        case "table":
            if (*clause.oid, 1) not in examination.rows:
                return ["the table has no entry at arc 1"]
        case "row":
            if above not in examination.tables or clause.oid[-1] != 1:
                return ["the entry is not at arc 1 of a table"]
        case "column":
            if above not in examination.rows:
                return ["is in a SEQUENCE and not under an entry"]
        case _:
            if above in examination.rows:
                return ["is under an entry and not in its SEQUENCE"]
    return []


def _without_doubles(
    examination: _Examination, clauses: list[ObjectClause]
) -> list[ObjectClause]:
    """Give clauses without those whose name or OID is taken; the first in order stand."""
    names: dict[str, _Place] = {}
    oids: dict[Oid, _Place] = {}
    kept: list[ObjectClause] = []
    for clause in clauses:
        place = _Place(clause.module, clause.name)
        by_name, by_oid = names.get(clause.name), oids.get(clause.oid)
        if by_oid is not None:
            _say_double(examination, clause, by_oid, "has the object identifier of")
        elif by_name is not None:
            _say_double(examination, clause, by_name, "has the name of")
        else:
            names[clause.name] = oids[clause.oid] = place
            kept.append(clause)
    for module in sorted(examination.modules.values(), key=lambda module: not module.identity):
        for name, oid in module.nodes.items():
            taken = oids.get(oid)
            if taken is not None and taken.module == module.name:
                examination.say(
                    module.name, name, f"has the object identifier of {taken.name}")
        for notification in module.notifications.values():
            taken = oids.get(notification.oid)
            if taken is not None:
                _say_double(examination, notification, taken, "has the object identifier of")
            else:
                oids[notification.oid] = _Place(module.name, notification.name)
    return kept


def _say_double(
    examination: _Examination, clause: ObjectClause | NotificationClause, other: _Place, what: str
) -> None:
    is_strict = (clause.module == other.module or clause.module in examination.services
                 or other.module in examination.services)
    where = "" if clause.module == other.module else f" in {other.module}"
    examination.say(clause.module, clause.name, f"{what} {other.name}{where}",
                    "error" if is_strict else "warning")
