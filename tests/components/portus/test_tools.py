"""What every container of Portus has beside its image: a locale, a way to rake, probes and a stop command that know its process."""

from __future__ import annotations

import functools
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.common.versions import PortusVersion
from components.portus.generation import generation
from components.portus.inputs import Role
from components.portus.puma import BACKGROUND, SERVER
from components.portus.tools import CONTAINER, PIDS, TOOLS, UNBUFFERED, running_command, signal_command, tools
from tests.components.programs import program, variable, volume
from tests.recorder import Program, Registered

OWN = {"images": {"portus": "registry.example.com/portus:built"}}
PUMA = ("2.3", "2.4", "2.5")
APACHE = ("2.1", "2.2")


@functools.cache
def _made(version: str) -> Program:
    return program(portus={"version": version}, **(OWN if version in APACHE else {}))


def _workload(made: Program, component: str) -> Registered:
    return next(each for each in made.workloads() if each.template["metadata"]["labels"]["app.kubernetes.io/component"] == component)


@pytest.mark.parametrize("version", [*APACHE, *PUMA])
def test_every_container_of_portus_reads_its_texts_as_utf_8(version: str) -> None:
    made = _made(version)
    containers = [each for workload in (*made.workloads(), *made.all("Job")) for each in workload.pod["containers"]]
    containers += [each for workload in made.all("Job") for each in workload.pod.get("initContainers") or ()]
    images = {_workload(made, "web").containers[0]["image"]}
    found = [each for each in containers if each["image"] in images]
    assert len(found) >= 2
    for each in found:
        assert {"name": "LANG", "value": "C.UTF-8"} in each["env"]


@pytest.mark.parametrize(("version", "rake"), [("2.2", "portusctl rake"), ("2.3", "portusctl rake"), ("2.5", "portusctl exec rake")])
def test_web_and_worker_have_the_tool_for_rake(version: str, rake: str) -> None:
    made = _made(version)
    for component in ("web", *(("worker",) if version in PUMA else ())):
        workload = _workload(made, component)
        assert volume(workload, "tools")["configMap"]["defaultMode"] == 0o555
        assert {"name": "tools", "mountPath": TOOLS, "readOnly": True} in workload.containers[0]["volumeMounts"]
    (held,) = [each for each in made.all("ConfigMap") if "rake" in each.inputs["data"]]
    assert held.inputs["data"]["rake"].endswith(f'exec {rake} "$@"\n')


@pytest.mark.parametrize("version", PUMA)
def test_the_web_may_start_for_ten_minutes_and_pulumi_waits_longer(version: str) -> None:
    for component in ("web", "worker"):
        workload = _workload(_made(version), component)
        startup = workload.containers[0]["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] == 600
        assert workload.spec["progressDeadlineSeconds"] > 600


def test_an_apache_may_start_for_ten_minutes_too() -> None:
    startup = _workload(_made("2.2"), "web").containers[0]["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 600


@pytest.mark.parametrize("version", PUMA)
def test_a_worker_is_ready_once_it_has_booted_and_restarts_when_its_process_is_gone(version: str) -> None:
    container = _workload(_made(version), "worker").containers[0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert tuple(container[probe]["exec"]["command"]) == running_command(BACKGROUND)
    assert container["livenessProbe"]["periodSeconds"] * container["livenessProbe"]["failureThreshold"] == 60


@pytest.mark.parametrize("version", PUMA)
def test_each_stop_command_names_its_own_server(version: str) -> None:
    made = _made(version)
    for component, title, seconds in (("web", SERVER, 5), ("worker", BACKGROUND, 0)):
        workload = _workload(made, component)
        command = workload.containers[0]["lifecycle"]["preStop"]["exec"]["command"]
        assert tuple(command) == signal_command(title, seconds)
        assert workload.pod["terminationGracePeriodSeconds"] > seconds


def test_the_2_5_workers_log_is_written_line_by_line() -> None:
    assert variable(_workload(_made("2.5"), "worker"), "RUBYOPT") == f"-r{UNBUFFERED}"
    assert "$stdout.sync = true" in tools(("rake",))[Path(UNBUFFERED).name]


def test_only_processes_whose_command_line_begins_so_are_named() -> None:
    title = "puma 3.12.1 (tests)"
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
def test_a_server_serves_on_for_five_seconds_and_then_only_it_is_told_to_end(version: str) -> None:
    """Its Service must have left it by then. A signal to all ends portusctl, then the requests in flight (portus-images.md, Start)."""
    web = generation(PortusVersion(version)).stop_command(Role.WEB)
    assert web[:2] == ("/bin/sh", "-c")
    assert web[2].startswith("sleep 5")
    assert ("puma " in web[2]) is (version in PUMA), "Apache ends its requests by itself"


def test_the_stop_command_ends_the_server_by_sigterm_and_leaves_its_parent_alone() -> None:
    title = "puma 3.12.1 (stopped)"
    shell, option, script = signal_command("puma 3.12.1 (st", 0)
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
