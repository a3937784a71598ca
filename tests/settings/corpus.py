"""Stack files as the tests read them, and what the wrong ones of ``bad`` are told.

``{secure: text}`` stands for a text that Pulumi would hold encrypted, ``${name}`` for a certificate or key of ``authority``.

A table of ``bad`` (``registry.yaml``) holds wrong stack files as cases: each is a stack file of ``base.yaml`` with one thing changed.

    case: its name
    because: what is wrong with it
    base: the stack file that is changed (`minimal` where not said)
    set: path -> value; a path with a colon is one key of ``config:`` as it stands there
    remove: paths
    expect: the problems that it is told, as ``components.settings.report.Problem`` has them, without lines

A file of its own with its whole ``.report`` (``bad/together/every_section.yaml``) holds line numbers and the report's layout.
``python -m tests.settings.corpus`` writes each ``expect`` and each ``.report`` anew; the difference is for review.
"""

from __future__ import annotations

import copy
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from components.settings.load import sections, strays
from components.settings.parse import parse
from components.settings.report.envelope import without_settings
from components.settings.report.lines import located
from components.settings.report.problems import Problem, SettingsError
from components.settings.stack import StackSettings
from tests.settings import authority
from tests.settings.met import Met, watching

HERE = Path(__file__).resolve().parent
TABLES = sorted(path for path in (HERE / "bad").glob("*.yaml") if path.stem != "base")
BASES = HERE / "bad" / "base.yaml"
WIDTH = 120

KeyPath = tuple[str | int, ...]


class Stack(ABC):
    """What a stack file says."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What its report calls it."""

    @property
    @abstractmethod
    def content(self) -> Any:
        """The whole file."""

    @abstractmethod
    def parse(self) -> StackSettings:
        """Return the settings, or raise the report."""

    @cached_property
    def written(self) -> Mapping[str, Any]:
        """What stands under ``config:``."""
        return dict((self.content or {}).get("config") or {})

    @cached_property
    def configuration(self) -> dict[str, str]:
        """What Pulumi hands to the program: secrets in clear, sections as JSON, all else as text."""
        opened = {key: _opened(value) for key, value in self.written.items()}
        return {key: value if isinstance(value, str) else "" if value is None else json.dumps(value) for key, value in opened.items()}

    @cached_property
    def secrets(self) -> Mapping[KeyPath, str]:
        """The encrypted texts by their path."""
        return {(str(path[0]).removeprefix("portus:"), *path[1:]): text for path, text in _secure(self.written, ())}

    def parse_written(self) -> StackSettings:
        """Return the settings, or raise the report without line numbers."""
        return parse(
            sections(self.configuration, "portus:"),
            file=self.name,
            encrypted=lambda path: path in self.secrets,
            strays=strays(self.configuration),
        )

    @cached_property
    def outcome(self) -> tuple[SettingsError, Met]:
        """What is raised for it, and what that took; found once."""
        with watching() as met:
            try:
                self.parse()
            except SettingsError as error:
                return SettingsError(error.file, error.problems), met  # without the frames that it came through
        raise AssertionError(f"{self.name} is accepted")

    @property
    def error(self) -> SettingsError:
        """What is raised for it."""
        return self.outcome[0]

    def report(self) -> str:
        """Return the report."""
        return _timeless(f"{self.error}\n")


@dataclass(frozen=True)
class StackFile(Stack):
    """One stack file."""

    path: Path

    @cached_property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @cached_property
    def content(self) -> Any:
        """The whole file."""
        return yaml.safe_load(self.path.read_bytes())

    def parse(self) -> StackSettings:
        """Return the settings, or raise the report with its line numbers."""
        if not self.written:
            raise located(SettingsError(self.name, [without_settings(self.content, "portus")]), self.path)
        try:
            return self.parse_written()
        except SettingsError as error:
            raise located(error, self.path) from None


@dataclass(frozen=True)
class WrongFile(StackFile):
    """A wrong stack file that is kept whole, with its report beside it."""

    @property
    def folder(self) -> str:
        """What kind of mistake it has."""
        return self.path.parent.name

    @property
    def id(self) -> str:
        """What the tests call it."""
        return f"{self.folder}/{self.path.stem}"

    @property
    def because(self) -> str:
        """What is wrong with it."""
        return self.path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")

    @property
    def expected(self) -> str:
        """The report that it gets."""
        return self.path.with_suffix(".report").read_text(encoding="utf-8")

    @property
    def told(self) -> str:
        """The report."""
        return self.report()


