"""Which test module of the cluster runs when: ``python -m tests.tiers e2e``, ``e2e-all``, ``share [N]``.

`E2E` is what every change runs. The rest is split into `SHARES` of about the same time; CI runs one of them, chosen by the commit.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from lab import cluster
from ops import paths
from ops.errors import OpsError
from tests import guard

LOCK: Final = "cluster-tests.lock"
"""In the cache, which all checkouts share: one machine has one lab, so one run of these tests."""

E2E: Final[Mapping[str, int]] = {
    "cluster/test_doctor.py": 360,
    "cluster/test_push_and_pull.py": 170,
    "cluster/test_tokens_and_edge.py": 20,
    "cluster/test_stack_lifecycle.py": 150,
    "cluster/test_manual.py": 40,
    "cluster/test_leaving.py": 180,
    "cluster/test_backup.py": 330,
    "cluster/test_availability.py": 220,
    "cluster/test_garbage_collection.py": 150,
}
"""Module -> seconds it takes alone, warm, on two cores; so are all figures here. The longest come first: `PROCESSES` share them."""

SHARES: Final[Sequence[Mapping[str, int]]] = (
    {
        "cluster/test_rotation.py": 480,
        "cluster/test_registry_storage.py": 250,
        "cluster/test_adopt_chart.py": 240,
    },
    {
        "cluster/test_keys.py": 420,
        "cluster/test_lost.py": 290,
        "cluster/test_external_database.py": 130,
        "engine/test_kubernetes_objects.py": 80,
    },
    {
        "cluster/test_pipeline.py": 390,
        "cluster/test_ingress.py": 200,
        "cluster/test_complete_sample.py": 150,
        "cluster/test_samples.py": 40,
        "cluster/test_network_policies.py": 170,
    },
    {
        "cluster/test_adopt.py": 240,
        "cluster/test_upgrade.py": 200,
        "cluster/test_cert_manager.py": 130,
        "engine/test_kubernetes_workloads.py": 80,
        "cluster/test_lab_cluster.py": 200,
    },
)

ALONE: Final = "tests/cluster/test_lab_cluster.py"
"""Starts and ends clusters, and compares all that they leave on the machine."""

PROCESSES: Final = 3
"""How many modules run at once. Two leave a fifth of two processors idle, for a module waits for Pods; three take 4 GB of memory."""

LIMITS: Final = {"e2e": 40, "share": 25, "e2e-all": 80}
"""Minutes after which a tier is ended: it hangs."""


def share_of(commit: str) -> int:
    """Return the number, from 1, of the share that ``commit`` runs."""
    return int(commit[-1], 16) % len(SHARES) + 1


def modules(tier: str, number: int = 0) -> list[str]:
    """Return the modules of a tier, relative to the checkout."""
    chosen = {"e2e": [E2E], "share": [SHARES[number - 1]], "e2e-all": [E2E, *SHARES]}[tier]
    return [f"tests/{module}" for each in chosen for module in each]


def commands(chosen: Sequence[str]) -> list[list[str]]:
    """Return the runs of pytest for ``chosen`` modules: `PROCESSES` share them, each takes one (or a group of `conftest`) at a time."""
    pytest = [sys.executable, "-m", "pytest", "-m", "cluster", "--durations=0", "--durations-min=1", "-v"]
    beside = [*pytest, "-n", str(PROCESSES), "--dist", "loadgroup", "--no-loadscope-reorder"]
    shared = [each for each in chosen if each != ALONE]
    return ([[*beside, *shared]] if shared else []) + ([[*pytest, ALONE]] if ALONE in chosen else [])


def _commit() -> str:
    """Return the checkout's commit; a copy without history is always the same one."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=paths.ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "0"


@contextmanager
def alone() -> Iterator[None]:
    """Keep other runs of these tests off the machine's lab until the block ends.

    Raises:
        SystemExit: one runs.
    """
    paths.cache().mkdir(parents=True, exist_ok=True)
    with (paths.cache() / LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise SystemExit(
                f"error: cluster tests run already ({lock.read().strip()}). fix: wait for their end, then run again."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} in {paths.ROOT}")
        lock.flush()
        yield


def main(words: Sequence[str]) -> int:
    """Run a tier within its limit; return the worst exit code."""
    numbers = range(1, len(SHARES) + 1)
    parser = argparse.ArgumentParser(prog="tests.tiers")
    parser.add_argument("tier", choices=LIMITS)
    parser.add_argument("number", nargs="?", type=int, choices=numbers, help="of the share; the commit chooses where none is named")
    parser.add_argument("--run", action="store_true", help="without limit and lock")
    asked = parser.parse_args([word for word in words if word])
    number = (asked.number or share_of(_commit())) if asked.tier == "share" else 0
    if asked.run:
        signal.signal(signal.SIGINT, lambda *_: None)  # it is pytest's, which cleans up and tells what it has seen
        return max(subprocess.run(command, cwd=paths.ROOT, check=False).returncode for command in commands(modules(asked.tier, number)))
    name = f"share {number} of {len(SHARES)}" if number else asked.tier
    again = f"make e2e-share SHARE={number}" if number else f"make {asked.tier}"
    sys.stdout.write(f"{name}; run the same again with: {again}\n")
    sys.stdout.flush()
    with alone():
        try:
            cluster.up()  # which builds what is missing, in a time of its own
        except OpsError as error:
            raise SystemExit(f"error: {error.problem}\nfix: {error.fix}\n{error.excerpt}".rstrip()) from error
        command = [sys.executable, "-m", "tests.tiers", asked.tier, *([str(number)] if number else []), "--run"]
        return guard.run(name, 60 * LIMITS[asked.tier], command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
