"""What is wrong with a MIB: which file, which object, why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mibagent.errors import ModelError

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """One fault. An error keeps the MIB from being served; a warning is what was left out."""

    file: str
    """As the user would name it."""
    object: str
    """A descriptor, or nothing where the file as a whole is meant."""
    reason: str
    severity: Severity = "error"
    line: int = 0
    """Where the object is declared, or 0 where that is not known."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        what = f"{self.object}: " if self.object else ""
        return f"{where}: {'' if self.severity == 'error' else 'warning: '}{what}{self.reason}"


def by_line(findings: Iterable[Finding]) -> list[Finding]:
    """Give findings as whoever reads the files comes upon them."""
    return sorted(findings, key=lambda each: (each.file, each.line, each))


def raise_first_error(findings: Iterable[Finding]) -> None:
    """Raise the first error as ModelError; it says how many more there are."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        first, more = errors[0], len(errors) - 1
        where = f"{first.file}:{first.line}" if first.line else first.file
        reason = first.reason + (f" (and {more} more)" if more else "")
        raise ModelError(where, first.object, reason)
