"""From pysmi's documents to a model; the only file that knows what that JSON looks like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mibagent.errors import ModelError
from mibagent.model.build import build
from mibagent.model.clauses import (
    ModuleClauses,
    Modules,
    NotificationClause,
    ObjectClause,
    TypeClause,
    TypeUse,
    mangle,
)
from mibagent.model.compile import Compiled, Document, compile_texts
from mibagent.model.findings import Finding, by_line, raise_first_error
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.model.sources import MibFile, gather
from mibagent.model.text import Declared, Strings, likely_modules, scan
from mibagent.smi.oid import Oid, parse_oid


def load_files(files: Sequence[MibFile], digest: str = "") -> MibModel:
    """Give the model of files. Raises ModelError for the first fault."""
    model, findings = load_with_findings(files, digest)
    raise_first_error(findings)
    return model


def load_with_findings(
    files: Sequence[MibFile], digest: str = ""
) -> tuple[MibModel, list[Finding]]:
    """Give the model of what is sound in files, and what is not."""
    compiled = compile_texts(files)
    modules = read_documents(compiled)
    model, findings = build(modules, digest)
    broken = {module.file for name, module in compiled.declared.items() if name not in modules}
    echoes = {name for name in compiled.declared if name not in modules}
    cut = {(module.file, name) for module in compiled.declared.values() for name in module.cut}
    kept = [
        finding for finding in findings
        if finding.file not in broken and not _is_echo(finding, echoes)
        and (finding.file, finding.object) not in cut]
    return model, sorted(set(compiled.findings + kept), key=lambda found: found.severity)


def _is_echo(finding: Finding, broken: set[str]) -> bool:
    """Whether it only says that a module which has its own finding is not there."""
    return any(finding.reason.endswith(f"from {name}") for name in broken)


def load_with_needed(
    own: Sequence[MibFile], others: Sequence[MibFile], digest: str, standard: bool = True
) -> MibModel:
    """Give the model of own files, of those they need, and of standard ones among others.

    standard: all of those; else SNMPv2-MIB alone, which every agent answers.
    """
    more = [file for file in others if Path(file.path).parent in mib_folders()[1:]
            and (standard or Path(file.path).stem == "SNMPv2-MIB")]
    needed = {file.path: file for file in (*_needed([*own, *more], others), *more)}
    model, findings = load_with_findings([*own, *needed.values()], digest)
    named = {file.path for file in own}
    kept = tuple(by_line(finding for finding in findings if finding.file in named))
    return replace(model, findings=kept)


def examine(paths: Iterable[Path], folders: Sequence[Path] = ()) -> list[Finding]:
    """Give what is wrong in MIB files; imports may come from folders, beside them or from ours."""
    named = [Path(path) for path in paths]
    try:
        own = gather(named)
        beside = [path.parent for path in named if path.is_file()]
        others = gather([*folders, *beside, *mib_folders()])
    except ModelError as error:
        return [Finding(error.where, error.name, error.why)]
    names = {file.path for file in own}
    empty = [
        Finding(str(path), "", "holds no MIB file") for path in named
        if not any(Path(name) == path or path in Path(name).parents for name in names)]
    needed = _needed(own, [file for file in others if file.path not in names])
    _model, findings = load_with_findings([*own, *needed])
    return by_line([*empty, *(finding for finding in findings if finding.file in names)])


def _needed(own: Sequence[MibFile], others: Sequence[MibFile]) -> list[MibFile]:
    """Give the other files that own ones import from, in turn and in order."""
    strings = Strings()
    candidates: dict[str, list[MibFile]] = {}
    for file in (*own, *others):
        for name in likely_modules(file.text):
            candidates.setdefault(name, []).append(file)
    scanned: dict[str, dict[str, set[str]]] = {}
    """What each module of a file imports from, by the file's path."""

    def modules_of(file: MibFile) -> dict[str, set[str]]:
        if file.path not in scanned:
            scanned[file.path] = {
                module.name: set(module.imports.values())
                for module in reversed(scan(file.path, file.text, strings))}
        return scanned[file.path]

    wanted = [name for file in own for name in modules_of(file)]
    wanted += ["SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF"]
    reached: dict[str, str] = {}
    """The path of each module that is needed."""
    while wanted:
        name = wanted.pop()
        home = next((file for file in candidates.get(name, ()) if name in modules_of(file)), None)
        if home is not None and name not in reached:
            reached[name] = home.path
            wanted += sorted(modules_of(home)[name])
    files = set(reached.values())
    return [file for file in others if file.path in files]


