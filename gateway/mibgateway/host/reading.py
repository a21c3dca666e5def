"""How often the host is asked, and where: what takes long is asked in a thread.

Nothing is asked as long as nobody looks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")

FRESH_S = 1.0
"""How long an answer counts."""
SLOW_S = 0.004
"""What takes longer is not asked where it holds up the reactor."""
LOOKED_AT_S = 300.0
"""How long a slow answer is kept fresh once somebody has looked."""
SHARE = 20.0
"""A slow question is asked at most so many times its own length after the last."""

log = logging.getLogger(__name__)


class Reading(Generic[T]):
    """One answer of the host, at most a second old; a few seconds where it comes slowly."""

    def __init__(
        self, ask: Callable[[], T], now: Callable[[], float],
        in_thread: Callable[[Callable[[], T]], Deferred[T]],
        later: Callable[[float, Callable[[], None]], Any],
    ) -> None:
        """now: the reactor's seconds; later: its callLater."""
        self._ask, self._now, self._in_thread, self._later = ask, now, in_thread, later
        self._answer: T | None = None
        self._fresh_until = float("-inf")
        self._looked_at = float("-inf")
        self._cost_s = 0.0
        self._is_asking = False
        self._timer: Any = None

    def get(self) -> T:
        """Give the answer; the same object as long as nothing was asked anew."""
        now = self._looked_at = self._now()
        if self._answer is None or (now >= self._fresh_until and self._cost_s <= SLOW_S):
            self._note(*_timed(self._ask))
        elif now >= self._fresh_until:
            self._begin()
        assert self._answer is not None
        return self._answer

    def forget(self) -> None:
        """Ask anew at the next look: the answer may have changed."""
        self._fresh_until = float("-inf")

    def stop(self) -> None:
        """Ask nothing more until somebody looks again."""
        self._looked_at = float("-inf")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note(self, answer: T, cost_s: float) -> None:
        self._answer, self._cost_s = answer, cost_s
        self._fresh_until = self._now() + max(FRESH_S, SHARE * cost_s * (cost_s > SLOW_S))
        if cost_s > SLOW_S and self._timer is None \
                and self._now() - self._looked_at < LOOKED_AT_S:
            self._timer = self._later(self._fresh_until - self._now(), self._again)

    def _again(self) -> None:
        self._timer = None
        self._begin()

    def _begin(self) -> None:
        if self._is_asking:
            return
        self._is_asking = True
        self._in_thread(lambda: _timed(self._ask)).addCallbacks(  # type: ignore[arg-type, return-value]
            self._end, self._broke)

    def _end(self, found: Any) -> None:
        self._is_asking = False
        self._note(*found)

    def _broke(self, failure: Failure) -> None:
        self._is_asking = False
        self._fresh_until = self._now() + FRESH_S
        log.error("the host can't be asked: %s", failure.getErrorMessage())


def _timed(ask: Callable[[], T]) -> tuple[T, float]:
    """Give an answer and how long it took, in seconds."""
    began = time.perf_counter()
    return ask(), time.perf_counter() - began
