"""The shape of every Job: steps, one after the other, in a Pod that is not started again, so that a failed one stays with its log.

Kubernetes would delete a Pod that restarts too often, and its log with it. A Job cannot be changed, and the provider shows an empty update
of a failed one in every preview (pulumi-kubernetes#856). So the next ``pulumi up`` replaces a failed Job by what the stack file says then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.batch import v1 as batch

from components.common import pods

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi
    from pulumi_kubernetes.core import v1 as core

    from components.common.base import ServiceComponent
    from components.common.stack_context import Labels, StackContext

BACKOFF_LIMIT: Final = 2
"""Further tries. A script waits for its servers and checks first what is done, so more tries would only repeat a wrong setting."""
GRACE_SECONDS: Final = 30
"""Kubernetes' own default. The next try repeats a step that was cut off."""
INIT_ERROR: Final = "#initerror"
"""The engine's own key for a resource that exists and did not get ready (``deploy/step_generator.go``)."""


def job_options(
    parent: ServiceComponent, after: Sequence[pulumi.Resource], *, once: bool = False, seconds: int | None = None
) -> pulumi.ResourceOptions:
    """Return the options of a Job of ``parent``: one that did not end well is replaced.

    Args:
        once: whether later changes of its Pod are ignored, as long as it ended well; its successor then starts only once it is gone. Not so
            where every change of the Pod is a replacement: an engine that deletes first there wrote a state that it could not read
            (a rotation's second Job, which follows what restarts in the same deployment; tests/cluster/test_rotation.py).
        seconds: how long it may take.
    """
    return parent.child(
        after=after,
        seconds=seconds,
        delete_before_replace=True if once else None,
        replace_on_changes=[INIT_ERROR],
        ignore_changes=["spec"] if once else [],
    )


def job_spec(
    labels: Labels,
    context: StackContext,
    privileges: pods.Privileges,
    *,
    steps: Sequence[core.ContainerArgs],
    volumes: Sequence[core.VolumeArgs],
    host_aliases: Mapping[str, pulumi.Input[str]] | None = None,
    backoff_limit: int = BACKOFF_LIMIT,
    grace_seconds: int = GRACE_SECONDS,
    deadline: int | None = None,
    refused: int | None = None,
) -> batch.JobSpecArgs:
    """Return a Job's spec.

    Args:
        steps: in their order; each starts when the one before has ended well.
        grace_seconds: between the request to stop and the kill.
        deadline: seconds after which the Job is ended, tries included; None waits without end.
        refused: exit code of a step after which no further try is made.
    """
    template = pods.pod_template(
        labels,
        context,
        privileges,
        containers=steps[-1:],
        init_containers=steps[:-1],
        volumes=volumes,
        host_aliases=host_aliases,
        grace_seconds=grace_seconds,
        restart_policy="Never",
    )
    return batch.JobSpecArgs(
        backoff_limit=backoff_limit,
        active_deadline_seconds=deadline,
        pod_failure_policy=None if refused is None else _failing_at_once(refused),
        template=template,
    )


def _failing_at_once(code: int) -> batch.PodFailurePolicyArgs:
    seen = batch.PodFailurePolicyOnExitCodesRequirementArgs(operator="In", values=[code])
    return batch.PodFailurePolicyArgs(rules=[batch.PodFailurePolicyRuleArgs(action="FailJob", on_exit_codes=seen)])
