"""Objects that several components make alike: Secrets, ConfigMaps, claims; and the look-up of kinds that a cluster may lack."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import pulumi
from pulumi_kubernetes.core import v1 as core

from components.common.pods import SecretKey
from components.common.stack_context import Labels, StackContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.common.base import ServiceComponent


def secret(
    name: str,
    content: Mapping[str, pulumi.Input[str]],
    labels: Labels,
    context: StackContext,
    opts: pulumi.ResourceOptions,
    *,
    kind: str = "Opaque",
    immutable: bool = True,
) -> core.Secret:
    """Return a Secret of ``content``.

    The values are encoded here, because ``stringData`` has shown differences where there were none (pulumi-kubernetes#2507, #2681).

    Args:
        immutable: off if it must change while the Pods that mount it run: the kubelet writes the new files within two minutes.
    """
    data = {key: pulumi.Output.secret(value).apply(_encoded) for key, value in content.items()}
    return core.Secret(name, metadata=context.metadata(labels), type=kind, immutable=immutable or None, data=data, opts=opts)


def secret_keys(
    name: str,
    values: Mapping[str, pulumi.Input[str] | SecretKey],
    labels: Labels,
    context: StackContext,
    opts: pulumi.ResourceOptions,
    *,
    immutable: bool = True,
) -> dict[str, SecretKey]:
    """Make a Secret of the values that are texts, if there are any; return where every value is. Arguments as ``secret``'s."""
    texts = {key: value for key, value in values.items() if not isinstance(value, SecretKey)}
    existing = {key: value for key, value in values.items() if isinstance(value, SecretKey)}
    if not texts:
        return existing
    made = secret(name, texts, labels, context, opts, immutable=immutable)
    return {**{key: SecretKey(made.metadata.name, key) for key in texts}, **existing}


def config_map(
    name: str, content: Mapping[str, pulumi.Input[str]], labels: Labels, context: StackContext, opts: pulumi.ResourceOptions
) -> core.ConfigMap:
    """Return an immutable ConfigMap of ``content``, which must hold no secret."""
    return core.ConfigMap(name, metadata=context.metadata(labels), immutable=True, data=dict(content), opts=opts)


def service_account(
    name: str, physical: str, labels: Labels, context: StackContext, *, annotations: Mapping[str, str], opts: pulumi.ResourceOptions
) -> core.ServiceAccount:
    """Return a ServiceAccount whose token no Pod mounts; a cloud recognises Pods by its ``annotations``."""
    metadata = context.metadata(labels, physical, annotations=dict(annotations))
    return core.ServiceAccount(name, metadata=metadata, automount_service_account_token=False, opts=opts)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class ClaimSpec(Protocol):
    """What the stack file says of a claim (``components.settings.sections.cluster.ClaimSettings``)."""

    @property
    def size(self) -> str:
        """A Kubernetes quantity."""

    @property
    def storage_class_name(self) -> str | None:
        """None takes the cluster's default."""

    @property
    def access_modes(self) -> Sequence[str]:
        """Kubernetes' names."""


def claim(
    name: str,
    physical: str,
    spec: ClaimSpec,
    *,
    labels: Labels,
    context: StackContext,
    parent: ServiceComponent,
) -> core.PersistentVolumeClaim:
    """Return a claim that refuses deletion and replacement where the stack is protected, and that then outlives the stack.

    Growing ``size`` is an update in place; the rest would replace the claim (pulumi-kubernetes#1665).
    """
    return core.PersistentVolumeClaim(
        name,
        metadata=context.metadata(labels, physical),
        spec=core.PersistentVolumeClaimSpecArgs(
            access_modes=list(spec.access_modes),
            storage_class_name=spec.storage_class_name,
            resources=core.VolumeResourceRequirementsArgs(requests={"storage": spec.size}),
        ),
        opts=parent.child(protect=context.protect, retain=context.protect, after=context.after),
    )


def served(kind: str, context: StackContext, opts: pulumi.ResourceOptions) -> tuple[pulumi.Resource, ...]:
    """Return the definition of ``kind`` as a resource that the engine reads and never changes; nothing if it may not be read.

    Without this a preview is silent about a kind that the cluster does not know, and the deployment stops in its middle. With it both
    stop at their start: ``resource 'certificates.cert-manager.io' does not exist``.

    Args:
        kind: plural and group, as ``certificates.cert-manager.io``.
        context: says whether definitions are looked up.
        opts: with the parent.
    """
    if not context.check_apis:
        return ()
    from pulumi_kubernetes.apiextensions.v1 import CustomResourceDefinition  # noqa: PLC0415 - few stacks need it, and its import takes time

    return (CustomResourceDefinition.get(f"cluster-serves-{kind}", kind, opts),)
