"""One recorded instance, and what is said of those that are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mibagent.errors import MibgateError
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base, Value


class Sample(NamedTuple):
    """One recorded instance."""

    line: int
    oid: Oid
    base: Base | None
    """None where the recorder did not write the type."""
    value: Value
    """What was recorded; the octets of a text whose octets only its DISPLAY-HINT can tell."""
    hinted: bool = False
    """Whether value is a text that a DISPLAY-HINT, or a label, has printed."""


@dataclass(frozen=True)
class Remark:
    """What is odd about a recording; what it is about is served all the same, or left out."""

    file: str
    line: int
    about: str
    """An object or an instance, or nothing."""
    reason: str

    def __str__(self) -> str:
        what = f"{self.about}: " if self.about else ""
        return f"{self.file}:{self.line}: warning: {what}{self.reason}"


class RecordingError(MibgateError):
    """A file that can't be a recording, or not one that can be served."""

    def __init__(self, file: str, line: int, why: str) -> None:
        super().__init__(f"{file}:{line}: {why}" if line else f"{file}: {why}")
        self.file, self.line, self.why = file, line, why


class Odd(ValueError):
    """A line that gives no sample; the text says why."""
