"""Where our own MIB texts lie: inside an installed wheel, or at the root of a source tree."""

from __future__ import annotations

from pathlib import Path

import mibagent


def mib_folders() -> tuple[Path, ...]:
    """Give our folders of MIB texts, our own modules first. Empty where none is found."""
    package = Path(mibagent.__file__).resolve().parent
    for root in (package / "mibs", package.parent.parent / "mibs"):
        if (root / "ietf").is_dir():
            return root, root / "ietf"
    return ()
