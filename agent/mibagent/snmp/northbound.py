"""A SET PDU is one transaction.

RFC 3416 section 4.2.5; RFC 3584 section 4.4 for SNMPv1.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable

from twisted.internet.defer import ensureDeferred

from mibagent.errors import (
    CommitFailed,
    Index,
    NoAccess,
    NoCreation,
    NotWritable,
    Refused,
    ResourceUnavailable,
    WrongEncoding,
    WrongType,
)
from mibagent.model.nodes import MibModel, ObjectNode
from mibagent.smi.oid import Oid, print_oid
from mibagent.smi.syntax import Base, Value
from mibagent.snmp.ber import UNSPECIFIED, BerError, decode_oid, decode_value, encode_as
from mibagent.snmp.message import V1
from mibagent.snmp.pdu import Status, VarBind
from mibagent.snmp.source import Source, Transaction
from mibagent.snmp.vacm import View
from mibagent.store.access import Principal

_log = logging.getLogger(__name__)

MAX_KNOWN = 4096
"""Names of which it is remembered what they name."""

IN_WORDS_OF_V1 = {
    Status.NO_ACCESS: Status.NO_SUCH_NAME,
    Status.WRONG_TYPE: Status.BAD_VALUE,
    Status.WRONG_LENGTH: Status.BAD_VALUE,
    Status.WRONG_ENCODING: Status.BAD_VALUE,
    Status.WRONG_VALUE: Status.BAD_VALUE,
    Status.NO_CREATION: Status.NO_SUCH_NAME,
    Status.INCONSISTENT_VALUE: Status.BAD_VALUE,
    Status.RESOURCE_UNAVAILABLE: Status.GEN_ERR,
    Status.COMMIT_FAILED: Status.GEN_ERR,
    Status.UNDO_FAILED: Status.GEN_ERR,
    Status.AUTHORIZATION_ERROR: Status.NO_SUCH_NAME,
    Status.NOT_WRITABLE: Status.NO_SUCH_NAME,
    Status.INCONSISTENT_NAME: Status.NO_SUCH_NAME,
}
"""RFC 3584 section 4.4, in its order of statuses."""


def status_of(refusal: Refused, version: int) -> Status:
    """Give the error-status that tells of a refusal to that msgVersion."""
    status = Status(refusal.status)
    return IN_WORDS_OF_V1.get(status, status) if version == V1 else status


class SetResponder:
    """Turns the bindings of a SET into wishes and refusals into error-statuses."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._oids: list[tuple[int, ...]] = []
        self._nodes: list[ObjectNode] = []
        self._model: MibModel | None = None
        self._known: dict[bytes, tuple[ObjectNode, Index]] = {}
        """Objects and rows by their names' content octets, whether the rows exist or not."""

    def _resolve(self, oid: Oid) -> tuple[ObjectNode, Index | None]:
        """Give the object and row of a name, None for no possible row. Raises NotWritable."""
        model = self._source.model
        if self._model is not model:
            self._nodes = sorted(model.objects.values(), key=lambda node: node.oid)
            self._oids = [node.oid for node in self._nodes]
            self._model = model
            self._known.clear()
        at = bisect_right(self._oids, oid) - 1
        if at < 0 or oid[:len(self._oids[at])] != self._oids[at]:
            raise NotWritable(print_oid(oid), "no such object")
        node, suffix = self._nodes[at], oid[len(self._oids[at]):]
        if node.table is None:
            return node, () if suffix == (0,) else None
        try:
            return node, node.table.index(suffix)
        except ValueError:
            return node, None

    def sees(self, view: View, name: bytes) -> bool:
        """Tell whether a view shows the instance of a name's content octets."""
        known = self._known.get(name)
        whole = None if known is None else view.covers(known[0].oid)
        return view.shows(decode_oid(name)) if whole is None else whole

    def _instance(self, name: bytes) -> tuple[ObjectNode, Index | None]:
        known = self._known.get(name) if self._model is self._source.model else None
        if known is not None:
            return known
        node, index = self._resolve(decode_oid(name))
        if index is not None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[name] = node, index
        return node, index

    def wish(
        self, transaction: Transaction, varbind: VarBind, view: View
    ) -> tuple[str, Index]:
        """Put one binding into a transaction; give the name and row of the wish. Raises Refused.

        The checks keep the order of RFC 3416 section 4.2.5: what the octets alone show to be
        wrong is put to the transaction as a value that its SYNTAX can't take, so that access
        and rights are asked first; a name that none can have is refused last.
        """
        if not self.sees(view, varbind.name):
            raise NoAccess(print_oid(decode_oid(varbind.name)),
                           "it is not in the asker's write view")
        node, index = self._instance(varbind.name)
        asked_row: Index = index if index is not None else ((0,) if node.table is None else ())
        is_any = node.syntax.base is Base.ANY
        if (varbind.tag != node.syntax.base.tag and not is_any) or varbind.tag in UNSPECIFIED:
            transaction.set(node.name, asked_row, _of_another_type(node))
            raise WrongType(node.name, node.syntax.allowed(), asked_row)
        try:
            value = decode_value(varbind.tag, varbind.content)
        except BerError as error:
            with contextlib.suppress(WrongType):
                transaction.set(node.name, asked_row, _of_another_type(node))
            raise WrongEncoding(node.name, error.why, asked_row) from None
        if is_any:
            value = encode_as(varbind.tag, value)
        transaction.set(node.name, asked_row, value)
        if index is None:
            raise NoCreation(node.name, "no instance can have that name")
        return node.name, index

    def prepare(self, principal: Principal, view: View, varbinds: list[VarBind]
                ) -> tuple[Transaction | None, Refused | None, int]:
        """Give a prepared transaction, or why there is none and which binding is to blame.

        Raises what the store raises by mistake.
        """
        transaction = self._source.begin(principal)
        wishes: list[tuple[str, Index]] = []
        try:
            for varbind in varbinds:
                try:
                    wishes.append(self.wish(transaction, varbind, view))
                except Refused as refusal:
                    transaction.rollback()
                    return None, refusal, len(wishes) + 1
            try:
                transaction.prepare()
            except Refused as refusal:
                transaction.rollback()
                return None, refusal, blamed(refusal, wishes)
        except Exception:
            transaction.rollback()
            raise
        return transaction, None, 0


