"""The worker's tasks."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.stack import Accepted, StackSettings


@rule(requires=("accept",))
def deleting_synchronisation_is_accepted(stack: StackSettings) -> Iterator[Problem]:
    """One wrong catalog (an empty volume, another registry under the name) empties Portus (SUSE/Portus#1599, #1664)."""
    strategy = stack.portus.config.background.sync.strategy
    if strategy in {"update-delete", "on-start"} and Accepted.DELETING_SYNCHRONISATION not in stack.accept:
        yield Problem(
            key="portus.config.background.sync.strategy",
            value=strategy,
            rule=f"must not be {strategy}: it deletes each repository, with its history, that the registry fails to list even once",
            remedy=f"use initial or update; to accept the risk add '{Accepted.DELETING_SYNCHRONISATION}' to portus:accept",
        )


@rule(requires=("accept",))
def pushes_are_recorded(stack: StackSettings) -> Iterator[Problem]:
    """Without the task Portus never learns of a push, and its pages stay empty."""
    if stack.portus.config.background.registry.enabled is False and Accepted.UNRECORDED_PUSHES not in stack.accept:
        yield Problem(
            key="portus.config.background.registry.enabled",
            value="false",
            rule="must be true: without this task Portus shows no pushed image",
            remedy=f"remove it; to accept the risk add '{Accepted.UNRECORDED_PUSHES}' to portus:accept",
        )
