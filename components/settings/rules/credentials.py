"""The secrets' counters: one without an effect is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.common.versions import PortusVersion
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.credentials import ExistingCredentials, RotationSettings
from components.settings.sections.database import InClusterDatabase
from components.settings.sections.registry import InClusterRedis
from components.settings.stack import StackSettings
from components.settings.types.base import key_of
from components.settings.types.secrets import ExistingSecret

OF_THE_DATABASE: Final = ("database_root", "database_application", "database_backup")


@rule()
def counters_move_secrets_of_this_stack(stack: StackSettings) -> Iterator[Problem]:
    """An existing Secret is rotated by its owner: a higher counter would change nothing."""
    for name in RotationSettings.model_fields:
        counter = getattr(stack.credentials.rotation, name)
        given = getattr(stack.credentials.existing, name) if name in ExistingCredentials.model_fields else None
        if counter > 1 and isinstance(given, ExistingSecret):
            yield Problem(
                key=f"credentials.rotation.{key_of(RotationSettings, name)}",
                value=str(counter),
                rule=f"must be 1 if credentials.existing.{key_of(ExistingCredentials, name)} names a Secret: its owner rotates it",
                fix="remove it; to change such a Secret see docs/operate/credentials.md",
            )


@rule(requires=("portus.version",))
def own_password_follows_from_2_3_on(stack: StackSettings) -> Iterator[Problem]:
    """Before, Portus sets the password of its own user when it makes it, and never again: with another one, its login would always fail."""
    counter, version = stack.credentials.rotation.portus_password, stack.portus.version
    if counter > 1 and version < PortusVersion.V2_3:
        yield Problem(
            key="credentials.rotation.portusPassword",
            value=str(counter),
            rule=f"must be 1 for Portus {version}, which keeps the first password of its own user; 2.3 and later set it at each start",
            fix="remove it",
        )


@rule(requires=("database.kind",))
def database_counters_need_a_database_in_the_cluster(stack: StackSettings) -> Iterator[Problem]:
    """The accounts of an external server are not this stack's to change."""
    for name in OF_THE_DATABASE:
        counter = getattr(stack.credentials.rotation, name)
        if counter > 1 and not isinstance(stack.database, InClusterDatabase):
            yield Problem(
                key=f"credentials.rotation.{key_of(RotationSettings, name)}",
                value=str(counter),
                rule="has no effect while database.kind is external",
                fix="remove it; to change database.password see docs/deploy/database.md",
            )


@rule(requires=("registry.redis",))
def cache_counter_needs_a_cache_of_this_stack(stack: StackSettings) -> Iterator[Problem]:
    """The password of another Redis is under ``registry.redis``."""
    counter = stack.credentials.rotation.registry_cache
    if counter > 1 and not isinstance(stack.registry.redis, InClusterRedis):
        yield Problem(
            key="credentials.rotation.registryCache",
            value=str(counter),
            rule="has no effect while registry.redis is not kind: in_cluster",
            fix="remove it",
        )
