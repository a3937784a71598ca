from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import CoreV1Api
from kubernetes.config import new_client_from_config

from lab.engine import Engine, ensure_engine
from lab.images.servers import free_port
from tests.engine.harness import ClusterStack, Stack


@pytest.fixture(scope="session")
def engine() -> Engine:
    return ensure_engine()


@pytest.fixture
def stack(engine: Engine, tmp_path: Path) -> Stack:
    return Stack(engine, tmp_path)


@pytest.fixture(scope="session")
def core(kubeconfig: Path) -> Any:
    """The core API of the same cluster, past the plugin. Any, since objects are given and compared as plain dictionaries."""
    return CoreV1Api(new_client_from_config(config_file=str(kubeconfig)))  # type: ignore[no-untyped-call]


@pytest.fixture
def namespace(core: Any) -> Iterator[str]:
    """A namespace of the test's own, gone after it."""
    name = f"engine-test-{secrets.token_hex(4)}"
    core.create_namespace({"metadata": {"name": name}})
    yield name
    core.delete_namespace(name)


@pytest.fixture
def cluster_stack(engine: Engine, tmp_path: Path, kubeconfig: Path, namespace: str) -> ClusterStack:
    return ClusterStack(engine, tmp_path, kubeconfig, namespace)


@pytest.fixture
def unused_kubeconfig(tmp_path: Path) -> Path:
    """A kubeconfig whose server does not listen."""
    server = f"https://127.0.0.1:{free_port()}"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path = tmp_path / "unused.json"
    path.write_text(json.dumps(config))
    return path
