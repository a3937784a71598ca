"""How every Pod is hardened, in one place; and the few shapes that all Pods share.

Hardened by default: no service links, no service-account token, seccomp RuntimeDefault, all capabilities
dropped, no privilege escalation, read-only root, non-root. What an image cannot do is a ``Privileges`` of its own that says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.common.stack_context import NONE, Labels, PodExtras, StackContext


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One key of a Secret in the same namespace."""

    secret: pulumi.Input[str]
    key: str


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One key of a ConfigMap in the same namespace."""

    config_map: pulumi.Input[str]
    key: str


SecretInput = pulumi.Output[str] | SecretKey
"""A secret's value, or the key of an existing Secret."""

EnvironmentValue = pulumi.Input[str] | SecretKey
Environment = Mapping[str, EnvironmentValue]
"""A container's environment: a plain value, or where the kubelet reads it from. A secret is always the latter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Privileges:
    """What a container may do; the defaults are the strictest.

    Args:
        user: the uid; None leaves the image's own user.
        group: the gid and the group that owns the Pod's volumes; None leaves the image's own.
        root: whether the process may be root.
        escalation: whether sudo and set-uid programs work.
        writable_root: whether the root file system is writable.
        drop_all: whether every capability is dropped.
        guest: whether its containers say user and group themselves, since the Pod is another image's.
    """

    user: int | None = None
    group: int | None = None
    root: bool = False
    escalation: bool = False
    writable_root: bool = False
    drop_all: bool = True
    guest: bool = False

    def container(self) -> core.SecurityContextArgs:
        """Return the container's security context."""
        return core.SecurityContextArgs(
            allow_privilege_escalation=self.escalation,
            privileged=False,
            read_only_root_filesystem=not self.writable_root,
            capabilities=core.CapabilitiesArgs(drop=["ALL"]) if self.drop_all else None,
            run_as_user=self.user if self.guest else None,
            run_as_group=self.group if self.guest else None,
            run_as_non_root=True if self.guest else None,
        )

    def pod(self) -> core.PodSecurityContextArgs:
        """Return the Pod's security context."""
        return core.PodSecurityContextArgs(
            run_as_non_root=None if self.root else True,
            run_as_user=self.user,
            run_as_group=self.group,
            fs_group=self.group,
            fs_group_change_policy=None if self.group is None else "OnRootMismatch",
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """Requests and limits, in Kubernetes quantities."""

    requests: Mapping[str, str]
    limits: Mapping[str, str]

    def args(self, *, cpu_limits: bool = True) -> core.ResourceRequirementsArgs:
        """Return them as Kubernetes takes them; without ``cpuLimits`` a container may use what its node has idle."""
        limits = {kind: amount for kind, amount in self.limits.items() if cpu_limits or kind != "cpu"}
        return core.ResourceRequirementsArgs(requests=dict(self.requests), limits=limits)


class ResourceSpec(Protocol):
    """What the stack file says of a container's resources (``components.settings.sections.cluster.WorkloadResources``)."""

    @property
    def requests(self) -> Amounts:
        """Reserved."""

    @property
    def limits(self) -> Amounts:
        """Enforced."""


class Amounts(Protocol):
    """Amounts of one kind; None where the stack file says nothing."""

    @property
    def cpu(self) -> str | None:
        """A Kubernetes quantity."""

    @property
    def memory(self) -> str | None:
        """A Kubernetes quantity."""


def merged(default: Resources, spec: ResourceSpec) -> Resources:
    """Return ``default`` with what the stack file says instead."""
    return Resources(requests={**default.requests, **_set_values(spec.requests)}, limits={**default.limits, **_set_values(spec.limits)})


def _set_values(amounts: Amounts) -> dict[str, str]:
    return {kind: amount for kind, amount in (("cpu", amounts.cpu), ("memory", amounts.memory)) if amount is not None}


def env_vars(environment: Environment) -> list[core.EnvVarArgs]:
    """Return ``environment`` as Kubernetes takes it, sorted by name so that the order never makes a diff."""
    return [_env_var(name, environment[name]) for name in sorted(environment)]


def _env_var(name: str, value: EnvironmentValue) -> core.EnvVarArgs:
    if isinstance(value, SecretKey):
        source = core.SecretKeySelectorArgs(name=value.secret, key=value.key)
        return core.EnvVarArgs(name=name, value_from=core.EnvVarSourceArgs(secret_key_ref=source))
    return core.EnvVarArgs(name=name, value=value)


def empty_dir(name: str, size: str, *, memory: bool = False) -> core.VolumeArgs:
    """Return a scratch volume of at most ``size``; in memory for what must not reach a disk."""
    return core.VolumeArgs(name=name, empty_dir=core.EmptyDirVolumeSourceArgs(size_limit=size, medium="Memory" if memory else None))


def mount(name: str, path: str, *, read_only: bool = True, sub_path: str | None = None) -> core.VolumeMountArgs:
    """Return a mount of volume ``name`` at ``path``."""
    return core.VolumeMountArgs(name=name, mount_path=path, read_only=read_only or None, sub_path=sub_path)


def secret_volume(name: str, secret: pulumi.Input[str], items: Mapping[str, str] | None = None, *, mode: int = 0o440) -> core.VolumeArgs:
    """Return a volume of a Secret's keys.

    Args:
        items: key -> file name; None takes every key under its own name.
        mode: of the files; 0440 because the Pod's group, not always its user, owns them.
    """
    source = core.SecretVolumeSourceArgs(secret_name=secret, items=_items(items), default_mode=mode)
    return core.VolumeArgs(name=name, secret=source)


def secrets_volume(name: str, files: Mapping[str, SecretKey | ConfigKey], *, mode: int = 0o440) -> core.VolumeArgs:
    """Return a volume of keys of several Secrets and ConfigMaps; ``files``: file name -> where its content is."""
    sources = [_projection(place, path) for path, place in sorted(files.items())]
    return core.VolumeArgs(name=name, projected=core.ProjectedVolumeSourceArgs(sources=sources, default_mode=mode))


def _projection(place: SecretKey | ConfigKey, path: str) -> core.VolumeProjectionArgs:
    items = [core.KeyToPathArgs(key=place.key, path=path)]
    if isinstance(place, SecretKey):
        return core.VolumeProjectionArgs(secret=core.SecretProjectionArgs(name=place.secret, items=items))
    return core.VolumeProjectionArgs(config_map=core.ConfigMapProjectionArgs(name=place.config_map, items=items))


def claim_volume(name: str, claim: pulumi.Input[str]) -> core.VolumeArgs:
    """Return the volume of a PersistentVolumeClaim."""
    return core.VolumeArgs(name=name, persistent_volume_claim=core.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim))


