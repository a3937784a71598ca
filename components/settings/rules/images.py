"""Deletion and scanning of images."""

from __future__ import annotations

from collections.abc import Iterator

from components.common.versions import PortusVersion
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.stack import Accepted, StackSettings


@rule(requires=("portus.version", "portus.config.delete"))
def deletion_needs_the_registrys_consent(stack: StackSettings) -> Iterator[Problem]:
    """A registry without ``storage.delete.enabled`` answers 405, and Portus shows its buttons all the same."""
    if stack.registry.delete_enabled:
        return
    delete, version = stack.portus.config.delete, stack.portus.version
    deletes = delete.enabled if delete.enabled is not None else version >= PortusVersion.V2_4
    collects = bool(delete.garbage_collector.enabled)
    for key, on in (("delete.enabled", deletes), ("delete.garbage_collector.enabled", collects)):
        if on:
            shipped = " (Portus' default since 2.4)" if delete.enabled is None and key == "delete.enabled" else ""
            yield Problem(
                key="registry.deleteEnabled",
                value="false",
                rule=f"must be true while portus.config.{key} is true{shipped}: otherwise the registry refuses what Portus offers",
                remedy=f"remove it, or set portus.config.{key} to false",
            )


@rule()
def collector_pauses_while_the_registry_is_read_only(stack: StackSettings) -> Iterator[Problem]:
    """Refused with 405, the tag stays, but ``marked``: no later round collects it, and no notification removes it (tag.rb, 2.2 to 2.5)."""
    if stack.registry.maintenance.readonly.enabled and stack.portus.config.delete.garbage_collector.enabled:
        yield Problem(
            key="portus.config.delete.garbage_collector.enabled",
            value="true",
            rule="must be false while registry.maintenance.readonly.enabled is true: Portus never retries a tag that it could not delete",
            remedy="set it to false until the registry accepts pushes again",
        )


@rule()
def contributors_delete_only_where_deletion_is_on(stack: StackSettings) -> Iterator[Problem]:
    """Switched off for owners, deletion is off for contributors too."""
    delete = stack.portus.config.delete
    if delete.contributors and delete.enabled is False:
        yield Problem(
            key="portus.config.delete.contributors",
            value="true",
            rule="has no effect while delete.enabled is false",
            remedy="remove it, or set delete.enabled to true",
        )


@rule(requires=("portus.version",))
def contributors_delete_only_where_portus_survives_it(stack: StackSettings) -> Iterator[Problem]:
    """2.5 asks each team a question that the class does not know (app/policies/team_policy.rb, ``contributor?``)."""
    if stack.portus.config.delete.contributors and stack.portus.version is PortusVersion.V2_5:
        yield Problem(
            key="portus.config.delete.contributors",
            value="true",
            rule="must not be true for Portus 2.5: its page of teams then answers 500 to every user",
            remedy="remove it; owners of a team and administrators can delete",
        )


@rule(requires=("portus.version", "accept"))
def collection_by_age_is_accepted(stack: StackSettings) -> Iterator[Problem]:
    """2.4 deletes what was not pushed for a while, however often it is pulled (portus-images.md)."""
    collector = stack.portus.config.delete.garbage_collector
    wanted = collector.enabled and stack.portus.version is PortusVersion.V2_4
    if wanted and Accepted.COLLECTION_OF_PULLED_IMAGES not in stack.accept:
        yield Problem(
            key="portus.config.delete.garbage_collector.enabled",
            value="true",
            rule="must be accepted for Portus 2.4: it deletes images by the age of their last push, even if they are pulled daily",
            remedy=f"use Portus 2.5, which keeps them, or add '{Accepted.COLLECTION_OF_PULLED_IMAGES}' to portus:accept",
        )


@rule(requires=("portus.config.security.clair.server",))
def clair_settings_need_its_server(stack: StackSettings) -> Iterator[Problem]:
    """Scanning is switched on by the server's address alone."""
    clair = stack.portus.config.security.clair
    if clair.server is None:
        for name, value in (("health_port", clair.health_port), ("timeout", clair.timeout)):
            if value is not None:
                yield Problem(
                    key=f"portus.config.security.clair.{name}",
                    value=str(value),
                    rule="has no effect without security.clair.server: Portus scans only with it",
                    remedy="set the server, or remove it",
                )