def read_documents(compiled: Compiled) -> Modules:
    """Give the clauses of compiled modules."""
    return {
        name: _module(document, compiled.declared[name])
        for name, document in compiled.documents.items()}


def _module(document: Document, declared: Declared) -> ModuleClauses:
    module = ModuleClauses(declared.name, declared)
    for source, names in document.get("imports", {}).items():
        if source != "class":
            module.imports.update(dict.fromkeys(names, source))
    module.imports.update({
        name: source for name, source in declared.imports.items() if name not in module.imports})
    names = {mangle(name): name for name in (*module.imports, *declared.members)}
    names |= {
        key: entry["name"] for key, entry in document.items() if isinstance(entry.get("name"), str)}
    entries = [entry for key, entry in document.items() if key not in ("imports", "meta")]
    for entry in sorted(entries, key=lambda entry: declared.lines.get(entry.get("name", ""), 0)):
        _entry(module, entry, names)
    return module


def _entry(module: ModuleClauses, entry: dict[str, Any], names: dict[str, str]) -> None:
    name, kind = entry.get("name", ""), entry.get("class")
    match kind:
        case "type" | "textualconvention":
            module.types[name] = TypeClause(
                name, module.name, _use(entry["type"], names), entry.get("displayhint", ""),
                entry.get("description", ""))
        case "objecttype":
            module.objects[name] = _object(module, entry, names)
        case "notificationtype":
            module.notifications[name] = NotificationClause(
                name, module.name, _oid(entry), tuple(
                    item["object"] for item in entry.get("objects", ())),
                entry.get("description", ""))
        case _:
            if kind == "moduleidentity" and not module.identity:
                module.identity, module.oid = name, _oid(entry)
                module.description = entry.get("description", "")
                revisions = [item["revision"] for item in entry.get("revisions", ())]
                module.revision = max(revisions, default=entry.get("lastupdated", ""))
            if "oid" in entry:
                module.nodes[name] = _oid(entry)


def _oid(entry: dict[str, Any]) -> Oid:
    try:
        return parse_oid(entry["oid"])
    except (KeyError, ValueError):
        return ()


def _object(module: ModuleClauses, entry: dict[str, Any], names: dict[str, str]) -> ObjectClause:
    index = entry.get("indices", ())
    augments = entry.get("augmention", {}).get("object", "")
    syntax = entry.get("syntax")
    return ObjectClause(
        entry["name"], module.name, _oid(entry), entry.get("nodetype", ""),
        _use(syntax, names) if syntax else None,
        entry.get("maxaccess", ""), entry.get("status", ""), entry.get("units", ""),
        entry.get("description", ""), entry.get("reference", ""),
        tuple(item["object"] for item in index),
        tuple(bool(item["implied"]) for item in index),
        names.get(augments, augments))


def _use(syntax: dict[str, Any], names: dict[str, str]) -> TypeUse:
    limits = syntax.get("constraints", {})
    ranges = limits.get("range") or limits.get("size") or ()
    labels = syntax.get("bits") or limits.get("enumeration") or {}
    return TypeUse(
        names.get(syntax["type"], syntax["type"]),
        tuple((item["min"], item["max"]) for item in ranges),
        tuple(sorted(labels.items(), key=lambda item: item[1])))
