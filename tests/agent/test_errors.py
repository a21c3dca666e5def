"""Errors: whose fault, what, and why."""

from __future__ import annotations

import pytest

from mibagent import errors
from mibagent.errors import (
    InconsistentValue,
    LocalError,
    MibgateError,
    ModelError,
    PeerError,
    Refused,
    StateError,
    WrongValue,
)


def test_every_error_of_ours_has_one_root() -> None:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert issubclass(kind, MibgateError)


def test_whose_fault_it_is_never_mixes() -> None:
    kinds = (Refused, PeerError, LocalError, ModelError, StateError)
    for one in kinds:
        assert [other for other in kinds if issubclass(one, other)] == [one]


def test_each_refusal_has_its_error_status() -> None:
    # RFC 3416 section 3; a name that is not there has no status of its own.
    told = {kind.__name__: kind.status for kind in Refused.__subclasses__()}
    assert told == {
        "NoAccess": 6, "WrongType": 7, "WrongLength": 8, "WrongEncoding": 9, "WrongValue": 10,
        "NoCreation": 11, "InconsistentValue": 12, "ResourceUnavailable": 13, "CommitFailed": 14,
        "NotWritable": 17, "InconsistentName": 18, "NoSuchName": 17}


@pytest.mark.parametrize(("error", "text"), [
    (WrongValue("trialLimit", "1..100 allowed"), "trialLimit: 1..100 allowed"),
    (WrongValue("trialLimit"), "trialLimit"),
    (InconsistentValue("fruitPrice", "too dear", (b"fig",)), "fruitPrice[fig]: too dear"),
    (Refused("p", "no", (3, b"caf\xc3\xa9", (1, 3))), "p[3,caf\u00e9,1.3]: no"),
    (Refused("p", "no", (b"\xff\x00",)), "p[\\xff\x00]: no"),
    (PeerError("no such method", "RFC 3261 section 8.2.1"),
     "no such method (RFC 3261 section 8.2.1)"),
    (PeerError("nonsense"), "nonsense"),
    (ModelError("X-MIB.mib", "xName", "no type"), "X-MIB.mib: xName: no type"),
    (ModelError("X-MIB.mib", "", "no module"), "X-MIB.mib: no module"),
])
def test_an_error_says_what_and_why(error: Exception, text: str) -> None:
    assert str(error) == text
