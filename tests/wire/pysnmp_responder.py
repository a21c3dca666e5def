"""pysnmp's command responder in a process of its own: prints its port, serves until it is ended.

Set up as its documentation has it, for the users of the fault agent's credentials.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp  # type: ignore[import-untyped]
from pysnmp.entity import config, engine  # type: ignore[import-untyped]
from pysnmp.entity.rfc3413 import cmdrsp, context  # type: ignore[import-untyped]

from tests.conformance.fault_v3 import CREDENTIALS
from tools.conformance.pysnmp_manager import AUTH, PRIV

SYSTEM_AND_SNMP = ((1, 3, 6, 1, 2, 1), (1, 3, 6, 1, 6))


def responder() -> Any:
    """Give an engine with its responders, at a free port."""
    snmp = engine.SnmpEngine()
    config.add_transport(
        snmp, udp.DOMAIN_NAME, udp.UdpTransport().open_server_mode(("127.0.0.1", 0)))
    config.add_v1_system(snmp, "reader", CREDENTIALS.community)
    config.add_v1_system(snmp, "writer", CREDENTIALS.write_community)
    config.add_v1_system(snmp, "guarded", CREDENTIALS.guarded_community)
    config.add_vacm_user(snmp, 2, "guarded", "authPriv", (1, 3, 6), ())
    for role, user in CREDENTIALS.users.items():
        config.add_v3_user(snmp, user.name, AUTH[user.auth], user.auth_password,
                           PRIV[user.priv], user.priv_password or None)
        if role == "viewless":
            _grant_by_a_view_that_is_nowhere(snmp, user.name)
        elif role != "ungrouped":
            level = "authPriv" if user.priv else "authNoPriv"
            config.add_vacm_user(snmp, 3, user.name, level, (1, 3, 6),
                                 (1, 3, 6) if role == "main" else ())
    for model in (1, 2):
        config.add_vacm_user(snmp, model, "reader", "noAuthNoPriv", (1, 3, 6), ())
        config.add_vacm_user(snmp, model, "writer", "noAuthNoPriv", (1, 3, 6), (1, 3, 6))
    served = context.SnmpContext(snmp)
    for kind in (cmdrsp.GetCommandResponder, cmdrsp.SetCommandResponder,
                 cmdrsp.NextCommandResponder, cmdrsp.BulkCommandResponder):
        kind(snmp, served)
    return snmp


def _grant_by_a_view_that_is_nowhere(snmp: Any, name: str) -> None:
    config.add_vacm_group(snmp, "viewless-group", 3, name)
    config.add_vacm_access(
        snmp, "viewless-group", "", 3, "noAuthNoPriv", "exact", "a-view", "a-view", "a-view")


def main() -> None:
    """Serve."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    snmp = responder()

    async def tell() -> None:
        transport = snmp.transport_dispatcher.get_transport(udp.DOMAIN_NAME)
        await asyncio.sleep(0.2)
        print(transport.transport.get_extra_info("sockname")[1], flush=True)

    told = loop.create_task(tell())
    snmp.transport_dispatcher.job_started(1)
    snmp.open_dispatcher()
    told.cancel()


if __name__ == "__main__":
    main()
