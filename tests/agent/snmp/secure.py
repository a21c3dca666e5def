"""An engine with users of SNMPv3, and a manager that speaks with it octet by octet."""

from __future__ import annotations

from typing import Any

from mibagent.smi.oid import Oid
from mibagent.snmp.auth import Signer
from mibagent.snmp.ber import SEQUENCE, decode_oid, encode_integer, tlv
from mibagent.snmp.keys import localized_key, privacy_key
from mibagent.snmp.message import MAX_SIZE, read_version
from mibagent.snmp.pdu import Kind, Pdu, read_pdu
from mibagent.snmp.priv import privacy_of
from mibagent.snmp.secured import (
    Header,
    Security,
    read_encrypted,
    read_header,
    read_scoped,
    read_security,
    scoped_front,
)
from mibagent.snmp.users import User
from mibagent.snmp.usm import Usm
from mibagent.snmp.vacm import Level
from tests.agent.snmp.fakes import PEER, FakeSource, Wire, null, pdu, sample

ENGINE = bytes.fromhex("80007ed9051122334455667788")
OTHER_ENGINE = bytes.fromhex("80007ed905ffeeddccbbaa9988")
PASSWORD, PRIV_PASSWORD = b"maplesyrup", b"pancakes!"
BOOTS = 7


def user_of(name: bytes = b"eva", auth: str = "SHA-256", priv: str = "AES-128",
            engine_id: bytes = ENGINE, password: bytes = PASSWORD,
            priv_password: bytes = PRIV_PASSWORD, max_size: int = MAX_SIZE) -> User:
    """A user with keys of those pass phrases; an empty protocol is none."""
    if not auth:
        return User(name, engine_id, None, max_size=max_size)
    key = localized_key(auth, password, engine_id)
    signer = Signer(auth, key)
    if not priv:
        return User(name, engine_id, signer, max_size=max_size)
    made = privacy_key(auth, localized_key(auth, priv_password, engine_id), priv, engine_id)
    return User(name, engine_id, signer, privacy_of(priv, made), max_size=max_size)


class FakeUsers:
    """Users by name."""

    def __init__(self, *users: User) -> None:
        self.known = {user.name: user for user in users}
        self.elsewhere: dict[tuple[bytes, bytes], User] = {}

    def user(self, name: bytes) -> User | None:
        return self.known.get(name)

    def user_at(self, name: bytes, engine_id: bytes) -> User | None:
        return self.elsewhere.get((name, engine_id))


class Answer:
    """A message taken apart with a user's keys."""

    def __init__(self, octets: bytes, user: User) -> None:
        _, at = read_version(octets)
        self.header: Header = read_header(octets, at)
        self.security: Security = read_security(octets, *self.header.security)
        self.level = Level((1, 2, 0, 3)[self.header.flags & 3])
        at = self.header.data_at
        if self.header.flags & 1:
            assert user.auth is not None
            assert user.auth.is_signed(octets, self.security.mac_at, self.security.mac)
        if self.header.flags & 2:
            assert user.priv is not None
            octets, at = user.priv.decrypt(read_encrypted(octets, at), self.security.salt,
                                           self.security.boots, self.security.time), 0
        self.scoped = read_scoped(octets, at, padded=True)
        self.plain = octets[at:self.scoped.end]
        self.kind = Kind(self.scoped.tag)
        self.pdu: Pdu = read_pdu(self.kind, octets, self.scoped.start, self.scoped.end)

    @property
    def reports(self) -> Oid:
        """The counter that a report names."""
        assert self.kind is Kind.REPORT
        return decode_oid(self.pdu.varbinds[0].name)


class SecureWire(Wire):
    """A wire whose engine has users."""

    def __init__(self, *users: User, source: FakeSource | None = None, **options: Any) -> None:
        super().__init__(source or sample(), **options)
        self.users = FakeUsers(*(users or (user_of(),)))
        self.usm = Usm(ENGINE, BOOTS, self.users, lambda: self.now)
        self.engine.secure(self.usm)

    def message(
        self, user: User, body: bytes, level: int | None = None, *, msg_id: int = 77,
        boots: int = BOOTS, time: int | None = None, reportable: bool = True,
        context: bytes = b"", context_engine: bytes = ENGINE,
    ) -> bytes:
        """A message of a manager that asks as that user."""
        scoped = tlv(SEQUENCE, scoped_front(context_engine, context) + body)
        return user.seal(
            user.level if level is None else level, boots, int(self.now) if time is None else time,
            encode_integer(msg_id)[2:], scoped, reportable)

    def get(self, user: User, *oids: Oid, kind: int = Kind.GET, first: int = 0, second: int = 0,
            **more: Any) -> Answer | None:
        """Ask, and give the answer taken apart."""
        body = pdu(kind, b"".join(map(null, oids)), first, second)
        answer = self.ask(self.message(user, body, **more))
        return None if answer is None else Answer(answer, user)

    def counted(self, name: str) -> int:
        return self.engine.counters[name]


__all__ = ["PEER", "Answer", "FakeUsers", "SecureWire", "user_of"]
