"""Names, inside the Pods and on this machine."""

from __future__ import annotations

from components.common.names import WEB
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Judge, Ok, Verdict, deploy_anew, kubectl
from ops.kube.http import NoAnswer, NotChecked

UNRESOLVED = ("bad address", "not known", "No address", "failure in name resolution")


def reached_from(role: str) -> Judge:
    """Return the judge of whether Pods of ``role`` reach the servers under the names that they use."""

    def judge(snapshot: Snapshot) -> Verdict:
        pod = snapshot.pod(role)
        asked = {name: why for (client, name), why in snapshot.reached.items() if client == role}
        if pod is None or not asked:
            return NotChecked("not asked" if pod else f"there is no Pod of the {role}")
        for name, why in asked.items():
            if isinstance(why, NotChecked):
                return why
            if why:
                return Failed(f"Pod {pod.name} does not reach {name}: {why}", _fix(snapshot, role, name, why))
        places = (f"{name} ({pod.aliases[name]})" if name in pod.aliases else name for name in asked)
        return Ok(f"Pod {pod.name} reaches {', '.join(places)}")

    return judge


def _fix(snapshot: Snapshot, role: str, name: str, why: str) -> str:
    target = "deployment/portus" if role == WEB else f"deployment/{role}"
    aliases = kubectl(snapshot, f"get {target} -o jsonpath='{{.spec.template.spec.hostAliases}}'")
    if any(word in why for word in UNRESOLVED):
        return f"the Pod's hostAliases lack {name} ({aliases}): {deploy_anew(snapshot)}"
    return f"compare {aliases} with {kubectl(snapshot, 'get services')}; if they agree, a NetworkPolicy or the network plugin is in the way"


def public_names(snapshot: Snapshot) -> Verdict:
    """The public names have an address on this machine."""
    for name, found in snapshot.names.items():
        if isinstance(found, NoAnswer):
            address = kubectl(snapshot, "get service edge-public (or your Ingress, or Gateway)")
            return Failed(f"{name} has no address on this machine: {found.reason}", f"a DNS record for it; the address: {address}")
    shown = (f"{name} is {', '.join(found)}" for name, found in snapshot.names.items() if not isinstance(found, NoAnswer))
    return Ok("; ".join(shown))
