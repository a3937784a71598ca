"""The command line: one list of commands, the same options everywhere, and a usage error is one line with its fix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.__main__ import OWN
from lab.__main__ import main as lab
from ops import cli
from ops.__main__ import main as ops
from ops.commands import MODULES, OLD_NAMES
from ops.environment import Environment, Operator
from ops.errors import OpsError
from ops.paths import ROOT

HEAVY = ("kubernetes", "rich", "pymysql", "httpx", "pulumi", "cryptography")
"""What takes longer to import than a command's help may take."""


@pytest.mark.parametrize("name", [name for name in MODULES if name not in {"adopt", "new-stack"}])
def test_a_commands_help_says_what_it_does_and_names_the_options_that_all_have(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert "--stack" in said
    assert "--kubeconfig" in said


@pytest.mark.parametrize("words", [(), ("adopt",), ("cluster",), ("images",)])
def test_a_list_of_commands_shows_each_purpose_whole(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    lab([*words, "--help"])
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ") and line.endswith("...")] == []


def test_help_is_there_at_once() -> None:
    ask = f"import sys, ops.__main__ as o; o.main(['doctor', '--help']); print(sorted(set({HEAVY}) & sys.modules.keys()))"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", "imported for a help text"
    assert time.monotonic() - began < 10, "seconds mean that it waits for something"


@pytest.mark.parametrize("module", ["components.settings.load", "ops.__main__", "lab.__main__"])
def test_an_older_python_is_refused_in_one_line_before_any_other_import(module: str) -> None:
    program = f"import sys; sys.version_info = (3, 10, 12); sys.version = '3.10.12 (main)'; import {module}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == "error: Python must be 3.11 or later, and is 3.10.12. fix: make .venv again with a later one\n"
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["docter"], "there is no command 'docter': did you mean 'doctor'?"),
        (["xyz"], "there is no command 'xyz': it must be one of up, preview, "),
        (["doctor", "--stack", "prod", "--pish"], "No such option '--pish'. Did you mean '--push'?"),
        (["gc", "--stack", "prod", "--confirm", "maybe"], "'maybe' is not one of 'yes', 'no'."),
        (["export", "--stack", "prod"], "--dir must be set: New folder to write to (make: DIR=...). fix: add --dir ..."),
        (["import-database", "--stack", "prod"], "--dump must be set: File of mariadb-dump or mysqldump, gzip or not. fix: add --dump ..."),
        (["doctor"], "--stack must name a stack. fix: python -m ops doctor --stack prod"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_where_its_options_are(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ops(words) == cli.USAGE
    problem, where = capsys.readouterr().err.splitlines()
    assert problem.startswith("error: ")
    assert told in problem
    assert where.strip().startswith("Options: python -m ops")


@pytest.mark.parametrize("program", [ops, lab])
def test_an_empty_stack_never_means_the_default(program: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> None:
    """As an unset variable of a pipeline gives it: make down STACK=$ENVIRONMENT."""
    assert program(["doctor", "--stack", ""]) == cli.USAGE
    assert "--stack must name a stack" in capsys.readouterr().err


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_a_previous_name_still_works(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops([old, "--help"]) == 0
    former = capsys.readouterr().out
    assert ops([new, "--help"]) == 0
    assert former.splitlines()[2:] == capsys.readouterr().out.splitlines()[2:]


def test_the_lab_passes_every_command_of_the_operators_through() -> None:
    for name in (*MODULES, *OWN):
        assert lab([name, "--help"]) == 0


def test_the_labs_kubectl_gets_every_word_and_its_code_is_the_commands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "kubectl"
    program.write_text('#!/bin/sh\necho "$@"\nexit 3\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("lab.cluster.kubectl_program", lambda: program)
    assert lab(["cluster", "kubectl", "get", "pods", "--all-namespaces", "--help"]) == 3
    assert capfd.readouterr().out == "get pods --all-namespaces --help\n"


def test_a_stack_is_looked_for_with_the_operators_own_tools(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert ops(["outputs", "--stack", "prod"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "the kubeconfig must be set. fix: --kubeconfig FILE (make: KUBECONFIG=FILE)" in told
    assert ops(["backup", "--stack", "nope"]) == 1
    assert "there is no stack 'nope' (no stacks/Pulumi.nope.yaml)" in " ".join(capsys.readouterr().err.split())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ops(["outputs", "--stack", "prod", "--kubeconfig", str(tmp_path / "config")]) == 1
    assert "pulumi is not on PATH" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["v3.243.9", "v4.0.0", "none"])
def test_an_unsuitable_pulumi_is_refused_with_the_oldest_that_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
    pulumi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(OpsError, match=r"must be 3\.244\.0 or later"):
        Operator().engine("prod")


def test_a_commands_answer_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_stack: str, _: Environment) -> int:
        """Fail."""
        return 3

    group = cli.Commands(modules={"failing": "made"}, old_names={})
    monkeypatch.setitem(sys.modules, "made", type(sys)("made"))
    sys.modules["made"].COMMANDS = {"failing": cli.command_of(failing)}  # type: ignore[attr-defined]
    assert cli.run(group, cli.Program(name="test", environment=Operator), ["failing", "--stack", "x"]) == 3


# A value of `make` reaches its program as it was written: no shell takes it apart.


ODD = 'it\'s "a" ; touch made `touch made` & b'
SHOW = "import json, sys; print(json.dumps(sys.argv[1:]))"


def _program(folder: Path, text: str) -> Path:
    """Return a program for ``RUN``, in a folder in which make looks for what the virtualenv is made of."""
    for needed in ("requirements.txt", "requirements-ops.txt", "requirements-dev.txt"):
        (folder / needed).touch()
    program = folder / "program"
    program.write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("target", "values", "given"),
    [
        ("up", {"STACK": ODD}, ["up", "--stack", ODD]),
        ("render", {"STACK": "prod", "DIR": ODD}, ["render", "--stack", "prod", "--dir", ODD]),
        ("export", {"STACK": "prod", "DIR": ODD}, ["export", "--stack", "prod", "--dir", ODD]),
        ("restore", {"STACK": "prod", "DUMP": ODD, "SAFETY": ODD}, ["restore", "--stack", "prod", "--dump", ODD, "--safety", ODD]),
        ("collect", {"CONFIRM": ODD, "UNTAGGED": ODD}, ["collect", "--stack", "lab", "--confirm", ODD, "--untagged", ODD]),
        ("replay", {"RECORDINGS": ODD, "VERSION": ODD}, ["replay", ODD, "--version", ODD]),
        ("bench", {"JSON": ODD}, ["bench", "--json", ODD]),
    ],
)
def test_a_value_with_spaces_and_quotes_is_one_argument(tmp_path: Path, target: str, values: dict[str, str], given: list[str]) -> None:
    program = _program(tmp_path, SHOW)
    words = [f"{name}={value}" for name, value in values.items()]
    command = ["make", "--silent", "-f", str(ROOT / "Makefile"), target, f"RUN={program}", f"READY={program}", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[2:] == given
    assert not (tmp_path / "made").exists()


def test_a_variable_that_is_not_set_is_in_no_programs_environment(tmp_path: Path) -> None:
    """An empty ``NAME`` would win over that of a ``.env`` file, which `ops adopt` reads."""
    program = _program(tmp_path, "import json, os; print(json.dumps(dict(os.environ)))")
    command = ["make", "--silent", "-f", str(ROOT / "Makefile"), "bench", f"RUN={program}", f"READY={program}", "DIR=there"]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert (found["DIR"], found["STACK"]) == ("there", "lab")
    assert not {"NAME", "DUMP", "VERSION", "KUBECONFIG"} & found.keys()


@pytest.mark.parametrize("name", ["stack", "Stack", "dump", "yes"])
def test_a_variable_in_small_letters_is_refused(tmp_path: Path, name: str) -> None:
    """Otherwise ``make down stack=prod`` removes the default stack."""
    program = _program(tmp_path, SHOW)
    command = ["make", "--silent", "-f", str(ROOT / "Makefile"), "down", f"RUN={program}", f"READY={program}", f"{name}=prod"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"write {name.upper()}=... in capitals" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("given", [["STACK="], []], ids=["argument", "environment"])
def test_an_empty_stack_reaches_the_program_as_empty(tmp_path: Path, given: list[str]) -> None:
    program = _program(tmp_path, SHOW)
    command = ["make", "--silent", "-f", str(ROOT / "Makefile"), "down", f"RUN={program}", f"READY={program}", *given]
    done = subprocess.run(command, env=os.environ | {"STACK": ""}, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[2:] == ["down", "--stack", ""]


PULUMI = """#!/bin/sh
case "$1 $2" in
  'version ') echo v3.259.0 ;;
  'stack output') echo '{"namespace": "portus", "portus_url": "https://p", "registry_host": "r", "versions": {"portus": "2.5"},' \\
    '"ca_certificate": "", "administrator_secret": {"name": "a", "key": "b"}}' ;;
  'stack export') echo '{"deployment": {}}' ;;
esac
"""
OPTIONS = {"down": ["--yes"], "restore": ["--dump", "x"], "reset-password": ["--user", "joe", "--generate"], "up": ["--yes"]}
ASKING = [name for name in MODULES if name not in {"adopt", "new-stack", "outputs", "replace-secrets", "import-database"}]
"""The commands that ask the cluster, before anything else that may be wrong."""


@pytest.fixture
def own_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stack that is deployed, with a pulumi and a skopeo that do nothing."""
    for name, text in (("pulumi", PULUMI), ("skopeo", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://backend.example.com")


@pytest.mark.parametrize("text", ["", "hello\n", '{"a": 1}', "contexts: []\n"], ids=["empty", "text", "JSON", "no context"])
@pytest.mark.parametrize("name", ASKING)
@pytest.mark.usefixtures("own_tools")
def test_every_command_tells_a_broken_kubeconfig_in_one_line_with_its_fix(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text, encoding="utf-8")
    options = ["--dir", str(tmp_path / "new")] if name == "export" else OPTIONS.get(name, [])
    assert ops([name, "--stack", "prod", "--kubeconfig", str(file), *options]) == 1
    captured = capsys.readouterr()
    told = " ".join((captured.out if name == "doctor" else captured.err).split())
    assert f"the kubeconfig {file} cannot be used: it " in told
    assert "write it again with the program that made it, or name another kubeconfig: KUBECONFIG=..." in told
    assert "Traceback" not in captured.err


def test_adoption_reads_a_list_of_kubeconfigs_and_tells_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: portus\n", encoding="utf-8")
    (tmp_path / "one").write_text("hello\n", encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{tmp_path / 'one'}")
    with pytest.raises(SystemExit):
        ops(["adopt", "kubernetes", "--stack", "new", "--dir", str(tmp_path)])
    told = " ".join(capsys.readouterr().err.split())
    assert f"the kubeconfig {tmp_path / 'one'} cannot be used: it must have contexts, clusters and users, and is plain text." in told
    assert "fix: write it again with the program that made it" in told
