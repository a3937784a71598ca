"""Runs the program of a stack on Pulumi's mocks and keeps what it registers: no engine, no cluster, no state.

One recorder serves the renders that people review and the tests, so that a test sees what a review shows.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import runpy
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pulumi
from google.protobuf import struct_pb2
from pulumi.runtime import mocks, rpc
from pulumi.runtime import resource as sdk
from pulumi.runtime.proto import resource_pb2, source_pb2
from typing_extensions import override

from lab.engine.plugins.codec import decode, has_secret, plain
from lab.engine.plugins.kube.objects import clean_inputs
from lab.render.objects import KNOWN_LATER, Manifest, in_order, is_object, manifest

SECRET_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"  # noqa: S105 - Pulumi's mark of a secret value in its protocol
PUBLIC_KEY: Final = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"

GENERATED: Final[Mapping[str, Mapping[str, str]]] = {
    "random:index/randomPassword:RandomPassword": {"result": "generated-password"},
    "tls:index/privateKey:PrivateKey": {"privateKeyPem": "generated-private-key", "publicKeyPem": PUBLIC_KEY},
    "tls:index/selfSignedCert:SelfSignedCert": {"certPem": "generated-ca"},
    "tls:index/certRequest:CertRequest": {"certRequestPem": "generated-request"},
    "tls:index/locallySignedCert:LocallySignedCert": {"certPem": "generated-certificate", "validityEndTime": "2030-01-01T00:00:00Z"},
}
"""What the providers would compute; every secret among them starts with "generated-"."""

_PASSED_ON: Final = frozenset({"result", "privateKeyPem", "certPem", "certRequestPem"})
"""Outputs that the program passes on as they are: a preview shows a mark in their place. The others are computed with and stay unknown."""


_LOG: Final = logging.getLogger("portus.render")
"""Of the program that runs. Its errors are left out: they come as the exception that ends it, for the caller to show once."""
_LOG.addFilter(lambda record: record.levelno < logging.ERROR)


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource as the program registered it."""

    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    secrets: frozenset[str]
    """Inputs that are secret or hold something secret."""
    protect: bool
    retained: bool
    after: frozenset[str]
    """Names of the resources that are up before it, including those whose values it takes."""
    ignored: tuple[str, ...]
    """Inputs whose changes are ignored."""
    replaced_on: tuple[str, ...]
    """Inputs whose change replaces the resource."""
    deleted_first: bool
    """Whether a replacement waits until the old one is deleted."""
    seconds: str
    """How long it may take to get ready; empty for the provider's own ten minutes."""
    manifest: Manifest | None
    """What a render shows of it; None if it is not an object of the cluster."""

    @property
    def spec(self) -> dict[str, Any]:
        """Return the object's spec."""
        return dict(self.inputs["spec"])

    @property
    def template(self) -> dict[str, Any]:
        """Return the Pod template of a workload."""
        job = self.spec["jobTemplate"]["spec"] if self.type.endswith(":CronJob") else self.spec
        return dict(job["template"])

    @property
    def pod(self) -> dict[str, Any]:
        """Return the Pods' spec of a workload."""
        return dict(self.template["spec"])

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Return every container of a workload, init containers first."""
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]


@dataclass
class Program:
    """What one stack's program registered."""

    stack: str
    resources: list[Registered] = field(default_factory=list)

    def all(self, kind: str) -> list[Registered]:
        """Return the resources of a kind."""
        return [r for r in self.resources if r.type.endswith(f":{kind}")]

    def one(self, kind: str, name: str) -> Registered:
        """Return the resource of a kind with a logical name; an `AssertionError` if there is none."""
        resources = [r for r in self.all(kind) if r.name == name]
        assert len(resources) == 1, f"{len(resources)} resources {kind} {name} in {self.stack}"
        return resources[0]

    def manifests(self) -> list[Manifest]:
        """Return the stack's objects in the order of their files."""
        return in_order(r.manifest for r in self.resources if r.manifest)

    def render(self) -> str:
        """Return the stack's objects as one YAML text. Run the program with ``preview``: generated values then show as marks."""
        return "---\n".join(each.to_yaml() for each in self.manifests())

    def workloads(self) -> list[Registered]:
        """Return everything that makes Pods."""
        return [r for kind in ("Deployment", "StatefulSet", "Job", "CronJob", "DaemonSet") for r in self.all(kind)]


