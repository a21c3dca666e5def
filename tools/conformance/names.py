"""OIDs of standard objects that checks ask for."""

from __future__ import annotations

from tools.conformance.ber import Oid

SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
SYS_DESCR, SYS_OBJECT_ID, SYS_UP_TIME, SYS_CONTACT, SYS_NAME, SYS_LOCATION, SYS_SERVICES = (
    (*SYSTEM, arc, 0) for arc in range(1, 8))
SYS_OR_ID: Oid = (*SYSTEM, 9, 1, 2)

SNMP: Oid = (1, 3, 6, 1, 2, 1, 11)
IN_PKTS, OUT_PKTS, IN_BAD_VERSIONS, IN_BAD_COMMUNITY_NAMES = ((*SNMP, n, 0) for n in (1, 2, 3, 4))
IN_ASN_PARSE_ERRS, ENABLE_AUTHEN_TRAPS = (*SNMP, 6, 0), (*SNMP, 30, 0)
SET_SERIAL_NO: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 6, 1, 0)

FRAMEWORK: Oid = (1, 3, 6, 1, 6, 3, 10, 2, 1)
ENGINE_ID, ENGINE_BOOTS, ENGINE_TIME, ENGINE_MAX_SIZE = ((*FRAMEWORK, n, 0) for n in range(1, 5))

MPD: Oid = (1, 3, 6, 1, 6, 3, 11, 2, 1)
UNKNOWN_SECURITY_MODELS, INVALID_MSGS, UNKNOWN_PDU_HANDLERS = ((*MPD, n, 0) for n in (1, 2, 3))

USM: Oid = (1, 3, 6, 1, 6, 3, 15, 1, 1)
(UNSUPPORTED_LEVELS, NOT_IN_TIME, UNKNOWN_USERS, UNKNOWN_ENGINES, WRONG_DIGESTS,
 DECRYPTION_ERRORS) = ((*USM, n, 0) for n in range(1, 7))
USM_USER_ENTRY: Oid = (1, 3, 6, 1, 6, 3, 15, 1, 2, 2, 1)

UNAVAILABLE_CONTEXTS, UNKNOWN_CONTEXTS = ((1, 3, 6, 1, 6, 3, 12, 1, n, 0) for n in (4, 5))
VACM_CONTEXT_NAME: Oid = (1, 3, 6, 1, 6, 3, 16, 1, 1, 1, 1)
VACM_GROUP_ENTRY: Oid = (1, 3, 6, 1, 6, 3, 16, 1, 2, 1)
VACM_ACCESS_ENTRY: Oid = (1, 3, 6, 1, 6, 3, 16, 1, 4, 1)
VACM_VIEW_ENTRY: Oid = (1, 3, 6, 1, 6, 3, 16, 1, 5, 2, 1)
COMMUNITY_ENTRY: Oid = (1, 3, 6, 1, 6, 3, 18, 1, 1, 1)

NOWHERE: Oid = (1, 3, 6, 1, 4, 1, 4294967295, 1, 0)
"""Nobody has this enterprise."""
BEYOND: Oid = (2, 47, 4294967295)
"""Nothing follows."""

NAMES: dict[Oid, str] = {
    IN_PKTS: "snmpInPkts", OUT_PKTS: "snmpOutPkts", IN_BAD_VERSIONS: "snmpInBadVersions",
    IN_BAD_COMMUNITY_NAMES: "snmpInBadCommunityNames", IN_ASN_PARSE_ERRS: "snmpInASNParseErrs",
    UNKNOWN_SECURITY_MODELS: "snmpUnknownSecurityModels", INVALID_MSGS: "snmpInvalidMsgs",
    UNKNOWN_PDU_HANDLERS: "snmpUnknownPDUHandlers",
    UNSUPPORTED_LEVELS: "usmStatsUnsupportedSecLevels",
    NOT_IN_TIME: "usmStatsNotInTimeWindows", UNKNOWN_USERS: "usmStatsUnknownUserNames",
    UNKNOWN_ENGINES: "usmStatsUnknownEngineIDs", WRONG_DIGESTS: "usmStatsWrongDigests",
    DECRYPTION_ERRORS: "usmStatsDecryptionErrors", UNAVAILABLE_CONTEXTS: "snmpUnavailableContexts",
    UNKNOWN_CONTEXTS: "snmpUnknownContexts",
}