@dataclass(frozen=True, eq=False)
class Case(Stack):
    """A wrong stack file that is one row of a table."""

    folder: str
    row: Mapping[str, Any]

    @cached_property
    def name(self) -> str:
        """What its report calls it."""
        return f"{self.row['case']}.yaml"

    @property
    def id(self) -> str:
        """What the tests call it."""
        return f"{self.folder}/{self.row['case']}"

    @property
    def because(self) -> str:
        """What is wrong with it."""
        return str(self.row["because"])

    @cached_property
    def content(self) -> Any:
        """The whole file."""
        settings = bases()[self.row.get("base", "minimal")]
        return {"config": {key if ":" in key else f"portus:{key}": value for key, value in changed(settings, self.row).items()}}

    def parse(self) -> StackSettings:
        """Return the settings, or raise the report without line numbers."""
        return self.parse_written()

    @property
    def expected(self) -> list[dict[str, str]]:
        """The problems that it gets."""
        return [dict(problem) for problem in self.row.get("expect") or []]

    @property
    def told(self) -> list[dict[str, str]]:
        """The problems."""
        return [_entry(problem) for problem in self.error.problems]


def changed(settings: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``settings`` with what ``change`` sets and removes."""
    result = copy.deepcopy(dict(settings))
    for path, value in (change.get("set") or {}).items():
        *above, last = _steps(path)
        node = result
        for step in above:
            node = node.setdefault(step, {})
        node[last] = copy.deepcopy(value)
    for path in change.get("remove") or []:
        *above, last = _steps(path)
        node = result
        for step in above:
            node = node[step]
        del node[last]
    return result


def _steps(path: str) -> list[str]:
    return [path] if ":" in path else path.split(".")


@cache
def bases() -> dict[str, dict[str, Any]]:
    """Return the stack files that cases change, by name."""
    written = _loaded(BASES.read_text(encoding="utf-8"))
    minimal = written.pop("minimal")
    return {"minimal": minimal, **{name: changed(minimal, change) for name, change in written.items()}}


def _loaded(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader


def _timeless(text: str) -> str:
    return text.replace(f"{authority.SOON:%Y-%m-%d %H:%M}", "<in three days>")


def _entry(problem: Problem) -> dict[str, str]:
    """Return what a table says of ``problem``: all but its line, and what is not as ever."""
    texts = {field.name: _timeless(str(getattr(problem, field.name))) for field in fields(Problem) if field.name != "line"}
    usual = {field.name: field.default for field in fields(Problem) if field.default is not MISSING} | {"value": ""}
    return {name: text for name, text in texts.items() if text != usual.get(name)}


def cases() -> list[Case]:
    """Return the rows of every table."""
    return [Case(table.stem, row) for table in TABLES for row in _loaded(table.read_text(encoding="utf-8"))]


FILES = [WrongFile(path) for path in sorted((HERE / "bad").glob("*/*.yaml"))]
BAD: Sequence[WrongFile | Case] = [*FILES, *cases()]


def sections_of(file: Stack) -> dict[str, Any]:
    """Return the sections that the program reads."""
    return dict(sections(file.configuration, "portus:"))


def _opened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _opened(value["secure"]) if set(value) == {"secure"} else {key: _opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_opened(item) for item in value]
    if isinstance(value, str) and (match := re.fullmatch(r"\$\{([a-z.-]+)\}", value.strip())):
        return authority.made(match[1])
    return value


def _secure(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            yield path, str(_opened(value))
            return
        for key, item in value.items():
            yield from _secure(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secure(item, (*path, index))


def rewritten(text: str, folder: str) -> str:
    """Return the table ``text`` with what its cases are told today; every line outside a changed ``expect`` stays as it is."""
    lines, root = text.splitlines(keepends=True), yaml.compose(text, Loader=yaml.SafeLoader)
    for row in reversed(root.value if root else []):
        case = Case(folder, yaml.SafeLoader("").construct_document(row))
        if case.told == case.expected:
            continue
        keys = {key.value: (key, value) for key, value in row.value}
        key, value = keys.get("expect") or (None, None)
        begin = key.start_mark.line if key else _last_line(row) + 1
        end = _last_line(value or row) + 1
        indent = " " * row.start_mark.column
        told = yaml.safe_dump({"expect": case.told}, sort_keys=False, allow_unicode=True, width=WIDTH - len(indent))
        lines[begin:end] = [f"{indent}{line}" for line in told.splitlines(keepends=True)]
    return "".join(lines)


def _last_line(node: yaml.Node) -> int:
    """Return the line on which ``node`` ends; the mark of a section is the next one's beginning, comments between them included."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    return mark.line - 1 if mark.column == 0 and mark.line > node.start_mark.line else mark.line


def rewrite() -> None:
    """Write what every wrong stack file is told today."""
    for table in TABLES:
        table.write_text(rewritten(table.read_text(encoding="utf-8"), table.stem), encoding="utf-8")
    for file in FILES:
        file.path.with_suffix(".report").write_text(file.told, encoding="utf-8")
    for report in (HERE / "bad").rglob("*.report"):
        if not report.with_suffix(".yaml").exists():
            report.unlink()


if __name__ == "__main__":
    rewrite()
