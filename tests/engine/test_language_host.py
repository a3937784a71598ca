from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.engine.harness import Stack

pytestmark = pytest.mark.engine


def test_a_program_s_exception_is_shown_once_with_its_own_traceback(stack: Stack) -> None:
    stack.program("""
    def broken():
        raise ValueError("the reason of this test")
    broken()
    """)
    result = stack.preview(fails=True)
    assert result.diagnostics.count("ValueError: the reason of this test") == 1
    assert "in broken" in result.text
    assert "runpy" not in result.text
    assert "lab/engine" not in result.text


def test_an_error_meant_for_users_is_shown_without_a_traceback(stack: Stack) -> None:
    stack.program('raise pulumi.RunError("say it plainly")\n')
    result = stack.preview(fails=True)
    assert result.diagnostics.count("say it plainly") == 1
    assert "Traceback" not in result.text


def test_another_exit_code_is_told(stack: Stack) -> None:
    stack.program("import sys; sys.exit(7)\n")
    assert "non-zero exit code: 7" in stack.preview(fails=True).text


def test_the_program_runs_in_its_virtualenv_in_its_folder_and_its_output_is_shown(stack: Stack) -> None:
    stack.program("""
    import os, sys
    print("prefix", sys.prefix, "name", __name__)
    pulumi.export("folder", os.getcwd())
    pulumi.export("dry", pulumi.runtime.is_dry_run())
    pulumi.export("organization", pulumi.get_organization())
    """)
    result = stack.up()
    assert f"prefix {os.path.realpath('.venv')} name __main__" in result.text
    assert stack.outputs() == {"folder": str(stack.folder), "dry": False, "organization": "organization"}


def test_main_names_another_folder(stack: Stack) -> None:
    (stack.folder / "__main__.py").unlink()
    (stack.folder / "inner").mkdir()
    (stack.folder / "inner" / "__main__.py").write_text('import pulumi\npulumi.export("from", "inner")\n')
    project = stack.folder / "Pulumi.yaml"
    project.write_text(project.read_text().replace('{"name": "engine-test"', '{"name": "engine-test", "main": "inner/"'))
    stack.up()
    assert stack.outputs() == {"from": "inner"}


def test_configuration_arrives_and_its_secrets_stay_secret(stack: Stack) -> None:
    stack.run("config", "set", "plain", "seen")
    stack.run("config", "set", "--secret", "hidden", "never-in-clear")
    stack.program("""
    config = pulumi.Config()
    pulumi.export("plain", config.require("plain"))
    pulumi.export("hidden", config.require_secret("hidden"))
    """)
    result = stack.up()
    assert stack.outputs() == {"plain": "seen", "hidden": "never-in-clear"}
    assert "never-in-clear" not in result.text + stack.everything_written()


def test_a_missing_virtualenv_is_one_clear_line(stack: Stack) -> None:
    project = stack.folder / "Pulumi.yaml"
    project.write_text('{"name": "engine-test", "runtime": {"name": "python", "options": {"virtualenv": "nowhere"}}}')
    result = stack.preview(fails=True)
    assert "nowhere" in result.text
    assert "Traceback" not in result.text


def test_ctrl_c_ends_the_program_quietly(stack: Stack) -> None:
    stack.program("""
    import time
    print("the program has begun", flush=True)
    time.sleep(600)
    """)
    process = stack.popen("preview")
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if "the program has begun" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode != 0
    assert "Traceback" not in seen + rest
    assert "KeyboardInterrupt" not in seen + rest


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes that name this test's folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if f"--pwd {folder}" in line]


def test_a_killed_engine_leaves_no_process_behind(stack: Stack) -> None:
    stack.program("""
    import time
    print("the program has begun", flush=True)
    time.sleep(600)
    """)
    process = stack.popen("preview")
    assert process.stdout is not None
    for line in process.stdout:
        if "the program has begun" in line:
            break
    assert processes_of(stack.folder)
    process.kill()
    process.wait(timeout=60)
    end = time.monotonic() + 60
    while processes_of(stack.folder) and time.monotonic() < end:
        threading.Event().wait(0.1)
    assert processes_of(stack.folder) == []


def test_about_and_plugin_list_work(stack: Stack) -> None:
    assert "executable=" in stack.run("about").text
    assert "kubernetes" in stack.run("plugin", "ls").text
