"""Every page that a reader is sent to exists, and so does the heading; what the pages for who is on call say exists, too."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from components.common import names
from components.settings.reference.entries import entries
from ops.commands import MODULES
from ops.doctor.catalog import CHECKS, Check
from ops.doctor.report import NOTE
from ops.paths import ROOT
from tests.pages import anchor, anchors, commands

LINK = re.compile(r"\]\((?!https?://)([^)\s#]*)(?:#([^)\s]+))?\)")
PAGE = re.compile(r"(?<![\w/.-])(docs/[\w./-]*\w)(?:,? \\?[\"']([A-Z][^\"'\\]+)\\?[\"'])?")
ELSEWHERE = {"docs/configuration.md", "docs/content/reference/dynamic-configuration"}
"""Pages in the repositories of the registry and of Traefik."""


NO_SETTINGS = {
    "database.json",
    "database.yml",
    "portus.dev.test",
    "portus.schema.json",
    "registry.dev.test",
    "cluster.local",
    "portus.json",
    "portus.sql.gz",
    "registry.example.com",
    "registry.json",
    "tls.crt",
    "tls.key",
    "tls.mode",
}
"""Files, names of hosts, and a key of a Gateway."""

EXAMPLES = {"stacks/Pulumi.qa.yaml", "stacks/Pulumi.dev2.yaml", "stacks/Pulumi.portus.yaml"}
"""Files that a reader writes."""


@cache
def _tracked() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


PAGES = sorted(path for path in _tracked() if path.suffix == ".md")


def _prose(path: Path) -> str:
    """Return a page without what is shown as code."""
    return re.sub(r"(?ms)^```.*?^```$|^ {4,}.*?$|`[^`\n]*`", "", path.read_text(encoding="utf-8"))


def _named(path: Path) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for page, heading in PAGE.findall(" ".join(text.split()) if path.suffix in {".py", ".md"} else text):
        if page not in ELSEWHERE:
            yield page, heading


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_page_and_a_heading(path: Path) -> None:
    for target, heading in LINK.findall(_prose(path)):
        page = (path.parent / target).resolve() if target else path
        assert page.exists(), f"{path.name}: {target}"
        assert not heading or heading in anchors(page), f"{path.name}: {target}#{heading}"


def test_every_file_of_this_repository_that_a_page_names_exists() -> None:
    gone = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in PAGES
        for name in re.findall(r"`((?:components|lab|ops|tests|stacks)/[\w./-]+)`", page.read_text(encoding="utf-8"))
        if name not in EXAMPLES and not (ROOT / name).exists()
    ]
    assert gone == []


def test_every_setting_that_a_page_names_exists() -> None:
    keys = {entry.key for entry in entries()}
    sections = "|".join(sorted({key.partition(".")[0] for key in keys}))
    named = re.compile(rf"`(?:portus:)?((?:{sections})(?:\.\w+)+)(?=[`:\s])")
    unknown = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in PAGES
        if page.name != "settings.md"  # it is written from the models, and names keys below its headings
        for name in named.findall(page.read_text(encoding="utf-8"))
        if name not in NO_SETTINGS and not {name, f"portus.config.{name}"} & keys  # Portus' own settings are named as Portus does
    ]
    assert unknown == []


def test_every_page_that_code_names_exists() -> None:
    missing = [f"{path.relative_to(ROOT)}: {page}" for path in _tracked() for page, _ in _named(path) if not (ROOT / page).exists()]
    assert missing == []


def test_every_heading_that_code_names_exists() -> None:
    for path in _tracked():
        for page, heading in _named(path):
            if heading and page.endswith(".md"):
                assert re.search(rf"(?m)^#+ {re.escape(heading)}$", (ROOT / page).read_text(encoding="utf-8")), f"{path}: {page}, {heading}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [(page.parent / target).resolve() for target, _ in LINK.findall(_prose(page)) if target]
    assert [str(path.relative_to(ROOT)) for path in PAGES if path not in seen] == []


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


# The pages for who is on call: every symptom leads to a section with commands, and every command is one that exists.


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
ON_CALL = sorted(FOLDER.glob("*.md"))
TARGET = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_a_symptom_leads_to_a_section_with_a_command(symptom: str) -> None:
    (found,) = (cell for row, cell in ROWS.items() if re.search(rf"(?<!LDAP ){re.escape(symptom)}", row))
    assert f"({SYMPTOMS[symptom]})" in found
    page, heading = TARGET.findall(found)[0]
    assert not heading or heading in anchors((FOLDER / page).resolve())
    section = (FOLDER / page).read_text(encoding="utf-8")
    if heading:
        title = next(line for line in section.splitlines() if line.startswith("#") and anchor(line.lstrip("# ")) == heading)
        section = section[section.index(title) + len(title) :].partition("\n## ")[0]
    assert re.search(r"(?m)^ {4,}\S|`(?:make|python -m ops|pulumi|kubectl|docker|skopeo) ", section), f"{page}#{heading} has no command"


def test_every_page_of_the_folder_is_in_the_index() -> None:
    linked = {page for page, _ in TARGET.findall((FOLDER / "README.md").read_text(encoding="utf-8"))}
    assert {page.name for page in ON_CALL} - linked == {"README.md"}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_names_a_page_and_a_section_that_there_are(check: Check) -> None:
    page, _, heading = check.page.partition("#")
    assert heading in anchors(ROOT / page), f"{page}#{heading}"


def test_the_doctors_last_line_leads_to_the_section_on_oci_pushes() -> None:
    page, _, heading = NOTE.rpartition(" ")[2].partition("#")
    assert heading in anchors(ROOT / page)


@pytest.mark.parametrize("page", ON_CALL, ids=lambda page: page.stem)
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


@pytest.mark.parametrize("page", ON_CALL, ids=lambda page: page.stem)
def test_every_workload_that_a_command_names_is_one_of_the_stack(page: Path) -> None:
    names_of_objects = {value for value in vars(names).values() if isinstance(value, str)}
    for command in commands(page):
        if not command.startswith("kubectl"):
            continue
        assert set(re.findall(r"\b(?:deployment|statefulset)/[a-z-]+", command)) - {"deployment/"} <= WORKLOADS, command
        for kind, name in re.findall(r"\b(?:get|delete|describe) (service|cronjob|pvc|certificate) ([a-z][a-z-]+)\b", command):
            assert name in names_of_objects, f"{kind} {name}: {command}"
