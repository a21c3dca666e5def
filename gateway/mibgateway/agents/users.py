"""Users of SNMPv3 of `mibgate agent`: a file that says them as snmpd.conf does, and their keys."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mibagent.model.places import mib_folders
from mibagent.snmp.auth import Signer
from mibagent.snmp.keys import SHORTEST_PASS_PHRASE, localized_key, privacy_key
from mibagent.snmp.priv import privacy_of
from mibagent.snmp.users import User
from mibagent.store.access import Rights
from mibagent.store.journal import AGENT
from mibagent.store.store import ParameterStore
from mibgateway.errors import StartError
from mibgateway.whereabouts import KEPT, Whereabouts, suspect

LONGEST_NAME = 32

AUTH = {"MD5": "MD5", "SHA": "SHA", "SHA1": "SHA", "SHA224": "SHA-224", "SHA256": "SHA-256",
        "SHA384": "SHA-384", "SHA512": "SHA-512"}
PRIV = {"DES": "DES", "AES": "AES-128", "AES128": "AES-128", "AES192": "AES-192",
        "AES256": "AES-256", "AES192C": "AES-192-C", "AES256C": "AES-256-C"}
"""Protocols as people write them, without hyphens, and as `keys` names them."""

_FORM = "createUser NAME SHA-256 PASSWORD [AES-128 [PASSWORD]], rouser NAME or rwuser NAME"


@dataclass(frozen=True)
class AgentUser:
    """Who may come in by SNMPv3."""

    name: bytes
    auth: str
    password: bytes = field(repr=False)
    priv: str = ""
    """Nothing for a user without privacy."""
    priv_password: bytes = field(default=b"", repr=False)
    rights: Rights = Rights.ADMIN

    def keyed(self, engine_id: bytes) -> User:
        """Give the user with keys at an engine. Takes some milliseconds."""
        signer = Signer(self.auth, localized_key(self.auth, self.password, engine_id))
        if not self.priv:
            return User(self.name, engine_id, signer)
        key = localized_key(self.auth, self.priv_password, engine_id)
        return User(self.name, engine_id, signer, privacy_of(
            self.priv, privacy_key(self.auth, key, self.priv, engine_id)))


class KeyedUsers:
    """The users of one engine."""

    def __init__(self, users: Iterable[AgentUser], engine_id: bytes) -> None:
        self._known = {user.name: user.keyed(engine_id) for user in users}

    def user(self, name: bytes) -> User | None:
        """Give the user with keys at our own engine; None for nobody."""
        return self._known.get(name)

    def user_at(self, name: bytes, engine_id: bytes) -> User | None:
        """Give nobody: informs are the gateway unit's."""
        return None


# -- the file


def read_users(path: Path) -> tuple[AgentUser, ...]:
    """Read the users of a file. Raises StartError with line and reason, and no password in it."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise StartError(f"--users {path}: {why}") from None
    users: dict[bytes, AgentUser] = {}
    rights: dict[bytes, tuple[int, Rights]] = {}
    for number, line in enumerate(lines, 1):
        try:
            words = [] if line.lstrip().startswith("#") else shlex.split(line)
            if not words:
                continue
            if words[0] == "createUser":
                user = _created(words[1:])
                if user.name in users:
                    raise ValueError(f"{words[1]} is there twice")
                users[user.name] = user
            elif words[0] in ("rouser", "rwuser") and len(words) == 2:
                rights[words[1].encode()] = number, (
                    Rights.OBSERVER if words[0] == "rouser" else Rights.ADMIN)
            else:
                raise ValueError(f"{_FORM} is wanted")
        except ValueError as error:
            raise StartError(f"{path}:{number}: {error}") from None
    for name, (number, _) in rights.items():
        if name not in users:
            raise StartError(f"{path}:{number}: no createUser makes {name.decode()}")
    if not users:
        raise StartError(f"{path}: there is no user in it: {_FORM} is wanted")
    return tuple(replace(user, rights=rights.get(user.name, (0, user.rights))[1])
                 for user in users.values())


def _created(words: list[str]) -> AgentUser:
    """Give the user of a createUser's words. Raises ValueError."""
    if not 3 <= len(words) <= 5:
        raise ValueError(f"{_FORM} is wanted")
    name, auth, password, priv, priv_password = [*words, *[""] * (5 - len(words))]
    octets = name.encode()
    if not 1 <= len(octets) <= LONGEST_NAME:
        raise ValueError(f"a user's name has 1 to {LONGEST_NAME} octets")
    found = AUTH.get(auth.upper().replace("-", ""))
    if found is None:
        raise ValueError("the word after the name is one of MD5, SHA, SHA-224, SHA-256, SHA-384, "
                         "SHA-512")
    cipher = PRIV.get(priv.upper().replace("-", "")) if priv else ""
    if cipher is None:
        raise ValueError("the word after the password is one of DES, AES-128, AES-192, AES-256, "
                         "AES-192-C, AES-256-C")
    private = (priv_password or password) if priv else ""
    for each in (password, private) if priv else (password,):
        if len(each.encode()) < SHORTEST_PASS_PHRASE:
            raise ValueError(f"a password of SNMPv3 has at least {SHORTEST_PASS_PHRASE} octets")
    return AgentUser(octets, found, password.encode(), cipher, private.encode())


# -- the engine


def fresh_engine_id() -> bytes:
    """Make one at random, of format 5, under the enterprise number that our own MIBs have.

    RFC 3411 section 5, SnmpEngineID.
    """
    text = next(path for folder in mib_folders()
                if (path := folder / "MIBGATE-SMI-MIB.mib").exists()).read_text(encoding="utf-8")
    found = re.search(r"::= \{ enterprises (\d+) \}", text)
    assert found is not None
    return (2**31 | int(found[1])).to_bytes(4, "big") + b"\5" + secrets.token_bytes(8)


async def engine_of(store: ParameterStore, path: Path | None) -> tuple[bytes, int, str]:
    """Give engine ID and boots of a start that begins now, and what to say of them.

    path: of the state that they are kept in; None keeps nothing. A state that is a copy gets an
    engine ID of its own, since all keys are made anew of the passwords.
    """
    if path is None:
        return fresh_engine_id(), 1, ""
    memory, said = store.memory, ""
    suspicion = suspect(memory, path, AGENT)
    if suspicion is not None:
        memory, said = {}, f"{path} {suspicion.why}: this agent has an SNMP engine ID of its own"
    engine_id = bytes.fromhex(json.loads(memory.get("identity", b"{}")).get("engine_id", "")) \
        or fresh_engine_id()
    boots = int(memory.get("boots", b"0")) + 1
    await store.remember({
        "identity": json.dumps({"engine_id": engine_id.hex()}).encode(),
        "boots": str(boots).encode(), KEPT: Whereabouts.here(path).kept()})
    return engine_id, boots, said
