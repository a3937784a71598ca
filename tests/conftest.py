"""Fixtures of every tier: the recorder that runs the program through Pulumi's mocks."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from pulumi import _types
from xdist.scheduler import LoadScopeScheduling

from components.settings.rules import certificates
from tests.recorder import STACKS, Program, Programs, run_program

os.environ.setdefault("PULUMI_ERROR_OUTPUT_STRING", "true")  # an Output in a text raises instead of warning


TOGETHER = (
    (
        "tests/lab/portus_double/test_start.py",
        "tests/lab/portus_double/test_processes.py",
    ),  # their images listen at ports of their own choice
    ("tests/lab/bench/test_trial.py",),  # builds the engine where there is none
    ("tests/components/observability/test_alerts.py::TestPromtool",),  # builds promtool where there is none
    (  # use the lab's own two stacks, deployed once
        "tests/cluster/test_push_and_pull.py",
        "tests/cluster/test_tokens_and_edge.py",
        "tests/cluster/test_manual.py",
        "tests/cluster/test_stack_lifecycle.py",
        "tests/cluster/test_leaving.py",
        "tests/cluster/test_network_policies.py",
    ),
    (  # deploy the same stack file
        "tests/cluster/test_backup.py",
        "tests/cluster/test_lost.py",
        "tests/cluster/test_upgrade.py",
        "tests/cluster/test_external_database.py",
    ),
    (  # install resource types and controllers for the whole cluster
        "tests/cluster/test_ingress.py",
        "tests/cluster/test_cert_manager.py",
        "tests/cluster/test_complete_sample.py",
        "tests/cluster/test_samples.py",
    ),
)
"""Groups of tests that one process runs one after the other.

Every other module of the cluster has a stack, an address and a node port of its own.
"""


class _TogetherScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives each test, of the cluster each module, to the next free process.

    xdist's own groups by mark do not work with pytest 9: they rename a test, which pytest 9 refuses.
    """

    def _split_scope(self, nodeid: str) -> str:
        group = next((group[0] for group in TOGETHER if nodeid.startswith(group)), "")
        return group or (nodeid.partition("::")[0] if nodeid.startswith("tests/cluster/") else nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Schedule ``--dist loadgroup``."""
    return _TogetherScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


PROGRAM = (
    "tests/components/",
    "tests/manifests/",
    "tests/ops/gc/test_job.py",
    "tests/ops/state/",
    "tests/settings/test_samples.py",
    "tests/test_deployer_rights.py",
    "tests/test_golden.py",
    "tests/test_policies.py",
    "tests/test_program.py",
)
"""Tests of what the whole program registers. They come first, so that one process has them: each runs the program itself once."""

BETWEEN_COLLECTIONS = 50_000
"""Objects that Python makes between two looks for garbage; 700 by default. A run of the program makes millions that last until its end."""


def pytest_configure() -> None:
    """Look for garbage rarely, from the first import on. Let what tests start be interrupted.

    A shell's background job ignores SIGINT, and so would each process that it starts.
    """
    gc.set_threshold(BETWEEN_COLLECTIONS)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no test of the cluster for a run without them: ``tests/test_tiers.py`` holds that each module there has the mark."""
    return True if collection_path == Path(__file__).parent / "cluster" and "not cluster" in str(config.option.markexpr) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run `PROGRAM` first. Run the engine's tests last, but for those of `TOGETHER`: they build the engine while images are tried."""
    items.sort(key=lambda item: (item.get_closest_marker("engine") is not None, not item.nodeid.startswith(PROGRAM)))


def pytest_collection_finish() -> None:
    """Spare what lives until the end, modules and tests, each look for garbage."""
    gc.freeze()


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The cluster of KUBECONFIG, else the lab's own, started where it does not run."""
    if named := os.environ.get("KUBECONFIG"):
        return Path(named)
    from lab import cluster  # noqa: PLC0415 - most tests need no cluster

    return cluster.up()


@pytest.fixture(autouse=True, scope="session")
def _one_look_at_each_key() -> Iterator[None]:
    """OpenSSL takes 50 ms to look whether an RSA key is one; the tests' keys are few."""
    with mock.patch.object(certificates, "_load_key", cache(certificates._load_key)):
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_look_at_each_type() -> Iterator[None]:
    """For each object the SDK looks up its types again, which takes a tenth of a run of the program."""
    with mock.patch.object(_types, "unwrap_type", cache(_types.unwrap_type)):
        yield


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Every stack's program, run once."""
    return Programs(STACKS, run_program)


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    """Each of the project's own stacks."""
    return str(request.param)


@pytest.fixture
def program(stack: str, programs: Programs) -> Program:
    """What `stack` registers."""
    return programs[stack]
