"""``make backup``, ``make backups`` and ``make restore``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from rich.table import Table

from components.common.names import RESTORE
from ops.backup.backups import Backup, listing, take
from ops.backup.restore import Restore
from ops.check import checked
from ops.console import console, step
from ops.deployment import Deployment
from ops.gc.guard import require_no_sweep


def backup(name: str, deployment: Deployment) -> None:
    """Make a backup of stack ``name`` now."""
    jobs = deployment.jobs
    with step(f"backing up stack {name}") as current:
        made = take(jobs, current)
    console.print(f"backup {made.name}: {made.rows} rows in {len(made.tables)} tables, {_size(made)}; loaded on trial and compared")


def backups(name: str, deployment: Deployment) -> None:
    """List the backups of stack ``name``."""
    jobs = deployment.jobs
    with step(f"looking at the backups of stack {name}") as current:
        found = listing(jobs, current)
    loads = jobs.active(RESTORE) if found.cut_off is not None else []
    table = Table("backup", "age", "Portus", "tables", "rows", "size", box=None, pad_edge=False)
    now = dt.datetime.now(dt.UTC)
    for each in found.backups:
        table.add_row(each.name, _age(now - each.taken), each.portus, str(len(each.tables)), str(each.rows), _size(each))
    console.print(table if found.backups else "there are none yet: make backup")
    if found.cut_off is not None and loads:
        console.print(f"a restore of {found.cut_off.restore} goes on (Job {loads[0]}); before its end this says nothing of the database")
    elif found.cut_off is not None:
        console.print(f"a restore of {found.cut_off.restore} was cut off; the state before it is backup {found.cut_off.before or '(none)'}")


def restore(name: str, deployment: Deployment, kubeconfig: Path | None, *, dump: str, safety: bool) -> None:
    """Replace the database of stack ``name`` by backup ``dump``, and check that Portus works on it."""
    require_no_sweep(deployment.stack, deployment.namespace, deployment.kube)
    repeat = f"make restore STACK={name}" + (f" KUBECONFIG={kubeconfig}" if kubeconfig is not None else "")
    work = Restore(deployment=deployment, dump=dump, safety=safety, repeat=repeat)
    seen = work.run(lambda: checked(deployment, "the restore itself ended well"))
    console.print(f"stack {name} is as backup {dump} has it. {seen}")
    console.print("Images pushed since are in the registry's storage only (docs/operate/backup.md)")


def _size(each: Backup) -> str:
    return f"{each.bytes / 1024:.0f} KiB" if each.bytes < 1024 * 1024 else f"{each.bytes / 1024 / 1024:.1f} MiB"


def _age(age: dt.timedelta) -> str:
    hours, seconds = divmod(int(age.total_seconds()), 3600)
    return f"{seconds // 60} min" if hours == 0 else f"{hours} h" if hours < 48 else f"{hours // 24} d"  # noqa: PLR2004
