"""What an agent has, so that checks find something to ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from tools.conformance.ber import COUNTER64, END_OF_VIEW, OCTETS, Oid
from tools.conformance.names import SYSTEM
from tools.conformance.pdu import GET_NEXT, NO_SUCH_NAME, Binding, binding


@dataclass
class Survey:
    """The instances that a walk met, in the order in which they came."""

    found: list[Binding] = field(default_factory=list)
    is_whole: bool = False
    """The walk came to the end of what there is."""
    trouble: str = ""
    """Why it stopped before."""

    def first(self, tag: int) -> Binding | None:
        """Give the first instance of a type."""
        return next((each for each in self.found if each.tag == tag), None)

    @property
    def first_counter64(self) -> int | None:
        """The place of the first Counter64 that has something before it."""
        return next((at for at, each in enumerate(self.found) if at and each.tag == COUNTER64),
                    None)

    @property
    def longest_text(self) -> Binding | None:
        """The instance with most octets."""
        texts = [each for each in self.found if each.tag == OCTETS]
        return max(texts, key=lambda each: len(each.octets), default=None)

    @property
    def system(self) -> list[Oid]:
        """The system group's scalars, which every agent has."""
        return [each.oid for each in self.found if each.oid[:7] == SYSTEM and len(each.oid) == 9]

    def column(self, least: int = 2) -> list[Oid]:
        """Give instances of a column of a table with so many rows; empty where there is none."""
        for _, rows in groupby(self.found, lambda each: each.oid[:-1]):
            found = [each.oid for each in rows if each.oid[-1]]
            if len(found) >= least:
                return found
        return []


def take_survey(channel: Any, limit: int) -> Survey:
    """Walk by GETNEXT until the end, the limit, or something that no walk survives."""
    survey, at = Survey(), (1, 3)
    while len(survey.found) < limit:
        answer = channel.ask(GET_NEXT, binding(at))
        if answer.status == NO_SUCH_NAME:
            survey.is_whole = True
            return survey
        if answer.status or len(answer.bindings) != 1:
            survey.trouble = f"{answer.said} with {len(answer.bindings)} bindings after {at}"
            return survey
        one = answer.bindings[0]
        if one.tag == END_OF_VIEW:
            survey.is_whole = True
            return survey
        if one.oid <= at:
            survey.trouble = f"after {at} comes {one.oid}"
            return survey
        survey.found.append(one)
        at = one.oid
    return survey
