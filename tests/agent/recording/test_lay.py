"""A recording over a MIB: what fits is the MIB's, all else is served as it was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mibagent.smi.syntax import Base
from mibagent.snmp.pdu import Status
from tests.agent.recording.kit import CROW, Served

NEST = f"{CROW}.10.1"
FOOD = f"{CROW}.11.1"
OAK, ASH = "111.97.107", "97.115.104"
GO, DESTROY = 4, 6

DEVICE = f"""\
.{CROW}.1.0 = STRING: "rook"
.{CROW}.2.0 = INTEGER: loud(2)
.{NEST}.2.{ASH} = Gauge32: 3
.{NEST}.2.{OAK} = Gauge32: 4
.{NEST}.3.{OAK} = INTEGER: 20
.{NEST}.4.{ASH} = INTEGER: active(1)
.{NEST}.4.{OAK} = INTEGER: active(1)
.{FOOD}.2.7 = Gauge32: 50
.{FOOD}.3.7 = IpAddress: 192.0.2.1
.1.3.6.1.4.1.32473.88.1.0 = INTEGER: 5
.1.3.6.1.4.1.32473.88.2.1.4 = Counter64: 6
.1.3.6.1.4.1.32473.88.2.1.5 = STRING: "six"
"""
RECORDED = [line.split(" = ")[0][1:] for line in DEVICE.splitlines()]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "w", DEVICE)
    yield served
    served.close()


def test_a_walk_gives_what_was_recorded_and_nothing_else(device: Served) -> None:
    assert device.names() == RECORDED
    assert device.remarks == []


def test_the_mib_checks_what_is_set(device: Served) -> None:
    assert device.set((f"{CROW}.2.0", Base.INTEGER, 1)) == (0, 0)
    assert device.get(f"{CROW}.2.0") == (2, b"\x01")
    assert device.set((f"{CROW}.2.0", Base.INTEGER, 3)) == (Status.WRONG_VALUE, 1)
    assert device.set((f"{CROW}.1.0", Base.OCTETS, b"x" * 17)) == (Status.WRONG_LENGTH, 1)
    assert device.set((f"{FOOD}.2.7", Base.UNSIGNED32, 1001)) == (Status.WRONG_VALUE, 1)
    assert device.set((f"{FOOD}.3.7", Base.IP_ADDRESS, bytes(4))) == (Status.NOT_WRITABLE, 1)
    assert device.set((f"{FOOD}.2.8", Base.UNSIGNED32, 1)) == (Status.NO_CREATION, 1)
    assert device.set((f"{FOOD}.2.7", Base.UNSIGNED32, 1000)) == (0, 0)


def test_rows_come_and_go_by_row_status(device: Served) -> None:
    assert device.set((f"{NEST}.4.{OAK}", Base.INTEGER, DESTROY)) == (0, 0)
    assert [name for name in device.names(NEST) if name.endswith(OAK)] == []
    assert device.set((f"{NEST}.4.{OAK}", Base.INTEGER, GO),
                      (f"{NEST}.3.{OAK}", Base.INTEGER, 9)) == (0, 0)
    assert device.get(f"{NEST}.2.{OAK}") == (0x42, b"\x00")


def test_a_cell_that_was_not_recorded_is_not_there_and_its_row_made_anew_is_like_any(
    device: Served
) -> None:
    assert device.get(f"{NEST}.3.{ASH}")[0] == 0x81
    device.set((f"{NEST}.4.{ASH}", Base.INTEGER, DESTROY))
    assert device.set((f"{NEST}.4.{ASH}", Base.INTEGER, GO)) == (Status.INCONSISTENT_VALUE, 1)
    assert device.set((f"{NEST}.4.{ASH}", Base.INTEGER, GO),
                      (f"{NEST}.3.{ASH}", Base.INTEGER, 1)) == (0, 0)
    assert device.get(f"{NEST}.2.{ASH}") == (0x42, b"\x00")


def test_what_no_mib_knows_is_read_only(device: Served) -> None:
    assert device.get("1.3.6.1.4.1.32473.88.1.0") == (2, b"\x05")
    assert device.set(("1.3.6.1.4.1.32473.88.1.0", Base.INTEGER, 6)) == (Status.NOT_WRITABLE, 1)
    assert device.laid.found == 3


def test_an_snmpv1_manager_is_spared_counter64_alone(device: Served) -> None:
    wide = "1.3.6.1.4.1.32473.88.2.1.4"
    assert device.names(version=0) == [name for name in RECORDED if name != wide]
    assert device.get(wide) == (0x46, b"\x06")


def test_writable_takes_a_value_of_the_recorded_type_only(tmp_path: Path) -> None:
    device = Served(tmp_path / "w", DEVICE, writable=True)
    assert device.set(("1.3.6.1.4.1.32473.88.1.0", Base.INTEGER, 6)) == (0, 0)
    assert device.get("1.3.6.1.4.1.32473.88.1.0") == (2, b"\x06")
    assert device.set(("1.3.6.1.4.1.32473.88.1.0", Base.OCTETS, b"6")) == (Status.WRONG_TYPE, 1)
    assert device.set(("1.3.6.1.4.1.32473.88.9.0", Base.INTEGER, 6))[0] == Status.NO_CREATION
    device.close()


def test_a_mib_without_a_recording_is_served_by_its_defaults(tmp_path: Path) -> None:
    device = Served(tmp_path / "w")
    assert device.names(CROW) == [f"{CROW}.{arc}.0" for arc in range(1, 8)]
    assert device.get(f"{CROW}.1.0") == (4, b"corvus")
    assert device.set((f"{NEST}.4.{OAK}", Base.INTEGER, GO),
                      (f"{NEST}.3.{OAK}", Base.INTEGER, 9)) == (0, 0)
    assert device.names(NEST) == [f"{NEST}.{column}.{OAK}" for column in (2, 3, 4)]
    device.close()


def test_fill_serves_what_the_recording_lacks(tmp_path: Path) -> None:
    device = Served(tmp_path / "w", f".{CROW}.2.0 = INTEGER: 2\n", fill=True)
    assert device.names(CROW) == [f"{CROW}.{arc}.0" for arc in range(1, 8)]
    device.close()


def test_an_empty_table_of_a_recorded_module_takes_rows(tmp_path: Path) -> None:
    device = Served(tmp_path / "w", f".{CROW}.2.0 = INTEGER: 2\n")
    assert device.names() == [f"{CROW}.2.0"]
    assert device.set((f"{NEST}.4.{OAK}", Base.INTEGER, GO),
                      (f"{NEST}.3.{OAK}", Base.INTEGER, 9)) == (0, 0)
    assert len(device.names(NEST)) == 3
    device.close()


def test_rows_of_a_table_bring_none_in_those_that_augment_it(tmp_path: Path) -> None:
    device = Served(tmp_path / "w", f".{FOOD}.2.7 = Gauge32: 5\n.{FOOD}.2.8 = Gauge32: 6\n")
    assert device.names() == [f"{FOOD}.2.7", f"{FOOD}.2.8"]
    device.close()
    device = Served(tmp_path / "w", f".{FOOD}.2.7 = Gauge32: 5\n.{CROW}.12.1.1.8 = Gauge32: 6\n")
    assert device.names() == [f"{FOOD}.2.7", f"{CROW}.12.1.1.8"]
    device.close()


def test_states_and_storages_that_are_none_keep_nobody_from_setting(tmp_path: Path) -> None:
    vacm = "1.3.6.1.6.3.16.1.2.1"
    device = Served(tmp_path / "w", "".join((
        f".{vacm}.3.3.1.97 = STRING: \"g\"\n", f".{vacm}.4.3.1.97 = INTEGER: 9\n",
        f".{vacm}.5.3.1.97 = INTEGER: 77\n")))
    assert device.get(f"{vacm}.4.3.1.97") == (2, b"\x09")
    assert device.get(f"{vacm}.5.3.1.97") == (2, b"\x01")
    assert [remark.split(": ")[2] for remark in device.remarks] == [
        "vacmSecurityToGroupStorageType", "vacmSecurityToGroupStatus"]
    assert device.set((f"{vacm}.3.3.1.97", Base.OCTETS, b"h")) == (0, 0)
    assert device.set((f"{vacm}.5.3.1.97", Base.INTEGER, DESTROY)) == (0, 0)
    assert device.names(vacm) == []
    device.close()


ODDITIES = [
    ("another type", f".{CROW}.2.0 = STRING: \"loud\"", f"{CROW}.2.0", (4, b"loud"),
     "crowMood: its SYNTAX is INTEGER and OCTETS was recorded"),
    ("out of range", f".{FOOD}.2.7 = Gauge32: 5000", f"{FOOD}.2.7", (0x42, b"\x13\x88"),
     "crowFoodGrams: a value is not one that its MIB allows (0..1000 allowed)"),
    ("no label", f".{CROW}.2.0 = INTEGER: 9", f"{CROW}.2.0", (2, b"\x09"),
     "crowMood: a value is not one that its MIB allows"),
    ("scalar elsewhere", f".{CROW}.2.5 = INTEGER: 1", f"{CROW}.2.5", (2, b"\x01"),
     f"crowMood: {CROW}.2.5 is no instance that its MIB allows"),
    ("scalar as a leaf", f".{CROW}.2 = INTEGER: 1", f"{CROW}.2", (2, b"\x01"),
     f"crowMood: {CROW}.2 is no instance that its MIB allows"),
    ("key too long", f".{FOOD}.2.7.7 = Gauge32: 5", f"{FOOD}.2.7.7", (0x42, b"\x05"),
     "crowFoodGrams: "),
    ("key out of range", f".{FOOD}.2.700 = Gauge32: 5", f"{FOOD}.2.700", (0x42, b"\x05"),
     "crowFoodTable: the MIB allows no such key"),
    ("not accessible", f".{FOOD}.1.7 = INTEGER: 7", f"{FOOD}.1.7", (2, b"\x07"), ""),
    ("hint of a number", f".{CROW}.4.0 = INTEGER: 36.6", f"{CROW}.4.0", (2, b"\x01\x6e"), ""),
    ("hint of octets", f".{CROW}.5.0 = STRING: 0:1b:c", f"{CROW}.5.0", (4, b"\x00\x1b\x0c"), ""),
    ("hint of a date", f".{CROW}.6.0 = STRING: 2026-11-24,18:5:1.0", f"{CROW}.6.0",
     (4, bytes.fromhex("07ea0b1812050100")), ""),
    ("bits", f".{CROW}.7.0 = BITS: 80 40 black(0) shy(9) ", f"{CROW}.7.0", (4, b"\x80\x40"), ""),
    ("no type, known by its MIB", f".{CROW}.2.0 = loud", f"{CROW}.2.0", (2, b"\x02"), ""),
]


@pytest.mark.parametrize(("line", "oid", "answer", "remark"), [each[1:] for each in ODDITIES],
                         ids=[each[0] for each in ODDITIES])
def test_an_oddity_is_served_as_recorded_and_remarked_on(
    line: str, oid: str, answer: tuple[int, bytes], remark: str, tmp_path: Path
) -> None:
    device = Served(tmp_path / "w", line + "\n")
    assert device.get(oid) == answer
    assert device.names() == [oid]
    assert len(device.remarks) == bool(remark)
    if remark:
        assert device.remarks[0].startswith("w:1: warning: ")
        assert remark in device.remarks[0]
    device.close()


def test_an_odd_cell_takes_its_whole_column_and_no_other(tmp_path: Path) -> None:
    device = Served(tmp_path / "w", DEVICE + f".{FOOD}.2.8 = STRING: \"much\"\n")
    assert device.names() == sorted(
        [*RECORDED, f"{FOOD}.2.8"], key=lambda name: tuple(map(int, name.split("."))))
    assert device.set((f"{FOOD}.2.7", Base.UNSIGNED32, 1)) == (Status.NOT_WRITABLE, 1)
    assert device.set((f"{CROW}.2.0", Base.INTEGER, 1)) == (0, 0)
    device.close()


def test_doubles_and_disorder_are_taken_and_the_first_counts(tmp_path: Path) -> None:
    lines = DEVICE.splitlines()
    device = Served(tmp_path / "w", "\n".join([*reversed(lines), f".{CROW}.2.0 = INTEGER: 1"]))
    assert device.names() == RECORDED
    assert device.get(f"{CROW}.2.0") == (2, b"\x02")
    assert device.remarks == [f"w:13: warning: {CROW}.2.0: is recorded twice; the first value "
                              "counts"]
    device.close()


def test_many_remarks_of_one_kind_are_counted(tmp_path: Path) -> None:
    device = Served(tmp_path / "w", "".join(
        f".{FOOD}.2.{kind} = Gauge32: 5000\n" for kind in range(1, 51)))
    assert len(device.remarks) == 11
    assert device.remarks[-1].startswith("w: 40 more of: a value is not one")
    device.close()


def test_what_is_set_outlives_the_agent_with_a_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    device = Served(tmp_path / "w", DEVICE, state=state, writable=True)
    for binding in (
            (f"{CROW}.2.0", Base.INTEGER, 1), (f"{NEST}.4.{OAK}", Base.INTEGER, DESTROY),
            (f"{NEST}.4.{ASH}", Base.INTEGER, DESTROY),
            ("1.3.6.1.4.1.32473.88.1.0", Base.INTEGER, 6)):
        assert device.set(binding) == (0, 0)
    assert device.set((f"{NEST}.4.{ASH}", Base.INTEGER, GO),
                      (f"{NEST}.3.{ASH}", Base.INTEGER, 1)) == (0, 0)
    before = device.names()
    device.close()
    device = Served(tmp_path / "w", DEVICE, state=state, writable=True)
    assert device.names() == before
    assert device.get(f"{CROW}.2.0") == (2, b"\x01")
    assert device.get("1.3.6.1.4.1.32473.88.1.0") == (2, b"\x06")
    assert device.get(f"{NEST}.2.{ASH}") == (0x42, b"\x00")
    device.close()


def test_without_a_state_nothing_is_kept(tmp_path: Path) -> None:
    device = Served(tmp_path / "w", DEVICE)
    device.set((f"{CROW}.2.0", Base.INTEGER, 1))
    device.close()
    device = Served(tmp_path / "w", DEVICE)
    assert device.get(f"{CROW}.2.0") == (2, b"\x02")
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
    device.close()
