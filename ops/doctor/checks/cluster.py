"""Cluster, objects, claims and Pods."""

from __future__ import annotations

from typing import Final

from ops.doctor.facts import Workload
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Judge, NotChecked, Ok, Skipped, Verdict, deploy_again, kubectl
from ops.kube.http import NoAnswer

FULL: Final = 0.95
"""Of a claim's file system. MariaDB and the registry fail at 1; the alert PortusClaimFills speaks at 0.85."""

POLICY: Final = ":NetworkPolicy"


def cluster(snapshot: Snapshot) -> Verdict:
    """The API server answers, and the stack's namespace is active."""
    expected, version = snapshot.expected, snapshot.cluster
    if isinstance(version, NoAnswer):
        return Failed(version.reason, version.fix)
    if isinstance(version, NotChecked):
        return version
    if not snapshot.namespace:
        steps = f"pulumi refresh --stack {expected.stack}, then follow docs/operate/lost.md#cluster-lost"
        recovery = f"if it is the right cluster: {steps}; a stack of the lab's own: make up REFRESH=1 STACK={expected.stack}"
        return Failed(f"there is no namespace {expected.namespace}", recovery)
    if snapshot.namespace != "Active":
        return Failed(f"the namespace {expected.namespace} is {snapshot.namespace}", f"kubectl get namespace {expected.namespace} -o yaml")
    return Ok(f"Kubernetes {version}, namespace {expected.namespace}")


def objects(snapshot: Snapshot) -> Verdict:
    """Everything that Pulumi has made is there."""
    if isinstance(snapshot.missing, NotChecked):
        return snapshot.missing
    missing = [f"{kind} {name}" for kind, name in snapshot.missing if kind != "NetworkPolicy"]
    if missing:
        return Failed(f"gone from the cluster: {', '.join(missing)}", deploy_again(snapshot))
    return Ok(f"all {len(snapshot.expected.objects)} objects of Pulumi's state are there")


def network_policies(snapshot: Snapshot) -> Verdict:
    """The NetworkPolicies that Pulumi has made are there."""
    if isinstance(snapshot.missing, NotChecked):
        return snapshot.missing
    made = [name for token, name in snapshot.expected.objects if token.endswith(POLICY)]
    missing = [name for kind, name in snapshot.missing if kind == "NetworkPolicy"]
    if missing:
        return Failed(f"gone from the cluster: {', '.join(missing)}", deploy_again(snapshot))
    if not made:
        return Skipped("the stack file switches them off (network.policies)")
    return Ok(f"{len(made)} are there; the network plugin must enforce them")


def claims(snapshot: Snapshot) -> Verdict:
    """Every claim is bound."""
    if isinstance(snapshot.claims, NotChecked):
        return snapshot.claims
    loose = [each for each in snapshot.claims if each.phase != "Bound" and not each.waits]
    if loose:
        seen = "; ".join(f"{each.name} is {each.phase}" + "".join(f", {problem}" for problem in each.problems) for each in loose)
        fix = f"{kubectl(snapshot, f'describe pvc {loose[0].name}')}; the class is claim.storageClassName of the stack file"
        return Failed(seen, f"{fix}, those that there are: kubectl get storageclass")
    if not snapshot.claims:
        return Skipped("the stack has no claim of its own")
    return Ok(", ".join(f"{each.name} (waits for its first Pod)" if each.waits else each.name for each in snapshot.claims))


def room(snapshot: Snapshot) -> Verdict:
    """Every claim has room."""
    if isinstance(snapshot.claims, NotChecked):
        return snapshot.claims
    known = {each.name: each.used for each in snapshot.claims if isinstance(each.used, float)}
    full = [f"{name} is {used:.0%} full" for name, used in known.items() if used >= FULL]
    if full:
        grow = "raise claim.size of the stack file (the class must allow it: kubectl get storageclass), then pulumi up"
        return Failed(", ".join(full), f"{grow}; in the registry also delete images and collect the garbage")
    unseen = [each.used for each in snapshot.claims if isinstance(each.used, NotChecked)]
    if unseen:
        return unseen[0]
    if not known:
        return Skipped("no Pod mounts a claim of the stack")
    return Ok(", ".join(f"{name} {used:.0%} full" for name, used in known.items()))


def first_set_up(snapshot: Snapshot) -> Verdict:
    """The Jobs that Pulumi has made have succeeded."""
    if isinstance(snapshot.jobs, NotChecked):
        return snapshot.jobs
    for name, why in snapshot.jobs.items():
        again = f"{kubectl(snapshot, f'delete job {name}')}, then {deploy_again(snapshot)}"
        return Failed(f"Job {name}: {why}", f"{kubectl(snapshot, f'logs job/{name} --all-containers')}; once corrected: {again}")
    made = [name for token, name in snapshot.expected.objects if token.endswith(":Job")]
    return Ok(", ".join(made)) if made else Skipped("the stack has no Job")


def pods(role: str) -> Judge:
    """Return the judge of the Pods of ``role``: there, ready, all of them."""

    def judge(snapshot: Snapshot) -> Verdict:
        if isinstance(snapshot.workloads, NotChecked):
            return snapshot.workloads
        workload = snapshot.workload(role)
        if workload is None:
            return Skipped("the stack has none")
        name = f"{workload.kind}/{workload.name}"
        if workload.replicas == 0:
            return _stopped(snapshot, workload)
        if len(workload.ready) >= workload.replicas and len(workload.ready) == len(workload.pods):
            return Ok(", ".join(pod.name for pod in workload.pods))
        seen = "\n".join([f"{len(workload.ready)} of {workload.replicas} Pods of {name} are ready", *workload.problems])
        return Failed(seen, fix(snapshot, name, seen))

    return judge


def _stopped(snapshot: Snapshot, workload: Workload) -> Failed:
    """Report a workload without copies. One that a restore stopped must not start on half a database, which it would set up again."""
    name = f"{workload.kind}/{workload.name}"
    if workload.before_restore is not None:
        seen = f"{name} is scaled to 0: a restore stopped it (copies before: {workload.before_restore})"
        which = f"make backups STACK={snapshot.expected.stack} tells which"
        return Failed(seen, f"{which}; then repeat that make restore (docs/operate/restore.md), and do not scale it")
    copies = snapshot.expected.copies.get(workload.name)
    return Failed(f"{name} is scaled to 0", kubectl(snapshot, f"scale {name} --replicas={copies}") if copies else deploy_again(snapshot))


REMEDIES: Final = (
    (
        ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"),
        "images of the stack file: one that there is, and images.pullSecrets where its registry asks for a login; then pulumi up",
    ),
    (("OOMKilled",), "raise resources.limits.memory of this workload in the stack file, then pulumi up"),
    (
        ("Insufficient ", "node(s)"),
        "kubectl describe nodes; give the cluster room, or lower resources.requests or change the placement in the stack file",
    ),
    (
        ("CreateContainerConfigError", "FailedMount"),
        "make the Secret or ConfigMap that is named above; where Pulumi has made it: {deploy}",
    ),
    (("CrashLoopBackOff", "ended with exit code"), "{logs} --previous"),
)
"""The fix for a problem's words; the first that fits."""


def fix(snapshot: Snapshot, name: str, problem: str) -> str:
    """Return what to do about Pods that are not ready."""
    logs = kubectl(snapshot, f"logs {name} --all-containers")
    for words, advice in REMEDIES:
        if any(word in problem for word in words):
            return advice.format(logs=logs, deploy=deploy_again(snapshot))
    return f"{kubectl(snapshot, f'describe {name}')} and {logs}"
