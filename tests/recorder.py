"""Runs the whole program of a stack through Pulumi's mocks and keeps what it registered."""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import yaml
from pulumi.runtime import mocks, rpc

from lab.engine.plugins.codec import decode
from lab.render.generated import TEXTS
from lab.render.objects import KNOWN_LATER, Manifest, in_order, is_object, manifest

ROOT = Path(__file__).resolve().parent.parent
STACKS = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))

SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"

GENERATED = {
    "random:index/randomBytes:RandomBytes": {"hex": "generated-hex", "base64": "generated-base64"},
    "random:index/randomPassword:RandomPassword": {"result": "generated-password"},
    "tls:index/privateKey:PrivateKey": {"privateKeyPem": "generated-private-key", "publicKeyPem": PUBLIC_KEY},
    "tls:index/selfSignedCert:SelfSignedCert": {"certPem": "generated-ca"},
    "tls:index/certRequest:CertRequest": {"certRequestPem": "generated-request"},
    "tls:index/locallySignedCert:LocallySignedCert": {"certPem": "generated-certificate", "validityEndTime": "2030-01-01T00:00:00Z"},
}
"""What the providers would compute; every secret among them starts with "generated-"."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource as the program registered it."""

    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    secrets: frozenset[str]
    """Paths of the inputs that were marked secret."""
    protect: bool
    retained: bool
    after: frozenset[str]
    """Names of the resources that are up before it, those whose values it takes included."""
    ignored: tuple[str, ...]
    """Inputs that stay as they were made."""
    replaced_on: tuple[str, ...]
    """Inputs whose change means another one."""
    deleted_first: bool
    """Whether a successor waits for its end."""
    seconds: str
    """How long it may take to get ready; empty for the provider's own ten minutes."""
    manifest: Manifest | None
    """What a render shows of it; None for what is no object in the cluster."""

    @property
    def spec(self) -> dict[str, Any]:
        return dict(self.inputs["spec"])

    @property
    def template(self) -> dict[str, Any]:
        """Of its Pods."""
        job = self.spec["jobTemplate"]["spec"] if self.type.endswith(":CronJob") else self.spec
        return dict(job["template"])

    @property
    def pod(self) -> dict[str, Any]:
        return dict(self.template["spec"])

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]


@dataclass
class Program:
    """What one stack's program registered."""

    stack: str
    resources: list[Registered] = field(default_factory=list)

    def all(self, kind: str) -> list[Registered]:
        return [r for r in self.resources if r.type.endswith(f":{kind}")]

    def one(self, kind: str, name: str) -> Registered:
        found = [r for r in self.all(kind) if r.name == name]
        assert len(found) == 1, f"{len(found)} resources {kind} {name} in {self.stack}"
        return found[0]

    def render(self) -> str:
        """Return the stack's objects as one YAML text; of a preview's, since what is generated is left out of that."""
        return "---\n".join(each.to_yaml() for each in in_order(r.manifest for r in self.resources if r.manifest))

    def workloads(self) -> list[Registered]:
        return [r for kind in ("Deployment", "StatefulSet", "Job", "CronJob", "DaemonSet") for r in self.all(kind)]


class _Mocks(mocks.Mocks):
    """Answers as the providers would."""

    def __init__(self, *, preview: bool) -> None:
        self._preview = preview

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        if self._preview:
            return f"{args.name}-id", _previewed(args)
        outputs = {**args.inputs, **GENERATED.get(args.typ, {})}
        if args.typ == "kubernetes:core/v1:Service":
            outputs["spec"] = {"clusterIP": _address(args.name), **args.inputs["spec"]}
        if isinstance(outputs.get("metadata"), Mapping):
            outputs["metadata"] = {"name": f"{args.name}-auto", **outputs["metadata"]}
        return f"{args.name}-id", outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program calls {args.token}")


def _address(service: str) -> str:
    """Return a Service's address: its own in every run, whatever is registered first."""
    return f"10.96.{'.'.join(str(byte) for byte in hashlib.sha256(service.encode()).digest()[:2])}"


def _previewed(args: mocks.MockResourceArgs) -> dict[str, Any]:
    """Return what the plugins of a render answer."""
    outputs = {**args.inputs, **{key: KNOWN_LATER if key in TEXTS else rpc.UNKNOWN for key in GENERATED.get(args.typ, {})}}
    if args.typ == "kubernetes:core/v1:Service":
        outputs["spec"] = {"clusterIP": rpc.UNKNOWN, **args.inputs["spec"]}
    if isinstance(outputs.get("metadata"), Mapping):
        outputs["metadata"] = {"name": args.name, **outputs["metadata"]}
    return outputs


class _Monitor(mocks.MockMonitor):
    """Keeps each registration as the engine would see it."""

    def __init__(self, program: Program, *, preview: bool) -> None:
        super().__init__(_Mocks(preview=preview))
        self._program = program

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's
        if request.type != "pulumi:pulumi:Stack":
            secrets: set[str] = set()
            inputs = _unwrap(rpc.deserialize_properties(request.object), "", secrets)
            self._program.resources.append(
                Registered(
                    type=request.type,
                    name=request.name,
                    parent=request.parent.rsplit("::", 1)[-1] if "pulumi:pulumi:Stack" not in request.parent.rsplit("$", 1)[-1] else "",
                    inputs=inputs,
                    secrets=frozenset(secrets),
                    protect=request.protect,
                    retained=request.retainOnDelete,
                    after=frozenset(urn.rsplit("::", 1)[-1] for urn in request.dependencies),
                    ignored=tuple(request.ignoreChanges),
                    replaced_on=tuple(request.replaceOnChanges),
                    deleted_first=request.deleteBeforeReplace,
                    seconds=request.customTimeouts.create,
                    manifest=manifest(request.type, request.name, decode(request.object)) if is_object(request.type) else None,
                )
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def _unwrap(value: Any, path: str, secrets: set[str]) -> Any:
    if isinstance(value, Mapping):
        if SECRET_SIGNATURE in value:
            secrets.add(path)
            return _unwrap(value["value"], path, secrets)
        return {key: _unwrap(item, f"{path}.{key}" if path else str(key), secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_unwrap(item, f"{path}[{index}]", secrets) for index, item in enumerate(value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def stack_configuration(stack: str) -> dict[str, str]:
    """Return the stack file's configuration as Pulumi hands it to a program: text, sections as JSON."""
    written = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in written.items()}


def run_program(
    stack: str, configuration: Mapping[str, str] | None = None, *, into: Program | None = None, preview: bool = False
) -> Program:
    """Run ``__main__.py`` for ``stack`` and return what it registered; ``into`` keeps it even where the program fails."""
    program = into or Program(stack)
    settings = dict(configuration if configuration is not None else stack_configuration(stack))
    monitor = _Monitor(program, preview=preview)
    mocks.set_mocks(monitor.mocks, project="portus", stack=stack, preview=preview, monitor=monitor)

    def run() -> None:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    with mock.patch.dict(os.environ, {"PULUMI_CONFIG": json.dumps(settings)}), _working_in(ROOT):
        pulumi.runtime.test(run)()  # type: ignore[no-untyped-call]
    return program


class _working_in:  # noqa: N801 - used as a function
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._before = Path.cwd()
        os.chdir(self._folder)
        if str(self._folder) not in sys.path:
            sys.path.insert(0, str(self._folder))

    def __exit__(self, *_: object) -> None:
        os.chdir(self._before)


def texts(value: Any) -> Iterator[str]:
    """Yield every text inside ``value``."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
