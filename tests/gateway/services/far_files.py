"""A far server as services see it: what was asked of it, and what it gives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from mibgateway.transfer.terms import Done, TransferError
from tests.gateway.kit import Bench


class FarFiles:
    """Stands in for Transfers; one answer for all, given when `waits` is done or at once."""

    def __init__(self, unit: Bench, octets: bytes = b"a file\n") -> None:
        self.octets = octets
        self.why: TransferError | None = None
        self.waits: list[Deferred[None]] = []
        self.holds = False
        self.asked: list[dict[str, Any]] = []
        self.put: list[bytes] = []
        unit.unit.transfers = self._for  # type: ignore[method-assign,assignment]

    def _for(self, column: str) -> FarFiles:
        self.column = column
        return self

    async def _turn(self) -> None:
        if self.holds:
            waits: Deferred[None] = Deferred()
            self.waits.append(waits)
            await waits
        if self.why is not None:
            raise self.why

    async def download(
        self, url: Any, to: Path, *, most_octets: int,
        progress: Callable[[int, int | None], object], **given: Any,
    ) -> Done:
        self.asked.append({"url": url, "to": to, "most_octets": most_octets, **given})
        progress(len(self.octets) // 2, len(self.octets))
        await self._turn()
        if len(self.octets) > most_octets:
            raise TransferError(f"it is over {most_octets} octets")
        to.write_bytes(self.octets)
        return Done(len(self.octets), hashlib.sha256(self.octets).hexdigest())

    async def upload(
        self, url: Any, source: Path, *, progress: Callable[[int, int | None], object],
        **given: Any,
    ) -> Done:
        self.asked.append({"url": url, "source": source, **given})
        octets = source.read_bytes()
        progress(len(octets), len(octets))
        await self._turn()
        self.put.append(octets)
        return Done(len(octets), hashlib.sha256(octets).hexdigest())
