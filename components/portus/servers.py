"""Portus' web server (pages, API, token and event endpoints) and its background worker (2.3 on).

Owns: the credentials' Secret, config-local.yml, the Deployments. The Service belongs to ``network.Addresses``, which comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.meta import v1 as meta

from components.common import availability, names, pods, sizes
from components.common.base import ServiceComponent
from components.common.objects import config_map, secret, secret_keys
from components.common.pods import SecretKey
from components.portus import inputs as keys
from components.portus.inputs import READY_SECONDS, PortusInputs, PortusSecrets, Role
from components.portus.migration import migration
from components.portus.pod import LOCAL_CONFIG_FILE, LOCAL_CONFIG_VOLUME, SCRIPTS, PortusPods, tools
from components.portus.settings_text import existing_secrets, given_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi
    from pulumi_kubernetes.core import v1 as core

    from components.common.stack_context import StackContext
    from components.common.trust import TlsFiles
    from components.credentials import Credentials
    from components.images import Images
    from components.mariadb import DatabaseEndpoint
    from components.portus.image_family import ImageFamily
    from components.portus.settings_text import Document
    from components.settings.stack import StackSettings


GRACE_SECONDS: Final = 30
"""The stop command's pause, and what a request may take that is under way; an idle Puma ends in 0.3 s. A copy that is stopped while it
still boots waits for all of it, because the images' shell ignores the signal."""


class PortusWeb(ServiceComponent):
    """The web server; what needs an answer of Portus follows ``ready``.

    Args:
        tls: where certificate, keys and trusted authorities are.
        after: what must be up first, in addition to the database.
        aliases: host aliases for the public names.
    """

    pods: PortusPods
    """Makes further Pods of the same image and settings."""
    ready: tuple[pulumi.Resource, ...]

    def __init__(
        self,
        name: str,
        *,
        stack: StackSettings,
        family: ImageFamily,
        images: Images,
        database: DatabaseEndpoint,
        credentials: Credentials,
        tls: TlsFiles,
        after: Sequence[pulumi.Resource],
        aliases: Mapping[str, pulumi.Input[str]],
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("portus:Web", name, opts)
        self._name = name
        self._context = context
        self._labels = context.labels(name=names.PORTUS, component=names.WEB, version=family.version)
        places = self._secrets(stack, family, credentials, database)
        secrets = PortusSecrets(keys=places, administrator=places.pop(keys.ADMINISTRATOR), tls=tls)
        inputs = PortusInputs(stack=stack, database=database, secrets=secrets)
        self.pods = PortusPods(
            family=family,
            inputs=inputs,
            image=images.portus,
            context=context,
            aliases=aliases,
            local_config=self._local_config(family.local_config(inputs)),
            scripts=self._scripts(family),
        )
        before = [*database.ready, *after]
        migrated = migration(
            f"{name}-migration", self.pods, database_image=images.mariadb, release=images.release, parent=self, after=before
        )
        deployment = self._deployment(stack, [*before, migrated])
        availability.guard_copies(name, deployment, stack.portus.web.autoscaling, labels=self._labels, context=context, parent=self)
        self.ready = (deployment,)
        self.register_outputs({})

    def _secrets(
        self, stack: StackSettings, family: ImageFamily, credentials: Credentials, database: DatabaseEndpoint
    ) -> dict[str, SecretKey]:
        """Make the Secret of the secrets that this stack knows; return where each of all is."""
        secrets: dict[str, pulumi.Input[str] | SecretKey] = {
            keys.SECRET_KEY_BASE: credentials.secret_key_base,
            keys.PORTUS_PASSWORD: credentials.portus_password,
            keys.DATABASE_PASSWORD: database.password,
            keys.ADMINISTRATOR: credentials.administrator,
            **existing_secrets(stack),
        }
        if family.secret_files:  # else config-local.yml holds them
            secrets |= given_secrets(stack)
        return secret_keys(f"{self._name}-credentials", secrets, self._labels, self._context, self.child(after=self._context.after))

    def _scripts(self, family: ImageFamily) -> pulumi.Output[str]:
        """Return the name of the ConfigMap with the scripts of the Jobs, and with what is in every container."""
        texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("*.sh"))} | dict(tools(family.rake))
        made = config_map(f"{self._name}-scripts", texts, self._labels, self._context, self.child(after=self._context.after))
        return made.metadata.name

    def _local_config(self, document: Document | None) -> core.VolumeArgs | None:
        """Return the volume of config-local.yml, from a Secret where it holds one."""
        if document is None:
            return None
        content, options = {LOCAL_CONFIG_FILE: document.text}, self.child(after=self._context.after)
        if document.secret:
            from_secret = secret(f"{self._name}-config", content, self._labels, self._context, options)
            return pods.secret_volume(LOCAL_CONFIG_VOLUME, from_secret.metadata.name)
        plain = config_map(f"{self._name}-config", content, self._labels, self._context, options)
        return pods.config_volume(LOCAL_CONFIG_VOLUME, plain.metadata.name)

    def _deployment(self, stack: StackSettings, after: Sequence[pulumi.Resource]) -> apps.Deployment:
        container = self.pods.container(Role.WEB, resources=pods.merged(sizes.WEB, stack.portus.web.resources))
        return apps.Deployment(
            f"{self._name}-web",
            metadata=self._context.metadata(self._labels, names.PORTUS),
            spec=apps.DeploymentSpecArgs(
                replicas=stack.portus.web.fixed_replicas,
                min_ready_seconds=availability.MIN_READY_SECONDS,
                progress_deadline_seconds=READY_SECONDS,
                revision_history_limit=availability.REVISIONS,
                selector=meta.LabelSelectorArgs(match_labels=self._labels.selector),
                strategy=apps.DeploymentStrategyArgs(
                    type="RollingUpdate", rolling_update=apps.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
                ),
                template=self.pods.template(self._labels, [container], grace_seconds=GRACE_SECONDS),
            ),
            opts=self.child(after=after, seconds=READY_SECONDS),  # an image that finds no database gives up after three minutes
        )


