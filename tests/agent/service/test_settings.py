"""Settings: typed views of any layer, read when a field is."""

from __future__ import annotations

import enum
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.errors import ModelError, NoSuchName, WrongValue
from mibagent.service.settings import (
    Binding,
    Row,
    Table,
    field_name,
    reader_of,
    snake,
    stem,
    table_field,
    to_value,
)
from mibagent.smi.host import HostPort
from mibagent.smi.syntax import Base, Syntax
from mibagent.store.layers import Configured, Overlay, Shape
from tests.agent.service.trial import Action, House, Level, TrialSettings
from tests.agent.store.kit import ACTIVE, FIG, PEAR, SUSPEND, WAIT, trial


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# -- names

@pytest.mark.parametrize(("words", "name"), [
    ("TransportTlsVersion", "transport_tls_version"), ("TLSVersion", "tls_version"),
    ("MinSeverity", "min_severity"), ("Id", "id"), ("NbOf200Answers", "nb_of200_answers"),
    ("UseV2c", "use_v2c"), ("EnableHTTPServer", "enable_http_server")])
def test_words_in_snake_case(words: str, name: str) -> None:
    assert snake(words) == name


def test_a_field_s_name_is_the_object_s_own() -> None:
    model = trial()
    assert stem(model, "MIBGATE-TRIAL-MIB") == "trial"
    assert stem(model, "SNMPv2-MIB") == ""
    assert [field_name(model, model[name]) for name in (
        "trialGreeting", "trialFruitPrice", "trialCareFruitName", "sysDescr", "sysORID")] \
        == ["greeting", "price", "fruit_name", "sys_descr", "id"]
    assert table_field(model, model.tables["trialFruitTable"]) == "fruit"


def test_no_two_objects_of_a_service_share_a_field() -> None:
    model = trial()
    fields = [(node.table.name if node.table else "", field_name(model, node))
              for node in model.of_module("MIBGATE-TRIAL-MIB")]
    assert len(fields) == len(set(fields))


# -- reading

def test_each_type_is_read_as_the_field_wants_it(house: House) -> None:
    house.change(("trialGreeting", "grüß".encode()), ("trialLevel", 300),
                 ("trialServer", b"[2001:db8::1]:5061"), ("trialPlace", (1, 3, 6)),
                 ("trialAddress", bytes([192, 0, 2, 1])), ("trialPassword", b"sesame"))
    settings = house.trial.configured
    assert isinstance(settings, TrialSettings)
    assert [settings.greeting, settings.limit, settings.level, settings.server, settings.place,
            settings.address, settings.password] == [
        "grüß", 10, Level.HIGH, HostPort("2001:db8::1", 5061), (1, 3, 6),
        bytes([192, 0, 2, 1]), "sesame"]


def test_settings_cannot_be_written(house: House) -> None:
    with pytest.raises(AttributeError):
        house.trial.configured.greeting = "x"  # type: ignore[misc]


def test_a_table_maps_keys_to_rows_that_are_in_service(house: House) -> None:
    house.rig.make(FIG, PEAR)
    house.change(("trialFruitRowStatus", WAIT, (b"plum",)),
                 ("trialFruitRowStatus", SUSPEND, PEAR), ("trialCareWater", 7, FIG))
    settings = house.trial.configured
    assert (list(settings.fruit), len(settings.fruit)) == (["fig"], 1)
    assert (settings.fruit["fig"].colour, settings.fruit["fig"].key) == ("green", "fig")
    assert settings.fruit["fig"].index == FIG
    assert "pear" not in settings.fruit and "plum" not in settings.fruit
    assert settings.fruit.get("nobody") is None
    assert {key: row.water for key, row in settings.care.items()} == {"fig": 7}
    assert [row.label for row in settings.shelf.values()] == ["", ""]


def test_a_view_is_of_its_layer(house: House) -> None:
    house.rig.make(FIG)
    binding = house.host.services["Trial"].wired.binding
    above = Overlay(house.store.configured, {
        ("trialGreeting", ()): b"above", ("trialFruitPrice", FIG): 9,
        ("trialFruitRowStatus", PEAR): ACTIVE})
    wanted = binding.view(above)
    assert (wanted.greeting, wanted.fruit["fig"].price, set(wanted.fruit)) \
        == ("above", 9, {"fig", "pear"})
    assert house.trial.configured.greeting == "hello"


