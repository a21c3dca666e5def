"""What pysmi must not see, or does not tell, read from a MIB text itself.

Comments go; the contents of most strings are put aside under a number; DEFVAL clauses are taken
out, since pysmi drops those it does not like without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mibagent.model.capabilities import Support, scan_groups, scan_supports

_PIECE = re.compile(r'--[^\r\n]*|"[^"]*"')
_KEPT = re.compile(r"\b(DISPLAY-HINT|LAST-UPDATED|REVISION)\s*\Z")
_HEAD = re.compile(r"([A-Za-z][\w-]*)\s*(?:\{[^{}]*\}\s*)?DEFINITIONS\s*::=\s*BEGIN\b")
_COMMENT = re.compile(r"--[^\r\n]*")
_BEGIN = re.compile(r"\bDEFINITIONS\s*(?:--[^\n]*\n\s*)*::=\s*(?:--[^\n]*\n\s*)*BEGIN\b")
_LAST_NAME = re.compile(r"[A-Za-z][\w-]*\Z")
_IMPORTS = re.compile(r"\bIMPORTS\b([^;]*);")
_FROM = re.compile(r"([^;]*?)\bFROM\s+([A-Za-z][\w-]*)")
_DECLARED = re.compile(
    r"(?<![\w-])([A-Za-z][\w-]*)\s+"
    r"(?:(?P<macro>OBJECT-TYPE|NOTIFICATION-TYPE|TRAP-TYPE|MODULE-IDENTITY)\s+"
    r"(?=SYNTAX|OBJECTS|STATUS|ENTERPRISE|LAST-UPDATED)"
    r"|::=\s*(?P<tc>TEXTUAL-CONVENTION)\b|::=\s*(?P<sequence>SEQUENCE)\s*\{)")
_DEFVAL = re.compile(r"\bDEFVAL\s*(?=\{)")
_WORDS = {"MACRO": "MCRxxO", "CHOICE": "CHCxxE", "EXPORTS": "XPTxxS"}
_SERVICE = re.compile(r"^\s*Service: [A-Z]", re.MULTILINE)
_UNDERSCORED = re.compile(r"(?<![\w-])[A-Za-z][A-Za-z0-9-]*(?:_[A-Za-z0-9_-]*)+")
UNDERSCORE = "Zu95Z"
"""Stands for `_`, which SMI does not have, in other people's names."""
_UNCAPITALISED = re.compile(
    r"(?<![\w-])[a-z][\w-]*(?=\s*(?:\{[^{}]*\}\s*)?DEFINITIONS\s*::=\s*BEGIN\b)"
    r"|(?<![\w-])FROM\s+(?=[a-z])")
CAPITAL = "ZcZ"
"""Stands before a module's name that has a small first letter."""
_DASHED = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+")

MASK = "@"
"""Begins the number of a string that was put aside; no string of that form is left in a text."""


@dataclass
class Declared:
    """What one module's text says it declares."""

    name: str
    file: str
    text: str
    """What pysmi is to read."""
    line: int
    is_strict: bool = False
    """Whether it is one of services, in which nothing is mended."""
    cut: set[str] = field(default_factory=set)
    """What could not be read and was cut out."""
    imports: dict[str, str] = field(default_factory=dict)
    """Modules by imported name."""
    import_lines: dict[str, int] = field(default_factory=dict)
    """Line of each FROM by module."""
    lines: dict[str, int] = field(default_factory=dict)
    """Line of each declaration by name."""
    kinds: dict[str, str] = field(default_factory=dict)
    """Macro (`OBJECT-TYPE` …) by name."""
    twice: list[str] = field(default_factory=list)
    """Names that are declared more than once."""
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What each SEQUENCE lists, by type name."""
    defaults: dict[str, str] = field(default_factory=dict)
    """What stands between the braces of DEFVAL, strings in quotes, by object."""
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Objects by OBJECT-GROUP."""
    supports: dict[str, dict[str, Support]] = field(default_factory=dict)
    """What each AGENT-CAPABILITIES says, by module."""


class Strings:
    """Strings put aside under numbers; one for all modules of a compilation."""

    def __init__(self) -> None:
        self._aside: list[str] = []

    def mask(self, text: str) -> str:
        """Give text without comments, its strings as numbers, its lines where they were."""
        out: list[str] = []
        at = 0
        for match in _PIECE.finditer(text):
            out.append(text[at:match.start()])
            at = match.end()
            piece = match.group()
            if piece.startswith("--"):
                continue
            if _KEPT.search(text, max(0, match.start() - 40), match.start()):
                out.append(piece)
                continue
            out.append(f'"{MASK}{len(self._aside)}' + "\n" * piece.count("\n") + '"')
            self._aside.append(piece[1:-1])
        out.append(text[at:])
        return _DASHED.sub(_mask_name, "".join(out))

    def unmask(self, text: str) -> str:
        """Give the string that was put aside, or text itself where none was."""
        number = text.strip().removeprefix(MASK)
        if text.startswith(MASK) and number.isdigit() and int(number) < len(self._aside):
            return self._aside[int(number)]
        return text


