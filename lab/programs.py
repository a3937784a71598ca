"""What the lab builds of Pulumi, Kubernetes and Prometheus, each from a Go module that fixes every version."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lab import golang, versions
from lab.golang import Program

SOURCE: Final = Path(__file__).parent / "go"
"""One Go module for Pulumi and the cluster's programs: what they share is compiled once."""

KUBERNETES_PROGRAMS: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")
"""What the one Kubernetes binary is called by."""


def kubernetes_flags(version: str) -> str:
    """Return the linker flags that tell Kubernetes its version; without them it calls itself v0.0.0, which clients cannot parse."""
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{name}={value}" for package in packages for name, value in values.items())


PULUMI: Final = Program(
    name="pulumi",
    source=SOURCE,
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    version=versions.PULUMI,
    flags=f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{versions.PULUMI}",
)

CLUSTER: Final = (
    Program(name="pause", source=SOURCE, package="./pause"),
    Program(name="coredns", source=SOURCE, package="./coredns", version=versions.COREDNS),
    Program(name="kube-router", source=SOURCE, package="./kube-router", version=versions.KUBE_ROUTER),
    Program(
        name="local-path-provisioner",
        source=SOURCE,
        package="github.com/rancher/local-path-provisioner",
        version=versions.LOCAL_PATH_PROVISIONER,
        flags=f"-X main.VERSION=v{versions.LOCAL_PATH_PROVISIONER}",
        apart=True,  # it imports github.com/Sirupsen/logrus, which Go takes for a misspelling of the others' sirupsen
    ),
    Program(
        name="kubernetes",
        source=SOURCE,
        package="./kubernetes",
        version=versions.KUBERNETES,
        flags=kubernetes_flags(versions.KUBERNETES),
        links=KUBERNETES_PROGRAMS,
    ),
)

PROMTOOL: Final = Program(
    name="promtool",
    source=Path(__file__).parent / "promtool",
    package="github.com/prometheus/prometheus/cmd/promtool",
    version=versions.PROMETHEUS,
    tags="remove_all_sd",  # without the clouds' service discoveries, whose SDKs take most of the build
)
"""Checks alerts and evaluates them on series. In a module of its own: it shares nothing with the others, and only a test needs it."""

CLUSTER_NAMES: Final = tuple(each.name for each in CLUSTER)

BUILD_GIB: Final = 6.0
"""Free space of a cold build, GiB: the programs take 0.6, the rest is Go's own cache."""


def ensure(names: Iterable[str]) -> dict[str, Path]:
    """Return for each program its folder in the cache, downloading or building what is missing; raises as `golang.ensure`."""
    chosen = set(names)
    return golang.ensure([each for each in (PULUMI, *CLUSTER) if each.name in chosen], needs_gib=BUILD_GIB)


def promtool() -> Path:
    """Return `PROMTOOL`, built unless the cache has it (three minutes on two cores); raises as `golang.ensure`."""
    return golang.ensure([PROMTOOL], needs_gib=2)[PROMTOOL.name] / PROMTOOL.name
