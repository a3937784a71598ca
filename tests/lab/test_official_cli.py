"""Pulumi's own CLI from a site that answers well, brings another version, breaks off, stalls or is not there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lab import versions
from lab.engine import official
from lab.images.servers import free_port

INSTALL = official.INSTALL


def _installer(version: str) -> str:
    """What get.pulumi.com/install.sh does with ``--no-edit-path --install-root ROOT --version VERSION``, without a download."""
    return (
        '#!/bin/sh\nset -e\nmkdir -p "$3/bin"\n'
        f"printf '#!/bin/sh\\necho {version}\\n' > \"$3/bin/pulumi\"\n"
        'touch "$3/bin/pulumi-language-python"\nchmod +x "$3"/bin/*\n'
    )


@contextmanager
def _site(script: str, *, whole: bool = True, wait: float = 0.0) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            body = script.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            threading.Event().wait(wait)
            self.wfile.write(body if whole else body[: len(body) // 2])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Callable[[str], None]:
    """Lead the SDK to another site, with an empty cache."""
    monkeypatch.setenv("PORTUS_LAB_CACHE", f"{tmp_path}/cache")

    def lead(site: str) -> None:
        led = f"""
import pulumi.automation._cmd as command
download = command._download_to_file
command._download_to_file = lambda url, file: download(url.replace("https://get.pulumi.com", {site!r}), file)
"""
        monkeypatch.setattr(official, "SITE", site)
        monkeypatch.setattr(official, "INSTALL", led + INSTALL)

    return lead


def test_the_sdk_installs_its_own_version_once(at: Callable[[str], None]) -> None:
    with _site(_installer(f"v{versions.PULUMI}")) as site:
        at(site)
        found = official.ensure()
    assert found is not None
    assert found.is_file()
    assert official.ensure() == found == official.find()


@pytest.mark.parametrize(
    ("script", "whole", "told"),
    [
        (_installer("v3.300.0"), True, f"was to bring v{versions.PULUMI}"),
        (_installer(f"v{versions.PULUMI}"), False, "installer failed"),
        ("#!/bin/sh\necho no release of that version\nexit 1\n", True, "installer failed"),
        ("<html>log in to this network</html>", True, "installer failed"),
    ],
    ids=["another version", "cut off", "refused", "a page of a captive portal"],
)
def test_what_is_not_that_version_is_refused_and_the_next_run_heals(
    at: Callable[[str], None], capsys: pytest.CaptureFixture[str], script: str, told: str, *, whole: bool
) -> None:
    with _site(script, whole=whole) as site:
        at(site)
        assert official.ensure() is None
    said = capsys.readouterr().out
    assert told in said
    assert f"building Pulumi {versions.PULUMI} from source instead" in said
    assert official.find() is None
    with _site(_installer(f"v{versions.PULUMI}")) as site:
        at(site)
        assert official.ensure() is not None


def test_a_site_that_stalls_is_given_up(
    at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(official, "SECONDS", 0.5)
    with _site(_installer("v1"), wait=5) as site:
        at(site)
        assert official.ensure() is None
    assert "takes longer than" in capsys.readouterr().out


def test_a_site_that_is_not_there_is_asked_once_a_day(at: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    at(f"http://127.0.0.1:{free_port()}")
    for _ in range(2):
        assert official.ensure() is None
    assert capsys.readouterr().out.count("does not answer") == 1