def config_volume(
    name: str, config_map: pulumi.Input[str], items: Mapping[str, str] | None = None, *, mode: int = 0o444
) -> core.VolumeArgs:
    """Return a volume of a ConfigMap's keys; arguments as ``secret_volume``'s."""
    source = core.ConfigMapVolumeSourceArgs(name=config_map, items=_items(items), default_mode=mode)
    return core.VolumeArgs(name=name, config_map=source)


def _items(items: Mapping[str, str] | None) -> list[core.KeyToPathArgs] | None:
    return None if items is None else [core.KeyToPathArgs(key=key, path=path) for key, path in sorted(items.items())]


EXECUTABLE: Final = 0o555
"""Mode of mounted scripts: the MariaDB image sources what it cannot execute, and so takes over its shell options."""

HTTP_PROBE_TIMEOUT_SECONDS: Final = 5
"""Portus answers within milliseconds when idle and seconds when busy; the chart's one second restarted healthy Pods (caasp-services#35)."""


def http_probe(port: int | str, path: str, *, scheme: str, period: int, failures: int, delay: int = 0) -> core.ProbeArgs:
    """Return a probe that asks ``path``; ``period`` and ``delay`` in seconds, ``failures`` in a row before it counts."""
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path=path, port=port, scheme=scheme),
        initial_delay_seconds=delay or None,
        period_seconds=period,
        timeout_seconds=HTTP_PROBE_TIMEOUT_SECONDS,
        failure_threshold=failures,
    )


def exec_probe(command: Sequence[str], *, period: int, failures: int, timeout: int = 10) -> core.ProbeArgs:
    """Return a probe that runs ``command``; ``period`` and ``timeout`` in seconds."""
    return core.ProbeArgs(
        exec_=core.ExecActionArgs(command=list(command)),
        period_seconds=period,
        timeout_seconds=timeout,
        failure_threshold=failures,
    )


