"""What each kind of exposure puts before the front proxy."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from components.exposure import edge as front_proxy
from components.exposure import haproxy, paths
from components.portus.image_family import image_family
from components.settings.sections.exposure import IngressController
from lab.render import recorder
from tests.components.rendered import http_get, identity, ports, program, run_again, variable, variables, workload
from tests.recorder import STACKS, Program, Programs, Registered
from tests.settings.tables import BASE, accepted

KINDS: dict[str, dict[str, Any]] = {
    "node_port": {"kind": "node_port", "httpsNodePort": 30443},
    "load_balancer": {"kind": "load_balancer"},
    "cluster_ip": {"kind": "cluster_ip", "publicPort": 8443},
    "ingress": {"kind": "ingress"},
    "gateway": {"kind": "gateway", "parentRefs": [{"name": "public"}]},
}
PASSING = {
    "nginx": KINDS["ingress"] | {"tlsMode": "Passthrough"},
    "haproxy": KINDS["ingress"] | {"controller": "haproxy", "tlsMode": "Passthrough"},
    "gateway": KINDS["gateway"] | {"tlsMode": "Passthrough", "tlsRouteVersion": "v1"},
}
TRANSPORT = {"traefik.ingress.kubernetes.io/service.serverstransport": "portus_edge@kubernetescrd"}
OWN = {"nginx.ingress.kubernetes.io/proxy-body-size": "8g", "example.com/x": "y"}
CHOSEN = KINDS["ingress"] | {"annotations": OWN | TRANSPORT, "ingressClassName": "public", "awaitAddress": False}
"""An ingress of which the stack file says more; each controller has it (``_chosen``)."""
BUILT = {"portus": "registry.example.com/portus:built"}
OLDEST: dict[str, Any] = {"images": BUILT, "portus": {"version": "2.0", "bootstrap": {"enabled": False}}}
HOSTS = ["portus.example.com", "registry.example.com"]


def _public(made: Program) -> Registered:
    return made.one("Service", "edge-public")


def _chosen(controller: str) -> Program:
    return program(exposure=CHOSEN | {"controller": controller})


def _haproxy_cfg(**sections: Any) -> str:
    """Return what the front proxy reads with ``sections``, without a run of the program."""
    stack = accepted(BASE | sections)
    return haproxy.haproxy_cfg(front_proxy.routes(stack, wildcards=image_family(stack.portus.version).judges_wildcards))


def _configuration(made: Program) -> str:
    return str(made.one("ConfigMap", "edge-config").inputs["data"]["haproxy.cfg"])


def _annotations(resource: Registered) -> dict[str, str]:
    return dict(resource.inputs["metadata"].get("annotations", {}))


@pytest.mark.parametrize(
    ("kind", "service", "port"),
    [
        ("node_port", "NodePort", 443),
        ("load_balancer", "LoadBalancer", 443),
        ("cluster_ip", "ClusterIP", 8443),
        ("ingress", "ClusterIP", 443),
        ("gateway", "ClusterIP", 443),
    ],
)
def test_every_kind_leads_to_the_front_proxy(kind: str, service: str, port: int) -> None:
    made = program(exposure=KINDS[kind])
    spec = _public(made).spec
    assert spec["type"] == service
    assert (spec["ports"][0]["port"], spec["ports"][0]["targetPort"]) == (port, "https")
    assert spec["selector"].items() <= made.one("Deployment", "edge-deployment").spec["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("kind", KINDS)
def test_with_one_name_portus_reaches_it_by_the_front_proxy_and_the_registry_reaches_portus(kind: str) -> None:
    made = program(exposure=KINDS[kind], registry={})
    port = {"node_port": 30443, "cluster_ip": 8443}.get(kind, 443)
    inside = made.one("Service", "addresses-edge").spec
    assert inside["ports"] == [{"name": "https", "port": port, "targetPort": "https"}]
    assert made.one("CertRequest", "tls-request").inputs["dnsNames"] == ["portus.example.com"]
    for name in ("portus-web", "registry-deployment"):
        assert [alias["hostnames"] for alias in made.one("Deployment", name).pod["hostAliases"]] == [["portus.example.com"]]


@pytest.mark.parametrize("registry", ["images.example.com", "registry.example.com"], ids=["before", "after"])
def test_with_two_names_portus_reaches_each_server_by_its_own_name_whichever_sorts_first(registry: str) -> None:
    made = program(registry={"host": registry})
    aliases = made.one("Deployment", "portus-web").pod["hostAliases"]
    assert {host for alias in aliases for host in alias["hostnames"]} == {"portus.example.com", registry}
    assert not [service.name for service in made.all("Service") if service.name == "addresses-edge"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_clients_address_from_another_proxy_is_used_only_behind_one(kind: str) -> None:
    """Else anybody could say to be anybody."""
    configuration = _haproxy_cfg(exposure=KINDS[kind])
    behind = kind in {"ingress", "gateway"}
    assert ("del-header X-Forwarded-For" in configuration) is not behind
    assert ("option forwardfor if-none" in configuration) is behind
    if behind:
        assert "del-header X-Forwarded-For" in _haproxy_cfg(exposure=KINDS[kind] | {"tlsMode": "Passthrough"})


@pytest.mark.parametrize("sections", [*({"exposure": exposure} for exposure in KINDS.values()), OLDEST], ids=[*KINDS, "2.0"])
def test_the_front_proxy_reads_the_file_of_its_settings(sections: dict[str, Any]) -> None:
    assert _configuration(program(**sections)) == _haproxy_cfg(**sections)


def test_an_ingress_holds_every_host_and_the_stacks_certificate() -> None:
    ingress = _chosen("nginx").one("Ingress", "edge-ingress-ingress")
    assert ingress.spec["ingressClassName"] == "public"
    assert ingress.spec["tls"] == [{"hosts": HOSTS, "secretName": "served-tls-certificate-auto"}]
    assert [rule["host"] for rule in ingress.spec["rules"]] == HOSTS
    backend = {"service": {"name": "edge-public", "port": {"name": "https"}}}
    assert [rule["http"]["paths"] for rule in ingress.spec["rules"]] == [[{"path": "/", "pathType": "Prefix", "backend": backend}]] * 2
    assert "pulumi.com/skipAwait" not in _annotations(program(exposure=KINDS["ingress"]).one("Ingress", "edge-ingress-ingress"))


def test_nginx_gets_body_size_timeouts_and_the_ca_to_trust() -> None:
    made = program(exposure=KINDS["ingress"])
    told = {
        key.removeprefix("nginx.ingress.kubernetes.io/"): value
        for key, value in _annotations(made.one("Ingress", "edge-ingress-ingress")).items()
    }
    assert told == {
        "backend-protocol": "HTTPS",
        "force-ssl-redirect": "true",
        "proxy-body-size": "0",
        "proxy-buffering": "off",
        "proxy-read-timeout": "900",
        "proxy-request-buffering": "off",
        "proxy-send-timeout": "900",
        "proxy-ssl-name": "portus.example.com",
        "proxy-ssl-secret": "portus/edge-ingress-authority-auto",
        "proxy-ssl-server-name": "on",
        "proxy-ssl-verify": "on",
    }
    assert set(made.one("Secret", "edge-ingress-authority").inputs["data"]) == {"ca.crt", "tls.crt"}


def test_haproxys_controller_gets_the_ca_to_trust() -> None:
    told = _annotations(_chosen("haproxy").one("Ingress", "edge-ingress-ingress"))
    assert told["haproxy.org/server-ssl"] == "true"
    assert told["haproxy.org/server-ca"] == "portus/edge-ingress-authority-auto"
    assert told["haproxy.org/timeout-server"] == "900s"


def test_traefik_is_configured_by_the_service_and_its_own_transport() -> None:
    made = program(exposure=KINDS["ingress"] | {"controller": "traefik"})
    assert _annotations(_public(made)) == {
        "traefik.ingress.kubernetes.io/service.serversscheme": "https",
        "traefik.ingress.kubernetes.io/service.serverstransport": "portus-edge@kubernetescrd",
    }
    transport = made.one("ServersTransport", "edge-ingress-transport").inputs
    assert (transport["apiVersion"], transport["metadata"]["name"]) == ("traefik.io/v1alpha1", "edge")
    assert transport["spec"] == {"serverName": "portus.example.com", "rootCAs": [{"configMap": "edge-ingress-authority-auto"}]}


def test_what_traefik_reads_at_the_service_goes_there() -> None:
    """With its option safeNaming the transport has another name."""
    made = _chosen("traefik")
    assert TRANSPORT.items() <= _annotations(_public(made)).items()
    assert not TRANSPORT.keys() & _annotations(made.one("Ingress", "edge-ingress-ingress")).keys()


@pytest.mark.parametrize(("controller", "prefix"), [("nginx", "nginx.ingress.kubernetes.io"), ("haproxy", "haproxy.org")])
def test_a_controller_that_passes_tls_on_gets_neither_key_nor_trust(controller: str, prefix: str) -> None:
    made = program(exposure=PASSING[controller])
    ingress = made.one("Ingress", "edge-ingress-ingress")
    assert _annotations(ingress) == {f"{prefix}/ssl-passthrough": "true"}
    assert ingress.spec["tls"] == [{"hosts": HOSTS}]
    assert not [r for r in made.all("Secret") if r.name == "edge-ingress-authority"]


@pytest.mark.parametrize("controller", IngressController)
def test_the_stack_files_annotations_win(controller: str) -> None:
    told = _annotations(_chosen(str(controller)).one("Ingress", "edge-ingress-ingress"))
    assert OWN.items() <= told.items()
    assert told["pulumi.com/skipAwait"] == "true"


PARENTS = [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
PLAIN = [{"name": "public", "sectionName": "http"}]
GATEWAY = {"kind": "gateway", "parentRefs": PARENTS, "requestTimeout": "15m", "redirectParentRefs": PLAIN, "publicPort": 8443}


@pytest.fixture(scope="module")
def gateway() -> Program:
    """Behind a gateway whose kinds are not looked for."""
    return program(exposure=GATEWAY, cluster={"checkApis": False})


def test_a_gateway_encrypts_to_the_front_proxy_and_verifies_it(gateway: Program) -> None:
    route = gateway.one("HTTPRoute", "edge-gateway-route").inputs
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert route["spec"] == {
        "parentRefs": PARENTS,
        "hostnames": HOSTS,
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": "edge-public", "port": 443}],
                "timeouts": {"request": "15m"},
            }
        ],
    }
    policy = gateway.one("BackendTLSPolicy", "edge-gateway-policy").inputs
    assert policy["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert policy["spec"] == {
        "targetRefs": [{"group": "", "kind": "Service", "name": "edge-public"}],
        "validation": {
            "hostname": "portus.example.com",
            "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "served-tls-trust-auto"}],
        },
    }
    assert not gateway.all("TLSRoute")


def test_a_gateway_that_passes_tls_on_gets_a_tls_route_alone() -> None:
    made = program(exposure=PASSING["gateway"])
    route = made.one("TLSRoute", "edge-gateway-route").inputs
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert route["spec"]["rules"] == [{"backendRefs": [{"name": "edge-public", "port": 443}]}]
    assert not made.all("HTTPRoute") + made.all("BackendTLSPolicy")


def test_a_gateways_plain_listener_redirects(gateway: Program) -> None:
    redirect = gateway.one("HTTPRoute", "edge-gateway-redirect").inputs["spec"]
    assert redirect["parentRefs"] == PLAIN
    assert redirect["rules"] == [
        {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "port": 8443, "statusCode": 301}}]}
    ]


def test_a_load_balancer_takes_ranges_class_families_and_policy() -> None:
    exposure = {
        "kind": "load_balancer",
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
        "loadBalancerClass": "example.com/internal",
        "loadBalancerIP": "10.0.0.9",
        "externalTrafficPolicy": "Local",
        "ipFamilyPolicy": "RequireDualStack",
        "ipFamilies": ["IPv4", "IPv6"],
        "annotations": {"example.com/x": "y"},
    }
    made = program(exposure=exposure)
    spec = _public(made).spec
    assert {key: spec[key] for key in exposure if key in spec} == {
        key: value for key, value in exposure.items() if key not in {"kind", "annotations"}
    }
    assert _annotations(_public(made)) == {"example.com/x": "y"}
    for port in (8443, 8404):  # the kubelet asks the first address of the Pod, whatever its family
        assert f"bind :::{port} v4v6" in _configuration(made)


@pytest.mark.parametrize("kind", ["load_balancer", "node_port"])
def test_the_proxy_protocol_has_ports_of_its_own_which_no_pod_uses(kind: str) -> None:
    made = program(exposure=KINDS[kind] | {"proxyProtocol": True}, registry={})
    assert {port["targetPort"] for port in _public(made).spec["ports"]} <= {"proxied-https", "proxied-http"}
    assert made.one("Service", "addresses-edge").spec["ports"][0]["targetPort"] == "https"
    assert "accept-proxy" in _configuration(made)
    assert "accept-proxy" not in _configuration(program(exposure=KINDS[kind], registry={}))


def test_a_kind_that_a_cluster_may_lack_can_go_unchecked(gateway: Program) -> None:
    assert gateway.one("HTTPRoute", "edge-gateway-route")


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.5"])
def test_only_for_2_0_every_wildcard_is_refused(version: str) -> None:
    configuration = _haproxy_cfg(images=BUILT, portus={"version": version, "bootstrap": {"enabled": version != "2.0"}})
    assert (paths.REPOSITORY_WILDCARD in configuration) is (version == "2.0")
    assert paths.MIXED_WILDCARD in configuration


def test_the_front_proxys_pods_restart_when_a_service_behind_it_has_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Service that is made again gets another address: what looked its name up at its start would keep the old one."""

    def template(made: Program) -> tuple[dict[str, Any], dict[str, str]]:
        addresses = {name: made.one("Service", f"addresses-{name}").spec for name in ("portus", "registry")}
        assert set(addresses) == {"portus", "registry"}
        edge = made.one("Deployment", "edge-deployment")
        return edge.template, {name: variable(edge, f"{name.upper()}_ADDRESS") for name in addresses}

    before, first = template(program())
    moved = recorder._address("another")
    for service in ("portus", "registry"):
        with monkeypatch.context() as patch:
            patch.setattr(recorder, "_address", lambda name, s=service: moved if name == f"addresses-{s}" else f"10.96.0.{len(name)}")
            after, second = template(run_again())
        assert after != before
        assert (second[service], first[service] != moved) == (moved, True)


