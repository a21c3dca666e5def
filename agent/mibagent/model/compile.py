"""From MIB texts to documents; the only file that imports pysmi.

Through its API, never its command, which goes to the network when a MIB fails. What pysmi 2.0
gets wrong is worked round in `text.py`, before it reads a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pysmi.codegen.jsondoc import JsonCodeGen  # type: ignore[import-untyped]
from pysmi.compiler import MibCompiler  # type: ignore[import-untyped]
from pysmi.error import PySmiError  # type: ignore[import-untyped]
from pysmi.parser.smiv1compat import SmiV1CompatParser  # type: ignore[import-untyped]
from pysmi.reader.callback import CallbackReader  # type: ignore[import-untyped]
from pysmi.writer.callback import CallbackWriter  # type: ignore[import-untyped]

from mibagent.model.findings import Finding
from mibagent.model.mend import (
    MOST_MENDS,
    add_imports,
    cut_children,
    cut_line,
    cut_name,
    drop_import,
)
from mibagent.model.sources import MibFile
from mibagent.model.text import UNDERSCORE, Declared, Strings, scan, unmask_names

Document = dict[str, Any]
"""What pysmi says of one module."""

OLD_MODULES = frozenset({"RFC1065-SMI", "RFC1155-SMI", "RFC-1212", "RFC-1215", "RFC1158-MIB",
                         "RFC1213-MIB"})
"""Modules of SMIv1 whose imports pysmi rewrites to those of SMIv2, so that they may be lacking."""


@dataclass
class Compiled:
    """Documents and what the texts declare, both by module, in order of precedence."""

    documents: dict[str, Document] = field(default_factory=dict)
    declared: dict[str, Declared] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


UNREADABLE = "can't be read as SMI"
TWICE = "is declared twice"
PARENTLESS = "is used as a node and neither declared nor imported"
_ABSENT = re.compile(r"no module \"([^\"]+)\"")


class _Compiler(MibCompiler):  # type: ignore[misc]
    """Without the host's and the user's name, which pysmi writes into each document."""

    def _get_system_info(self) -> tuple[tuple[str, str, str], tuple[str]]:
        return ("", "", ""), ("",)


@cache
def _parser() -> Any:
    """Give the parser, which takes long to make and keeps nothing between texts."""
    return SmiV1CompatParser()


def compile_texts(files: Iterable[MibFile]) -> Compiled:
    """Compile all modules of files; of two with one name the first counts."""
    compiled = Compiled()
    strings = Strings()
    for file in files:
        modules = scan(file.path, file.text, strings)
        if not modules:
            compiled.findings.append(Finding(file.path, "", "no module is declared here"))
        for module in modules:
            if module.name not in compiled.declared:
                compiled.declared[module.name] = module
            elif compiled.declared[module.name].file == file.path:
                compiled.findings.append(Finding(
                    file.path, module.name, "the module is declared twice", line=module.line))
    for module in compiled.declared.values():
        if not module.is_strict:
            compiled.findings += _odd_names(module) + add_imports(module)
    _run(compiled, strings, list(compiled.declared))
    return compiled


def _odd_names(module: Declared) -> list[Finding]:
    """Warn of the first name with an underscore, and of a module's without a capital letter."""
    found = [Finding(module.file, module.name, "a module's name begins with a capital letter",
                     "warning", module.line)] if module.name[0].islower() else []
    at = module.text.find(UNDERSCORE)
    if at < 0:
        return found
    names = re.findall(r"[\w-]*" + UNDERSCORE + r"[\w-]*", module.text)
    return [*found, Finding(module.file, unmask_names(names[0]), "SMI has no _ in names",
                            "warning", module.text.count("\n", 0, at) + 1)]


def _run(compiled: Compiled, strings: Strings, names: list[str]) -> None:
    """Compile modules; those that fail are mended and tried again, where that is allowed."""
    for _ in range(MOST_MENDS):
        outcome = _compile(compiled, strings, names)
        names = [name for name in names if name not in compiled.documents]
        mended = [_mended(compiled, compiled.declared[name], outcome.get(name)) for name in names]
        if not any(mended):
            break
    compiled.documents = {
        name: compiled.documents[name] for name in compiled.declared if name in compiled.documents}
    for name, module in compiled.declared.items():
        if name not in compiled.documents:
            compiled.findings.append(_complaint(module, outcome.get(name)))


def _mended(compiled: Compiled, module: Declared, error: PySmiError | None) -> bool:
    """Cut out what an error is about; False where nothing can be done."""
    if module.is_strict or error is None:
        return False
    said = _complaint(module, error)
    absent = _ABSENT.match(unmask_names(str(error.msg)))
    if absent is not None:
        return absent[1] not in compiled.declared and drop_import(module, absent[1])
    found: list[tuple[str, int]] = []
    if said.reason == PARENTLESS:
        found = cut_children(module, said.object)
        reason = f"its place is under {said.object}, which is neither declared nor imported"
        said = replace(said, reason=reason)
    if said.line and said.reason == UNREADABLE:
        found = [cut_line(module, said.line)]
        found[0] = (found[0][0], said.line if found[0][0] else 0)
    elif said.reason != UNREADABLE and not found:
        found = [(name, cut_name(module, name, last=said.reason == TWICE))
                 for name in said.object.split(", ")]
    compiled.findings += [
        Finding(module.file, name, said.reason, line=line) for name, line in found if line]
    return any(line for _, line in found)


def _compile(
    compiled: Compiled, strings: Strings, names: list[str]
) -> dict[str, PySmiError | None]:
    """Compile modules into documents; give the errors of those that fail, by module."""
    written: dict[str, str] = {}

    def read(name: str, _context: object) -> str:
        module = compiled.declared.get(unmask_names(name))
        return module.text if module else ""

    compiler = _Compiler(
        _parser(), JsonCodeGen(),
        CallbackWriter(lambda name, text, _context: written.__setitem__(name, text)))
    compiler.add_sources(CallbackReader(read))
    outcome = compiler.compile(
        *names, genTexts=True, ignoreErrors=True,
        textFilter=lambda _clause, text: strings.unmask(text))
    for name, text in written.items():
        document = json.loads(unmask_names(text))
        document["meta"] = {"module": unmask_names(name)}
        compiled.documents.setdefault(unmask_names(name), document)
    return {unmask_names(name): getattr(each, "error", None) for name, each in outcome.items()}


def _complaint(module: Declared, error: PySmiError | None) -> Finding:
    if error is None:
        return Finding(module.file, module.name, "could not be compiled", line=module.line)
    line = getattr(error, "lineno", 0)
    why = str(error.msg).removesuffix(f" at MIB {module.name}")
    name, _, rest = why.rpartition(": ")
    if name in ("Duplicate symbol found", "Unknown parents for symbols", "Unknown parent symbol"):
        reason = {
            "Duplicate symbol found": TWICE,
            "Unknown parent symbol": PARENTLESS,
        }.get(name, "its SYNTAX or its place names what is neither declared nor imported")
        return Finding(module.file, unmask_names(rest), reason, line=module.lines.get(rest, 0))
    line = line if isinstance(line, int) and line > 0 else 0
    if why.startswith("Bad grammar"):
        return Finding(module.file, _at_line(module, line), UNREADABLE, line=line)
    return Finding(module.file, module.name, unmask_names(why), line=line)


def _at_line(module: Declared, line: int) -> str:
    """Give the name of the declaration that a line is in."""
    before = [(at, name) for name, at in module.lines.items() if at <= line]
    return max(before)[1] if before else module.name
