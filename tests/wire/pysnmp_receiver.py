"""pysnmp's notification receiver in a process of its own: prints each notification as JSON.

`pysnmp_receiver.py PORT COMMUNITY [USER AUTH-PASS-PHRASE PRIV-PASS-PHRASE ENGINE-ID]`, on
127.0.0.1; SHA-256 and AES-128, the engine ID in hex; `ready` is its first line.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp  # type: ignore[import-untyped]
from pysnmp.entity import config, engine  # type: ignore[import-untyped]
from pysnmp.entity.rfc3413 import ntfrcv  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]


def main(port: int, community: str, *secure: str) -> None:
    """Receive until the process is ended."""
    snmp = engine.SnmpEngine()
    config.add_transport(
        snmp, udp.DOMAIN_NAME, udp.UdpTransport().open_server_mode(("127.0.0.1", port)))
    config.add_v1_system(snmp, "somebody", community)
    if secure:
        user, auth, priv, engine_id = secure
        protocols = (config.USM_AUTH_HMAC192_SHA256, auth, config.USM_PRIV_CFB128_AES, priv)
        config.add_v3_user(snmp, user, *protocols)
        config.add_v3_user(snmp, user, *protocols,
                           securityEngineId=v2c.OctetString(hexValue=engine_id))

    def received(
        engine: Any, state: Any, context_engine: Any, context: Any, varbinds: Any, _: Any
    ) -> None:
        how = engine.observer.get_execution_context("rfc3412.receiveMessage:request")
        print(json.dumps({
            "kind": type(how["pdu"]).__name__, "level": int(how["securityLevel"]),
            "model": int(how["securityModel"]),
            "values": [[str(name), type(value).__name__, value.prettyPrint()]
                       for name, value in varbinds]}), flush=True)

    ntfrcv.NotificationReceiver(snmp, received)
    print("ready", flush=True)
    snmp.transport_dispatcher.job_started(1)
    snmp.open_dispatcher()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