def run_program(
    folder: Path,
    stack: str,
    configuration: Mapping[str, str],
    *,
    secret_keys: tuple[str, ...] = (),
    preview: bool,
    into: Program,
    project: str = "portus",
) -> Program:
    """Run ``folder/__main__.py`` for ``stack`` and return what it registered.

    Args:
        configuration: as Pulumi hands it to a program: full key -> text, sections as JSON.
        secret_keys: the full keys that hold something encrypted.
        preview: answer as a preview would, with marks in place of generated values.
        into: keeps what was registered even if the program fails.
        project: the name in Pulumi.yaml.

    Raises:
        pulumi.RunError: the program refused the settings, with its report.
    """
    monitor = Monitor(into, preview=preview)
    mocks.set_mocks(monitor.mocks, project=project, stack=stack, preview=preview, monitor=monitor, logger=_LOG)
    variables = {"PULUMI_CONFIG": json.dumps(dict(configuration))}
    if secret_keys:
        variables["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(secret_keys)

    def run() -> None:
        runpy.run_path(str(folder / "__main__.py"), run_name="__main__")

    try:
        with _environment(variables), _working_in(folder), _interrupts_kept(), _without_stack_traces():
            pulumi.runtime.test(run)()  # type: ignore[no-untyped-call]
    except SystemExit as end:  # the program has shown its error, and ended
        raise end.__cause__ or end from None
    return into


class _Mocks(mocks.Mocks):
    """Answers what `Monitor` does not: an object that the program only looks up is in the cluster."""

    @override
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        return f"{args.name}-id", dict(args.inputs)

    @override
    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program calls {args.token}")


def _address(service: str) -> str:
    """Return a Service's address: its own, and the same in every run."""
    return f"10.96.{'.'.join(str(byte) for byte in hashlib.sha256(service.encode()).digest()[:2])}"


class Monitor(mocks.MockMonitor):
    """Keeps each registration as the engine would see it, and answers as the providers would.

    It answers in the protocol's own form: the SDK's mock monitor reads and writes each object once more.
    """

    def __init__(self, program: Program, *, preview: bool) -> None:
        super().__init__(_Mocks())
        self._program = program
        self._preview = preview

    @override
    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = decode(request.object)
        self._program.resources.append(
            Registered(
                type=request.type,
                name=request.name,
                parent=request.parent.rsplit("::", 1)[-1] if "pulumi:pulumi:Stack" not in request.parent.rsplit("$", 1)[-1] else "",
                inputs=clean_inputs(plain(inputs)),
                secrets=frozenset(key for key, value in inputs.items() if has_secret(value)),
                protect=request.protect,
                retained=request.retainOnDelete,
                after=frozenset(urn.rsplit("::", 1)[-1] for urn in request.dependencies),
                ignored=tuple(request.ignoreChanges),
                replaced_on=tuple(request.replaceOnChanges),
                deleted_first=request.deleteBeforeReplace,
                seconds=request.customTimeouts.create,
                manifest=manifest(request.type, request.name, inputs) if is_object(request.type) else None,
            )
        )
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}-id", object=self._outputs(request))

    def _outputs(self, request: Any) -> struct_pb2.Struct:
        """Return the inputs with what the provider adds; a preview does not know it yet."""
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.object)
        for key, text in GENERATED.get(request.type, {}).items():
            outputs.fields[key].string_value = (KNOWN_LATER if key in _PASSED_ON else rpc.UNKNOWN) if self._preview else text
        if request.type == "kubernetes:core/v1:Service" and not self._preview:  # before 4.32 a preview's answer lacks the address
            _add(outputs, "spec", "clusterIP", _address(request.name))
        if "metadata" in outputs.fields:
            _add(outputs, "metadata", "name", request.name if self._preview else f"{request.name}-auto")
        return outputs


def _add(outputs: struct_pb2.Struct, section: str, key: str, text: str) -> None:
    """Set a key that the program has left to the provider."""
    fields = outputs.fields[section].struct_value.fields
    if key not in fields:
        fields[key].string_value = text


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Put back what this process does on Ctrl-C: the program changes it for the process that Pulumi gives it."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _without_stack_traces() -> Iterator[None]:
    """Send no stack trace with each registration: the recorder does not keep it, and below pytest it takes a fifth of a run."""
    with mock.patch.object(sdk, "_get_stack_trace", source_pb2.StackTrace):
        yield


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    with contextlib.chdir(folder):
        yield
