"""The project's own stacks, run through the recorder of renders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lab.render import recorder
from lab.render.recorder import GENERATED, PUBLIC_KEY, SECRET_SIGNATURE, Program, Registered
from lab.render.stackfile import project_stacks, read

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
    return dict(read(FILES[stack]).values)


def run_program(
    stack: str, configuration: Mapping[str, str] | None = None, *, into: Program | None = None, preview: bool = False
) -> Program:
    """Run the program for ``stack`` and return what it registered; ``into`` keeps it even where the program fails."""
    settings = dict(configuration if configuration is not None else stack_configuration(stack))
    return recorder.run_program(ROOT, stack, settings, preview=preview, into=into or Program(stack))


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


def texts(value: Any) -> Iterator[str]:
    """Yield every text inside ``value``."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
