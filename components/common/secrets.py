"""Secrets and ConfigMaps that are named by Pulumi and immutable: a change makes a new one, and the Pods that use it restart."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.core import v1 as core

from components.common.labels import Labels
from components.common.placement import Placement


def secret(
    name: str,
    content: Mapping[str, pulumi.Input[str]],
    labels: Labels,
    placement: Placement,
    opts: pulumi.ResourceOptions,
    *,
    kind: str = "Opaque",
    immutable: bool = True,
) -> core.Secret:
    """Return a Secret of ``content``.

    The values are encoded here, for ``stringData`` has shown differences where there were none (pulumi-kubernetes#2507, #2681).

    Args:
        immutable: off for what must change under a Pod that goes on running: the kubelet brings the new files within two minutes.
    """
    data = {key: pulumi.Output.secret(value).apply(_encoded) for key, value in content.items()}
    return core.Secret(name, metadata=placement.metadata(labels), type=kind, immutable=immutable or None, data=data, opts=opts)


def config_map(
    name: str, content: Mapping[str, pulumi.Input[str]], labels: Labels, placement: Placement, opts: pulumi.ResourceOptions
) -> core.ConfigMap:
    """Return an immutable ConfigMap of ``content``, which must hold no secret."""
    return core.ConfigMap(name, metadata=placement.metadata(labels), immutable=True, data=dict(content), opts=opts)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
