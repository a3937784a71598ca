"""Stack files as the tests read them, and the reports they get.

``{secure: text}`` stands for a text that Pulumi would hold encrypted, ``${name}`` for a certificate or key of ``authority``.
``python -m tests.settings.corpus`` writes every report of ``bad`` anew; the difference is for review.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from components.settings.load import sections, strays
from components.settings.parse import parse
from components.settings.report.envelope import without_settings
from components.settings.report.lines import located
from components.settings.report.problems import SettingsError
from components.settings.stack import StackSettings
from tests.settings import authority

HERE = Path(__file__).resolve().parent
BAD = sorted((HERE / "bad").rglob("*.yaml"))

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class StackFile:
    """One stack file."""

    path: Path

    @cached_property
    def written(self) -> Mapping[str, Any]:
        """What stands under ``config:``."""
        return dict((self.content or {}).get("config") or {})

    @cached_property
    def content(self) -> Any:
        """The whole file."""
        return yaml.safe_load(self.path.read_bytes())

    @cached_property
    def configuration(self) -> dict[str, str]:
        """What Pulumi hands to the program: secrets in clear, sections as JSON, all else as text."""
        opened = {key: _opened(value) for key, value in self.written.items()}
        return {key: value if isinstance(value, str) else "" if value is None else json.dumps(value) for key, value in opened.items()}

    @cached_property
    def secrets(self) -> Mapping[KeyPath, str]:
        """The encrypted texts by their path."""
        return {(str(path[0]).removeprefix("portus:"), *path[1:]): text for path, text in _secure(self.written, ())}

    def parse(self) -> StackSettings:
        """Return the settings, or raise the report with its line numbers."""
        if not self.written:
            raise located(SettingsError(self.path.name, [without_settings(self.content, "portus")]), self.path)
        try:
            return parse(
                sections(self.configuration, "portus:"),
                file=self.path.name,
                encrypted=lambda path: path in self.secrets,
                strays=strays(self.configuration, "portus"),
            )
        except SettingsError as error:
            raise located(error, self.path) from None

    def report(self) -> str:
        """Return the report."""
        try:
            self.parse()
        except SettingsError as error:
            text = str(error) + "\n"
        else:
            raise AssertionError(f"{self.path} is accepted")
        return re.sub(re.escape(f"{authority.SOON:%Y-%m-%d %H:%M}"), "<in three days>", text)


def sections_of(file: StackFile) -> dict[str, Any]:
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


if __name__ == "__main__":
    for file in BAD:
        file.with_suffix(".report").write_text(StackFile(file).report(), encoding="utf-8")
    for report in (HERE / "bad").rglob("*.report"):
        if not report.with_suffix(".yaml").exists():
            report.unlink()
