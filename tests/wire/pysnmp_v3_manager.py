"""A manager of its own: pysnmp asks for sysName as each user and says what came."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from pysnmp.hlapi.v3arch import asyncio as pysnmp  # type: ignore[import-untyped]

AUTHS = {"MD5": pysnmp.usmHMACMD5AuthProtocol, "SHA": pysnmp.usmHMACSHAAuthProtocol,
         "SHA-224": pysnmp.usmHMAC128SHA224AuthProtocol,
         "SHA-256": pysnmp.usmHMAC192SHA256AuthProtocol,
         "SHA-384": pysnmp.usmHMAC256SHA384AuthProtocol,
         "SHA-512": pysnmp.usmHMAC384SHA512AuthProtocol}
PRIVS = {"DES": pysnmp.usmDESPrivProtocol, "AES": pysnmp.usmAesCfb128Protocol,
         "AES-192": pysnmp.usmAesBlumenthalCfb192Protocol,
         "AES-256": pysnmp.usmAesBlumenthalCfb256Protocol,
         "AES-192-C": pysnmp.usmAesCfb192Protocol, "AES-256-C": pysnmp.usmAesCfb256Protocol}


async def main() -> list[str]:
    """Ask as each user; give `ok` or the trouble of each."""
    port, password, private, asked = sys.argv[1:]
    found = []
    for user, auth, priv in json.loads(asked):
        engine = pysnmp.SnmpEngine()
        keys = pysnmp.UsmUserData(user, password, private, authProtocol=AUTHS[auth],
                                  privProtocol=PRIVS[priv])
        target = await pysnmp.UdpTransportTarget.create(("127.0.0.1", int(port)), timeout=5)
        answer: tuple[Any, ...] = await pysnmp.get_cmd(
            engine, keys, target, pysnmp.ContextData(),
            pysnmp.ObjectType(pysnmp.ObjectIdentity("1.3.6.1.2.1.1.5.0")))
        trouble = answer[0] or int(answer[1])
        found.append(str(trouble) if trouble else "ok")
        engine.close_dispatcher()
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main())))
