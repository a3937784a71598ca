"""A cluster's API that answers every question alike, and a kubeconfig for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import yaml


@dataclass
class Api:
    """What it answers, and where its kubeconfig is."""

    kubeconfig: Path
    status: int = 200
    asked: list[str] = field(default_factory=list)
    """The paths that it was asked for."""


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
def api(folder: Path) -> Iterator[Api]:
    """Run one until the block ends."""
    made = Api(folder / "kubeconfig")

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            self.send_response(made.status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            answer = {"kind": "Status", "metadata": {}, "reason": "Forbidden", "message": 'secrets is forbidden: User "me" cannot list'}
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