def test_haproxy_reads_the_servers_addresses_from_its_pods_variables_and_looks_no_name_up() -> None:
    text = _configuration(program())
    assert 'server portus "${PORTUS_ADDRESS}:443"' in text
    assert 'server registry "${REGISTRY_ADDRESS}:443"' in text
    assert ".svc" not in text


@pytest.mark.parametrize(
    ("edge", "kind", "sent"),
    [
        ({}, "load_balancer", "max-age=31536000"),
        ({}, "ingress", "max-age=31536000"),
        ({}, "node_port", None),
        ({}, "cluster_ip", None),
        ({"hstsMaxAge": 60}, "node_port", "max-age=60"),
        ({"hstsMaxAge": 0}, "load_balancer", "max-age=0"),
    ],
)
def test_hsts_is_on_by_default_only_on_port_443(edge: dict[str, int], kind: str, sent: str | None) -> None:
    """Browsers apply it to every port of the host."""
    text = _haproxy_cfg(exposure={**KINDS[kind], "edge": edge})
    assert (f"Strict-Transport-Security {sent}" in text) is (sent is not None)
    assert ("Strict-Transport-Security" in text) is (sent is not None)


@pytest.mark.parametrize(
    ("portus", "queue"),
    [
        ({"version": "2.5"}, " maxconn 8\n"),
        ({"version": "2.5", "web": {"pumaWorkers": 1, "pumaMaxThreads": 3, "replicas": 2}}, " maxconn 6\n"),
        ({"version": "2.2"}, ""),
    ],
)
def test_no_more_requests_are_handed_to_portus_than_it_has_threads(portus: dict[str, Any], queue: str) -> None:
    images = {"portus": "registry.example.com/portus:2.2"} if portus["version"] == "2.2" else {}
    lines = _haproxy_cfg(portus=portus, images=images).splitlines()
    (line,) = (line for line in lines if line.strip().startswith("server portus"))
    assert f"{line}\n".endswith(queue)
    assert ("maxconn" in line) is bool(queue)


