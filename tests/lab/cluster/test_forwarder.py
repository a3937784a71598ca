"""The forwarder without a box: its two networks are the same one. Needs root, as everything that enters a network namespace."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator

import pytest

from lab.cluster import config
from lab.cluster.forwarder import Forwarder
from lab.images.servers import free_port

HOST = "127.88.98.1"

pytestmark = pytest.mark.images


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "NODE_ADDRESS", "127.0.0.1")


def _forwarder() -> Forwarder:
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    return Forwarder(here, here)


@contextlib.asynccontextmanager
async def _server(greeting: bytes = b"") -> AsyncIterator[int]:
    """Answer with ``greeting`` and everything received, but only after the other side has said that it is done."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting + await reader.read())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 26)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _ask(port: int, data: bytes = b"hello") -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def test_what_is_sent_before_a_half_close_is_answered_after_it() -> None:
    async def scenario() -> None:
        forwarder, port, sent = _forwarder(), free_port(), os.urandom(1 << 22)
        async with _server() as target:
            assert await forwarder.establish([(HOST, port, target)]) is None
            assert await _ask(port, sent) == sent
            await forwarder.establish([])

    asyncio.run(scenario())


def test_a_taken_address_is_reported_and_the_old_set_stays() -> None:
    async def scenario() -> None:
        forwarder, port = _forwarder(), free_port()
        async with _server() as target:
            await forwarder.establish([(HOST, port, target)])
            with socket.create_server((HOST, 0)) as taken:
                number = taken.getsockname()[1]
                refused = await forwarder.establish([(HOST, number, target)])
            assert refused is not None
            assert refused.startswith(f"{HOST}:{number}: ")
            assert await _ask(port) == b"hello"
            await forwarder.establish([])

    asyncio.run(scenario())


def test_a_route_can_change_its_target_without_letting_go_of_the_port() -> None:
    async def scenario() -> None:
        forwarder, port = _forwarder(), free_port()
        async with _server(b"first ") as first, _server(b"second ") as second:
            await forwarder.establish([(HOST, port, first)])
            assert await _ask(port) == b"first hello"
            assert await forwarder.establish([(HOST, port, second)]) is None
            assert await _ask(port) == b"second hello"
            await forwarder.establish([])

    asyncio.run(scenario())


def test_a_target_that_refuses_ends_the_connection() -> None:
    async def scenario() -> None:
        forwarder, port = _forwarder(), free_port()
        with socket.create_server(("127.0.0.1", 0)) as gone:
            nobody = gone.getsockname()[1]
        await forwarder.establish([(HOST, port, nobody)])
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # an empty answer is as good an end as a reset
            answer = await asyncio.wait_for(_ask(port), 60)
        assert answer == b""
        await forwarder.establish([])

    asyncio.run(scenario())
