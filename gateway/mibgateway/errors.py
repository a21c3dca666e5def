"""What a unit can fail by, beyond what its agent can."""

from __future__ import annotations

from mibagent.errors import MibgateError


class StartError(MibgateError):
    """The unit can't start; the text is one line that says why and what to do."""
