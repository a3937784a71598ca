"""The whole stack as one component: what is made, in the order in which one part needs another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components import mariadb, tls
from components.backup import backups
from components.cluster import stack_context
from components.common.base import ServiceComponent
from components.credentials import Credentials
from components.exposure import client_ports, expose
from components.images import images
from components.network import Addresses, Parts, restrict
from components.observability import observe
from components.outputs import outputs
from components.portus import PortusWeb, image_family, set_up, start_worker
from components.registry import Registry
from components.registry.configuration import wiring

if TYPE_CHECKING:
    import pulumi

    from components.settings.stack import StackSettings


class PortusStack(ServiceComponent):
    """Portus with its registry, its database and everything around them.

    Args:
        name: the logical name.
        stack: the settings, as ``components.settings.parse.parse`` returns them: it refuses what cannot work.
        instance: the value of the label ``app.kubernetes.io/instance`` of every object; the Pulumi stack's name here.
        opts: with the Kubernetes provider (``components.cluster.provider``); every object of the cluster inherits it.

    Attributes:
        outputs: what the user needs to know, by name; secrets are Pulumi secrets.
    """

    def __init__(self, name: str, *, stack: StackSettings, instance: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("index:PortusStack", name, opts)
        image, family = images(stack), image_family(stack.portus.version)
        plain_events = "http" in family.ports
        options = self.child(was_top_level=True)
        context = stack_context(stack, instance=instance, opts=options)

        credentials = Credentials("credentials", settings=stack.credentials, protect=stack.protect, opts=options)
        source = tls.certificate("tls", stack, context=context, opts=options)
        certificate = tls.ServedTls("served-tls", stack=stack, source=source, context=context, opts=options)
        addresses = Addresses("addresses", stack=stack, plain_events=plain_events, context=context, opts=options)
        database = mariadb.database("mariadb", stack.database, image=image.mariadb, credentials=credentials, context=context, opts=options)
        registry = Registry(
            "registry",
            stack=stack,
            wiring=wiring(stack, plain_events=plain_events, notification_timeout=family.notification_timeout),
            image=image.registry,
            cache_image=image.redis,
            http_secret=credentials.http_secret,
            certificate=certificate,
            aliases=addresses.for_registry,
            context=context,
            opts=options,
        )
        backup_jobs = backups(
            "backup", stack, images=image, database=database.endpoint, credentials=credentials, context=context, opts=options
        )
        web = PortusWeb(
            "portus",
            stack=stack,
            family=family,
            images=image,
            database=database.endpoint,
            credentials=credentials,
            tls=certificate.files,
            after=backup_jobs + (registry.ready if stack.tls.signing_key_version > 1 else ()),  # it must know a new key before Portus signs
            aliases=addresses.for_portus,
            context=context,
            opts=options,
        )
        expose(
            "edge",
            stack=stack,
            image=image.edge,
            certificate=certificate,
            wildcards=family.judges_wildcards,
            servers=addresses.servers,
            context=context,
            opts=options,
        )
        ready = set_up("first-set-up", web=web.pods, image=image.client, after=web.ready + registry.ready, opts=options)
        ready = start_worker("worker", web=web.pods, after=ready, opts=options)
        parts = Parts(portus=family.ports, edge=client_ports(stack.exposure), worker=family.has_worker)
        restrict("network", stack=stack, parts=parts, context=context, opts=options)
        observe("observability", stack=stack, certificate_ends=source.ends, context=context, opts=options)
        database.revoke_previous_passwords(after=[*ready, *backup_jobs])

        self.outputs = outputs(stack, instance, image, certificate, credentials.administrator)
        self.register_outputs({})
