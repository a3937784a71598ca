"""Lines of the plan for /etc/hosts: until the DNS step the public names lead to the old Portus, and so would every check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ops.adopt import keys
from ops.adopt.model import Findings
from ops.adopt.output.cluster import shell

_STATUS: Final = ".status.loadBalancer.ingress[0]"


def add(findings: Findings, stack: str, namespace: str, kind: str) -> Iterator[str]:
    """Yield how the machine that runs the plan gets to the stack; ``kind`` is the exposure's until the DNS step."""
    commands = _addresses(namespace)
    yield "Until step 6 the public names lead to the old Portus. Let them lead to the stack on the machine that runs this plan."
    yield "Without it `make doctor`, `make restore`, `make check` and `check-images` check the old Portus, and push into its registry."
    yield shell(
        commands[kind if kind in commands else "load_balancer"],
        "ADDRESS=$(getent ahostsv4 \"$ADDRESS\" | awk 'NR == 1 {print $1}')   # a load balancer may have a name instead",
        remove(stack),
        f'echo "${{ADDRESS:?the stack has no address yet}} {" ".join(public(findings))}   {_mark(stack)}" | sudo tee -a /etc/hosts',
        f"make doctor STACK={stack}",
    )
    yield f"The first line is for `{keys.PREFIX}{keys.EXPOSURE_KIND}: {kind}`. If you choose another one, use its line:\n"
    yield from (f"- `{each}`: `{command}`" for each, command in commands.items() if each != kind)
    yield "- any other, or a proxy of yours in front: `ADDRESS=` and the address that clients will connect to"
    yield f"\nWith `cluster_ip`, keep this running in another terminal: `{_forward(findings, namespace)}`.\n"


def remove(stack: str) -> str:
    """Return the command that takes the line away."""
    return f"sudo sed -i '/{_mark(stack)}$/d' /etc/hosts"


def public(findings: Findings) -> list[str]:
    """Return the public names, each once; a placeholder where the source has none."""
    found = (str(findings.settings.get(keys.HOST, "HOST-OF-PORTUS")), str(findings.settings.get(keys.REGISTRY_HOST, "")))
    return [name for name in dict.fromkeys(found) if name]


def _mark(stack: str) -> str:
    return f"# adopt-{stack}"


def _addresses(namespace: str) -> dict[str, str]:
    """Return the command that sets ``ADDRESS``, for each kind of exposure."""
    service = f"kubectl -n {namespace} get service edge-public -o jsonpath='{{{_STATUS}.ip}}{{{_STATUS}.hostname}}'"
    ingress = f"kubectl -n {namespace} get ingress -o jsonpath='{{.items[0]{_STATUS}.ip}}{{.items[0]{_STATUS}.hostname}}'"
    node = "kubectl get nodes -o jsonpath='{.items[0].status.addresses[?(@.type==\"InternalIP\")].address}'"
    return {
        "load_balancer": f"ADDRESS=$({service})",
        "node_port": f"ADDRESS=$({node})",
        "ingress": f"ADDRESS=$({ingress})",
        "cluster_ip": "ADDRESS=127.0.0.1",
    }


def _forward(findings: Findings, namespace: str) -> str:
    port = findings.settings.get(keys.EXPOSURE_NODE_PORT, 443)
    return f"sudo -E kubectl -n {namespace} port-forward service/edge-public {port}:{port}"
