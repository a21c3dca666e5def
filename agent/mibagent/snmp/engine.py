"""Datagrams in, datagrams out, for SNMPv1, v2c and v3. No socket, no reactor.

`answer_strictly` is the whole truth: it answers everything, step by step as the RFCs say. The fast
path (`fast.py`) knows well-formed reads by their octets and gives what this would have given, or
leaves the datagram to it.

RFC 1157; RFC 1901; RFC 3412 section 7.2; RFC 3413 section 3.2; RFC 3416 section 4.2; RFC 3584
section 4.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from mibagent.errors import NoSuchName
from mibagent.snmp.ber import (
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    SEQUENCE,
    BerError,
    tlv,
)
from mibagent.snmp.counters import Counters
from mibagent.snmp.fast import FastPath
from mibagent.snmp.fast_secured import SecuredPath
from mibagent.snmp.limits import Failures
from mibagent.snmp.message import (
    MAX_SIZE,
    MIN_MAX_SIZE,
    V1,
    V2C,
    V3,
    Request,
    as_it_is,
    read_message,
    read_version,
    size_of_response,
)
from mibagent.snmp.northbound import Sets, key_of
from mibagent.snmp.pdu import (
    OF_VERSION,
    TAGS_OF_VERSION,
    Kind,
    Pdu,
    Status,
    encode_response,
    encode_varbind,
    name_of,
    read_pdu,
    repetitions,
)
from mibagent.snmp.peer import Peer, host_of, udp_port_of
from mibagent.snmp.secured_answers import Opened, SecuredAnswers
from mibagent.snmp.sight import Sight
from mibagent.snmp.source import Access, Grant, Source
from mibagent.snmp.tree import Tree, end_of_view
from mibagent.snmp.turn import Turn
from mibagent.snmp.usm import Usm
from mibagent.snmp.vacm import View

_log = logging.getLogger(__name__)

Send = Callable[[bytes], None]

_NO_SUCH_OBJECT = bytes((NO_SUCH_OBJECT, 0))
_NO_SUCH_INSTANCE = bytes((NO_SUCH_INSTANCE, 0))
_LOG_AGAIN_S = 60.0


class _Failed(Exception):
    """A read ends in an error-status."""

    def __init__(self, status: Status, index: int) -> None:
        super().__init__(status, index)
        self.status, self.index = status, index


def _nobody_hears(peer: Peer, why: str) -> None:
    pass


class Engine:
    """Answers the datagrams of one unit."""

    def __init__(
        self, source: Source, access: Access, clock: Callable[[], float] = time.monotonic, *,
        max_size: int = MAX_SIZE, max_varbinds: int = 2048,
        on_refused: Callable[[Peer, str], None] = _nobody_hears,
    ) -> None:
        """Make an engine.

        max_size: the largest answer, in octets. max_varbinds: about what one GETBULK gives at
        most. on_refused: told of a community or user that was refused, and why. SNMPv3 is of a
        bad version until `secure` is called.
        """
        self.tree = Tree(source)
        self._access = access
        self._clock = clock
        self._max_size = max(MIN_MAX_SIZE, min(max_size, MAX_SIZE))
        self._max_varbinds = max(1, max_varbinds)
        self._on_refused = on_refused
        self._amplification = 0
        self._failures = Failures(clock)
        self._secured: SecuredAnswers | None = None
        self._secured_path: SecuredPath | None = None
        self._counters = Counters()
        self._sets = Sets(source, clock)
        self._logged: dict[str, float] = {}
        self.fast = FastPath(self.tree, self._counters, self._max_size, self._max_varbinds)

    @property
    def turn(self) -> Turn:
        """What to go through requests in that have all come in."""
        return self.tree.turn

    @property
    def counters(self) -> Counters:
        """What was counted up to now."""
        return self.counted()

    def counted(self) -> Counters:
        """Give what was counted up to now."""
        fast = self.fast
        if fast.unsettled:
            fast.settle()
        return self._counters

    def secure(self, usm: Usm | None) -> None:
        """Answer SNMPv3 with that security from now on; None: no more."""
        if usm is None:
            self._secured, self._secured_path = None, None
            self.fast.answer_secured = lambda *given: None
        else:
            self._secured = SecuredAnswers(usm, self._counters, self._max_size)
            self._secured_path = SecuredPath(usm, self.fast)
            self.fast.answer_secured = self._secured_path.answer
        self.forget()

    def amplify(self, times: int) -> None:
        """Give no answer to a community that is longer than so many requests; 0: no bound."""
        self._amplification = times
        self.forget()

    def admits(self, host: str) -> bool:
        """Tell whether anybody at a host may ask at all."""
        return self._access.admits(host_of((host,)))

    def forget(self) -> None:
        """Empty what was remembered of who may what: access has changed."""
        self.fast.forget()
        if self._secured_path is not None:
            self._secured_path.forget()
        self.tree.forget_views()
        self._sets.forget()

    def answer(self, datagram: bytes, peer: Peer, send: Send) -> bytes | None:
        """Give the answer; None where there is none now, or ever. A later one goes by send."""
        return self.fast.answer(datagram, peer) or self.answer_strictly(datagram, peer, send)

    def answer_strictly(self, datagram: bytes, peer: Peer, send: Send) -> bytes | None:
        """Do what answer does, by the book."""
        counters = self._counters
        answer = None
        try:
            answer = self._answer(datagram, peer, send)
        except BerError:
            counters.in_asn_parse_errs += 1
        except Exception:
            _log.exception("A datagram was dropped by a mistake of ours")
            counters.silent_drops += 1
        counters.in_pkts += 1
        if answer is not None:
            counters.out_pkts += 1
        return answer

    def _answer(self, datagram: bytes, peer: Peer, send: Send) -> bytes | None:
        version, at = read_version(datagram)
        host = host_of(peer)
        if not self._access.admits(host):
            self._counters.refused_sources += 1
            self._on_refused(peer, f"{host} is in no network that may ask")
            return None
        if version == V3 and self._secured is not None:
            return self._answer_user(self._secured, datagram, at, peer, send)
        if version not in (V1, V2C):
            self._counters.in_bad_versions += 1
            return None
        message = read_message(datagram, version, at)
        grant = self._access.judge(version, message.community, host)
        end = None
        if grant is not None and grant.ends is not None:
            end = grant.end_of(udp_port_of(peer))
            grant = grant if end else None
        if grant is None:
            self._counters.in_bad_community_names += 1
            self._on_refused(peer, f"a community of SNMPv{'1' if version == V1 else '2c'}"
                                   f" from {host} is not known here")
            return None
        room = self._max_size
        if self._amplification:
            room = min(room, self._amplification * len(datagram))
        if end is not None and end.room:
            room = min(room, end.room)
        request = Request(version, datagram, message.front, message.tag, message.pdu_at,
                          message.start, len(datagram), room, as_it_is)
        pdu = self._pdu_of(request)
        if pdu is None:
            return None
        answer, sight = self._serve(request, grant, pdu, peer, send)
        if sight is not None and not grant.is_by_port:
            self.fast.learn(self.fast.table_of(str(peer[0])), request, pdu, sight)
        return answer

    def _answer_user(
        self, secured: SecuredAnswers, datagram: bytes, at: int, peer: Peer, send: Send,
    ) -> bytes | None:
        """Answer a message of SNMPv3. RFC 3412 section 7.2; RFC 3413 section 3.2."""
        opened = secured.open(datagram, at)
        if not isinstance(opened, Opened):
            if secured.refused:
                self._on_refused(peer, secured.refused)
                return self._report_of_failure(opened, host_of(peer))
            return opened
        request, counters = opened.request, self._counters
        pdu = self._pdu_of(request)
        if pdu is None:
            return opened.report("snmpUnknownPDUHandlers") \
                if request.tag == Kind.INFORM else None
        if not opened.is_ours:
            counters.unknown_pdu_handlers += 1
            return opened.report("snmpUnknownPDUHandlers")
        grant = self._access.judge_user(opened.user, opened.level, opened.context, host_of(peer))
        if grant is None:
            counters.unknown_contexts += 1
            return opened.report("snmpUnknownContexts")
        answer, sight = self._serve(request, grant, pdu, peer, send)
        if sight is not None:
            table = self.fast.table_of((str(peer[0]), opened.user, opened.level, request.room))
            self.fast.learn(table, request, pdu, sight)
            if self._secured_path is not None:
                self._secured_path.learn(datagram, opened, str(peer[0]), table)
        return answer

    def _report_of_failure(self, report: bytes | None, host: str) -> bytes | None:
        """Give it, unless the host fails too often: who guesses is told little."""
        if self._failures.are_too_many(host):
            self._counters.withheld_reports += report is not None
            return None
        self._failures.note(host)
        return report

    def _pdu_of(self, request: Request) -> Pdu | None:
        """Give the PDU of a request; None for what only a manager can take. Raises BerError."""
        if request.tag not in OF_VERSION[request.version]:
            raise BerError(f"tag 0x{request.tag:02x} is no PDU's", "RFC 3416 section 3")
        kind = Kind(request.tag)
        if kind in (Kind.TRAP_V1, Kind.TRAP, Kind.INFORM, Kind.REPORT):
            self._not_for_us(kind)
            return None
        pdu = read_pdu(kind, request.octets, request.start, request.end,
                       TAGS_OF_VERSION[request.version])
        if kind is Kind.RESPONSE:
            self._not_for_us(kind, pdu.first)
            return None
        return pdu

    def _serve(
        self, request: Request, grant: Grant, pdu: Pdu, peer: Peer, send: Send,
    ) -> tuple[bytes | None, Sight | None]:
        """Give the answer, and what the asker sees where the fast path may learn of it."""
        self.tree.build()
        if pdu.kind is Kind.SET:
            return self._set(request, peer, grant, pdu, send), None
        if grant.read is None:
            answer, sight = self._no_view(request, pdu), None
        else:
            sight = self.tree.sight(grant.read)
            answer = self._read(request, pdu, grant.read)
        self._counters.note_request(pdu.kind)       # when it is done, as the fast path does
        return answer, sight

    def _no_view(self, request: Request, pdu: Pdu) -> bytes | None:
        """Refuse the whole: the asker has no view for it. RFC 3413 section 3.2, step 4."""
        if request.version != V3:
            self._counters.in_bad_community_uses += 1
        status = Status.NO_SUCH_NAME if request.version == V1 else Status.AUTHORIZATION_ERROR
        return self._respond(request, pdu, status, 0, pdu.octets)

    def _not_for_us(self, kind: Kind, status: int = 0) -> None:
        """Count what only a manager can take. RFC 3412 section 7.2."""
        counters = self._counters
        counters.unknown_pdu_handlers += 1
        if kind in (Kind.TRAP_V1, Kind.TRAP):
            counters.in_traps += 1
        elif kind is Kind.RESPONSE:
            counters.in_get_responses += 1
            counters.note_error_told(status)

    def _read(self, request: Request, pdu: Pdu, view: View) -> bytes | None:
        v1 = request.version == V1
        try:
            if pdu.kind is Kind.GET_BULK:
                varbinds = self._get_bulk(request, pdu, view)
            else:
                varbinds, size = [], 0
                for at, varbind in enumerate(pdu.varbinds, 1):
                    found = (self._get(at, varbind.name, v1, view) if pdu.kind is Kind.GET
                             else self._get_next(at, varbind.name, v1, view))
                    varbinds.append(found)
                    size += len(found)
                    if size > request.room:
                        return self._too_big(request, pdu)
        except _Failed as failed:
            return self._respond(request, pdu, failed.status, failed.index, pdu.octets)
        answer = self._encoded(request, pdu, Status.NO_ERROR, 0, b"".join(varbinds))
        if len(answer) > request.room:
            return self._too_big(request, pdu)
        self._counters.in_total_req_vars += len(varbinds)
        self._counters.out_get_responses += 1
        return request.seal(answer)

    def _get(self, at: int, name: bytes, v1: bool, view: View) -> bytes:
        """Give one binding of the answer. RFC 3416 section 4.2.1; RFC 3584 section 4.2.2.1."""
        tree = self.tree
        try:
            cell = tree.instance(name, view)
            if cell is not None and not (v1 and cell.wide):
                tree.reading = cell.node.name
                return cell.varbind()
        except NoSuchName:
            pass
        except Exception as error:
            raise self._failed(at, tree.reading, error) from None
        if v1:
            raise _Failed(Status.NO_SUCH_NAME, at)
        known = tree.has_object(name, view)
        return encode_varbind(name, _NO_SUCH_INSTANCE if known else _NO_SUCH_OBJECT)

    def _get_next(self, at: int, name: bytes, v1: bool, view: View) -> bytes:
        """Give one binding of the answer. RFC 3416 section 4.2.2."""
        try:
            found = self.tree.successor(name, v1, view)
        except Exception as error:
            raise self._failed(at, self.tree.reading, error) from None
        if found is not None:
            return found
        if v1:
            raise _Failed(Status.NO_SUCH_NAME, at)
        return end_of_view(name)

    def _get_bulk(self, request: Request, pdu: Pdu, view: View) -> list[bytes]:
        """Give as many bindings as fit. RFC 3416 section 4.2.3."""
        several = min(max(pdu.first, 0), len(pdu.varbinds))
        repeated = pdu.varbinds[several:]
        around = (len(request.front), len(pdu.request_id))
        varbinds = [self._get_next(at, varbind.name, False, view)
                    for at, varbind in enumerate(pdu.varbinds[:several], 1)]
        size = sum(map(len, varbinds))
        names = [varbind.name for varbind in repeated]
        for _ in range(repetitions(pdu.second, several, len(repeated), self._max_varbinds)):
            if size > request.room:
                break
            ended = 0
            for place, name in enumerate(names):
                found = self._get_next(several + place + 1, name, False, view)
                names[place] = name_of(found)
                ended += names[place] == name
                varbinds.append(found)
                size += len(found)
            if ended == len(names):
                break
        whole = len(varbinds)
        while varbinds and size_of_response(*around, size) > request.room:
            size -= len(varbinds.pop())
        if whole and not varbinds:
            raise _Failed(Status.TOO_BIG, 0)
        return varbinds

    def _failed(self, at: int, what: str, error: Exception) -> _Failed:
        """Count and log that a reader raised; the request ends in genErr."""
        self._counters.read_failures += 1
        now = self._clock()
        if now - self._logged.get(what, -_LOG_AGAIN_S) >= _LOG_AGAIN_S:
            self._logged[what] = now
            _log.error("%s can't be read: %r", what, error, exc_info=error)
        return _Failed(Status.GEN_ERR, at)

    def _set(
        self, request: Request, peer: Peer, grant: Grant, pdu: Pdu, send: Send,
    ) -> bytes | None:
        """Begin a SET. RFC 3416 section 4.2.5."""
        counters = self._counters
        counters.in_set_requests += 1
        octets = pdu.octets

        def respond(status: int, index: int) -> bytes | None:
            return self._respond(request, pdu, Status(status), index, octets)

        key = key_of((*peer[:2], *request.asker), request.octets)
        is_known, came = self._sets.known(key)
        if is_known:
            return None if came is None else respond(*came)
        view = grant.write
        if view is None:
            return self._no_view(request, pdu)
        if request.version != V3 and not self._sets.sees_any(view, pdu.varbinds):
            counters.in_bad_community_uses += 1
        if size_of_response(len(request.front), len(pdu.request_id), len(octets)) > request.room:
            return self._too_big(request, pdu)

        def respond_first(status: int, index: int) -> bytes | None:
            if status == Status.NO_ERROR:
                counters.in_total_set_vars += len(pdu.varbinds)
            return respond(status, index)

        def send_later(answer: bytes) -> None:
            counters.out_pkts += 1
            send(answer)

        return self._sets.carry_out(key, grant.principal, view, request.version, pdu.varbinds,
                                    respond_first, send_later)

    def _encoded(self, request: Request, pdu: Pdu, status: Status, index: int, varbinds: bytes
                 ) -> bytes:
        return tlv(SEQUENCE, request.front
                   + encode_response(pdu.request_id, status, index, varbinds))

    def _respond(self, request: Request, pdu: Pdu, status: Status, index: int, varbinds: bytes
                 ) -> bytes | None:
        if status is Status.TOO_BIG:
            return self._too_big(request, pdu)
        answer = self._encoded(request, pdu, status, index, varbinds)
        if len(answer) > request.room:
            return self._too_big(request, pdu)
        self._counters.note_error(status)
        self._counters.out_get_responses += 1
        return request.seal(answer)

    def _too_big(self, request: Request, pdu: Pdu) -> bytes | None:
        """Give the alternate answer. RFC 3416 section 4.2.1; RFC 1157 section 4.1.2."""
        varbinds = pdu.octets if request.version == V1 else b""
        answer = self._encoded(request, pdu, Status.TOO_BIG, 0, varbinds)
        if len(answer) > request.room:
            self._counters.silent_drops += 1
            return None
        self._counters.note_error(Status.TOO_BIG)
        self._counters.out_get_responses += 1
        return request.seal(answer)
