"""The source tree as the structure tests see it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"mibagent": ROOT / "agent", "mibgateway": ROOT / "gateway"}


@dataclass(frozen=True)
class Import:
    """One name that a module asks for."""

    line: int
    """Where."""
    name: str
    """In full: `mibagent.smi.oid`, or `mibagent.smi.oid.Oid` for a name out of it."""


def modules() -> dict[str, Path]:
    """Give every module of both packages with its file."""
    found: dict[str, Path] = {}
    for package, source in SOURCES.items():
        for path in sorted((source / package).rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, text: str, package: bool = False) -> Iterator[Import]:
    """Give what a module imports, wherever it stands, under TYPE_CHECKING and in functions too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                here = name.split(".") if package else name.split(".")[:-1]
                above = here[: len(here) - node.level + 1]
                source = ".".join([*above, *filter(None, [source])])
            for alias in node.names:
                yield Import(node.lineno, f"{source}.{alias.name}")