def _of_another_type(node: ObjectNode) -> Value:
    return b"" if node.syntax.base.is_number or node.syntax.base is Base.OID else 0


def blamed(refusal: Refused, wishes: list[tuple[str, Index]]) -> int:
    """Give the error-index of a refusal of the whole: that of the wish it names, else 1."""
    names = [name for name, _ in wishes]
    if (refusal.name, refusal.index) in wishes:
        return wishes.index((refusal.name, refusal.index)) + 1
    return names.index(refusal.name) + 1 if refusal.name in names else 1


Respond = Callable[[int, int], bytes | None]
"""Makes the answer of an error-status and an error-index."""


class Sets:
    """SETs under way and just done, so that a retransmission is never carried out twice."""

    def __init__(
        self, source: Source, clock: Callable[[], float], remember_s: float = 5.0,
        limit: int = 4096, limit_under_way: int = 1024,
    ) -> None:
        self._responder = SetResponder(source)
        self._clock = clock
        self._remember_s = remember_s
        self._limit, self._limit_under_way = limit, limit_under_way
        self._under_way: set[bytes] = set()
        self._done: OrderedDict[bytes, tuple[float, int, int]] = OrderedDict()
        """Until when, error-status and error-index."""

    def sees_any(self, view: View, varbinds: list[VarBind]) -> bool:
        """Tell whether a view shows what one of the bindings names."""
        return any(self._responder.sees(view, varbind.name) for varbind in varbinds)

    def forget(self) -> None:
        """Forget the answers given; what is under way stays so."""
        self._done.clear()

    def known(self, key: bytes) -> tuple[bool, tuple[int, int] | None]:
        """Tell whether that very SET came before, and its error-status and -index if it has them.

        The answer is made anew: that of SNMPv3 names the message that it answers.
        """
        if key in self._under_way:
            return True, None
        now = self._clock()
        while self._done:
            oldest, (deadline, _, _) = next(iter(self._done.items()))
            if deadline > now:
                break
            del self._done[oldest]
        found = self._done.get(key)
        return found is not None, found[1:] if found else None

    def carry_out(
        self, key: bytes, principal: Principal, view: View, version: int,
        varbinds: list[VarBind], respond: Respond, send: Callable[[bytes], None],
    ) -> bytes | None:
        """Give the answer where there is one already; else None, and it is sent later."""
        if len(self._under_way) >= self._limit_under_way:
            refusal = ResourceUnavailable("", "too many changes wait to be written")
            return respond(status_of(refusal, version), min(1, len(varbinds)))
        try:
            transaction, refused, blame = self._responder.prepare(principal, view, varbinds)
        except Exception:
            _log.exception("A SET failed on the way to its transaction")
            return self._note(key, Status.GEN_ERR, min(1, len(varbinds)), respond)
        if transaction is None:
            status = Status.GEN_ERR if refused is None else status_of(refused, version)
            return self._note(key, status, blame, respond)
        self._under_way.add(key)
        blame = min(1, len(varbinds))
        ensureDeferred(self._commit(key, transaction, version, blame, respond, send))
        return None

    async def _commit(
        self, key: bytes, transaction: Transaction, version: int, blame: int,
        respond: Respond, send: Callable[[bytes], None],
    ) -> None:
        try:
            try:
                await transaction.commit()
                status, blame = Status.NO_ERROR, 0
            except Refused as refusal:
                status = status_of(refusal, version)
            except Exception:
                _log.exception("A SET failed in its commit")
                status = status_of(CommitFailed(""), version)
            answer = self._note(key, status, blame, respond)
            if answer is not None:
                send(answer)
        except Exception:
            _log.exception("The answer to a SET could not be sent")
        finally:
            self._under_way.discard(key)

    def _note(self, key: bytes, status: int, index: int, respond: Respond) -> bytes | None:
        self._under_way.discard(key)
        self._done[key] = (self._clock() + self._remember_s, status, index)
        while len(self._done) > self._limit:
            self._done.popitem(last=False)
        return respond(status, index)


def key_of(peer: tuple[object, ...], octets: bytes) -> bytes:
    """Give what the same SET from the same peer is known by; its octets hold the request-id."""
    return hashlib.blake2b(repr(peer).encode() + octets, digest_size=16).digest()
