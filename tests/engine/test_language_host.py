from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import cache
from ops import paths
from tests.engine.harness import Stack
from tests.ops.api import kubeconfig, serving

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


UNHANDLED = "an unhandled error occurred: program exited with non-zero exit code"


def test_as_with_the_genuine_host_a_run_error_is_followed_by_the_exit_code(stack: Stack) -> None:
    stack.program('raise pulumi.RunError("say it plainly")\n')
    result = stack.preview(fails=True)
    assert result.diagnostics.count("say it plainly") == 1
    assert f"{UNHANDLED}: 1" in result.diagnostics
    assert "Traceback" not in result.text


def test_a_program_that_has_shown_its_error_says_so_by_its_exit_code(stack: Stack) -> None:
    stack.program('pulumi.log.error("say it plainly")\nraise SystemExit(32)\n')
    result = stack.preview(fails=True)
    assert result.diagnostics.count("say it plainly") == 1
    assert UNHANDLED not in result.text


def _real_program(stack: Stack, settings: dict[str, object]) -> None:
    """Have the project's own program run on ``settings``."""
    for name in ("__main__.py", "components"):
        (stack.folder / name).unlink(missing_ok=True)
        (stack.folder / name).symlink_to(paths.ROOT / name)
    (stack.folder / "Pulumi.yaml").write_text(
        json.dumps({"name": "engine-test", "runtime": {"name": "python", "options": {"virtualenv": str(paths.ROOT / ".venv")}}})
    )
    file = stack.folder / "Pulumi.test.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump({**document, "config": settings}), encoding="utf-8")


def _settings(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((paths.ROOT / "stacks" / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))["config"])


def test_a_report_on_settings_is_all_that_is_shown(stack: Stack) -> None:
    _real_program(stack, _settings("dev") | {"portus:host": "https://portus.dev.test"})
    result = stack.preview(fails=True)
    assert "nothing was created or changed" in result.diagnostics
    assert UNHANDLED not in result.text
    assert "Traceback" not in result.text


def test_another_exit_code_is_reported(stack: Stack) -> None:
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
    assert f"prefix {paths.ROOT / '.venv'} name __main__" in result.text
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


def _interrupt_begun(stack: Stack) -> None:
    """Interrupt a preview once its program has printed that it has begun."""
    process = stack.popen("preview")
    assert process.stdout is not None
    for line in process.stdout:
        if "the program has begun" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0


INTERRUPTED = """
import time
from pathlib import Path
print("the program has begun", flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    Path("raised").touch()
"""


def test_as_with_the_genuine_host_an_interrupt_raises_keyboardinterrupt_unless_the_program_prevents_it(stack: Stack) -> None:
    """What the program does then is looked at, not what is shown: the engine may end before it has read the program's last words."""

    def raised(program: str) -> bool:
        stack.program(program)
        _interrupt_begun(stack)
        assert _no_process_left(stack.folder)
        return (stack.folder / "raised").exists()

    assert not raised(f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n{INTERRUPTED}")
    assert raised(INTERRUPTED)


def test_the_projects_program_ends_quietly_when_it_is_cancelled(stack: Stack, tmp_path: Path) -> None:
    """The cluster takes connections and never answers, so the program waits for its first object when the interrupt comes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(120)
        stack.environment["KUBECONFIG"] = str(kubeconfig(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}"))
        _real_program(stack, _settings("dev"))
        process = stack.popen("preview")
        with silent.accept()[0]:
            os.kill(process.pid, signal.SIGINT)
            shown = process.communicate(timeout=60)[0]
    assert process.returncode != 0
    assert "Traceback" not in shown
    assert "KeyboardInterrupt" not in shown


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes that name this test's folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if f"--pwd {folder}" in line]


def _no_process_left(folder: Path) -> bool:
    """Wait at most a minute for the end of the processes that name this test's folder."""
    end = time.monotonic() + 60
    while processes_of(folder) and time.monotonic() < end:
        threading.Event().wait(0.1)
    return not processes_of(folder)


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
    assert _no_process_left(stack.folder)


def test_about_and_plugin_list_work(stack: Stack) -> None:
    assert "executable=" in stack.run("about").text
    assert "kubernetes" in stack.run("plugin", "ls").text


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy pack, installed as policies/README.md says; the packages are kept for the next run."""
    folder = tmp_path_factory.mktemp("pack") / "policies"
    shutil.copytree(paths.ROOT / "policies", folder, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    requirements = folder / "requirements.txt"

    def install(made: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--clear", made], check=True)
        subprocess.run([made / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", requirements], check=True)

    version = cache.key(requirements.read_bytes(), sys.version)
    (folder / ".venv").symlink_to(cache.build("policies", version, install))
    return folder


PROTECTED = {"portus:protect": "true"}
FLOATING = {"portus:images": {"portus": "docker.io/opensuse/portus:head"}, "portus:accept": ["floating_image_tags"]}


@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        (PROTECTED, [], ""),
        ({}, [], "mariadb-data: the claim must be protected from deletion. fix: remove portus:protect from the stack file"),
        ({}, ["--policy-pack-config", "development.json"], ""),
        (PROTECTED | FLOATING, [], "portus-web: the image 'docker.io/opensuse/portus:head' must name a version or a digest."),
    ],
    ids=["protected", "unprotected", "development", "floating"],
)
def test_a_preview_with_the_policy_pack_stops_what_no_review_may_let_pass(
    change: dict[str, Any], options: list[str], told: str, stack: Stack, pack: Path
) -> None:
    """The engine and pulumi-policy are Pulumi's own. The cluster has none of the objects."""
    with serving(stack.folder, lambda *_: (404, {"kind": "Status", "code": 404, "reason": "NotFound"})) as cluster:
        stack.environment["KUBECONFIG"] = str(cluster)
        _real_program(stack, _settings("dev") | change)
        options = [str(pack / each) if each.endswith(".json") else each for each in options]
        result = stack.preview("--policy-pack", str(pack), *options, fails=bool(told))
    assert re.search(r"portus@v[\d.]+ \(local", result.text)
    assert ("[mandatory]" in result.text) is bool(told)
    assert told in result.text


def test_another_plugin_written_in_python_is_refused_in_words(stack: Stack) -> None:
    plugin = stack.folder / "plugin"
    plugin.mkdir()
    (plugin / "PulumiPlugin.yaml").write_text("runtime: python\n")
    result = stack.run("package", "get-schema", str(plugin), fails=True)
    assert "runs no plugins but policy packs" in result.text
