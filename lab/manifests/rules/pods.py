"""Rules over Pods as a whole, and over what the stack's accounts may do in the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lab.manifests.objects import Objects, Workload
from lab.manifests.rules.rule import Verdict, pod_rule, rule

SAFE_SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    }
)


@pod_rule("kube-linter/host-ipc", "polaris/hostIPCSet", "kubesec/hostIPC")
def the_hosts_ipc_is_not_shared(workload: Workload) -> str | None:
    """The shared memory of the node belongs to the node."""
    return "hostIPC" if workload.pod.get("hostIPC") else None


@pod_rule("kube-linter/host-network", "polaris/hostNetworkSet", "kubesec/hostNetwork")
def the_hosts_network_is_not_shared(workload: Workload) -> str | None:
    """On the host's network no NetworkPolicy applies."""
    return "hostNetwork" if workload.pod.get("hostNetwork") else None


@pod_rule("kube-linter/host-pid", "polaris/hostPIDSet", "kubesec/hostPID")
def the_hosts_processes_are_not_seen(workload: Workload) -> str | None:
    """A process must not see environment and memory of others."""
    return "hostPID" if workload.pod.get("hostPID") else None


@pod_rule(
    "kube-linter/docker-sock", "kube-linter/sensitive-host-mounts", "polaris/hostPathSet", "kubesec/docker-sock", "kubesec/proc-mount"
)
def nothing_of_the_host_is_mounted(workload: Workload) -> str | None:
    """A hostPath, the runtime's socket first of all, is a way to the node."""
    paths = [each["hostPath"]["path"] for each in workload.pod.get("volumes", []) if "hostPath" in each]
    return f"mounts {', '.join(paths)} of the host" if paths else None


@pod_rule("kube-linter/unsafe-sysctls")
def kernel_settings_are_the_safe_ones(workload: Workload) -> str | None:
    """Others are shared with the whole node."""
    unsafe = [each["name"] for each in workload.security.get("sysctls", []) if each["name"] not in SAFE_SYSCTLS]
    return f"sets {', '.join(unsafe)}" if unsafe else None


@pod_rule("polaris/automountServiceAccountToken", "kubesec/automountServiceAccountToken")
def no_token_of_the_cluster_is_mounted(workload: Workload) -> str | None:
    """No Pod here uses the Kubernetes API, so none needs a token."""
    return None if workload.pod.get("automountServiceAccountToken") is False else "the service account's token is mounted"


@pod_rule("kube-linter/default-service-account", "kubesec/serviceAccountName")
def a_pod_has_an_account_of_its_own(workload: Workload) -> str | None:
    """What is granted to the default account is granted to every Pod of the namespace."""
    return None if workload.pod.get("serviceAccountName", "default") != "default" else "runs under the default service account"


@pod_rule("kube-linter/deprecated-service-account-field")
def the_account_is_named_by_its_new_field(workload: Workload) -> str | None:
    """``serviceAccount`` is the old name of ``serviceAccountName``."""
    return "uses serviceAccount" if "serviceAccount" in workload.pod else None


@rule("kube-linter/non-existent-service-account")
def a_named_account_exists(objects: Objects) -> Iterator[Verdict]:
    """A Pod whose account is missing is never made."""
    known = objects.names("ServiceAccount") | {"default"}
    for each in objects.workloads:
        name = each.pod.get("serviceAccountName", "default")
        yield each.reference, None if name in known else f"there is no ServiceAccount {name}"


@pod_rule("kube-linter/restart-policy")
def a_pod_is_restarted(workload: Workload) -> str | None:
    """``Never`` is for a Job, whose retries are the Job's own."""
    return "restartPolicy Never" if workload.pod.get("restartPolicy") == "Never" and workload.kind not in {"Job", "CronJob"} else None


@pod_rule("kube-linter/priority-class-name", "polaris/priorityClassNotSet")
def a_pod_has_a_priority(workload: Workload) -> str | None:
    """When a node is full, the scheduler must know which Pod is evicted first."""
    return None if workload.pod.get("priorityClassName") else "no priority class"


