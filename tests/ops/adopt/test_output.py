"""What is written: the secrets' way into the stack file, the plan, and nothing over what is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from ops.adopt.commands import adopt
from ops.paths import ROOT
from tests.ops.adopt import support

LDAP = support.COMPOSE / "ldap-inside" / "docker-compose.yml"
SECRET = "portus.config.ldap.authentication.password"


def fake_pulumi(folder: Path, script: str) -> dict[str, str]:
    """Return an environment whose pulumi is ``script``."""
    folder.mkdir(exist_ok=True)
    program = folder / "pulumi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{support.ENVIRONMENT['PATH']}"}


def project(tmp_path: Path) -> Path:
    """Return a program's folder."""
    return support.program(tmp_path / "program")


def test_pulumi_gets_each_secret_by_its_standard_input_and_never_as_an_argument(tmp_path: Path) -> None:
    folder = project(tmp_path)
    env = fake_pulumi(tmp_path / "bin", 'echo "$@" >> "$0.args"; cat >> "$0.stdin"')
    result = support.run("compose", "--file", LDAP, "--stack", "prod", "--dir", folder, env=env)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "bin" / "pulumi.stdin").read_text() == "zebra-ldap"
    arguments = (tmp_path / "bin" / "pulumi.args").read_text()
    assert arguments.strip() == f"config set --non-interactive --stack prod --secret --path portus:{SECRET}"
    assert f"Encrypted in the stack file: `portus:{SECRET}`" in (folder / "adopt-prod" / "report.md").read_text()


def test_a_pulumi_that_refuses_leaves_the_commands_in_the_report(tmp_path: Path) -> None:
    folder = project(tmp_path)
    env = fake_pulumi(tmp_path / "bin", 'echo "error: no stack named prod" >&2; exit 1')
    result = support.run("compose", "--file", LDAP, "--stack", "prod", "--dir", folder, env=env)
    assert result.exit_code == 0
    report = (folder / "adopt-prod" / "report.md").read_text()
    assert "no stack named prod" in report
    assert "pulumi stack select --create prod" in report
    assert f"pulumi config set --stack prod --secret --path portus:{SECRET}" in report


def test_a_secret_that_pulumi_repeats_does_not_reach_the_report(tmp_path: Path) -> None:
    folder = project(tmp_path)
    env = fake_pulumi(tmp_path / "bin", 'echo "error: $(cat)" >&2; exit 1')
    support.run("compose", "--file", LDAP, "--stack", "prod", "--dir", folder, env=env)
    assert "zebra" not in (folder / "adopt-prod" / "report.md").read_text()


def test_the_command_in_the_report_prints_that_secret_alone_and_writes_nothing(tmp_path: Path) -> None:
    result = support.run(
        "compose",
        "--file",
        LDAP,
        "--stack",
        "prod",
        "--dir",
        support.program(tmp_path / "new"),
        "--secret",
        SECRET,
        env=support.ENVIRONMENT,
    )
    assert result.output == "zebra-ldap"
    assert support.is_unchanged(tmp_path / "new")


def test_an_unknown_secret_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    result = support.run(
        "compose", "--file", LDAP, "--stack", "prod", "--dir", support.program(tmp_path), "--secret", "x", env=support.ENVIRONMENT
    )
    assert result.exit_code == 1
    assert SECRET in result.output


