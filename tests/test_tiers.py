"""Which module of the cluster is in which tier, and how a tier ends."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import paths
from tests import conftest, guard, tiers
from tests.conftest import TOGETHER

MARK = "pytest." + "mark.cluster"


def test_every_module_of_the_cluster_is_in_exactly_one_of_e2e_and_the_shares() -> None:
    on_cluster = [str(file.relative_to(paths.ROOT)) for file in (paths.ROOT / "tests").rglob("test_*.py") if MARK in file.read_text()]
    assert Counter(tiers.modules("e2e-all")) == Counter(on_cluster)
    shares = [module for number, _ in enumerate(tiers.SHARES, start=1) for module in tiers.modules("share", number)]
    assert Counter(tiers.modules("e2e") + shares) == Counter(on_cluster)


def test_each_module_that_a_run_without_the_cluster_ignores_has_its_mark_as_a_whole() -> None:
    """``conftest.pytest_ignore_collect`` does not import them."""
    modules = {file.name: file.read_text() for file in (paths.ROOT / "tests" / "cluster").rglob("test_*.py")}
    assert modules
    assert [name for name, text in modules.items() if not re.search(rf"(?m)^pytestmark = .*{MARK}\b", text)] == []


def test_every_module_of_a_tier_is_run_once() -> None:
    ran = [word for command in tiers.commands(tiers.modules("e2e-all")) for word in command if word.startswith("tests/")]
    assert Counter(ran) == Counter(tiers.modules("e2e-all"))


def test_the_shares_take_about_the_same_time() -> None:
    seconds = [sum(share.values()) for share in tiers.SHARES]
    assert max(seconds) < 1.15 * sum(seconds) / len(seconds)


def test_commits_choose_every_share_equally_often() -> None:
    assert Counter(tiers.share_of(f"0123abc{digit:x}") for digit in range(16)) == dict.fromkeys(range(1, 5), 4)


def test_a_number_that_is_no_share_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("0", "5", "two"):
        with pytest.raises(SystemExit):
            tiers.main(["share", wrong])
        assert wrong in capsys.readouterr().err


def test_a_second_run_on_the_machine_reports_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path))
    second = [sys.executable, "-c", "from tests import tiers\nwith tiers.alone(): print('alone')"]
    with tiers.alone():
        done = subprocess.run(second, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: cluster tests run already (process ")
    assert str(paths.ROOT) in line
    assert subprocess.run(second, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout == "alone\n"


def test_an_interrupted_run_waits_until_pytest_has_cleaned_up_and_reported() -> None:
    runner = "import time\ntry: print('begun', flush=True); time.sleep(600)\nexcept KeyboardInterrupt: time.sleep(1); print('told')"
    instead = f"tiers.commands = lambda _: [[sys.executable, '-c', {runner!r}]]"
    script = f"import sys; from tests import tiers; {instead}; tiers.main(['e2e', '--run'])"
    process = subprocess.Popen([sys.executable, "-c", script], cwd=paths.ROOT, stdout=subprocess.PIPE, text=True, process_group=0)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.read() == "told\n"
    assert process.wait() == 0


def test_a_background_job_of_a_shell_starts_processes_that_can_be_interrupted() -> None:
    """It ignores SIGINT itself, and a test that interrupts what it has started would wait for its own limit."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        conftest.pytest_configure()
        process = subprocess.Popen([sys.executable, "-c", f"print('begun', flush=True); {SLEEPS}"], stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == -signal.SIGINT


def test_what_one_process_runs_is_there() -> None:
    for each in itertools.chain(*TOGETHER):
        file, _, name = each.partition("::")
        assert f"class {name}" in (paths.ROOT / file).read_text() if name else (paths.ROOT / file).is_file(), each


def test_one_process_uses_the_lab_s_own_stacks() -> None:
    """Two would deploy them twice, and one would change what the other looks at."""
    cluster = paths.ROOT / "tests" / "cluster"
    using = {file.name for file in cluster.glob("test_*.py") if re.search(r"\b(deployed: Deployed|lab_stack:)", file.read_text())}
    (group,) = (group for group in TOGETHER if "tests/cluster/test_push_and_pull.py" in group)
    assert using == {Path(name).name for name in group}


@pytest.mark.parametrize("what", [r"node_port=(\d{5})", r"ADDRESS\b.*?= \"(127\.[\d.]+)\""])
def test_modules_that_run_at_once_share_no_node_port_and_no_address(what: str) -> None:
    used: dict[str, set[str]] = {}
    for file in (paths.ROOT / "tests" / "cluster").glob("test_*.py"):
        group = next((group[0] for group in TOGETHER if f"tests/cluster/{file.name}" in group), file.name)
        for found in re.findall(what, file.read_text()):
            used.setdefault(found, set()).add(group)
    assert len(used) > 5
    assert {found: groups for found, groups in used.items() if len(groups) > 1} == {}


# A tier of the checks keeps to its limit, and leaves nothing behind.


SLEEPS = "import time; time.sleep(600)"
DAEMON = f"""
import subprocess, sys
deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {SLEEPS}"
daemon = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True, stdout=subprocess.DEVNULL)
print(daemon.pid, flush=True)
"""
"""Starts a process that no signal to its group reaches, and ends."""


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def start(script: str, *, minutes: float, grace: float = 60) -> subprocess.Popen[str]:
    """Guard a Python script."""
    words = ["tier", str(60 * minutes), script, str(grace)]
    code = (
        "import sys; from tests import guard; n, s, c, g = sys.argv[1:];"
        "sys.exit(guard.run(n, float(s), [sys.executable, '-c', c], grace=float(g)))"
    )
    return subprocess.Popen([sys.executable, "-c", code, *words], cwd=paths.ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("code", [0, 3])
def test_a_tier_that_ends_in_time_says_how_long_it_took_and_keeps_its_code(code: int) -> None:
    process = start(f"raise SystemExit({code})", minutes=1)
    said = process.communicate()[0]
    assert process.returncode == code
    assert said.startswith(f"tier: ended with code {code} after 0 s of 60 s; processors ")


def test_a_tier_at_its_limit_ends_with_a_line_that_says_so_and_what_its_test_waited_for(tmp_path: Path) -> None:
    now = f"from tests import guard; from pathlib import Path; guard.NOW = Path({str(tmp_path)!r})"
    test = f"import os; {now}; (guard.NOW / str(os.getpid())).write_text('test_x waits for a record'); {SLEEPS}"
    (tmp_path / "1").write_text("of a process that is not the tier's")
    script = f"import sys; {now}; guard.run('tier', 3, [sys.executable, '-c', {test!r}])"
    done = subprocess.run([sys.executable, "-c", script], cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert "error: tier did not end within 3 s, so it is ended now. test_x waits for a record." in done.stdout
    assert f"code {guard.LIMIT_CODE}" in done.stdout


def test_a_tier_at_its_limit_may_clean_up_first() -> None:
    script = f"""
try:
    {SLEEPS}
except KeyboardInterrupt:
    print("cleaned up", flush=True)
"""
    said = start(script, minutes=0.02).communicate()[0]
    assert "cleaned up" in said


def test_nothing_that_a_tier_started_outlives_its_limit() -> None:
    process = start(f"{DAEMON}\n{SLEEPS}", minutes=0.02, grace=0.2)
    said = process.communicate()[0]
    daemon = int(said.splitlines()[0])
    assert process.returncode == guard.LIMIT_CODE
    assert not Path(f"/proc/{daemon}").exists()


def test_the_lab_that_a_tier_started_outlives_its_end() -> None:
    said = start(DAEMON, minutes=1).communicate()[0]
    daemon = int(said.splitlines()[0])
    assert Path(f"/proc/{daemon}").exists()
    subprocess.run(["kill", "-9", str(daemon)], check=True)


def test_an_interrupted_tier_ends_with_all_that_it_started() -> None:
    process = start(f"{DAEMON}\n{SLEEPS}", minutes=1, grace=0.2)
    assert process.stdout is not None
    daemon = int(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    assert "error: tier was told to stop" in process.stdout.read()
    assert process.wait() == 128 + signal.SIGINT
    until(lambda: not Path(f"/proc/{daemon}").exists())
