"""One object, five spellings: each leads back to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.errors import InconsistentName, Index, NoSuchName
from mibagent.model.nodes import MibModel, ObjectNode, TableNode
from mibagent.model.spelling import (
    Path,
    Path069,
    descriptor_of,
    find_descriptor,
    find_label,
    find_oid,
    find_path,
    find_tr069,
    key_names,
    label_of,
    oid_of,
    path_of,
    quote,
    resolve,
    tr069_of,
)
from mibagent.smi.syntax import Base, Syntax, Value
from tests.agent.model.texts import ours, parrot

VENDOR = "X_00005E_"
MODELS = (ours, parrot)


def nodes(model: MibModel) -> Iterator[ObjectNode | TableNode]:
    yield from model.tables.values()
    yield from model.objects.values()


def keys(syntax: Syntax) -> st.SearchStrategy[Value]:
    """Give values that a part of a key may have."""
    if syntax.base.is_number:
        low, high = syntax.ranges[0] if syntax.ranges else (0, 2**31 - 1)
        if syntax.labels:
            return st.sampled_from([number for _label, number in syntax.labels])
        return st.integers(max(low, 0), high)
    if syntax.base is Base.OID:
        return st.builds(lambda first, rest: (first, *rest), st.integers(0, 2),
                         st.lists(st.integers(0, 39), max_size=7))
    if syntax.base is Base.IP_ADDRESS:
        return st.binary(min_size=4, max_size=4)
    low, high = syntax.ranges[0] if syntax.ranges else (0, 32)
    octets: st.SearchStrategy[bytes] = st.binary(min_size=low, max_size=min(high, 40))
    if syntax.is_text:
        codec = "ascii" if syntax.hint.endswith("a") else "utf-8"
        octets = st.text(st.characters(codec=codec)).map(lambda text: text.encode())
    return octets.filter(lambda value: low <= len(value) <= high)


def indexes(table: TableNode | None) -> st.SearchStrategy[Index]:
    parts = table.index_syntaxes if table else ()
    return st.tuples(*map(keys, parts)) if parts else st.just(())


@pytest.mark.parametrize("load", MODELS)
def test_every_path_leads_back(load: object) -> None:
    model = load() if callable(load) else None
    assert isinstance(model, MibModel)
    paths = [path_of(model, node) for node in nodes(model)]
    assert len({path.casefold() for path in paths}) == len(paths)
    for node, path in zip(nodes(model), paths, strict=True):
        is_scalar = isinstance(node, ObjectNode) and node.table is None
        assert find_path(model, path) == Path(node, () if is_scalar else None)
        assert find_path(model, path.upper()).target is node


@given(st.data())
def test_every_row_leads_back(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from([load() for load in MODELS]))
    node = data.draw(st.sampled_from(list(nodes(model))))
    table = node if isinstance(node, TableNode) else node.table
    index = data.draw(indexes(table))
    assert find_path(model, path_of(model, node, index)) == Path(node, index)


@pytest.mark.parametrize("space", ["\x85", "\xa0", "\u2003", "\u2028", "\t", "\n", " "])
def test_spaces_of_all_kinds_stay_in_a_key(space: str) -> None:
    model = ours()
    node = model["sipEpTransportConfigTlsEnable"]
    for text in (space, f"{space}a", f"a{space}", f"a{space}b"):
        index = (text.encode(),)
        assert find_path(model, path_of(model, node, index)) == Path(node, index)


@given(st.data())
def test_every_oid_leads_back(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from([load() for load in MODELS]))
    node = data.draw(st.sampled_from(list(model.objects.values())))
    index = data.draw(indexes(node.table).filter(
        lambda index: sum(len(part) + 1 if isinstance(part, bytes) else 9 for part in index) < 90))
    assert find_oid(model, oid_of(node, index)) == (node, index)


@pytest.mark.parametrize("load", MODELS)
def test_every_descriptor_label_and_tr069_path_leads_back(load: object) -> None:
    model = load() if callable(load) else None
    assert isinstance(model, MibModel)
    for node in nodes(model):
        assert find_descriptor(model, descriptor_of(node)) is node
        assert find_descriptor(model, f"{node.module}::{node.name}") is node
        service = model.modules[node.module].service
        if isinstance(node, ObjectNode) and node.table is not None:
            scope = node.table.name
        else:
            scope = service.name if service else node.module
        assert find_label(model, scope, label_of(model, node)) is node
        path = tr069_of(model, node, VENDOR)
        if service:
            assert find_tr069(model, path, VENDOR) == Path069(node, None)
        else:
            assert path == ""


def test_tr069_paths_hold_instance_numbers() -> None:
    node, table = parrot()["parrotBirdFriend"], parrot().tables["parrotBirdTable"]
    assert tr069_of(parrot(), node, VENDOR) == "Device.X_00005E_Parrot.Bird.{i}.Friend"
    assert tr069_of(parrot(), node, VENDOR, 7) == "Device.X_00005E_Parrot.Bird.7.Friend"
    assert tr069_of(parrot(), table, VENDOR, 7) == "Device.X_00005E_Parrot.Bird.7."
    for row in (None, 1, 4095):
        for target in (node, table):
            assert find_tr069(
                parrot(), tr069_of(parrot(), target, VENDOR, row), VENDOR) == Path069(target, row)


@pytest.mark.parametrize("path", [
    "Device.X_00005E_Parrot.Nothing", "Device.X_00005E_Parrot.mood", "Device.Parrot.Mood",
    "Parrot.Mood", "Device.X_00005E_Parrot.Bird.Friend", "Device.X_00005E_Parrot.Mood.",
    "Device.X_00005E_Parrot.Bird.x.Friend", "Device.X_00005E_Parrot.Bird.01.Friend",
    "Device.X_00005E_SNMPv2-MIB.sysDescr", "", "Device.X_00005E_Parrot.Bird.1.2.Friend",
])
def test_a_wrong_tr069_path_is_refused(path: str) -> None:
    with pytest.raises(NoSuchName):
        find_tr069(parrot(), path, VENDOR)


def test_labels_are_for_people() -> None:
    labels = {name: label_of(ours(), ours()[name]) for name in (
        "sipEpTransportTlsVersion", "sipEpTransportConfigTlsEnable", "sysDescr")}
    assert labels == {
        "sipEpTransportTlsVersion": "Transport TLS Version",
        "sipEpTransportConfigTlsEnable": "TLS Enable",
        "sysDescr": "Sys Descr",
    }


def test_paths_are_as_people_know_them() -> None:
    model = ours()
    assert path_of(model, model["sipEpTransportTlsVersion"]) == "SipEp.TransportTlsVersion"
    column = model["sipEpTransportConfigTlsEnable"]
    assert path_of(model, column, (b"default",)) == (
        "SipEp.TransportConfig[GatewayName=default].TlsEnable")
    assert path_of(model, model.tables["sipEpGatewayTable"], (b"two words",)) == (
        'SipEp.Gateway[Name="two words"]')


def test_keys_have_the_names_of_the_catalogue() -> None:
    model = parrot()
    assert key_names(model, model.tables["parrotBirdTable"]) == ("Name",)
    assert key_names(model, model.tables["parrotFeedTable"]) == ("BirdName",)
    assert key_names(model, model.tables["parrotToyTable"]) == ("BirdName", "Priority")
    assert key_names(model, model.tables["parrotTeachTable"]) == ("Number",)
    assert key_names(model, model.tables["sysORTable"]) == ("sysORIndex",)


def test_keys_come_in_any_order_and_case() -> None:
    model = parrot()
    expected = Path(model["parrotToyBirdName"], (b"polly", 3))
    for text in ("Parrot.Toy[BirdName=polly,Priority=3].BirdName",
                 'parrot.toy[priority = 3 , BIRDNAME = "polly"].birdname'):
        assert find_path(model, text) == expected
    assert resolve(model, "parrot", "toy", [("priority", "3"), ("birdname", "polly")],
                   "birdName") == expected


def test_other_peoples_objects_have_their_modules_name() -> None:
    model = parrot()
    column = model["sysORDescr"]
    assert path_of(model, column, (1,)) == "SNMPv2-MIB.sysORDescr[sysORIndex=1]"
    assert find_path(model, "snmpv2-mib.sysordescr[SYSORINDEX=1]") == Path(column, (1,))
    assert find_path(model, "SNMPv2-MIB.sysORTable[sysORIndex=1]").index == (1,)
    assert find_path(model, "SNMPv2-MIB.sysDescr") == Path(model["sysDescr"], ())


def test_a_row_and_a_job_table_are_named_without_a_column() -> None:
    model = parrot()
    assert find_path(model, "Parrot.Bird[Name=x]") == Path(
        model.tables["parrotBirdTable"], (b"x",))
    assert find_path(model, "Parrot.Teach") == Path(model.tables["parrotTeachTable"], None)


@pytest.mark.parametrize(("path", "why"), [
    ("Parot.Mood", "no such service as Parot; Parrot is near"),
    ("Parrot.Mod", "no such object; Parrot.Mood is near"),
    ("Parrot.Xyzzy", "no such object"),
    ("Parrot.Bird[Name=x].Freind", "no such column; Parrot.Bird.Friend is near"),
    ("Parrot.Bird[Nam=x].Friend", "Nam is no key of it: Name is"),
    ("Parrot.Bird[Name=x,name=y].Friend", "name is given twice"),
    ("Parrot.Toy[Priority=1]", "BirdName is missing: its key is BirdName, Priority"),
    ("Parrot.Mood[Name=x]", "there is one of it: it has no key"),
    ("Parrot.Mood.", ". is too much"),
    ("Parrot.Bird[Name=x]Friend", "Friend is too much"),
    ("Parrot.Bird[Name]", "Key=value is wanted in brackets"),
    ("Parrot.Bird[Name=x", "a comma or a closing bracket is wanted after a key"),
    ("Parrot", "a path is Service.Name or Service.Table[Key=value].Column"),
    ("", "a path is Service.Name or Service.Table[Key=value].Column"),
])
def test_a_wrong_path_says_why(path: str, why: str) -> None:
    with pytest.raises(NoSuchName) as caught:
        find_path(parrot(), path)
    assert caught.value.why == why


@pytest.mark.parametrize(("path", "why"), [
    ("Parrot.Toy[BirdName=x,Priority=21]", "Priority: 1..20 allowed"),
    ("Parrot.Toy[BirdName=x,Priority=one]", "Priority: 1..20 allowed"),
    ('Parrot.Bird[Name=""]', "Name: 1..64 octets allowed"),
    (f"Parrot.Bird[Name={'x' * 65}]", "Name: 1..64 octets allowed"),
    ("Parrot.Bird[Name=0xff]", "Name: not UTF-8 text"),
])
def test_a_key_that_does_not_fit_says_why(path: str, why: str) -> None:
    with pytest.raises(InconsistentName) as caught:
        find_path(parrot(), path)
    assert caught.value.why == why


def test_an_index_of_another_length_has_no_path() -> None:
    with pytest.raises(InconsistentName):
        path_of(parrot(), parrot()["parrotBirdFriend"], (b"a", b"b"))


@pytest.mark.parametrize("oid", ["1.3.6.1.2.1.1.1", "1.3.6.1.2.1.1.1.1", "1.2.3", "x", "", "1..3"])
def test_an_oid_of_no_instance_is_refused(oid: str) -> None:
    with pytest.raises(NoSuchName):
        find_oid(parrot(), oid)


def test_an_unknown_descriptor_has_a_suggestion() -> None:
    with pytest.raises(NoSuchName, match="parrotMood is near"):
        find_descriptor(parrot(), "parrotMod")
    with pytest.raises(NoSuchName):
        find_descriptor(parrot(), "SNMPv2-MIB::parrotMood")
    with pytest.raises(NoSuchName):
        find_label(parrot(), "Parrot", "No Such")


def test_quotes_stand_where_they_must() -> None:
    assert [quote(text) for text in ("plain", "a b", "", 'a"b\\', "a]", "ü", "a\nb")] == [
        "plain", '"a b"', '""', r'"a\"b\\"', '"a]"', "ü", r'"a\nb"']
