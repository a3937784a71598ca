"""The rules, as plain functions over what a stack registers. They import nothing of the program, so a fault there is no fault here."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

CLAIM: Final = "kubernetes:core/v1:PersistentVolumeClaim"
CONFIG_MAP: Final = "kubernetes:core/v1:ConfigMap"
SECRET: Final = "kubernetes:core/v1:Secret"  # noqa: S105 - a type
SERVICE: Final = "kubernetes:core/v1:Service"
NETWORK_POLICY: Final = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
INGRESS: Final = "kubernetes:networking.k8s.io/v1:Ingress"
GATEWAY_API: Final = "kubernetes:gateway.networking.k8s.io/"

GENERATED: Final[Mapping[str, str]] = {
    "random:index/randomPassword:RandomPassword": "result",
    "tls:index/privateKey:PrivateKey": "privateKeyPem",
}
"""Type -> the output that is secret."""

COMPONENT: Final = "app.kubernetes.io/component"
FRONT_PROXY: Final = "edge"
PORTUS: Final = "web"
"""Values of the label: the front proxy, and what answers the registry's events."""

FLOATING_TAGS: Final = frozenset({"", "latest", "head", "master", "main", "stable", "edge"})

WORTH_NOTHING: Final = frozenset({"registry-cache-password"})
"""Generated secrets that guard nothing which lasts: the registry's cache fills again."""

SHORTEST: Final = 8
"""Characters of a secret that is looked for: a shorter text is found everywhere."""

SECRET_NAME: Final = re.compile(r"pass|secret|token|private|key_?base", re.IGNORECASE)
SECRET_TEXT: Final[Mapping[str, re.Pattern[str]]] = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a URL with a password": re.compile(r"[a-z][a-z0-9+]*://[^\s/:@\"'$]+:[^\s/@\"'$]{4,}@"),
    "a password": re.compile(r"(?i)(?:password|passwd|secret_?key(?:_?base)?|secretkey)[\"']?\s*[:=]\s*[\"']?[A-Za-z0-9+/_-]{12,}"),
}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as Pulumi knows it; a value that a preview does not know yet is None."""

    type: str
    name: str
    props: Mapping[str, Any]
    protect: bool = False


@dataclass(frozen=True)
class Violation:
    """What is wrong, and with which resource."""

    resource: Resource
    problem: str


Rule = Callable[[Sequence[Resource]], Iterator[Violation]]


def protected_data(resources: Sequence[Resource]) -> Iterator[Violation]:
    """Claims and generated secrets refuse deletion.

    Of the versions of a secret only the newest has to: a rotation deletes the older ones.
    """
    newest: dict[str, tuple[int, Resource]] = {}
    for each in resources:
        if each.type == CLAIM and not each.protect:
            yield Violation(each, "the claim must be protected from deletion. fix: remove portus:protect from the stack file")
        elif each.type in GENERATED:
            name, number = _version(each.name)
            newest[name] = max(newest.get(name, (0, each)), (number, each), key=lambda pair: pair[0])
    for name, (_, each) in newest.items():
        if not each.protect and name not in WORTH_NOTHING:
            yield Violation(each, "the generated secret must be protected from deletion. fix: remove portus:protect from the stack file")


def no_secrets_in_config_maps(resources: Sequence[Resource]) -> Iterator[Violation]:
    """Everyone who may look at the namespace reads a ConfigMap."""
    secrets: dict[str, str] = {}
    for name, text in _secrets(resources):
        secrets.setdefault(text, name)
    for each in resources:
        if each.type != CONFIG_MAP:
            continue
        for key, text in [*_mapping(each.props.get("data")).items(), *_mapping(each.props.get("binaryData")).items()]:
            if not isinstance(text, str):
                continue
            found = [what for what, pattern in SECRET_TEXT.items() if pattern.search(text)]
            found += [f"the secret of {name}" for secret, name in secrets.items() if secret in text]
            if found:
                yield Violation(each, f"its key '{key}' must not hold {found[0]}. fix: put it into a Secret")


def pinned_images(resources: Sequence[Resource]) -> Iterator[Violation]:
    """A floating tag changes under a running deployment."""
    for each in resources:
        for container in _containers(each):
            image = str(container.get("image") or "")
            last = image.rpartition("/")[2]
            if "@sha256:" not in image and last.partition(":")[2] in FLOATING_TAGS:
                yield Violation(each, f"the image '{image}' must name a version or a digest. fix: set it in portus:images")


def network_policies(resources: Sequence[Resource]) -> Iterator[Violation]:
    """Portus' events path has no login: only the network keeps other Pods from it."""
    policies = [_mapping(each.props.get("spec")) for each in resources if each.type == NETWORK_POLICY]
    for each in resources:
        template = _template(each)
        if template is None:
            continue
        labels = _mapping(_mapping(template.get("metadata")).get("labels"))
        chosen = [policy for policy in policies if _selects(policy.get("podSelector"), labels)]
        for direction in ("Ingress", "Egress"):
            if not any(direction in (policy.get("policyTypes") or ()) for policy in chosen):
                yield Violation(
                    each, f"a NetworkPolicy must restrict the {direction} of its Pods. fix: remove policies: false from portus:network"
                )
        for policy in chosen:
            if labels.get(COMPONENT) != FRONT_PROXY and any(_is_open(rule) for rule in policy.get("ingress") or ()):
                yield Violation(each, "a NetworkPolicy must name who may reach its Pods. fix: remove the open rule")


