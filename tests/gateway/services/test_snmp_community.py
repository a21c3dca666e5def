"""Communities that Admins make. RFC 3584 section 5."""

from __future__ import annotations

from pathlib import Path

import pytest

from mibagent.errors import InconsistentValue, NoAccess, NotWritable, WrongValue
from mibagent.smi.syntax import Value
from mibagent.snmp.source import Grant
from mibagent.snmp.target_mib import endpoints_in
from mibagent.snmp.targets import UDP_DOMAIN, UDP_IPV6, End
from mibagent.store.access import Rights
from mibgateway.services.snmp import SnmpService
from tests.gateway.kit import SCALAR, USER, Bench

CREATE_AND_GO, DESTROY, NON_VOLATILE, READ_ONLY = 4, 6, 3, 5
ACTIVE, NOT_IN_SERVICE = 1, 2
V2C = 2


@pytest.fixture(autouse=True)
def no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    class Opened:
        def stopListening(self) -> None:
            pass

    monkeypatch.setattr("mibgateway.services.snmp.listen", lambda *_: Opened())


def judge(unit: Bench, community: bytes, host: str = "192.0.2.1") -> Grant | None:
    service = unit.services[SnmpService.mib]
    assert isinstance(service, SnmpService)
    return service.access.judge(1, community, host)


def open_v2c(unit: Bench) -> None:
    unit.change(("aaaUsersRowStatus", (b"eva",), CREATE_AND_GO),
                ("aaaUsersAccessRights", (b"eva",), 100))
    unit.change(("snmpEnableSnmpV2", SCALAR, 1), ("snmpCommunity", SCALAR, b"word"),
                ("snmpSnmpUser", SCALAR, b"eva"))
    unit.restart("Snmp")


def make(unit: Bench, index: bytes, community: bytes, name: bytes,
         *more: tuple[str, Value]) -> None:
    unit.change(("snmpCommunityStatus", (index,), CREATE_AND_GO),
                ("snmpCommunityName", (index,), community),
                ("snmpCommunitySecurityName", (index,), name),
                *((column, (index,), held) for column, held in more))


def test_a_community_of_its_own_acts_as_a_user_without_a_restart(unit: Bench) -> None:
    open_v2c(unit)
    assert judge(unit, b"other") is None
    make(unit, b"row", b"other", b"eva")
    found = judge(unit, b"other")
    assert found is not None
    assert (found.principal.name, found.principal.rights) == ("eva", Rights.OBSERVER)
    group(unit, b"tom", b"observer")
    make(unit, b"tom", b"toms", b"tom")
    found = judge(unit, b"toms")
    assert found is not None
    assert found.principal.name == "tom"
    assert found.principal.rights is Rights.OBSERVER
    assert found.read is not None
    unit.set("snmpCommunityStatus", DESTROY, (b"tom",))
    assert judge(unit, b"toms") is None


def group(unit: Bench, name: bytes, group_name: bytes) -> None:
    unit.change(("vacmSecurityToGroupStatus", (V2C, name), CREATE_AND_GO),
                ("vacmGroupName", (V2C, name), group_name))


HERE = b"\xc0\x00\x02\x01\x00\xa1"
ANY_PORT = b"\xff" * 4 + b"\x00\x00"


def address(unit: Bench, name: bytes, tags: bytes, status: int = CREATE_AND_GO,
            **columns: Value) -> None:
    given = {"TDomain": UDP_DOMAIN, "TAddress": HERE, "TagList": tags, "Params": b"none",
             **columns, "RowStatus": status}
    unit.change(*(("snmpTargetAddr" + column, (name,), held) for column, held in given.items()))


def test_a_tagged_community_is_taken_from_the_addresses_with_the_tag_alone(unit: Bench) -> None:
    open_v2c(unit)
    make(unit, b"row", b"other", b"eva", ("snmpCommunityTransportTag", b"nms"))
    assert judge(unit, b"other") is None
    address(unit, b"a", b"x nms y", TMask=ANY_PORT)
    found = judge(unit, b"other")
    assert found is not None and found.ends == (End(161, 0, 484),)
    assert judge(unit, b"other", "192.0.2.2") is None
    address(unit, b"b", b"nms", TAddress=b"\xc0\x00\x02\x00\x00\xa1",
            TMask=b"\xff\xff\xff\x00\xff\xff", MMS=0)
    found = judge(unit, b"other", "192.0.2.2")
    assert found is not None and found.ends == (End(161, 0xFFFF, 0),)
    unit.set("snmpTargetAddrTagList", b"x", (b"a",))
    found = judge(unit, b"other")
    assert found is not None and found.ends == (End(161, 0xFFFF, 0),)
    unit.set("snmpTargetAddrRowStatus", DESTROY, (b"b",))
    assert judge(unit, b"other") is None
    unit.set("snmpCommunityTransportTag", b"", (b"row",))
    found = judge(unit, b"other")
    assert found is not None and found.ends is None


def test_a_tagged_community_from_elsewhere_is_no_guess(unit: Bench) -> None:
    open_v2c(unit)
    make(unit, b"row", b"other", b"eva", ("snmpCommunityTransportTag", b"nms"))
    for _ in range(40):
        assert judge(unit, b"other") is None
    assert judge(unit, b"word") is not None


