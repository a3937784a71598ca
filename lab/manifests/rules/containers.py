"""Rules over single containers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from lab.manifests.objects import Workload
from lab.manifests.rules.rule import container_rule

Container = Mapping[str, Any]
HIGH_ID: Final = 10_000
"""Users and groups above it belong to no host."""
DANGEROUS: Final = frozenset({"ALL", "SYS_ADMIN", "NET_ADMIN"})
INSECURE: Final = frozenset(
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP SYS_CHROOT KILL AUDIT_WRITE NET_BIND_SERVICE".split()  # noqa: SIM905
)
SECRET_NAME: Final = re.compile(r"pass(word|wd)|secret|token|private_?key|api_?key|credential", re.IGNORECASE)
PRIVILEGED_PORT: Final = 1024
SSH_PORT: Final = 22


def _security(container: Container) -> Mapping[str, Any]:
    context: Mapping[str, Any] = container.get("securityContext", {})
    return context


def _effective(container: Container, workload: Workload, field: str) -> Any:
    return _security(container).get(field, workload.security.get(field))


def _dropped(container: Container) -> set[str]:
    return {each.removeprefix("CAP_") for each in _security(container).get("capabilities", {}).get("drop", [])}


def _added(container: Container) -> set[str]:
    return {each.removeprefix("CAP_") for each in _security(container).get("capabilities", {}).get("add", [])}


@container_rule("kube-linter/no-read-only-root-fs", "polaris/notReadOnlyRootFilesystem", "kubesec/readOnlyRootFilesystem")
def the_root_file_system_is_read_only(container: Container, _: Workload) -> str | None:
    """What an intruder writes must not outlive the process or become a program."""
    return None if _security(container).get("readOnlyRootFilesystem") is True else "the root file system is writable"


@container_rule("kube-linter/privilege-escalation-container", "polaris/privilegeEscalationAllowed", "kubesec/allowPrivilegeEscalation")
def no_process_gains_privileges(container: Container, _: Workload) -> str | None:
    """Set-uid programs and sudo must not give a process more rights than its parent."""
    return None if _security(container).get("allowPrivilegeEscalation") is False else "privileges can be gained"


@container_rule("kube-linter/privileged-container", "polaris/runAsPrivileged", "kubesec/privileged")
def no_container_is_privileged(container: Container, _: Workload) -> str | None:
    """A privileged container is root on the node."""
    return "privileged" if _security(container).get("privileged") else None


@container_rule("kube-linter/run-as-non-root", "polaris/runAsRootAllowed", "kubesec/runAsNonRoot")
def no_process_is_root(container: Container, workload: Workload) -> str | None:
    """The kubelet refuses root where runAsNonRoot says so; a uid other than 0 alone does as well."""
    non_root = _effective(container, workload, "runAsNonRoot") is True or bool(_effective(container, workload, "runAsUser"))
    return None if non_root else "may run as root"


@container_rule("kubesec/runAsUser")
def the_uid_is_no_user_of_the_node(container: Container, workload: Workload) -> str | None:
    """A uid above 10000 is not an account of the node, if a process escapes."""
    return None if (_effective(container, workload, "runAsUser") or 0) > HIGH_ID else "runs with a low uid, or the image's own"


@container_rule("kubesec/runAsGroup")
def the_gid_is_no_group_of_the_node(container: Container, workload: Workload) -> str | None:
    """As for the user."""
    return None if (_effective(container, workload, "runAsGroup") or 0) > HIGH_ID else "runs with a low gid, or the image's own"


@container_rule(
    "kube-linter/drop-net-raw-capability", "polaris/insecureCapabilities", "kubesec/capabilities-drop-all", "kubesec/capabilities-drop"
)
def every_capability_is_dropped(container: Container, _: Workload) -> str | None:
    """A server on a high port needs none of root's capabilities. With NET_RAW it could forge packets."""
    if "ALL" not in _dropped(container):
        return "capabilities are not dropped"
    added = _added(container) & INSECURE
    return f"adds {', '.join(sorted(added))}" if added else None


@container_rule("polaris/dangerousCapabilities", "kubesec/capabilities-add-SYS_ADMIN")
def no_dangerous_capability_is_added(container: Container, _: Workload) -> str | None:
    """ALL, SYS_ADMIN and NET_ADMIN are as good as root on the node."""
    added = _added(container) & DANGEROUS
    return f"adds {', '.join(sorted(added))}" if added else None


@container_rule("polaris/linuxHardening", "kubesec/seccomp", "kubesec/seccomp-unconfined")
def system_calls_are_filtered(container: Container, workload: Workload) -> str | None:
    """The runtime's seccomp profile, or a stricter one of the node, is on."""
    kind = (_effective(container, workload, "seccompProfile") or {}).get("type")
    return None if kind in {"RuntimeDefault", "Localhost"} else "no seccomp profile"


@container_rule("kubesec/apparmor-unconfined")
def apparmor_is_not_turned_off(container: Container, workload: Workload) -> str | None:
    """If the node confines containers by AppArmor, no container opts out."""
    kind = (_effective(container, workload, "appArmorProfile") or {}).get("type")
    return "unconfined" if kind == "Unconfined" else None


@container_rule("polaris/procMount", "polaris/hostProcess")
def the_view_of_the_host_is_masked(container: Container, workload: Workload) -> str | None:
    """No container sees an unmasked /proc or runs as a process of a Windows host."""
    host_process = (_effective(container, workload, "windowsOptions") or {}).get("hostProcess")
    return "sees the host" if host_process or _security(container).get("procMount", "Default") != "Default" else None


