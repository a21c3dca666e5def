"""What a model says of a service with one of everything, and of our own."""

from __future__ import annotations

from mibagent.model.load import load_with_findings
from mibagent.model.nodes import Access, Applies
from mibagent.model.places import mib_folders
from mibagent.model.sources import gather
from mibagent.smi.syntax import Base
from tests.agent.model.texts import load_text, module, ours, parrot, scalar


def test_our_own_mibs_are_sound() -> None:
    assert load_with_findings(gather(mib_folders()))[1] == []


def test_the_service_line_is_read() -> None:
    service = parrot().services["Parrot"]
    assert (service.number, service.title, service.is_user) == (77, "Parrot House", True)
    assert parrot()["parrotMood"].service == "Parrot"
    assert parrot()["sysDescr"].service == ""


def test_a_module_is_described_without_its_service_line() -> None:
    node = parrot().modules["PARROT-MIB"]
    assert node.description.endswith("nor END.")
    assert (node.identity, node.oid[-2:]) == ("parrot", (32473, 77))
    assert node.revision.startswith("2026-11-23")
    assert node.file.endswith("PARROT-MIB.mib")


def test_a_description_keeps_its_paragraphs_and_loses_the_machine_read_one() -> None:
    node = parrot()["parrotVolume"]
    assert node.description == (
        "How loud.\n\n    Two paragraphs, CHOICE words: MACRO\n    and END.")
    assert (node.units, node.reference) == ("decibels", "Nature, volume 1")


def test_a_last_paragraph_of_prose_is_prose() -> None:
    text = module(scalar("crowOne", 1).replace("A scalar.", "A scalar.\n\nNote: not a key."))
    model, findings = load_text(text)
    assert findings == []
    assert model["crowOne"].description == "A scalar.\n\nNote: not a key."


def test_applies_rights_and_commands_are_read() -> None:
    model = parrot()
    assert model["parrotVolume"].applies is Applies.RESTART
    assert model["parrotColours"].applies is Applies.NEXT_USE
    assert model["parrotMood"].applies is Applies.AT_ONCE
    assert model["parrotVolume"].admin_only
    assert not model["parrotMood"].admin_only
    assert model["parrotTeachRowStatus"].admin_only
    assert model["parrotHush"].is_command
    assert model.tables["parrotTeachTable"].is_job
    assert not model.tables["parrotBirdTable"].is_job


def test_textual_conventions_are_followed() -> None:
    word = parrot()["parrotMotto"].syntax
    assert (word.base, word.convention, word.ranges, word.hint) == (
        Base.OCTETS, "Word", ((1, 64),), "64t")
    assert parrot()["parrotPassword"].syntax.secret
    assert parrot()["parrotBirdFriend"].syntax.refers == "parrotBirdTable"
    assert parrot()["sysDescr"].syntax.convention == "DisplayString"


def test_base_types_are_told_apart() -> None:
    model = parrot()
    assert model["parrotFeedGrams"].syntax.base is Base.UNSIGNED32
    assert model["parrotSizeWings"].syntax.base is Base.UNSIGNED32
    assert model["parrotHeard"].syntax.base is Base.COUNTER64
    assert model["parrotAddress"].syntax.base is Base.IP_ADDRESS
    assert model["parrotColours"].syntax.labels == (("red", 0), ("green", 1), ("blue", 9))
    assert model["parrotVolume"].syntax.ranges == ((-10, -1), (0, 31))
    assert model["sysUpTime"].syntax.base is Base.TIME_TICKS
    assert model["snmpInPkts"].syntax.base is Base.COUNTER32


def test_a_refinement_keeps_what_it_does_not_say() -> None:
    model, findings = load_text(module("""
Crow ::= TEXTUAL-CONVENTION
    DISPLAY-HINT "255a"
    STATUS current
    DESCRIPTION "A crow."
    SYNTAX DisplayString (SIZE (0..9))
Rook ::= TEXTUAL-CONVENTION
    STATUS current
    DESCRIPTION "A rook."
    SYNTAX INTEGER { a(1), b(2), c(3) }
""" + scalar("crowOne", 1, "Crow") + scalar("crowTwo", 2, "Crow (SIZE (3))")
        + scalar("crowThree", 3, "Rook { a(1), c(3) }")))
    assert findings == []
    assert model["crowOne"].syntax.ranges == ((0, 9),)
    assert model["crowTwo"].syntax.fixed_size == 3
    assert model["crowTwo"].syntax.hint == "255a"
    assert model["crowThree"].syntax.labels == (("a", 1), ("c", 3))


def test_defaults_are_values() -> None:
    model = parrot()
    found = {name: model[name].default for name in (
        "parrotVolume", "parrotMood", "parrotColours", "parrotCage", "parrotPerch",
        "parrotAddress", "parrotMask", "parrotMotto", "parrotHeard", "parrotBirdFriend")}
    assert found == {
        "parrotVolume": -5,
        "parrotMood": 200,
        "parrotColours": b"\x80\x40",
        "parrotCage": (1, 3, 6, 1, 4, 1, 32473, 77, 1),
        "parrotPerch": (0, 0),
        "parrotAddress": b"\xc0\x00\x02\x01",
        "parrotMask": b"\xf0\x08",
        "parrotMotto": b"END -- MACRO",
        "parrotHeard": None,
        "parrotBirdFriend": b"",
    }


