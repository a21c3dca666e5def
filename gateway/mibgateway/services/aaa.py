"""Users and what they may do."""

from __future__ import annotations

import enum
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mibagent.errors import InconsistentValue
from mibagent.service.service import Service, check
from mibagent.service.settings import Row, Table
from mibagent.snmp.keys import HASHES, LEGACY, SHORTEST_PASS_PHRASE, localized_key

_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 1


class AccessRights(enum.IntEnum):
    """What a user may do."""

    ADMIN = 100
    USER = 200
    OBSERVER = 300


@dataclass(frozen=True)
class UsersRow(Row):
    """One user."""

    access_rights: AccessRights


@dataclass(frozen=True)
class AaaSettings:
    """The writable objects of MIBGATE-AAA-MIB."""

    users: Table[UsersRow]


class AaaService(Service[AaaSettings]):
    """Keeps of each password what logins and SNMPv3 need, and never the password."""

    mib = "MIBGATE-AAA-MIB"
    settings = AaaSettings

    def derive(self) -> Mapping[str, Callable[[bytes], bytes]]:
        engine_id = self.unit.engine_id
        return {"aaaUsersPassword": lambda plain: kept_of(plain, engine_id)}

    @check("aaaUsersPassword", "aaaUsersAccessRights", "aaaUsersRowStatus")
    def an_admin_remains(self, wanted: AaaSettings) -> None:
        """Refuse to take the last Admin's rights, or the last Admin away."""
        before = self.configured.users
        if any(user.access_rights is AccessRights.ADMIN for user in before.values()) and not any(
                user.access_rights is AccessRights.ADMIN for user in wanted.users.values()):
            raise InconsistentValue("aaaUsersAccessRights", "the last Admin has to stay one")


def kept_of(password: bytes, engine_id: bytes) -> bytes:
    """Give what is kept of a password: a scrypt hash, and SNMPv3 keys of every allowed protocol.

    An empty password keeps nothing; one under 8 octets makes no SNMPv3 keys. Takes about 0.1 s.
    """
    if not password:
        return b""
    salt = os.urandom(16)
    keys = {}
    if len(password) >= SHORTEST_PASS_PHRASE:
        keys = {protocol: localized_key(protocol, password, engine_id).hex()
                for protocol in HASHES if protocol not in LEGACY}
    return json.dumps({
        "scrypt": [_SCRYPT_N, _SCRYPT_R, _SCRYPT_P, salt.hex(), _hash(password, salt).hex()],
        "engine": engine_id.hex(), "keys": keys,
    }).encode()


def _hash(password: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P,
                          maxmem=64 * 1024 * 1024)


def is_password(kept: bytes, password: bytes) -> bool:
    """Whether the password is the one that this is kept of. Takes about 0.05 s."""
    if not kept or not password:
        return False
    found = json.loads(kept)
    n, r, p, salt, digest = found["scrypt"]
    made = hashlib.scrypt(password, salt=bytes.fromhex(salt), n=n, r=r, p=p,
                          maxmem=64 * 1024 * 1024)
    return hmac.compare_digest(made, bytes.fromhex(digest))
