"""What is added to a workload's Pods must not contradict what this program makes of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from components.settings.derived.pod_extras import WORKLOADS
from components.settings.report.problems import Problem
from components.settings.report.redaction import is_secret_variable
from components.settings.rules.rule import rule
from components.settings.sections.database import ExternalDatabase
from components.settings.sections.kubernetes import LabelSelector, NodeRequirement, Toleration, Volume
from components.settings.sections.workloads import PodSettings, WorkloadSettings
from components.settings.stack import StackSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Reserved:
    """What this program decides in a workload's container; ``tests/components/test_workloads.py`` holds it to what is rendered.

    Args:
        prefixes: of variables that override the application's configuration file.
        names: of further variables.
        free: variables with such a prefix that no setting decides.
        paths: where something of the program's own is mounted.
    """

    prefixes: tuple[str, ...]
    names: frozenset[str]
    paths: tuple[str, ...]
    free: frozenset[str] = frozenset()

    def takes(self, variable: str) -> bool:
        """Return whether the program decides ``variable``."""
        return variable not in self.free and (variable in self.names or variable.startswith(self.prefixes))


_PORTUS: Final = Reserved(
    prefixes=("PORTUS_", "MARIADB_"),
    names=frozenset({"LANG", "RUBYOPT", "RACK_ENV", "RAILS_ENV", "CCONFIG_PREFIX", "RAILS_SERVE_STATIC_FILES"}),
    free=frozenset({"PORTUS_DB_TIMEOUT", "PORTUS_GEM_GLOBAL"}),
    paths=("/secrets", "/certificates", "/run/secrets/portus", "/srv/Portus/config/config-local.yml", "/stack"),
)

RESERVED: Final[Mapping[str, Reserved]] = {
    "web": _PORTUS,
    "worker": _PORTUS,
    "registry": Reserved(
        prefixes=("REGISTRY_", "OTEL_TRACES_", "AZURE_", "AWS_"),
        names=frozenset({"SSL_CERT_DIR", "GOOGLE_APPLICATION_CREDENTIALS"}),
        paths=("/etc/docker/registry", "/etc/distribution", "/var/lib/registry", "/run/secrets", "/run/registry-trust"),
    ),
    "database": Reserved(
        prefixes=("MARIADB_", "MYSQL_", "ACCOUNTS_"),
        names=frozenset(),
        paths=(
            "/var/lib/mysql", "/run/mysqld", "/tmp", "/run/secrets", "/etc/mysql/conf.d/portus.cnf",  # noqa: S108 - a volume of the Pod
            "/etc/mysql/rotation.sql", "/docker-entrypoint-initdb.d/accounts.sh",
        ),
    ),
    "edge": Reserved(
        prefixes=(),
        names=frozenset({"PORTUS_ADDRESS", "REGISTRY_ADDRESS"}),
        paths=("/usr/local/etc/haproxy", "/run/secrets"),
    ),
}  # fmt: skip


def _workloads(stack: StackSettings) -> Iterator[tuple[str, WorkloadSettings]]:
    for name in WORKLOADS:
        yield name, getattr(stack.workloads, name)


def _pods(stack: StackSettings) -> Iterator[tuple[str, PodSettings]]:
    yield "all", stack.workloads.all
    yield from _workloads(stack)
    yield "backup", stack.workloads.backup


@rule(requires=("portus.version",), voids=True)
def workloads_exist(stack: StackSettings) -> Iterator[Problem]:
    """Settings of a workload that is not deployed have no effect."""
    absent = {
        "worker": None if stack.portus.version.is_puma else f"has no effect with Portus {stack.portus.version.value}, which has no worker",
        "database": "has no effect while database.kind is external" if isinstance(stack.database, ExternalDatabase) else None,
        "backup": None if stack.backup.enabled else "has no effect while backup.enabled is false",
    }
    for name, reason in absent.items():
        if reason and getattr(stack.workloads, name) != type(getattr(stack.workloads, name))():
            yield Problem(key=f"workloads.{name}", value="", rule=reason, fix="remove it")


@rule()
def extra_variables_are_free(stack: StackSettings) -> Iterator[Problem]:
    """A variable would override a setting, or the setting the variable; which one wins is not defined."""
    for name, workload in _workloads(stack):
        for index, variable in enumerate(workload.env):
            if RESERVED[name].takes(variable.name):
                seen = variable.value is not None and is_secret_variable(variable.name, variable.value)
                yield Problem(
                    key=f"workloads.{name}.env[{index}].name",
                    value=variable.name,
                    rule="must not be a variable that this program sets",
                    fix=f"remove it; {_instead(variable.name)}{'; change the secret: it is exposed' if seen else ''}",
                )
        for repeated, count in Counter(variable.name for variable in workload.env).items():
            if count > 1:
                yield Problem(
                    key=f"workloads.{name}.env", value=repeated, rule="must name each variable once", fix="remove all but one of them"
                )


def _instead(variable: str) -> str:
    from components.settings.report.locate import setting_of_variable  # noqa: PLC0415 - only a report needs it

    setting = setting_of_variable(variable)
    return f"write portus:{setting} instead" if setting else "use the setting for it instead (docs/reference/settings.md)"


@rule()
def extra_variables_have_one_value(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses the Pod."""
    for name, workload in _workloads(stack):
        for index, variable in enumerate(workload.env):
            source = variable.value_from
            sources = 0 if source is None else sum(getattr(source, field) is not None for field in type(source).model_fields)
            if (variable.value is not None) + (source is not None) != 1 or (source is not None and sources != 1):
                yield Problem(
                    key=f"workloads.{name}.env[{index}]",
                    value=variable.name,
                    rule="must have either value or valueFrom with one source",
                    fix="write exactly one of them",
                )


