"""Throw-away servers: where they listen, and what a failed start tells whoever reads the test's report."""

from __future__ import annotations

import socket
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from lab.images.servers import LOOPBACK, PORTS_EACH, free_port
from ops.errors import LabError
from ops.paths import ROOT

LOWEST_BY_CHANCE = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])


@pytest.mark.skipif(LOWEST_BY_CHANCE < 30000, reason="this machine gives away ports below Linux's own range")
def test_a_free_port_is_given_once_and_never_to_others_by_chance() -> None:
    ports = [free_port() for _ in range(PORTS_EACH // 2)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < LOWEST_BY_CHANCE


def test_a_free_port_is_none_where_somebody_listens() -> None:
    first = free_port()
    with socket.create_server((LOOPBACK, first)):
        assert first not in {free_port() for _ in range(2 * PORTS_EACH)}
    assert first in {free_port() for _ in range(2 * PORTS_EACH)}


def test_two_processes_are_never_given_the_same_port() -> None:
    mine = {free_port() for _ in range(2 * PORTS_EACH)}
    ask = f"from lab.images.servers import free_port; print(*(free_port() for _ in range({2 * PORTS_EACH})))"
    others = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert len(set(others)) > PORTS_EACH // 2
    assert mine.isdisjoint(map(int, others))


def test_a_traceback_of_the_lab_ends_with_the_excerpt() -> None:
    lines = traceback.format_exception(LabError("the server did not start.", "Its own words follow.", "port in use"))
    assert lines[-1].strip() == "port in use"
