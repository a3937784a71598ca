"""The project's own stacks, run through the recorder of renders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from lab.render import recorder
from lab.render.recorder import GENERATED, PUBLIC_KEY, SECRET_SIGNATURE, Program, Registered
from lab.render.stackfile import project_stacks, read
from tests.readable import texts

__all__ = [
    "FILES",
    "GENERATED",
    "PUBLIC_KEY",
    "ROOT",
    "SECRET_SIGNATURE",
    "STACKS",
    "Program",
    "Programs",
    "Registered",
    "run_program",
    "stack_configuration",
    "texts",
]

ROOT = Path(__file__).resolve().parent.parent

FILES = project_stacks()

STACKS = sorted(FILES)


def stack_configuration(stack: str) -> dict[str, str]:
    """Return a stack file's configuration as Pulumi hands it to a program: text, sections as JSON."""
    return dict(_read(FILES[stack]).values)


_read = cache(read)


def run_program(
    stack: str, configuration: Mapping[str, str] | None = None, *, into: Program | None = None, preview: bool = False
) -> Program:
    """Return what the program registers for ``stack``; it runs once for each configuration, and no test changes what it gets.

    Args:
        into: keeps what was registered even where the program fails; such a run is nobody else's.
    """
    settings = dict(configuration if configuration is not None else stack_configuration(stack))
    if into is not None:
        return recorder.run_program(ROOT, stack, settings, preview=preview, into=into)
    return _ran(stack, tuple(settings.items()), os.environ.get("PULUMI_CONFIG_SECRET_KEYS"), preview)


@cache
def _ran(stack: str, settings: tuple[tuple[str, str], ...], secret_keys: str | None, preview: bool) -> Program:  # noqa: FBT001 - a key
    """Run the program; ``secret_keys`` is what the environment says, which the program reads."""
    del secret_keys
    return recorder.run_program(ROOT, stack, dict(settings), preview=preview, into=Program(stack))


class Programs(Mapping[str, Program]):
    """Programs by name; each runs when a test first asks for it."""

    def __init__(self, names: Iterable[str], run: Callable[[str], Program]) -> None:
        self._names = tuple(names)
        self._run = cache(run)

    def __getitem__(self, name: str) -> Program:
        if name not in self._names:
            raise KeyError(name)
        return self._run(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
