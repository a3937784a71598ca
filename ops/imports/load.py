"""Makes a dump a backup: a Job of the backups' CronJob whose first step takes the dump from here instead of from the database."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from websocket import WebSocketException

from components.common.names import BACKUP
from ops.backup.backups import Backup
from ops.console import Step
from ops.errors import OpsError
from ops.imports.dump import Dump
from ops.kube.jobs import Jobs
from ops.kube.pods import Pods

SCRIPT: Final = Path(__file__).parent / "import.sh"
DUMP, VERIFY, IMPORT = "dump", "verify", "import"
"""Containers: the first step of a backup, the second, and what takes the place of the first."""
CHUNK: Final = 1 << 16
END_SECONDS: Final = 60.0
RECEIVE: Final = '. /scripts/common.sh; until [ -s "$WORK/name" ]; do sleep 0.2; done; head --bytes="$1" > "$WORK/upload"'
"""In the importing container. The last argument is a size, because a connection of this protocol does not tell its end."""


def with_import(job: dict[str, Any]) -> None:
    """Change a backup's Job: it imports. The new step has verify's folders and size, and no password."""
    job["backoffLimit"] = 0  # another Pod would wait for a dump that nothing sends
    steps = job["template"]["spec"]["initContainers"]
    places = {step["name"]: number for number, step in enumerate(steps)}
    if DUMP not in places or VERIFY not in places:
        raise OpsError("the stack's CronJob of backups must have the steps dump and verify.", "deploy the stack with this version.")
    step = copy.deepcopy(steps[places[VERIFY]])
    steps[places[DUMP]] = step | {"name": IMPORT, "command": ["/bin/bash", "-c", SCRIPT.read_text(encoding="utf-8")]}


def load(jobs: Jobs, pods: Pods, path: Path, dump: Dump, step: Step, *, registry: str) -> Backup:
    """Send the dump ``path``, which was read as ``dump``, and return the backup that it becomes.

    Args:
        registry: public host, and port where it is not 443, that the record of the registry gets.

    Raises:
        OpsError: the stack has no backups, the dump cannot be sent, or MariaDB refuses it; then no backup was made or removed.
    """
    size = path.stat().st_size
    environment = {
        "KEEP": "all",
        "SIZE": str(size),
        "SHA256": _digest(path),
        "CHARSET": dump.charset,
        "EXPECTED": " ".join(f"{table}={rows}" for table, rows in sorted(dump.counts.items())),
        "REGISTRY": registry,
    }
    run = jobs.start(BACKUP, environment=environment, change=with_import)
    try:
        pod = jobs.container(run, IMPORT, step)
        send(pods, pod, path, size, step)
    except BaseException:
        jobs.delete(run)
        raise
    return Backup.of(json.loads(jobs.wait(run, step)[-1]))


def send(pods: Pods, pod: str, path: Path, size: int, step: Step) -> None:
    """Write the file ``path`` into the importing container of ``pod``.

    Raises:
        OpsError: the container does not take it.
    """
    session = pods.session(pod, ["/bin/bash", "-c", RECEIVE, "receive", str(size)], stdin=True, container=IMPORT)
    sent = 0
    with contextlib.suppress(OSError, WebSocketException):  # the other side has ended, and its output counts
        for chunk in _chunks(path):
            session.update(timeout=0)
            if not session.is_open():
                break
            session.write_stdin(chunk)
            sent += len(chunk)
            step.say(f"sent {sent >> 20} of {size >> 20} MiB")
        session.run_forever(timeout=END_SECONDS)
    ended = not session.is_open()
    complaint = bytes(session.read_stderr(timeout=0) or b"").decode(errors="replace").strip()
    session.close()
    if sent != size or not ended or complaint:
        raise OpsError(f"Pod {pod} does not take the dump: {sent} of {size} bytes were sent.", "run this again. The Pod said:", complaint)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
