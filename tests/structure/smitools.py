"""smilint, smidump and net-snmp over our MIB folders.

Where one is missing a test fails in CI, and is skipped elsewhere.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
MIBS = ROOT / "mibs"
IETF = MIBS / "ietf"


def need(what: str, there: object) -> None:
    """Fail in CI, skip elsewhere, unless it is there."""
    if not there:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"not installed: {what}")


def run(program: str, *arguments: str, folders: Iterable[Path] = (MIBS, IETF)) -> str:
    """Give all that the program prints, either way; modules come from these folders alone."""
    need(program, shutil.which(program))
    path = os.pathsep.join(map(str, folders))
    done = subprocess.run(
        [program, *arguments],
        env={**os.environ, "SMIPATH": path, "SNMPCONFPATH": os.devnull, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
    )
    lines = done.stdout.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("Created directory: "))


def dumped(module: str, folder: Path) -> dict[str, Any]:
    """Give what smidump makes of a module, as its Python dictionary."""
    text = run("smidump", "-q", "-k", "-l", "0", "-f", "python", module, folders=(folder,))
    start = text.index("MIB = ") + len("MIB = ")
    answer: dict[str, Any] = ast.literal_eval(re.sub(r'(?s)""".*?"""', '""', text[start:]))
    return answer
