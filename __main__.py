"""Portus on Kubernetes: the composition root. Settings in, components in dependency order, outputs out."""

from __future__ import annotations

import signal

import pulumi

from components import mariadb, tls
from components.backup import backups
from components.cluster import place, provider
from components.credentials import Credentials
from components.exposure import client_ports, expose
from components.images import images
from components.network import Addresses, NetworkPolicies, Parts
from components.observability import Observability
from components.outputs import outputs
from components.portus import Bootstrap, PortusWeb, PortusWorker, generation
from components.portus.roles import FirstSetUp
from components.registry import Registry
from components.registry.wiring import wiring
from components.settings.load import load_or_end

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Pulumi interrupts a program when it refuses a preview; a traceback would follow the reason

stack = load_or_end()
image = images(stack)
portus_generation = generation(stack.portus.version)
plain_events = "http" in portus_generation.ports

options = pulumi.ResourceOptions(providers={"kubernetes": provider(stack)})
placement = place(stack, instance=pulumi.get_stack(), opts=options)

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

registry = Registry(
    "registry",
    settings=stack.registry,
    wiring=wiring(stack, plain_events=plain_events, notification_timeout=portus_generation.notification_timeout),
    image=image.registry,
    cache_image=image.redis,
    cache_generation=stack.credentials.rotation.registry_cache,
    http_secret=credentials.http_secret,
    certificate=certificate,
    aliases=addresses.for_registry,
    placement=placement,
    opts=options,
)

saved = backups("backup", stack, images=image, database=database.endpoint, credentials=credentials, placement=placement, opts=options)

web = PortusWeb(
    "portus",
    stack=stack,
    generation=portus_generation,
    images=image,
    database=database.endpoint,
    credentials=credentials,
    tls=certificate.files,
    after=saved + (registry.ready if stack.tls.signing_key_generation > 1 else ()),  # who verifies knows the next key before it signs
    aliases=addresses.for_portus,
    placement=placement,
    opts=options,
)

judges, servers = portus_generation.judges_wildcards, addresses.servers
expose("edge", stack=stack, image=image.edge, certificate=certificate, wildcards=judges, servers=servers, placement=placement, opts=options)

set_up = web.ready + registry.ready
if stack.portus.bootstrap.enabled and portus_generation.first_set_up is not FirstSetUp.BY_HAND:
    set_up = Bootstrap("first-set-up", web=web.pods, image=image.client, after=set_up, opts=options).ready

if portus_generation.has_worker:
    set_up = PortusWorker("worker", web=web.pods, settings=stack.portus.worker, after=set_up, opts=options).ready

if stack.network.policies:
    parts = Parts(portus=portus_generation.ports, edge=client_ports(stack.exposure), worker=portus_generation.has_worker)
    NetworkPolicies("network", stack=stack, parts=parts, placement=placement, opts=options)

if stack.observability.wanted:
    Observability("observability", stack=stack, certificate_ends=source.ends, placement=placement, opts=options)

database.forget_former_passwords(after=set_up + saved)

for name, value in outputs(stack, image, certificate, credentials.administrator).items():
    pulumi.export(name, value)
