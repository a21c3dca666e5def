"""Who the tool may be: communities and users, from a TOML file and the environment.

    community = "public"            # reads
    write_community = "private"     # reads and writes
    guarded_community = "no"        # known, and its access asks for authentication
    v1 = true                       # false: the agent speaks no SNMPv1
    v2 = true
    [user.main]                     # reads all; writes = true: writes too
    name = "admin"
    auth = "SHA-256"                # MD5 SHA SHA-224 SHA-256 SHA-384 SHA-512
    auth_password = "…"
    priv = "AES"                    # DES AES AES-192 AES-256 AES-192-C AES-256-C
    priv_password = "…"
    least = "authPriv"              # below this level access is refused
    [user.signer]                   # has authentication and no privacy
    [user.ungrouped]                # known, and in no group
    [user.viewless]                 # in a group whose view is nowhere defined
    [user.limited]                  # whose view leaves something out:
    outside = "1.3.6.1.2.1.11"      #   this

MIBGATE_CONFORMANCE_COMMUNITY, …_WRITE_COMMUNITY and …_GUARDED_COMMUNITY come before the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tools.conformance.ber import Oid
from tools.conformance.usm import AUTH, PRIV, User

LEVELS = {"noAuthNoPriv": 0, "authNoPriv": 1, "authPriv": 3}
COMMUNITIES = ("community", "write_community", "guarded_community")
ROLES = ("main", "signer", "ungrouped", "viewless", "limited")
_ENVIRONMENT = "MIBGATE_CONFORMANCE_"


class BadCredentials(Exception):
    """The file says what can't be used; the text names it."""


@dataclass(frozen=True)
class Credentials:
    """All that a run knows by heart."""

    community: str = ""
    write_community: str = ""
    guarded_community: str = ""
    """Its group has access with authentication alone, which no community has."""
    v1: bool = True
    v2: bool = True
    users: dict[str, User] = field(default_factory=dict)
    """By role."""
    least: int = 0
    """Below this level `main` is refused."""
    main_writes: bool = False
    outside: Oid = ()
    """A subtree that `limited` may not see."""


def read(path: Path | None, environment: Mapping[str, str] = os.environ) -> Credentials:
    """Give what file and environment say. Raises BadCredentials, OSError."""
    told: dict[str, Any] = {}
    if path is not None:
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadCredentials(f"{path}: {error}") from None
    users = told.pop("user", {})
    for key, value in told.items():
        if key not in (*COMMUNITIES, "v1", "v2"):
            raise BadCredentials(f"{path}: there is no {key}")
        if not isinstance(value, bool if key in ("v1", "v2") else str):
            raise BadCredentials(f"{path}: {key} can't be {value!r}")
    for key in COMMUNITIES:
        if environment.get(_ENVIRONMENT + key.upper()):
            told[key] = environment[_ENVIRONMENT + key.upper()]
    found = Credentials(**told)
    for role, said in users.items():
        if not isinstance(said, dict):
            raise BadCredentials(f"{path}: user.{role} is no table")
        found = _with_user(found, str(path), role, said)
    return found


def _with_user(found: Credentials, path: str, role: str, said: dict[str, Any]) -> Credentials:
    where = f"{path}: user.{role}"
    if role not in ROLES:
        raise BadCredentials(f"{where}: roles are {', '.join(ROLES)}")
    said = dict(said)
    least, writes = said.pop("least", "noAuthNoPriv"), said.pop("writes", False)
    outside = str(said.pop("outside", ""))
    unknown = set(said) - {each.name for each in fields(User)}
    if unknown or "name" not in said:
        raise BadCredentials(f"{where}: {', '.join(sorted(unknown)) or 'no name'}?")
    user = User(**{key: str(value) for key, value in said.items()})
    for word, known in ((user.auth, AUTH), (user.priv, PRIV)):
        if word and word not in known:
            raise BadCredentials(f"{where}: {word} is none of {', '.join(known)}")
    if least not in LEVELS:
        raise BadCredentials(f"{where}: {least} is none of {', '.join(LEVELS)}")
    found = replace(found, users={**found.users, role: user})
    if role == "main":
        found = replace(found, least=LEVELS[least], main_writes=bool(writes))
    if role == "limited":
        try:
            found = replace(found, outside=tuple(map(int, outside.strip(".").split("."))))
        except ValueError:
            raise BadCredentials(f"{where}: outside is no OID: {outside!r}") from None
    return found
