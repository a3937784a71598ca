"""A value of `make` reaches its program as it was written: no shell takes it apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.paths import ROOT

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
        ("replay", {"RECORDINGS": ODD, "VERSION": ODD}, [ODD, "--version", ODD]),
        ("bench", {"JSON": ODD}, ["--json", ODD]),
    ],
)
def test_a_value_with_spaces_and_quotes_is_one_argument(tmp_path: Path, target: str, values: dict[str, str], given: list[str]) -> None:
    program = _program(tmp_path, SHOW)
    words = [f"{name}={value}" for name, value in values.items()]
    command = ["make", "--silent", "-f", str(ROOT / "Makefile"), target, f"RUN={program}", f"READY={program}", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[2:] == given
    assert not (tmp_path / "made").exists()


def test_a_variable_that_nobody_sets_is_in_no_program_s_environment(tmp_path: Path) -> None:
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
    command = [
        "make",
        "-f",
        str(ROOT / "Makefile"),
        "down",
        f"RUN={_program(tmp_path, SHOW)}",
        f"READY={tmp_path / 'program'}",
        f"{name}=prod",
    ]
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
