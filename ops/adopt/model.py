"""What the readers hand over and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Fate(StrEnum):
    """What becomes of one key of the source. Each key has exactly one."""

    TAKEN = "taken"
    NOT_NEEDED = "not needed"
    DECISION = "needs a decision"
    NO_COUNTERPART = "no counterpart"


@dataclass(frozen=True, order=True)
class Place:
    """Where a key is written; line 0 means that the file has no line for it."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Item:
    """One key of the source with its effective value."""

    place: Place
    key: str
    value: Any = None

    @property
    def text(self) -> str:
        """The value as a program reads it from its environment."""
        if self.value is None:
            return ""
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


@dataclass(frozen=True)
class Verdict:
    """The fate of an item, in words that show no value that might be secret."""

    item: Item
    fate: Fate
    text: str
    target: str = ""
    """Key of the stack file, where the fate is `Fate.TAKEN`."""


@dataclass(frozen=True)
class Problem:
    """A reason to refuse the source."""

    place: Place
    rule: str
    fix: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule} (fix: {self.fix})"


class AdoptError(Exception):
    """The source is refused; nothing has been written."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.place)
        super().__init__("\n".join(map(str, self.problems)))


class Role(StrEnum):
    """What a workload of the source does for Portus."""

    PORTUS = "Portus"
    WORKER = "Portus' worker"
    REGISTRY = "the registry"
    DATABASE = "the database"
    PROXY = "the front proxy"
    CACHE = "the registry's cache"
    OTHER = "another program"


@dataclass(frozen=True)
class Mount:
    """A volume or file inside a container."""

    item: Item
    source: str
    target: str
    kind: str = "bind"
    """``bind`` (a path of the host), ``volume`` (a name), ``claim``, ``emptyDir``, ``secret`` or ``config``."""
    files: tuple[tuple[str, str, Place], ...] = ()
    """Path in the container, content and place of each file that could be read: of a ConfigMap or Secret, or a configuration."""


@dataclass
class Workload:
    """One service or Pod template of the source."""

    name: str
    item: Item
    role: Role = Role.OTHER
    image: Item | None = None
    command: str = ""
    environment: dict[str, Item] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    rest: list[Item] = field(default_factory=list)
    """Everything else, one item for each key."""
    settled: list[Verdict] = field(default_factory=list)
    """What the reader could already judge."""


@dataclass
class Source:
    """Everything that a reader found."""

    kind: str
    """``compose``, ``helm`` or ``kubernetes``."""
    workloads: list[Workload] = field(default_factory=list)
    portus_config: list[tuple[str, Item]] = field(default_factory=list)
    """Dotted key of Portus' config.yml -> item."""
    registry_config: list[tuple[str, Item]] = field(default_factory=list)
    """Dotted key of the registry's config.yml -> item."""
    values: list[tuple[str, Item]] = field(default_factory=list)
    """Dotted key of a chart's values -> item."""
    given: set[Role] = field(default_factory=set)
    """Whose configuration an option names, so that no mount is read for it."""
    services: set[str] = field(default_factory=set)
    """Names, besides the workloads', that only the old deployment resolves."""
    decided: list[Verdict] = field(default_factory=list)
    """What the reader could already judge."""
    notes: list[str] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)
    """Parts of the plan's commands, by name."""

    def with_role(self, role: Role) -> Workload | None:
        """Return the first workload with ``role``."""
        return next((workload for workload in self.workloads if workload.role is role), None)


class Findings:
    """Verdicts, and the stack file that follows from them."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self.settings: dict[str, Any] = {}
        self.secrets: dict[str, str] = {}
        self.accepted: dict[str, str] = {}
        """Waiver of the stack file -> why the old deployment needs it."""
        self.questions: list[str] = []
        self.missing: dict[str, str] = {}
        """Key that the stack file needs and the source does not say -> what to write."""

    def take(self, item: Item, key: str, value: Any, text: str = "") -> None:
        """Write ``value`` under ``key`` of the stack file."""
        self.settings[key] = value
        self.verdicts.append(Verdict(item, Fate.TAKEN, text, key))

    def take_secret(self, item: Item, key: str, value: str, text: str = "") -> None:
        """Encrypt ``value`` under ``key`` of the stack file."""
        self.secrets[key] = value
        self.verdicts.append(Verdict(item, Fate.TAKEN, text or "encrypted", key))

    def not_needed(self, item: Item, why: str) -> None:
        """Note that nothing has to be written for ``item``."""
        self.verdicts.append(Verdict(item, Fate.NOT_NEEDED, why))

    def ask(self, item: Item, question: str) -> None:
        """Leave ``item`` to the reader of the report."""
        self.verdicts.append(Verdict(item, Fate.DECISION, question))

    def drop(self, item: Item, reason: str) -> None:
        """Note that this program has nothing like ``item``."""
        self.verdicts.append(Verdict(item, Fate.NO_COUNTERPART, reason))

    def accept(self, waiver: str, why: str) -> None:
        """Let the stack file accept what production refuses, because the old deployment does it."""
        self.accepted.setdefault(waiver, why)


@dataclass(frozen=True)
class Answers:
    """Answers to what a source cannot say, or says unusably."""

    host: str = ""
    registry_host: str = ""
    version: str = ""
