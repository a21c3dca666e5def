"""Who asks: the numbers are the MIB's."""

from __future__ import annotations

from mibagent.model.cache import load_model
from mibagent.model.places import mib_folders
from mibagent.store.access import Principal, Rights


def test_rights_are_numbered_as_the_mib_numbers_them() -> None:
    labels = load_model(mib_folders())["aaaUsersAccessRights"].syntax.labels
    assert {label.upper(): number for label, number in labels} \
        == {right.name: right.value for right in Rights}


def test_a_higher_number_may_less() -> None:
    assert Rights.ADMIN < Rights.USER < Rights.OBSERVER


def test_the_same_asker_at_another_door_is_another() -> None:
    assert Principal("ada", Rights.ADMIN, "snmp") != Principal("ada", Rights.ADMIN, "cli")
