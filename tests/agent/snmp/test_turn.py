"""Requests that came in together: one reading of what is computed, and none that outlives them."""

from __future__ import annotations

import pytest

from mibagent.smi.syntax import Base
from mibagent.snmp.contexts import Contexts
from mibagent.snmp.pdu import Kind
from tests.agent.snmp.fakes import ROOT, FakeSource, Wire, request, scalar, table

NAMES = ("first", "second", "third")
PLACES = [(*ROOT, 1, arc, 0) for arc in (1, 2, 3)]
COLUMN = (*ROOT, 2, 1, 2)


def counting() -> FakeSource:
    """Three scalars that count how often they are read, a stored one, a computed column."""
    source = FakeSource(
        [*(scalar((1, arc), name) for arc, name in enumerate(NAMES, 1)),
         scalar((1, 4), "stored"), *table(2, "row", (), ((2, "cell", Base.INTEGER),))],
        lambda node: node.name == "stored")
    source.put("stored", (), 7)
    for name in NAMES:
        source.computed[name, ()] = lambda: source.reads
    source.computed["cell", ()] = lambda: source.reads
    source.add_row("row", ())
    return source


REQUESTS = {
    "GET": request(Kind.GET, *PLACES),
    "GETNEXT": request(Kind.GET_NEXT, (*ROOT, 1), *PLACES[:2]),
    "GETBULK": request(Kind.GET_BULK, (*ROOT, 1), second=3),
    "GETBULK of two": request(Kind.GET_BULK, (*ROOT, 1), PLACES[0], second=2),
    "GETBULK across": request(Kind.GET_BULK, PLACES[1], second=3),
}


@pytest.mark.parametrize("octets", REQUESTS.values(), ids=REQUESTS)
def test_a_scalar_is_read_once_in_a_turn_and_anew_after_it(octets: bytes) -> None:
    source = counting()
    wire = Wire(source)
    for _ in range(3):
        wire.ask(octets)
    with wire.engine.turn:
        answers = {wire.ask(octets) for _ in range(5)}
        assert len(answers) == 1
    before = source.reads
    later = wire.ask(octets)
    assert later not in answers
    assert source.reads > before
    assert wire.ask(octets) != later


def test_scalars_that_are_read_at_once_are_so_once_in_a_turn() -> None:
    source = counting()
    source.at_once = set(NAMES)
    source.values.update({(name, ()): 300 + at for at, name in enumerate(NAMES)})
    wire = Wire(source)
    octets = REQUESTS["GETBULK"]
    wire.ask(octets)
    before = source.reads_at_once
    with wire.engine.turn:
        one = wire.ask(octets)
        source.values["second", ()] = 999
        assert [wire.ask(octets) for _ in range(4)] == [one] * 4
        assert source.reads_at_once == before + 1
    assert wire.ask(octets) != one


def test_a_reading_of_which_one_value_is_none_leaves_nothing_of_itself() -> None:
    source = counting()
    source.at_once = set(NAMES)
    source.values.update({(name, ()): 300 + at for at, name in enumerate(NAMES)})
    wire = Wire(source)
    octets = REQUESTS["GETBULK"]
    wire.ask(octets)
    good = wire.ask(octets)
    source.values.update({("first", ()): 999, ("second", ()): b"no number"})
    wire.ask(octets)
    source.values.update({("first", ()): 300, ("second", ()): 301})
    assert wire.ask(octets) == good


def test_what_is_stored_is_seen_at_once_also_in_a_turn() -> None:
    source = counting()
    wire = Wire(source)
    octets = request(Kind.GET_BULK, PLACES[1], second=2)
    with wire.engine.turn:
        one = wire.ask(octets)
        source.put("stored", (), 8)
        other = wire.ask(octets)
    assert one is not None
    assert other is not None
    assert one[:-1] == other[:-1]
    assert (one[-1], other[-1]) == (7, 8)


def test_a_failure_is_not_kept_for_a_turn() -> None:
    source = counting()
    wire = Wire(source)
    octets = REQUESTS["GETBULK"]
    good = source.computed["second", ()]

    def fail() -> int:
        raise ValueError("not now")

    source.computed["second", ()] = fail
    with wire.engine.turn:
        assert wire.reply(octets).first == 5
        source.computed["second", ()] = good
        assert wire.reply(octets).first == 0


def test_a_turn_that_fails_is_over() -> None:
    wire = Wire(counting())
    octets = REQUESTS["GET"]
    wire.ask(octets)
    with pytest.raises(KeyError), wire.engine.turn:
        wire.ask(octets)
        raise KeyError
    assert wire.ask(octets) != wire.ask(octets)


def test_a_turn_of_several_contexts_is_a_turn_of_each() -> None:
    wires = [Wire(counting()), Wire(counting())]
    contexts = Contexts({b"public": wires[0].engine, b"private": wires[1].engine})
    for community in (b"public", b"private"):
        octets = request(Kind.GET, *PLACES, community=community)
        with contexts.turn:
            held = [contexts.answer_strictly(octets, ("127.0.0.1", 1), lambda _: None)
                    for _ in range(2)]
        assert held[0] == held[1]
        assert contexts.answer_strictly(octets, ("127.0.0.1", 1), lambda _: None) != held[0]


def test_a_turn_of_several_contexts_begins_with_those_that_are_asked_and_ends_with_it() -> None:
    wires = [Wire(counting()), Wire(counting())]
    contexts = Contexts({b"public": wires[0].engine, b"private": wires[1].engine})
    with pytest.raises(KeyError), contexts.turn:
        contexts.answer(REQUESTS["GET"], ("127.0.0.1", 1))
        assert [wire.engine.turn.is_held for wire in wires] == [True, False]
        raise KeyError
    assert [wire.engine.turn.is_held for wire in wires] == [False, False]
