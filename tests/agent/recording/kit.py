"""A recording served by an agent, asked without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from mibagent.agent import Agent
from mibagent.errors import Index
from mibagent.model.load import load_with_findings
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.model.sources import gather
from mibagent.recording.lay import Laid, lay
from mibagent.recording.read import RecordingFile
from mibagent.recording.remarks import Remarks
from mibagent.recording.sample import Sample
from mibagent.smi.oid import Oid, parse_oid, print_oid
from mibagent.smi.syntax import Base, Value
from mibagent.snmp.ber import NULL, decode_oid, encode_oid
from mibagent.snmp.pdu import Kind, Pdu
from mibagent.store.access import Rights
from tests.agent.snmp.fakes import request, response, set_request, value

HERE = Path(__file__).parent
PEER = ("127.0.0.1", 4000)
CROW = "1.3.6.1.4.1.32473.9.7"
"""Where the objects of CROW-MIB are."""


@cache
def crow() -> MibModel:
    """Give the model of somebody's MIB beside the standard ones."""
    model, findings = load_with_findings(gather([HERE / "CROW-MIB.mib", mib_folders()[1]]))
    assert findings == []
    return model


def read_text(path: Path, text: str | bytes) -> tuple[list[Sample], list[str]]:
    """Give the samples of a text, and the remarks on it."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    file = RecordingFile(path)
    samples = list(file)
    return samples, [f"{remark.line}: {remark.reason}" for remark in file.remarks]


class Served:
    """An agent that serves a recording."""

    def __init__(self, path: Path, text: str = "", *, state: Path | None = None,
                 modules: tuple[str, ...] = ("CROW-MIB",), **options: Any) -> None:
        remarks = Remarks(path.name)
        samples: list[Sample] = []
        if text:
            path.write_text(text)
            file = RecordingFile(path)
            samples = list(file)
            remarks.take_all(file.remarks)
        self.laid: Laid = lay(samples, crow(), modules, remarks, **options)
        self.remarks = remarks.lines()
        self.reactor = Clock()
        self.agent = Agent(
            self.reactor, crow(), state, sys_descr="crow", sys_object_id=(1, 3, 6, 1),
            communities={b"public": Rights.OBSERVER, b"private": Rights.ADMIN},
            recording=self.laid)
        ensureDeferred(self.agent.begin())
        self.reactor.advance(0)

    def close(self) -> None:
        ensureDeferred(self.agent.stop())
        self.reactor.advance(0)

    def ask(self, octets: bytes) -> Pdu:
        sent: list[bytes] = []
        answer = self.agent.engine.answer(octets, PEER, sent.append)
        while answer is None and not sent:
            self.reactor.advance(0.01)
        return response(answer or sent[0])

    def get(self, oid: str, version: int = 1) -> tuple[int, bytes]:
        """Give tag and content of an instance."""
        varbind = self.ask(request(Kind.GET, parse_oid(oid), version=version)).varbinds[0]
        return varbind.tag, varbind.content

    def set(self, *bindings: tuple[str, Base, Value]) -> tuple[int, int]:
        """Give error-status and error-index."""
        answer = self.ask(set_request(*(
            (parse_oid(oid), value(base, held)) for oid, base, held in bindings)))
        return answer.first, answer.second

    def names(self, start: str = "1.3", version: int = 1) -> list[str]:
        """Give the names of a walk by GETNEXT."""
        return [print_oid(oid) for oid in self._walk(parse_oid(start), version)]

    def _walk(self, start: Oid, version: int) -> Iterator[Oid]:
        at = start
        while True:
            answer = self.ask(request(Kind.GET_NEXT, at, version=version))
            varbind = answer.varbinds[0]
            if answer.first or varbind.tag == 0x82 or varbind.tag == NULL:
                return
            following = decode_oid(varbind.name)
            assert encode_oid(following) == varbind.name
            assert following > at
            at = following
            if at[:len(start)] != start:
                return
            yield at

    def stored(self, name: str, index: Index = ()) -> Value:
        return self.agent.store.get(name, index)