def tcp_probe(port: int | str, *, period: int, failures: int) -> core.ProbeArgs:
    """Return a probe that opens ``port``; ``period`` in seconds."""
    return core.ProbeArgs(
        tcp_socket=core.TCPSocketActionArgs(port=port), period_seconds=period, timeout_seconds=5, failure_threshold=failures
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Probes:
    """A container's probes; the liveness and readiness probes differ, or a busy server is restarted for being busy."""

    startup: core.ProbeArgs | None = None
    readiness: core.ProbeArgs | None = None
    liveness: core.ProbeArgs | None = None


def container(
    name: str,
    image: str,
    context: StackContext,
    privileges: Privileges,
    *,
    resources: Resources,
    environment: Environment | None = None,
    command: Sequence[str] | None = None,
    arguments: Sequence[str] | None = None,
    ports: Mapping[str, int] | None = None,
    mounts: Sequence[core.VolumeMountArgs] = (),
    probes: Probes | None = None,
    pre_stop: Sequence[str] | None = None,
    extras: PodExtras = NONE,
) -> core.ContainerArgs:
    """Return a hardened container.

    Its last log lines become the termination message, so that a failed ``pulumi up`` shows why the process ended.

    Args:
        pre_stop: run before the container must stop.
        extras: whose variables and mounts it gets: those of its workload, for the workload's own container.

    Raises:
        pulumi.RunError: this program sets one of those variables itself, and the settings' rules know nothing of it.
    """
    if taken := set(environment or {}) & {variable["name"] for variable in extras.env}:
        raise pulumi.RunError(f"workloads: env must not have {', '.join(sorted(taken))}: this program sets it (fix: remove it from env).")
    probes = probes or Probes()
    stop = None
    if pre_stop is not None:
        stop = core.LifecycleArgs(pre_stop=core.LifecycleHandlerArgs(exec_=core.ExecActionArgs(command=list(pre_stop))))
    return core.ContainerArgs(
        name=name,
        image=image,
        image_pull_policy=context.pull_policy,
        command=None if command is None else list(command),
        args=None if arguments is None else list(arguments),
        env=[*env_vars(environment or {}), *_untyped(extras.env)] or None,
        ports=[core.ContainerPortArgs(name=label, container_port=port) for label, port in ports.items()] if ports else None,
        volume_mounts=[*mounts, *_untyped(extras.mounts)] or None,
        resources=resources.args(cpu_limits=context.cpu_limits),
        startup_probe=probes.startup,
        readiness_probe=probes.readiness,
        liveness_probe=probes.liveness,
        lifecycle=stop,
        security_context=privileges.container(),
        termination_message_policy="FallbackToLogsOnError",
    )


def pod_template(
    labels: Labels,
    context: StackContext,
    privileges: Privileges,
    *,
    containers: Sequence[core.ContainerArgs],
    volumes: Sequence[core.VolumeArgs] = (),
    init_containers: Sequence[core.ContainerArgs] = (),
    grace_seconds: int = 30,
    host_aliases: Mapping[str, pulumi.Input[str]] | None = None,
    restart_policy: str | None = None,
    service_account: pulumi.Input[str] | None = None,
    more_labels: Mapping[str, str] | None = None,
) -> core.PodTemplateSpecArgs:
    """Return a hardened Pod.

    Args:
        grace_seconds: between the request to stop and the kill.
        host_aliases: host name -> address, for names that inside the cluster must not leave it.
        service_account: by which a cloud knows the Pod; None takes the namespace's default. Its token is never mounted.
        more_labels: on top of the recommended ones, where a cloud's webhook looks for them.
    """
    aliases = [core.HostAliasArgs(ip=address, hostnames=[name]) for name, address in sorted((host_aliases or {}).items())]
    extras = context.extras_of(labels.component)
    return core.PodTemplateSpecArgs(
        metadata=meta.ObjectMetaArgs(
            labels={**extras.labels, **labels.all, **(more_labels or {})}, annotations=dict(extras.annotations) or None
        ),
        spec=core.PodSpecArgs(
            containers=list(containers),
            init_containers=list(init_containers) or None,
            volumes=[*volumes, *_untyped(extras.volumes)] or None,
            security_context=privileges.pod(),
            automount_service_account_token=False,
            service_account_name=service_account or extras.service_account,
            enable_service_links=False,
            host_aliases=aliases or None,
            image_pull_secrets=[core.LocalObjectReferenceArgs(name=name) for name in context.pull_secrets] or None,
            restart_policy=restart_policy,
            termination_grace_period_seconds=grace_seconds,
            **_placed(labels, extras),
        ),
    )


def _untyped(shapes: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [dict(shape) for shape in shapes]


def _placed(labels: Labels, extras: PodExtras) -> dict[str, Any]:
    """Return where the Pod runs. By default copies are kept apart where the cluster has room: a wish, so that one node is enough."""
    selector = meta.LabelSelectorArgs(match_labels=labels.selector)
    near = core.PodAffinityTermArgs(topology_key="kubernetes.io/hostname", label_selector=selector)
    rather = core.WeightedPodAffinityTermArgs(weight=100, pod_affinity_term=near)
    apart = core.PodAntiAffinityArgs(preferred_during_scheduling_ignored_during_execution=[rather])
    zones = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    default = {"affinity": core.AffinityArgs(pod_anti_affinity=apart), "topology_spread_constraints": [zones]} if extras.spread else {}
    placed = {**default, **extras.spec}
    if spread := placed.get("topology_spread_constraints"):
        placed["topology_spread_constraints"] = [{**constraint, "labelSelector": selector} for constraint in spread]
    return placed
