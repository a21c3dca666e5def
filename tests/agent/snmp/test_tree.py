"""Order under churn."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mibagent.errors import Index
from mibagent.model.nodes import ObjectNode, TableNode
from mibagent.smi.syntax import Base, Value
from mibagent.snmp.ber import encode_oid, sort_key
from mibagent.snmp.pdu import Kind, encode_varbind
from tests.agent.snmp.fakes import (
    NULL_VALUE,
    NUMBER,
    ROOT,
    FakeSource,
    Wire,
    message,
    pdu,
    request,
    response,
    sample,
    scalar,
    table,
    walk,
)

COLUMNS = ((1, "a", Base.INTEGER), (2, "b", Base.INTEGER), (3, "c", Base.OCTETS))


def big(rows: int, kept: bool = True) -> FakeSource:
    source = FakeSource(table(1, "big", NUMBER, COLUMNS), lambda _: kept)
    for number in range(rows):
        source.add_row("big", (number * 2,), a=1, b=2, c=b"c")
    return source


def expected(source: FakeSource, name: str) -> list[bytes]:
    return sorted((encode_oid(source.model[name].instance_oid(index))
                   for index in source.present["big"] if (name, index) in source.values),
                  key=sort_key)


STEPS = st.lists(st.tuples(
    st.sampled_from(["add", "remove", "take", "put", "replace", "next", "bulk", "get"]),
    st.sampled_from([0, 1, 2, 127, 128, 200, 16384, 2**31 - 1])), max_size=40)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS, st.booleans())
def test_any_history_ends_in_the_same_walk(steps: list[tuple[str, int]], kept: bool) -> None:
    source = big(3, kept)
    wire = Wire(source)
    wire.ask(request(Kind.GET_NEXT, (1, 3)))
    for what, number in steps:
        index: Index = (number,)
        if what == "add":
            source.add_row("big", index, a=number % 9, c=b"")
        elif what == "remove":
            source.remove_row("big", index)
        elif what == "take":
            source.take("a", index)
        elif what == "put" and index in source.present["big"]:
            source.put("b", index, 7)
        elif what == "replace":
            source.replace_rows("big", [*source.present["big"], index])
        elif what == "next":
            wire.ask_both(request(Kind.GET_NEXT, (*ROOT, 1, 1, 1, number), (*ROOT, 1, 1, 2)))
        elif what == "bulk":
            wire.ask_both(request(Kind.GET_BULK, (*ROOT, 1, 1, 1, number), second=9))
        else:
            wire.ask_both(request(Kind.GET, (*ROOT, 1, 1, 2, number)))
    assert list(walk(wire)) == [each for name in "abc" for each in expected(source, name)]
    again = Wire(source)
    assert list(walk(again)) == list(walk(wire))


def run_of_counters() -> FakeSource:
    """Two runs that are read at once, with one scalar between that is read by itself."""
    source = FakeSource([scalar((1, arc), f"s{arc}", Base.COUNTER32) for arc in range(1, 8)],
                        lambda _: False)
    source.values = {(f"s{arc}", ()): arc for arc in range(1, 8)}
    source.at_once = {name for name, _ in source.values if name != "s4"}
    return source


@pytest.mark.parametrize("first", range(8))
@pytest.mark.parametrize("many", [1, 2, 5, 20])
def test_scalars_that_are_read_at_once_answer_as_each_alone(first: int, many: int) -> None:
    source = run_of_counters()
    wire = Wire(source)
    question = request(Kind.GET_BULK, (*ROOT, 1, first), second=many)
    for number in (9, 2**32 - 1, 1):
        source.values["s2", ()] = source.values["s6", ()] = number
        assert wire.ask_both(question) is not None


def test_a_run_is_read_once_for_a_column_of_a_request() -> None:
    source = run_of_counters()
    wire = Wire(source)
    question = request(Kind.GET_BULK, (*ROOT, 1), second=3)
    for _ in range(2):
        wire.ask(question)
    source.reads = source.reads_at_once = 0
    source.values["s3", ()] = 77
    found = wire.reply(question)
    assert [each.octets[-1] for each in found.varbinds] == [1, 2, 77]
    assert (source.reads, source.reads_at_once) == (0, 1)


def test_a_name_of_no_instance_is_found_again_when_rows_have_come() -> None:
    source = big(2)
    wire = Wire(source)
    question = request(Kind.GET_NEXT, (*ROOT, 1, 1, 1, 1))
    wire.ask_both(question)
    source.add_row("big", (1,), a=5, b=5, c=b"")
    wire.ask_both(question)
    source.remove_row("big", (2,))
    wire.ask_both(question)


@pytest.mark.parametrize("kind", [Kind.GET_NEXT, Kind.GET_BULK])
def test_a_walk_during_churn_rises_strictly(kind: Kind) -> None:
    source = big(300)
    wire = Wire(source)
    at, seen, turn = (1, 3), list[bytes](), 0
    found = wire.reply(request(kind, at, second=3 * (kind is Kind.GET_BULK)))
    while found.varbinds[-1].tag != 0x82:
        seen += [each.name for each in found.varbinds]
        turn += 1
        source.add_row("big", (turn * 7919 % 1200,), a=1, b=2, c=b"x")
        source.remove_row("big", (turn * 104729 % 1200,))
        octets = message(pdu(kind, encode_varbind(found.varbinds[-1].name, NULL_VALUE),
                             second=3 * (kind is Kind.GET_BULK)))
        found = wire.reply(octets)
    keys = [sort_key(each) for each in seen]
    assert all(one < other for one, other in pairwise(keys))
    assert source.asked_for_rows == ["big"]


def test_a_step_does_not_grow_with_the_table() -> None:
    """What a row's coming costs the lists is not in it: they move what stands behind."""
    def calls(rows: int) -> int:
        source = big(rows)
        wire = Wire(source)
        wire.ask(request(Kind.GET_NEXT, (1, 3)))
        counted = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal counted
            counted += event in ("call", "c_call")

        for number in range(20):
            row = (2 * number * 37 + 1,)
            source.add_row("big", row, a=1, b=2, c=b"x")
            octets = request(Kind.GET_NEXT, (*ROOT, 1, 1, 2, row[0] - 1))
            sys.setprofile(count)
            wire.ask(octets)
            sys.setprofile(None)
            source.remove_row("big", row)
        assert source.asked_for_rows == ["big"]
        return counted

    assert calls(20_000) == calls(1_000)


