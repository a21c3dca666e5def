"""What the pages promise to a newcomer: commands that CI runs, links that lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.structure.tree import ROOT

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCRIPTS = ["tools/setup", "tools/test", ".ci/run"]
FRAGMENT = re.compile(
    r"(?:[0-9]+|\+[a-z0-9-]+)\.(?:feature|bugfix|doc|removal|misc)(?:\.[0-9]+)?\.md"
)


def commands(page: str) -> list[str]:
    return [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]


def test_ci_runs_the_set_up_and_the_tests_as_readme_has_them() -> None:
    first, last = commands(README)[0], commands(README)[-1]
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert last in lines
    set_up, _, _ = first.partition(" && ")
    assert any(line.startswith(f"{set_up} && .venv/bin/mibgate ") for line in lines)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert [
        link for link in links if "://" not in link and not (page.parent / link).exists()
    ] == []


def test_change_fragments_are_named_as_towncrier_wants_them() -> None:
    names = [path.name for path in (ROOT / "changes").iterdir() if not path.name.startswith(".")]
    assert [name for name in names if not FRAGMENT.fullmatch(name)] == []
