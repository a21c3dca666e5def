"""The host's memory, disks, processors and processes as it tells them."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from mibgateway.host.machine import (
    RAM,
    Load,
    booted_at,
    how_many_processes,
    machine,
    processes,
    processor_name,
)


def test_memory_is_the_hosts() -> None:
    found = machine()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found.memory_kb == pages // 1024
    (ram,) = (each for each in found.storage if each.kind == RAM)
    assert ram.size * ram.unit == pages
    assert 0 < ram.used < ram.size


def test_sizes_fit_31_bits_and_file_systems_have_their_storage() -> None:
    found = machine()
    numbers = {each.number for each in found.storage}
    assert len(numbers) == len(found.storage)
    for each in found.storage:
        assert 0 <= each.used <= each.size < 2**31
    assert {each.storage for each in found.file_systems} <= numbers


def test_a_process_is_there_while_it_runs_and_shows_no_arguments() -> None:
    secret = "password-of-nobody"
    child = subprocess.Popen([sys.executable, "-c", "input()", secret], stdin=subprocess.PIPE)
    try:
        found = processes()[child.pid]
        assert os.path.basename(sys.executable)[:6] in found.name  # noqa: PTH119
        assert secret not in repr(found)
        assert not found.is_of_kernel
    finally:
        child.communicate(b"\n")
    assert child.pid not in processes()
    assert how_many_processes() > 0


def test_the_host_started_before_now() -> None:
    assert 0 < booted_at() < time.time()


def test_a_processor_has_a_name_or_none() -> None:
    assert "\n" not in processor_name()


@pytest.mark.parametrize(("samples", "load"), [
    ([(0, 100, 90), (60, 160, 120)], 50),          # of 60 s, 30 idle
    ([(0, 100, 90), (59, 159, 149)], 0),
    ([(0, 100, 90), (60, 160, 90)], 100),
    ([(0, 100, 90), (30, 130, 120), (60, 160, 120), (90, 190, 120)], 100),
    ([(0, 100, 90), (60, 100, 90)], 0),            # the counters stood still
    ([(0, 100, 90), (60, 50, 40)], 0),             # or went back
])
def test_load_is_of_the_last_minute(samples: list[tuple[int, int, int]], load: int) -> None:
    now = [0.0]
    meter = Load(lambda: now[0])
    for at, whole, idle in samples:
        now[0] = float(at)
        found = meter.since_a_minute([(float(whole), float(idle))])
    assert found == [load]


def test_the_first_load_is_since_the_start_and_processors_may_come() -> None:
    meter = Load(lambda: 0.0)
    assert meter.since_a_minute([(100.0, 75.0)]) == [25]
    assert meter.since_a_minute([(100.0, 75.0), (100.0, 0.0)]) == [25, 100]
    assert all(0 <= each <= 100 for each in Load().percent())
    assert len(Load().percent()) == os.cpu_count()
