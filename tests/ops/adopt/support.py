"""Projects on disk, adopted."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from components.settings import parse
from components.settings.report.problems import SettingsError
from ops.adopt import compose
from ops.adopt.classify import Answers, classify, items
from ops.adopt.commands import adopt
from ops.adopt.model import Fate, Findings, Source, Verdict
from ops.adopt.output import stack_file

HERE = Path(__file__).parent
SECRETS = ("zebra", "ZEBRA", "Zebra")
"""Beginnings of all secrets of the sources."""
ENVIRONMENT = {"PATH": os.environ["PATH"], "GOGC": "off"}
"""A run of Compose takes 0.05 s of processor time, a third of it to free memory just before it ends."""
_UNPACKED = tempfile.TemporaryDirectory()


def _unpacked(kind: str) -> Path:
    """Return a folder with what ``<kind>.yaml`` holds: a folder for each name of several files, else ``<name>.yaml``."""
    folder = Path(_UNPACKED.name, kind)
    for name, source in yaml.safe_load((HERE / f"{kind}.yaml").read_text()).items():
        if isinstance(source, str):
            lay(folder, {f"{name}.yaml": source})
        else:
            lay(folder / name, source)
    return folder


def lay(folder: Path, files: Mapping[str, str]) -> Path:
    """Write ``files`` into ``folder``; return the compose file, or the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / ("docker-compose.yml" if "docker-compose.yml" in files else next(iter(files)))


def program(folder: Path) -> Path:
    """Make a folder of this program, as far as the command looks at it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text("name: portus\n")
    return folder


def is_unchanged(folder: Path) -> bool:
    """Whether nothing was written into a `program`."""
    return [path.name for path in folder.iterdir()] == ["Pulumi.yaml"]


COMPOSE, HELM, KUBERNETES = _unpacked("compose"), _unpacked("helm"), _unpacked("kubernetes")
SHAPES = sorted(path.name for path in COMPOSE.iterdir())


def read(project: Path | str) -> Source:
    """Return a shape by its name, or the compose file at a path."""
    return _shape(project) if isinstance(project, str) else compose.read([project], [], {}, ENVIRONMENT)


@cache
def _shape(name: str) -> Source:
    return compose.read([COMPOSE / name / "docker-compose.yml"], [], {}, ENVIRONMENT)


def adopted(project: Path | str, **answers: str) -> Findings:
    """Return what becomes of a compose project."""
    return classify(read(project), Answers(**answers))


def of(findings: Findings, key: str) -> Verdict:
    """Return the one verdict on the source's ``key``."""
    found = [verdict for verdict in findings.verdicts if verdict.item.key == key or verdict.item.key.endswith(f".{key}")]
    assert len(found) == 1, (key, found)
    return found[0]


def fates(findings: Findings, fate: Fate) -> list[str]:
    """Return the keys with ``fate``."""
    return [verdict.item.key for verdict in findings.verdicts if verdict.fate is fate]


def settings_with_secrets(findings: Findings) -> dict[str, Any]:
    """Return the stack file's sections as they are once Pulumi has encrypted the secrets."""
    raw = stack_file.sections(findings)
    for key, value in findings.secrets.items():
        stack_file.put(raw, key, value)
    return raw


def complaints(findings: Findings) -> list[str]:
    """Return what the program itself says against the stack file."""
    secret = set(findings.secrets)
    try:
        parse.parse(settings_with_secrets(findings), file="f", encrypted=lambda path: ".".join(map(str, path)) in secret, name="prod")
    except SettingsError as error:
        return [f"{problem.key}: {problem.rule}" for problem in error.problems]
    return []


def run(*arguments: object, env: Mapping[str, str] | None = None) -> Result:
    """Run the command line in this process, with no other variables than `ENVIRONMENT`: they would win over a source's ``.env``.

    A pulumi on PATH has no stacks.
    """
    others = {**dict.fromkeys(os.environ), **ENVIRONMENT, "PULUMI_BACKEND_URL": f"file://{_UNPACKED.name}"}
    return CliRunner().invoke(adopt, [str(argument) for argument in arguments], env={**others, **(env or {})})


def results(folder: Path, *arguments: object) -> dict[str, str]:
    """Adopt as stack ``prod`` into the program of ``folder``; return each written file's text, and what is printed as ``""``."""
    result = run(*arguments, "--stack", "prod", "--dir", program(folder), env=ENVIRONMENT)
    assert result.exit_code == 0, result.output
    return {"": result.output, **{path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}}


def secrets_in(texts: Iterable[str]) -> list[str]:
    """Return the secrets that the texts show."""
    return [secret for text in texts for secret in SECRETS if secret in text]


def require_one_fate(source: Source) -> None:
    """Make sure that each key has exactly one fate, by a rule of its own."""
    findings = classify(source, Answers())
    judged = Counter((verdict.item.place, verdict.item.key) for verdict in findings.verdicts)
    assert [key for key, count in judged.items() if count > 1] == []
    assert {(item.place, item.key) for item in items(source)} <= set(judged)
    assert [verdict for verdict in findings.verdicts if "no rule here knows" in verdict.text] == []
