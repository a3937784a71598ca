"""A stack file without any settings is one problem."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pulumi
import pytest

from tests.recorder import Program, run_program
from tests.settings.corpus import StackFile

WRITE = "write config:, and below it portus:host, portus:portus and portus:exposure (stacks/ has examples)"


@pytest.mark.parametrize(
    ("text", "key", "line", "fix"),
    [
        ("", "config", 0, f"the file is empty or missing: {WRITE}"),
        ("# nothing\n", "config", 0, f"the file is empty or missing: {WRITE}"),
        ("encryptionsalt: v1:abc\n", "config", 0, WRITE),
        ("config:\n", "config", 1, WRITE),
        ("config: {}\n", "config", 1, WRITE),
        ("confg:\n  portus:host: portus.example.com\n", "confg", 1, "did you mean 'config'?"),
        ("Config:\n  portus:host: portus.example.com\n", "Config", 1, "did you mean 'config'?"),
        (
            "portus:host: portus.example.com\n",
            "config",
            0,
            "write 'config:' above portus:host, and all keys that begin with 'portus:' below it, indented",
        ),
    ],
)
def test_an_empty_file_or_one_without_config_says_so_and_nothing_else(tmp_path: Path, text: str, key: str, line: int, fix: str) -> None:
    file = tmp_path / "Pulumi.qa.yaml"
    file.write_text(text)
    rule = "must have the settings of this program" if key == "config" else "unknown key"
    where = f"  (line {line})" if line else ""
    head = "Pulumi.qa.yaml: 1 problem; nothing was created or changed."
    assert StackFile(file).report() == f"{head}\n\n  1. {key}{where}\n     {rule}\n     fix: {fix}\n"


def test_the_program_refuses_a_stack_without_settings_with_one_problem() -> None:
    program = Program("nothing")
    with mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": "[]"}), pytest.raises(pulumi.RunError, match="1 problem") as raised:
        run_program("nothing", {}, into=program)
    assert "the file is empty or missing" in str(raised.value)
    assert program.resources == []
