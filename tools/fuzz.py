"""Long fuzzing of the SNMP engine: `python tools/fuzz.py --minutes 30`.

With atheris (`pip install -e '.[fuzz]'`) guided by coverage, else at random from a seed. What
breaks an invariant is made small and written to tests/agent/snmp/crashers, for tests to replay.
Exit status 1 when something was found.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "agent"), str(ROOT / "gateway")]

A_JUDGE = 3000
"""Datagrams that one engine hears, before a new one is made."""
REPORT_S = 20.0


def broken_by(datagrams: list[bytes]) -> str:
    """Give what they break in a fresh engine, or nothing."""
    from tests.agent.snmp.fuzzing import Judge

    judge = Judge()
    try:
        for datagram in datagrams:
            judge.hear(datagram)
        judge.settle()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def made_small(datagrams: list[bytes]) -> list[bytes]:
    """Leave out what is not needed to break it."""
    if broken_by(datagrams[-1:]):
        return datagrams[-1:]
    step = len(datagrams) // 2
    while step:
        at = 0
        while at < len(datagrams):
            fewer = datagrams[:at] + datagrams[at + step:]
            if fewer and broken_by(fewer):
                datagrams = fewer
            else:
                at += step
        step //= 2
    return datagrams


def keep(datagrams: list[bytes], why: str) -> Path:
    """Write a crasher."""
    from tests.agent.snmp.fuzzing import CRASHERS

    small = made_small(datagrams) if broken_by(datagrams) else datagrams
    name = hashlib.blake2b(b"".join(small), digest_size=6).hexdigest()
    path = CRASHERS / f"found-{name}.hex"
    first = (why.splitlines() or [""])[-1].encode("ascii", "replace").decode()[:200]
    path.write_text(f"# {first}\n" + "".join(f"{each.hex()}\n" for each in small), "ascii")
    print(f"{why.splitlines()[-1][:300]}\n  kept in {path.relative_to(ROOT)}", flush=True)
    return path


def at_random(minutes: float, seed: int) -> int:
    """Fuzz without a guide; give how much was found."""
    from tests.agent.snmp.fuzzing import PEERS, Judge, Maker, RandomLuck

    luck = RandomLuck(random.Random(seed))
    maker, end, told = Maker(luck), time.monotonic() + minutes * 60, time.monotonic()
    heard = found = 0
    while time.monotonic() < end and found < 20:
        judge, since = Judge(), list[bytes]()
        try:
            for _ in range(A_JUDGE):
                since.append(maker.datagram())
                judge.hear(since[-1], luck.pick(PEERS))
                heard += 1
                if time.monotonic() >= end:
                    break
            judge.settle()
        except Exception as error:
            found += 1
            keep(since, f"{type(error).__name__}: {error}")
        if time.monotonic() - told > REPORT_S:
            told = time.monotonic()
            size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{heard} datagrams, {found} found, at most {size} MiB", flush=True)
    print(f"{heard} datagrams from seed {seed}, {found} found", flush=True)
    return found


def guided(minutes: float, seed: int) -> None:
    """Fuzz with atheris, which ends the process by itself: at the first thing found, or in time."""
    import atheris  # type: ignore[import-not-found, unused-ignore]

    with atheris.instrument_imports(include=["mibagent.snmp"]):
        from tests.agent.snmp.fuzzing import Judge, Maker, TapeLuck

    def hear(tape: bytes) -> None:
        luck = TapeLuck(tape)
        maker, judge = Maker(luck), Judge(measured=False)
        since: list[bytes] = []
        try:
            for _ in range(luck.pick(range(1, 6))):
                since.append(maker.datagram())
                judge.hear(since[-1])
            judge.settle()
        except Exception as error:
            keep(since, f"{type(error).__name__}: {error}")
            raise

    tapes = ROOT / ".fuzz"
    tapes.mkdir(exist_ok=True)
    arguments: list[Any] = [
        sys.argv[0], f"-max_total_time={int(minutes * 60)}", f"-seed={seed}", "-max_len=2000",
        f"-artifact_prefix={tapes}/", str(tapes)]
    atheris.Setup(arguments, hear)
    atheris.Fuzz()


def main() -> int:
    """Fuzz as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--by", choices=("auto", "atheris", "random"), default="auto")
    asked = parser.parse_args()
    by_guide = asked.by == "atheris" or (
        asked.by == "auto" and importlib.util.find_spec("atheris") is not None)
    if by_guide:
        guided(asked.minutes, asked.seed)
        return 0
    return 1 if at_random(asked.minutes, asked.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
