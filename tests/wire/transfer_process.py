"""Brings one file in a process of its own; prints what it cost.

    python transfer_process.py URL TO CA MOST_OCTETS
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet import defer, reactor, threads

from mibgateway.tls.creator import ClientCreator
from mibgateway.tls.credentials import read_authorities
from mibgateway.tls.policy import TlsPolicy
from mibgateway.transfer.shell import Transfers
from mibgateway.transfer.url import Url


async def bring(url: str, to: str, ca: str, most: str) -> None:
    trusted = read_authorities("ca", Path(ca).read_bytes())
    transfers = Transfers(
        reactor,
        lambda policy, server: ClientCreator(
            policy, None, trusted, server, clock=lambda: datetime.now(UTC)),
        threads.deferToThread)
    policy = TlsPolicy(use="File transfer")
    small = Url.parse(url).joined("/file")
    beside = Path(to).with_name("small")
    for _ in range(2):
        await transfers.download(small, beside, policy=policy, most_octets=10**6)
    before = resource.getrusage(resource.RUSAGE_SELF)
    done = await transfers.download(Url.parse(url), Path(to), policy=policy, most_octets=int(most))
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "octets": done.octets, "sha256": done.sha256,
        "growth_kib": after.ru_maxrss - before.ru_maxrss,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}))


def main() -> None:
    running: Any = reactor
    done = defer.ensureDeferred(bring(*sys.argv[1:]))
    done.addErrback(lambda failure: print(failure.getErrorMessage(), file=sys.stderr))
    done.addBoth(lambda _: running.stop())
    running.run()


if __name__ == "__main__":
    main()
