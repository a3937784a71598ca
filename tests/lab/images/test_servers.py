"""Throw-away servers: where they listen, and what a failed start tells whoever reads the test's report."""

from __future__ import annotations

import socket
import traceback
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.images.servers import LOOPBACK, free_port

LOWEST_BY_CHANCE = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])


@pytest.mark.skipif(LOWEST_BY_CHANCE < 30000, reason="this machine gives away ports below Linux's own range")
def test_a_free_port_is_given_once_and_never_to_others_by_chance() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < LOWEST_BY_CHANCE


def test_a_free_port_is_none_where_somebody_listens() -> None:
    first = free_port()
    with socket.create_server((LOOPBACK, first)):
        assert first not in {free_port() for _ in range(10000)}
    assert first in {free_port() for _ in range(10000)}


def test_a_traceback_of_the_lab_ends_with_the_excerpt() -> None:
    lines = traceback.format_exception(LabError("the server did not start.", "Its own words follow.", "port in use"))
    assert lines[-1].strip() == "port in use"
