"""The forwarder: listens on the host's loopback and connects inside the box, whose network the host does not see.

Run as ``python -m lab.cluster.forwarder STATE LOGS SLOT``. It ends with the box. It receives what to forward over a socket, one
line of JSON in, one out: ``[["127.88.0.1", 443, 30443], ...]`` is answered by ``null``, or by the address that could not be taken, in
which case nothing has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import socket
import sys
from pathlib import Path
from typing import Final

from lab.cluster import config, kernel
from lab.cluster.home import Home
from ops.process import Process

Route = tuple[str, int, int]
"""Address and port on the host, port in the box."""

CHUNK: Final = 256 * 1024
"""Bytes moved at a time; a slow reader holds back the writer, so an upload of any size needs no more memory than a few of these."""

SOCKET_NAME: Final = "forwarder.sock"


class Forwarder:
    """Keeps the set of listening sockets that it was last told."""

    def __init__(self, host: int, box: int) -> None:
        self._host = host
        self._box = box
        self._servers: dict[tuple[str, int], asyncio.Server] = {}
        self._targets: dict[tuple[str, int], int] = {}

    async def establish(self, routes: list[Route]) -> str | None:
        """Listen on exactly ``routes``; return the first address that is taken, and then change nothing."""
        targets = {(address, port): inner for address, port, inner in routes}
        opened: dict[tuple[str, int], socket.socket] = {}
        for place in targets.keys() - self._servers.keys():
            try:
                opened[place] = self._listen(place)
            except OSError as error:
                for each in opened.values():
                    each.close()
                return f"{place[0]}:{place[1]}: {error.strerror}"
        for place in self._servers.keys() - targets.keys():
            self._servers.pop(place).close()
        self._targets = targets
        for place, listening in opened.items():
            self._servers[place] = await asyncio.start_server(functools.partial(self._handle, place), sock=listening, limit=CHUNK)
        return None

    def _listen(self, place: tuple[str, int]) -> socket.socket:
        """Return a socket that listens on the host, where only a socket made there can."""
        kernel.enter_network(self._host)
        try:
            return socket.create_server(place, backlog=512)
        finally:
            kernel.enter_network(self._box)

    async def _handle(self, place: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(config.NODE_ADDRESS, self._targets[place], limit=CHUNK)
        except (OSError, KeyError):
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, inner_writer))
                both.create_task(_pump(inner_reader, writer))
        except* OSError:
            inner_writer.transport.abort()
            writer.transport.abort()
        finally:
            inner_writer.close()
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Move bytes until the end of one direction, and pass that end on: the other direction may still have much to say."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


async def _serve(home: Home, box: Process) -> None:
    host_network = os.open("/proc/self/ns/net", os.O_RDONLY)
    control = home.run / SOCKET_NAME
    control.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(control))
    control.chmod(0o600)
    box_network = os.open(f"/proc/{box.pid}/ns/net", os.O_RDONLY)
    kernel.enter_network(box_network)
    forwarder = Forwarder(host_network, box_network)

    async def told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            routes = [(str(address), int(port), int(inner)) for address, port, inner in json.loads(await reader.readline())]
            writer.write(json.dumps(await forwarder.establish(routes)).encode() + b"\n")
            await writer.drain()
        writer.close()

    box_ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(os.pidfd_open(box.pid), box_ended.set)
    async with await asyncio.start_unix_server(told, sock=listening):
        Process.of(os.getpid()).write(home.forwarder)
        os.close(int(os.environ.pop("LAB_LOCK")))  # held until now: no second start begins before this process is on record
        await box_ended.wait()
    control.unlink(missing_ok=True)


def main() -> None:
    """Forward until the box ends."""
    state, logs, slot = sys.argv[1:]
    home = Home(Path(state), Path(logs), slot)
    box = Process.read(home.box)
    if box is not None:
        asyncio.run(_serve(home, box))


def tell(home: Home, routes: list[Route]) -> str | None:
    """Tell the running forwarder what to forward; return what could not be taken, else None.

    Raises:
        OSError: no forwarder listens.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(home.run / SOCKET_NAME))
        connection.sendall(json.dumps(routes).encode() + b"\n")
        with connection.makefile("rb") as answer:
            refused = json.loads(answer.readline() or b'"the forwarder ended"')
    return None if refused is None else str(refused)


if __name__ == "__main__":
    main()
