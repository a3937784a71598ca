"""The layers made of Debian packages: one base by debootstrap, and on it one layer for each set of packages.

The mirror is the one that this machine's apt is configured with. What a package's scripts leave of this machine, this minute
or chance (caches, logs, machine ids, dates of password changes) is taken out, so that the same package versions give the same bytes.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Final

from lab import cache, versions
from lab.images import rootfs
from lab.images.archive import write_layer
from ops.console import Step, step
from ops.errors import OpsError
from ops.paths import LOGS
from ops.process import run

BASE_PACKAGES: Final = ("ca-certificates", "openssl")
"""On top of the smallest Debian: nearly every image needs them, so all share one copy."""

CACHE_NAME: Final = "images/layers"

GIB_NEEDED: Final = 2.0

DPKG_OPTIONS: Final = """\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/lintian/*
"""

SCRAPS: Final = (
    *("dev/*", "proc/*", "run/*", "tmp/*", "root/*", "root/.wget-hsts", "var/tmp/*", "packages.txt"),
    *("etc/.pwd.lock", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-"),
    *("etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/machine-id", "etc/apt/sources.list", "etc/apt/apt.conf.d/99host"),
    *("usr/share/info/*", "usr/share/lintian/*", "usr/share/locale/*", "usr/share/man/*"),
    *("var/cache/apt/*", "var/cache/debconf/*", "var/cache/ldconfig/*", "var/log/**/*", "var/lib/apt/lists/*", "var/lib/systemd/*"),
    *("var/lib/dpkg/*-old", "var/lib/dpkg/lock*", "var/lib/dpkg/triggers/Lock"),
)
"""What is this machine's or this minute's, or has no use in a container."""

_Maker = Callable[[Path, Step], None]

SHADOW_DAY: Final = "20089"
"""The day (since 1970) on which every password of the images was changed: 2025-01-01, as `archive.MTIME`."""

_COMPILE: Final = """
if command -v python3 > /dev/null; then
  find /usr/lib/python3* -name __pycache__ -prune -exec rm -r {} +
  python3 -m compileall -q -j 2 --invalidation-mode unchecked-hash /usr/lib/python3*
fi
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A finished layer: its root folder, the same packed, and the packages in it as ``name=version`` lines."""

    folder: Path

    @property
    def tree(self) -> Path:
        """The root folder."""
        return self.folder / "tree"

    @property
    def tar(self) -> Path:
        """The packed layer."""
        return self.folder / "layer.tar"

    @property
    def packages(self) -> tuple[str, ...]:
        """Every Debian package from the base up to this layer, as ``name=version``; none for a layer of files."""
        listing = self.folder / "packages.txt"
        return tuple(listing.read_text(encoding="utf-8").split()) if listing.is_file() else ()


def base() -> Layer:
    """Return the layer that every image uses, built when the cache has none.

    Raises:
        OpsError: not root, no debootstrap, no mirror, or debootstrap failed.
    """
    version = cache.key(versions.DEBIAN, *BASE_PACKAGES, _recipe_key())
    return _layer(f"base-{version}", "Debian base", _make_base)


def packages(name: str, package_names: Sequence[str], setup: str) -> Layer:
    """Return the layer of ``base`` plus packages, built when the cache has none.

    Args:
        wanted: Debian packages; recommended ones are not added.
        setup: shell lines run in the layer after the installation.

    Raises:
        OpsError: not root, no mirror, an unknown package, or a failed step.
    """
    lower = base()
    version = cache.key(lower.folder.name, *package_names, "setup", setup, _recipe_key())
    return _layer(
        f"{name}-{version}", f"packages of {name}", lambda work, current: _make_packages(work, current, lower, package_names, setup)
    )


def _layer(entry: str, title: str, make: _Maker) -> Layer:
    def maker(work: Path) -> None:
        rootfs.require_root()
        with step(f"image layer: {title}") as current:
            shutil.rmtree(work / "tree", ignore_errors=True)
            (work / "tree").mkdir()
            make(work, current)
            _tidy(work / "tree")
            write_layer(work / "layer.tar", work / "tree")
            shutil.rmtree(work / "downloads")

    return Layer(folder=cache.build(CACHE_NAME, entry, maker, needs_gib=GIB_NEEDED))


def _make_base(work: Path, current: Step) -> None:
    _require_debootstrap(current)
    (work / "downloads").mkdir(exist_ok=True)  # kept by an interruption, so that the next run downloads the rest only
    mirror = next(uri for uri, release, _ in debian_sources() if release == versions.DEBIAN)
    root = f"{work}/scratch/root"
    words = ["debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", f"--cache-dir={work}/downloads"]
    script = f"""
        umask 022
        mkdir -p {work}/scratch
        mount -t tmpfs tmpfs {work}/scratch  # dpkg asks for a sync after every file: free of charge in memory
        mkdir -p {root}/etc/dpkg/dpkg.cfg.d
        printf %s {shlex.quote(DPKG_OPTIONS)} > {root}/etc/dpkg/dpkg.cfg.d/lab
        {shlex.join([*words, versions.DEBIAN, root, mirror])}
        chroot {root} dpkg-query --show --showformat '${{Package}}=${{Version}}\\n' > {work}/packages.txt
        find {root}/usr/share/doc -type f ! -name copyright -delete
        rm -rf {root}/var/cache/apt/archives {root}/var/lib/apt/lists
        cp -a {root}/. {work}/tree/
    """
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", script]
    run(command, log=LOGS / "images.log", step=current, env=_package_environment())
    (work / "scratch").rmdir()


def _make_packages(work: Path, current: Step, lower: Layer, package_names: Sequence[str], setup: str) -> None:
    downloads = work / "downloads"
    for folder in ("lists/partial", "cache/archives/partial"):
        (downloads / folder).mkdir(parents=True, exist_ok=True)
    (downloads / "sources.list").write_text("".join(f"deb {uri} {release} {component}\n" for uri, release, component in debian_sources()))
    (downloads / "apt.conf").write_text('APT::Sandbox::User "root";\n' + _proxy_settings())
    binds = [
        rootfs.Bind(source=downloads / "lists", target="/var/lib/apt/lists"),
        rootfs.Bind(source=downloads / "cache", target="/var/cache/apt"),
        rootfs.Bind(source=downloads / "sources.list", target="/etc/apt/sources.list", read_only=True),
        rootfs.Bind(source=downloads / "apt.conf", target="/etc/apt/apt.conf.d/99host", read_only=True),
        *(rootfs.Bind(source=Path(name), target=name, read_only=True) for name in ("/etc/resolv.conf", "/etc/hosts")),
    ]
    script = f"""
        apt-get -q update
        apt-get -q install -y --no-install-recommends {shlex.join(package_names)}
        dpkg-query --show --showformat '${{Package}}=${{Version}}\\n' > /packages.txt
        {setup}
        {_COMPILE}
    """
    container = rootfs.Container(trees=[lower.tree], environment={}, binds=binds, keep_changes=work / "tree")
    with tempfile.TemporaryDirectory(prefix="lab-rootfs-") as scratch:
        command = rootfs.command_line(container, ["sh", "-euc", script], Path(scratch))
        fix = f"read {LOGS / 'images.log'}; if the mirror does not answer, repeat the command later: downloads are kept."
        run(command, log=LOGS / "images.log", step=current, env=_package_environment(), fix=fix)
    shutil.copy(work / "tree" / "packages.txt", work / "packages.txt")


def _tidy(tree: Path) -> None:
    for pattern in SCRAPS:
        for path in tree.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                if not pattern.endswith("**/*"):  # logs go, the folders that services expect stay
                    shutil.rmtree(path)
            else:
                path.unlink()
    shadow = tree / "etc" / "shadow"
    if shadow.is_file():
        shadow.write_text(re.sub(r"(?m)^([^:]*:[^:]*:)\d+", rf"\g<1>{SHADOW_DAY}", shadow.read_text()))


