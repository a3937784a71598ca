"""What ``registry garbage-collect`` prints, read; pure. Both series' words: 2.8.2 and 3.1.2, recorded in tests/ops/gc."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

DIGEST: Final = r"sha256:[0-9a-f]{64}"
_SUMMARY: Final = re.compile(r"(\d+) blobs marked, (\d+) blobs and (\d+) manifests eligible for deletion")
_MANIFEST: Final = re.compile(rf"(\S+): marking manifest ({DIGEST})\s*")
_REFERENCE: Final = re.compile(rf"(\S+): marking blob ({DIGEST})")
_UNTAGGED: Final = re.compile(rf"manifest eligible for deletion: (?:\{{(\S+) )?({DIGEST}).*")
_TAGLESS: Final = re.compile(r"manifest tags path of repository (\S+) does not exist")
_BLOB: Final = re.compile(rf"blob eligible for deletion: ({DIGEST})")
_BYTES: Final = re.compile(r"bytes (\d+) \./[0-9a-f]{2}/([0-9a-f]{64})/data")
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
"""A line of its own; the registry's other words have blanks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """A manifest of several platforms that stays and would lose some of them."""

    repository: str
    digest: str
    lost: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What a collection deletes, or would.

    Args:
        manifests: how many stay, of all repositories.
        marked: how many blobs stay, by the registry's own count.
        blobs: digests of those that go.
        untagged: (repository, digest) of the manifests that go because no tag names them.
        tagless: repositories without any tag, whose images all go with ``--delete-untagged`` though 3.1 does not count them.
        indexes: what stays broken.
        sizes: digest -> bytes of every blob in the store; empty where its driver does not keep files.
        whole: whether nothing of the output is missing.
    """

    repositories: tuple[str, ...] = ()
    manifests: int = 0
    marked: int = 0
    blobs: tuple[str, ...] = ()
    untagged: tuple[tuple[str, str], ...] = ()
    tagless: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict, repr=False)
    whole: bool = False

    @property
    def freed(self) -> int | None:
        """Bytes of the blobs that go; None where the sizes are not known."""
        return sum(self.sizes.get(blob, 0) for blob in self.blobs) if self.sizes else None

    @property
    def stored(self) -> int | None:
        """Bytes of all blobs in the store; None where the sizes are not known."""
        return sum(self.sizes.values()) if self.sizes else None


@dataclass(slots=True)
class _Repository:
    """The output about one."""

    references: dict[str, list[str]] = field(default_factory=dict)
    """Manifest that stays -> what it refers to: in 3.1 what its children refer to as well."""
    untagged: list[str] = field(default_factory=list)


def findings(text: str) -> Findings:
    """Return what the output of ``registry garbage-collect`` says, and the sizes that `ops.gc.job` adds to it."""
    repositories: dict[str, _Repository] = {}
    tagless: list[str] = []
    blobs: list[str] = []
    sizes: dict[str, int] = {}
    summary = (0, -1, 0)
    current, manifest = "", ""
    for line in (each.strip() for each in text.splitlines()):
        if found := _SUMMARY.fullmatch(line):
            summary = (int(found[1]), int(found[2]), int(found[3]))
        elif found := _MANIFEST.fullmatch(line):
            current, manifest = found[1], found[2]
            repositories.setdefault(current, _Repository()).references.setdefault(manifest, [])
        elif found := _REFERENCE.fullmatch(line):
            repositories[current].references[manifest].append(found[2])
        elif found := _UNTAGGED.fullmatch(line):
            repositories.setdefault(found[1] or current, _Repository()).untagged.append(found[2])
        elif found := _TAGLESS.fullmatch(line):
            tagless += [] if found[1] in tagless else [found[1]]
        elif found := _BLOB.fullmatch(line):
            blobs.append(found[1])
        elif found := _BYTES.fullmatch(line):
            sizes[f"sha256:{found[2]}"] = int(found[1])
        elif summary[1] < 0 and _REPOSITORY.fullmatch(line):
            current = line
            repositories.setdefault(current, _Repository())
    untagged = tuple((name, digest) for name, each in repositories.items() for digest in each.untagged)
    return Findings(
        repositories=tuple(repositories),
        manifests=sum(len(each.references) for each in repositories.values()),
        marked=summary[0],
        blobs=tuple(blobs),
        untagged=untagged,
        tagless=tuple(tagless),
        indexes=tuple(_broken(repositories)),
        sizes=sizes,
        whole=summary[1] == len(blobs) and summary[2] == len(untagged),
    )


def _broken(repositories: Mapping[str, _Repository]) -> Iterator[Index]:
    """Give each manifest that stays and refers to one that goes: only an index refers to manifests."""
    for name, each in repositories.items():
        for digest, references in each.references.items():
            if lost := tuple(child for child in references if child in each.untagged):
                yield Index(repository=name, digest=digest, lost=lost)


def readable(count: int) -> str:
    """Return bytes as people read them: ``1.5 GiB``."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":  # noqa: PLR2004 - what the units are
            break
        size /= 1024
    return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
