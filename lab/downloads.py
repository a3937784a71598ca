"""Official release archives in place of a build, where their publisher's site answers: held to the checksum that the publisher names.

One table. A program without a published checksum in it is built from source, never downloaded. The checksum of Kubernetes is the one of
its change log (CHANGELOG-1.34.md, as in the Go module k8s.io/kubernetes v1.38.0-beta.0, which Go's checksum database vouches for).
"""

from __future__ import annotations

import hashlib
import platform
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx

from ops.console import Step, console, escape
from ops.paths import cache

ANSWER_SECONDS: Final = 4.0
"""How long a site may take to begin to answer: a closed network costs no more, and that once a day."""

STALL_SECONDS: Final = 20.0
"""How long it may send nothing in the middle of an archive."""

WHOLE_SECONDS: Final = 240.0
"""How long an archive may take altogether; a build takes about as long."""

RETRY_SECONDS: Final = 24 * 3600.0
"""How long a site that did not answer is left alone."""


SILENT: Final = "silent-sites"
"""Folder of the cache with a file for each site that did not answer; remove it to ask at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """One archive of a release.

    Attributes:
        name: of the program that it replaces.
        version: of it.
        url: of the tar archive.
        sha512: of the archive, by its publisher.
        members: paths in the archive, and the names of what is kept of them.
    """

    name: str
    version: str
    url: str
    sha512: str
    members: Mapping[str, str]


TABLE: Final = MappingProxyType(
    {
        "kubernetes": Download(
            name="kubernetes",
            version="1.34.4",
            url="https://dl.k8s.io/v1.34.4/kubernetes-server-linux-amd64.tar.gz",
            sha512="65c75e81e3ea488f6d42b493cad64d7577ddfa1e5372037a1c841ac069039997d359b5b2f2d44e7665bf04c48ed0065cf9d4c9801b1e63bb6a1b099ef00d4863",
            members=MappingProxyType(
                {
                    f"kubernetes/server/bin/{name}": name
                    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")
                }
            ),
        )
    }
)
"""By the program's name in `lab.programs`. Linux on x86-64 only."""


class _UnusableError(Exception):
    """The archive cannot be had; the text says why."""


def fetch(download: Download, folder: Path, current: Step) -> bool:
    """Put the programs of ``download`` into ``folder`` and return whether that went well; where it did not, one line says why."""
    site = download.url.split("/")[2]
    if is_silent(site):
        return False
    archive = folder / "archive.tar.gz"
    try:
        _save(download, archive, current)
        _unpack(download, archive, folder)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        note_silent(site)
        return _say(download, f"{site} does not answer ({type(error).__name__})")
    except httpx.HTTPError as error:
        return _say(download, f"{site} broke off ({type(error).__name__}: {error})")
    except (_UnusableError, tarfile.TarError) as error:
        return _say(download, str(error))
    finally:
        archive.unlink(missing_ok=True)
    console.print(f"  {escape(download.name)} {download.version}: the official release of {site}, checksum as published")
    return True


def is_silent(site: str) -> bool:
    """Whether ``site`` did not answer less than `RETRY_SECONDS` ago."""
    record = cache() / SILENT / site
    return record.is_file() and 0 <= time.time() - record.stat().st_mtime < RETRY_SECONDS


def note_silent(site: str) -> None:
    """Note that ``site`` does not answer."""
    record = cache() / SILENT / site
    record.parent.mkdir(parents=True, exist_ok=True)
    record.touch()


def for_this_machine(name: str, version: str) -> Download | None:
    """Return the download of a program in this very version for this machine, if there is one."""
    download = TABLE.get(name)
    fits = download is not None and download.version == version and (platform.system(), platform.machine()) == ("Linux", "x86_64")
    return download if fits else None


def _save(download: Download, archive: Path, current: Step) -> None:
    """Write the archive. Raises `_UnusableError` unless it is the very one that the table names."""
    digest, arrived, until = hashlib.sha512(), 0, time.monotonic() + WHOLE_SECONDS
    timeout = httpx.Timeout(STALL_SECONDS, connect=ANSWER_SECONDS)
    with (
        archive.open("wb") as sink,
        httpx.Client(follow_redirects=True, timeout=timeout) as client,
        client.stream("GET", download.url) as answer,
    ):
        if not answer.is_success:
            raise _UnusableError(f"{download.url} answers {answer.status_code}")
        total = int(answer.headers.get("content-length", 0))
        for part in answer.iter_raw(1 << 20):
            digest.update(part)
            sink.write(part)
            arrived += len(part)
            current.say(f"downloading {download.name} {download.version}: {arrived >> 20} of {total >> 20} MiB")
            if time.monotonic() > until:
                raise _UnusableError(f"{download.url} takes longer than {WHOLE_SECONDS:.0f} s")
    if digest.hexdigest() != download.sha512:
        found, expected = digest.hexdigest()[:16], download.sha512[:16]
        raise _UnusableError(f"{download.url} is refused: its SHA-512 must be {expected}… as its publisher says, and is {found}…")


def _unpack(download: Download, archive: Path, folder: Path) -> None:
    missing = dict(download.members)
    with tarfile.open(archive) as tar:
        for member in tar:
            name = missing.pop(member.name, None)
            source = tar.extractfile(member) if name is not None else None
            if name is None or source is None:
                continue
            target = folder / name
            target.unlink(missing_ok=True)  # a link that an interrupted build has left
            with target.open("wb") as sink:
                while part := source.read(1 << 20):
                    sink.write(part)
            target.chmod(0o755)
            if not missing:
                return
    raise _UnusableError(f"{download.url} lacks {', '.join(missing)}")


def _say(download: Download, reason: str) -> bool:
    console.print(f"  note: {escape(reason)}: building {escape(download.name)} {download.version} from source instead")
    return False