@rule(requires=(*(f"workloads.{name}.volumes" for name in WORKLOADS),))
def extra_volumes_are_complete(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses the Pod."""
    for name, workload in _workloads(stack):
        for index, volume in enumerate(workload.volumes):
            key = f"workloads.{name}.volumes[{index}]"
            if sum(getattr(volume, field) is not None for field in type(volume).model_fields if field != "name") != 1:
                yield Problem(key=key, value=volume.name, rule="must have exactly one source", fix=_source(volume))
            if volume.name in {other.name for other in workload.volumes[:index]}:
                yield Problem(key=f"{key}.name", value=volume.name, rule="must be the name of one volume only", fix="choose another name")
        known = {volume.name for volume in workload.volumes}
        for index, mount in enumerate(workload.volume_mounts):
            if mount.name not in known:
                yield Problem(
                    key=f"workloads.{name}.volumeMounts[{index}].name",
                    value=mount.name,
                    rule=f"must be a volume of workloads.{name}.volumes",
                    fix=f"known here: {', '.join(sorted(known)) or 'none'}",
                )


def _source(volume: Volume) -> str:
    is_empty = "empty_dir" in volume.model_fields_set and volume.empty_dir is None  # null, where nothing follows the colon
    return "write 'emptyDir: {}'" if is_empty else "write one of secret, configMap, persistentVolumeClaim, emptyDir and csi"


@rule()
def extra_mounts_hide_nothing(stack: StackSettings) -> Iterator[Problem]:
    """A mount over a file of the program's own hides it; the container runtime refuses one below, because those are read-only."""
    for name, workload in _workloads(stack):
        seen: list[str] = []
        for index, mount in enumerate(workload.volume_mounts):
            path = mount.mount_path.rstrip("/") or "/"
            mine = next((own for own in (*RESERVED[name].paths, *seen) if _inside(path, own) or _inside(own, path)), None)
            if mine is not None:
                yield Problem(
                    key=f"workloads.{name}.volumeMounts[{index}].mountPath",
                    value=mount.mount_path,
                    rule=f"must not be above or below {mine}, where another volume is mounted",
                    fix="choose another path",
                )
            seen.append(path)


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


@rule()
def extra_labels_are_free(stack: StackSettings) -> Iterator[Problem]:
    """Services, budgets and policies select by the recommended labels."""
    for name, settings in _pods(stack):
        for label in settings.labels:
            if label.startswith("app.kubernetes.io/"):
                yield Problem(
                    key=f"workloads.{name}.labels.{label}",
                    value="",
                    rule="must not be one of the recommended labels (app.kubernetes.io/...), which select the stack's Pods",
                    fix="use another name",
                )


@rule()
def tolerations_are_complete(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses the Pod."""
    for name, settings in _pods(stack):
        for index, toleration in enumerate(settings.tolerations):
            if wrong := _wrong(toleration):
                key, rule, fix = wrong
                yield Problem(key=f"workloads.{name}.tolerations[{index}].{key}", value="", rule=rule, fix=fix)


def _wrong(toleration: Toleration) -> tuple[str, str, str] | None:
    if toleration.operator == "Exists" and toleration.value is not None:
        return "value", "must not be set with operator Exists", "remove it, or set operator to Equal"
    if toleration.operator != "Exists" and toleration.key is None:
        return "key", "must be set unless operator is Exists", "write the taint's key, or set operator to Exists"
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        return "tolerationSeconds", "must not be set without effect NoExecute", "set effect to NoExecute, or remove it"
    return None


@rule()
def service_accounts_are_named_or_made(stack: StackSettings) -> Iterator[Problem]:
    """Annotations of an existing account belong to its owner."""
    for name, workload in _workloads(stack):
        account = getattr(workload, "service_account", None)
        if account is not None and (account.name is None) == (not account.annotations):
            yield Problem(
                key=f"workloads.{name}.serviceAccount",
                value="",
                rule="must have either the name of an existing account, or annotations for a new one",
                fix="write one of them",
            )


@rule()
def the_registrys_account_is_named_or_made(stack: StackSettings) -> Iterator[Problem]:
    """As for the other workloads. One without annotations is created, too: some clouds know an account by its name alone."""
    account = stack.registry.service_account
    if account is not None and account.name is not None and account.annotations:
        yield Problem(
            key="registry.serviceAccount",
            value="",
            rule="must have either the name of an existing account, or annotations for a new one",
            fix="write one of them; annotate an existing account where it is created",
        )


@rule()
def node_requirements_have_values(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses In and NotIn without values, Gt and Lt without one number, and Exists and DoesNotExist with values."""
    for key, requirement in _requirements(stack):
        values, operator = requirement.values or (), requirement.operator
        one_number = len(values) == 1 and re.fullmatch("-?[0-9]+", values[0]) is not None
        right = one_number if operator in {"Gt", "Lt"} else bool(values) == (operator in {"In", "NotIn"})
        if not right:
            yield Problem(
                key=f"{key}.values",
                value=", ".join(values),
                rule="must be set with In and NotIn, be one number with Gt and Lt, and not be set with Exists and DoesNotExist",
                fix="remove it" if values and operator in {"Exists", "DoesNotExist"} else "write [<value>], or set operator to Exists",
            )


def _requirements(stack: StackSettings) -> Iterator[tuple[str, NodeRequirement]]:
    for name, workload in _workloads(stack):
        nodes = workload.affinity.node_affinity if workload.affinity else None
        if nodes is None:
            continue
        key = f"workloads.{name}.affinity.nodeAffinity"
        required, preferred = nodes.required_during_scheduling_ignored_during_execution, "preferredDuringSchedulingIgnoredDuringExecution"
        terms = [
            (f"{key}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[{index}]", term)
            for index, term in enumerate(required.node_selector_terms if required else ())
        ]
        terms += [
            (f"{key}.{preferred}[{index}].preference", each.preference)
            for index, each in enumerate(nodes.preferred_during_scheduling_ignored_during_execution or ())
        ]
        for place, term in terms:
            for field, found in (("matchExpressions", term.match_expressions), ("matchFields", term.match_fields)):
                yield from ((f"{place}.{field}[{index}]", each) for index, each in enumerate(found or ()))


@rule()
def spread_constraints_differ(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses two with the same key and the same answer."""
    for name, workload in _workloads(stack):
        constraints = [(each.topology_key, each.when_unsatisfiable) for each in workload.topology_spread_constraints]
        for index, each in enumerate(constraints):
            if each in constraints[:index]:
                key = f"workloads.{name}.topologySpreadConstraints[{index}]"
                yield Problem(key=key, value="", rule="must differ from the others in topologyKey or whenUnsatisfiable", fix="remove it")


MOST_NAME_SERVERS: Final = 3
"""Of a Pod, the kubelet's limit and Kubernetes' own."""


@rule()
def name_servers_are_three_at_most(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses the Pod."""
    for name, settings in _pods(stack):
        servers = (settings.dns_config and settings.dns_config.nameservers) or ()
        if len(servers) > MOST_NAME_SERVERS:
            key = f"workloads.{name}.dnsConfig.nameservers"
            yield Problem(key=key, value=", ".join(servers), rule=f"must be at most {MOST_NAME_SERVERS}", fix="remove the others")


@rule()
def selectors_have_values(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses In and NotIn without values, and Exists and DoesNotExist with some."""
    for key, selector in _selectors(stack):
        for index, expression in enumerate(selector.match_expressions or ()):
            if (expression.operator in {"In", "NotIn"}) != bool(expression.values):
                yield Problem(
                    key=f"{key}.matchExpressions[{index}].values",
                    value="",
                    rule="must be set with the operators In and NotIn, and with no other",
                    fix="set operator to In or NotIn, or remove the values"
                    if expression.values
                    else "list values, or set operator to Exists",
                )


def _selectors(stack: StackSettings) -> Iterator[tuple[str, LabelSelector]]:
    peers = {"network.clients": stack.network.clients}
    peers |= {f"network.extraEgress[{i}].to": egress.to for i, egress in enumerate(stack.network.extra_egress)}
    peers |= {f"network.extraIngress[{i}].from": ingress.from_ for i, ingress in enumerate(stack.network.extra_ingress)}
    for key, found in peers.items():
        for index, peer in enumerate(found):
            for name, selector in (("namespaceSelector", peer.namespace_selector), ("podSelector", peer.pod_selector)):
                if selector is not None:
                    yield f"{key}[{index}].{name}", selector