def test_a_table_knows_its_key_and_who_repeats_it() -> None:
    table = parrot().tables["parrotBirdTable"]
    assert (table.index_names, table.mirrors, table.row_status, table.base) == (
        ("parrotBirdKey",), ("parrotBirdName",), "parrotBirdRowStatus", "")
    assert table.index_syntaxes[0].ranges == ((1, 64),)
    toys = parrot().tables["parrotToyTable"]
    assert (toys.index_names, toys.mirrors, toys.base) == (
        ("parrotBirdKey", "parrotToyPriority"), ("parrotToyBirdName", ""), "")
    assert parrot().tables["sysORTable"].mirrors == ("",)


def test_companions_are_by_the_same_index_or_by_augments() -> None:
    assert parrot().tables["parrotFeedTable"].base == "parrotBirdTable"
    assert parrot().tables["parrotSizeTable"].base == "parrotBirdTable"
    assert parrot().tables["parrotSizeTable"].index_names == ("parrotBirdKey",)
    assert {table.name for table in parrot().companions["parrotBirdTable"]} == {
        "parrotFeedTable", "parrotSizeTable"}


def test_access_is_read() -> None:
    assert parrot()["parrotBirdKey"].access is Access.NOT_ACCESSIBLE
    assert parrot()["parrotBirdName"].access is Access.READ_ONLY
    assert parrot()["parrotVolume"].access is Access.READ_WRITE
    assert parrot()["parrotBirdFriend"].access is Access.READ_CREATE


def test_notifications_are_read() -> None:
    spoke, silent = (parrot().notifications[name] for name in ("parrotSpoke", "parrotSilent"))
    assert (spoke.number, spoke.severity, spoke.objects, spoke.service) == (
        100, "info", ("parrotMotto", "parrotBirdFriend"), "Parrot")
    assert spoke.text == "The parrot said {parrotMotto} to {…BirdFriend}."
    assert (silent.clears, silent.description) == ((100,), "It is silent.")


def test_other_names_have_their_oids() -> None:
    names = parrot().names
    assert names["enterprises"] == (1, 3, 6, 1, 4, 1)
    assert names["parrotGroup"][-1] == 2
    assert names["parrotBirdEntry"] == parrot().tables["parrotBirdTable"].entry_oid
    assert "parrotBirdTable" not in names


def test_implied_is_read() -> None:
    model, findings = load_text(module("""
crowNestTable OBJECT-TYPE
    SYNTAX SEQUENCE OF CrowNestEntry
    MAX-ACCESS not-accessible
    STATUS current
    DESCRIPTION "Nests."
    ::= { crow 1 }
crowNestEntry OBJECT-TYPE
    SYNTAX CrowNestEntry
    MAX-ACCESS not-accessible
    STATUS current
    DESCRIPTION "A nest."
    INDEX { crowNestRow, IMPLIED crowNestName }
    ::= { crowNestTable 1 }
CrowNestEntry ::= SEQUENCE {
    crowNestRow Unsigned32, crowNestName DisplayString, crowNestEggs Integer32 }
crowNestRow OBJECT-TYPE
    SYNTAX Unsigned32
    MAX-ACCESS not-accessible
    STATUS current
    DESCRIPTION "Row."
    ::= { crowNestEntry 1 }
crowNestName OBJECT-TYPE
    SYNTAX DisplayString (SIZE (1..8))
    MAX-ACCESS not-accessible
    STATUS current
    DESCRIPTION "Name."
    ::= { crowNestEntry 2 }
crowNestEggs OBJECT-TYPE
    SYNTAX Integer32
    MAX-ACCESS read-only
    STATUS current
    DESCRIPTION "Eggs."
    ::= { crowNestEntry 3 }
"""))
    assert findings == []
    table = model.tables["crowNestTable"]
    assert table.implied
    assert model["crowNestEggs"].instance_oid((3, b"ab"))[-3:] == (3, 97, 98)
    assert table.mirrors == ("", "")


def test_every_instance_is_found_again() -> None:
    for node in ours().objects.values():
        index = () if node.table is None else tuple(
            max(1, syntax.ranges[0][0] if syntax.ranges else 7) if syntax.base.is_number
            else b"a" * max(2, syntax.ranges[0][0] if syntax.ranges else 0)
            if syntax.fixed_size is None
            else bytes(syntax.fixed_size) for syntax in node.table.index_syntaxes)
        if node.table is None or all(
                not syntax.labels and syntax.base is not Base.OID
                for syntax in node.table.index_syntaxes):
            assert ours().find(node.instance_oid(index)) == (node, index)


def test_of_an_old_and_a_new_module_the_new_one_counts() -> None:
    old = """OLD-MIB DEFINITIONS ::= BEGIN
IMPORTS mgmt FROM RFC1155-SMI OBJECT-TYPE FROM RFC-1212;
oldSystem OBJECT IDENTIFIER ::= { mgmt 1 1 }
sysServices OBJECT-TYPE
    SYNTAX INTEGER
    ACCESS read-only
    STATUS mandatory
    ::= { oldSystem 7 }
END
"""
    model, findings = load_text(old)
    assert model["sysServices"].module == "SNMPv2-MIB"
    assert [(found.object, found.severity) for found in findings] == [("sysServices", "warning")]
