"""What every container of Portus has beside its image: a locale, a way to rake, probes and a stop command that know its process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.common.pods import SecretKey
from components.common.versions import PortusVersion
from components.portus.image_family import image_family
from components.portus.inputs import Role
from components.portus.pod import CONTAINER, PIDS, TOOLS, UNBUFFERED, running_command, signal_command, tools
from components.portus.puma import BACKGROUND, SERVER
from components.portus.settings_text import as_document
from components.settings.rules.portus_config import is_mangled
from tests.components.portus.stage import environment, stack_of
from tests.components.rendered import of_version, variable, volume
from tests.recorder import Program, Registered

PUMA = ("2.3", "2.4", "2.5")
APACHE = ("2.1", "2.2")


def _workload(made: Program, component: str) -> Registered:
    return next(each for each in made.workloads() if each.template["metadata"]["labels"]["app.kubernetes.io/component"] == component)


@pytest.mark.parametrize("version", [*APACHE, *PUMA])
def test_every_container_of_portus_reads_its_texts_as_utf_8(version: str) -> None:
    made = of_version(version)
    containers = [each for workload in (*made.workloads(), *made.all("Job")) for each in workload.pod["containers"]]
    containers += [each for workload in made.all("Job") for each in workload.pod.get("initContainers") or ()]
    images = {_workload(made, "web").containers[0]["image"]}
    found = [each for each in containers if each["image"] in images]
    assert len(found) >= 2
    for each in found:
        assert {"name": "LANG", "value": "C.UTF-8"} in each["env"]


@pytest.mark.parametrize(("version", "rake"), [("2.2", "portusctl rake"), ("2.3", "portusctl rake"), ("2.5", "portusctl exec rake")])
def test_web_and_worker_have_the_tool_for_rake(version: str, rake: str) -> None:
    made = of_version(version)
    for component in ("web", *(("worker",) if version in PUMA else ())):
        workload = _workload(made, component)
        assert volume(workload, "tools")["configMap"]["defaultMode"] == 0o555
        assert {"name": "tools", "mountPath": TOOLS, "readOnly": True} in workload.containers[0]["volumeMounts"]
    (held,) = [each for each in made.all("ConfigMap") if "rake" in each.inputs["data"]]
    assert held.inputs["data"]["rake"].endswith(f'exec {rake} "$@"\n')


@pytest.mark.parametrize("version", PUMA)
def test_the_web_may_start_for_ten_minutes_and_pulumi_waits_longer(version: str) -> None:
    for component in ("web", "worker"):
        workload = _workload(of_version(version), component)
        startup = workload.containers[0]["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] == 600
        assert workload.spec["progressDeadlineSeconds"] > 600


def test_an_apache_may_start_for_ten_minutes_too() -> None:
    startup = _workload(of_version("2.2"), "web").containers[0]["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 600


@pytest.mark.parametrize("version", PUMA)
def test_a_worker_is_ready_once_it_has_booted_and_restarts_when_its_process_is_gone(version: str) -> None:
    container = _workload(of_version(version), "worker").containers[0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert tuple(container[probe]["exec"]["command"]) == running_command(BACKGROUND)
    assert container["livenessProbe"]["periodSeconds"] * container["livenessProbe"]["failureThreshold"] == 60


@pytest.mark.parametrize("version", PUMA)
def test_each_stop_command_names_its_own_server(version: str) -> None:
    made = of_version(version)
    for component, title, seconds in (("web", SERVER, 5), ("worker", BACKGROUND, 0)):
        workload = _workload(made, component)
        command = workload.containers[0]["lifecycle"]["preStop"]["exec"]["command"]
        assert tuple(command) == signal_command(title, seconds)
        assert workload.pod["terminationGracePeriodSeconds"] > seconds


def test_the_2_5_workers_log_is_written_line_by_line() -> None:
    assert variable(_workload(of_version("2.5"), "worker"), "RUBYOPT") == f"-r{UNBUFFERED}"
    assert "$stdout.sync = true" in tools(("rake",))[Path(UNBUFFERED).name]


def test_only_processes_whose_command_line_begins_so_are_named() -> None:
    title = f"puma 3.12.1 (test {os.getpid()})"  # of this run: another one may look at the same time
    sleeps = "import time; time.sleep(60)"
    named, other = (
        subprocess.Popen([name, "-c", sleeps, *more], executable=sys.executable)
        for name, more in ((title, ()), ("portusctl", ("exec", title)))
    )
    try:
        end = time.monotonic() + 10
        while not (found := _pids(title)) and time.monotonic() < end:
            pass
        assert found == [str(named.pid)]
        assert str(other.pid) not in found
    finally:
        for each in (named, other):
            each.kill()
            each.wait()
    assert _pids(title) == []


@pytest.mark.parametrize("version", [*APACHE, *PUMA])
def test_a_server_serves_for_five_more_seconds_and_then_it_alone_gets_the_signal(version: str) -> None:
    """Its Service must have left it by then. A signal to all ends portusctl, then the requests in flight (portus-images.md, Start)."""
    web = image_family(PortusVersion(version)).stop_command(Role.WEB)
    assert web[:2] == ("/bin/sh", "-c")
    assert web[2].startswith("sleep 5")
    assert ("puma " in web[2]) is (version in PUMA), "Apache ends its requests by itself"


def test_the_stop_command_ends_the_server_by_sigterm_and_leaves_its_parent_alone() -> None:
    title = f"puma 3.12.1 (stopped {os.getpid()})"
    shell, option, script = signal_command(title[:-1], 0)
    named, other = (
        subprocess.Popen([name, "-c", "import time; time.sleep(60)", *more], executable=sys.executable)
        for name, more in ((title, ()), ("portusctl", ("exec", title)))
    )
    try:
        end = time.monotonic() + 10
        while _pids(title) != [str(named.pid)] and time.monotonic() < end:
            pass
        subprocess.run([shell, option, script.replace(PIDS, str(CONTAINER / Path(PIDS).name))], check=True)
        assert named.wait(10) == -signal.SIGTERM
        assert other.poll() is None
    finally:
        for each in (named, other):
            each.kill()
            each.wait()


def _pids(title: str) -> list[str]:
    return subprocess.run(["/bin/sh", CONTAINER / Path(PIDS).name, title], capture_output=True, text=True, check=True).stdout.split()


# Portus' own settings reach it under its own names, whole, and its secrets never in clear.


MAIL = {"from": "portus@example.com", "smtp": {"enabled": True, "address": "smtp.example.com"}}
ACCOUNT = {**MAIL, "smtp": {**MAIL["smtp"], "user_name": "portus", "password": "mail-secret"}}  # type: ignore[dict-item]


def document(version: str, config: dict[str, Any]) -> dict[str, Any]:
    return dict(yaml.safe_load(as_document(stack_of(version, config)).text))


def test_a_setting_is_named_by_its_path() -> None:
    found = environment(
        "2.5",
        {"ldap": {"enabled": False, "encryption": {"options": {"ca_file": "/certificates/portus-stack-ca.crt"}, "method": "start_tls"}}},
    )
    assert found["PORTUS_LDAP_ENABLED"] == "false"
    assert found["PORTUS_LDAP_ENCRYPTION_OPTIONS_CA_FILE"] == "/certificates/portus-stack-ca.crt"


def test_the_senders_key_is_from_as_in_config_yml() -> None:
    assert environment("2.5", {"email": MAIL})["PORTUS_EMAIL_FROM"] == "portus@example.com"
    assert document("2.2", {"email": ACCOUNT})["email"]["from"] == "portus@example.com"


def test_nothing_unset_and_nothing_empty_is_exported() -> None:
    found = environment("2.5", {})
    assert not [name for name in found if name.startswith(("PORTUS_EMAIL", "PORTUS_LDAP", "PORTUS_OAUTH", "PORTUS_SIGNUP"))]
    assert "" not in found.values()


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3", "2.4", "2.5"])
def test_the_mail_port_is_always_set_if_smtp_is_on(version: str) -> None:
    """Portus ships "587," with a comma."""
    if version >= "2.3":
        assert environment(version, {"email": ACCOUNT})["PORTUS_EMAIL_SMTP_PORT"] == "587"
        assert environment(version, {"email": ACCOUNT})["PORTUS_EMAIL_SMTP_DOMAIN"] == "portus.example.com"
    else:
        assert document(version, {"email": ACCOUNT})["email"]["smtp"]["port"] == 587
        assert document(version, {"email": ACCOUNT})["email"]["smtp"]["domain"] == "portus.example.com"


def test_a_mail_port_that_is_set_stays() -> None:
    assert environment("2.5", {"email": {**MAIL, "smtp": {**MAIL["smtp"], "port": 25}}})["PORTUS_EMAIL_SMTP_PORT"] == "25"  # type: ignore[dict-item]


def test_the_shipped_reply_address_is_replaced_before_2_4() -> None:
    assert environment("2.3", {"email": ACCOUNT})["PORTUS_EMAIL_REPLY_TO"] == "portus@example.com"
    assert "PORTUS_EMAIL_REPLY_TO" not in environment("2.4", {"email": ACCOUNT})


@pytest.mark.parametrize("version", ["2.3", "2.4", "2.5"])
@pytest.mark.parametrize("role", list(Role))
def test_mail_and_directory_passwords_are_read_from_files(version: str, role: Role) -> None:
    ldap = {
        "enabled": True,
        "hostname": "ldap",
        "base": "dc=example",
        "authentication": {"enabled": True, "bind_dn": "cn=p", "password": "dir"},
    }
    found = environment(version, {"email": ACCOUNT, "ldap": ldap}, role)
    assert found["PORTUS_EMAIL_SMTP_PASSWORD_FILE"] == "/run/secrets/portus/email-smtp-password"
    assert found["PORTUS_LDAP_AUTHENTICATION_PASSWORD_FILE"] == "/run/secrets/portus/ldap-authentication-password"
    assert not {"PORTUS_EMAIL_SMTP_PASSWORD", "PORTUS_LDAP_AUTHENTICATION_PASSWORD"} & set(found)


def test_client_secrets_are_references_to_a_secret() -> None:
    oauth = {
        "gitlab": {"enabled": True, "application_id": "abc", "secret": "gitlab-secret"},
        "github": {"enabled": True, "client_id": "abc", "client_secret": {"secret": "github", "key": "secret"}},
    }
    found = environment("2.5", {"oauth": oauth})
    assert found["PORTUS_OAUTH_GITLAB_SECRET"] == SecretKey("own", "oauth-gitlab-secret")
    assert found["PORTUS_OAUTH_GITHUB_CLIENT_SECRET"] == SecretKey("github", "secret")
    assert not [value for value in found.values() if isinstance(value, str) and "gitlab-secret" in value]


def test_web_and_worker_get_the_same_settings() -> None:
    config = {"email": ACCOUNT, "signup": {"enabled": False}, "background": {"sync": {"strategy": "update"}}}
    web, worker = environment("2.5", config), environment("2.5", config, Role.WORKER)
    of_one = {"PORTUS_BACKGROUND", "RAILS_SERVE_STATIC_FILES", "RUBYOPT"}
    different = {name for name in {*web, *worker} if web.get(name) != worker.get(name)}
    assert different - of_one == {name for name in different if name.startswith(("PORTUS_PUMA_", "PORTUS_INIT_REGISTRY_"))}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("version", ["2.3", "2.4", "2.5"])
def test_a_flag_that_counts_when_it_is_not_empty_is_true_or_absent(version: str, role: Role) -> None:
    """PORTUS_BACKGROUND=false is the worker, RAILS_SERVE_STATIC_FILES=false serves (portus-images.md)."""
    found = environment(version, {}, role)
    assert {found.get(flag, "true") for flag in ("PORTUS_BACKGROUND", "RAILS_SERVE_STATIC_FILES")} == {"true"}
    assert ("PORTUS_BACKGROUND" in found) is (role is Role.WORKER)


def test_kubernetes_leaves_every_dollar_where_it_is() -> None:
    found = environment("2.5", {"delete": {"garbage_collector": {"enabled": True, "tag": "^v$$|$(HOME)"}}})
    assert re.sub(r"\$\$", "$", found["PORTUS_DELETE_GARBAGE_COLLECTOR_TAG"]) == "^v$$|$(HOME)"


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_a_file_with_a_secret_is_marked_as_one(version: str) -> None:
    assert as_document(stack_of(version, {"email": ACCOUNT})).secret
    assert document(version, {"email": ACCOUNT})["email"]["smtp"]["password"] == "mail-secret"
    assert not as_document(stack_of(version, {"gravatar": {"enabled": False}})).secret


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_apache_gets_no_setting_by_environment(version: str) -> None:
    found = environment(version, {"email": ACCOUNT, "gravatar": {"enabled": False}})
    assert not [name for name in found if name.startswith(("PORTUS_EMAIL", "PORTUS_GRAVATAR"))]


def test_the_oldest_version_counts_minutes_in_ruby() -> None:
    assert document("2.0", {"jwt_expiration_time": {"value": "15.minutes"}})["jwt_expiration_time"] == {"value": "15.minutes"}


@pytest.mark.parametrize("text", ["0", "12", "-12", "+1", "0x1F", "0X1f", "0b101", "0o17", "017", "0d9", "1_000", " 12 ", "true", "FALSE"])
def test_what_ruby_takes_for_a_number_or_a_truth_value_is_mangled(text: str) -> None:
    assert is_mangled(text)


@pytest.mark.parametrize("text", ["", "0815", "1__0", "_1", "1_", "0x", "0xg", "0b2", "12a", "1.5", "1e5", "yes", "truth", "-"])
def test_what_ruby_leaves_a_text_is_not(text: str) -> None:
    assert not is_mangled(text)