@pod_rule("kube-linter/dnsconfig-options")
def a_name_is_resolved_by_one_query(workload: Workload) -> str | None:
    """With ndots 5, Kubernetes' default, each external name costs five queries."""
    options = {each["name"]: each.get("value") for each in workload.pod.get("dnsConfig", {}).get("options", [])}
    return None if "ndots" in options else "ndots is not set"


@pod_rule("kubesec/hostAliases")
def a_pod_has_no_host_aliases(workload: Workload) -> str | None:
    """An entry in /etc/hosts hides what the DNS says."""
    return "has host aliases" if workload.pod.get("hostAliases") else None


@pod_rule("kubesec/apparmor")
def apparmor_confines_it(workload: Workload) -> str | None:
    """A profile is named."""
    return None if workload.security.get("appArmorProfile") else "no AppArmor profile"


@pod_rule("kubesec/hostUsers")
def a_pod_has_a_user_namespace(workload: Workload) -> str | None:
    """With a user namespace a uid inside is another one on the node."""
    return None if workload.pod.get("hostUsers") is False else "shares the node's user ids"


_ROLES = ("Role", "ClusterRole")
_BINDINGS = ("RoleBinding", "ClusterRoleBinding")


def _grants(role: Mapping[str, Any], resources: set[str], verbs: set[str]) -> bool:
    for one in role.get("rules", []):
        if ({"*", *resources} & set(one.get("resources", []))) and ({"*", *verbs} & set(one.get("verbs", []))):
            return True
    return False


@rule("kube-linter/access-to-secrets")
def no_role_reads_secrets(objects: Objects) -> Iterator[Verdict]:
    """An account that reads Secrets has every password of the namespace."""
    for each in objects.all(*_ROLES):
        reads = _grants(each.document, {"secrets"}, {"get", "list", "watch", "create", "update", "patch"})
        yield each.reference, "grants access to Secrets" if reads else None


@rule("kube-linter/wildcard-in-rules")
def a_role_names_what_it_grants(objects: Objects) -> Iterator[Verdict]:
    """A star also grants what is added later."""
    for each in objects.all(*_ROLES):
        wild = any("*" in one.get(key, []) for one in each.document.get("rules", []) for key in ("resources", "verbs"))
        yield each.reference, "has a wildcard" if wild else None


@rule("polaris/clusterrolePodExecAttach", "polaris/rolePodExecAttach")
def no_role_may_exec_into_pods(objects: Objects) -> Iterator[Verdict]:
    """Exec and attach are a shell in every container."""
    for each in objects.all(*_ROLES):
        enters = _grants(each.document, {"pods/exec", "pods/attach"}, {"get", "create"})
        yield each.reference, "grants exec or attach" if enters else None


@rule(
    "polaris/clusterrolebindingPodExecAttach",
    "polaris/rolebindingClusterRolePodExecAttach",
    "polaris/rolebindingRolePodExecAttach",
)
def no_binding_allows_exec_into_pods(objects: Objects) -> Iterator[Verdict]:
    """Neither does a binding give such a role to any account."""
    entering = {each.name for each in objects.all(*_ROLES) if _grants(each.document, {"pods/exec", "pods/attach"}, {"get", "create"})}
    for each in objects.all(*_BINDINGS):
        yield each.reference, "binds a role with exec or attach" if each.document["roleRef"]["name"] in entering else None


@rule(
    "polaris/clusterrolebindingClusterAdmin",
    "polaris/rolebindingClusterAdminClusterRole",
    "polaris/rolebindingClusterAdminRole",
)
def no_account_is_cluster_admin(objects: Objects) -> Iterator[Verdict]:
    """Nothing here administers the cluster."""
    admins = {each.name for each in objects.all(*_ROLES) if _grants(each.document, {"*"}, {"*"})} | {"cluster-admin"}
    for each in objects.all(*_BINDINGS):
        yield each.reference, "binds cluster-admin" if each.document["roleRef"]["name"] in admins else None


@rule("kubesec/system-anonymous")
def anonymous_users_have_no_role(objects: Objects) -> Iterator[Verdict]:
    """Anonymous and unauthenticated users get no role."""
    for each in objects.all(*_BINDINGS):
        names = {subject["name"] for subject in each.document.get("subjects", [])}
        yield each.reference, "binds strangers" if names & {"system:anonymous", "system:unauthenticated"} else None
