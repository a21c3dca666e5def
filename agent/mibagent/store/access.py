"""Who asks, and what they may."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Rights(enum.IntEnum):
    """What a user may; the numbers are the MIB's. A higher one may less."""

    ADMIN = 100
    USER = 200
    OBSERVER = 300


@dataclass(frozen=True)
class Principal:
    """Who asks for a change, and through which door."""

    name: str
    """The user's name; a community's user where there is no other."""
    rights: Rights
    """What this asker may, after the door's own limits."""
    northbound: str
    """The door: `snmp`, `script`, `cli`, `system` …"""
    peer: str = ""
    """The host it came from, or nothing for what is local."""
    proven: bool = False
    """Whether it has shown by SNMPv3 to be that user; a community only stands for one."""