def test_the_plan_has_every_step_in_order_with_its_commands(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    plan = (tmp_path / "adopt-prod" / "plan.md").read_text()
    steps = ["Prepare", "Freeze", "Database", "Blobs", "Check", "DNS", "The way back", "Afterwards"]
    places = [plan.index(f". {step}") for step in steps]
    assert places == sorted(places)
    commands = ["exec -T store sh -c", "| gzip > portus.sql.gz", "import-database --stack prod", "make check STACK=prod", "stop jobs"]
    commands += ["pulumi stack select --create prod", "ops check-images --stack prod", "export KUBECONFIG="]
    commands += ["exec -T images tar -C /var/lib/registry", f"-f {tmp_path}/adopt-prod/freeze.yml up -d --no-deps images"]
    for command in commands:
        assert command in plan, command


def test_the_freeze_makes_the_old_registry_read_only(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    frozen = yaml.safe_load((tmp_path / "adopt-prod" / "freeze.yml").read_text())
    value = frozen["services"]["images"]["environment"]["REGISTRY_STORAGE_MAINTENANCE_READONLY"]
    assert yaml.safe_load(value) == {"enabled": True}


def test_the_freeze_has_the_form_of_the_file_that_it_is_merged_with(tmp_path: Path) -> None:
    file = support.COMPOSE / "version-1-own-image" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "old", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    assert set(yaml.safe_load((tmp_path / "adopt-old" / "freeze.yml").read_text())) == {"images"}
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "new", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    assert yaml.safe_load((tmp_path / "adopt-new" / "freeze.yml").read_text())["version"] == "2"


def test_the_plan_quotes_a_path_with_a_space(tmp_path: Path) -> None:
    folder = tmp_path / "old portus"
    shutil.copytree(support.COMPOSE / "tls-and-nginx", folder)
    support.run(
        "compose", "--file", folder / "docker-compose.yml", "--stack", "prod", "--dir", support.program(tmp_path), env=support.ENVIRONMENT
    )
    assert f"docker compose -f '{folder}/docker-compose.yml' exec" in (tmp_path / "adopt-prod" / "plan.md").read_text()


@pytest.mark.parametrize("option", ["--host", "--registry-host"])
@pytest.mark.parametrize("text", ["192.0.2.1", "https://portus.team.test", "portus.team.test:5000", "portus", "a b.test"])
def test_a_host_that_cannot_be_a_public_name_is_refused(option: str, text: str, tmp_path: Path) -> None:
    result = support.run("compose", "--file", LDAP, "--stack", "prod", "--dir", support.program(tmp_path / "new"), option, text)
    assert result.exit_code == 1
    assert option in result.output
    assert support.is_unchanged(tmp_path / "new")


@pytest.mark.parametrize("shape", ["s3-certbot", "bare", "clair-redis-external", "apache-2-2"])
def test_the_plan_of_every_kind_of_source_is_written(shape: str, tmp_path: Path) -> None:
    file = support.COMPOSE / shape / "docker-compose.yml"
    assert (
        support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path), env=support.ENVIRONMENT).exit_code
        == 0
    )
    plan = (tmp_path / "adopt-prod" / "plan.md").read_text()
    assert ("the same s3 store" in plan) == (shape == "s3-certbot")
    assert ("hidden user" in plan) == (shape == "apache-2-2")


def test_every_command_has_its_help() -> None:
    for command in adopt.commands:
        assert support.run(command, "--help").exit_code == 0


