"""Certificates: what the Pods mount, what they present, and which programs trust them."""

from __future__ import annotations

from typing import Final

from components.common.names import EDGE, REGISTRY, WEB
from ops.doctor.facts import Pod
from ops.doctor.pem import Leaf, is_key_of, leaf
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Judge, Ok, Skipped, Verdict, deploy_again, kubectl
from ops.kube.http import Answer, NotChecked

DAY: Final = 86400
SOON_DAYS: Final = 7
PLACES: Final = {
    WEB: (("/secrets/portus.crt", "/secrets/portus.key"), ("/certificates/portus-ca.crt", "/secrets/portus.key")),
    EDGE: (("/run/secrets/edge-tls/edge.pem", "/run/secrets/edge-tls/edge.pem.key"),),
}
"""Where each image looks for certificate and key; the registry's config.yml says it."""
RENEW: Final = "renew it where it comes from (docs/deploy/tls.md): tls of the stack file and pulumi up, the Secret, or cert-manager"


def mounted(snapshot: Snapshot, role: str) -> tuple[str, str] | None:
    """Return certificate and key as a role's Pod mounts them, as the cluster has them now."""
    pod = snapshot.pod(role)
    places = PLACES.get(role, ())
    if role == REGISTRY:
        tls = snapshot.registry_config().get("http", {}).get("tls", {})
        places = ((str(tls.get("certificate")), str(tls.get("key"))),)
    files = pod.files if pod else {}
    return next(((files[first], files[second]) for first, second in places if first in files and second in files), None)


def certificate(snapshot: Snapshot) -> Verdict:
    """The certificate that is mounted is valid, for the public names, and of its key."""
    seen = []
    for role, name in ((WEB, snapshot.expected.host), (REGISTRY, snapshot.expected.registry_name), (EDGE, snapshot.expected.host)):
        pod, pair = snapshot.pod(role), mounted(snapshot, role)
        if pod is None:
            return NotChecked(f"there is no Pod of the {role}")
        if pair is None:
            return Failed(f"Pod {pod.name} mounts no certificate and key", f"the Secret lacks them; {RENEW}")
        try:
            problem, found = _problem(snapshot, pair, name)
        except ValueError as error:
            problem, found = f"cannot be read: {error}", None
        if problem or found is None:
            return Failed(f"the certificate that Pod {pod.name} mounts {problem}", RENEW)
        seen.append(f"{', '.join(found.names)}, {(found.ends - snapshot.now) / DAY:.0f} days left")
    return Ok("; ".join(dict.fromkeys(seen)))


def _problem(snapshot: Snapshot, pair: tuple[str, str], name: str) -> tuple[str, Leaf]:
    found = leaf(pair[0])
    days = (found.ends - snapshot.now) / DAY
    if days < 0:
        return f"expired {-days:.0f} days ago", found
    if days < SOON_DAYS:
        return f"expires in {days:.1f} days", found
    if found.begins > snapshot.now:
        return f"is not valid for another {(found.begins - snapshot.now) / DAY:.1f} days", found
    if not found.covers(name):
        return f"is for {', '.join(found.names) or 'no name'}, not for {name}", found
    return ("", found) if is_key_of(pair[1], found) else ("is not of the RSA key beside it", found)


def presented(snapshot: Snapshot) -> Verdict:
    """Every server presents the certificate that it mounts. One that does not has not restarted since the Secret was renewed."""
    seen: list[str] = []
    for role, answers in snapshot.served.items():
        pair = mounted(snapshot, role)
        for pod, reply in answers.items():
            if isinstance(reply, NotChecked) or pair is None:
                return reply if isinstance(reply, NotChecked) else NotChecked(f"what Pod {pod} mounts is not known")
            workload = snapshot.workload(role)
            restart = kubectl(snapshot, f"rollout restart {workload.kind}/{workload.name}" if workload else "get pods")
            if not isinstance(reply, Answer):
                return NotChecked(f"Pod {pod}: {reply.reason}")
            if reply.certificate is None:
                return Failed(f"Pod {pod} presents no certificate: it answers without TLS", kubectl(snapshot, f"logs {pod}"))
            presented, expected = leaf(reply.certificate), leaf(pair[0])
            if presented.der != expected.der:
                return Failed(f"Pod {pod} still presents the certificate {presented.serial}, its Secret holds {expected.serial}", restart)
            seen.append(pod)
    return Ok(", ".join(seen)) if seen else NotChecked("no server was asked")


TRUST: Final = {
    WEB: "tls.extraCaCertificates of the stack file, then pulumi up; the CA is mounted in /certificates",
    REGISTRY: "tls.extraCaCertificates of the stack file, then pulumi up; the CA is mounted where SSL_CERT_DIR says",
    EDGE: "the front proxy's ca.crt is rendered again by {deploy}",
}


def trust(client: str, *servers: str) -> Judge:
    """Return the judge of whether ``client`` accepts the servers' certificates."""

    def judge(snapshot: Snapshot) -> Verdict:
        answers = {server: snapshot.refused[client, server] for server in servers if (client, server) in snapshot.refused}
        for server, why in answers.items():
            if isinstance(why, NotChecked):
                return why
            if why:
                pod: Pod | None = snapshot.pod(client)
                seen = f"with what Pod {pod.name if pod else client} trusts, the certificate of the {server} is refused: {why}"
                return Failed(seen, TRUST[client].format(deploy=deploy_again(snapshot)))
        if not answers:
            return Skipped("they speak without TLS inside the cluster" if client == REGISTRY else "the stack has none")
        return Ok(f"it accepts the certificate of the {' and the '.join(answers)}")

    return judge
