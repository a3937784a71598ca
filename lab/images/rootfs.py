"""Runs a program in an image's root file system without any container engine: namespaces, an overlay, a chroot.

It replaces a container in tests, in the build of the layers and where the lab needs one throw-away server. The network
is the host's own. Needs root and Linux.
"""

from __future__ import annotations

import os
import platform
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from ops.errors import OpsError

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DEVICES: Final = ("null", "zero", "full", "random", "urandom")
"""The devices of a container that programs rely on."""


NAME_FILES: Final = ("/etc/hosts", "/etc/resolv.conf")
"""How names become addresses: the host's own files, because the network is the host's; a runtime mounts these, too."""

OVERLAY_OPTIONS: Final = "redirect_dir=off,metacopy=off,index=off"
"""What the upper folder holds is then what the image format can say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bind:
    """A file or folder of the host shown at ``target``; made there when the image has none."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """How to run something: what a pod says about one container.

    Attributes:
        trees: the root folders of the layers, lowest first.
        environment: the whole environment but PATH. It never shows in an argument list.
        user: ``uid[:gid]`` or names that the image's passwd file knows.
        tmpfs: paths with an empty, world-writable file system of their own (an ``emptyDir``).
        read_only: nothing but the binds and ``tmpfs`` can be written.
        keep_changes: a folder of the host that receives what the program changed, in the form of an overlay's upper folder.
    """

    trees: Sequence[Path]
    environment: Mapping[str, str]
    user: str = "0:0"
    working_dir: str = "/"
    binds: Sequence[Bind] = ()
    tmpfs: Sequence[str] = ()
    read_only: bool = False
    keep_changes: Path | None = None


class Running:
    """A program under way in a container; `started` makes and ends it."""

    def __init__(self, process: subprocess.Popen[str], user: str) -> None:
        self.process = process
        self._user = user

    @property
    def pid(self) -> int:
        """The host's number of the container's first process.

        Raises:
            OpsError: the container has not begun yet, or has ended.
        """
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return int(children.read_text().split()[0])
        except (OSError, IndexError) as error:
            raise OpsError("the container is not running.", "read its output.") from error

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the container's first process, as a runtime does."""
        os.kill(self.pid, number)

    def exec(
        self, argv: Sequence[str], *, user: str | None = None, environment: Mapping[str, str] | None = None, seconds: float = 30
    ) -> subprocess.CompletedProcess[str]:
        """Run ``argv`` inside the running container (``kubectl exec``) and return its code and output (both streams in ``stdout``).

        Raises:
            subprocess.TimeoutExpired: it took longer than ``seconds``.
        """
        command = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--root", "--wd=/"]
        command += ["chroot", f"--userspec={user or self._user}", "/", *argv]
        return subprocess.run(
            command,
            env={"PATH": PATH, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )

    def end(self, *, seconds: float = 20) -> int:
        """Ask the program to end (SIGTERM), then insist (SIGKILL) after ``seconds``; return the exit code."""
        if self.process.poll() is None:
            try:
                self.signal(signal.SIGTERM)
                return self.process.wait(seconds)
            except (OpsError, ProcessLookupError, subprocess.TimeoutExpired):
                self.kill()
        return self.process.wait()

    def kill(self) -> None:
        """End the program with all its children at once (SIGKILL); every one of them is gone when this returns."""
        try:
            self.signal(signal.SIGKILL)  # `unshare` ends after its child, and that one, the first of its namespace, after all others
        except (OpsError, ProcessLookupError):
            self.process.kill()
        self.process.wait()


@contextmanager
def started(container: Container, argv: Sequence[str], *, output: IO[str] | int = subprocess.DEVNULL) -> Iterator[Running]:
    """Start ``argv`` in ``container`` with both its streams in ``output``; end it when the block ends.

    Raises:
        OpsError: not root, or not Linux.
    """
    with tempfile.TemporaryDirectory(prefix="lab-rootfs-") as scratch:
        process = subprocess.Popen(
            command_line(container, argv, Path(scratch)),
            env={"PATH": PATH, **container.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        running = Running(process, container.user)
        try:
            yield running
        finally:
            running.end()


def run(container: Container, argv: Sequence[str], *, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` in ``container`` to its end and return its code and output (both streams in ``stdout``).

    Raises:
        OpsError: not root, or not Linux.
        subprocess.TimeoutExpired: it took longer than ``seconds``; nothing of it is left.
    """
    with started(container, argv, output=subprocess.PIPE) as running:
        try:
            out, _ = running.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
    return subprocess.CompletedProcess(list(argv), running.process.returncode, out, "")


def require_root() -> None:
    """Refuse where namespaces and mounts cannot be made.

    Raises:
        OpsError: not root, or not Linux.
    """
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise OpsError("the lab builds its images in Linux namespaces, which needs root.", "run it on Linux with sudo.")


def command_line(container: Container, argv: Sequence[str], scratch: Path) -> list[str]:
    """Return the host's command line that runs ``argv``; ``scratch`` is an empty folder that it may mount on.

    For a caller that starts it itself, with ``container.environment`` and `PATH` as the environment.
    """
    require_root()
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", "\n".join(_script(container, argv, scratch))]


def _script(container: Container, argv: Sequence[str], scratch: Path) -> Iterator[str]:
    root = f"{scratch}/root"
    upper = f"{scratch}/upper"
    layers = ":".join(str(tree) for tree in reversed(container.trees))
    yield "umask 022"  # whatever the caller's is, a container starts with this
    yield f"mount -t tmpfs tmpfs {scratch}"
    yield f"mkdir {root} {upper} {scratch}/work"
    options = f"{OVERLAY_OPTIONS},lowerdir={shlex.quote(layers)},upperdir={upper},workdir={scratch}/work"
    yield f"mount -t overlay overlay -o {options} {root}"
    yield f"mkdir -p {root}/proc {root}/dev"
    yield f"mount -t proc proc {root}/proc"
    yield f"mount -t tmpfs -o mode=755 tmpfs {root}/dev"
    for device in DEVICES:
        yield f"touch {root}/dev/{device}; mount --bind /dev/{device} {root}/dev/{device}"
    yield f"mkdir -m 1777 {root}/dev/shm; ln -s /proc/self/fd {root}/dev/fd"  # noqa: S108 - the container's own
    yield f"ln -s fd/1 {root}/dev/stdout; ln -s fd/2 {root}/dev/stderr"
    given = {bind.target for bind in container.binds}
    names = [Bind(source=Path(name), target=name, read_only=True) for name in NAME_FILES if name not in given and Path(name).is_file()]
    for bind in (*names, *container.binds):
        yield from _bind(bind, root)
    for path in container.tmpfs:
        target = shlex.quote(f"{root}{path}")
        yield f"mkdir -p {target}; mount -t tmpfs -o mode=1777 tmpfs {target}"
    if container.read_only:
        yield f"mount -o remount,bind,ro {root} || mount -o remount,ro {root}"
    start = f"chroot --userspec={shlex.quote(container.user)} {root} env --chdir={shlex.quote(container.working_dir)} {shlex.join(argv)}"
    if container.keep_changes is None:
        yield f"exec {start}"
        return
    yield start
    yield f"umount {root}/proc; umount -R {root}/dev"
    yield f"cp -a --preserve=all {upper}/. {shlex.quote(str(container.keep_changes))}/"


def _bind(bind: Bind, root: str) -> Iterator[str]:
    target = shlex.quote(f"{root}{bind.target}")
    if bind.source.is_dir():
        yield f"mkdir -p {target}"
    else:
        yield f"mkdir -p {shlex.quote(str(Path(root + bind.target).parent))}; touch {target}"
    yield f"mount --bind {shlex.quote(str(bind.source))} {target}"
    if bind.read_only:
        yield f"mount -o remount,bind,ro {target}"
