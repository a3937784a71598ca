"""Who may talk to whom, and HTTP proxies."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator

from components.common import names
from components.settings.derived import proxies
from components.settings.derived.egress import destinations
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.kubernetes import NetworkPolicyPeer
from components.settings.sections.network import Destinations, NetworkSettings
from components.settings.stack import Accepted, Profile, StackSettings
from components.settings.types.base import key_of


@rule(requires=("profile", "accept"))
def production_denies_by_default(stack: StackSettings) -> Iterator[Problem]:
    """On Puma images every client that reaches Portus' port may post events to it."""
    if stack.network.policies or stack.profile is not Profile.PRODUCTION or Accepted.OPEN_NETWORK in stack.accept:
        return
    yield Problem(
        key="network.policies",
        value="false",
        rule="must be true: the policies allow only the stack's own connections (profile production)",
        fix=f"remove it; to accept the risk add '{Accepted.OPEN_NETWORK}' to portus:accept",
    )


@rule()
def network_settings_have_policies(stack: StackSettings) -> Iterator[Problem]:
    """A user who names networks expects that they are the only ones."""
    if stack.network.policies:
        return
    for name, field in NetworkSettings.model_fields.items():
        if name not in {"policies", "proxy"} and getattr(stack.network, name) != field.get_default(call_default_factory=True):
            yield Problem(
                key=f"network.{key_of(NetworkSettings, name)}",
                value="",
                rule="has no effect while network.policies is false",
                fix="remove it, or set network.policies to true",
            )


@rule(
    requires=(
        "database.kind",
        "portus.config.ldap.enabled",
        "portus.config.email.smtp.enabled",
        "portus.config.oauth",
        "portus.config.security",
        "registry.storage.driver",
        "registry.redis.kind",
        "registry.notifications.extraEndpoints",
        "network.proxy",
    )
)
def networks_belong_to_a_destination(stack: StackSettings) -> Iterator[Problem]:
    """A network of a service that nothing connects to is a mistake in one of the two places."""
    used = {destination.name for destination in destinations(stack)}
    for name in Destinations.model_fields:
        if getattr(stack.network.destinations, name) and name not in used:
            yield Problem(
                key=f"network.destinations.{key_of(Destinations, name)}",
                value="",
                rule=f"has no effect without {_PLACES[name]}, which this stack does not use",
                fix="remove it, or configure that",
            )


_PLACES = {
    "database": "database of kind external",
    "ldap": "portus.config.ldap",
    "smtp": "portus.config.email.smtp",
    "object_store": "a registry.storage outside the stack",
    "redis": "registry.redis of kind external",
    "notifications": "registry.notifications.extraEndpoints",
    "oauth": "portus.config.oauth",
    "scanner": "portus.config.security",
    "proxy": "network.proxy",
}


@rule()
def port_ranges_ascend(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses the policy."""
    for kind in ("extra_egress", "extra_ingress"):
        for index, entry in enumerate(getattr(stack.network, kind)):
            for position, port in enumerate(entry.ports):
                if port.end_port is not None and port.end_port < port.port:
                    yield Problem(
                        key=f"network.{key_of(NetworkSettings, kind)}[{index}].ports[{position}].endPort",
                        value=str(port.end_port),
                        rule=f"must be at least port ({port.port})",
                        fix=f"write {port.port} or more, or remove it",
                    )


@rule()
def an_ip_block_has_no_selector(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses a peer with addresses and a selector, and one with neither."""
    for key, peers in _peers(stack):
        for index, peer in enumerate(peers):
            selects = peer.pod_selector is not None or peer.namespace_selector is not None
            if selects == (peer.ip_block is not None):
                yield Problem(
                    key=f"{key}[{index}]",
                    value="",
                    rule="must be either an ipBlock or a selector (podSelector, namespaceSelector or both)",
                    fix="split it into two entries" if selects else "write one of them",
                )


@rule()
def exceptions_are_within_their_network(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses the policy."""
    for key, peers in _peers(stack):
        for index, peer in enumerate(peers):
            block = peer.ip_block
            for position, excepted in enumerate(block.except_ or () if block else ()):
                if block is not None and not _is_part(excepted, block.cidr):
                    yield Problem(
                        key=f"{key}[{index}].ipBlock.except[{position}]",
                        value=excepted,
                        rule=f"must be a part of cidr ({block.cidr}), not all of it",
                        fix="remove it, or write a smaller network inside cidr",
                    )


def _is_part(inner: str, outer: str) -> bool:
    """Whether ``inner`` lies inside ``outer`` and leaves something of it."""
    small, large = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    return small.version == large.version and small != large and small.overlaps(large) and small.prefixlen > large.prefixlen


def _peers(stack: StackSettings) -> Iterator[tuple[str, tuple[NetworkPolicyPeer, ...]]]:
    network = stack.network
    yield "network.clients", network.clients
    for index, egress in enumerate(network.extra_egress):
        yield f"network.extraEgress[{index}].to", egress.to
    for index, ingress in enumerate(network.extra_ingress):
        yield f"network.extraIngress[{index}].from", ingress.from_


@rule()
def proxy_variables_are_written_once(stack: StackSettings) -> Iterator[Problem]:
    """``network.proxy`` sets them itself."""
    if not proxies.variables(stack):
        return
    for name in proxies.PROXIED:
        for index, variable in enumerate(getattr(stack.workloads, name).env):
            if proxies.is_proxy_variable(variable.name) or proxies.is_exception_variable(variable.name):
                yield Problem(
                    key=f"workloads.{name}.env[{index}].name",
                    value=variable.name,
                    rule="must not be set together with network.proxy, which sets this variable",
                    fix="remove it; write hosts of your own under network.proxy.noProxy",
                )


@rule(requires=("host", "registry.host", "portus.config.security", "portus.config.oauth", "registry.storage", "registry.notifications"))
def proxied_workloads_reach_the_stack_without_it(stack: StackSettings) -> Iterator[Problem]:
    """Events, tokens, the catalog and the object store would go to the proxy, which cannot reach them."""
    if proxies.variables(stack):
        return
    for name in proxies.PROXIED:
        variables = list(enumerate(getattr(stack.workloads, name).env))
        if not any(proxies.is_proxy_variable(variable.name) for _, variable in variables):
            continue
        exceptions = [(index, variable) for index, variable in variables if proxies.is_exception_variable(variable.name)]
        if not exceptions:
            yield _problem(f"workloads.{name}.env", "", "NO_PROXY", proxies.completed("", stack))
        for index, variable in exceptions:
            given = variable.value
            stars = name == names.REGISTRY
            if given is not None and not all(proxies.covers(given, host, stars=stars) for host in proxies.own_hosts(stack)):
                yield _problem(f"workloads.{name}.env[{index}].value", given, variable.name, proxies.completed(given, stack))


def _problem(key: str, given: str, variable: str, value: str) -> Problem:
    return Problem(
        key=key,
        value=json.dumps(given) if given else "",
        rule="must have NO_PROXY with every host of the stack: otherwise its own requests go to the proxy",
        fix=f"set {variable} to {json.dumps(value)}; or remove the variables and use network.proxy, which does this",
    )


@rule()
def a_proxy_is_named_beside_its_exceptions(stack: StackSettings) -> Iterator[Problem]:
    """Exceptions without a proxy do nothing."""
    if stack.network.proxy.no_proxy and not proxies.variables(stack):
        yield Problem(
            key="network.proxy.noProxy",
            value="",
            rule="has no effect without network.proxy.http or network.proxy.https",
            fix="set one of them, or remove it",
        )
