"""What OBJECT-GROUP and AGENT-CAPABILITIES say. RFC 2580 sections 3 and 6."""

from __future__ import annotations

from mibagent.model.cache import load_model
from mibagent.model.capabilities import Support, scan_groups, scan_supports
from mibagent.model.places import mib_folders

GROUPS = """
lampGroup OBJECT-GROUP
    OBJECTS     { lampLit,lampColour ,
                  lampHours }
    STATUS      current
    DESCRIPTION "@1"
    ::= { lampGroups 1 }
lampNotificationGroup NOTIFICATION-GROUP
    NOTIFICATIONS { lampBroken }
    ::= { lampGroups 2 }
emptyGroup OBJECT-GROUP OBJECTS {} STATUS current DESCRIPTION "@2" ::= { lampGroups 3 }
"""

STATEMENT = """
IMPORTS AGENT-CAPABILITIES FROM SNMPv2-CONF;
lampCapabilities AGENT-CAPABILITIES
    PRODUCT-RELEASE "@3"
    STATUS      current
    DESCRIPTION "@4"
    SUPPORTS    LAMP-MIB
        INCLUDES { lampGroup, emptyGroup }
        VARIATION   lampLit
        SYNTAX      INTEGER { on(1) }
        ACCESS      read-only
        DESCRIPTION "@5"
        VARIATION   lampColour
        WRITE-SYNTAX INTEGER (1..3)
        DESCRIPTION "@6"
        VARIATION   lampHours
        ACCESS      not-implemented
        DESCRIPTION "@7"
    SUPPORTS    SHADE-MIB
        INCLUDES { shadeGroup }
    ::= { lamp 3 }
"""


def test_a_group_lists_its_objects_whatever_the_blanks() -> None:
    assert scan_groups(GROUPS) == {
        "lampGroup": ("lampLit", "lampColour", "lampHours"), "emptyGroup": ()}


def test_a_statement_says_for_each_module_which_groups_and_what_less() -> None:
    assert scan_supports(STATEMENT) == {"lampCapabilities": {
        "LAMP-MIB": Support(("lampGroup", "emptyGroup"),
                            {"lampLit": "read-only", "lampHours": "not-implemented"}),
        "SHADE-MIB": Support(("shadeGroup",), {})}}


def test_a_text_without_any_has_none() -> None:
    assert scan_groups("lamp OBJECT IDENTIFIER ::= { x 1 }") == {}
    assert scan_supports("lamp OBJECT IDENTIFIER ::= { x 1 }") == {}


def test_ours_are_in_the_model_and_name_what_is_there() -> None:
    model = load_model(mib_folders())
    assert {"mibgateInterfacesCapabilities", "mibgateHostCapabilities"} <= set(model.capabilities)
    for statement in model.capabilities.values():
        assert statement.oid == model.names[statement.name]
        for module, support in statement.supports.items():
            members = {name for group in support.groups for name in model.groups.get(group, ())}
            assert set(support.groups) <= {*model.groups, *model.names}
            assert set(support.access) <= members
            assert {model.objects[name].module for name in members} == {module}
