"""What the engine counts: the snmp group of SNMPv2-MIB, SNMPv3 and a few beside it.

RFC 3418 section 2; the obsolete ones of RFC 1213 section 6.11 are still what people look at.
"""

from __future__ import annotations

from mibagent.smi.oid import Oid

NAMES = {
    "snmpInPkts": "in_pkts",
    "snmpOutPkts": "out_pkts",
    "snmpInBadVersions": "in_bad_versions",
    "snmpInBadCommunityNames": "in_bad_community_names",
    "snmpInBadCommunityUses": "in_bad_community_uses",
    "snmpInASNParseErrs": "in_asn_parse_errs",
    "snmpInTooBigs": "in_too_bigs",
    "snmpInNoSuchNames": "in_no_such_names",
    "snmpInBadValues": "in_bad_values",
    "snmpInReadOnlys": "in_read_onlys",
    "snmpInGenErrs": "in_gen_errs",
    "snmpInTotalReqVars": "in_total_req_vars",
    "snmpInTotalSetVars": "in_total_set_vars",
    "snmpInGetRequests": "in_get_requests",
    "snmpInGetNexts": "in_get_nexts",
    "snmpInSetRequests": "in_set_requests",
    "snmpInGetResponses": "in_get_responses",
    "snmpInTraps": "in_traps",
    "snmpOutTooBigs": "out_too_bigs",
    "snmpOutNoSuchNames": "out_no_such_names",
    "snmpOutBadValues": "out_bad_values",
    "snmpOutGenErrs": "out_gen_errs",
    "snmpOutGetRequests": "out_get_requests",
    "snmpOutGetNexts": "out_get_nexts",
    "snmpOutSetRequests": "out_set_requests",
    "snmpOutGetResponses": "out_get_responses",
    "snmpOutTraps": "out_traps",
    "snmpSilentDrops": "silent_drops",
    "snmpProxyDrops": "proxy_drops",
}
"""Attributes of Counters by the descriptor in SNMPv2-MIB."""

_MPD, _TARGET, _USM = (1, 3, 6, 1, 6, 3, 11, 2, 1), (1, 3, 6, 1, 6, 3, 12, 1), \
    (1, 3, 6, 1, 6, 3, 15, 1, 1)

OF_V3: dict[str, tuple[str, Oid]] = {
    "snmpUnknownSecurityModels": ("unknown_security_models", (*_MPD, 1, 0)),
    "snmpInvalidMsgs": ("invalid_msgs", (*_MPD, 2, 0)),
    "snmpUnknownPDUHandlers": ("unknown_pdu_handlers", (*_MPD, 3, 0)),
    "snmpUnavailableContexts": ("unavailable_contexts", (*_TARGET, 4, 0)),
    "snmpUnknownContexts": ("unknown_contexts", (*_TARGET, 5, 0)),
    "usmStatsUnsupportedSecLevels": ("unsupported_sec_levels", (*_USM, 1, 0)),
    "usmStatsNotInTimeWindows": ("not_in_time_windows", (*_USM, 2, 0)),
    "usmStatsUnknownUserNames": ("unknown_user_names", (*_USM, 3, 0)),
    "usmStatsUnknownEngineIDs": ("unknown_engine_ids", (*_USM, 4, 0)),
    "usmStatsWrongDigests": ("wrong_digests", (*_USM, 5, 0)),
    "usmStatsDecryptionErrors": ("decryption_errors", (*_USM, 6, 0)),
}
"""What SNMPv3 counts: attributes of Counters by descriptor, and the instances that reports name.

RFC 3412 section 5; RFC 3413 section 4.1.2; RFC 3414 section 5.
"""

_BY_NAME = NAMES | {name: attribute for name, (attribute, _) in OF_V3.items()}


class Counters:
    """Totals since the engine was made. They grow without end; the encoder wraps them."""

    __slots__ = (*dict.fromkeys(_BY_NAME.values()), "in_get_bulks", "read_failures",
                 "refused_sources", "withheld_reports")

    in_pkts: int
    out_pkts: int
    in_bad_versions: int
    in_bad_community_names: int
    in_bad_community_uses: int
    in_asn_parse_errs: int
    in_too_bigs: int
    in_no_such_names: int
    in_bad_values: int
    in_read_onlys: int
    in_gen_errs: int
    in_total_req_vars: int
    in_total_set_vars: int
    in_get_requests: int
    in_get_nexts: int
    in_set_requests: int
    in_get_responses: int
    in_traps: int
    out_too_bigs: int
    out_no_such_names: int
    out_bad_values: int
    out_gen_errs: int
    out_get_requests: int
    out_get_nexts: int
    out_set_requests: int
    out_get_responses: int
    out_traps: int
    silent_drops: int
    proxy_drops: int
    unknown_pdu_handlers: int
    unknown_security_models: int
    invalid_msgs: int
    unavailable_contexts: int
    unknown_contexts: int
    unsupported_sec_levels: int
    not_in_time_windows: int
    unknown_user_names: int
    unknown_engine_ids: int
    wrong_digests: int
    decryption_errors: int
    in_get_bulks: int
    read_failures: int
    refused_sources: int
    withheld_reports: int

    def __init__(self) -> None:
        for name in Counters.__slots__:
            setattr(self, name, 0)

    def __getitem__(self, descriptor: str) -> int:
        """Give one by its descriptor in the MIB. Raises KeyError."""
        value: int = getattr(self, _BY_NAME[descriptor])
        return value

    def note_request(self, tag: int, many: int = 1) -> None:
        """Count reads that came in, by the PDU's tag."""
        if tag == 0xA0:
            self.in_get_requests += many
        elif tag == 0xA1:
            self.in_get_nexts += many
        else:
            self.in_get_bulks += many

    def note_error(self, status: int) -> None:
        """Count an error-status that goes out."""
        if status == 1:
            self.out_too_bigs += 1
        elif status == 2:
            self.out_no_such_names += 1
        elif status == 3:
            self.out_bad_values += 1
        elif status == 5:
            self.out_gen_errs += 1

    def note_error_told(self, status: int) -> None:
        """Count an error-status that came in."""
        if status == 1:
            self.in_too_bigs += 1
        elif status == 2:
            self.in_no_such_names += 1
        elif status == 3:
            self.in_bad_values += 1
        elif status == 4:
            self.in_read_onlys += 1
        elif status == 5:
            self.in_gen_errs += 1
