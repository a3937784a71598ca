"""The scripts of the first set-up and of the migration keep passwords where they belong, make nothing twice, and lose no data."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from components.common.versions import NEWEST_MIGRATIONS, PortusVersion
from components.portus.pod import SCRIPTS
from lab.images.build import build_images
from lab.images.rootfs import Bind, run
from lab.images.servers import Database, fresh_mariadb
from tests.components.rendered import of_version, program

PROVE = """set -eu
fail() { echo "failed: $1"; exit 1; }
said() { cat "$WORK/answer"; }
status_of() { echo "$@" >>"$WORK/asked"; cp "$WORK/token" "$WORK/answer"; echo 200; }
printf '{"token": "head.%s.tail"}' "$(printf '{"access": [{"type": "registry"}]}' | base64 | tr -d '=\\n' | tr '+/' '-_')" >"$WORK/token"
. "$SCRIPTS/prove.sh"
"""


def _prove(folder: Path, script: str = PROVE) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "SCRIPTS": str(SCRIPTS),
        "FILES": str(folder),
        "WORK": str(folder),
        "NAMESPACE": "example",
        "PORTUS_URL": "https://portus.example.com:8443",
        "PORTUS_HOST": "portus.example.com",
        "REGISTRY": "registry.example.com",
        "REGISTRY_URL": "https://registry.example.com",
    }
    return subprocess.run(["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False)


def test_a_missing_record_is_reported_with_a_command_for_the_stacks_own_namespace(tmp_path: Path) -> None:
    (tmp_path / "portus-password").write_text("own-users-password")
    done = _prove(tmp_path, PROVE.replace('[{"type": "registry"}]', "[]"))
    assert done.returncode == 1
    assert "kubectl -n example rollout restart deployment/portus." in done.stdout


def test_the_password_of_portus_own_user_reaches_curl_by_a_file_that_only_the_user_reads(tmp_path: Path) -> None:
    password = "own-users-password"
    (tmp_path / "portus-password").write_text(password)
    done = _prove(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    netrc = tmp_path / "netrc"
    assert netrc.read_text() == f"machine portus.example.com login portus password {password}\n"
    assert stat.S_IMODE(netrc.stat().st_mode) == 0o600
    asked = (tmp_path / "asked").read_text()
    assert f"--netrc-file {netrc}" in asked
    assert password not in asked + done.stdout + done.stderr


CURL = """#!/bin/sh
case "$*" in
  *_ping*) ;;
  *users/bootstrap*) cp -p "$WORK/user.json" "$WORK/sent.json"; echo "$@" >"$WORK/asked"; echo refused >"$WORK/answer"; printf 500 ;;
  *) printf 401 ;;
esac
"""


def test_an_administrators_existing_password_reaches_portus_unchanged(tmp_path: Path) -> None:
    """It is sent as JSON, which the script writes itself, since this program does not know every password."""
    password = 'of "some\\body" $(else)'
    (tmp_path / "password").write_text(password)
    (tmp_path / "curl").write_text(CURL)
    (tmp_path / "curl").chmod(0o755)
    facts = {"PORTUS_URL": "https://portus.example.com", "REGISTRY_URL": "https://registry.example.com", "CA_FILE": "/dev/null"}
    account = {"ADMINISTRATOR": "admin", "EMAIL": "admin@example.com", "REGISTRY": "registry.example.com"}
    folders = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SCRIPTS": str(SCRIPTS), "FILES": str(tmp_path), "WORK": str(tmp_path)}
    done = subprocess.run(
        ["/bin/sh", str(SCRIPTS / "first-set-up-api.sh")],
        env=facts | account | folders,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "POST /api/v1/users/bootstrap answers 500" in done.stderr
    sent = tmp_path / "sent.json"
    assert json.loads(sent.read_text()) == {"user": {"username": "admin", "email": "admin@example.com", "password": password}}
    assert stat.S_IMODE(sent.stat().st_mode) == 0o600
    assert password not in (tmp_path / "asked").read_text()
    assert not (tmp_path / "user.json").exists(), "it goes as soon as Portus has it"


PORTUSCTL = """#!/bin/sh
shift
echo "$*" | sed 's/,.*//' >>"$WORK/called"
case "$*" in
  *make_admin*) printf 'valid usernames are\\n%s\\n' "$USERS"; code=255 ;;
  *create_user*) echo "Validation failed: Username cannot be used as name for private namespace"; code=255 ;;
  *) exit 0 ;;
