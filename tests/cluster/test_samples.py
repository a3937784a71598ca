"""Every object of every sample stack file, held to what a real API server takes; nothing of it is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.addons import crds
from lab.cluster import kubectl
from lab.render.objects import with_name
from tests.recorder import Registered
from tests.settings.corpus import SAMPLES, StackFile
from tests.settings.test_samples import run_sample

pytestmark = pytest.mark.cluster

IPV4 = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}
"""The lab's cluster has no IPv6, and its API server refuses a Service that asks for it."""


@pytest.fixture(scope="module", autouse=True)
def cluster_of_the_samples(kubeconfig: Path) -> Iterator[None]:
    """Serve the kinds that the samples have beside Kubernetes' own, and make their namespaces, without which it takes nothing."""
    del kubeconfig  # started
    names = {StackFile(path).parse().cluster.namespace for path in SAMPLES}
    namespaces = _list([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(names)])
    with crds.served(*crds.EVERY):
        kubectl("apply", "--filename", "-", stdin=namespaces)
        yield
        kubectl("delete", "--ignore-not-found", "--filename", "-", stdin=namespaces)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_an_api_server_takes_every_object_of_a_sample(path: Path) -> None:
    objects = [_object(resource) for resource in run_sample(StackFile(path)).resources if resource.manifest]
    dry = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--output", "name", "--filename", "-")
    assert len(kubectl(*dry, stdin=_list(objects)).split()) == len(objects)


def _object(resource: Registered) -> dict[str, Any]:
    """Return what is registered as an object; its manifest would have the secrets left out."""
    assert resource.manifest
    document = resource.manifest.document
    whole: dict[str, Any] = with_name({"apiVersion": document["apiVersion"], "kind": document["kind"], **resource.inputs}, resource.name)
    if "ipFamilies" in whole.get("spec", {}):
        whole["spec"] = whole["spec"] | IPV4
    return whole


def _list(objects: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
