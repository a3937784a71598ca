"""Rules over what the stack's accounts may do in the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.manifests.objects import Objects
from lab.manifests.rules.rule import Verdict, rule

_ROLES = ("Role", "ClusterRole")
_BINDINGS = ("RoleBinding", "ClusterRoleBinding")


def _grants(role: Mapping[str, Any], resources: set[str], verbs: set[str]) -> bool:
    for one in role.get("rules", []):
        if ({"*", *resources} & set(one.get("resources", []))) and ({"*", *verbs} & set(one.get("verbs", []))):
            return True
    return False


@rule("kube-linter/access-to-secrets")
def no_role_reads_secrets(objects: Objects) -> Iterator[Verdict]:
    """Who reads Secrets has every password of the namespace."""
    for each in objects.all(*_ROLES):
        reads = _grants(each.document, {"secrets"}, {"get", "list", "watch", "create", "update", "patch"})
        yield each.reference, "grants access to Secrets" if reads else None


@rule("kube-linter/wildcard-in-rules")
def a_role_names_what_it_grants(objects: Objects) -> Iterator[Verdict]:
    """A star grants what is invented tomorrow."""
    for each in objects.all(*_ROLES):
        wild = any("*" in one.get(key, []) for one in each.document.get("rules", []) for key in ("resources", "verbs"))
        yield each.reference, "has a wildcard" if wild else None


@rule("polaris/clusterrolePodExecAttach", "polaris/rolePodExecAttach")
def no_role_enters_a_pod(objects: Objects) -> Iterator[Verdict]:
    """Exec and attach are a shell in every container."""
    for each in objects.all(*_ROLES):
        enters = _grants(each.document, {"pods/exec", "pods/attach"}, {"get", "create"})
        yield each.reference, "grants exec or attach" if enters else None


@rule(
    "polaris/clusterrolebindingPodExecAttach",
    "polaris/rolebindingClusterRolePodExecAttach",
    "polaris/rolebindingRolePodExecAttach",
)
def no_binding_gives_a_way_into_pods(objects: Objects) -> Iterator[Verdict]:
    """Neither does a binding give such a role to any account."""
    entering = {each.name for each in objects.all(*_ROLES) if _grants(each.document, {"pods/exec", "pods/attach"}, {"get", "create"})}
    for each in objects.all(*_BINDINGS):
        yield each.reference, "binds a role with exec or attach" if each.document["roleRef"]["name"] in entering else None


@rule(
    "polaris/clusterrolebindingClusterAdmin",
    "polaris/rolebindingClusterAdminClusterRole",
    "polaris/rolebindingClusterAdminRole",
)
def nobody_is_made_cluster_admin(objects: Objects) -> Iterator[Verdict]:
    """Nothing here administers the cluster."""
    admins = {each.name for each in objects.all(*_ROLES) if _grants(each.document, {"*"}, {"*"})} | {"cluster-admin"}
    for each in objects.all(*_BINDINGS):
        yield each.reference, "binds cluster-admin" if each.document["roleRef"]["name"] in admins else None


@rule("kubesec/system-anonymous")
def strangers_are_granted_nothing(objects: Objects) -> Iterator[Verdict]:
    """Callers without a name get no role."""
    for each in objects.all(*_BINDINGS):
        names = {subject["name"] for subject in each.document.get("subjects", [])}
        yield each.reference, "binds strangers" if names & {"system:anonymous", "system:unauthenticated"} else None
