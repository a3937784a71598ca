"""Stack file, report and plan on disk: all after everything has been read, none over what is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ops.adopt.classify.overview import names
from ops.adopt.model import AdoptError, Findings, Place, Problem, Source
from ops.adopt.output import plan, report, stack_file


@dataclass(frozen=True)
class Target:
    """Where the results go."""

    stack: str
    folder: Path
    """The program's folder, with Pulumi.yaml."""
    origin: str
    """The source's files, for a comment."""
    again: str
    """The command that was given, for commands that repeat it."""

    @property
    def stack_file(self) -> Path:
        """The stack file."""
        return self.folder / "stacks" / f"Pulumi.{self.stack}.yaml"

    @property
    def results(self) -> Path:
        """Folder of report and plan."""
        return self.folder / f"adopt-{self.stack}"


def refuse_existing(target: Target) -> None:
    """Refuse to write over a stack file.

    Raises:
        AdoptError: there is one.
    """
    if target.stack_file.exists():
        fix = "choose another name with --stack, or move the file away"
        raise AdoptError([Problem(Place(str(target.stack_file)), "must not exist: it is not overwritten", fix)])


def write(source: Source, findings: Findings, target: Target) -> bool:
    """Write everything; return whether all secrets are in the stack file."""
    target.stack_file.parent.mkdir(parents=True, exist_ok=True)
    target.results.mkdir(parents=True, exist_ok=True)
    _put(target.stack_file, stack_file.render(findings, target.stack, target.origin))
    why = stack_file.encrypt(findings.secrets, target.stack, target.folder)
    pending = stack_file.commands(findings.secrets, target.stack, target.again) if why else []
    found = names(source, findings)
    _put(target.results / "report.md", report.render(source, findings, found, target.stack, pending=pending, why_pending=why))
    _put(target.results / "plan.md", plan.render(source, findings, found, target.stack))
    if frozen := plan.freeze(source):
        _put(target.results / plan.FREEZE, frozen)
    return not pending


def _put(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, "utf-8")
    draft.replace(path)
