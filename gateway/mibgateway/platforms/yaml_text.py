"""YAML out of plain values: strings are written as JSON writes them, which YAML reads too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any


def yaml_text(value: Any, *head: str) -> str:
    """Give a document, with lines of comment before it."""
    return "".join(f"# {line}\n" for line in head) + "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            name = key if isinstance(key, int) else _key(key)
            if isinstance(inner, dict | list) and inner:
                yield f"{indent}{name}:"
                yield from _lines(inner, indent + "  ")
            else:
                yield f"{indent}{name}: {_scalar(inner)}"
        return
    for inner in value:
        if isinstance(inner, dict | list) and inner:
            first, *rest = _lines(inner, indent + "  ")
            yield f"{indent}- {first.removeprefix(indent + '  ')}"
            yield from rest
        else:
            yield f"{indent}- {_scalar(inner)}"


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def _key(key: str) -> str:
    is_plain = _PLAIN.fullmatch(key) and key.lower() not in _NOT_WORDS
    return key if is_plain else json.dumps(key, ensure_ascii=False)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
