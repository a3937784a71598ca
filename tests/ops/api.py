"""A cluster's API that answers as a test says, and a kubeconfig for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

Answer = Callable[[str, str], tuple[int, dict[str, Any]]]
"""Method and path with its query -> status and body."""


def kubeconfig(folder: Path, server: str) -> Path:
    """Write the kubeconfig of a user of the cluster at ``server``."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "mine", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "contexts": [{"name": "mine", "context": {"cluster": "mine", "user": "me"}}],
        "current-context": "mine",
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


@contextmanager
def serving(folder: Path, answer: Answer) -> Iterator[Path]:
    """Run an API until the block ends; give the kubeconfig of a user of it."""

    class Server(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answer(self.command, self.path)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answering(folder: Path, code: int, body: dict[str, Any]) -> AbstractContextManager[Path]:
    """Run an API that answers every request with ``code`` and ``body``; give its kubeconfig."""
    return serving(folder, lambda *_: (code, body))


def failure(code: int, message: str) -> dict[str, Any]:
    """Return the body of a refusal."""
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


@dataclass
class Api:
    """One that answers every question alike: what, and where its kubeconfig is."""

    kubeconfig: Path
    status: int = 200
    asked: list[str] = field(default_factory=list)
    """The paths that it was asked for."""


@contextmanager
def api(folder: Path) -> Iterator[Api]:
    """Run one until the block ends."""
    made = Api(folder / "kubeconfig")

    def answer(_: str, path: str) -> tuple[int, dict[str, Any]]:
        made.asked.append(path)
        words = 'secrets is forbidden: User "me" cannot list'
        return made.status, {"kind": "Status", "metadata": {}, "reason": "Forbidden", "message": words}

    with serving(folder, answer):
        yield made
