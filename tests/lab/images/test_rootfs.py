"""A container without a container engine: what it shows a program, and that nothing of it stays behind."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lab.images import debian
from lab.images.rootfs import Bind, Container, Running, run, started
from lab.images.servers import wait_ready
from ops.errors import OpsError

pytestmark = pytest.mark.images


def _container(
    environment: dict[str, str] | None = None, *, user: str = "0:0", binds: tuple[Bind, ...] = (), read_only: bool = False
) -> Container:
    return Container(
        trees=[debian.base().tree],
        environment=environment or {},
        user=user,
        binds=binds,
        tmpfs=["/tmp"],
        read_only=read_only,
    )


def test_a_run_returns_code_and_both_streams() -> None:
    result = run(_container(), ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (result.returncode, result.stdout) == (7, "out\nerr\n")


def test_the_program_is_process_one_of_the_user_asked_for_with_no_other_group() -> None:
    result = run(_container(user="12345:678"), ["sh", "-c", "echo $$; id -u; id -G"])
    assert result.stdout.split() == ["1", "12345", "678"]


def test_the_environment_is_what_was_given_and_shows_in_no_argument_list() -> None:
    with started(_container({"SECRET": "s3cr3t-value"}), ["sleep", "30"]) as running:
        _wait(running)
        lists = [_read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        seen = running.exec(["cat", "/proc/1/environ"]).stdout.split("\0")
        running.kill()  # sleep, as process 1, would let SIGTERM pass
    assert not [line for line in lists if b"s3cr3t-value" in line]
    assert {"SECRET=s3cr3t-value"} == {entry for entry in seen if entry and not entry.startswith(("PATH=", "PWD="))}


def test_a_read_only_root_takes_writes_in_tmpfs_and_writable_binds_only(tmp_path: Path) -> None:
    (tmp_path / "rw").mkdir()
    (tmp_path / "ro").write_text("content")
    binds = (Bind(source=tmp_path / "rw", target="/new/rw"), Bind(source=tmp_path / "ro", target="/etc/new/ro", read_only=True))
    script = "touch /tmp/a && touch /new/rw/b && cat /etc/new/ro; touch /etc/c 2> /dev/null || echo root-refused; echo x > /etc/new/ro"
    result = run(_container(binds=binds, read_only=True), ["sh", "-c", script])
    assert result.stdout.startswith("contentroot-refused")
    assert result.returncode != 0
    assert (tmp_path / "rw" / "b").exists()
    assert (tmp_path / "ro").read_text() == "content"


def test_what_a_program_writes_never_reaches_the_cached_layer() -> None:
    run(_container(), ["sh", "-c", "echo changed > /etc/debian_version; rm /bin/ls"])
    tree = debian.base().tree
    assert (tree / "usr/bin/ls").exists()
    assert "changed" not in (tree / "etc/debian_version").read_text()


def test_a_program_over_its_time_is_ended_with_its_children_and_leaves_no_mount() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(_container(), ["sh", "-c", "sleep 31.4159 & trap '' TERM; wait"], seconds=1)
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"31.4159" in _read(path)]
    assert "lab-rootfs-" not in Path("/proc/self/mounts").read_text()


def test_a_server_that_never_gets_ready_is_reported_with_its_own_words(tmp_path: Path) -> None:
    failing = ["sh", "-c", "echo no such thing; exit 3"]
    with (
        pytest.raises(OpsError, match="was not ready") as caught,
        (tmp_path / "log").open("w+") as log,
        started(_container(), failing, output=log) as server,
    ):
        wait_ready("the server", server, log, lambda: False)
    assert "no such thing" in caught.value.excerpt


def _wait(running: Running) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OpsError):
            if _read(Path(f"/proc/{running.pid}/cmdline")).startswith(b"sleep"):
                return
        time.sleep(0.02)
    pytest.fail("not started within 60 s")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended between the two looks
        return b""
