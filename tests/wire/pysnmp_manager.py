"""pysnmp's manager in a process of its own: walks an agent and prints each name and value.

`pysnmp_manager.py HOST PORT COMMUNITY`; a second judge beside net-snmp.
"""

from __future__ import annotations

import asyncio
import sys

from pysnmp.hlapi.v3arch.asyncio import (  # type: ignore[import-untyped]
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    bulk_walk_cmd,
)


async def walk(host: str, port: int, community: str) -> None:
    """Print all that the agent has, by GETBULK."""
    target = await UdpTransportTarget.create((host, port), timeout=10, retries=3)
    walked = bulk_walk_cmd(
        SnmpEngine(), CommunityData(community, mpModel=1), target, ContextData(), 0, 40,
        ObjectType(ObjectIdentity("1.3.6.1")), lookupMib=False, lexicographicMode=True)
    async for trouble, status, _, varbinds in walked:
        if trouble or status:
            raise SystemExit(f"{trouble or status}")
        for name, value in varbinds:
            print(name, value.prettyPrint().replace("\n", " "))


if __name__ == "__main__":
    asyncio.run(walk(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
