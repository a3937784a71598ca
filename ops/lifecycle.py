"""Deploy, preview and remove a stack: steps that can be interrupted and repeated."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from ops import paths
from ops.check import checked
from ops.console import console, escape
from ops.credentials import NobodyError
from ops.deployment import Deployment
from ops.environment import Environment
from ops.errors import OpsError
from ops.kube.client import require_cluster, require_namespace
from ops.pulumi.stack import Consent, Stack, document_of, namespace_in
from ops.recovery import recover_interrupted_update

READABLE: Final = "portus:credentials:Credentials$random:index/randomBytes:RandomBytes"
"""Three secrets of the program as it was: the id of such a resource is its value, and Pulumi encrypts no id."""


def require_no_readable_secrets(stack: Stack) -> None:
    """Raise `OpsError` if protected secrets of ``stack`` must be replaced: Pulumi would refuse that at the end of its preview."""
    if not (urns := _readable(stack)):
        return
    raise OpsError(
        f"{len(urns)} protected secrets of stack {stack.name} can be read in its state ({', '.join(_names(urns))}) and must be replaced.",
        f"make replace-secrets STACK={stack.name}, then make preview STACK={stack.name}, then make up STACK={stack.name}: Pods restart and "
        "browser sessions end (docs/operate/credentials.md#replace-secrets-that-a-state-shows). Nothing was changed.",
    )


def unprotect_readable_secrets(stack: Stack) -> None:
    """Remove the protection of the secrets that the state of ``stack`` shows. Raises `OpsError` when the engine refused."""
    urns = _readable(stack)
    for urn in urns:
        stack.run("state", "unprotect", urn, "--yes")
    if urns:
        console.print(f"no longer protected: {', '.join(_names(urns))}. Next: make preview STACK={stack.name}, make up STACK={stack.name}")
    else:
        console.print(f"The state of stack {stack.name} shows no protected secret. Nothing was changed.")


def _readable(stack: Stack) -> list[str]:
    urns = (str(each["urn"]) for each in _resources(stack.export()) if each.get("protect"))
    return [urn for urn in urns if f"::{READABLE}::" in urn]


def _names(urns: list[str]) -> list[str]:
    return sorted(urn.rpartition("::")[2] for urn in urns)


def _resources(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(state.get("deployment", {}).get("resources") or [])


SHOWN_NAMES: Final = 5
"""Names in one message: enough to know the stack by, and one line."""

REFRESH: Final = "--refresh"
"""Has Pulumi read the cluster first. Without it, Pulumi does not see what was deleted or changed by hand."""


def up(name: str, environment: Environment, *, refresh: bool = False, yes: bool = False) -> None:
    """Deploy stack ``name``, check it, and say how to use it, also if there is no user to check as.

    Args:
        refresh: whether what was changed by hand is undone, too.
        yes: deploy to a cluster that is not the lab's without asking; the preview is still made and shown.
    """
    stack, deployment = deploy(name, environment, refresh=refresh, yes=yes)
    try:
        seen = checked(deployment, "the deployment itself ended well")
    except NobodyError:
        _summary(stack, deployment, "The deployment ended well, and was not checked.")
        raise
    _summary(stack, deployment, seen)


def deploy(name: str, environment: Environment, *, refresh: bool = False, yes: bool = False) -> tuple[Stack, Deployment]:
    """Deploy stack ``name`` with all that it needs, and make a lab stack reachable on this machine; one at a time in a checkout.

    Raises:
        OpsError: a step failed; the user declined, or cannot be asked; or ``refresh`` is asked for at a cluster of the user's that is not
            the stack's.
    """
    with environment.alone(name):
        return _deploy(name, environment, refresh=refresh, yes=yes)


def _deploy(name: str, environment: Environment, *, refresh: bool, yes: bool) -> tuple[Stack, Deployment]:
    environment.require_client(name)
    consent = _consent(name, "up", environment, yes=yes)
    stack = prepare(name, environment)
    if refresh:
        _require_its_cluster(stack, environment)
    require_no_readable_secrets(stack)
    namespace = namespace_in(recover_interrupted_update(stack))
    environment.before_update(stack)
    if namespace is not None:
        _require_no_sweep(stack, namespace)
    console.print(f"deploying stack {name}")
    stack.up(*([REFRESH] if refresh else []), consent=consent)
    deployment = stack.deployment(environment)
    environment.after_update(stack, deployment)
    return stack, deployment


def preview(name: str, environment: Environment, *, refresh: bool = False) -> None:
    """Show what `up` would change; changes nothing.

    Of a stack that has nothing yet, one line for each object, by component: its properties are thousands of lines, which `make render`
    writes as YAML.
    """
    stack = prepare(name, environment)
    require_no_readable_secrets(stack)
    details = ["--diff"] if stack.has_resources() else []
    stack.preview(*details, *([REFRESH] if refresh else []))


def down(name: str, environment: Environment, *, yes: bool = False) -> None:
    """Delete stack ``name``. For a lab stack, delete the whole lab in whatever state it is: all of it can be created again.

    Args:
        yes: remove a stack of a cluster that is not the lab's without asking; the preview is still made and shown.

    Raises:
        OpsError: a step failed; the user declined, or cannot be asked; the stack holds protected resources, which Pulumi would report
            after it had deleted others; or the user's cluster does not answer, or is not the stack's.
    """
    if environment.is_disposable(name):
        environment.remove(name)
        return
    consent = _consent(name, "down", environment, yes=yes)
    stack = known(name, environment)
    stack.require_known()
    _require_unprotected(stack)
    require_cluster(stack.kubeconfig, stack.context)
    _require_its_cluster(stack, environment)
    stack.destroy(consent)


def prepare(name: str, environment: Environment) -> Stack:
    """Return the stack with everything in place that it needs: engine, cluster, images."""
    document_of(name)  # a wrong name is reported before anything else that is missing
    engine, kubeconfig = environment.ready(name)
    stack = Stack(name=name, engine=engine, kubeconfig=kubeconfig, own_backend=environment.backend(name))
    require_cluster(stack.kubeconfig, stack.context)
    if not environment.is_disposable(name) or not stack.has_state():  # the lab's own backend knows what it holds
        stack.select()
    return stack


def _consent(name: str, verb: str, environment: Environment, *, yes: bool) -> Consent:
    """Return how a change of stack ``name`` is agreed to.

    Raises:
        OpsError: the user would have to be asked, and there is no terminal.
    """
    if environment.is_disposable(name):
        return Consent.UNASKED
    if yes:
        return Consent.BEFOREHAND
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise OpsError(
            f"make {verb} STACK={name} asks before it changes anything, and there is no terminal.",
            f"to run it without questions, for example in a pipeline: make {verb} STACK={name} YES=1. Nothing was changed.",
        )
    return Consent.AT_THE_PROMPT


def _require_unprotected(stack: Stack) -> None:
    protected = stack.protected()
    if not protected:
        return
    names = sorted(urn.rpartition("::")[2] for urn in protected)
    examples = ", ".join(names[:SHOWN_NAMES]) + (f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else "")
    raise OpsError(
        f"stack {stack.name} holds {len(protected)} protected resources ({examples}).",
        'to delete the stack and its data for good, set portus:protect: "false" and portus:accept: [unprotected_state], then '
        f"make up STACK={stack.name} and make down STACK={stack.name}: this deletes the claims and backups (docs/operate/protection.md). "
        "Nothing was changed.",
    )


def _require_its_cluster(stack: Stack, environment: Environment) -> None:
    """Refuse a cluster that was never the stack's: Pulumi drops from the state what a cluster lacks, protected or not.

    The lab's own cluster may be a new one: its stacks can be created again. If the state has only the Namespace, a removal was interrupted
    while that was deleted, and can be repeated.
    """
    if environment.is_disposable(stack.name):
        return
    namespace = stack.namespace()
    if namespace is not None:
        require_namespace(stack.kubeconfig, stack.context, namespace, stack.name)


def known(name: str, environment: Environment) -> Stack:
    """Return the stack for a look at what is deployed: it is neither made in the backend nor written to its file; starts nothing."""
    document_of(name)  # as above
    kubeconfig = environment.cluster_of(name)
    return Stack(name=name, engine=environment.engine(name), kubeconfig=kubeconfig, own_backend=environment.backend(name))


def _require_no_sweep(stack: Stack, namespace: str) -> None:
    """Let no push meet a garbage collection: the deployment may end the window in which the registry takes none."""
    from ops.gc.guard import require_no_sweep  # noqa: PLC0415 - its part of the doctor takes time to import

    require_no_sweep(stack.name, namespace, stack.kube)


def reached(name: str, environment: Environment) -> Deployment:
    """Return the deployed stack ``name``, whose cluster answers."""
    stack = known(name, environment)
    deployment = stack.deployment(environment)
    require_cluster(stack.kubeconfig, stack.context)
    return deployment


def _summary(stack: Stack, deployment: Deployment, seen: str) -> None:
    authority = paths.STATE / f"ca-{stack.name}.crt"
    authority.parent.mkdir(exist_ok=True)
    authority.write_text(str(deployment.outputs["ca_certificate"]), encoding="utf-8")
    password = f"make password STACK={stack.name}"
    console.print(f"\n{escape(seen)}\n")
    for label, text in (
        ("Portus", deployment.portus_url),
        ("registry", deployment.registry),
        ("login", str(deployment.outputs["login_command"])),
        ("password", f"{password} (of the user {deployment.outputs['administrator']})"),
        ("CA file", str(authority.relative_to(paths.ROOT))),
        ("kubeconfig", str(stack.kubeconfig)),
    ):
        console.print(f"  {label:<11} {escape(text)}")
