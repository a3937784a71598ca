"""The hosts and the ports that clients use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.exposure import NodePortExposure
from components.settings.stack import StackSettings

UPSTREAM_PLACEHOLDER: Final = "portus.test.lan"
"""The default that Portus ships for its own name; tokens issued under it are refused everywhere (SUSE/Portus#1168)."""


@rule()
def host_is_not_the_upstream_placeholder(stack: StackSettings) -> Iterator[Problem]:
    """The shipped default name belongs to no host."""
    for key, host in (("host", stack.host), ("registry.host", stack.registry.host)):
        if host == UPSTREAM_PLACEHOLDER:
            yield Problem(
                key=key,
                value=host,
                rule="must be your own name, not the placeholder that Portus ships",
                remedy="set the name that clients use",
            )


@rule()
def node_ports_differ(stack: StackSettings) -> Iterator[Problem]:
    """One node port serves one port."""
    exposure = stack.exposure
    if isinstance(exposure, NodePortExposure) and exposure.http_node_port == exposure.https_node_port:
        yield Problem(
            key="exposure.httpNodePort",
            value=str(exposure.http_node_port),
            rule="must differ from exposure.httpsNodePort",
            remedy="choose another port, or remove it",
        )