def test_rows_may_be_replaced_while_they_are_read() -> None:
    """A snapshot that ages in the middle of a request, as one that is taken by the clock does."""
    class Ageing(FakeSource):
        countdown = 0

        def read(self, node: ObjectNode, index: Index) -> Value:
            self.countdown -= 1
            if self.countdown == 0:
                self.replace_rows("big", [row for row in self.present["big"] if row != index])
            return super().read(node, index)

    for countdown in range(1, 60):
        source = Ageing(table(1, "big", NUMBER, COLUMNS), lambda _: False)
        for number in range(10):
            source.add_row("big", (number,), a=1, b=2, c=b"c")
        wire = Wire(source)
        for kind, repeat in ((Kind.GET_BULK, 12), (Kind.GET_NEXT, 0), (Kind.GET, 0)):
            asked = [(*ROOT, 1, 1, column, 3) for column in (1, 2, 3)]
            for _ in range(3):
                source.countdown = countdown
                answer = wire.ask(request(kind, *asked, second=repeat))
                assert answer is not None and response(answer).first == 0
        assert wire.engine.counters.read_failures == 0
        assert wire.engine.counters["snmpSilentDrops"] == 0


def test_cells_never_outnumber_instances() -> None:
    source = sample()
    wire = Wire(source)
    for number in range(3000):
        wire.ask(request(Kind.GET, (*ROOT, 40000, 1, 1, number), (*ROOT, 1, 1, number)))
    list(walk(wire))
    instances = len(list(walk(wire)))
    assert len(wire.engine.tree.cells) <= instances
    for index in list(source.present["numbered"]):
        source.remove_row("numbered", index)
    source.replace_rows("named", [])
    assert len(wire.engine.tree.cells) <= 11


def test_a_row_that_has_no_name_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    source = big(2)
    source.present["big"][(b"text",)] = None
    wire = Wire(source)
    assert len(list(walk(wire))) == 6
    source.add_row("big", (-5,), a=1)
    source.remove_row("big", (-5,))
    source.put("a", (b"odd",), 1)
    assert len(list(walk(wire))) == 6
    assert "left out" in caplog.text


def test_rows_that_can_not_be_told_are_gen_err() -> None:
    class Failing(FakeSource):
        def rows(self, table: TableNode) -> list[Index]:
            raise RuntimeError("no rows")

    source = Failing(table(1, "big", NUMBER, COLUMNS))
    wire = Wire(source)
    for kind in (Kind.GET, Kind.GET_NEXT, Kind.GET_BULK):
        for _ in range(2):
            found = wire.reply(request(kind, (*ROOT, 1, 1, 1, 5), second=kind is Kind.GET_BULK))
            assert found.first == 5
