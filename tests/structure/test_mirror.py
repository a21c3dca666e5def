"""tests/ mirrors the tree: for each module the file that promises what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.structure.tree import ROOT, SOURCES, modules

ELSEWHERE: dict[str, str] = {
    # one model is built from one text: each part is promised by what comes out of it
    "agent/mibagent/model/build.py": "tests/agent/model/test_load.py",
    "agent/mibagent/model/clauses.py": "tests/agent/model/test_load.py",
    "agent/mibagent/model/defaults.py": "tests/agent/model/test_load.py",
    "agent/mibagent/model/nodes.py": "tests/agent/model/test_load.py",
    "agent/mibagent/model/prose.py": "tests/agent/model/test_load.py",
    "agent/mibagent/model/resolve.py": "tests/agent/model/test_load.py",
    "agent/mibagent/model/tables.py": "tests/agent/model/test_load.py",
    # one broken MIB a fault
    "agent/mibagent/model/findings.py": "tests/agent/model/test_broken.py",
    "agent/mibagent/model/rules.py": "tests/agent/model/test_broken.py",
    "agent/mibagent/model/structure.py": "tests/agent/model/test_broken.py",
    # other people's MIBs
    "agent/mibagent/model/mend.py": "tests/agent/model/test_foreign.py",
    "agent/mibagent/model/remedies.py": "tests/agent/model/test_foreign.py",
    # files and their texts
    "agent/mibagent/model/places.py": "tests/agent/model/test_texts_and_places.py",
    "agent/mibagent/model/sources.py": "tests/agent/model/test_texts_and_places.py",
    "agent/mibagent/model/text.py": "tests/agent/model/test_texts_and_places.py",
    # the engine is promised octets in, octets out
    "agent/mibagent/snmp/cells.py": "tests/agent/snmp/test_tree.py",
    "agent/mibagent/snmp/rows.py": "tests/agent/snmp/test_tree.py",
    "agent/mibagent/snmp/segments.py": "tests/agent/snmp/test_tree.py",
    "agent/mibagent/snmp/sight.py": "tests/agent/snmp/test_tree.py",
    "agent/mibagent/snmp/counters.py": "tests/agent/snmp/test_engine.py",
    "agent/mibagent/snmp/message.py": "tests/agent/snmp/test_engine.py",
    "agent/mibagent/snmp/pdu.py": "tests/agent/snmp/test_engine.py",
    "agent/mibagent/snmp/source.py": "tests/agent/snmp/test_engine.py",
    "agent/mibagent/snmp/northbound.py": "tests/agent/snmp/test_set.py",
    "agent/mibagent/snmp/users.py": "tests/agent/snmp/test_usm.py",
    # the store's parts are promised by what comes of changes
    "agent/mibagent/store/taking_back.py": "tests/agent/store/test_store.py",
    "agent/mibagent/store/telling.py": "tests/agent/store/test_store.py",
    "agent/mibagent/store/tip.py": "tests/agent/store/test_store.py",
    "agent/mibagent/service/providing.py": "tests/agent/service/test_host.py",
    # SIP's small parts are promised by the messages and machines that they make up
    "gateway/mibgateway/sip/errors.py": "tests/gateway/sip/test_framing.py",
    "gateway/mibgateway/sip/figure.py": "tests/gateway/sip/test_transaction.py",
    "gateway/mibgateway/sip/grammar.py": "tests/gateway/sip/test_uri.py",
    "gateway/mibgateway/sip/header.py": "tests/gateway/sip/test_message.py",
    "gateway/mibgateway/sip/link.py": "tests/gateway/sip/test_flow.py",
    "gateway/mibgateway/sip/terms.py": "tests/gateway/sip/test_flow.py",
    # TLS is promised by handshakes
    "gateway/mibgateway/tls/certificate.py": "tests/gateway/tls/test_credentials.py",
    "gateway/mibgateway/tls/creator.py": "tests/gateway/tls/test_handshakes.py",
    "gateway/mibgateway/tls/explain.py": "tests/gateway/tls/test_handshakes.py",
    "gateway/mibgateway/tls/native.py": "tests/gateway/tls/test_handshakes.py",
    "gateway/mibgateway/tls/making.py": "tests/gateway/services/test_cert.py",
    "gateway/mibgateway/tls/probe.py": "tests/wire/test_tls_probe.py",
    "gateway/mibgateway/tls/keylog.py": "tests/gateway/tls/test_shared.py",
    "gateway/mibgateway/services/cert_rows.py": "tests/gateway/services/test_cert.py",
    "gateway/mibgateway/tls/policy.py": "tests/gateway/tls/test_suites.py",
    "gateway/mibgateway/demo/acts.py": "tests/wire/test_demo.py",
    # transfers are promised by what comes of them
    "gateway/mibgateway/transfer/disk.py": "tests/gateway/transfer/test_shell.py",
    "gateway/mibgateway/transfer/pace.py": "tests/gateway/transfer/test_shell.py",
    "gateway/mibgateway/transfer/terms.py": "tests/gateway/transfer/test_steps.py",
    # the laboratory is promised by what a test sees of it
    "gateway/mibgateway/lab/baseline.py": "tests/gateway/lab/test_door.py",
    "gateway/mibgateway/lab/describe.py": "tests/wire/test_lab.py",
    "gateway/mibgateway/lab/start.py": "tests/wire/test_lab.py",
    "gateway/mibgateway/pytest_plugin.py": "tests/wire/test_pytest_plugin.py",
    "gateway/mibgateway/testing.py": "tests/wire/test_pytest_plugin.py",
    # the list of what the others make
    "gateway/mibgateway/platforms/definitions.py": "tests/gateway/platforms/test_exporter.py",
    # what is laid over a model is promised by what an agent then serves
    "agent/mibagent/recording/remarks.py": "tests/agent/recording/test_lay.py",
    "agent/mibagent/recording/sample.py": "tests/agent/recording/test_walk.py",
    "agent/mibagent/recording/values.py": "tests/agent/recording/test_lay.py",
    "agent/mibagent/store/given.py": "tests/agent/recording/test_lay.py",
    # agents by themselves are promised by processes
    "gateway/mibgateway/agents/modules.py": "tests/gateway/agents/test_command.py",
    "gateway/mibgateway/agents/plan.py": "tests/gateway/agents/test_command.py",
    "gateway/mibgateway/agents/run.py": "tests/wire/test_agents.py",
    "gateway/mibgateway/agents/traps.py": "tests/wire/test_agents.py",
    # promised from further off: by the host, the whole unit or the service above
    "agent/mibagent/agent.py": "tests/wire/test_example.py",
    "gateway/mibgateway/__main__.py": "tests/wire/test_unit.py",
    "gateway/mibgateway/services/file_rows.py": "tests/gateway/services/test_file.py",
    "gateway/mibgateway/services/sipep_rows.py": "tests/gateway/services/test_sipep.py",
    # one service, its rows and its scripts
    "gateway/mibgateway/services/conf_rows.py": "tests/gateway/services/test_conf.py",
    "gateway/mibgateway/services/conf_scripts.py": "tests/gateway/services/test_conf.py",
}
"""Modules whose promises stand in another's file; each entry with its reason in a comment."""


