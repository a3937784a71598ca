"""A restore, in steps that may be interrupted anywhere and repeated.

Until the load begins the database is as it was. From then on the claim says what was begun (``.restore``), and both states can be had: the
one before from the backup that was made first, the other from the backup that is being restored. Portus is started again only on a whole
database: on half of one it would set up a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from components.common.names import RESTORE
from ops.backup import backups
from ops.backup.backups import Backup, Listing
from ops.backup.scale import Writers
from ops.console import Step, console, errors, step
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.kube.jobs import JobError, Jobs, Run

OLDER_SCHEMA: Final = {
    **dict.fromkeys(("2.0", "2.1", "2.2"), "afterwards run: kubectl exec -n {namespace} deployment/portus -- /stack/rake db:migrate"),
    "2.4": "its web server migrates it when it starts",
}
"""What those versions do with the schema of an older one. 2.3 and 2.5 take it for an empty database and run ``rake db:setup``, which on 2.3
drops tables (SUSE/Portus#1639, #1712) and on 2.5 is refused by Rails at each start."""


ALIKE: Final = frozenset({"2.1", "2.2"})
"""Versions of one schema: 2.2 added no migration to 2.1's, and a backup is of either."""


@dataclass(kw_only=True)
class Restore:
    """One restore.

    Args:
        dump: name of the backup; empty is refused with the names there are.
        safety: whether the present state is backed up first.
        repeat: the command that repeats this, less the name of the backup.
    """

    deployment: Deployment
    dump: str
    safety: bool
    repeat: str
    _whole: bool = field(default=True, init=False)
    """Whether the database holds one state and not parts of two."""

    def run(self, check: Callable[[], str]) -> str:
        """Restore, start Portus again, ``check`` it, and return what that has seen.

        Raises:
            OpsError: what went wrong, in which state the database is, and what to do.
        """
        jobs, writers = self.deployment.jobs, Writers(self.deployment)
        with step("looking at the backups") as current:
            found = backups.listing(jobs, current)
        self._require_whole_deployment(writers.version())
        chosen = self._chosen(found)
        _require_alone(jobs)
        self._whole = found.cut_off is None
        before = self._before(jobs, found)
        _require_alone(jobs)  # that backup took its time
        try:
            with step("stopping Portus"):
                writers.stop()
            with step(f"loading backup {chosen.name}: {chosen.rows} rows in {len(chosen.tables)} tables") as current:
                self._load(jobs, chosen, before, current)
        finally:
            if self._whole:
                with step("starting Portus") as current:
                    writers.start(current)
        return check()

    def _require_whole_deployment(self, deployed: str | None) -> None:
        """Refuse if the outputs name another version than the web server has: an interrupted deployment writes the outputs, too."""
        named = str(self.deployment.outputs["versions"]["portus"])
        if deployed not in {None, named}:
            raise OpsError(
                f"the last deployment did not finish: the web server runs {deployed}, the stack's outputs name {named}.",
                f"deploy again, then repeat this command: make up STACK={self.deployment.stack}",
            )

    def _chosen(self, found: Listing) -> Backup:
        chosen = found.find(self.dump)
        if chosen is None:
            problem = f"there is no backup '{self.dump}'." if self.dump else "DUMP=... must name the backup to restore."
            raise OpsError(problem, f"choose one of these (newest first): {found.names}")
        runs = str(self.deployment.outputs["versions"]["portus"])
        if chosen.portus == runs or {chosen.portus, runs} <= ALIKE:
            return chosen
        what = f"backup {chosen.name} is of Portus {chosen.portus}, and this stack runs {runs}"
        if chosen.portus > runs or runs not in OLDER_SCHEMA:
            why = "cannot read it" if chosen.portus > runs else "would initialize it at its start instead of migrating it"
            fix = f"set portus.version to {chosen.portus} and deploy; repeat this command, then upgrade."
            raise OpsError(f"{what}, which {why}.", fix)
        console.print(f"  {what}: {OLDER_SCHEMA[runs].format(namespace=self.deployment.namespace)}")
        return chosen

    def _before(self, jobs: Jobs, found: Listing) -> str:
        """Return the name of the backup that holds the state before, making it unless this is a repetition."""
        if found.cut_off is not None:
            console.print(f"  a restore of {found.cut_off.restore} was cut off. {self._way_back(found.cut_off.before)}")
            return found.cut_off.before
        if not self.safety:
            return ""
        try:
            with step("backing up the present state") as current:
                before = backups.take(jobs, current, environment={"KEEP": "all", "EMPTY": "yes"})
        except JobError as error:
            fix = f"correct the cause, or give up the present state: {self._command(self.dump)} SAFETY=no"
            raise OpsError("the backup of the present state failed; nothing was changed.", fix, error.excerpt) from error
        console.print(f"  until the load begins the database stays as it is; then its state is backup {before.name}")
        return before.name

    def _load(self, jobs: Jobs, chosen: Backup, before: str, current: Step) -> None:
        """Load ``chosen``; ``_whole`` says what the database is afterwards, whatever is raised."""
        run = self._begin(jobs, chosen, before, current)
        try:
            _to_the_end(jobs, run, current)
        except (OpsError, HTTPError, ApiException) as error:
            output = error.excerpt if isinstance(error, OpsError) else str(error)[:200]
            self._whole = _is_whole(jobs, current)
            if self._whole:
                raise OpsError("restore failed before any data was changed.", "correct what its output names:", output) from error
            raise OpsError(
                "restore failed half-way. Portus stays stopped, because it would initialize an incomplete database.",
                f"correct the cause and repeat: {self._command(chosen.name)}. {self._way_back(before)}",
                output,
            ) from error
        except KeyboardInterrupt:
            errors.print(
                f"Portus stays stopped, and the load goes on in Job {run.name}. After its end: {self._command(chosen.name)}. "
                + self._way_back(before)
            )
            raise
        self._whole = True

    def _begin(self, jobs: Jobs, chosen: Backup, before: str, current: Step) -> Run:
        """Make the Job that loads. If it is cut off while the cluster answers, it cannot know whether the Job was made."""
        self._whole = False
        try:
            return jobs.start(RESTORE, arguments=[chosen.name, before])
        except BaseException:
            self._whole = _is_whole(jobs, current)
            if not self._whole:
                errors.print(
                    f"Portus stays stopped, because the load may have begun. When no Job of it runs: {self._command(chosen.name)}. "
                    + self._way_back(before)
                )
            raise

    def _way_back(self, before: str) -> str:
        return f"The state before it: {self._command(before)}" if before else "Of the state before it there is no backup."

    def _command(self, name: str) -> str:
        return f"{self.repeat} DUMP={name}"


def _require_alone(jobs: Jobs) -> None:
    if under_way := jobs.active(RESTORE):
        raise OpsError(f"a restore is already running (Job {under_way[0]}).", "wait until it ends, then repeat this command.")


def _is_whole(jobs: Jobs, current: Step) -> bool:
    """Return whether no load is under way or was cut off; what cannot be looked up is not whole."""
    try:
        return not jobs.active(RESTORE) and backups.listing(jobs, current).cut_off is None
    except (OpsError, HTTPError, ApiException):
        return False


def _to_the_end(jobs: Jobs, run: Run, current: Step) -> None:
    """Follow the load; the first Ctrl-C does not end it, because half of it has no use."""
    try:
        jobs.wait(run, current)
    except KeyboardInterrupt:
        errors.print("the load goes on: half of it has no use. This command waits for it; Ctrl-C again leaves it.")
        jobs.wait(run, current)
