"""The page docs/operate/adopt.md: its commands run as they are written, and its options exist."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from components.mariadb import configuration
from components.settings.sections.database import InClusterDatabase
from ops.adopt import objects
from ops.adopt.commands import adopt
from ops.paths import ROOT
from tests.ops.adopt import support

PAGE = Path("docs/operate/adopt.md").read_text()
COMMANDS = re.findall(r"^    python -m ops adopt (.+)$", PAGE, re.MULTILINE)


def test_the_page_shows_every_command() -> None:
    assert sorted(command.split()[0] for command in COMMANDS) == sorted(adopt.commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_runs_as_it_is_written(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(support.COMPOSE / "tls-and-nginx", tmp_path / "old")
    support.program(tmp_path)
    shutil.copy(support.HELM / "kubic-ingress-ldap.yaml", tmp_path / "values.yaml")
    found = objects.load([support.KUBERNETES / "ingress-claims-sidecar.yaml"])
    monkeypatch.setattr(objects, "live", lambda *_: found)
    monkeypatch.chdir(tmp_path)
    result = support.run(*shlex.split(command.replace("/srv/portus/", "old/")), env=support.ENVIRONMENT)
    assert result.exit_code == 0, result.output
    for name in re.findall(r"^\| `((?:stacks|adopt-portus)/[^`]+)`", PAGE, re.MULTILINE):
        assert Path(name).is_file() or (name.endswith("freeze.yml") and not command.startswith("compose")), name


@pytest.mark.parametrize("command", COMMANDS)
def test_each_stack_of_the_page_is_new_in_a_fresh_clone(command: str) -> None:
    words = shlex.split(command)
    assert not (ROOT / "stacks" / f"Pulumi.{words[words.index('--stack') + 1]}.yaml").exists()


def test_each_page_opens_the_database_by_the_name_that_its_container_has() -> None:
    """An adopted stack has another name than the default."""
    assert "MARIADB_DATABASE" in configuration.environment(InClusterDatabase.model_construct(name="a", user="b", backup_user="c"))
    opened = {
        (page.name, name)
        for page in (ROOT / "docs").rglob("*.md")
        for name in re.findall(r"mariadb -u root (<[^>]+>|[\w\"$]+)", page.read_text())
    }
    assert [each for each in opened if each[1] != '"$MARIADB_DATABASE"'] == []
    assert {page for page, _ in opened} == {"adopt.md", "database.md", "disk.md", "pushes.md"}


def test_each_option_of_the_page_exists() -> None:
    known = {option for command in adopt.commands.values() for parameter in command.params for option in parameter.opts}
    section = PAGE.split("## Options", 1)[1].split("\n## ", 1)[0]
    written = set(re.findall(r"`(--[a-z][a-z-]*)", " ".join(re.findall(r"^\| (.+?) \|", section, re.MULTILINE))))
    assert written <= known
    assert known - written == {"--stack", "--secret"}


# Bad input is refused with line and fix before anything is written, and never by a traceback.


GOOD = "services:\n  portus:\n    image: opensuse/portus:2.4\n    environment:\n      PORTUS_MACHINE_FQDN_VALUE: portus.team.test\n"

CASES = {
    "a variable without a value": (
        {"docker-compose.yml": GOOD + "      PORTUS_PASSWORD: ${NOBODY_SET_IT}\n"},
        ["docker-compose.yml:6", "NOBODY_SET_IT must have a value", "--env-file"],
    ),
    "a required variable without a value": (
        {"docker-compose.yml": GOOD + "      PORTUS_PASSWORD: ${NOBODY_SET_IT:?must}\n"},
        ["docker-compose.yml:6", "NOBODY_SET_IT must have a value"],
    ),
    "a variable that only the shell of the old machine had": (
        {"docker-compose.yml": GOOD + "      PORTUS_PASSWORD:\n"},
        ["docker-compose.yml:6", "PORTUS_PASSWORD of portus must have a value"],
    ),
    "no YAML": ({"docker-compose.yml": GOOD + "  nginx: image: x\n"}, ["docker-compose.yml:6", "must be YAML"]),
    "a template of Rancher": (
        {"docker-compose.yml": GOOD + "{{- if .Values.x }}\n    restart: always\n{{- end }}\n"},
        ["docker-compose.yml:6", "render it first"],
    ),
    "tabs": ({"docker-compose.yml": GOOD + "\tnginx:\n"}, ["docker-compose.yml:6", "spaces, not tabs"]),
    "a key twice": (
        {"docker-compose.yml": GOOD + "      PORTUS_PASSWORD: a\n      PORTUS_PASSWORD: b\n"},
        ["docker-compose.yml:7", "already defined"],
    ),
    "a key twice in the oldest form": (
        {"docker-compose.yml": "portus:\n  image: opensuse/portus:2.2\n  environment:\n    A: 1\n    A: 2\n"},
        ["docker-compose.yml:5", "already defined"],
    ),
    "a key that Compose does not know": (
        {"docker-compose.yml": GOOD + "    imagee: x\n"},
        ["docker-compose.yml:2", "imagee"],
    ),
    "no Portus": (
        {"docker-compose.yml": "services:\n  web: {image: nginx}\n  db: {image: mariadb}\n"},
        ["docker-compose.yml", "one service must run Portus", "found: db, web"],
    ),
    "two of Portus": (
        {"docker-compose.yml": GOOD + "  blue:\n    image: opensuse/portus:2.4\n"},
        ["only one service may run Portus' web server"],
    ),
    "an env_file that is missing": (
        {"docker-compose.yml": GOOD + "    env_file: [gone.env]\n"},
        ["docker-compose.yml:6", "gone.env", "put the file there"],
    ),
    "a secret's file that is missing": (
        {"docker-compose.yml": GOOD + "    secrets: [kb]\nsecrets:\n  kb: {file: ./gone}\n"},
        ["docker-compose.yml:6", "the file gone must exist"],
    ),
    "a mounted configuration that is missing": (
        {"docker-compose.yml": GOOD + "    volumes: ['./gone.yml:/srv/Portus/config/config-local.yml:ro']\n"},
        ["docker-compose.yml:6", "the file gone.yml must exist"],
    ),
    "a file to extend that is missing": (
        {"docker-compose.yml": GOOD + "    extends: {file: gone.yml, service: x}\n"},
        ["docker-compose.yml:6", "gone.yml", "put the file there"],
    ),
    "a service to extend that is missing": (
        {"docker-compose.yml": GOOD + "    extends: {service: gone}\n"},
        ["docker-compose.yml", "gone"],
    ),
    "a file of another machine to include": (
        {"docker-compose.yml": "include: ['https://git.team.test/compose.git']\n" + GOOD},
        ["docker-compose.yml:1", "is not fetched"],
    ),
    "a key of the oldest form that Compose 2 does not have": (
        {"docker-compose.yml": "store: {image: 'mysql:5.7'}\nweb:\n  image: opensuse/portus:2.0\n  net: host\n"},
        ["docker-compose.yml:2", "'net' not allowed", "take them out of a copy"],
    ),
    "a list for a file": ({"docker-compose.yml": "- portus\n"}, ["docker-compose.yml"]),
    "an empty file": ({"docker-compose.yml": ""}, ["docker-compose.yml"]),
}


@pytest.mark.parametrize(("files", "words"), CASES.values(), ids=CASES)
def test_bad_input_is_refused_with_place_and_fix_and_nothing_is_written(files: dict[str, str], words: list[str], tmp_path: Path) -> None:
    file = support.lay(tmp_path / "old", files)
    result = support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path / "new"), env=support.ENVIRONMENT)
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert [word for word in [*words, "fix:", "nothing was written"] if word not in result.output] == [], result.output


def test_a_fix_that_many_problems_share_is_printed_once(tmp_path: Path) -> None:
    variables = "".join(f"      PORTUS_LDAP_{name}: ${{{name}}}\n" for name in ("HOSTNAME", "PORT", "BASE"))
    file = support.lay(tmp_path / "old", {"docker-compose.yml": GOOD + variables})
    result = support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path / "new"))
    assert result.output.startswith("3 problems")
    assert [line for line in (6, 7, 8) if f"docker-compose.yml:{line}\n" not in result.output] == []
    assert result.output.count("fix: write NAME=... into .env") == 1
    assert support.is_unchanged(tmp_path / "new")


@pytest.mark.parametrize("form", ["${%s}", "${%s:?must}", "${%s?must}"])
def test_every_variable_without_a_value_is_reported_at_once(form: str, tmp_path: Path) -> None:
    file = support.lay(tmp_path, {"docker-compose.yml": GOOD + f"      A: {form % 'ONE'}\n      B: {form % 'TWO'}\n"})
    result = support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path / "new"), env=support.ENVIRONMENT)
    assert "2 problems" in result.output


@pytest.mark.parametrize("option", ["--file", "--env-file", "--portus-config"])
def test_a_file_that_does_not_exist_is_named(option: str, tmp_path: Path) -> None:
    good = support.lay(tmp_path, {"docker-compose.yml": GOOD})
    given = ["--file", good] if option != "--file" else []
    result = support.run("compose", *given, option, tmp_path / "gone", "--stack", "prod", "--dir", support.program(tmp_path / "new"))
    assert result.exit_code == 1
    assert "gone" in result.output
    assert "must exist" in result.output


def test_a_stack_file_is_never_overwritten(tmp_path: Path) -> None:
    good = support.lay(tmp_path / "old", {"docker-compose.yml": GOOD})
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.prod.yaml").write_text("config: {}\n")
    result = support.run("compose", "--file", good, "--stack", "prod", "--dir", support.program(tmp_path))
    assert result.exit_code == 1
    assert "is not overwritten" in result.output
    assert (tmp_path / "stacks" / "Pulumi.prod.yaml").read_text() == "config: {}\n"


@pytest.mark.parametrize("name", ["report.md", "plan.md"])
def test_a_report_and_a_plan_are_never_overwritten(name: str, tmp_path: Path) -> None:
    good = support.lay(tmp_path / "old", {"docker-compose.yml": GOOD})
    support.lay(tmp_path / "adopt-hub", {name: "with notes of mine\n"})
    result = support.run("compose", "--file", good, "--stack", "hub", "--dir", support.program(tmp_path))
    assert result.exit_code == 1
    assert "fix: choose another name with --stack, or move the folder away" in result.output
    assert (tmp_path / "adopt-hub" / name).read_text() == "with notes of mine\n"
    assert not (tmp_path / "stacks").exists()


MOUNTED = GOOD + "    volumes: ['./own.yml:/srv/Portus/config/config-local.yml:ro']\n"


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ("ldap: {enabled: true}\nsignup: {enabled: false}\nldap: {port: 389}\n", ["own.yml:3", "'ldap' must be set once"]),
        ("email: {name: 0x_}\n", ["own.yml", "must be YAML"]),
    ],
)
def test_a_configuration_that_cannot_be_read_whole_is_refused(own: str, told: list[str], tmp_path: Path) -> None:
    file = support.lay(tmp_path / "old", {"docker-compose.yml": MOUNTED, "own.yml": own})
    result = support.run("compose", "--file", file, "--stack", "hub", "--dir", support.program(tmp_path / "new"))
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert [word for word in told if word not in result.output] == []


def test_a_date_that_the_calendar_does_not_have_is_a_text(tmp_path: Path) -> None:
    file = support.lay(tmp_path / "old", {"docker-compose.yml": MOUNTED, "own.yml": "email: {name: 2026-13-45, smtp: {enabled: false}}\n"})
    assert support.of(support.adopted(file), "email.name").item.text == "2026-13-45"


def test_a_folder_that_is_not_the_program_s_is_refused(tmp_path: Path) -> None:
    good = support.lay(tmp_path / "old", {"docker-compose.yml": GOOD})
    result = support.run("compose", "--file", good, "--stack", "hub", "--dir", tmp_path / "old")
    assert result.exit_code == 1
    assert "must be the folder of this program" in result.output
    assert "fix: run this in the folder of this program" in result.output
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["docker-compose.yml"]


def test_the_help_shows_no_empty_choice() -> None:
    assert "[|" not in support.run("compose", "--help").output


def test_a_stack_name_that_pulumi_refuses_is_refused(tmp_path: Path) -> None:
    good = support.lay(tmp_path / "old", {"docker-compose.yml": GOOD})
    result = support.run("compose", "--file", good, "--stack", "../prod", "--dir", support.program(tmp_path))
    assert result.exit_code == 1
    assert "--stack" in result.output
