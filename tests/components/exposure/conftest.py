"""The front proxies that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.components.exposure.stage import Stage, stage


@pytest.fixture(scope="module")
def two_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("two-hosts"), hsts_max_age=600) as running:
        yield running


@pytest.fixture(scope="module")
def one_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("one-host"), one_host=True, public_port=8443) as running:
        yield running


@pytest.fixture(scope="module")
def passing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two hosts, of which the registry's connections are handed on undecrypted."""
    with stage(tmp_path_factory.mktemp("passing"), passes_registry_through=True, proxy_protocol=True) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_seen(request: pytest.FixtureRequest) -> None:
    for name in ("two_hosts", "one_host", "passing"):
        if name in request.fixturenames:
            running: Stage = request.getfixturevalue(name)
            running.portus.seen.clear()
            running.registry.seen.clear()
