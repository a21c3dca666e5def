"""What is odd about a recording, each kind shown a few times and counted after that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from mibagent.recording.sample import Remark

SHOWN = 10
"""How many remarks of one kind are shown."""

_NUMBERS = re.compile(r"[0-9][0-9.]*|'[^']*'")


class Remarks:
    """The remarks on one recording, in the order in which they came up."""

    def __init__(self, file: str) -> None:
        self.file = file
        """The file that further remarks are about."""
        self._shown: list[Remark] = []
        self._kinds: Counter[str] = Counter()

    def add(self, line: int, about: str, reason: str) -> None:
        """Note something odd."""
        self.take(Remark(self.file, line, about, reason))

    def take(self, remark: Remark) -> None:
        """Note what a reader remarked."""
        kind = _NUMBERS.sub("", remark.reason)
        self._kinds[kind] += 1
        if self._kinds[kind] <= SHOWN:
            self._shown.append(remark)

    def take_all(self, remarks: Iterable[Remark]) -> None:
        """Note all of them."""
        for remark in remarks:
            self.take(remark)

    def __len__(self) -> int:
        return sum(self._kinds.values())

    def lines(self) -> list[str]:
        """Give what is to be shown, by line, and how much more there is of each kind."""
        lines = [str(remark) for remark in sorted(self._shown, key=lambda each: each.line)]
        for kind, count in self._kinds.items():
            if count > SHOWN:
                lines.append(f"{self.file}: {count - SHOWN:,} more of: {' '.join(kind.split())}")
        return lines
