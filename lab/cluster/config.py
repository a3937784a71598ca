"""The configuration of each program of the cluster: pure functions over fixed addresses and paths, as the box is the same everywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.cluster.images import PAUSE

HOME: Final = Path("/run/lab")
"""Where the box sees the cluster's folder: the same in every checkout, so that stored paths (volumes, images) stay true."""

LOGS: Final = Path("/run/lab-logs")
"""Where the box sees the log folder."""

NODE: Final = "lab"
NODE_ADDRESS: Final = "10.244.0.1"
"""The bridge's own address. The kernel may lack dummy interfaces, so the bridge replaces the node's network card."""

POD_RANGE: Final = "10.244.0.0/24"
CLUSTER_RANGE: Final = "10.244.0.0/16"
SERVICE_RANGE: Final = "10.96.0.0/16"
API_ADDRESS: Final = "10.96.0.1"
"""The first address of the service range: the Service ``kubernetes``."""

DNS_ADDRESS: Final = "10.96.0.10"
API_PORT: Final = 6443
SOCKET: Final = Path("/run/containerd/containerd.sock")
BRIDGE: Final = "cni0"
BRIDGE_MAC: Final = "02:00:0a:f4:00:01"

USERS: Final = {
    "admin": ("system:masters", "portus-lab-admin"),
    "controller-manager": ("", "system:kube-controller-manager"),
    "scheduler": ("", "system:kube-scheduler"),
    "proxy": ("", "system:kube-proxy"),
    "router": ("", "portus-lab-kube-router"),
    "kubelet": ("system:nodes", f"system:node:{NODE}"),
}
"""The users of the API server: the group and the user that the built-in roles, or those of ``manifests``, know each by."""


@dataclass(frozen=True, slots=True)
class Component:
    """One program of the control plane or the node.

    Attributes:
        after: the component that must answer first, because this one gives up when it does not; empty for none.
        programs: the variable with the folder whose programs it finds before those of the same name; empty for none.
    """

    name: str
    command: tuple[str, ...]
    after: str = ""
    programs: str = ""


def pki(name: str) -> str:
    """Return the box's path of a certificate or key."""
    return str(HOME / "pki" / name)


def kubeconfig(user: str) -> str:
    """Return the box's path of the kubeconfig of one of ``USERS``."""
    return str(HOME / f"{user}.kubeconfig")


def components() -> list[Component]:
    """Return the programs in the order in which they start."""
    return [
        Component("containerd", ("containerd", "--config", str(HOME / "containerd.toml"))),
        Component("etcd", _etcd()),
        Component("kube-apiserver", _apiserver()),
        Component("kubelet", _kubelet(), after="containerd"),
        Component("kube-controller-manager", _controller_manager(), after="kube-apiserver"),
        Component(
            "kube-scheduler", ("kube-scheduler", f"--kubeconfig={kubeconfig('scheduler')}", "--leader-elect=false"), after="kube-apiserver"
        ),
        Component("kube-proxy", ("kube-proxy", f"--config={HOME / 'proxy.json'}"), after="kube-apiserver"),
        Component("kube-router", _router(), after="kube-apiserver", programs="IPTABLES_LEGACY"),
    ]


def _etcd() -> tuple[str, ...]:
    # No fsync: the lab's data need not survive a power cut, and everything starts and writes faster.
    return (
        "etcd",
        f"--data-dir={HOME / 'etcd'}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
        "--logger=zap",
        "--log-level=warn",
    )


def _apiserver() -> tuple[str, ...]:
    return (
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--secure-port={API_PORT}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={NODE_ADDRESS}",
        f"--tls-cert-file={pki('apiserver.crt')}",
        f"--tls-private-key-file={pki('apiserver.key')}",
        f"--client-ca-file={pki('ca.crt')}",
        f"--service-account-key-file={pki('service-accounts.pub')}",
        f"--service-account-signing-key-file={pki('service-accounts.key')}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-certificate-authority={pki('ca.crt')}",
        f"--kubelet-client-certificate={pki('admin.crt')}",
        f"--kubelet-client-key={pki('admin.key')}",
        "--profiling=false",
    )


def _controller_manager() -> tuple[str, ...]:
    return (
        "kube-controller-manager",
        f"--kubeconfig={kubeconfig('controller-manager')}",
        f"--service-account-private-key-file={pki('service-accounts.key')}",
        f"--root-ca-file={pki('ca.crt')}",
        f"--cluster-signing-cert-file={pki('ca.crt')}",
        f"--cluster-signing-key-file={pki('ca.key')}",
        f"--cluster-cidr={CLUSTER_RANGE}",
        "--allocate-node-cidrs",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--profiling=false",
    )


def _kubelet() -> tuple[str, ...]:
    return (
        "kubelet",
        f"--config={HOME / 'kubelet.json'}",
        f"--kubeconfig={kubeconfig('kubelet')}",
        f"--root-dir={HOME / 'kubelet'}",
        f"--cert-dir={HOME / 'pki'}",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_ADDRESS}",
    )


def _router() -> tuple[str, ...]:
    return (
        "kube-router",
        f"--kubeconfig={kubeconfig('router')}",
        f"--hostname-override={NODE}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
    )


def kubelet_document(cgroup: str) -> dict[str, Any]:
    """Return the kubelet's configuration; every Pod's cgroup is below ``cgroup``."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}, "x509": {"clientCAFile": pki("ca.crt")}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki("kubelet.crt"),
        "tlsPrivateKeyFile": pki("kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",  # the box reaches no other name server, and Pods must not use the host's search domains
        "podLogsDir": str(LOGS / "pods"),
        "volumePluginDir": str(HOME / "volume-plugins"),
        "failSwapOn": False,
        "maxPods": 60,
        "localStorageCapacityIsolation": False,  # it looks for the root file system's device, which a box or container hides
        # No registry can be asked for an image again, so none is ever collected; and a full disk of the host is not a reason to evict.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%", "imagefs.available": "1%"},
    }


def proxy_document() -> dict[str, Any]:
    """Return kube-proxy's configuration."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": kubeconfig("proxy")},
        "clusterCIDR": CLUSTER_RANGE,
        "hostnameOverride": NODE,
        "mode": "iptables",
        "conntrack": {"maxPerCore": 0},  # the limit is the host's; a network namespace may not write it
    }


def network_document() -> dict[str, Any]:
    """Return the CNI configuration: one bridge; hairpin, so that a Pod reaches itself through its Service."""
    addresses = {
        "type": "host-local",
        "dataDir": "/run/cni/addresses",  # gone with the box, so no address leaks
        "ranges": [[{"subnet": POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": addresses}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": NODE, "plugins": [bridge, ports]}


def containerd_text(snapshotter: str, cni: Path) -> str:
    """Return containerd's configuration.

    Args:
        snapshotter: ``overlayfs``, or ``native`` (copies every layer) where that cannot be mounted.
        cni: the folder of the CNI plugins.
    """
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = {_quoted(HOME / "containerd")}
state = "/run/containerd"
[grpc]
  address = {_quoted(SOCKET)}
[plugins."io.containerd.internal.v1.opt"]
  path = {_quoted(HOME / "opt")}
{cri}]
  sandbox_image = {_quoted(PAUSE)}
  # A container or virtual machine around the lab may forbid to lower the kernel's killing score.
  restrict_oom_score_adj = true
{cri}.cni]
  bin_dir = {_quoted(cni)}
  conf_dir = {_quoted(HOME / "cni")}
{cri}.containerd]
  snapshotter = {_quoted(snapshotter)}
{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
{cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
"""


def _quoted(value: object) -> str:
    return json.dumps(str(value))