@pytest.mark.parametrize(
    ("exposure", "registry", "passes"),
    [
        ({"kind": "load_balancer"}, HOSTS[1], True),
        (KINDS["node_port"], HOSTS[1], True),
        (KINDS["cluster_ip"], HOSTS[1], True),
        (PASSING["nginx"], HOSTS[1], True),
        (PASSING["gateway"], HOSTS[1], True),
        (KINDS["ingress"], HOSTS[1], False),
        (KINDS["gateway"], HOSTS[1], False),
        ({"kind": "load_balancer"}, None, False),
        ({"kind": "load_balancer", "edge": {"registryPassthrough": False}}, HOSTS[1], False),
    ],
)
def test_the_registrys_connections_are_passed_through_if_clients_name_it_in_the_handshake(
    exposure: dict[str, Any],
    registry: str | None,
    passes: bool,  # noqa: FBT001 - a case
) -> None:
    """And then the registry speaks no HTTP/2: one certificate holds both names, and Portus' pages are not there."""
    made = program(exposure=exposure, registry={"host": registry} if registry else {})
    assert ("req.ssl_sni -i registry.example.com" in _configuration(made)) is passes
    config = yaml.safe_load(made.one("ConfigMap", "registry-config").inputs["data"]["config.yml"])
    assert (config["http"].get("http2") == {"disabled": True}) is passes


