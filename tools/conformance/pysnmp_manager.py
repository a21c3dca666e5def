"""pysnmp's manager: takes an order as JSON on standard input, prints the names it got as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from pysnmp.hlapi.v3arch import asyncio as hlapi  # type: ignore[import-untyped]

AUTH = {"MD5": hlapi.usmHMACMD5AuthProtocol, "SHA": hlapi.usmHMACSHAAuthProtocol,
         "SHA-224": hlapi.usmHMAC128SHA224AuthProtocol,
         "SHA-256": hlapi.usmHMAC192SHA256AuthProtocol,
         "SHA-384": hlapi.usmHMAC256SHA384AuthProtocol,
         "SHA-512": hlapi.usmHMAC384SHA512AuthProtocol, "": hlapi.usmNoAuthProtocol}
PRIV = {"DES": hlapi.usmDESPrivProtocol, "AES": hlapi.usmAesCfb128Protocol,
         "AES-192": hlapi.usmAesBlumenthalCfb192Protocol,
         "AES-256": hlapi.usmAesBlumenthalCfb256Protocol,
         "AES-192-C": hlapi.usmAesCfb192Protocol, "AES-256-C": hlapi.usmAesCfb256Protocol,
         "": hlapi.usmNoPrivProtocol}


def identity(order: dict[str, Any]) -> Any:
    """Give who asks, as pysnmp has it."""
    user = order["user"]
    if user is None:
        return hlapi.CommunityData(order["community"], mpModel=1)
    return hlapi.UsmUserData(
        user["name"], user["auth_password"] or None, user["priv_password"] or None,
        authProtocol=AUTH[user["auth"]], privProtocol=PRIV[user["priv"]])


async def carry_out(order: dict[str, Any]) -> list[str]:
    """Do the job. Raises SystemExit with what pysnmp says."""
    where = (order["host"], order["port"])
    transport = hlapi.Udp6TransportTarget if ":" in order["host"] else hlapi.UdpTransportTarget
    target = await transport.create(where, timeout=3, retries=2)
    common = (hlapi.SnmpEngine(), identity(order), target, hlapi.ContextData())
    oid = hlapi.ObjectType(hlapi.ObjectIdentity(order["oid"]))
    got: list[str] = []

    def take(answer: Any) -> list[Any]:
        trouble, status, index, bindings = answer
        if trouble or status:
            raise SystemExit(f"{trouble or status.prettyPrint()} at {index}")
        for name, _ in bindings:
            got.append(str(name))
        return list(bindings)

    if order["job"] == "get":
        take(await hlapi.get_cmd(*common, oid, lookupMib=False))
    elif order["job"] == "set-same":
        found = take(await hlapi.get_cmd(*common, oid, lookupMib=False))
        got.clear()
        same = hlapi.ObjectType(hlapi.ObjectIdentity(order["oid"]), found[0][1])
        take(await hlapi.set_cmd(*common, same, lookupMib=False))
    else:
        options = {"lookupMib": False, "lexicographicMode": False, "maxRows": order["limit"]}
        walk = (hlapi.walk_cmd(*common, oid, **options) if order["job"] == "walk"
                else hlapi.bulk_walk_cmd(*common, 0, 20, oid, **options))
        async for answer in walk:
            take(answer)
    return got


if __name__ == "__main__":
    json.dump(asyncio.run(carry_out(json.load(sys.stdin))), sys.stdout)
