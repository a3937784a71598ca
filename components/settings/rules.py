"""The rules that span settings: each a named function over the whole stack, with one test each.

A rule yields problems; it never raises, so that everything wrong is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from components.common.versions import PORTUS_IMAGES, PortusVersion
from components.settings.certificates import certificate_problems
from components.settings.database import ExternalDatabase, InClusterDatabase
from components.settings.exposure import NodePortExposure
from components.settings.portus_config import leaves
from components.settings.report import Problem
from components.settings.stack import Accepted, Profile, StackSettings
from components.settings.tls import ProvidedTls, SelfSignedTls
from components.settings.types import image_digest, image_tag

UPSTREAM_PLACEHOLDER: Final = "portus.test.lan"
"""The default that Portus ships for its own name; tokens issued under it are refused everywhere (SUSE/Portus#1168)."""

FLOATING_TAGS: Final = frozenset({"latest", "head", "master", "stable", "edge"})

Rule = Callable[[StackSettings], Iterator[Problem]]


def host_is_not_the_upstream_placeholder(stack: StackSettings) -> Iterator[Problem]:
    """The shipped default name belongs to nobody."""
    for key, host in (("host", stack.host), ("registry.host", stack.registry.host)):
        if host == UPSTREAM_PLACEHOLDER:
            yield Problem(
                key=key, value=host, rule="is your own name, not Portus' shipped placeholder", remedy="set the name that clients use"
            )


def version_knows_each_setting(stack: StackSettings) -> Iterator[Problem]:
    """A key of another version would be ignored in silence by Portus."""
    version = stack.portus.version
    for leaf in leaves(stack.portus.config):
        if not leaf.versions.knows(version):
            yield Problem(
                key="portus.config." + ".".join(leaf.path),
                value=str(leaf.value).lower() if isinstance(leaf.value, bool) else str(leaf.value),
                rule=f"Portus {version} does not know this setting; versions that do: {leaf.versions}",
                remedy="remove it, or choose such a version",
            )


def puma_settings_need_puma(stack: StackSettings) -> Iterator[Problem]:
    """2.0-2.2 run Passenger inside Apache and have no worker."""
    if stack.portus.version.is_puma:
        return
    said = [
        *(f"web.{name}" for name in ("puma_workers", "puma_max_threads") if name in stack.portus.web.model_fields_set),
        *(["log_level"] if "log_level" in stack.portus.model_fields_set else []),
        *(["worker"] if "worker" in stack.portus.model_fields_set else []),
    ]
    for name in said:
        yield Problem(
            key=f"portus.{name}",
            value="",
            rule=f"Portus {stack.portus.version} runs Apache and does not know this setting; versions that do: 2.3 to 2.5",
            remedy="remove it",
        )


def old_generation_names_its_image(stack: StackSettings) -> Iterator[Problem]:
    """No registry holds an image of 2.0-2.2 that this program could choose."""
    if stack.images.portus is None and stack.portus.version not in PORTUS_IMAGES:
        yield Problem(
            key="images.portus",
            value="",
            rule=f"is required for Portus {stack.portus.version}: its image was never published, each team built its own",
            remedy="name the image that your team built from openSUSE/docker-containers",
        )


def old_generation_uses_port_3306(stack: StackSettings) -> Iterator[Problem]:
    """database.yml of 2.0-2.2 has no port key."""
    database = stack.database
    if isinstance(database, ExternalDatabase) and not stack.portus.version.is_puma and database.port != 3306:  # noqa: PLR2004
        yield Problem(
            key="database.port",
            value=str(database.port),
            rule=f"Portus {stack.portus.version} always connects to port 3306",
            remedy="offer the database on 3306, or use Portus 2.3 or later",
        )


def database_users_differ(stack: StackSettings) -> Iterator[Problem]:
    """One account with two passwords would lose one of them."""
    database = stack.database
    if not isinstance(database, InClusterDatabase):
        return
    if database.user == database.backup_user:
        yield Problem(
            key="database.backup_user",
            value=database.backup_user,
            rule="differs from database.user",
            remedy="choose another name, e.g. portus_backup",
        )
    for key, user in (("user", database.user), ("backup_user", database.backup_user)):
        if user in {"root", "mysql", "mariadb", "healthcheck"}:
            yield Problem(key=f"database.{key}", value=user, rule="is not an account of the server itself", remedy="choose another name")


def bootstrap_can_be_done(stack: StackSettings) -> Iterator[Problem]:
    """The first administrator comes by the API (2.4 on) or a rake task (2.1 on)."""
    bootstrap = stack.portus.bootstrap
    if not bootstrap.enabled:
        return
    if stack.portus.version is PortusVersion.V2_0:
        yield Problem(
            key="portus.bootstrap.enabled",
            value="true",
            rule="Portus 2.0 has no task that makes the first administrator and the registry's record",
            remedy="set it to false and do both on the pages of Portus, or use 2.1 or later",
        )
    if bootstrap.username == "portus":
        yield Problem(
            key="portus.bootstrap.username",
            value="portus",
            rule="is not 'portus': Portus' own hidden user has that name",
            remedy="choose another",
        )
    if stack.portus.config.first_user_admin.enabled is False:
        yield Problem(
            key="portus.config.first_user_admin.enabled",
            value="false",
            rule="is on while portus.bootstrap.enabled is: the first set-up makes the first user an administrator",
            remedy="remove it, or set portus.bootstrap.enabled to false",
        )


def catalog_holds_a_page(stack: StackSettings) -> Iterator[Problem]:
    """The registry refuses a page larger than its maximum, and Portus' synchronisation dies of it."""
    page = stack.portus.config.registry.catalog_page.value
    if page is not None and page > stack.registry.catalog_max_entries:
        yield Problem(
            key="portus.config.registry.catalog_page.value",
            value=str(page),
            rule=f"is at most registry.catalog_max_entries ({stack.registry.catalog_max_entries})",
            remedy="lower it, or raise registry.catalog_max_entries",
        )


def node_ports_differ(stack: StackSettings) -> Iterator[Problem]:
    """One node port serves one port."""
    exposure = stack.exposure
    if isinstance(exposure, NodePortExposure) and exposure.http_node_port == exposure.https_node_port:
        yield Problem(
            key="exposure.httpNodePort",
            value=str(exposure.http_node_port),
            rule="differs from exposure.httpsNodePort",
            remedy="choose another port, or remove it",
        )


def renewal_lies_within_validity(stack: StackSettings) -> Iterator[Problem]:
    """A window as long as the validity would make a new certificate at each run."""
    tls = stack.tls
    if isinstance(tls, SelfSignedTls) and tls.renewal_days >= tls.validity_days:
        yield Problem(
            key="tls.renewal_days",
            value=str(tls.renewal_days),
            rule=f"is less than tls.validity_days ({tls.validity_days})",
            remedy="lower it",
        )


def provided_certificate_serves_the_stack(stack: StackSettings) -> Iterator[Problem]:
    """RSA, pair, names, validity, chain order: told at preview, not by a client."""
    if isinstance(stack.tls, ProvidedTls):
        yield from certificate_problems(stack.tls, hosts=(stack.host, stack.registry_name))


def production_is_protected(stack: StackSettings) -> Iterator[Problem]:
    """Data is never lost by a default."""
    if not stack.protect and not _accepted(stack, Accepted.UNPROTECTED_STATE):
        yield _refused("protect", "false", "claims, secrets and keys refuse deletion", Accepted.UNPROTECTED_STATE, "remove it")


def production_has_a_trusted_certificate(stack: StackSettings) -> Iterator[Problem]:
    """Every client and every node would have to be given the private CA."""
    if isinstance(stack.tls, SelfSignedTls) and not _accepted(stack, Accepted.SELF_SIGNED_CERTIFICATE):
        yield _refused(
            "tls.source",
            "self_signed",
            "the certificate comes from a CA that clients trust",
            Accepted.SELF_SIGNED_CERTIFICATE,
            "use source: provided",
        )


def production_pins_its_images(stack: StackSettings) -> Iterator[Problem]:
    """A floating tag changes under a running deployment."""
    for name in ("portus", "registry", "mariadb", "edge", "client"):
        image = getattr(stack.images, name)
        floats = image is not None and image_digest(image) is None and image_tag(image) in FLOATING_TAGS
        if floats and not _accepted(stack, Accepted.FLOATING_IMAGE_TAGS):
            yield _refused(
                f"images.{name}",
                image,
                "an image is pinned by version or digest",
                Accepted.FLOATING_IMAGE_TAGS,
                "name a version or a digest",
            )


def _accepted(stack: StackSettings, what: Accepted) -> bool:
    return stack.profile is not Profile.PRODUCTION or what in stack.accept


def _refused(key: str, value: str, rule: str, waiver: Accepted, remedy: str) -> Problem:
    return Problem(
        key=key, value=value, rule=f"profile production: {rule}", remedy=f"{remedy}; to do it knowingly add '{waiver}' to portus:accept"
    )


RULES: Final[tuple[Rule, ...]] = (
    host_is_not_the_upstream_placeholder,
    version_knows_each_setting,
    puma_settings_need_puma,
    old_generation_names_its_image,
    old_generation_uses_port_3306,
    database_users_differ,
    bootstrap_can_be_done,
    catalog_holds_a_page,
    node_ports_differ,
    renewal_lies_within_validity,
    provided_certificate_serves_the_stack,
    production_is_protected,
    production_has_a_trusted_certificate,
    production_pins_its_images,
)
