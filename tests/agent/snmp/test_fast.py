"""The fast path gives what the strict path gives, octet for octet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mibagent.errors import Index
from mibagent.model.nodes import ObjectNode
from mibagent.smi.oid import Oid
from mibagent.snmp.ber import UNSPECIFIED, decode_oid, encode_oid, sort_key
from mibagent.snmp.pdu import Kind
from mibagent.snmp.vacm import Family, View
from tests.agent.snmp.fakes import ROOT, FakeSource, Wire, request, response, sample, walk

ARCS = [0, 1, 2, 3, 4, 10, 97, 127, 128, 200, 300, 16383, 16384, 40000, 70000, 2**28, 2**32 - 1]


def all_names(source: FakeSource) -> list[Oid]:
    rows: dict[str, list[Index]] = {name: list(rows) for name, rows in source.present.items()}
    names = [node.instance_oid(()) for node in source.model.objects.values() if not node.table]
    names += [node.instance_oid(index) for node in source.model.objects.values() if node.table
              for index in rows[node.table.name]]
    return names


@st.composite
def oids(draw: st.DrawFn, source: FakeSource) -> Oid:
    known = draw(st.sampled_from(all_names(source)))
    kind = draw(st.integers(0, 5))
    if kind < 3:
        return known
    if kind == 3:
        return known[:draw(st.integers(2, len(known)))]
    if kind == 4:
        return (*known, draw(st.sampled_from(ARCS)))
    return (*ROOT, *draw(st.lists(st.sampled_from(ARCS), max_size=4)))


@st.composite
def trees(draw: st.DrawFn) -> FakeSource:
    kept = draw(st.sets(st.sampled_from(
        ["oneNumber", "oneText", "lateNumber", "named", "numberedA", "numberedB", "numberedC"])))

    def keeps(node: ObjectNode) -> bool:
        return any(node.name.startswith(prefix) for prefix in kept)

    source = sample(keeps)
    for key in draw(st.sets(st.sampled_from(sorted(source.values, key=repr)), max_size=8)):
        if draw(st.booleans()):
            del source.values[key]
        elif draw(st.integers(0, 3)) == 0:
            source.computed[key] = broken
    for index in draw(st.sets(st.sampled_from(sorted(source.present["numbered"])), max_size=9)):
        source.remove_row("numbered", index)
    return source


def broken() -> int:
    raise RuntimeError("no reading")


def change_something(data: st.DataObject, source: FakeSource) -> None:
    which = data.draw(st.integers(0, 5))
    number = data.draw(st.sampled_from(ARCS[1:-1]))
    if which == 0:
        source.add_row("numbered", (number,), numberedA=1, numberedB=number)
    elif which == 1:
        source.remove_row("numbered", (number,))
    elif which == 2:
        source.put("numberedA", (number,), number % 99)
    elif which == 3:
        source.take("numberedB", (number,))
    elif which == 4:
        source.replace_rows("numbered", list(source.present["numbered"])[::2])
    else:
        source.put("oneNumber", (), number % 100)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), source=trees())
def test_both_paths_give_the_same_octets(data: st.DataObject, source: FakeSource) -> None:
    wire = Wire(source, max_size=data.draw(st.sampled_from([484, 600, 65507])),
                max_varbinds=data.draw(st.sampled_from([1, 5, 2048])))
    for _ in range(data.draw(st.integers(1, 6))):
        kind = data.draw(st.sampled_from([Kind.GET, Kind.GET_NEXT, Kind.GET_BULK]))
        options: dict[str, Any] = {
            "request_id": data.draw(st.sampled_from([0, -1, 300, 2**31 - 1]))}
        if kind is Kind.GET_BULK:
            options |= {
                "first": data.draw(st.integers(-1, 3)),
                "second": data.draw(st.sampled_from([-1, 0, 1, 2, 3, 10, 127, 128, 2**31 - 1]))}
        else:
            options["version"] = data.draw(st.integers(0, 1))
        asked = data.draw(st.lists(oids(source), max_size=4))
        wire.ask_both(request(kind, *asked, **options))
        if data.draw(st.booleans()):
            change_something(data, source)


@st.composite
def views(draw: st.DrawFn) -> View:
    """Views that cut between objects, between scalars, and now and then inside a table."""
    places = [(1,), ROOT, (*ROOT, 1), (*ROOT, 1, 2), (*ROOT, 1, 8), (*ROOT, 2), (*ROOT, 2, 1, 3),
              (*ROOT, 3, 300), (*ROOT, 40000), (*ROOT, 40000, 1, 200),
              (*ROOT, 40000, 1, 1, 127), (*ROOT, 2, 1, 2, 1, 97)]
    families = draw(st.lists(st.builds(
        Family, st.sampled_from(places[:draw(st.sampled_from([10, 12]))]), st.just(b""),
        st.booleans()), max_size=4, unique_by=lambda family: family.subtree))
    if draw(st.integers(0, 4)) == 0:
        families.append(Family((*ROOT, 40000, 1, 0, 128), b"\xff\xfe\xbf"))
    return View(b"drawn", (Family((1,), included=draw(st.booleans())), *families))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), source=trees())
def test_both_paths_give_the_same_octets_whatever_is_in_view(
    data: st.DataObject, source: FakeSource
) -> None:
    wire = Wire(source)
    wire.engine.amplify(data.draw(st.sampled_from([0, 1, 2, 5, 50])))
    drawn = data.draw(st.lists(views(), min_size=1, max_size=3))
    for number, view in enumerate(drawn):
        wire.access.of[b"guest%d" % number] = {"read": view}
    for _ in range(data.draw(st.integers(1, 6))):
        kind = data.draw(st.sampled_from([Kind.GET, Kind.GET_NEXT, Kind.GET_BULK]))
        number = data.draw(st.integers(0, len(drawn) - 1))
        version = 1 if kind is Kind.GET_BULK else data.draw(st.integers(0, 1))
        asked = data.draw(st.lists(oids(source), max_size=4))
        answer = wire.ask_both(request(
            kind, *asked, version=version, community=b"guest%d" % number,
            second=data.draw(st.sampled_from([1, 3, 60])) if kind is Kind.GET_BULK else 0))
        assert answer is not None
        found = response(answer)
        assert found.first or all(
            drawn[number].shows(decode_oid(each.name)) for each in found.varbinds
            if each.tag not in UNSPECIFIED)
        if data.draw(st.booleans()):
            change_something(data, source)


def test_a_view_is_walked_whole_by_octets() -> None:
    source = sample()
    wire = Wire(source)
    cut = View(b"cut", (Family((*ROOT, 1)), Family((*ROOT, 1, 2), included=False),
                        Family((*ROOT, 40000, 1, 200))))
    wire.access.of[b"public"] = {"read": cut}
    expected = [encode_oid(oid) for oid in sorted(all_names(source))
                if cut.shows(oid) and source.model.find(oid).node.is_readable]
    assert list(walk(wire)) == expected
    assert list(walk(wire)) == expected
    octets = request(Kind.GET_NEXT, (*ROOT, 1, 9, 0))
    assert wire.engine.fast.answer(octets, ("192.0.2.1", 40000)) is not None


def test_the_ninth_view_and_one_that_cuts_a_table_are_asked_step_by_step() -> None:
    wire = Wire(sample())
    octets = {name: request(Kind.GET, (*ROOT, 1, 1, 0), community=name)
              for name in (b"guest%d" % number for number in range(10))}
    wire.access.of[b"guest0"] = {"read": View(b"row", (Family((*ROOT, 1)), Family(
        (*ROOT, 40000, 1, 1, 127))))}
    for name in list(octets)[1:]:
        wire.access.of[name] = {"read": View(name, (Family((*ROOT, 1)),))}
    answers = [wire.ask(each) for each in octets.values() for _ in range(2)][::2]
    assert all(response(each or b"").first == 0 for each in answers)
    fast = [wire.engine.fast.answer(each, ("192.0.2.1", 40000)) is not None
            for each in octets.values()]
    assert fast == [False, *[True] * 7, False, False]
    wire.engine.forget()
    wire.ask(octets[b"guest9"])
    assert wire.engine.fast.answer(octets[b"guest9"], ("192.0.2.1", 40000)) is not None


def test_who_sees_less_from_now_on_sees_less_in_the_next_datagram() -> None:
    wire = Wire(sample())
    octets = request(Kind.GET, (*ROOT, 1, 1, 0))
    assert [response(wire.ask(octets) or b"").varbinds[0].tag for _ in range(3)] == [2, 2, 2]
    wire.access.of[b"public"] = {"read": View(b"less", (Family((*ROOT, 1, 2)),))}
    wire.engine.forget()
    assert [response(wire.ask(octets) or b"").varbinds[0].tag for _ in range(3)] == [0x80] * 3


def test_the_fast_path_knows_the_usual_reads() -> None:
    source = sample()
    wire = Wire(source)
    for kind, repeat in ((Kind.GET, 0), (Kind.GET_NEXT, 0), (Kind.GET_BULK, 3)):
        for version in (0, 1):
            if version == 0 and kind is Kind.GET_BULK:
                continue
            oid = source.model["oneNumber"].instance_oid(())
            octets = request(kind, oid, version=version, second=repeat)
            assert wire.engine.fast.answer(octets, ("192.0.2.1", 1)) is None
            wire.ask(octets)
            assert wire.engine.fast.answer(octets, ("192.0.2.1", 1)) is not None


def test_another_host_is_judged_by_itself() -> None:
    wire = Wire(sample())
    octets = request(Kind.GET, (*ROOT, 1, 1, 0))
    for _ in range(3):
        wire.ask(octets)
    assert wire.access.asked == 1
    wire.ask(octets, ("192.0.2.2", 40000))
    assert wire.access.asked == 2


def test_who_lost_access_is_refused_with_the_next_datagram() -> None:
    wire = Wire(sample())
    octets = request(Kind.GET, (*ROOT, 1, 1, 0))
    wire.ask(octets)
    assert wire.ask(octets) is not None
    del wire.access.communities[b"public"]
    wire.engine.forget()
    assert wire.ask(octets) is None
    assert wire.engine.counters.in_bad_community_names == 1


def test_counters_of_both_paths_add_up() -> None:
    wire = Wire(sample())
    for _ in range(5):
        wire.ask(request(Kind.GET, (*ROOT, 1, 1, 0), (*ROOT, 1, 2, 0)))
        wire.ask(request(Kind.GET_NEXT, (*ROOT, 1, 1, 0)))
        wire.ask(request(Kind.GET_BULK, (*ROOT, 1, 1, 0), second=4))
    counters = wire.engine.counters
    assert counters["snmpInPkts"] == counters["snmpOutPkts"] == 15
    assert counters["snmpOutGetResponses"] == 15
    assert (counters.in_get_requests, counters.in_get_nexts, counters.in_get_bulks) == (5, 5, 5)
    assert counters["snmpInTotalReqVars"] == 5 * (2 + 1 + 4)


def test_tables_of_what_is_known_stay_small() -> None:
    wire = Wire(sample())
    for number in range(5000):
        host = f"192.0.{number // 250}.{number % 250}"
        wire.ask(request(Kind.GET, (*ROOT, 1, 1, 0), request_id=number * 997), (host, 1))
    fast: Any = wire.engine.fast
    assert len(fast._tables) <= 64
    assert wire.engine.counters.in_pkts == 5000


@pytest.mark.parametrize("kept", [True, False])
def test_a_walk_gives_everything_once_in_order(kept: bool) -> None:
    source = sample(lambda _: kept)
    wire = Wire(source)
    found = list(walk(wire))
    keys = [sort_key(each) for each in found]
    assert keys == sorted(set(keys))
    readable = {encode_oid(oid) for oid in all_names(source)
                if source.model.find(oid).node.is_readable}
    assert set(found) == readable


def test_getbulk_walks_as_getnext_does() -> None:
    source = sample()
    wire = Wire(source)
    by_next = list(walk(wire))
    at: Oid = (1, 3)
    by_bulk: list[bytes] = []
    while True:
        answer = wire.ask(request(Kind.GET_BULK, at, second=7))
        assert answer is not None
        varbinds = response(answer).varbinds
        by_bulk += [each.name for each in varbinds if each.tag != 0x82]
        if varbinds[-1].tag == 0x82:
            break
        at = decode_oid(varbinds[-1].name)
    assert by_bulk == by_next


def test_a_hole_in_a_kept_column_is_stepped_over() -> None:
    """The column has been read whole, so that its slice would join with the hole in it."""
    source = sample()
    del source.values["numberedA", (127,)]
    wire = Wire(source)
    list(walk(wire))
    asked = (*ROOT, 40000, 1, 1, 1)
    wire.ask(request(Kind.GET, asked))
    for repeat in (1, 2, 3, 5):
        answer = wire.ask_both(request(Kind.GET_BULK, asked, second=repeat))
        assert answer is not None and len(response(answer).varbinds) == repeat
        wire.ask_both(request(Kind.GET_BULK, asked, asked, first=1, second=repeat))


def test_little_more_is_read_than_an_answer_may_hold() -> None:
    """What an answer to a community costs is bounded with it, up to one stretch of a column."""
    reads = 0

    def read() -> int:
        nonlocal reads
        reads += 1
        return 7

    source = sample(lambda _: False)
    for number in range(1000):
        source.add_row("numbered", (number + 3,), numberedA=number)
        source.computed["numberedA", (number + 3,)] = read
    wire = Wire(source)
    wire.engine.amplify(5)
    octets = request(Kind.GET_BULK, (*ROOT, 40000, 1, 1), second=900)
    for _ in range(3):
        reads = 0
        answer = wire.ask(octets)
        assert answer is not None
        assert len(answer) <= 5 * len(octets)
        assert reads <= 256
