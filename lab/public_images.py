"""The genuine images from their public registries, for ``IMAGES=public``: copied by digest under the names that the lab's stacks use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lab import cache
from lab.images import build
from lab.images.recipes import PREFIX
from ops.console import console, escape, step
from ops.errors import OpsError
from ops.skopeo import Client

PUBLIC: Final[Mapping[str, str]] = MappingProxyType(
    {
        "portus-lab:2.4": "docker.io/opensuse/portus:2.4",
        "portus-lab:2.5": "docker.io/opensuse/portus:2.5",
        "registry-lab:2.8": "docker.io/library/registry:2.8.3",
        "registry-lab:3": "docker.io/library/registry:3.1.2",
        "mariadb-lab:10.11": "docker.io/library/mariadb:10.11.14",
        "haproxy-lab:2.6": "docker.io/library/haproxy:3.2-alpine",
    }
)
"""By the lab's name, the image that it replaces. The tools (``client-lab``) are the lab's own; Portus 2.0 to 2.2 were never published."""

PLATFORM: Final = ("--override-os", "linux", "--override-arch", "amd64")

ASK_SECONDS: Final = 20
COPY_SECONDS: Final = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicImage:
    """A genuine image under the name of the lab's: its archive is what `lab.images.build.load` loads."""

    reference: str
    archive: Path


def fetch(names: Sequence[str], *, tls: bool = True, table: Mapping[str, str] = PUBLIC) -> list[PublicImage | build.Image]:
    """Return each image as its registry has it now; the lab's own if it replaces none.

    Args:
        names: as the stack file has them, ``localhost/mariadb-lab:10.11``.
        tls: off for a registry of a test.
        table: where the images come from, by the lab's names.

    Raises:
        OpsError: an image that was never published; or its registry does not answer, or broke off.
    """
    missing = [name for name in names if _short(name) not in table and _short(name).startswith("portus-lab")]
    if missing:
        raise OpsError(
            f"IMAGES=public must have a public image of {', '.join(missing)}: it was never published.",
            "leave IMAGES out: the lab's double serves that version.",
        )
    return [_copied(name, table[_short(name)], tls=tls) if _short(name) in table else build.build_images([name])[0] for name in names]


def _short(name: str) -> str:
    return name.removeprefix(f"{PREFIX}/")


def _copied(name: str, public: str, *, tls: bool) -> PublicImage:
    repository = public.rpartition(":")[0]

    def make(work: Path) -> None:
        archive = work / "image.tar"
        archive.unlink(missing_ok=True)  # skopeo adds to nothing
        source, target = f"docker://{repository}@{digest}", f"docker-archive:image.tar:{name}"
        with step(f"copying {repository}@{digest[:19]}…"):
            _skopeo(work, public, "copy", f"--src-tls-verify={_word(tls)}", source, target, seconds=COPY_SECONDS)

    entry = f"images-public/{_short(name)}"
    digest = _digest(public, tls=tls)
    folder = cache.build(entry, cache.key(public, digest, name), make)
    console.print(f"  {escape(name)} is {escape(repository)}@{digest}")
    return PublicImage(reference=name, archive=folder / "image.tar")


def _word(tls: object) -> str:
    return str(tls).lower()


def _digest(public: str, *, tls: bool) -> str:
    with step(f"asking for {public}"):
        words = [f"--tls-verify={_word(tls)}", "--format", "{{.Digest}}"]
        output = _skopeo(Path.cwd(), public, "inspect", *words, f"docker://{public}", seconds=ASK_SECONDS)
    found = re.search(r"sha256:[0-9a-f]{64}", output)
    if found is None:
        raise _unusable(public, output)
    return found[0]


def _skopeo(folder: Path, public: str, *words: str, seconds: int) -> str:
    try:
        from lab.environment import Lab  # noqa: PLC0415 - the lab's environment knows these images

        answer = Client(folder, registry="", environment=Lab()).skopeo(
            "--command-timeout", f"{seconds}s", *PLATFORM, *words, seconds=seconds + 10
        )
    except OpsError as error:
        raise _unusable(public, error.problem) from error
    if answer.code != 0:
        raise _unusable(public, answer.output)
    return answer.output


def _unusable(public: str, output: str) -> OpsError:
    return OpsError(f"{public} cannot be copied from its registry.", "leave IMAGES out to run the lab's own images.", output.strip()[-600:])
