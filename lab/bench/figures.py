"""From single runs to the figures that the bench prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

VERBS: Final = ("preview", "noop_up")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One command's run."""

    wall: float
    """Seconds from the command's start to its end."""
    peak_mib: float
    """Peak resident memory of the program's own process, MiB."""
    program: float
    """Seconds from the start of the program's process until it had built everything: interpreter, imports, settings, components."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The same command, run in turn by the floor and by the program."""

    floor: Sequence[Run]
    program: Sequence[Run]

    def ratio(self, what: str) -> float:
        """Return the program's median by the floor's; ``what`` is a field of `Run`."""
        return self._median(self.program, what) / self._median(self.floor, what)

    def figures(self) -> dict[str, float]:
        """Return both medians in absolute terms and their ratios."""
        return {
            "wall.ratio": self.ratio("wall"),
            "memory.ratio": self.ratio("peak_mib"),
            "wall.seconds": self._median(self.program, "wall"),
            "wall.floor_seconds": self._median(self.floor, "wall"),
            "memory.mib": self._median(self.program, "peak_mib"),
            "memory.floor_mib": self._median(self.floor, "peak_mib"),
        }

    @property
    def own(self) -> float:
        """The program's own seconds."""
        return self._median(self.program, "program")

    @property
    def share(self) -> float:
        """The program's own time as a share of the command's."""
        return median(run.program / run.wall for run in self.program)

    @staticmethod
    def _median(runs: Sequence[Run], what: str) -> float:
        return median(float(getattr(run, what)) for run in runs)


TARGETS: Final[Mapping[str, str]] = {
    "preview.wall.ratio": "<= 1.10",
    "noop_up.wall.ratio": "<= 1.10",
    "preview.memory.ratio": "<= 1.25",
    "noop_up.memory.ratio": "<= 1.25",
    "first_up.ratio": "<= 1.5",
    "push.ratio": ">= 0.85",
    "pull.ratio": ">= 0.85",
    "import.ratio": ">= 0.8",
    "growth.ratio": "<= 1.1",
}
"""What docs/develop/bench.md promises of a quiet machine."""


def figures(measured: Mapping[str, Pair], from_nothing: float, service: Mapping[str, float]) -> dict[str, float]:
    """Return every figure by name.

    Args:
        measured: verb -> its runs.
        from_nothing: seconds from no cluster to a checked stack.
        service: what was measured of the deployed stack itself, by name.
    """
    found = {f"{verb}.{name}": value for verb in VERBS for name, value in measured[verb].figures().items()}
    found |= {"program.seconds": measured["preview"].own, "program.share": measured["preview"].share}
    found |= {"up_from_nothing.seconds": from_nothing, **service}
    return {name: round(value, 3) for name, value in found.items()}
