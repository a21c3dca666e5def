"""What platforms are to poll: all that a unit computes, and no row without a name."""

from __future__ import annotations

from mibgateway.platforms.chosen import NAMED_BY, WITHOUT, choose, in_one_line
from tests.gateway.kit import Bench, model


def test_all_of_it_is_answered_by_a_unit(unit: Bench) -> None:
    chosen = choose(model())
    for node in chosen.scalars:
        assert unit.store.is_served(node.name), node.name
        assert isinstance(unit.get(node.name), int)
    for polled in chosen.tables:
        for node in (*polled.columns, *polled.names):
            assert unit.store.is_served(node.name), node.name


def test_what_a_platform_graphs_is_there() -> None:
    chosen = choose(model())
    tables = {polled.table.name: {node.name for node in polled.columns} for polled in chosen.tables}
    assert {"ifHCInOctets", "ifHCOutOctets", "ifHighSpeed"} <= tables["ifXTable"]
    assert {"ifOperStatus", "ifAdminStatus", "ifInErrors"} <= tables["ifTable"]
    assert {"hrStorageSize", "hrStorageUsed"} <= tables["hrStorageTable"]
    assert tables["hrProcessorTable"] == {"hrProcessorLoad"}
    assert {"sysUpTime", "scmUnitHealth", "nlmSyslogFailed"} <= {
        node.name for node in chosen.scalars}


def test_tables_are_left_out_and_named_by_names_that_are_there() -> None:
    known = model()
    assert set(known.tables) >= WITHOUT and set(NAMED_BY) <= set(known.tables)
    for names in NAMED_BY.values():
        assert all(known.objects[name].syntax.is_text for name in names)
    assert not {polled.table.name for polled in choose(known).tables} & WITHOUT
    for polled in choose(known).tables:
        assert not polled.table.is_job


def test_a_row_with_a_text_as_its_key_is_named_by_it() -> None:
    (services,) = [polled for polled in choose(model()).tables
                   if polled.table.name == "scmServicesInfoTable"]
    assert [node.name for node in services.names] == ["scmServicesInfoName"]


def test_one_line() -> None:
    assert in_one_line("What it is.\n\n  And more.") == "What it is. And more."
