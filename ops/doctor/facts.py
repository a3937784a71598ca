"""What can be seen of a stack, piece by piece, without any judgement. What is secret in it is never shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ops.kube.http import NoAnswer, NotChecked


@dataclass(frozen=True, slots=True)
class Denied(NoAnswer):
    """The database refuses Portus' account.

    Args:
        code: MariaDB's error number.
        has_account: whether the server has an account of that name; None if that is unknown.
    """

    code: int
    has_account: bool | None = None


Step = Literal["connect", "tls", "login", "answer"]
"""Where contact with a server outside the stack ended."""

NOT_LOOKED: Final = NotChecked("it was not looked at")


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What the stack must be: its outputs, and the objects of its Pulumi state.

    Args:
        registry: the registry's public host, with the port where it is not 443.
        trust: PEM, what clients have to trust.
        objects: kind and name of every object in the namespace that Pulumi has made.
        copies: of each workload by its name, as Pulumi has deployed it; of one that an autoscaler rules, the fewest.
    """

    stack: str
    namespace: str
    portus_url: str
    registry: str
    portus_version: str
    trust: str = field(repr=False)
    objects: tuple[tuple[str, str], ...] = ()
    copies: Mapping[str, int] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Portus' public host: the tokens' issuer."""
        return self.portus_url.removeprefix("https://").partition(":")[0]

    @property
    def registry_name(self) -> str:
        """The registry's public name."""
        return self.registry.partition(":")[0]

    @property
    def https_port(self) -> int:
        """The public port."""
        return int(self.registry.partition(":")[2] or 443)

    @property
    def is_puma(self) -> bool:
        """Whether events wait for a worker (2.3 on); else the web server handles them inside the request."""
        return tuple(int(part) for part in self.portus_version.split(".")) >= (2, 3)

    @property
    def ping(self) -> str:
        """What the web server answers with 200 without a login; on Apache this needs the database."""
        return "/api/v1/_ping" if self.is_puma else "/v2/token"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """A Pod that is not being stopped.

    Args:
        ports: of its containers, by name.
        aliases: host name -> address.
        variables: of its first container, Secrets read.
        claims: PersistentVolumeClaim -> where it is mounted.
        files: path -> text of what it mounts from Secrets and ConfigMaps, as the cluster has it now.
        ready_since: when it got ready, in seconds since 1970; 0 where nothing says it.
    """

    name: str
    ready: bool
    ready_since: float = 0.0
    ports: Mapping[str, int] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)

    def setting(self, variable: str) -> str:
        """Return a variable's value, from its file where ``<variable>_FILE`` names one; '' for none."""
        return self.variables.get(variable) or self.files.get(self.variables.get(f"{variable}_FILE", ""), "").strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """A Deployment or StatefulSet.

    Args:
        kind: as kubectl takes it.
        problems: what keeps its Pods from being ready, in their own words.
        before_restore: its copies before a restore stopped it; None where none did.
    """

    kind: str
    name: str
    replicas: int
    pods: tuple[Pod, ...]
    problems: tuple[str, ...] = ()
    before_restore: str | None = None

    @property
    def ready(self) -> tuple[Pod, ...]:
        """Its Pods that are ready."""
        return tuple(pod for pod in self.pods if pod.ready)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A PersistentVolumeClaim.

    Args:
        used: share of its file system, 0 to 1; None while no Pod mounts it.
        waits: whether it is bound only when a first Pod mounts it.
    """

    name: str
    phase: str
    problems: tuple[str, ...] = ()
    used: float | NotChecked | None = None
    waits: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """What Portus' Pod got from a server outside the stack.

    Args:
        server: as the report names it: host and port, or an address on the web.
        seen: what shows that it works; '' if it does not.
        problem: in the words of the server or the library; '' if it works.
        step: where it ended, if it does not work.
    """

    server: str
    seen: str = ""
    problem: str = ""
    step: Step = "answer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """The registry's notifications to one endpoint, counted twice some seconds apart."""

    pod: str
    name: str
    pending: int
    delivered: int
    """Within those seconds."""
    statuses: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A row of Portus' table ``registries``."""

    hostname: str
    external_hostname: str
    use_ssl: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """Rows of ``registry_events`` in one state; ``oldest`` in seconds."""

    count: int = 0
    oldest: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """What Portus' own account sees.

    Args:
        migrations: versions in ``schema_migrations``.
        expected: versions of the files in the image; empty where it has none to list.
        fresh, stuck: events that wait for the worker, and that it began and never ended.
    """

    version: str
    charset: str
    collation: str
    migrations: tuple[str, ...]
    expected: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    fresh: Backlog = Backlog()
    stuck: Backlog = Backlog()
