"""The tree as text."""

from __future__ import annotations

from mibagent.model.tree import tree_lines
from tests.agent.model.texts import ours, parrot

ROOT = (1, 3, 6, 1, 4, 1, 32473, 77, 1)


def test_a_branch_is_drawn() -> None:
    lines = tree_lines(parrot(), (*ROOT, 1300))
    assert lines == [
        "parrotToyTable(1.3.6.1.4.1.32473.77.1.1300)       table",
        "└─ parrotToyEntry(1)                              [parrotBirdKey, parrotToyPriority]",
        "   ├─ parrotToyBirdName(100)                 r--  Word (SIZE (1..64))",
        "   └─ parrotToyPriority(200)                 ---  Unsigned32 (1..20)",
    ]


def test_scalars_show_labels_units_and_notifications_their_objects() -> None:
    lines = tree_lines(parrot(), modules=["PARROT-MIB"])
    text = "\n".join(lines)
    assert lines[0].startswith("iso(1)")
    assert "enterprises(1)" in text
    assert "rw-  Integer32 (-10..-1|0..31) decibels" in text
    assert "rw-  Integer32 {noOp(0), hush(10)}" in text
    assert "--n  notification (parrotMotto, parrotBirdFriend)" in text
    assert "job table" in text
    assert "sysDescr" not in text


def test_access_stands_in_one_column() -> None:
    lines = tree_lines(parrot(), ROOT)
    places = {line.index(access) for line in lines
              for access in ("r--", "rw-", "rwc", "---") if f"  {access}  " in line}
    assert len(places) == 1


def test_every_object_is_in_the_tree() -> None:
    text = "\n".join(tree_lines(ours()))
    names = {*ours().objects, *ours().tables, *ours().notifications, *ours().names}
    assert [name for name in sorted(names) if f"{name}(" not in text
            and ours().names.get(name) != (0, 0)] == []


def test_of_nothing_there_is_no_line() -> None:
    assert tree_lines(parrot(), (1, 3, 6, 1, 4, 1, 99999)) == []
    assert tree_lines(parrot(), modules=["NO-SUCH-MIB"]) == []