WORKER_GRACE_SECONDS: Final = 15


class PortusWorker(ServiceComponent):
    """The worker, which turns the registry's events into repositories and tags; what it must not miss follows ``ready``.

    Exactly one, replaced by stopping the old one first: it takes no locks, and two would handle an event twice (portus-images.md).
    It is ready once it has booted, and its container restarts when it dies, which a bad event or a 401 from the catalog makes it do.

    Args:
        web: makes Pods of the same image and settings.
        after: what must be there first: a schema, and a registry that answers. Otherwise the first synchronization ends it.
    """

    ready: tuple[pulumi.Resource, ...]

    def __init__(
        self,
        name: str,
        *,
        web: PortusPods,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("portus:Worker", name, opts)
        labels = web.context.labels(name=names.PORTUS, component=names.WORKER, version=web.family.version)
        container = web.container(Role.WORKER, resources=pods.merged(sizes.WORKER, web.inputs.stack.portus.worker.resources))
        deployment = apps.Deployment(
            f"{name}-deployment",
            metadata=web.context.metadata(labels, names.PORTUS_WORKER),
            spec=apps.DeploymentSpecArgs(
                replicas=1,
                progress_deadline_seconds=READY_SECONDS,
                revision_history_limit=availability.REVISIONS,
                selector=meta.LabelSelectorArgs(match_labels=labels.selector),
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                template=web.template(labels, [container], grace_seconds=WORKER_GRACE_SECONDS),
            ),
            opts=self.child(after=after, seconds=READY_SECONDS),
        )
        self.ready = (deployment,)
        self.register_outputs({})


def start_worker(
    name: str, *, web: PortusPods, after: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions
) -> Sequence[pulumi.Resource]:
    """Make the worker if this Portus has one (2.3 on), and return what is ready once events are handled: ``after`` if it has none.

    Arguments as `PortusWorker`'s.
    """
    return PortusWorker(name, web=web, after=after, opts=opts).ready if web.family.has_worker else after
