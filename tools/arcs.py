"""Makes mibs/ARCS.md: which arc below the root belongs to which object, for whoever adds one.

`python tools/arcs.py` writes it, `python tools/arcs.py --check` says whether it is current.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from pysmi.codegen import JsonCodeGen  # type: ignore[import-untyped]
from pysmi.compiler import MibCompiler  # type: ignore[import-untyped]
from pysmi.parser import SmiV2Parser  # type: ignore[import-untyped]
from pysmi.reader import FileReader  # type: ignore[import-untyped]
from pysmi.writer import CallbackWriter  # type: ignore[import-untyped]

MIBS = Path(__file__).parent.parent / "mibs"
PAGE = MIBS / "ARCS.md"

_ROOT_MODULE, _ROOT = "MIBGATE-SMI-MIB", "mibgate"
_KINDS = {
    "moduleidentity": "module",
    "objectidentity": "node",
    "objecttype": "",
    "notificationtype": "notification",
    "objectgroup": "group",
    "notificationgroup": "group",
    "modulecompliance": "compliance",
}
_HEAD = """# Arcs

Made from the MIBs by `python tools/arcs.py`; do not edit. Every arc below `mibgate` that is taken,
so that nobody takes it again: an arc is never used for something else, not even when its object has
gone. `mibgate` itself stands in `MIBGATE-SMI-MIB.mib` alone.
"""


class Arc(NamedTuple):
    """One line of the page."""

    oid: tuple[int, ...]
    """Below the root."""
    name: str
    kind: str
    access: str


def compiled(folder: Path) -> dict[str, dict[str, Any]]:
    """Give pysmi's JSON of each module in folder. Raises SystemExit, naming what fails."""
    found: dict[str, dict[str, Any]] = {}

    def keep(name: str, text: str, _: object) -> None:
        found[name] = json.loads(text)

    compiler = MibCompiler(SmiV2Parser(), JsonCodeGen(), CallbackWriter(keep))
    compiler.add_sources(FileReader(str(folder)), FileReader(str(folder / "ietf")))
    names = sorted(path.stem for path in folder.glob("*.mib"))
    results = compiler.compile(*names)
    failed = [name for name in names if results.get(name) != "compiled"]
    if failed:
        raise SystemExit(f"cannot be compiled: {', '.join(failed)}")
    return {name: found[name] for name in names}


def arcs(modules: dict[str, dict[str, Any]]) -> dict[str, list[Arc]]:
    """Give what each module registers, in order of OID."""
    root = _numbers(modules[_ROOT_MODULE][_ROOT]["oid"])
    answer: dict[str, list[Arc]] = {}
    for module, declared in modules.items():
        lines = [
            Arc(_numbers(entry["oid"])[len(root) :], name, _kind(entry), entry.get("maxaccess", ""))
            for name, entry in declared.items()
            if isinstance(entry, dict) and "oid" in entry
        ]
        answer[module] = sorted(lines)
    return answer


def page(folder: Path) -> str:
    """Give the page's text."""
    out = [_HEAD]
    for module, lines in sorted(arcs(compiled(folder)).items(), key=lambda item: item[1]):
        out.append(
            f"\n## {module}\n\n| arc below `mibgate` | object | kind | access |\n|---|---|---|---|"
        )
        out.extend(
            f"| {'.'.join(map(str, arc.oid)) or '-'} | {arc.name} | {arc.kind} | {arc.access} |"
            for arc in lines
        )
    return "\n".join(out) + "\n"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def _kind(entry: dict[str, Any]) -> str:
    return _KINDS.get(entry["class"]) or entry.get("nodetype") or "node"


def main(arguments: list[str]) -> int:
    """Write or check the page; give the exit status."""
    wanted = page(MIBS)
    if "--check" not in arguments:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted:
        return 0
    print("mibs/ARCS.md is not what the MIBs say; run: python tools/arcs.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
