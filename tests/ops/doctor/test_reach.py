"""The registry's way to Portus is looked at by a connection without data: Puma keeps a thread for each plain request on its TLS port."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lab.images.build import build_images
from lab.images.rootfs import run
from ops.doctor.facts import Pod
from ops.doctor.servers import CONNECT_SECONDS, _from_registry
from ops.kube.http import Unseen, late

LOOPBACK = "127.0.0.1"


@dataclass
class _Wire:
    """Runs a command in the registry's image instead of in its Pod."""

    def run(self, _pod: str, command: Sequence[str], seconds: float = 10) -> tuple[int, str]:
        (image,) = build_images(["registry-lab:2.8"])
        done = run(image.container(), command, seconds=seconds + 20)
        return done.returncode, done.stdout


def _reached(name: str, port: int) -> str | Unseen:
    return _from_registry(_Wire(), Pod(name="registry-0", ready=True), name, port)  # type: ignore[arg-type]


@contextmanager
def _listening(backlog: int = 5) -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen(backlog)
        yield server


@pytest.mark.images
def test_a_server_that_says_nothing_is_reached_and_is_sent_nothing() -> None:
    with _listening() as server:
        assert _reached(LOOPBACK, server.getsockname()[1]) == ""
        server.settimeout(5)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1) == b"", "a connection without data that was closed"


@pytest.mark.images
def test_a_server_that_takes_no_connection_gives_no_answer_in_time() -> None:
    with _listening(0) as server:
        waiting = [socket.socket() for _ in range(3)]
        try:
            for each in waiting:
                each.setblocking(False)  # noqa: FBT003 - the socket's own signature
                each.connect_ex(server.getsockname())
            assert _reached(LOOPBACK, server.getsockname()[1]) == late(CONNECT_SECONDS)
        finally:
            for each in waiting:
                each.close()


@pytest.mark.images
@pytest.mark.parametrize(("name", "why"), [(LOOPBACK, "Connection refused"), ("nobody.invalid", "bad address 'nobody.invalid'")])
def test_what_is_in_the_way_is_told_in_its_own_words(name: str, why: str) -> None:
    found = _reached(name, 1)
    assert isinstance(found, str)
    assert why in found


class _WithoutNc:
    def run(self, *_: object) -> tuple[int, str]:
        return 127, "timeout: can't execute 'nc': No such file or directory"


def test_a_registry_image_without_the_tool_is_not_judged() -> None:
    found = _from_registry(_WithoutNc(), Pod(name="registry-0", ready=True), "portus.example.test", 443)  # type: ignore[arg-type]
    assert isinstance(found, Unseen)
