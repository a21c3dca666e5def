"""Users and what they may do."""

from __future__ import annotations

import enum
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mibagent.errors import InconsistentValue
from mibagent.service.service import Service, Wishes, check, completes
from mibagent.service.settings import Row, Table, layer_of
from mibagent.snmp.limits import Networks
from mibagent.store.wish import Wish
from mibgateway.snmp_users import (
    MODERN,
    OVERRIDE,
    Keeping,
    UserAuthProtocol,
    UserPrivProtocol,
    check_protocols,
    keys_of,
    private_keys_of,
)

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
    auth_protocol: UserAuthProtocol
    priv_protocol: UserPrivProtocol
    source_networks: Networks


@dataclass(frozen=True)
class AaaSettings:
    """The writable objects of MIBGATE-AAA-MIB."""

    users: Table[UsersRow]


class AaaService(Service[AaaSettings]):
    """Keeps of each password what logins and SNMPv3 need, and never the password."""

    mib = "MIBGATE-AAA-MIB"
    settings = AaaSettings

    hidden: Mapping[str, tuple[str, ...]] = {"aaaUsersTable": (OVERRIDE,)}

    def derive(self) -> Mapping[str, Callable[[bytes], bytes]]:
        tip = self.unit.store.tip
        return {
            "aaaUsersPassword": lambda plain: kept_of(
                plain, self.unit.engine_id_in(tip), Keeping.of(tip)),
            "aaaUsersPrivPassword": lambda plain: private_keys_of(
                plain, self.unit.engine_id_in(tip), Keeping.of(tip)),
        }

    @completes("aaaUsersPassword")
    def a_password_replaces_other_keys(
        self, wanted: AaaSettings, wishes: Wishes
    ) -> Iterable[Wish]:
        """Let keys that came by SNMP go when a password is set."""
        for index, _ in wishes.rows_of("aaaUsersPassword"):
            if self.unit.store.tip.cell(OVERRIDE, index):
                yield Wish(OVERRIDE, index, b"")

    @check("aaaUsersAuthProtocol", "aaaUsersPrivProtocol", "aaaUsersRowStatus")
    def algorithms_are_allowed(self, wanted: AaaSettings, row: UsersRow) -> None:
        """Refuse legacy algorithms, and a protocol that the user's keys are not for."""
        view = layer_of(wanted)
        check_protocols(view, "aaaUsersAuthProtocol", row.auth_protocol, row.index)
        check_protocols(view, "aaaUsersPrivProtocol", row.priv_protocol, row.index)

    @check("aaaUsersAuthProtocol", "aaaUsersPrivProtocol")
    def keys_that_came_by_snmp_are_for_their_protocol(
        self, wanted: AaaSettings, row: UsersRow
    ) -> None:
        """Refuse to change what keys are for while there is no password to make others of."""
        if not layer_of(wanted).cell(OVERRIDE, row.index):
            return
        before, tip = self.configured.users.get(row.index[0]), self.unit.store.tip
        for name, now in (("aaaUsersAuthProtocol", row.auth_protocol),
                          ("aaaUsersPrivProtocol", row.priv_protocol)):
            if before is not None and (tip.cell(name, row.index) or 0) != now \
                    and now != UserPrivProtocol.NONE:
                raise InconsistentValue(
                    name, "its SNMPv3 keys were set by SNMP, for one protocol: set its password, "
                    "too", row.index)

    @check("aaaUsersPassword", "aaaUsersAccessRights", "aaaUsersRowStatus")
    def an_admin_remains(self, wanted: AaaSettings) -> None:
        """Refuse to take the last Admin's rights, or the last Admin away."""
        before = self.configured.users
        if any(user.access_rights is AccessRights.ADMIN for user in before.values()) and not any(
                user.access_rights is AccessRights.ADMIN for user in wanted.users.values()):
            raise InconsistentValue("aaaUsersAccessRights", "the last Admin has to stay one")


def kept_of(password: bytes, engine_id: bytes, keeping: Keeping = MODERN) -> bytes:
    """Give what is kept of a password: a scrypt hash, and SNMPv3 keys of every allowed hash.

    An empty password keeps nothing; one under 8 octets makes no SNMPv3 keys. Takes about 0.1 s.
    """
    if not password:
        return b""
    salt = os.urandom(16)
    return json.dumps({
        "scrypt": [_SCRYPT_N, _SCRYPT_R, _SCRYPT_P, salt.hex(), _hash(password, salt).hex()],
        **keys_of(password, engine_id, keeping),
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
