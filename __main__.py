"""Portus on Kubernetes: the composition root. Settings in, components in dependency order, outputs out."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from components import mariadb, tls
from components.common.accounts import ServiceAccounts
from components.common.placement import Placement
from components.credentials import Credentials
from components.exposure import client_ports, expose
from components.network import Addresses, NetworkPolicies, OwnedNamespace, Parts
from components.observability import Observability
from components.outputs import outputs
from components.portus import Bootstrap, PortusWeb, PortusWorker, generation
from components.portus.roles import FirstSetUp
from components.registry import Registry
from components.registry.wiring import wiring
from components.settings.extensions import accounts, extensions
from components.settings.images import images
from components.settings.load import load

stack = load()
image = images(stack)
portus_generation = generation(stack.portus.version)
plain_events = "http" in portus_generation.ports

provider = kubernetes.Provider("kubernetes", context=stack.cluster.context, cluster_identifier=stack.cluster.identifier)
options = pulumi.ResourceOptions(providers={"kubernetes": provider})

owned = (
    OwnedNamespace("namespace", namespace=stack.cluster.namespace, protect=stack.protect, opts=options)
    if stack.cluster.create_namespace
    else None
)
placement = Placement(
    namespace=stack.cluster.namespace,
    instance=pulumi.get_stack(),
    protect=stack.protect,
    pull_policy=stack.images.pull_policy,
    pull_secrets=stack.images.pull_secrets,
    check_apis=stack.cluster.check_apis,
    cpu_limits=stack.workloads.cpu_limits,
    extras=extensions(stack.workloads),
    after=(owned.resource,) if owned else (),
)
if wanted := accounts(stack.workloads):
    placement = ServiceAccounts("accounts", wanted=wanted, placement=placement, opts=options).placement

credentials = Credentials("credentials", rotation=stack.credentials.rotation, existing=stack.credentials.existing, protect=stack.protect)
source = tls.certificate("tls", stack, placement=placement, opts=options)
certificate = tls.ServedTls("served-tls", stack=stack, source=source, placement=placement, opts=options)

addresses = Addresses(
    "addresses",
    host=stack.host,
    registry_name=stack.registry_name,
    https_port=stack.exposure.https_port,
    plain_events=plain_events,
    placement=placement,
    opts=options,
)

database = mariadb.database("mariadb", stack.database, image=image.mariadb, credentials=credentials, placement=placement, opts=options)

web = PortusWeb(
    "portus",
    stack=stack,
    generation=portus_generation,
    image=image.portus,
    database=database.endpoint,
    credentials=credentials,
    tls=certificate.files,
    aliases=addresses.for_portus,
    placement=placement,
    opts=options,
)

registry = Registry(
    "registry",
    settings=stack.registry,
    wiring=wiring(stack, plain_events=plain_events, notification_timeout=portus_generation.notification_timeout),
    image=image.registry,
    cache_image=image.redis,
    http_secret=credentials.http_secret,
    certificate=certificate,
    aliases=addresses.for_registry,
    placement=placement,
    after=database.endpoint.ready,
    opts=options,
)

expose("edge", stack=stack, image=image.edge, certificate=certificate, placement=placement, opts=options)

set_up = web.ready + registry.ready
if stack.portus.bootstrap.enabled and portus_generation.first_set_up is not FirstSetUp.BY_HAND:
    set_up = Bootstrap("first-set-up", web=web.pods, image=image.client, credentials=credentials, after=set_up, opts=options).ready

if portus_generation.has_worker:
    PortusWorker("worker", web=web.pods, settings=stack.portus.worker, after=set_up, opts=options)

if stack.network.policies:
    rake = portus_generation.first_set_up is FirstSetUp.RAKE
    parts = Parts(portus=portus_generation.ports, edge=client_ports(stack.exposure), worker=portus_generation.has_worker, rake=rake)
    NetworkPolicies("network", stack=stack, parts=parts, placement=placement, opts=options)

if stack.observability.wanted:
    Observability("observability", stack=stack, certificate_ends=source.ends, placement=placement, opts=options)

for name, value in outputs(stack, image, certificate, credentials.administrator).items():
    pulumi.export(name, value)
