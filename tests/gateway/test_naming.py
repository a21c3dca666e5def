from __future__ import annotations

import pytest

from mibagent.errors import MibgateError
from mibgateway.naming import spellings
from tests.gateway.kit import model

VERSION_ALIASES = [
    "sipEpTransportTlsVersion",
    "SipEp.TransportTlsVersion",
    "sipep.transporttlsversion",
    "sipEpTransportTlsVersion.0",
]


@pytest.mark.parametrize("what", VERSION_ALIASES)
def test_any_spelling_finds_the_object(what: str) -> None:
    found = dict(spellings(model(), what))
    assert found["descriptor"] == "MIBGATE-SIPEP-MIB::sipEpTransportTlsVersion"
    assert found["path"] == "SipEp.TransportTlsVersion"


def test_its_own_oid_finds_it_with_and_without_the_dot_and_the_instance() -> None:
    oid = dict(spellings(model(), "sipEpTransportTlsVersion"))["OID"]
    bare = oid.strip(".").removesuffix(".0")
    for what in (oid, bare, f".{bare}", f"{bare}.0"):
        assert dict(spellings(model(), what))["path"] == "SipEp.TransportTlsVersion"


def test_a_scalar_tells_all_that_a_user_asks() -> None:
    found = dict(spellings(model(), "SipEp.TransportTlsVersion"))
    assert list(found) == ["descriptor", "OID", "path", "web label", "TR-069", "syntax", "access",
                           "default", "applies", "help"]
    assert found["TR-069"] == "Device.X_00005E_SipEp.TransportTlsVersion"
    assert found["access"] == "read-write"
    assert found["default"].lower() == "tlsv12"
    assert found["applies"] == "restart"


def test_what_only_an_admin_writes_says_so() -> None:
    assert dict(spellings(model(), "snmpCommunityMayWrite"))["access"] == \
        "read-write, Admin alone writes"
    assert dict(spellings(model(), "certHostCertificateAssociationSip"))["applies"] == \
        "restart of SipEp"


@pytest.mark.parametrize("what", ["sipEpGatewayTable", "SipEp.Gateway"])
def test_a_table_is_found_too(what: str) -> None:
    found = dict(spellings(model(), what))
    assert found["descriptor"] == "MIBGATE-SIPEP-MIB::sipEpGatewayTable"
    assert "syntax" not in found
    assert dict(spellings(model(), found["OID"]))["path"] == "SipEp.Gateway"


def test_objects_of_other_peoples_modules_have_no_label_of_ours() -> None:
    assert "web label" not in dict(spellings(model(), "sysDescr"))


@pytest.mark.parametrize("what", ["", "nothing", "SipEp.Nothing", "1.2.3", "..", "1.x"])
def test_what_is_unknown_is_refused_in_words(what: str) -> None:
    with pytest.raises(MibgateError) as refused:
        list(spellings(model(), what))
    assert str(refused.value)


def test_a_descriptor_in_another_case_names_the_one_that_is_meant() -> None:
    with pytest.raises(MibgateError, match="sipEpTransportTlsVersion is near"):
        list(spellings(model(), "SIPEPTRANSPORTTLSVERSION"))
