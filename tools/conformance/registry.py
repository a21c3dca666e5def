"""What a check is, and how one is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.conformance.ber import Malformed

if TYPE_CHECKING:
    from tools.conformance.agent import Agent

PASS, FAIL, SKIP = "pass", "fail", "skip"

NEEDS = {
    "v1": "no community for SNMPv1",
    "v2": "no community for SNMPv2c",
    "v3": "no user of SNMPv3",
    "modern": "only SNMPv1 is known",
    "set": "SETs are not allowed here: --allow-set",
    "writer": "nobody who may write: write_community, or user.main with writes = true",
    "auth": "user.main has no authentication",
    "priv": "user.main has no privacy",
}
"""What a check may need of a run, and why it is skipped without."""


class Failed(Exception):
    """The agent does not do what the clause wants; the text says what it did."""


class Skipped(Exception):
    """The agent has nothing on which this can be seen; the text says what is missing."""


def require(holds: object, why: str) -> None:
    """Raise Failed unless it holds."""
    if not holds:
        raise Failed(why)


@dataclass(frozen=True)
class Check:
    """One thing that an RFC wants and a manager can see."""

    name: str
    clause: str
    says: str
    """What the clause wants, in our words."""
    needs: tuple[str, ...]
    run: Callable[[Any], None]


@dataclass
class Result:
    """What came of one check."""

    name: str
    clause: str
    says: str
    verdict: str
    why: str = ""
    seconds: float = 0.0
    seen: list[str] = field(default_factory=list)
    """What was sent (>) and what came (<), in hexadecimal; communities are starred out."""


CHECKS: dict[str, Check] = {}


def check(clause: str, *needs: str) -> Callable[[Callable[[Agent], None]], Callable[[Agent], None]]:
    """Note a function as the check of a clause; its name and docstring become the check's."""
    assert set(needs) <= set(NEEDS), needs

    def note(function: Callable[[Agent], None]) -> Callable[[Agent], None]:
        name = function.__name__.replace("_", "-")
        assert name not in CHECKS, name
        says = " ".join((function.__doc__ or "").split())
        assert says, f"{name} says nothing"
        CHECKS[name] = Check(name, clause, says, needs, function)
        return function

    return note


def run_one(one: Check, agent: Agent) -> Result:
    """Run a check; whatever it meets becomes a verdict."""
    lacking = [why for need, why in NEEDS.items() if need in one.needs and not agent.has(need)]
    result = Result(one.name, one.clause, one.says, SKIP, "; ".join(lacking))
    if lacking:
        return result
    agent.begin()
    began = time.monotonic()
    try:
        one.run(agent)
        result.verdict = PASS
    except Skipped as skipped:
        result.why = str(skipped)
    except Failed as failed:
        result.verdict, result.why = FAIL, str(failed)
    except Malformed as malformed:
        result.verdict, result.why = FAIL, f"an answer can't be read: {malformed}"
    result.seconds = time.monotonic() - began
    result.seen = agent.seen()
    return result


def run(agent: Agent, checks: Iterable[Check], told: Callable[[Result], None] = lambda _: None
        ) -> list[Result]:
    """Run checks one after the other; told hears of each."""
    results = []
    for one in checks:
        results.append(run_one(one, agent))
        told(results[-1])
    return results
