"""From MIB texts to documents; the only file that imports pysmi.

Through its API, never its command, which goes to the network when a MIB fails. What pysmi 2.0
gets wrong is worked round in `text.py`, before it reads a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pysmi.codegen.jsondoc import JsonCodeGen  # type: ignore[import-untyped]
from pysmi.compiler import MibCompiler  # type: ignore[import-untyped]
from pysmi.error import PySmiError  # type: ignore[import-untyped]
from pysmi.parser.smiv1compat import SmiV1CompatParser  # type: ignore[import-untyped]
from pysmi.reader.callback import CallbackReader  # type: ignore[import-untyped]
from pysmi.writer.callback import CallbackWriter  # type: ignore[import-untyped]

from mibagent.model.findings import Finding
from mibagent.model.sources import MibFile
from mibagent.model.text import Declared, Strings, scan, unmask_names

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
    _run(compiled, strings)
    return compiled


def _run(compiled: Compiled, strings: Strings) -> None:
    written: dict[str, str] = {}

    def read(name: str, _context: object) -> str:
        module = compiled.declared.get(unmask_names(name))
        return module.text if module else ""

    compiler = _Compiler(
        _parser(), JsonCodeGen(),
        CallbackWriter(lambda name, text, _context: written.__setitem__(name, text)))
    compiler.add_sources(CallbackReader(read))
    names = [name for name, module in compiled.declared.items()]
    outcome = compiler.compile(
        *names, genTexts=True, ignoreErrors=True,
        textFilter=lambda _clause, text: strings.unmask(text))
    for name, text in written.items():
        document = json.loads(unmask_names(text))
        document["meta"] = {"module": unmask_names(name)}
        compiled.documents[unmask_names(name)] = document
    compiled.documents = {
        name: compiled.documents[name] for name in names if name in compiled.documents}
    for name, module in compiled.declared.items():
        if name not in compiled.documents:
            error = getattr(outcome.get(name), "error", None)
            compiled.findings.append(_complaint(module, error))


def _complaint(module: Declared, error: PySmiError | None) -> Finding:
    if error is None:
        return Finding(module.file, module.name, "could not be compiled", line=module.line)
    line = getattr(error, "lineno", 0)
    why = str(error.msg).removesuffix(f" at MIB {module.name}")
    name, _, rest = why.rpartition(": ")
    if name in ("Duplicate symbol found", "Unknown parents for symbols", "Unknown parent symbol"):
        reason = {
            "Duplicate symbol found": "is declared twice",
            "Unknown parent symbol": "is used as a node and neither declared nor imported",
        }.get(name, "its SYNTAX or its place names what is neither declared nor imported")
        return Finding(module.file, unmask_names(rest), reason, line=module.lines.get(rest, 0))
    line = line if isinstance(line, int) and line > 0 else 0
    if why.startswith("Bad grammar"):
        return Finding(module.file, _at_line(module, line), "can't be read as SMI", line=line)
    return Finding(module.file, module.name, unmask_names(why), line=line)


def _at_line(module: Declared, line: int) -> str:
    """Give the name of the declaration that a line is in."""
    before = [(at, name) for name, at in module.lines.items() if at <= line]
    return max(before)[1] if before else module.name