def test_nothing_is_read_before_a_field_is(house: House) -> None:
    house.rig.make(FIG)
    row = house.trial.configured.fruit["fig"]
    house.change(("trialFruitPrice", 7, FIG))
    assert row.price == 7
    house.change(("trialFruitRowStatus", 6, FIG))
    with pytest.raises(NoSuchName):
        _ = row.price


def test_a_row_can_refuse_one_of_its_fields(house: House) -> None:
    house.rig.make(FIG)
    refusal = house.trial.configured.fruit["fig"].no(WrongValue, "price", "too dear")
    assert (refusal.name, refusal.index, refusal.why) == ("trialFruitPrice", FIG, "too dear")
    with pytest.raises(LookupError):
        _ = Row().index


def test_a_key_of_odd_octets_is_found_again() -> None:
    shape = Shape(trial())
    configured = Configured(shape)
    configured.put("trialFruitRowStatus", (b"caf\xe9",), ACTIVE)
    table: Table[Any] = Table(
        configured, shape.model.tables["trialFruitTable"], lambda view, index: index)
    assert [(table[key], key in table) for key in table] == [((b"caf\xe9",), True)]


# -- types

class Other(enum.IntEnum):
    LOW = 100
    MID = 201
    HIGH = 300


@pytest.mark.parametrize(("field", "kind", "fits"), [
    ("level", Level, True), ("level", Other, False), ("level", int, False),
    ("level", str, False), ("level", bool, False), ("limit", int, True), ("limit", str, False),
    ("limit", bytes, False), ("greeting", str, True), ("greeting", HostPort, True),
    ("greeting", int, False), ("greeting", bytes, True), ("place", tuple, True),
    ("place", bytes, False), ("place", tuple[int, ...], True), ("address", bytes, True),
    ("address", str, False), ("reset", bool, True), ("limit", float, False),
    ("limit", HostPort, False), ("limit", tuple, False)])
def test_a_field_s_type_is_the_mib_s(field: str, kind: Any, fits: bool) -> None:
    model = trial()
    cls: type[Any] = make_dataclass("Some", [(field, kind)], frozen=True)
    nodes = {field_name(model, node): node for node in model.of_module("MIBGATE-TRIAL-MIB")
             if node.table is None}
    if fits:
        Binding(model, cls, nodes, {})
    else:
        with pytest.raises(ModelError, match=f"Some: {field}: trial"):
            Binding(model, cls, nodes, {})


def test_an_enumeration_is_the_mib_s_label_for_label() -> None:
    syntax = Syntax(Base.INTEGER, labels=(("not-found", 1), ("ok", 2)))
    fits = enum.IntEnum("fits", {"NOT_FOUND": 1, "OK": 2})
    assert reader_of(syntax, fits)(1) is fits.NOT_FOUND


TRUTHS = [
    (Syntax(Base.INTEGER, labels=(("true", 1), ("false", 2))), 1, 2),
    (Syntax(Base.INTEGER, labels=(("no", 0), ("yes", 100))), 100, 0),
    (Syntax(Base.INTEGER, labels=(("disable", 0), ("enable", 1))), 1, 0),
    (Syntax(Base.UNSIGNED32), 1, 0),
]


@pytest.mark.parametrize(("syntax", "yes", "no"), TRUTHS)
def test_yes_and_no_by_their_labels(syntax: Syntax, yes: int, no: int) -> None:
    assert (to_value(syntax, True), to_value(syntax, False)) == (yes, no)
    assert reader_of(syntax, bool)(yes) and not reader_of(syntax, bool)(no)


@given(st.one_of(st.integers(0, 100), st.text(), st.binary(), st.just((1, 3, 6))))
def test_what_a_service_gives_becomes_a_value_of_the_mib(given_value: Any) -> None:
    value = to_value(Syntax(Base.OCTETS, hint="255t"), given_value)
    assert isinstance(value, int | bytes | tuple)
    if isinstance(given_value, str):
        assert value == given_value.encode("utf-8", "surrogatepass")


def test_a_place_becomes_its_text() -> None:
    assert to_value(Syntax(Base.OCTETS, hint="255t"), HostPort("::1", 5)) == b"[::1]:5"
    assert to_value(Syntax(Base.INTEGER), Action.DENY) == 200


def test_text_that_does_not_fit_its_field_is_a_wrong_value(house: House) -> None:
    binding = house.host.services["Trial"].wired.binding
    above = Overlay(house.store.configured, {("trialServer", ()): b"a b"})
    with pytest.raises(WrongValue, match="trialServer"):
        binding.check(above, "trialServer", ())
    binding.check(house.store.configured, "trialServer", ())