@container_rule(
    "kube-linter/unset-cpu-requirements",
    "polaris/cpuRequestsMissing",
    "polaris/cpuLimitsMissing",
    "kubesec/cpu-requests",
    "kubesec/cpu-limits",
)
def cpu_is_reserved_and_limited(container: Container, _: Workload) -> str | None:
    """The scheduler needs the request; the limit keeps a runaway from its neighbours."""
    return _missing(container, "cpu")


@container_rule(
    "kube-linter/unset-memory-requirements",
    "polaris/memoryRequestsMissing",
    "polaris/memoryLimitsMissing",
    "kubesec/memory-requests",
    "kubesec/memory-limits",
)
def memory_is_reserved_and_limited(container: Container, _: Workload) -> str | None:
    """Without a limit the node, not the container, runs out of memory."""
    return _missing(container, "memory")


def _missing(container: Container, kind: str) -> str | None:
    resources = container.get("resources", {})
    without = [each for each in ("requests", "limits") if kind not in resources.get(each, {})]
    return f"no {kind} in {' and '.join(without)}" if without else None


@container_rule("kube-linter/latest-tag", "polaris/tagNotSpecified")
def an_image_has_a_version(container: Container, _: Workload) -> str | None:
    """The same manifest must mean the same program tomorrow."""
    image = container["image"]
    tag = image.rpartition("/")[2].partition(":")[2]
    return None if "@sha256:" in image or tag not in {"", "latest"} else f"{image} has no fixed version"


@container_rule("polaris/pullPolicyNotAlways")
def an_image_is_pulled_at_each_start(container: Container, _: Workload) -> str | None:
    """With Always, a Pod without the right to a private image does not get it from a node that pulled it before."""
    return None if container.get("imagePullPolicy") == "Always" else f"imagePullPolicy is {container.get('imagePullPolicy')}"


@container_rule("kube-linter/no-readiness-probe", "polaris/readinessProbeMissing", lasting=True)
def readiness_is_probed(container: Container, _: Workload) -> str | None:
    """A Service must not send to a container that cannot answer yet."""
    return None if "readinessProbe" in container else "no readiness probe"


@container_rule("kube-linter/no-liveness-probe", "polaris/livenessProbeMissing", lasting=True)
def liveness_is_probed(container: Container, _: Workload) -> str | None:
    """A container that hangs is restarted by its probe only."""
    return None if "livenessProbe" in container else "no liveness probe"


@container_rule("kube-linter/liveness-port", "kube-linter/readiness-port", "kube-linter/startup-port")
def a_probe_uses_a_declared_port(container: Container, _: Workload) -> str | None:
    """A probe of a port that nothing listens on never succeeds."""
    declared = {value for port in container.get("ports", []) for value in (port.get("name"), port["containerPort"])}
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        for way in ("httpGet", "tcpSocket", "grpc"):
            port = container.get(kind, {}).get(way, {}).get("port")
            if port is not None and port not in declared:
                return f"{kind} asks port {port}, which is not declared"
    return None


@container_rule("kube-linter/privileged-ports")
def a_server_listens_on_an_unprivileged_port(container: Container, _: Workload) -> str | None:
    """A port below 1024 needs root or a capability."""
    low = [port["containerPort"] for port in container.get("ports", []) if port["containerPort"] < PRIVILEGED_PORT]
    return f"listens on {low}" if low else None


@container_rule("kube-linter/ssh-port")
def no_container_has_an_ssh_server(container: Container, _: Workload) -> str | None:
    """An SSH server in a container gets no patches."""
    return "listens on 22" if any(port["containerPort"] == SSH_PORT for port in container.get("ports", [])) else None


@container_rule("polaris/hostPortSet")
def no_port_of_the_node_is_used(container: Container, _: Workload) -> str | None:
    """A host port bypasses Services, NetworkPolicies and the scheduler."""
    return "takes a host port" if any(port.get("hostPort") for port in container.get("ports", [])) else None


@container_rule("kube-linter/duplicate-env-var")
def a_variable_is_set_once(container: Container, _: Workload) -> str | None:
    """Of two values of one variable the reader sees the first and the program the last."""
    twice = [name for name, count in Counter(each["name"] for each in container.get("env", [])).items() if count > 1]
    return f"{', '.join(twice)} set twice" if twice else None


@container_rule("kube-linter/env-var-secret", "polaris/sensitiveContainerEnvVar")
def no_secret_is_in_a_manifest(container: Container, _: Workload) -> str | None:
    """A variable that is called like a secret takes its value from one, or names a file."""
    clear = [
        each["name"]
        for each in container.get("env", [])
        if SECRET_NAME.search(each["name"]) and each.get("value") and not each["value"].startswith("/")
    ]
    return f"{', '.join(clear)} in clear" if clear else None


@container_rule("kube-linter/read-secret-from-env-var", "kubesec/secret-env")
def a_secret_is_read_from_a_file(container: Container, _: Workload) -> str | None:
    """The environment is inherited by every child process and ends in crash reports."""
    variables = [each["name"] for each in container.get("env", []) if "secretKeyRef" in each.get("valueFrom", {})]
    variables += ["envFrom" for each in container.get("envFrom", []) if "secretRef" in each]
    return f"{', '.join(variables)} from a Secret" if variables else None