def test_a_mask_has_the_length_of_its_address_and_stays_while_it_is_in_service(
    unit: Bench
) -> None:
    with pytest.raises(InconsistentValue, match="6 octets"):
        address(unit, b"a", b"nms", TMask=b"\xff" * 4)
    address(unit, b"a", b"nms", TMask=ANY_PORT)
    with pytest.raises(InconsistentValue, match="active"):
        unit.set("snmpTargetAddrTMask", b"", (b"a",))
    unit.set("snmpTargetAddrMMS", 1500, (b"a",))
    unit.set("snmpTargetAddrRowStatus", NOT_IN_SERVICE, (b"a",))
    with pytest.raises(InconsistentValue, match="6 octets"):
        unit.set("snmpTargetAddrTMask", b"\xff", (b"a",))
    unit.change(("snmpTargetAddrTDomain", (b"a",), UDP_IPV6),
                ("snmpTargetAddrTAddress", (b"a",), bytes(15) + b"\x01\x00\xa1"))
    with pytest.raises(InconsistentValue, match="18 octets"):
        unit.set("snmpTargetAddrRowStatus", ACTIVE, (b"a",))
    unit.change(("snmpTargetAddrTMask", (b"a",), b"\xff" * 16 + bytes(2)),
                ("snmpTargetAddrRowStatus", (b"a",), ACTIVE))
    assert [each.at("::1") for each in endpoints_in(unit.store)] == [End(161, 0, 1500)]


def test_a_transport_tag_is_one_word(unit: Bench) -> None:
    with pytest.raises(WrongValue):
        make(unit, b"row", b"other", b"eva", ("snmpCommunityTransportTag", b"two words"))


def test_who_may_not_write_targets_widens_no_tagged_community(unit: Bench) -> None:
    address(unit, b"a", b"nms")
    for name, held in (("snmpTargetAddrTMask", bytes(6)), ("snmpTargetAddrMMS", 0)):
        with pytest.raises(NoAccess):
            unit.set(name, held, (b"a",), principal=USER)


def test_no_group_gives_a_made_community_rights(unit: Bench) -> None:
    open_v2c(unit)
    unit.set("snmpCommunityMayWrite", 1)
    group(unit, b"tom", b"user")
    make(unit, b"tom", b"toms", b"tom")
    found = judge(unit, b"toms")
    assert found is not None
    assert found.principal.rights is Rights.OBSERVER
    with pytest.raises(NoAccess):
        unit.set("hocSystemName", b"x", principal=found.principal)


def test_without_a_group_a_made_community_has_no_view(unit: Bench) -> None:
    open_v2c(unit)
    make(unit, b"tom", b"toms", b"tom")
    found = judge(unit, b"toms")
    assert found is not None
    assert (found.read, found.write) == (None, None)


def test_the_communitys_own_row_follows_and_shows_no_secret(unit: Bench) -> None:
    open_v2c(unit)
    index = (b"snmpCommunity",)
    assert unit.get("snmpCommunitySecurityName", index) == b"eva"
    assert unit.get("snmpCommunityName", index) == b""
    assert unit.get("snmpCommunityContextEngineID", index) == unit.unit.engine_id
    assert unit.get("snmpCommunityStorageType", index) == READ_ONLY
    with pytest.raises(NotWritable):
        unit.set("snmpCommunityStatus", DESTROY, index)


def test_a_community_is_a_secret_and_an_admins(unit: Bench) -> None:
    make(unit, b"row", b"other", b"eva")
    assert unit.get("snmpCommunityName", (b"row",)) == b""
    assert unit.get("snmpCommunityStorageType", (b"row",)) == NON_VOLATILE
    with pytest.raises(NoAccess):
        unit.set("snmpCommunityStatus", CREATE_AND_GO, (b"mine",), principal=USER)


def test_a_community_has_one_meaning_and_is_not_empty(unit: Bench) -> None:
    make(unit, b"row", b"other", b"eva")
    for community in (b"other", b""):
        with pytest.raises(InconsistentValue):
            make(unit, b"two", community, b"tom")


@pytest.mark.parametrize(("column", "held"), [
    ("snmpCommunityContextName", b"line"),
    ("snmpCommunityContextEngineID", b"\x80\x00\x00\x01\x05other"),
])
def test_one_for_another_context_or_engine_lets_nobody_in(
    unit: Bench, column: str, held: bytes
) -> None:
    open_v2c(unit)
    group(unit, b"tom", b"observer")
    make(unit, b"tom", b"toms", b"tom", (column, held))
    assert judge(unit, b"toms") is None


def test_communities_outlive_the_process(tmp_path: Path) -> None:
    unit = Bench(tmp_path / "own")
    open_v2c(unit)
    group(unit, b"tom", b"observer")
    make(unit, b"tom", b"toms", b"tom", ("snmpCommunityTransportTag", b"nms"))
    address(unit, b"a", b"nms", TMask=ANY_PORT, MMS=1500)
    later = unit.again(tmp_path / "own")
    found = judge(later, b"toms")
    assert found is not None and found.ends == (End(161, 0, 1500),)
    assert judge(later, b"toms", "192.0.2.2") is None
    later.stop()
