"""The page docs/operate/adopt.md: its commands run as they are written, and its options exist."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from ops.adopt import objects
from ops.adopt.commands import adopt
from tests.ops.adopt import support

PAGE = Path("docs/operate/adopt.md").read_text()
COMMANDS = re.findall(r"^    python -m ops adopt (.+)$", PAGE, re.MULTILINE)


def test_the_page_shows_every_command() -> None:
    assert sorted(command.split()[0] for command in COMMANDS) == sorted(adopt.commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_runs_as_it_is_written(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(support.COMPOSE / "tls-and-nginx", tmp_path, dirs_exist_ok=True)
    shutil.copy(support.HELM / "kubic-ingress-ldap.yaml", tmp_path / "values.yaml")
    found = objects.load([support.KUBERNETES / "ingress-claims-sidecar.yaml"])
    monkeypatch.setattr(objects, "live", lambda *_: found)
    monkeypatch.chdir(tmp_path)
    result = support.run(*shlex.split(command), env=support.ENVIRONMENT)
    assert result.exit_code == 0, result.output
    for name in re.findall(r"^\| `((?:stacks|adopt-prod)/[^`]+)`", PAGE, re.MULTILINE):
        assert Path(name).is_file() or (name.endswith("freeze.yml") and not command.startswith("compose")), name


def test_each_option_of_the_page_exists() -> None:
    known = {option for command in adopt.commands.values() for parameter in command.params for option in parameter.opts}
    section = PAGE.split("## Options", 1)[1].split("\n## ", 1)[0]
    written = set(re.findall(r"`(--[a-z][a-z-]*)", " ".join(re.findall(r"^\| (.+?) \|", section, re.MULTILINE))))
    assert written <= known
    assert known - written == {"--stack", "--secret"}
