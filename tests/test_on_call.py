"""The pages for who is on call: every symptom leads to a section with commands, and every command is one that exists."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from components.common import names
from ops.commands import MODULES
from ops.doctor.catalog import CHECKS, Check
from ops.doctor.report import NOTE
from ops.paths import ROOT
from tests.pages import anchors, commands

FOLDER = ROOT / "docs" / "operate"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8").partition("## By task")[0]
ROWS = dict(re.findall(r"(?m)^\| (.+?) \| (.+) \|$", INDEX))

SYMPTOMS = {
    "logins fail": "logins.md#every-login-fails",
    "LDAP logins fail": "logins.md#ldap-logins-fail",
    "does not show in Portus": "pushes.md#a-push-does-not-show",
    "OCI pushes vanish": "pushes.md#oci-pushes-vanish",
    "disk is full": "disk.md",
    "database is down": "database.md#the-database-is-down",
    "certificate ends": "certificate.md#the-certificate-ends",
    "token errors": "logins.md#tokens-are-refused",
    "pulls are slow": "registry.md#pulls-are-slow",
    "worker restarts": "pushes.md#the-worker-restarts",
    "backup failed": "backup.md#a-backup-failed",
    "state is locked": "../deploy/pipelines.md#locks",
    "state is lost": "lost.md#state-lost",
    "passphrase is lost": "lost.md#passphrase-lost",
    "password is unknown": "passwords.md",
    "cluster does not answer": "down.md#the-cluster-does-not-answer",
    "Job failed": "down.md#a-job-failed",
    "certificate is not served": "certificate.md#a-renewed-certificate-is-not-served",
    "claim is not bound": "disk.md#a-claim-is-not-bound",
    "in the registry and not in Portus": "pushes.md#add-images-that-were-lost",
    "the doctor stops": "doctor.md#the-doctor-does-not-start",
}
"""What is looked up at night, and where the index leads."""

WORKLOADS = {"deployment/portus", "deployment/portus-worker", "deployment/registry", "deployment/edge", "statefulset/mariadb"}
PAGES = sorted(FOLDER.glob("*.md"))
LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_a_symptom_leads_to_a_section_with_a_command(symptom: str) -> None:
    (found,) = (cell for row, cell in ROWS.items() if re.search(rf"(?<!LDAP ){re.escape(symptom)}", row))
    assert f"({SYMPTOMS[symptom]})" in found
    page, heading = LINK.findall(found)[0]
    assert not heading or heading in anchors((FOLDER / page).resolve())
    section = (FOLDER / page).read_text(encoding="utf-8")
    if heading:
        title = next(line for line in section.splitlines() if line.startswith("#") and _anchor(line) == heading)
        section = section[section.index(title) + len(title) :].partition("\n## ")[0]
    assert re.search(r"(?m)^ {4,}\S|`(?:make|python -m ops|pulumi|kubectl|docker|skopeo) ", section), f"{page}#{heading} has no command"


def _anchor(line: str) -> str:
    return re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")


def test_every_page_of_the_folder_is_in_the_index() -> None:
    linked = {page for page, _ in LINK.findall((FOLDER / "README.md").read_text(encoding="utf-8"))}
    assert {page.name for page in PAGES} - linked == {"README.md"}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_names_a_page_and_a_section_that_there_are(check: Check) -> None:
    page, _, heading = check.page.partition("#")
    assert heading in anchors(ROOT / page), f"{page}#{heading}"


def test_the_doctors_last_line_leads_to_the_section_on_oci_pushes() -> None:
    page, _, heading = NOTE.rpartition(" ")[2].partition("#")
    assert heading in anchors(ROOT / page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_make_and_ops_exists_with_its_values(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"(?m)^([a-z0-9-]+):.*## ", makefile)) | {"collect"}
    known = {"STACK", "KUBECONFIG", *re.findall(r"\$\(if \$\((\w+)\)", makefile)}
    for command in commands(page):
        for words in re.findall(r"(?:^|&& |; |\| )make ((?:--silent )?[a-z][^;|&`]*)", command):
            verb, *values = words.removeprefix("--silent ").split()
            assert verb in verbs, command
            assert {value.partition("=")[0] for value in values if re.match(r"[A-Z]+=", value)} <= known, command
        for words in re.findall(r"python -m ops ([a-z-]+[^|>`]*)", command):
            name, *options = shlex.split(words)
            assert name in MODULES, command
            given = {option.partition("=")[0] for option in options if option.startswith("--")}
            assert given <= _options(name) | {"--help"}, command


def _options(name: str) -> set[str]:
    command = import_module(MODULES[name]).COMMANDS[name]
    found = [command, *getattr(command, "commands", {}).values()]
    return {option for each in found for parameter in each.params for option in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_workload_that_a_command_names_is_one_of_the_stack(page: Path) -> None:
    names_of_objects = {value for value in vars(names).values() if isinstance(value, str)}
    for command in commands(page):
        if not command.startswith("kubectl"):
            continue
        assert set(re.findall(r"\b(?:deployment|statefulset)/[a-z-]+", command)) - {"deployment/"} <= WORKLOADS, command
        for kind, name in re.findall(r"\b(?:get|delete|describe) (service|cronjob|pvc|certificate) ([a-z][a-z-]+)\b", command):
            assert name in names_of_objects, f"{kind} {name}: {command}"