def _mask_name(match: re.Match[str]) -> str:
    return "-".join(_WORDS.get(part, part) for part in match.group().split("-"))


def _capitalised(found: re.Match[str]) -> str:
    text = found.group()
    return text + CAPITAL if text.startswith("FROM") else CAPITAL + text


def unmask_names(text: str) -> str:
    """Give back the words that stood inside names."""
    for word, mask in _WORDS.items():
        text = text.replace(mask, word)
    return text.replace(UNDERSCORE, "_").replace(CAPITAL, "")


def likely_modules(text: str) -> list[str]:
    """Give what may be the names of a file's modules, in a small part of the time of a scan."""
    names = []
    for begin in _BEGIN.finditer(text):
        before = _COMMENT.sub("", text[max(0, begin.start() - 1000):begin.start()]).rstrip()
        if before.endswith("}"):
            before = before.rpartition("{")[0].rstrip()
        name = _LAST_NAME.search(before, before.rfind("\n") + 1)
        if name is not None:
            names.append(name.group())
    return names


def scan(file: str, text: str, strings: Strings) -> list[Declared]:
    """Give the modules of a file, none where it is no MIB."""
    masked = strings.mask(text)
    is_strict = _SERVICE.search(text) is not None
    if not is_strict:
        masked = _UNDERSCORED.sub(lambda found: found.group().replace("_", UNDERSCORE), masked)
        masked = _UNCAPITALISED.sub(_capitalised, masked)
    heads = list(_HEAD.finditer(masked))
    found: list[Declared] = []
    for place, head in enumerate(heads):
        end = heads[place + 1].start() if place + 1 < len(heads) else len(masked)
        line = masked.count("\n", 0, head.start())
        module = Declared(unmask_names(head.group(1)), file, "", line + 1, is_strict)
        body = "\n" * line + masked[head.start():end]
        _scan_imports(module, body)
        _scan_declarations(module, body)
        module.groups, module.supports = scan_groups(body), scan_supports(body)
        module.text = _take_defaults(module, body, strings)
        found.append(module)
    return found


def _scan_imports(module: Declared, body: str) -> None:
    match = _IMPORTS.search(body)
    for found in _FROM.finditer(match.group(1)) if match else ():
        names, source = found.groups()
        at = match.start(1) + found.end() if match else 0
        module.import_lines[unmask_names(source)] = body.count("\n", 0, at) + 1
        for name in re.findall(r"[\w-]+", names):
            module.imports[unmask_names(name)] = unmask_names(source)


def _scan_declarations(module: Declared, body: str) -> None:
    for match in _DECLARED.finditer(body):
        name = unmask_names(match.group(1))
        if match["sequence"]:
            end = body.find("}", match.end())
            inner = re.sub(r"\([^)]*(\([^)]*\))?[^)]*\)", "", body[match.end():end])
            members = (item.split() for item in inner.split(","))
            module.members[name] = tuple(unmask_names(item[0]) for item in members if item)
            continue
        if name in module.kinds:
            module.twice.append(name)
        module.kinds[name] = match["macro"] or match["tc"]
        module.lines[name] = body.count("\n", 0, match.start()) + 1


def _take_defaults(module: Declared, body: str, strings: Strings) -> str:
    declared = [match for match in _DECLARED.finditer(body) if match["macro"] == "OBJECT-TYPE"]
    out: list[str] = []
    at = 0
    for match in declared:
        clause = _DEFVAL.search(body, match.end(), _end_of_clause(body, match.end()))
        if clause is None:
            continue
        end = _closing_brace(body, clause.end())
        if end == 0:
            continue
        raw = body[clause.end() + 1:end - 1]
        module.defaults[unmask_names(match.group(1))] = re.sub(
            r'"([^"]*)"', lambda quoted: f'"{strings.unmask(quoted.group(1))}"', raw).strip()
        out.append(body[at:clause.start()])
        out.append("\n" * body.count("\n", clause.start(), end))
        at = end
    out.append(body[at:])
    return "".join(out)


def _end_of_clause(body: str, start: int) -> int:
    end = body.find("::=", start)
    return len(body) if end < 0 else end


def _closing_brace(body: str, start: int) -> int:
    depth = 0
    for match in re.compile(r"[{}]|\"[^\"]*\"|::=").finditer(body, start):
        if match.group() == "{":
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth == 0:
                return match.end()
        elif match.group() == "::=":
            return 0
    return 0
