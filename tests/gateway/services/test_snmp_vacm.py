"""The tables of views as tables: made, kept, told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from mibagent.errors import InconsistentValue, Refused
from tests.gateway.kit import Bench

CREATE_AND_GO, DESTROY, NON_VOLATILE = 4, 6, 3
OWN = (b"own", (1, 3, 6, 1, 2, 1, 1))


def test_rows_outlive_the_process(tmp_path: Path) -> None:
    unit = Bench(tmp_path / "own")
    unit.set("vacmViewTreeFamilyStatus", CREATE_AND_GO, OWN)
    assert unit.get("vacmViewTreeFamilyStorageType", OWN) == NON_VOLATILE
    later = unit.again(tmp_path / "own")
    assert OWN in later.rows("vacmViewTreeFamilyTable")
    later.set("vacmViewTreeFamilyStatus", DESTROY, OWN)
    assert OWN not in later.rows("vacmViewTreeFamilyTable")
    later.stop()


def test_a_view_may_begin_at_the_root_as_net_snmp_writes_it(unit: Bench) -> None:
    unit.set("vacmViewTreeFamilyStatus", CREATE_AND_GO, (b"own", (1,)))
    assert (b"own", (1,)) in unit.rows("vacmViewTreeFamilyTable")
    for subtree in ((), (7,), (3, 1), (1, 40)):
        with pytest.raises(Refused):
            unit.set("vacmViewTreeFamilyStatus", CREATE_AND_GO, (b"own", subtree))


def test_a_group_is_needed_before_its_row_is_active(unit: Bench) -> None:
    with pytest.raises(InconsistentValue):
        unit.set("vacmSecurityToGroupStatus", CREATE_AND_GO, (3, b"tom"))
    unit.change(("vacmSecurityToGroupStatus", (3, b"tom"), CREATE_AND_GO),
                ("vacmGroupName", (3, b"tom"), b"own"))
    assert unit.get("vacmGroupName", (3, b"tom")) == b"own"


def test_managers_take_turns_by_the_spin_lock(unit: Bench) -> None:
    now = unit.get("vacmViewSpinLock")
    unit.change(("vacmViewSpinLock", (), now),
                ("vacmViewTreeFamilyStatus", OWN, CREATE_AND_GO))
    with pytest.raises(InconsistentValue):
        unit.change(("vacmViewSpinLock", (), now),
                    ("vacmViewTreeFamilyStatus", OWN, DESTROY))
    assert OWN in unit.rows("vacmViewTreeFamilyTable")
    assert unit.get("vacmViewSpinLock") == now + 1