def events_stay_inside(resources: Sequence[Resource]) -> Iterator[Violation]:
    """Who reaches the events path from outside can write what they like into Portus' records."""
    behind = {_object_name(each): _component(each) for each in resources if each.type == SERVICE}
    for each in resources:
        spec = _mapping(each.props.get("spec"))
        outside = spec.get("type") in {"NodePort", "LoadBalancer"} or spec.get("externalIPs")
        if each.type == SERVICE and outside and _component(each) != FRONT_PROXY:
            yield Violation(each, "only the front proxy's Service may be reached from outside. fix: use portus:exposure")
        if each.type == INGRESS or (each.type.startswith(GATEWAY_API) and each.type.endswith("Route")):
            for name in _backends(spec):
                if behind.get(name) != FRONT_PROXY:
                    yield Violation(each, f"must lead to the front proxy, not to the Service '{name}'. fix: use portus:exposure")
        if each.type == CONFIG_MAP:
            text = _mapping(each.props.get("data")).get("haproxy.cfg")
            for frontend in _open_frontends(text if isinstance(text, str) else ""):
                yield Violation(each, f"the frontend '{frontend}' must refuse /v2/webhooks before it asks Portus. fix: restore the rule")
        if each.type == NETWORK_POLICY and _mapping(_mapping(spec.get("podSelector")).get("matchLabels")).get(COMPONENT) == PORTUS:
            sources = [source for rule in spec.get("ingress") or () for source in _mapping(rule).get("from") or ()]
            if any("ipBlock" in source for source in sources):
                yield Violation(each, "no address of outside may reach Portus past the front proxy. fix: remove the ipBlock")


RULES: Final[Mapping[str, Rule]] = {
    "protected-data": protected_data,
    "no-secrets-in-config-maps": no_secrets_in_config_maps,
    "pinned-images": pinned_images,
    "network-policies": network_policies,
    "events-stay-inside": events_stay_inside,
}
"""Name of the policy -> rule. Its docstring's first line describes it."""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _version(name: str) -> tuple[str, int]:
    """Return a name without its counter, and the counter; without one it is the only version."""
    match = re.fullmatch(r"(.+)-(\d+)", name)
    return (match[1], int(match[2])) if match else (name, 1)


def _secrets(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """Give name and text of every secret that is known."""
    for each in resources:
        found: list[Any] = [each.props.get(GENERATED[each.type])] if each.type in GENERATED else []
        if each.type == SECRET:
            found += [_decoded(text) for key, text in _mapping(each.props.get("data")).items() if SECRET_NAME.search(key)]
            found += [text for key, text in _mapping(each.props.get("stringData")).items() if SECRET_NAME.search(key)]
        yield from ((each.name, text) for text in found if isinstance(text, str) and len(text.strip()) >= SHORTEST)


def _decoded(text: Any) -> str:
    try:
        return base64.b64decode(str(text), validate=True).decode()
    except ValueError:
        return ""


def _template(resource: Resource) -> Mapping[str, Any] | None:
    """Return the Pod template of a workload; None for everything else."""
    kind = resource.type.rpartition(":")[2]
    spec = _mapping(resource.props.get("spec"))
    if kind == "CronJob":
        spec = _mapping(_mapping(spec.get("jobTemplate")).get("spec"))
    return _mapping(spec.get("template")) if kind in {"CronJob", "DaemonSet", "Deployment", "Job", "StatefulSet"} else None


def _containers(resource: Resource) -> Iterator[Mapping[str, Any]]:
    pod = _mapping(_mapping(_template(resource)).get("spec"))
    for name in ("initContainers", "containers"):
        yield from pod.get(name) or ()


def _selects(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a selector of labels chooses; an expression is taken for one that does not."""
    conditions = _mapping(selector)
    return not conditions.get("matchExpressions") and all(
        labels.get(key) == value for key, value in _mapping(conditions.get("matchLabels")).items()
    )


def _is_open(rule: Any) -> bool:
    """Whether a rule lets everyone in: no source, an empty one, or every address."""
    sources = _mapping(rule).get("from") or ()
    return not sources or any(not source or str(_mapping(source.get("ipBlock")).get("cidr")).endswith("/0") for source in sources)


def _component(service: Resource) -> str:
    return str(_mapping(_mapping(service.props.get("spec")).get("selector")).get(COMPONENT, ""))


def _object_name(resource: Resource) -> str:
    return str(_mapping(resource.props.get("metadata")).get("name") or resource.name)


def _backends(value: Any, key: str = "") -> Iterator[str]:
    """Give the names of the Services that an Ingress or a route leads to."""
    if isinstance(value, Mapping):
        if key in {"service", "backendRefs"} and value.get("name"):
            yield str(value["name"])
        for inner, each in value.items():
            yield from _backends(each, inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            yield from _backends(each, key)


def _open_frontends(configuration: str) -> Iterator[str]:
    """Give HAProxy's frontends that lead to Portus before, or without, a refusal of the events path."""
    for name, body in re.findall(r"(?m)^frontend (\S+)\n((?:[ \t]+.*\n?|\n)*)", configuration):
        before, leads, _ = body.partition("_backend portus")
        if leads and not re.search(r"(?m)^\s+http-request deny .*webhooks", before):
            yield name
