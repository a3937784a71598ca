"""Official releases, and Pulumi's own CLI, from a site that answers well, lies, breaks off, stalls or is not there."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab import downloads, programs, versions
from lab.downloads import Download
from lab.engine import official
from lab.images.servers import free_port
from ops.console import Step

Behaviour = Callable[[BaseHTTPRequestHandler, bytes], None]


def _archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"release/bin/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


GOOD = _archive(kubectl=b"the genuine kubectl" * 1000, kubelet=b"the genuine kubelet", other=b"not wanted")


@contextmanager
def _site(behave: Behaviour, content: bytes = GOOD) -> Iterator[str]:
    """Run a download site of ``content`` on the loopback and give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            behave(self, content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False  # one that stalls is not waited for
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, body: bytes, *, length: int | None = None, code: int = 200) -> None:
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def _cut_off(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    _answer(handler, body[: len(body) // 2], length=len(body))


def _stall(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    _answer(handler, body[:100], length=len(body))
    threading.Event().wait(1)


def _download(site: str, **members: str) -> Download:
    wanted = members or {"release/bin/kubectl": "kubectl", "release/bin/kubelet": "kubelet"}
    return Download(
        name="kubernetes", version="1.0", url=f"{site}/v1.0/server.tar.gz", sha512=hashlib.sha512(GOOD).hexdigest(), members=wanted
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the programs go, beside an empty cache."""
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(downloads, "STALL_SECONDS", 0.3)
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_a_release_with_the_published_checksum_is_unpacked_and_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "kubectl").symlink_to("kubernetes")  # what an interrupted build left
    with _site(_answer) as site:
        assert downloads.fetch(_download(site), folder, Step("x"))
    assert sorted(path.name for path in folder.iterdir()) == ["kubectl", "kubelet"]
    assert (folder / "kubectl").read_bytes().startswith(b"the genuine kubectl")
    assert (folder / "kubectl").stat().st_mode & 0o777 == 0o755
    assert "the official release of 127.0.0.1" in capsys.readouterr().out


def test_a_release_of_another_checksum_is_refused_and_nothing_of_it_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _site(lambda handler, _: _answer(handler, _archive(kubectl=b"something else", kubelet=b"x"))) as site:
        assert not downloads.fetch(_download(site), folder, Step("x"))
    assert list(folder.iterdir()) == []
    assert "is refused: its SHA-512 must be" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("behave", "told"),
    [
        (_cut_off, "broke off"),
        (_stall, "broke off (ReadTimeout"),
        (lambda handler, _: _answer(handler, b"", code=503), "answers 503"),
        (lambda handler, _: _answer(handler, b"<html>", code=200), "is refused"),
    ],
    ids=["cut off", "stalled", "an error", "a page of a captive portal"],
)
def test_a_site_that_does_not_deliver_is_named_and_the_next_run_asks_again(
    folder: Path, capsys: pytest.CaptureFixture[str], behave: Behaviour, told: str
) -> None:
    with _site(behave) as site:
        assert not downloads.fetch(_download(site), folder, Step("x"))
    said = capsys.readouterr().out
    assert told in said
    assert "building kubernetes 1.0 from source instead" in said
    assert list(folder.iterdir()) == []
    with _site(_answer) as site:
        assert downloads.fetch(_download(site), folder, Step("x"))


def test_a_release_that_lacks_a_program_is_not_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _site(_answer) as site:
        assert not downloads.fetch(_download(site, **{"release/bin/kube-proxy": "kube-proxy"}), folder, Step("x"))
    assert "lacks release/bin/kube-proxy" in capsys.readouterr().out


def test_a_site_that_is_not_there_is_asked_once_a_day(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = _download(f"http://127.0.0.1:{free_port()}")
    for _ in range(2):
        assert not downloads.fetch(closed, folder, Step("x"))
    assert capsys.readouterr().out.count("does not answer") == 1


def test_a_download_slower_than_a_build_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "WHOLE_SECONDS", -1.0)
    with _site(_answer) as site:
        assert not downloads.fetch(_download(site), folder, Step("x"))


def test_the_table_holds_the_version_that_is_built_and_every_program_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    found = downloads.for_this_machine("kubernetes", versions.KUBERNETES)
    assert found is not None
    assert f"/v{versions.KUBERNETES}/" in found.url
    assert tuple(found.members.values()) == programs.KUBERNETES_PROGRAMS
    assert len(found.sha512) == 128
    assert downloads.for_this_machine("kubernetes", "1.0.0") is None
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert downloads.for_this_machine("kubernetes", versions.KUBERNETES) is None


# Pulumi's own CLI, which the SDK installs.


INSTALL = official.INSTALL


def _installer(version: str) -> bytes:
    """What get.pulumi.com/install.sh does with ``--no-edit-path --install-root ROOT --version VERSION``, without a download."""
    return (
        '#!/bin/sh\nset -e\nmkdir -p "$3/bin"\n'
        f"printf '#!/bin/sh\\necho {version}\\n' > \"$3/bin/pulumi\"\n"
        'touch "$3/bin/pulumi-language-python"\nchmod +x "$3"/bin/*\n'
    ).encode()


def _late(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    threading.Event().wait(5)
    _answer(handler, body)


class TestPulumisOwnCli:
    @pytest.fixture
    def at(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """Lead the SDK to another site."""

        def lead(site: str) -> None:
            led = f"""
import pulumi.automation._cmd as command
download = command._download_to_file
command._download_to_file = lambda url, file: download(url.replace("https://get.pulumi.com", {site!r}), file)
"""
            monkeypatch.setattr(official, "SITE", site)
            monkeypatch.setattr(official, "INSTALL", led + INSTALL)

        return lead

    def test_the_sdk_installs_its_own_version_once(self, at: Callable[[str], None]) -> None:
        with _site(_answer, _installer(f"v{versions.PULUMI}")) as site:
            at(site)
            found = official.ensure()
        assert found is not None
        assert found.is_file()
        assert official.ensure() == found == official.find()

    @pytest.mark.parametrize(
        ("script", "behave", "told"),
        [
            (_installer("v3.300.0"), _answer, f"was to bring v{versions.PULUMI}"),
            (_installer(f"v{versions.PULUMI}"), _cut_off, "installer failed"),
            (b"#!/bin/sh\necho no release of that version\nexit 1\n", _answer, "installer failed"),
            (b"<html>log in to this network</html>", _answer, "installer failed"),
        ],
        ids=["another version", "cut off", "refused", "a page of a captive portal"],
    )
    def test_another_version_than_that_is_refused_and_the_next_run_fetches_it_again(
        self, at: Callable[[str], None], capsys: pytest.CaptureFixture[str], script: bytes, behave: Behaviour, told: str
    ) -> None:
        with _site(behave, script) as site:
            at(site)
            assert official.ensure() is None
        said = capsys.readouterr().out
        assert told in said
        assert f"building Pulumi {versions.PULUMI} from source instead" in said
        assert official.find() is None
        with _site(_answer, _installer(f"v{versions.PULUMI}")) as site:
            at(site)
            assert official.ensure() is not None

    def test_a_site_that_stalls_is_given_up(
        self, at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(official, "SECONDS", 0.5)
        with _site(_late, _installer("v1")) as site:
            at(site)
            assert official.ensure() is None
        assert "takes longer than" in capsys.readouterr().out

    def test_a_site_that_is_not_there_is_asked_once_a_day(self, at: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
        at(f"http://127.0.0.1:{free_port()}")
        for _ in range(2):
            assert official.ensure() is None
        assert capsys.readouterr().out.count("does not answer") == 1
