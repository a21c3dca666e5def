"""How a process of ours is ended: by SIGINT or SIGTERM, however often they come."""

from __future__ import annotations

import contextlib
import signal
from typing import Any

from twisted.internet.error import ReactorNotRunning


def end(reactor: Any) -> None:
    """Stop the reactor, unless it stops already."""
    with contextlib.suppress(ReactorNotRunning):
        reactor.stop()


def end_by_signals(reactor: Any) -> None:
    """Let signals do so; to be called once the reactor runs, which then has its own.

    What was ignored, as SIGINT is by what a script starts in the background, stays so.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: reactor.callFromThread(end, reactor))