esac
echo "runner.rb:12: Something went wrong while invoking: bundler exec rake $* (RuntimeError)" >&2
exit $code
"""


def _rake(folder: Path, users: str, portusctl: str = PORTUSCTL) -> subprocess.CompletedProcess[str]:
    (folder / "password").write_text("TheFirstAdministratorsPassword00")
    for name, text in {"portusctl": portusctl, "update-ca-certificates": "#!/bin/sh\n", "sudo": "#!/bin/sh\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    facts = {"REGISTRY": "registry.example.com", "ADMINISTRATOR": "admin", "EMAIL": "admin@example.com", "USERS": users}
    folders = {"PATH": f"{folder}:/usr/bin:/bin", "FILES": str(folder), "WORK": str(folder)}
    return subprocess.run(
        ["/bin/sh", str(SCRIPTS / "first-set-up-rake.sh")], env=facts | folders, capture_output=True, text=True, check=False
    )


def test_the_password_in_portusctls_error_is_not_shown(tmp_path: Path) -> None:
    done = _rake(tmp_path, '["portus"]')
    assert done.returncode == 1
    assert "Username cannot be used" in done.stderr
    assert "TheFirstAdministratorsPassword00" not in done.stdout + done.stderr


@pytest.mark.parametrize("users", ['["portus", "alice"]', '["alice"]', '["portus", "admin"]'])
def test_no_administrator_is_made_where_portus_has_users(tmp_path: Path, users: str) -> None:
    """Whoever deleted the first one, or took a deployment over, would get an administrator with a known password at the next rotation."""
    done = _rake(tmp_path, users)
    assert done.returncode == 0, done.stderr
    assert "create_user" not in (tmp_path / "called").read_text()


def test_users_that_cannot_be_listed_are_not_taken_for_none(tmp_path: Path) -> None:
    done = _rake(tmp_path, "Mysql2::Error: Lost connection")
    assert done.returncode == 1
    assert "does not list the users" in done.stderr
    assert "create_user" not in (tmp_path / "called").read_text()


def test_the_administrator_is_made_where_portus_has_no_user_but_its_own(tmp_path: Path) -> None:
    done = _rake(tmp_path, '["portus"]', PORTUSCTL.replace("*create_user*)", "*never*)"))
    assert done.returncode == 0, done.stderr
    assert "portus:create_user[admin" in (tmp_path / "called").read_text()


def test_rake_records_the_registry_with_tls_and_both_names(tmp_path: Path) -> None:
    """name, host name, use of TLS, external host name: 2.1 to 2.3 (lib/tasks/portus.rake)."""
    whole = PORTUSCTL.replace("sed 's/,.*//'", "cat")
    done = _rake(tmp_path, '["portus"]', whole.replace("*create_user*)", "*never*)"))
    assert done.returncode == 0, done.stderr
    called = (tmp_path / "called").read_text()
    assert "portus:create_registry[registry,registry.example.com,true,registry.example.com]" in called
    assert "portus:create_user[admin,admin@example.com,TheFirstAdministratorsPassword00,true]" in called


# What a migration finds, told by a real MariaDB: nothing that holds a user is ever called empty.


MIGRATIONS = "CREATE TABLE schema_migrations (version VARCHAR(255) PRIMARY KEY)"
USERS = "CREATE TABLE users (id INT PRIMARY KEY)"
ONE_MIGRATION, ONE_USER = "INSERT INTO schema_migrations VALUES ('20190314173309')", "INSERT INTO users VALUES (1)"


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as running:
        yield running


def _look(server: Database, work: Path, *statements: str) -> tuple[int, str]:
    name = server.database
    link = pymysql.connect(unix_socket=str(server.socket), user="root", password=server.root_password, autocommit=True)
    with link, link.cursor() as cursor:
        for statement in (f"DROP DATABASE {name}", f"CREATE DATABASE {name}", f"USE {name}", *statements):
            cursor.execute(statement)
    (image,) = build_images(["mariadb-lab"])
    connection = {"HOST": server.host, "PORT": str(server.port), "DATABASE": name, "ACCOUNT": server.user, "MYSQL_PWD": server.password}
    binds = [Bind(source=SCRIPTS, target="/scripts", read_only=True), Bind(source=work, target="/work")]
    container = image.container(binds=binds, environment={**connection, "WORK": "/work"}, read_only=True)
    ran = run(container, ["/bin/sh", "/scripts/look.sh"], seconds=60)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.images
@pytest.mark.parametrize(
    ("statements", "state"),
    [
        ([], "empty"),
        ([MIGRATIONS, USERS], "empty"),
        ([MIGRATIONS, USERS, "CREATE TABLE teams (id INT PRIMARY KEY)"], "empty"),
        ([MIGRATIONS, ONE_MIGRATION, USERS], "unseeded"),
        ([MIGRATIONS, ONE_MIGRATION], "unseeded"),
        ([MIGRATIONS, ONE_MIGRATION, USERS, ONE_USER], "set-up"),
    ],
    ids=str,
)
def test_the_state_is_reported(server: Database, statements: list[str], state: str, tmp_path: Path) -> None:
    code, said = _look(server, tmp_path, *statements)
    assert code == 0, said
    assert (tmp_path / "state").read_text().strip() == state
    assert (tmp_path / "newest").read_text().strip() == ("20190314173309" if ONE_MIGRATION in statements else "")


@pytest.mark.images
def test_users_without_a_list_of_migrations_are_not_changed(server: Database, tmp_path: Path) -> None:
    code, said = _look(server, tmp_path, MIGRATIONS, USERS, ONE_USER)
    assert code == 1
    assert "Nothing was changed" in said
    assert not (tmp_path / "state").exists()


@pytest.mark.images
def test_a_load_that_was_cut_off_before_the_users_is_left_unchanged(server: Database, tmp_path: Path) -> None:
    """A dump's tables come by their names; the schema would be loaded over those that are there."""
    code, said = _look(server, tmp_path, "CREATE TABLE namespaces (id INT PRIMARY KEY)", "INSERT INTO namespaces VALUES (1)")
    assert code == 1
    assert "has rows in namespaces" in said
    assert not (tmp_path / "state").exists()


