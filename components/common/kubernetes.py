"""Kubernetes' resources and their arguments: to the type checker the SDK's own classes, at run time light ones that register the same.

The SDK's generated classes of one API group take 18 MiB and 0.2 s to import, in each ``pulumi`` command (``make bench``); the half of what
the whole program costs. So every component takes its groups from here. ``tests/components/common/test_kubernetes.py`` holds that each
stack registers the same with the SDK's classes, and that every argument of the SDK has its right name here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pulumi
from pulumi_kubernetes import _utilities

__all__ = ["apps", "autoscaling", "batch", "core", "meta", "networking", "policy"]

_WORDS: Final = ("API", "CIDR", "CIDRs", "CPU", "FQDN", "ID", "IO", "IP", "IPC", "IPs", "PID", "URI", "UUID", "WWNs")
CAPITALS: Final = {word.lower(): word for word in _WORDS}
"""Words that Kubernetes writes so, except at a name's beginning."""

SECRET_OUTPUTS: Final = ("data", "stringData")
"""What the SDK keeps secret of a Secret."""


def wire_name(name: str) -> str:
    """Return Kubernetes' name of the SDK's ``name``: ``cluster_ip`` is ``clusterIP``, ``exec_`` is ``exec``."""
    first, *rest = name.split("_")
    return first + "".join(CAPITALS.get(word, word.capitalize()) for word in rest)


def arguments(**given: Any) -> dict[str, Any]:
    """Return what an ``...Args`` class of the SDK holds, as Kubernetes names it; None is nothing said."""
    return {wire_name(name): value for name, value in given.items() if value is not None}


class Known(dict[str, Any]):
    """A part of an object's state, its fields by the SDK's names too."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return known(self.get(wire_name(name)))


def known(value: Any) -> Any:
    """Return ``value`` with its fields by the SDK's names too, where it has fields."""
    return Known(value) if isinstance(value, dict) else value


class KubernetesObject(pulumi.CustomResource):
    """An object of the cluster; a class for each kind is made by `Group`."""

    api_version: str
    token: str

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **given: Any) -> None:
        kind = type(self).__name__
        options = pulumi.ResourceOptions.merge(_utilities.get_resource_opts_defaults(), opts)
        properties = {"apiVersion": self.api_version, "kind": kind, **arguments(**given)}
        if kind == "Secret":
            options.additional_secret_outputs = [*SECRET_OUTPUTS, *(options.additional_secret_outputs or [])]
            properties |= {key: pulumi.Output.secret(properties[key]) for key in SECRET_OUTPUTS if key in properties}
        super().__init__(self.token, name, properties, options)

    @property
    def metadata(self) -> pulumi.Output[Any]:
        """The object's metadata, its name among them."""
        return self._known("metadata")

    @property
    def spec(self) -> pulumi.Output[Any]:
        """What is wanted of the object."""
        return self._known("spec")

    def _known(self, part: str) -> pulumi.Output[Any]:
        output: pulumi.Output[Any] = self.__dict__[part]
        return output.apply(known, run_with_unknowns=True)  # at preview the name is known where the address is not


class Group:
    """One API group's version: its kinds, and ``arguments`` under every name that ends in ``Args``."""

    def __init__(self, api_version: str, module: str) -> None:
        self._api_version = api_version
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        made: Any = arguments
        if not name.endswith("Args"):
            token = f"kubernetes:{self._module}:{name}"
            made = type(name, (KubernetesObject,), {"token": token, "api_version": self._api_version, "__doc__": f"The kind {name}."})
        setattr(self, name, made)
        return made


if TYPE_CHECKING:
    from pulumi_kubernetes.apps import v1 as apps
    from pulumi_kubernetes.autoscaling import v1 as autoscaling
    from pulumi_kubernetes.batch import v1 as batch
    from pulumi_kubernetes.core import v1 as core
    from pulumi_kubernetes.meta import v1 as meta
    from pulumi_kubernetes.networking import v1 as networking
    from pulumi_kubernetes.policy import v1 as policy
else:
    apps = Group("apps/v1", "apps/v1")
    autoscaling = Group("autoscaling/v1", "autoscaling/v1")
    batch = Group("batch/v1", "batch/v1")
    core = Group("v1", "core/v1")
    meta = Group("v1", "meta/v1")
    networking = Group("networking.k8s.io/v1", "networking.k8s.io/v1")
    policy = Group("policy/v1", "policy/v1")
