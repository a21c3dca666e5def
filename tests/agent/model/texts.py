"""The MIB texts that these tests share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mibagent.model.findings import Finding
from mibagent.model.load import load_with_findings
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.model.sources import MibFile, gather

HERE = Path(__file__).parent
SOUND = HERE / "sound"
BROKEN = HERE / "broken"


@cache
def ours() -> MibModel:
    """Give the model of our own MIBs."""
    return load_with_findings(gather(mib_folders()))[0]


@cache
def parrot() -> MibModel:
    """Give the model of a service with one of everything."""
    model, findings = load_with_findings(gather([SOUND, mib_folders()[1]]))
    assert findings == []
    return model


def load_text(*texts: str) -> tuple[MibModel, list[Finding]]:
    """Give the model of texts beside the IETF's, and what is wrong with it."""
    files = [MibFile(f"{place}.mib", text.encode()) for place, text in enumerate(texts)]
    return load_with_findings([*files, *gather([mib_folders()[1]])])


def module(body: str, name: str = "CROW-MIB", imports: str = "") -> str:
    """Give a module of no service around declarations."""
    return f"""{name} DEFINITIONS ::= BEGIN
IMPORTS
    MODULE-IDENTITY, OBJECT-TYPE, NOTIFICATION-TYPE, Integer32, Unsigned32, enterprises
        FROM SNMPv2-SMI
    TEXTUAL-CONVENTION, RowStatus, DisplayString
        FROM SNMPv2-TC
    {imports};

crow MODULE-IDENTITY
    LAST-UPDATED "202611230000Z"
    ORGANIZATION "Nobody"
    CONTACT-INFO "Nobody"
    DESCRIPTION  "A crow."
    ::= {{ enterprises 32473 {sum(name.encode())} }}

{body}
END
"""


def scalar(name: str, arc: int, syntax: str = "Integer32", more: str = "") -> str:
    """Give a read-only scalar."""
    return f"""
{name} OBJECT-TYPE
    SYNTAX      {syntax}
    MAX-ACCESS  read-only
    STATUS      current
    DESCRIPTION "A scalar."
    {more}
    ::= {{ crow {arc} }}
"""
