"""HTTP proxies."""

from __future__ import annotations

import json
from collections.abc import Iterator

from components.settings.derived import proxies
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.stack import StackSettings


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
                    remedy="remove it; write hosts of your own under network.proxy.noProxy",
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
            said = variable.value
            if said is not None and not all(proxies.covers(said, host) for host in proxies.own_hosts(stack)):
                yield _problem(f"workloads.{name}.env[{index}].value", said, variable.name, proxies.completed(said, stack))


def _problem(key: str, said: str, variable: str, value: str) -> Problem:
    return Problem(
        key=key,
        value=json.dumps(said) if said else "",
        rule="must have NO_PROXY with every host of the stack: otherwise its own requests go to the proxy",
        remedy=f"set {variable} to {json.dumps(value)}; or remove the variables and use network.proxy, which does this",
    )


@rule()
def a_proxy_is_named_beside_its_exceptions(stack: StackSettings) -> Iterator[Problem]:
    """Exceptions without a proxy do nothing."""
    if stack.network.proxy.no_proxy and not proxies.variables(stack):
        yield Problem(
            key="network.proxy.noProxy",
            value="",
            rule="has no effect without network.proxy.http or network.proxy.https",
            remedy="set one of them, or remove it",
        )
