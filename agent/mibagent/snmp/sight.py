"""What of the tree a view shows, for whoever goes along it by octets."""

from __future__ import annotations

from mibagent.snmp.cells import Cell
from mibagent.snmp.segments import Scalars, Segment
from mibagent.snmp.vacm import View


class Sight:
    """What of the tree a view shows, for whoever goes by octets: whole segments only."""

    __slots__ = ("_shown", "between", "cells", "next", "view")

    def __init__(self, view: View, cells: dict[bytes, Cell]) -> None:
        self.view = view
        self.cells = cells
        """The cells that it shows, by a NULL varbind."""
        self.next: dict[Segment, Segment | None] = {}
        """The first segment that it shows behind each."""
        self.between: dict[bytes, tuple[Segment, bytes]] = {}
        """By a NULL varbind that is no instance's: the segment behind it, and from which key on."""
        self._shown: set[Segment] = set()

    def shows(self, segment: Segment) -> bool:
        """Tell whether a segment is in sight."""
        return segment in self._shown

    def link(self, segments: list[Segment]) -> None:
        """Note the order of what it shows. Nothing may be shown in part."""
        self._shown = {segment for segment in segments if coverage(self.view, segment)}
        self.next.clear()
        self.between.clear()
        behind: Segment | None = None
        for segment in reversed(segments):
            self.next[segment] = behind
            if segment in self._shown:
                behind = segment


def coverage(view: View, segment: Segment) -> bool | None:
    """Tell whether a view shows a segment; None for a part of it."""
    if view.is_whole:
        return True
    if not isinstance(segment, Scalars):
        return view.covers(segment.node.oid)
    found = {view.covers(node.oid) for node in segment.nodes}
    return found.pop() if len(found) == 1 else None