# The front proxy's objects of every stack: where it listens, how it is asked and how it stops.


@pytest.fixture(params=STACKS)
def edge(request: pytest.FixtureRequest, programs: Programs) -> Registered:
    return workload(programs[request.param], "edge")


def test_it_listens_where_a_user_without_rights_may(edge: Registered) -> None:
    assert ports(edge.containers[0]) == {"https": 8443, "http": 8080, "health": 8404}
    assert identity(edge) == (10700, 10700, 10700)


def test_it_is_ready_when_haproxy_says_so_and_restarts_when_nothing_listens(edge: Registered) -> None:
    container = edge.containers[0]
    assert http_get(container["readinessProbe"]) == ("HTTP", "health", "/healthz")
    assert container["livenessProbe"]["tcpSocket"] == {"port": "https"}


def test_pushes_under_way_end_before_it_is_killed(edge: Registered) -> None:
    """haproxy.cfg ends the last connection by `hard-stop-after`, after the pause of the stop command."""
    assert edge.pod["terminationGracePeriodSeconds"] >= 5 + 60
    assert edge.containers[0]["lifecycle"]["preStop"]["exec"]["command"] == ["/bin/sleep", "5"]


def test_its_servers_are_the_services_that_the_pods_of_portus_know_by_name(edge: Registered, programs: Programs) -> None:
    made = next(each for each in programs.values() if edge in each.resources)
    told = variables(edge.containers[0])
    portus = [each["ip"] for each in workload(made, "registry").pod["hostAliases"]]
    assert [told["PORTUS_ADDRESS"]] == portus
    assert told["REGISTRY_ADDRESS"] in {each["ip"] for each in workload(made, "web").pod["hostAliases"]}
    assert told["REGISTRY_ADDRESS"] != told["PORTUS_ADDRESS"]
