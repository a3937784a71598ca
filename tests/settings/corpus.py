"""Stack files as the tests read them, and what the wrong ones of ``bad`` are told.

``{secure: text}`` stands for a text that Pulumi would hold encrypted, ``${name}`` for a certificate or key of ``authority``.

A table of ``bad`` (``registry.yaml``) has wrong stack files as cases, by the kind of mistake, which begins their names: each is a stack
file of ``base.yaml`` with one thing changed.

    case: its name
    because: what is wrong with it
    base: the stack file that is changed (`minimal` where not said)
    set: path -> value; a path with a colon is one key of ``config:`` as it stands there
    remove: paths
    expect: the problems that it is told, as ``components.settings.report.Problem`` has them, without lines

``bad/whole_files.yaml`` holds wrong stack files as they stand (``file``), each with its whole ``report``: line numbers and layout.
``python -m tests.settings.corpus`` writes each ``expect`` and each ``report`` anew; the difference is for review.
"""

from __future__ import annotations

import copy
import json
import re
import tempfile
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from components.settings.load import sections, unknown_namespaces
from components.settings.parse import parse
from components.settings.report.problems import Problem, SettingsError
from components.settings.report.stack_file import located, without_settings
from components.settings.stack import StackSettings
from tests.settings import authority
from tests.settings.met import Met, watching

HERE = Path(__file__).resolve().parent
BASES = HERE / "bad" / "base.yaml"
WHOLE = HERE / "bad" / "whole_files.yaml"
TABLES = sorted(path for path in (HERE / "bad").glob("*.yaml") if path not in {BASES, WHOLE})
WIDTH = 120

_WRITTEN = tempfile.TemporaryDirectory()


def _loaded(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader


def _samples() -> Iterator[Path]:
    """Yield the right stack files: ``samples/complete.yaml``, and one for each entry of the other files there."""
    for file in (HERE / "samples").glob("*.yaml"):
        content = _loaded(file.read_text(encoding="utf-8"))
        if "config" in content:
            yield file
            continue
        for name, sample in content.items():
            path = Path(_WRITTEN.name, f"{name}.yaml")
            text = yaml.dump(sample, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
            path.write_text(text, encoding="utf-8")
            yield path


SAMPLES = sorted(_samples(), key=lambda path: path.stem)

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
            unknown_namespaces=unknown_namespaces(self.configuration),
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
        return _loaded(self.path.read_text(encoding="utf-8"))

    def parse(self) -> StackSettings:
        """Return the settings, or raise the report with its line numbers."""
        if not self.written:
            raise located(SettingsError(self.name, without_settings(self.content, "portus")), self.path)
        try:
            return self.parse_written()
        except SettingsError as error:
            raise located(error, self.path) from None


@dataclass(frozen=True, eq=False)
class WrongFile(Stack):
    """A wrong stack file that is kept whole, with its report."""

    row: Mapping[str, str]

    @property
    def id(self) -> str:
        """What the tests call it."""
        return self.row["case"]

    @property
    def kind(self) -> str:
        """What kind of mistake it has."""
        return self.id.partition("/")[0]

    @cached_property
    def name(self) -> str:
        """What its report calls it."""
        return f"{self.id.partition('/')[2]}.yaml"

    @property
    def because(self) -> str:
        """What is wrong with it."""
        return self.row["because"]

    @cached_property
    def content(self) -> Any:
        """The whole file."""
        return _loaded(self.row["file"])

    def parse(self) -> StackSettings:
        """Return the settings, or raise the report with its line numbers."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, self.name)
            path.write_text(self.row["file"], encoding="utf-8")
            return StackFile(path).parse()

    @property
    def expected(self) -> str:
        """The report that it gets."""
        return self.row["report"]

    @property
    def told(self) -> str:
        """The report."""
        return self.report()


@dataclass(frozen=True, eq=False)
class Case(Stack):
    """A wrong stack file that is one row of a table."""

    kind: str
    row: Mapping[str, Any]

    @cached_property
    def name(self) -> str:
        """What its report calls it."""
        return f"{self.row['case']}.yaml"

    @property
    def id(self) -> str:
        """What the tests call it."""
        return f"{self.kind}/{self.row['case']}"

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


def sample_of(name: str) -> StackFile:
    """Return the sample of this name."""
    return StackFile(next(path for path in SAMPLES if path.stem == name))


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


def _timeless(text: str) -> str:
    return text.replace(f"{authority.SOON:%Y-%m-%d %H:%M}", "<in three days>")


def _entry(problem: Problem) -> dict[str, str]:
    """Return what a table says of ``problem``: all but its line, and what is not as ever."""
    texts = {field.name: _timeless(str(getattr(problem, field.name))) for field in fields(Problem) if field.name != "line"}
    usual = {field.name: field.default for field in fields(Problem) if field.default is not MISSING} | {"value": ""}
    return {name: text for name, text in texts.items() if text != usual.get(name)}


def cases() -> list[Case]:
    """Return the rows of every table."""
    return [Case(kind, row) for table in TABLES for kind, rows in _loaded(table.read_text(encoding="utf-8")).items() for row in rows]


BAD: Sequence[WrongFile | Case] = [*(WrongFile(row) for row in _loaded(WHOLE.read_text(encoding="utf-8"))), *cases()]


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


def rewritten(text: str) -> str:
    """Return the table ``text`` with what its cases are told today; every line outside a changed ``expect`` stays as it is."""

    def told(kind: str, row: dict[str, Any], width: int) -> str | None:
        case = Case(kind, row)
        expect = {"expect": case.told}
        return None if case.told == case.expected else yaml.safe_dump(expect, sort_keys=False, allow_unicode=True, width=width)

    return _rewritten(text, "expect", told)


def rewritten_reports(text: str) -> str:
    """Return the whole files' ``text`` with the reports that they get today, all else as it is."""

    def told(_: str, row: dict[str, Any], __: int) -> str | None:
        file = WrongFile({"report": "", **row})
        return None if file.told == file.expected else f"report: |\n{textwrap.indent(file.told, '  ')}"

    return _rewritten(text, "report", told)


def _rewritten(text: str, key: str, told: Callable[[str, dict[str, Any], int], str | None]) -> str:
    """Return ``text`` with what is ``told`` of each row, by its kind and in so many columns, at ``key``; None leaves the row as it is."""
    lines = text.splitlines(keepends=True)
    for kind, row in reversed(_rows(yaml.compose(text, Loader=yaml.SafeLoader))):
        indent = " " * row.start_mark.column
        new = told(kind, yaml.SafeLoader("").construct_document(row), WIDTH - len(indent))
        if new is None:
            continue
        keys = {name.value: (name, value) for name, value in row.value}
        name, value = keys.get(key) or (None, None)
        end = _last_line(value or row) + 1
        while not lines[end - 1].strip():  # a text in a block ends with the empty lines below it
            end -= 1
        lines[name.start_mark.line if name else end : end] = textwrap.indent(new, indent).splitlines(keepends=True)
    return "".join(lines)


def _rows(root: yaml.Node | None) -> list[tuple[str, yaml.MappingNode]]:
    """Return each row with the kind that it stands below, "" in a plain list."""
    if isinstance(root, yaml.MappingNode):
        return [(kind.value, row) for kind, rows in root.value for row in rows.value]
    return [("", row) for row in root.value] if root else []


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
        table.write_text(rewritten(table.read_text(encoding="utf-8")), encoding="utf-8")
    WHOLE.write_text(rewritten_reports(WHOLE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