def test_until_dns_the_machine_of_the_plan_reaches_the_stack_and_not_the_old_portus(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "hub", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    plan = (tmp_path / "adopt-hub" / "plan.md").read_text()
    host = yaml.safe_load((tmp_path / "stacks" / "Pulumi.hub.yaml").read_text())["config"]["portus:host"]
    order = [
        "pulumi up --stack hub",
        "get service edge-public",
        f"{host} ",
        "sudo tee -a /etc/hosts",
        "make doctor",
        ". DNS",
        "sudo sed -i '/# adopt-hub$/d'",
    ]
    places, after = [], 0
    for words in order:
        after = plan.index(words, after)
        places.append(after)
    assert places == sorted(places)
    assert "doctor" not in plan[: plan.index("tee -a /etc/hosts")].replace("`make doctor`", "")


def test_an_address_that_is_not_there_yet_writes_no_line(tmp_path: Path) -> None:
    """A line without an address would take the names away from this machine."""
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "hub", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    (line,) = [each for each in (tmp_path / "adopt-hub" / "plan.md").read_text().splitlines() if "tee -a /etc/hosts" in each]
    line = line.replace("sudo tee -a /etc/hosts", "cat")
    without, with_it = (
        subprocess.run(["bash", "-c", f"ADDRESS={address}; {line}"], capture_output=True, text=True, check=False).stdout
        for address in ("", "192.0.2.7")
    )
    assert without == ""
    assert with_it.startswith("192.0.2.7 ")
    assert with_it.endswith("# adopt-hub\n")


@pytest.mark.parametrize(("command", "shape"), [("helm", "kubic-node-port-name"), ("helm", "kubic-ingress-ldap")])
def test_a_stack_without_an_address_of_its_own_until_dns_is_reached_by_a_forwarded_port(command: str, shape: str, tmp_path: Path) -> None:
    file = support.HELM / f"{shape}.yaml"
    support.run(command, "--values", file, "--stack", "hub", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    plan = (tmp_path / "adopt-hub" / "plan.md").read_text()
    assert "ADDRESS=127.0.0.1\nADDRESS=$(getent" in plan
    assert "port-forward service/edge-public" in plan


def test_the_blobs_are_measured_and_the_name_is_asked_before_the_claim_is_made(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "hub", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    plan = (tmp_path / "adopt-hub" / "plan.md").read_text()
    deployed = plan.index("pulumi up")
    assert plan.index("exec -T images du -sh /var/lib/registry") < deployed
    assert plan.index("external_hostname") < deployed
    assert "du -sh" not in plan[deployed:]


ELSEWHERE = """\
services:
  web: {image: opensuse/portus:2.5, environment: {PORTUS_MACHINE_FQDN_VALUE: portus.team.test}}
  images:
    image: registry:2
    volumes: ["/srv/blobs:/data", "./config.yml:/etc/docker/registry/config.yml:ro"]
"""
IN_A_SWARM = """\
services:
  web:
    image: opensuse/portus:2.5
    environment: {PORTUS_MACHINE_FQDN_VALUE: portus.team.test}
    deploy: {placement: {constraints: [node.role == worker]}}
  jobs: {image: opensuse/portus:2.5, environment: {PORTUS_BACKGROUND: "true"}}
  store: {image: mariadb:10.3, environment: {MYSQL_ROOT_PASSWORD: zebra}}
  images: {image: registry:2}
"""


@pytest.mark.parametrize(
    ("variables", "login"),
    [
        ("{MYSQL_ROOT_PASSWORD: zebra}", ('MYSQL_PWD="$MYSQL_ROOT_PASSWORD"', "-uroot")),
        ("{MARIADB_ROOT_PASSWORD_FILE: /run/secrets/x}", ('MYSQL_PWD="$(cat "$MARIADB_ROOT_PASSWORD_FILE")"', "-uroot")),
        ("{MYSQL_RANDOM_ROOT_PASSWORD: 1, MYSQL_USER: a, MYSQL_PASSWORD: zebra}", ('MYSQL_PWD="$MYSQL_PASSWORD"', '-u"$MYSQL_USER"')),
    ],
)
def test_the_dump_of_the_plan_uses_the_account_that_the_old_container_knows(variables: str, login: tuple[str, str], tmp_path: Path) -> None:
    file = support.lay(tmp_path / "old", {"docker-compose.yml": IN_A_SWARM.replace("{MYSQL_ROOT_PASSWORD: zebra}", variables)})
    plan = support.results(tmp_path / "new", "compose", "--file", file)["plan.md"]
    lines = [line for line in plan.splitlines() if "exec $(command -v mariadb" in line]
    assert len(lines) == 3
    assert [line for line in lines if not all(part in line for part in login)] == []


def test_the_plan_for_a_swarm_has_commands_of_swarm_alone(tmp_path: Path) -> None:
    file = support.lay(
        tmp_path / "old", {"docker-compose.yml": IN_A_SWARM.replace("registry:2", "registry:2, volumes: [blobs:/var/lib/registry]")}
    )
    (tmp_path / "old" / "docker-compose.yml").open("a").write("volumes: {blobs: {}}\n")
    written = support.results(tmp_path / "new", "compose", "--file", file, "--swarm", "hub")
    plan = written["plan.md"]
    container = 'docker exec -i "$(docker ps -q -f label=com.docker.swarm.service.name=hub_{} | head -n 1)"'
    for part in (
        f"{container.format('store')} sh -c",
        f"{container.format('images')} tar -C /var/lib/registry -cf -",
        "docker service update --env-add 'REGISTRY_STORAGE_MAINTENANCE_READONLY={enabled: true}' hub_images\n",
        "docker service scale hub_jobs=0\n",
        "docker service update --env-rm REGISTRY_STORAGE_MAINTENANCE_READONLY hub_images\ndocker service scale hub_jobs=1\n",
        "docker service ps -f desired-state=running hub_store",
    ):
        assert part in plan, part
    assert "docker compose" not in plan
    assert "freeze.yml" not in written
    assert "Swarm" not in written["report.md"]


def test_a_registry_of_a_swarm_without_a_volume_is_never_restarted_by_the_plan(tmp_path: Path) -> None:
    file = support.lay(tmp_path / "old", {"docker-compose.yml": IN_A_SWARM})
    plan = support.results(tmp_path / "new", "compose", "--file", file, "--swarm", "hub")["plan.md"]
    assert "each new task loses the images" in plan
    assert "docker service update" not in plan


@pytest.mark.parametrize(("text", "sign"), [
    (IN_A_SWARM, "services.web.deploy.placement"),
    ("services: {web: {image: opensuse/portus:2.5, secrets: [key]}}\nsecrets: {key: {external: true}}\n", "secrets.key"),
])  # fmt: skip
def test_a_file_that_a_swarm_may_run_is_asked_for_the_stack(text: str, sign: str, tmp_path: Path) -> None:
    findings = support.adopted(support.lay(tmp_path, {"docker-compose.yml": text}))
    assert [question for question in findings.questions if sign in question and "--swarm" in question]
    assert not [question for question in support.adopted("tls-and-nginx").questions if "Swarm" in question]


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({"docker-compose.override.yml": ""}, "docker-compose.override.yml"),
        ({"prod.yml": "", ".env": "COMPOSE_FILE=docker-compose.yml:prod.yml\n"}, "prod.yml"),
        ({"prod.yml": "", ".env": "COMPOSE_FILE=docker-compose.yml\n"}, ""),
        ({"other.override.yml": ""}, ""),
    ],
)
def test_a_file_that_compose_merges_by_itself_is_asked(more: dict[str, str], asked: str, tmp_path: Path) -> None:
    file = support.lay(tmp_path, {"docker-compose.yml": IN_A_SWARM, **more})
    questions = [question for question in support.adopted(file).questions if question.startswith("Compose merges")]
    assert len(questions) == bool(asked)
    assert [question for question in questions if asked not in question] == []


def test_a_file_that_is_given_is_not_asked(tmp_path: Path) -> None:
    file = support.lay(tmp_path / "old", {"docker-compose.yml": IN_A_SWARM, "docker-compose.override.yml": "services: {}\n"})
    words = ("--file", file, "--file", file.with_name("docker-compose.override.yml"))
    assert "Compose merges" not in support.results(tmp_path / "new", "compose", *words)["report.md"]


def test_the_plan_names_the_variables_that_the_compose_file_takes_from_the_shell(tmp_path: Path) -> None:
    text = IN_A_SWARM.replace("portus.team.test", "'${NAME}'").replace("{MYSQL_ROOT_PASSWORD: zebra}", "[MYSQL_ROOT_PASSWORD]")
    file = support.lay(tmp_path / "old", {"docker-compose.yml": text, ".env": "OTHER=x\n"})
    env = {**support.ENVIRONMENT, "NAME": "portus.team.test", "MYSQL_ROOT_PASSWORD": "zebra", "OTHER": "y"}
    result = support.run("compose", "--file", file, "--stack", "prod", "--dir", project(tmp_path), env=env)
    assert result.exit_code == 0, result.output
    plan = (tmp_path / "program" / "adopt-prod" / "plan.md").read_text()
    assert "export MYSQL_ROOT_PASSWORD=... NAME=...\n" in plan
    assert "zebra" not in plan
    assert (
        "takes variables from the shell"
        not in support.results(tmp_path / "new", "compose", "--file", support.COMPOSE / "anchors" / "docker-compose.yml")["plan.md"]
    )


def test_pwd_is_the_folder_of_the_compose_file_here_and_in_the_plan(tmp_path: Path) -> None:
    text = ELSEWHERE.replace("./config.yml", "$PWD/config.yml").replace("/srv/blobs", "${PWD}/blobs")
    config = "version: 0.1\nstorage:\n  delete:\n    enabled: true\n"
    file = support.lay(tmp_path / "old", {"docker-compose.yml": text, "config.yml": config})
    plan = support.results(tmp_path / "new", "compose", "--file", file)["plan.md"]
    commands = [line for line in plan.splitlines() if "docker compose -f" in line]
    assert commands
    assert [line for line in commands if f"PWD={tmp_path}/old docker compose -f" not in line] == []


@pytest.mark.parametrize(
    ("variables", "folder"), [("", "/data/images"), ("    environment: {REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data}\n", "/data")]
)
def test_the_blobs_are_copied_from_the_folder_that_the_old_registry_is_configured_to_use(
    variables: str, folder: str, tmp_path: Path
) -> None:
    config = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /data/images\n"
    file = support.lay(tmp_path / "old", {"docker-compose.yml": ELSEWHERE + variables, "config.yml": config})
    assert "copies them" in support.of(support.adopted(file), "services.images.volumes[0]").text
    plan = support.results(tmp_path / "new", "compose", "--file", file)["plan.md"]
    assert f"images tar -C {folder} -cf - docker" in plan
    assert f"images du -sh {folder}" in plan


def test_images_are_copied_one_by_one_only_where_the_two_registries_have_two_names(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    folder = support.program(tmp_path)
    support.run("compose", "--file", file, "--stack", "same", "--dir", folder, env=support.ENVIRONMENT)
    support.run(
        "compose", "--file", file, "--stack", "new", "--dir", folder, "--host", "new.team.test", "--registry-host", "images.team.test"
    )
    assert "skopeo copy" not in (folder / "adopt-same" / "plan.md").read_text()
    assert "skopeo copy" in (folder / "adopt-new" / "plan.md").read_text()


def test_the_commands_of_the_plan_and_of_the_report_run_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(support.COMPOSE / "s3-certbot", tmp_path / "old")
    monkeypatch.chdir(support.program(tmp_path))
    assert support.run("compose", "--file", "old/docker-compose.yml", "--stack", "hub").exit_code == 0
    plan = (tmp_path / "adopt-hub" / "plan.md").read_text()
    compose = f"docker compose -f {tmp_path}/old/docker-compose.yml"
    assert plan.count("docker compose -f ") == plan.count(compose) > 1
    assert f"{compose} -f {tmp_path}/adopt-hub/freeze.yml up" in plan
    assert f"--file {tmp_path}/old/docker-compose.yml" in (tmp_path / "adopt-hub" / "report.md").read_text()


def test_the_dump_of_the_plan_never_gets_into_git(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "hub", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    (dump,) = set(re.findall(r"gzip > (\S+)", (tmp_path / "adopt-hub" / "plan.md").read_text()))
    assert any(fnmatch(f"/{dump}", line) for line in (ROOT / ".gitignore").read_text().splitlines())


def test_the_number_of_decisions_and_each_written_file_are_reported(tmp_path: Path) -> None:
    file = support.COMPOSE / "ldap-clear-misspelt" / "docker-compose.yml"
    result = support.run("compose", "--file", file, "--stack", "hub", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    report = (tmp_path / "adopt-hub" / "report.md").read_text()
    section = report.split("\n## Decisions", 1)[1].split("\n## ", 1)[0]
    count = len(re.findall("^- ", section, re.MULTILINE))
    assert section.startswith(f": {count}\n")
    assert re.findall(r"(\d+) decisions|needs a decision", result.output) == [str(count)]
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "Pulumi.yaml"]
    assert [path for path in written if str(path) not in result.output] == []
    assert len(written) == 4


def test_the_answer_that_the_report_prescribes_is_one_that_is_accepted(tmp_path: Path) -> None:
    file = support.lay(tmp_path / "old", {"docker-compose.yml": "services:\n  web: {image: 'opensuse/portus:2.4'}\n"})
    words = ("compose", "--file", file, "--stack", "hub", "--dir", support.program(tmp_path))
    assert support.run(*words).exit_code == 0
    said = (tmp_path / "adopt-hub" / "report.md").read_text()
    fix = "write portus:host into the stack file, or delete the stack file and the folder of this report, and run this again with --host"
    assert fix in said
    assert support.run(*words, "--host", "portus.team.test").exit_code == 1
    (tmp_path / "stacks" / "Pulumi.hub.yaml").unlink()
    shutil.rmtree(tmp_path / "adopt-hub")
    assert support.run(*words, "--host", "portus.team.test").exit_code == 0
