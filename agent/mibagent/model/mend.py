"""Other people's texts made readable: what is at fault is cut out, what is forgotten is added.

Only for modules without a `Service:` line; ours have to be sound. Lines stay where they were.
"""

from __future__ import annotations

import re

from mibagent.model.findings import Finding
from mibagent.model.text import Declared, unmask_names

MOST_MENDS = 25
"""How often one text is tried again; each try may cost a second."""

_MACROS = (
    "OBJECT-TYPE|NOTIFICATION-TYPE|TRAP-TYPE|MODULE-IDENTITY|OBJECT-IDENTITY|OBJECT-GROUP|"
    "NOTIFICATION-GROUP|MODULE-COMPLIANCE|AGENT-CAPABILITIES")
_START = re.compile(
    r"(?<![\w-])([A-Za-z][\w-]*)\s+(?:" + _MACROS + r")(?=\s)"
    r"|(?<![\w-])([a-z][\w-]*)\s+OBJECT\s+IDENTIFIER\s*::="
    r"|(?<![\w-])([A-Z][\w-]*)\s*::=\s*(?=[A-Z])")
_END = re.compile(r"(?<![\w-])END(?![\w-])")
_IMPORTS = re.compile(r"\bIMPORTS\b([^;]*);")
_HEAD = re.compile(r"DEFINITIONS\s*::=\s*BEGIN\b")
_TYPE = re.compile(r"\bSYNTAX\s+(?:SEQUENCE\s+OF\s+)?([A-Z][\w-]*)")
_PARENT = re.compile(r"::=\s*\{\s*([a-z][\w-]*)")

_SMI = (
    "Integer32 Unsigned32 Counter32 Counter64 Gauge32 TimeTicks IpAddress Opaque enterprises mib-2 "
    "experimental private internet mgmt directory snmpV2 snmpModules transmission zeroDotZero")
_TC = (
    "DisplayString PhysAddress MacAddress TruthValue TestAndIncr AutonomousType VariablePointer "
    "InstancePointer RowPointer RowStatus TimeStamp TimeInterval DateAndTime StorageType TDomain "
    "TAddress")
WELL_KNOWN = {
    **dict.fromkeys(_SMI.split(), "SNMPv2-SMI"), **dict.fromkeys(_TC.split(), "SNMPv2-TC"),
    "SnmpAdminString": "SNMP-FRAMEWORK-MIB"}
"""Where names come from that are often used without an import."""


def add_imports(module: Declared) -> list[Finding]:
    """Import what everybody knows and this text forgot; give a warning for each."""
    known = {*module.imports, *module.kinds, *module.members}
    known.update(unmask_names(name) for found in _START.finditer(module.text)
                 for name in found.groups() if name)
    wanted = [*_TYPE.findall(module.text), *_PARENT.findall(module.text)]
    lost = [name for name in dict.fromkeys(wanted)
            if name in WELL_KNOWN and name not in known and module.name != WELL_KNOWN[name]]
    if not lost:
        return []
    more = " ".join(f"{name} FROM {WELL_KNOWN[name]}" for name in lost)
    old = _IMPORTS.search(module.text)
    head = _HEAD.search(module.text)
    if old is not None:
        module.text = module.text[:old.end() - 1] + f" {more};" + module.text[old.end():]
    elif head is not None:
        module.text = module.text[:head.end()] + f" IMPORTS {more};" + module.text[head.end():]
    else:
        return []
    module.imports.update({name: WELL_KNOWN[name] for name in lost})
    return [Finding(module.file, name, f"is used and not imported; it is taken from "
                    f"{WELL_KNOWN[name]}", "warning", module.line) for name in lost]


def drop_import(module: Declared, source: str) -> bool:
    """Cut what is imported from a module that is not there; False where nothing is."""
    old = _IMPORTS.search(module.text)
    if old is None:
        return False
    groups = re.split(r"(\bFROM\s+[A-Za-z][\w-]*)", old.group(1))
    kept = [part + (groups[place + 1] if place + 1 < len(groups) else "")
            if not _names(groups, place, source) else "\n" * (part + groups[place + 1]).count("\n")
            for place, part in enumerate(groups) if place % 2 == 0]
    text = "".join(kept)
    if text == old.group(1):
        return False
    clause_text = f"IMPORTS{text};" if text.strip() else "\n" * text.count("\n")
    module.text = module.text[:old.start()] + clause_text + module.text[old.end():]
    return True


def _names(groups: list[str], place: int, source: str) -> bool:
    return place + 1 < len(groups) and unmask_names(groups[place + 1].split()[-1]) == source


def cut_name(module: Declared, name: str, last: bool = False) -> int:
    """Cut the declaration of a name out; give its line, or 0 where there is none."""
    found = [span for span in _spans(module.text) if span[0] == name]
    if not found:
        return 0
    return _cut(module, found[-1 if last else 0])


def cut_children(module: Declared, parent: str) -> list[tuple[str, int]]:
    """Cut what stands under a node that nobody knows out; give names and lines."""
    below = re.compile(r"::=\s*\{\s*" + re.escape(parent) + r"(?![\w-])")
    return [(span[0], _cut(module, span)) for span in _spans(module.text)
            if below.search(unmask_names(module.text[span[1]:span[2]]))]


def cut_line(module: Declared, line: int) -> tuple[str, int]:
    """Cut the declaration that a line is in out; give its name and line, or nothing and 0."""
    at = 0
    for _ in range(line - 1):
        at = module.text.find("\n", at) + 1
        if not at:
            return "", 0
    end = module.text.find("\n", at)
    for span in _spans(module.text):
        if span[1] < (len(module.text) if end < 0 else end) and at < span[2]:
            return span[0], _cut(module, span)
    return "", 0


def _spans(text: str) -> list[tuple[str, int, int]]:
    """Give name, begin and end of each declaration."""
    imports = _IMPORTS.search(text)
    head = _HEAD.search(text)
    begin = imports.end() if imports else head.end() if head else 0
    starts = [(next(filter(None, found.groups())), found.start())
              for found in _START.finditer(text, begin)]
    ends = [at for _, at in starts[1:]]
    last = list(_END.finditer(text, begin))
    ends.append(last[-1].start() if last else len(text))
    return [(unmask_names(name), at, end)
            for (name, at), end in zip(starts, ends, strict=False)]


def _cut(module: Declared, span: tuple[str, int, int]) -> int:
    name, begin, end = span
    line = module.text.count("\n", 0, begin) + 1
    module.text = (module.text[:begin] + re.sub(r"[^\n]", " ", module.text[begin:end])
                   + module.text[end:])
    module.cut.add(name)
    module.kinds.pop(name, None)
    module.members.pop(name, None)
    return line
