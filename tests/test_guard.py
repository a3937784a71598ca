from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import paths
from tests import guard

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


def test_a_tier_at_its_limit_is_ended_with_a_line_that_tells_it_and_what_its_test_waited_for(tmp_path: Path) -> None:
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