# No web server starts on a database that lacks a migration, and no schema is loaded over data: by one Job, before all of them.


@pytest.mark.parametrize(
    ("version", "rake"),
    [(f"2.{minor}", ["portusctl", "rake"]) for minor in (0, 1, 2, 3)] + [(f"2.{minor}", ["portusctl", "exec", "rake"]) for minor in (4, 5)],
)
def test_each_version_has_a_job_that_calls_rake_as_its_image_does(version: str, rake: list[str]) -> None:
    made = of_version(version)
    (job,) = [each for each in made.all("Job") if each.name.startswith(f"portus-migration-{version}")]
    look, migrate = job.containers
    assert look["command"] == ["/bin/sh", "/scripts/look.sh"]
    assert migrate["command"] == ["/bin/sh", "/scripts/migrate.sh", *rake]


def test_another_image_of_the_same_version_has_a_job_of_its_own() -> None:
    names = {
        job.name
        for made in (program(), *(program(images={"portus": f"registry.example.com/portus:{tag}"}) for tag in ("built", "again")))
        for job in made.all("Job")
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


def test_a_failed_migration_asks_for_a_backup_before_the_next_try(tmp_path: Path) -> None:
    """The Job that backs up has done its work, and is not made again with that of the migration."""
    (tmp_path / "state").write_text("set-up\n")
    (tmp_path / "newest").touch()
    environment = _facts(tmp_path)
    done = subprocess.run(["/bin/sh", SCRIPTS / "migrate.sh", "false"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make backup" in done.stderr


def test_an_unknown_database_is_not_changed(tmp_path: Path) -> None:
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
    for made, said in ((of_version("2.4"), "no"), (program(portus={"version": "2.4"}, accept=["newer_database"]), "yes")):
        (job,) = [each for each in made.all("Job") if each.name.startswith("portus-migration-2.4")]
        (rule,) = job.spec["podFailurePolicy"]["rules"]
        assert rule["onExitCodes"]["values"] == [3]
        migrate = {each["name"]: each.get("value") for each in job.containers[1]["env"]}
        assert (migrate["NEWEST"], migrate["ACCEPT_NEWER"]) == (NEWEST_MIGRATIONS[PortusVersion.V2_4], said)