def _require_debootstrap(current: Step) -> None:
    if shutil.which("debootstrap"):
        return
    fix = "install Debian's package debootstrap by hand and repeat the command."
    command = ["apt-get", "install", "-y", "--no-install-recommends", "debootstrap"]
    try:
        run(command, log=LOGS / "images.log", step=current, env={"DEBIAN_FRONTEND": "noninteractive"})
    except OpsError as error:
        raise OpsError("debootstrap is missing, and apt-get could not install it.", fix, error.excerpt) from error


@once
def debian_sources() -> tuple[tuple[str, str, str], ...]:
    """Return (mirror, release, component) of each Debian source that this machine's apt is configured with for the lab's suite."""
    layout = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
    try:
        listing = subprocess.run(
            ["apt-get", "indextargets", "--format", layout, "Created-By: Packages"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise OpsError(
            "this machine has no working apt-get, from which the lab takes its Debian mirror.", "run the lab on Debian."
        ) from error
    found = tuple(dict.fromkeys(_parse_source(line) for line in listing.splitlines() if _is_wanted(line)))
    if not any(release == versions.DEBIAN for _, release, _ in found):
        raise OpsError(
            f"this machine's apt knows no mirror of Debian {versions.DEBIAN}, on which the lab's images are based.",
            f"add a 'deb <mirror> {versions.DEBIAN} main' source, run apt-get update, and repeat the command.",
        )
    return found


def _is_wanted(line: str) -> bool:
    _, release, component, origin = line.split(maxsplit=3)
    return origin == "Debian" and component == "main" and release.split("-")[0] == versions.DEBIAN


def _parse_source(line: str) -> tuple[str, str, str]:
    uri, release, component, _ = line.split(maxsplit=3)
    return uri, release, component


def _proxy_settings() -> str:
    dump = subprocess.run(["apt-config", "dump", "Acquire"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return "".join(f"{line}\n" for line in dump.splitlines() if re.match(r"Acquire::https?::(Proxy|Timeout)", line))


def _package_environment() -> dict[str, str]:
    return {"PATH": rootfs.PATH, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "HOME": "/root"}


def _recipe_key() -> str:
    return cache.tree_key(Path(__file__), Path(__file__).with_name("archive.py"))
