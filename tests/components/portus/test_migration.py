"""No web server starts on a database that lacks a migration, and no schema is loaded over data: by one Job, before all of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from components.common.versions import NEWEST_MIGRATIONS, PortusVersion
from components.portus.pod import SCRIPTS
from tests.components.rendered import program

OWN = "registry.example.com/portus:built"


@pytest.mark.parametrize(
    ("version", "rake"),
    [(f"2.{minor}", ["portusctl", "rake"]) for minor in (0, 1, 2, 3)] + [(f"2.{minor}", ["portusctl", "exec", "rake"]) for minor in (4, 5)],
)
def test_each_version_has_a_job_that_calls_rake_as_its_image_does(version: str, rake: list[str]) -> None:
    own = {"images": {"portus": OWN}} if version < "2.3" else {}
    made = program(portus={"version": version, "bootstrap": {"enabled": version != "2.0"}}, **own)
    (job,) = [each for each in made.all("Job") if each.name.startswith(f"portus-migration-{version}")]
    look, migrate = job.containers
    assert look["command"] == ["/bin/sh", "/scripts/look.sh"]
    assert migrate["command"] == ["/bin/sh", "/scripts/migrate.sh", *rake]


def test_another_image_of_the_same_version_has_a_job_of_its_own() -> None:
    names = {
        job.name
        for images in ({}, {"portus": OWN}, {"portus": f"{OWN}-again"})
        for job in program(images=images).all("Job")
        if job.name.startswith("portus-migration")
    }
    assert len(names) == 3


def _facts(work: Path, **more: str) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "WORK": str(work), "NEWEST": NEWEST_MIGRATIONS[PortusVersion.V2_4], "ACCEPT_NEWER": "no", **more}


@pytest.mark.parametrize(("state", "tasks"), [("empty", ["db:setup"]), ("unseeded", ["db:migrate", "db:seed"]), ("set-up", ["db:migrate"])])
def test_the_schema_is_loaded_where_there_is_nothing_to_lose_and_nowhere_else(state: str, tasks: list[str], tmp_path: Path) -> None:
    (tmp_path / "state").write_text(f"{state}\n")
    (tmp_path / "secret").write_text("of-the-file")
    (tmp_path / "newest").touch()
    rake = tmp_path / "rake"
    rake.write_text('#!/bin/sh\n[ "$PORTUS_PASSWORD $SKIP_MIGRATION" = "of-the-file 1" ] && echo "$*" >>"$WORK/called"\n')
    rake.chmod(0o755)
    environment = {**_facts(tmp_path), "PORTUS_PASSWORD_FILE": str(tmp_path / "secret")}
    subprocess.run(["/bin/sh", SCRIPTS / "migrate.sh", rake], env=environment, check=True, capture_output=True)
    assert (tmp_path / "called").read_text().split() == tasks


MARIADB = """#!/bin/sh
echo "$*" >>"$WORK/asked"
[ "$(wc -l <"$WORK/asked")" -le "$ANSWERS" ] || { echo "ERROR 2002 (HY000): Can't connect" >&2; exit 1; }
echo 1
"""


@pytest.mark.parametrize("answers", [1, 2, 3, 4])
def test_a_database_that_goes_away_while_it_is_looked_at_is_never_called_empty(answers: int, tmp_path: Path) -> None:
    """For an empty one gets its schema loaded, which drops what is there."""
    client = tmp_path / "mariadb"
    client.write_text(MARIADB)
    client.chmod(0o755)
    connection = {"HOST": "database", "PORT": "3306", "DATABASE": "portus_production", "ACCOUNT": "portus"}
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "WORK": str(tmp_path), "ANSWERS": str(answers), **connection}
    done = subprocess.run(["/bin/sh", SCRIPTS / "look.sh"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert "Nothing was changed" in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_migration_that_fails_tells_to_back_up_before_the_next_try(tmp_path: Path) -> None:
    """The Job that backs up has done its work, and is not made anew with that of the migration."""
    (tmp_path / "state").write_text("set-up\n")
    (tmp_path / "newest").touch()
    environment = _facts(tmp_path)
    done = subprocess.run(["/bin/sh", SCRIPTS / "migrate.sh", "false"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make backup" in done.stderr


def test_nothing_is_done_to_a_database_of_which_nobody_said_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    (tmp_path / "newest").touch()
    rake = tmp_path / "rake"
    rake.write_text('#!/bin/sh\ntouch "$WORK/called"\n')
    rake.chmod(0o755)
    environment = _facts(tmp_path)
    done = subprocess.run(["/bin/sh", SCRIPTS / "migrate.sh", rake], env=environment, capture_output=True, check=False)
    assert done.returncode == 1
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize(
    ("newest", "accepted", "code", "tasks"),
    [
        (PortusVersion.V2_5, "no", 3, ""),
        (PortusVersion.V2_5, "yes", 0, "db:migrate\n"),
        (PortusVersion.V2_4, "no", 0, "db:migrate\n"),
        (PortusVersion.V2_3, "no", 0, "db:migrate\n"),
    ],
)
def test_an_older_portus_does_not_start_on_the_database_of_a_newer_one(
    newest: PortusVersion, accepted: str, code: int, tasks: str, tmp_path: Path
) -> None:
    """2.4 takes the tables of 2.5 for its own, and nothing would tell that it misreads them."""
    (tmp_path / "state").write_text("set-up\n")
    (tmp_path / "newest").write_text(f"{NEWEST_MIGRATIONS[newest]}\n")
    (tmp_path / "called").touch()
    rake = tmp_path / "rake"
    rake.write_text('#!/bin/sh\necho "$*" >>"$WORK/called"\n')
    rake.chmod(0o755)
    facts = _facts(tmp_path, ACCEPT_NEWER=accepted)
    done = subprocess.run(["/bin/sh", SCRIPTS / "migrate.sh", rake], env=facts, capture_output=True, text=True, check=False)
    assert (done.returncode, (tmp_path / "called").read_text()) == (code, tasks)
    if code:
        assert "Nothing was changed. Fix: set portus.version back to the newer one" in done.stderr
        assert "docs/operate/upgrade.md" in done.stderr


def test_a_refused_migration_is_not_tried_again_and_the_stack_file_can_accept_it() -> None:
    for accept, said in (([], "no"), (["newer_database"], "yes")):
        made = program(portus={"version": "2.4"}, accept=accept)
        (job,) = [each for each in made.all("Job") if each.name.startswith("portus-migration-2.4")]
        (rule,) = job.spec["podFailurePolicy"]["rules"]
        assert rule["onExitCodes"]["values"] == [3]
        migrate = {each["name"]: each.get("value") for each in job.containers[1]["env"]}
        assert (migrate["NEWEST"], migrate["ACCEPT_NEWER"]) == (NEWEST_MIGRATIONS[PortusVersion.V2_4], said)
