"""Which local port a persistent connection takes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain

LARGEST_PORT = 65535


def candidate_ports(
    base: int, interval: int, last: int | None, in_use: Collection[int] = ()
) -> Iterator[int]:
    """Give the ports to try, each once, the best first.

    Without an interval all from `base` upwards; with one the cycle from `base` to `base` +
    `interval`, beginning behind `last`, the port taken before, which so comes again last of all.
    """
    largest = min(base + interval, LARGEST_PORT) if interval else LARGEST_PORT
    first = base
    if interval and last is not None and base <= last < largest:
        first = last + 1
    for port in chain(range(first, largest + 1), range(base, first)):
        if port not in in_use:
            yield port
