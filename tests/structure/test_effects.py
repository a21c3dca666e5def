"""Every writable object of our MIBs has a test that shows what setting it does.

At a peer, at a port, in a status object or in what is kept: never in its own value alone.
"""

from __future__ import annotations

import ast
from functools import cache

import pytest

from mibagent.model.cache import load_model
from mibagent.model.nodes import MibModel, ObjectNode
from mibagent.model.places import mib_folders
from tests.structure.tree import ROOT

SERVICES = "tests/gateway/services/"

EFFECTS: dict[str, dict[str, str]] = {
    "tests/wire/test_conf.py": {
        "certHostCertificateAssociationConf":
            "test_the_units_certificate_is_shown_where_its_association_allows",
    },
    "tests/wire/test_tls_probe.py": {
        "certProbeRowStatus": "test_the_job_gives_the_report_line_by_line",
        "certProbeHost": "test_the_job_gives_the_report_line_by_line",
        "certProbeSni": "test_the_name_may_be_another",
    },
    SERVICES + "test_aaa.py": {
        "aaaUsersPassword": "test_a_password_can_be_changed_and_taken_away",
        "aaaUsersAccessRights": "test_the_office_may_change_hands_in_one_transaction",
        "aaaUsersRowStatus": "test_the_last_admin_stays",
    },
    SERVICES + "test_cert.py": {
        "certHostCertificatesInfoRowStatus":
            "test_destroying_the_row_takes_certificate_and_trust_away",
        "certOthersCertificatesInfoRowStatus":
            "test_destroying_the_row_takes_certificate_and_trust_away",
        "certMinSeverity": "test_min_severity",
        "certExpiryWarningDays": "test_the_warning_days_act_at_once",
        "certImportRowStatus": "test_a_ca_is_trusted_at_once",
        "certImportType": "test_one_that_is_no_ca_is_listed_and_not_trusted",
        "certImportFileName": "test_the_same_name_again_is_a_renewal",
        "certImportPath": "test_a_path_from_a_network_is_below_the_units_files",
        "certImportPem": "test_a_ca_is_trusted_at_once",
        "certImportPassword": "test_a_locked_key_wants_its_password_which_nobody_reads_back",
        "certCertificateAuthoritiesOverrideIssuedCertificateOcspUrl":
            "test_a_cas_row_says_whom_to_ask_about_what_it_issued",
        "certGenerateSelfSignedRowStatus": "test_a_self_signed_certificate_is_made_here",
        "certGenerateSelfSignedFileName": "test_a_self_signed_certificate_is_made_here",
        "certGenerateSelfSignedCommonName": "test_a_self_signed_certificate_is_made_here",
        "certGenerateSelfSignedSubjectAltName": "test_a_self_signed_certificate_is_made_here",
        "certGenerateSelfSignedDays": "test_a_self_signed_certificate_is_made_here",
        "certGenerateSelfSignedKeyType": "test_a_self_signed_certificate_is_made_here",
        **{f"certGenerateCsr{column}":
           "test_a_request_finds_its_key_again_when_it_comes_back_as_a_certificate"
           for column in ("RowStatus", "FileName", "CommonName", "SubjectAltName", "KeyType")},
        "certSigningRequestsRowStatus": "test_a_dropped_request_takes_its_key_away",
        "certKeyLogRowStatus": "test_the_key_log_is_on_for_so_many_minutes",
        "certKeyLogMinutes": "test_the_key_log_is_on_for_so_many_minutes",
    },
    SERVICES + "test_cert_transfer.py": {
        "certHostCertificateAssociationFile":
            "test_a_certificate_that_a_service_may_not_use_is_not_shown",
        "certHostCertificateAssociationCert":
            "test_a_certificate_that_a_service_may_not_use_is_not_shown",
        **{f"certTransfer{name}": "test_transfers_go_by_the_parameters_of_now" for name in (
            "HttpsCipherSuite", "HttpsTlsVersion", "CertificateValidation",
            "CertificateTrustLevel", "Username", "Password", "HttpEnable")},
        "certDownloadRowStatus": "test_destroying_the_row_or_a_restart_ends_it",
        "certDownloadUrl": "test_macros_make_it_each_units_own",
        "certDownloadType": "test_a_host_certificate_comes_with_its_locked_key",
        "certDownloadFileName": "test_a_host_certificate_comes_with_its_locked_key",
        "certDownloadPassword": "test_a_host_certificate_comes_with_its_locked_key",
    },
    SERVICES + "test_file.py": {
        "fileFilesRowStatus": "test_destroying_the_row_removes_the_file",
        **{f"fileTransfer{name}": "test_transfers_go_by_the_parameters_of_now" for name in (
            "HttpsCipherSuite", "HttpsTlsVersion", "CertificateValidation",
            "CertificateTrustLevel", "Username", "Password")},
        "fileTransferHttpEnable": "test_http_is_for_who_was_allowed_it",
        "fileMinSeverity": "test_min_severity",
        "fileDownloadFileRowStatus":
            "test_progress_can_be_read_while_it_runs_and_destroying_the_row_ends_it",
        "fileDownloadFileUrl": "test_without_a_name_it_has_that_of_the_url_and_macros_count",
        "fileDownloadFileFileName": "test_a_file_comes_and_stands_under_its_name",
        "fileUploadFileRowStatus": "test_a_file_is_sent",
        "fileUploadFileUrl": "test_a_file_is_sent",
        "fileUploadFileFileName": "test_a_file_is_sent",
    },
    SERVICES + "test_conf.py": {
        "confScriptGenericFileName": "test_the_generic_script_is_run_and_then_the_specific_one",
        "confScriptSpecificFileName": "test_the_generic_script_is_run_and_then_the_specific_one",
        "confScriptsLocation": "test_macros_stand_in_names_and_location",
        "confScriptsTransferProtocol": "test_protocol_and_server_are_the_parameters",
        "confScriptsTransferSrvHostname": "test_protocol_and_server_are_the_parameters",
        **{f"confScriptsTransfer{name}": "test_credentials_are_for_the_configured_server_alone"
           for name in ("Username", "Password")},
        **{f"confScriptsTransfer{name}": "test_the_server_is_judged_by_the_parameters"
           for name in ("CertificateValidation", "CertificateTrustLevel", "CipherSuite",
                        "TlsVersion")},
        "confScriptsTransferHttpAuthenticationMethod":
            "test_credentials_are_told_in_the_normal_way",
        "confScriptsTransferOnRestartEnable": "test_at_the_units_start_scripts_are_fetched",
        "confScriptsTransferRetriesNumber":
            "test_a_server_that_cannot_be_reached_is_asked_again",
        **{f"confScriptsTransfer{name}": "test_scripts_are_fetched_periodically"
           for name in ("PeriodicEnable", "PeriodicTimeUnit", "Interval")},
        "confScriptsTransferTimeRange":
            "test_days_are_by_the_time_of_day_in_the_units_zone",
        "confScriptsAllowRepeatedExecution":
            "test_the_same_script_again_is_run_unless_that_is_switched_off",
        "confConfiguredScriptsTransferAndRun":
            "test_the_generic_script_is_run_and_then_the_specific_one",
        "confScriptTransferAndRunRowStatus": "test_a_job_that_is_destroyed_ends_its_transfer",
        "confScriptTransferAndRunUrl": "test_a_job_tells_how_far_it_is_and_hides_the_user_part",
        "confMinSeverity": "test_min_severity",
    },
    SERVICES + "test_hoc.py": {
        "hocStaticTimeZone": "test_the_time_is_local_by_the_zone",
        "hocSystemContact": "test_the_hosts_names_are_those_of_the_system_group",
        "hocSystemName": "test_the_hosts_names_are_those_of_the_system_group",
        "hocSystemLocation": "test_the_hosts_names_are_those_of_the_system_group",
        "hocClockSource": "test_host_trusts_it_whatever_it_says_and_sntp_never",
        "hocLabClockOffset": "test_the_laboratory_offset_moves_the_units_clock_alone",
    },
    SERVICES + "test_hoc_time.py": {
        "hocSntpConfigSource": "test_time_servers_are_static_ones",
        "hocStaticSntpServersHostName": "test_servers_are_asked_from_the_restart_in_their_order",
        "hocSntpSynchronizationPeriod": "test_an_answer_counts_for_the_period",
        "hocSntpSynchronizationPeriodOnError": "test_silence_is_waited_over_for_the_error_period",
        "hocSntpSynchronize": "test_the_command_asks_at_once",
    },
    SERVICES + "test_nlm.py": {
        "nlmSyslogRemoteHost": "test_it_goes_where_the_parameter_says_at_once",
        "nlmSyslogMessageFormat": "test_the_format_has_its_macros",
        "nlmEventsActivation": "test_a_rule_can_be_switched_off_and_on",
        "nlmEventsType": "test_a_rule_is_about_notifications",
        "nlmEventsCriteria": "test_criteria_choose",
        "nlmEventsAction": "test_an_action_that_is_not_there_yet_says_so",
        "nlmEventsRowStatus": "test_a_rule_that_is_not_in_service_takes_nothing",
        "nlmMinSeverity": "test_min_severity",
        "nlmSendTestNotificationRowStatus": "test_a_test_notification_is_a_job",
        "nlmSendTestNotificationText": "test_a_test_notification_is_a_job",
        "nlmClearLocalLog": "test_the_log_is_cleared_by_command_and_its_numbers_go_on",
    },
    SERVICES + "test_scm.py": {
        "scmServiceCommandsRestart": "test_every_service_can_be_restarted",
        "scmServiceCommandsStop": "test_a_stopped_sip_endpoint_has_no_port_and_no_light",
        "scmServiceCommandsStart": "test_user_services_stop_and_start",
        "scmServicesConfigStartupType":
            "test_a_service_that_is_started_by_hand_is_left_at_the_start",
        "scmMinSeverity": "test_min_severity_quiets_scm_alone",
        "scmRestartRequiredServicesGraceDelay": "test_the_grace_delay_is_waited_for_in_minutes",
        "scmRestartRequiredServices": "test_the_required_restart_is_of_those_that_need_it",
        "scmRestartUnitRowStatus":
            "test_its_delay_is_waited_for_and_destroying_the_row_calls_it_off",
        "scmRestartUnitDelay": "test_its_delay_is_waited_for_and_destroying_the_row_calls_it_off",
    },
    SERVICES + "test_sipep.py": {
        "certHostCertificateAssociationSip":
            "test_a_certificate_that_sip_may_not_use_is_not_shown_from_the_restart",
        "sipEpGatewayType": "test_an_endpoint_gateway_listens_at_no_fixed_port",
        "sipEpGatewayPort": "test_each_gateway_has_its_ports",
        "sipEpGatewaySecurePort": "test_each_gateway_has_its_ports",
        "sipEpGatewayDomain": "test_the_domain_stands_in_status_and_contact",
        "sipEpGatewayRowStatus": "test_a_destroyed_gateway_is_gone_at_the_restart",
        "sipEpDefaultStaticProxyHomeDomainHost": "test_each_server_has_its_own",
        "sipEpDefaultStaticProxyOutboundHost": "test_each_server_has_its_own",
        "sipEpDefaultStaticRegistrarServerHost": "test_each_server_has_its_own",
        "sipEpGwSpecificProxyEnableConfig":
            "test_each_gateway_has_its_own_connection_and_proxies",
        "sipEpGwSpecificProxyHomeDomainHost":
            "test_each_gateway_has_its_own_connection_and_proxies",
        "sipEpGwSpecificProxyOutboundHost":
            "test_each_gateway_has_its_own_connection_and_proxies",
        "sipEpTransportPersistentBasePort": "test_the_base_port_and_the_next_that_is_free",
        "sipEpTransportPersistentPortInterval":
            "test_an_interval_is_cycled_through_and_remembered",
        "sipEpTransportFailbackInterval":
            "test_a_refused_connection_is_tried_again_each_failback_interval",
        "sipEpTransportTlsCertificateTrustLevel":
            "test_a_server_is_asked_after_by_the_trust_level",
        "sipEpTransportTlsCipherSuite": "test_the_cipher_suite_set_is_used_from_the_restart",
        "sipEpTransportTlsVersion":
            "test_a_floor_that_the_server_is_below_is_down_and_names_the_version",
        "sipEpTransportConfigUdpEnable": "test_transports_open_their_ports_at_the_restart",
        "sipEpTransportConfigTcpEnable": "test_transports_open_their_ports_at_the_restart",
        "sipEpTransportConfigTlsEnable": "test_transports_open_their_ports_at_the_restart",
        "sipEpSipKeepAliveMethod": "test_the_other_methods_come_up_without_options",
        "sipEpSipKeepAliveInterval": "test_options_are_sent_at_each_interval",
        "sipEpSipKeepAliveRetry": "test_tcp_keep_alive_has_interval_and_retries",
        "sipEpInteropTransmissionTimeout":
            "test_a_server_that_does_not_answer_is_lost_after_the_transmission_timeout",
        "sipEpInteropTcpConnectTimeout": "test_the_connect_timeout",
        "sipEpInteropTlsClientAuthenticationEnable":
            "test_as_server_clients_are_asked_for_a_certificate_when_told_to",
        "sipEpInteropTlsCertificateValidation": "test_validation_levels",
        "sipEpMinSeverity": "test_min_severity",
        "sipEpReconnect": "test_the_reconnect_command_dials_anew",
        "sipEpMaxStreamMessageSize": "test_a_message_over_its_limit_ends_a_stream",
    },
    SERVICES + "test_snmp_access.py": {
        "aaaUsersSourceNetworks": "test_a_user_asks_from_its_own_networks_alone",
        "snmpMaxAmplification": "test_an_answer_is_at_most_so_many_times_the_request",
        "snmpSourceNetworks":
            "test_only_hosts_of_the_source_networks_are_answered_from_the_next_datagram",
    },
    SERVICES + "test_snmp.py": {
        "snmpEnableSnmpV1": "test_a_version_that_is_off_is_nobodys",
        "snmpEnableSnmpV2": "test_a_version_that_is_off_is_nobodys",
        "snmpEnableSnmpV3": "test_version_3_alone_is_on_at_first",
        "snmpCommunity": "test_the_running_community_stays_until_the_restart",
        "snmpSnmpUser": "test_without_an_snmp_user_the_community_is_the_users_name",
        "snmpEnableTcp": "test_tcp_listens_beside_udp_from_the_restart",
        "snmpPort": "test_the_port_moves_at_the_restart",
        "snmpMinSeverity": "test_min_severity",
        "snmpCommunityMayWrite": "test_lesser_rights_count_from_the_next_datagram",
    },
    SERVICES + "test_snmp_traps.py": {
        "snmpTrapDest": "test_up_to_five_receivers_are_sent_the_start_and_all_that_follows",
        "snmpEnableTrap": "test_nothing_is_sent_until_it_is_enabled",
        "snmpTrapDestVersion": "test_each_version_is_sent_as_its_own",
        "snmpTrapDestInform": "test_an_inform_is_sent_again_until_it_is_answered",
        "snmpTrapDestCommunity": "test_the_community_is_that_of_the_door",
        "snmpTrapDestUser": "test_a_user_makes_it_version_3",
        "snmpMaxTrapRate": "test_a_storm_is_bounded_at_once",
    },
    "tests/gateway/test_snmp_users.py": {
        "snmpAuthProtocol": "test_the_units_algorithms_change_later_without_a_password",
        "snmpPrivProtocol": "test_the_units_algorithms_change_later_without_a_password",
        "snmpPrivPassword":
            "test_the_privacy_password_is_the_users_else_the_units_else_the_password",
        "snmpAllowLegacyAlgorithms":
            "test_allowing_legacy_algorithms_names_who_has_to_set_the_password_again",
        "snmpOwnEngineId": "test_a_new_engine_id_is_refused_while_it_orphans_keys",
        "snmpKeepInformKeys":
            "test_keys_for_other_engines_are_made_only_of_what_was_kept_for_it",
        "aaaUsersPrivPassword":
            "test_the_privacy_password_is_the_users_else_the_units_else_the_password",
        "aaaUsersAuthProtocol": "test_each_user_may_have_its_own_algorithms",
        "aaaUsersPrivProtocol": "test_each_user_may_have_its_own_algorithms",
    },
    "tests/gateway/test_unit.py": {
        # services that have no notification of their own yet
        "aaaMinSeverity": "test_each_service_issues_from_its_own_least_severity",
        "hocMinSeverity": "test_each_service_issues_from_its_own_least_severity",
    },
}
"""Test file to object to test."""


@cache
def model() -> MibModel:
    return load_model(mib_folders())


def ours() -> list[ObjectNode]:
    return [node for node in model().objects.values()
            if node.is_writable and model().modules[node.module].service is not None]


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", [node.name for node in ours()])
def test_a_writable_object_has_an_effect_that_a_test_shows(name: str) -> None:
    found = [(path, names[name]) for path, names in EFFECTS.items() if name in names]
    assert len(found) == 1, f"{name}: no test in EFFECTS shows what setting it does"
    path, function = found[0]
    assert function in functions_of(path), f"{path} has no {function}"


@pytest.mark.parametrize("name", [node.name for node in ours()])
def test_its_file_speaks_of_it(name: str) -> None:
    (path,) = (path for path, names in EFFECTS.items() if name in names)
    node = model().objects[name]
    stem = node.table.name.removesuffix("Table") if node.table is not None else name
    text = (ROOT / path).read_text()
    assert name in text or f'"{stem}' in text, f"{path} never mentions {name}"


def test_every_object_named_is_there_and_writable() -> None:
    writable = {node.name for node in ours()}
    assert {name for names in EFFECTS.values() for name in names} == writable