def homes(module: Path) -> list[Path]:
    """Give the files that may hold a module's tests, the first the rule."""
    source = next(path for path in SOURCES.values() if module.is_relative_to(path))
    inside = module.relative_to(source).parts[1:]
    rule = ROOT / "tests" / source.name / Path(*inside[:-1]) / f"test_{inside[-1]}"
    allowed = [rule]
    if module.name == "shell.py":      # real sockets; named after the room
        allowed += [ROOT / "tests" / "wire" / f"test_{inside[-2]}.py"]
        allowed += [ROOT / "tests" / "wire" / f"test_{inside[-2]}_shell.py"]
    elsewhere = ELSEWHERE.get(str(module.relative_to(ROOT)))
    return [*allowed, ROOT / elsewhere] if elsewhere else allowed


MODULES = [path for path in modules().values() if path.name != "__init__.py"]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_its_tests(module: Path) -> None:
    assert any(home.exists() for home in homes(module)), f"no {homes(module)[0].relative_to(ROOT)}"


def test_no_exception_outlives_its_reason() -> None:
    for module, tests in ELSEWHERE.items():
        assert (ROOT / module).exists(), f"{module} is gone"
        assert (ROOT / tests).exists(), f"{tests} is gone"
        assert not homes(ROOT / module)[0].exists(), f"{module} has tests of its own"
