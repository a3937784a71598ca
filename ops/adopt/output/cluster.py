"""Steps of the plan that only an old deployment in a cluster needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ops.adopt import keys
from ops.adopt.model import Findings, Source

READ_ONLY: Final = "{enabled: true}"
"""Value of REGISTRY_STORAGE_MAINTENANCE_READONLY; tried on the registry 2.8.2, whose other spelling of it panics."""
SAVED: Final = "old-ingress.yaml"
SAVED_SERVICE: Final = "old-service.yaml"


def shell(*lines: str) -> str:
    """Return commands as a block of Markdown."""
    return "\n```sh\n" + "\n".join(lines) + "\n```\n"


def freeze(source: Source, findings: Findings) -> Iterator[str]:
    """Yield how pushes are refused; a registry that keeps its images in an emptyDir must not restart for it."""
    kubectl, registry, worker = _names(source)
    stop = [f"{kubectl} scale {worker} --replicas=0"] if worker else []
    if _is_ephemeral(source, findings):
        yield "**The images are in an emptyDir: a restart of the registry loses them.** Do not change its Deployment. Close the front door:"
        yield shell(*_close(source, kubectl), *stop)
        yield "Pulls stop, too, until step 6: announce the window."
        return
    yield shell(f"{kubectl} set env {registry} 'REGISTRY_STORAGE_MAINTENANCE_READONLY={READ_ONLY}'", *stop)
    yield "Wait 15 minutes, or the life of a token: then no push is under way."


def back(source: Source, findings: Findings) -> Iterator[str]:
    """Yield how the freeze is undone."""
    kubectl, registry, worker = _names(source)
    start = [f"{kubectl} scale {worker} --replicas=1"] if worker else []
    if _is_ephemeral(source, findings):
        front = source.commands.get("front")
        yield shell(f"{kubectl} scale {front} --replicas=1" if front else f"{kubectl} apply -f {SAVED}", *start)
    else:
        yield shell(f"{kubectl} set env {registry} REGISTRY_STORAGE_MAINTENANCE_READONLY-", *start)


def shared_address(source: Source, findings: Findings) -> Iterator[str]:
    """Yield what to write before the deployment, while the old one has the address that the stack is to have."""
    if temporary := _temporary(source, findings):
        yield f"The old deployment has the stack's address still. Until step 6 write `{keys.PREFIX}exposure: {temporary}`."


def exposure_until_dns(source: Source, findings: Findings) -> str:
    """Return the kind of exposure until the DNS step."""
    return "cluster_ip" if _temporary(source, findings) else str(findings.settings.get(keys.EXPOSURE_KIND, "load_balancer"))


def take_address_over(source: Source, findings: Findings, stack: str) -> Iterator[str]:
    """Yield how the stack gets the address."""
    if not _temporary(source, findings):
        return
    kubectl, _, _ = _names(source)
    yield f"Give the address up, put `{keys.PREFIX}exposure` back as it was written, and deploy:"
    if findings.settings[keys.EXPOSURE_KIND] == "ingress":
        commands = [f"{kubectl} get ingress -o yaml > {SAVED}", f"{kubectl} delete ingress NAME"]
    else:
        name = source.commands.get("service", "NAME")
        commands = [f"{kubectl} get service {name} -o yaml > {SAVED_SERVICE}"]
        commands += [f'{kubectl} patch service {name} -p \'{{"spec": {{"type": "ClusterIP"}}}}\'']
    yield shell(*commands, f"pulumi up --stack {stack}")


def give_address_back(source: Source, findings: Findings, stack: str) -> Iterator[str]:
    """Yield how the old deployment gets back the address that `take_address_over` gave to the stack."""
    if not (temporary := _temporary(source, findings)):
        return
    kubectl, _, _ = _names(source)
    is_ingress = findings.settings[keys.EXPOSURE_KIND] == "ingress"
    yield f"If the stack has the address, first write `{keys.PREFIX}exposure: {temporary}` again. Deploy, and give the old one its address:"
    old = f"{kubectl} apply -f {SAVED}" if is_ingress else f"{kubectl} replace --force -f {SAVED_SERVICE}"
    yield shell(f"pulumi up --stack {stack}", old)


def _temporary(source: Source, findings: Findings) -> str:
    """Return the exposure until the DNS step, "" if both can have theirs at once; the port stays in the images' names."""
    kind = findings.settings.get(keys.EXPOSURE_KIND)
    if source.kind == "compose" or kind not in {"ingress", "node_port"}:
        return ""
    port = findings.settings.get(keys.EXPOSURE_NODE_PORT)
    return f"{{kind: cluster_ip, publicPort: {port}}}" if port else "{kind: cluster_ip}"


def _is_ephemeral(source: Source, findings: Findings) -> bool:
    """Whether a restart of the registry loses the images."""
    return bool(source.commands.get("ephemeral")) and findings.settings.get(f"{keys.REGISTRY_STORAGE}.driver") == "filesystem"


def _names(source: Source) -> tuple[str, str, str]:
    """Return kubectl with the namespace, the registry, and the worker where it is a Deployment of its own."""
    commands = source.commands
    worker = commands.get("worker", "")
    return (
        commands.get("kubectl", "kubectl"),
        commands.get("registry", "deployment/registry").partition(" ")[0],
        "" if " " in worker else worker,
    )


def _close(source: Source, kubectl: str) -> list[str]:
    if front := source.commands.get("front"):
        return [f"{kubectl} scale {front} --replicas=0"]
    return [f"{kubectl} get ingress -o yaml > {SAVED}", f"{kubectl} delete ingress NAME"]
