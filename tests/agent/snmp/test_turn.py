"""Requests that came in together: one reading of what is computed, and none that outlives them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mibagent.smi.syntax import Base
from mibagent.snmp.contexts import Contexts
from mibagent.snmp.pdu import Kind
from tests.agent.snmp.fakes import (
    PEER,
    ROOT,
    FakeSource,
    Wire,
    request,
    sample,
    sample_objects,
    scalar,
    table,
)
from tests.agent.snmp.test_fast import ARCS, oids, views

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


def test_scalars_that_are_read_at_once_are_held_in_their_places() -> None:
    source = counting()
    source.at_once = set(NAMES)
    source.computed.clear()
    source.values.update({(name, ()): 300 + at for at, name in enumerate(NAMES)})
    wire = Wire(source)
    octets = request(Kind.GET_BULK, PLACES[0], second=2)
    expected = [wire.ask(octets) for _ in range(2)]
    with wire.engine.turn:
        assert [wire.ask(octets) for _ in range(2)] == expected
        assert wire.ask(REQUESTS["GETBULK"]) == Wire(source).ask(REQUESTS["GETBULK"])


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


SCALARS = [node.name for node in sample_objects() if node.table is None and node.is_readable
           and node.name not in ("oneSecret", "oneText", "oneOid", "oneAddress")]


@st.composite
def trees(draw: st.DrawFn) -> FakeSource:
    """Stored and computed scalars and columns, some absent; scalars that are read at once."""
    kept = draw(st.sets(st.sampled_from([*SCALARS, "oneText", "named", "numberedA", "numberedC"])))
    source = sample(lambda node: any(node.name.startswith(prefix) for prefix in kept))
    source.at_once = draw(st.just(set(SCALARS)) | st.sets(st.sampled_from(SCALARS))) - kept
    for key in draw(st.sets(st.sampled_from(sorted(source.values, key=repr)), max_size=6)):
        if key[0] not in source.at_once:
            del source.values[key]
    return source


def change_rows(data: st.DataObject, source: FakeSource) -> None:
    number = data.draw(st.sampled_from(ARCS[1:-1]))
    match data.draw(st.integers(0, 4)):
        case 0 if (number,) not in source.present["numbered"]:
            source.add_row("numbered", (number,), numberedA=1, numberedB=number)
        case 1:
            source.remove_row("numbered", (number,))
        case 2:
            source.replace_rows("numbered", list(source.present["numbered"])[::2])
        case 3 if source.is_kept(source.model["oneNumber"]):
            source.put("oneNumber", (), number % 100)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), source=trees())
def test_in_turns_both_paths_give_what_an_engine_without_turns_gives(
    data: st.DataObject, source: FakeSource
) -> None:
    """While no computed value changes; rows come and go, stored values change, views are cut."""
    limits: dict[str, Any] = {"max_size": data.draw(st.sampled_from([484, 65507])),
                              "max_varbinds": data.draw(st.sampled_from([5, 2048]))}
    wire, other = Wire(source, **limits), Wire(source, **limits)
    communities = [b"public"]
    for view in data.draw(st.lists(views(), max_size=3)):
        communities.append(b"guest%d" % len(communities))
        for each in (wire, other):
            each.access.of[communities[-1]] = {"read": view}

    scalars = st.sampled_from([source.model[name].instance_oid(()) for name in SCALARS])
    asked = []
    for _ in range(data.draw(st.integers(2, 5))):
        kind = data.draw(st.sampled_from([Kind.GET, Kind.GET_NEXT, Kind.GET_BULK]))
        is_bulk = kind is Kind.GET_BULK
        asked.append(request(
            kind, *data.draw(st.lists(oids(source) | scalars, min_size=1, max_size=3)),
            version=1 if is_bulk else data.draw(st.integers(0, 1)),
            community=data.draw(st.sampled_from(communities)),
            first=data.draw(st.integers(0, 2)) if is_bulk else 0,
            second=data.draw(st.sampled_from([1, 2, 3, 10, 128])) if is_bulk else 0))

    def ask_one() -> None:
        octets = data.draw(st.sampled_from(asked))
        expected = other.engine.answer_strictly(octets, PEER, other.sent.append)
        assert wire.ask(octets) == expected

    for _ in range(data.draw(st.integers(2, 4))):
        with wire.engine.turn:
            for _ in range(data.draw(st.integers(1, 5))):
                ask_one()
                if data.draw(st.integers(0, 19)) == 19:
                    wire.engine.tree.reset()
                    wire.engine.forget()
                change_rows(data, source)
        for name in data.draw(st.sets(st.sampled_from(SCALARS), min_size=1)):
            number = data.draw(st.integers(0, 90))
            if source.is_kept(source.model[name]):
                source.put(name, (), number)
            else:
                source.values[name, ()] = number        # nobody is told
        ask_one()
