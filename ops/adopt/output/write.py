"""Write stack file, report, plan and freeze: all of them after everything has been read, and never over an existing file."""

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

    @property
    def report(self) -> Path:
        """The report."""
        return self.results / "report.md"


def refuse_existing(target: Target) -> None:
    """Refuse to write over a stack file, or over the results of an earlier run.

    Raises:
        AdoptError: there is one, or ``target.folder`` is not the program's.
    """
    if not (target.folder / "Pulumi.yaml").is_file():
        fix = "run this in the folder of this program, or give that folder with --dir"
        raise AdoptError([Problem(Place(f"--dir {target.folder}"), "must be the folder of this program, with its Pulumi.yaml", fix)])
    there = {"file": target.stack_file, "folder": target.results}
    problems = [
        Problem(Place(str(path)), "must not exist: it is not overwritten", f"choose another name with --stack, or move the {kind} away")
        for kind, path in there.items()
        if path.exists()
    ]
    if problems:
        raise AdoptError(problems)


def write(source: Source, findings: Findings, target: Target) -> tuple[list[Path], str]:
    """Write everything; return the files, and why secrets are not yet in the stack file, "" when all are."""
    target.stack_file.parent.mkdir(parents=True, exist_ok=True)
    target.results.mkdir(parents=True, exist_ok=True)
    _put(target.stack_file, stack_file.render(findings, target.stack, target.origin))
    why = stack_file.encrypt(findings.secrets, target.stack, target.folder)
    pending = stack_file.commands(findings.secrets, target.stack, target.again) if why else []
    found = names(source, findings)
    files = [target.stack_file, target.report, target.results / "plan.md"]
    _put(target.report, report.render(source, findings, found, target.stack, pending=pending, why_pending=why))
    _put(files[-1], plan.render(source, findings, found, target.stack, target.results.absolute()))
    if frozen := plan.freeze(source):
        files.append(target.results / plan.FREEZE)
        _put(files[-1], frozen)
    return files, why


def _put(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, "utf-8")
    draft.replace(path)
