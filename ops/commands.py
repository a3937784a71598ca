"""The verbs of the Makefile: each a list of steps that can be interrupted and repeated."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

from lab import cluster, lab_stack
from lab.cluster import Publication
from lab.engine import Engine, ensure_engine
from lab.images import build
from lab.repair import repair, require_no_readable_secrets, unprotect_readable_secrets
from ops import paths
from ops.check import checked
from ops.console import console, errors, escape, step
from ops.credentials import NobodyError
from ops.deployment import Deployment
from ops.errors import LabError
from ops.kube.client import require_cluster, require_namespace
from ops.pulumi.stack import Consent, Stack, is_lab_stack, lab_stack_names, namespace_in
from ops.recovery import recover_interrupted_update
from ops.skopeo import require_client

ADDRESSES: Final = "127.88.0.{}"
"""Each lab stack gets a loopback address of its own, so that all can serve port 443."""


SHOWN_NAMES: Final = 5
"""Names in one message: enough to know the stack by, and one line."""

REFRESH: Final = "--refresh"
"""Has Pulumi look at the cluster first: without it an object that was deleted or changed by hand is as its state says, and left alone."""


def up(name: str, kubeconfig: Path | None, *, refresh: bool = False, yes: bool = False) -> None:
    """Deploy stack ``name``, check it, and say how to use it, also where nobody is known to check as.

    Args:
        refresh: whether what was changed by hand is mended, too.
        yes: deploy to a cluster that is not the lab's without asking; the preview is made and shown all the same.
    """
    stack, deployment = deploy(name, kubeconfig, refresh=refresh, yes=yes)
    try:
        seen = checked(deployment, "the deployment itself ended well")
    except NobodyError:
        _summary(stack, deployment, "The deployment ended well, and was not checked.")
        raise
    _summary(stack, deployment, seen)


def deploy(name: str, kubeconfig: Path | None, *, refresh: bool = False, yes: bool = False) -> tuple[Stack, Deployment]:
    """Deploy stack ``name`` with all that it needs, and make a lab stack reachable on this machine; one at a time in a checkout.

    Raises:
        LabError: a step failed; the user declined, or cannot be asked; or ``refresh`` is asked for at a cluster of the user's that is not
            the stack's.
    """
    with lab_stack.alone(name):
        return _deploy(name, kubeconfig, refresh=refresh, yes=yes)


def _deploy(name: str, kubeconfig: Path | None, *, refresh: bool, yes: bool) -> tuple[Stack, Deployment]:
    _require_client(name)
    consent = _consent(name, "up", yes=yes)
    stack = prepare(name, kubeconfig)
    if refresh:
        _require_its_cluster(stack)
    require_no_readable_secrets(stack)
    namespace = namespace_in(recover_interrupted_update(stack))
    repair(stack)
    if namespace is not None:
        _require_no_sweep(stack, namespace)
    console.print(f"deploying stack {name}")
    stack.up(*([REFRESH] if refresh else []), consent=consent)
    if not is_lab_stack(name):
        return stack, _deployment(stack)
    with step("publishing it on this machine"):
        deployment = _deployment(stack)
        _publish(stack, deployment)
    return stack, deployment


def preview(name: str, kubeconfig: Path | None, *, refresh: bool = False) -> None:
    """Show what `up` would change; changes nothing."""
    stack = prepare(name, kubeconfig)
    require_no_readable_secrets(stack)
    stack.preview("--diff", *([REFRESH] if refresh else []))


def replace_secrets(name: str, kubeconfig: Path | None) -> None:
    """Let the next `up` of stack ``name`` replace the secrets that its state shows: they lose their protection, nothing else changes."""
    stack = _known(name, kubeconfig)
    stack.require_known()
    unprotect_readable_secrets(stack)


def check(name: str, kubeconfig: Path | None) -> None:
    """Push and pull an image through the deployed stack ``name``."""
    _require_client(name)
    checked(_reached(name, kubeconfig))


def doctor(name: str, kubeconfig: Path | None, *, push: bool, drift: bool, as_data: bool) -> bool:
    """Name the broken links of the deployed stack ``name``; return whether all hold. Changes nothing unless ``push``."""
    from ops.doctor.verb import doctor as examine  # noqa: PLC0415 - it is needed for one verb

    return examine(_known(name, kubeconfig), push=push, drift=drift, as_data=as_data)


def collect(name: str, kubeconfig: Path | None, *, confirm: bool, untagged: str, cache_by_hand: bool) -> None:
    """Tell what the registry's garbage collection deletes, and have it deleted where ``confirm``; the registry has to be read-only."""
    from ops import gc  # noqa: PLC0415 - it is needed for one verb

    request = gc.Request(confirm=confirm, untagged=untagged, cache_by_hand=cache_by_hand)
    gc.collect(_known(name, kubeconfig), request)


def export(name: str, kubeconfig: Path | None, folder: Path) -> None:
    """Write what the deployed stack ``name`` holds into ``folder``, for another registry to take. Changes nothing."""
    from ops.export.verb import export as write  # noqa: PLC0415 - it is needed for one verb

    write(_known(name, kubeconfig), folder)


def backup(name: str, kubeconfig: Path | None) -> None:
    """Back the database of the deployed stack ``name`` up now."""
    from ops.backup import verbs as operations  # noqa: PLC0415 - it is needed for three verbs

    operations.backup(name, _reached(name, kubeconfig))


def backups(name: str, kubeconfig: Path | None) -> None:
    """List the backups of the deployed stack ``name``."""
    from ops.backup import verbs as operations  # noqa: PLC0415 - it is needed for three verbs

    operations.backups(name, _reached(name, kubeconfig))


def restore(name: str, kubeconfig: Path | None, *, dump: str, safety: bool) -> None:
    """Replace the database of the deployed stack ``name`` by backup ``dump``."""
    from ops.backup import verbs as operations  # noqa: PLC0415 - it is needed for three verbs

    _require_client(name)
    operations.restore(name, _reached(name, kubeconfig), kubeconfig, dump=dump, safety=safety)


def outputs(name: str, kubeconfig: Path | None) -> None:
    """Print the outputs of the deployed stack ``name``; secrets are left out."""
    stack = _known(name, kubeconfig)
    shown = {key: value for key, value in stack.outputs().items() if "password" not in key}
    console.print_json(json.dumps(shown))


def password(name: str, kubeconfig: Path | None) -> None:
    """Print the administrator's password, and nothing else, to standard output."""
    sys.stdout.write(f"{_deployment(_known(name, kubeconfig)).administrator_password}\n")


def down(name: str, kubeconfig: Path | None, *, yes: bool = False) -> None:
    """Remove stack ``name``. For a lab stack the whole lab goes, whatever state it is in: it holds nothing that is not made again.

    Args:
        yes: remove a stack of a cluster that is not the lab's without asking; the preview is made and shown all the same.

    Raises:
        LabError: a step failed; the user declined, or cannot be asked; the stack holds protected resources, of which Pulumi would tell when
            it had deleted others; or the user's cluster does not answer, or is not the stack's.
    """
    if is_lab_stack(name):
        with lab_stack.alone(name), step("removing the lab"):
            cluster.down()
            _forget()
        return
    consent = _consent(name, "down", yes=yes)
    stack = _known(name, kubeconfig)
    stack.require_known()
    _require_unprotected(stack)
    require_cluster(stack.kubeconfig, stack.context)
    _require_its_cluster(stack)
    stack.destroy(consent)


def prepare(name: str, kubeconfig: Path | None) -> Stack:
    """Return the stack with everything in place that it needs: engine, cluster, images."""
    lab = is_lab_stack(name)
    if not lab and kubeconfig is None:
        raise LabError(
            f"stack {name} is for a cluster of yours.",
            f"Name its kubeconfig: make up STACK={name} KUBECONFIG=~/.kube/config (the lab's own cluster runs the stacks "
            f"{', '.join(lab_stack_names())}).",
        )
    if lab:
        lab_stack.note_images()
        if not cluster.status().ready:
            lab_stack.build_missing(name)
    engine = _engine(name)
    if lab:
        kubeconfig = cluster.up()
        images = lab_stack.images(name)
        missing = cluster.missing_images([image.archive for image in images])
        build.load([image for image in images if image.archive in missing], cluster.import_image)
    assert kubeconfig is not None
    stack = Stack(name=name, engine=engine, kubeconfig=kubeconfig.expanduser())
    require_cluster(stack.kubeconfig, stack.context)
    if not lab or not stack.has_state():  # the lab's own backend knows what it holds; every command names its stack
        stack.select()
    return stack


def _consent(name: str, verb: str, *, yes: bool) -> Consent:
    """Return how a change of stack ``name`` is agreed to.

    Raises:
        LabError: the user would have to be asked, and there is no terminal.
    """
    if is_lab_stack(name):
        return Consent.UNASKED
    if yes:
        return Consent.BEFOREHAND
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise LabError(
            f"make {verb} STACK={name} asks before it changes anything, and there is no terminal to ask on.",
            f"To go on without being asked, for example in a pipeline: make {verb} STACK={name} YES=1. Nothing was changed.",
        )
    return Consent.AT_THE_PROMPT


def _require_unprotected(stack: Stack) -> None:
    protected = stack.protected()
    if not protected:
        return
    names = sorted(urn.rpartition("::")[2] for urn in protected)
    shown = ", ".join(names[:SHOWN_NAMES]) + (f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else "")
    raise LabError(
        f"stack {stack.name} holds {len(protected)} protected resources ({shown}).",
        'To remove the stack and its data for good, set portus:protect: "false" and portus:accept: [unprotected_state], then '
        f"make up STACK={stack.name} and make down STACK={stack.name}: this deletes the claims and backups (docs/operate/protection.md). "
        "Nothing was changed.",
    )


def _require_its_cluster(stack: Stack) -> None:
    """Refuse a cluster that was never the stack's: Pulumi takes what a cluster lacks for deleted and forgets it, protected or not.

    The lab's own cluster may be a fresh one: its stacks hold nothing that is not made again. Where the state has the Namespace alone, a
    removal was cut off while that went, and has to be repeatable.
    """
    if is_lab_stack(stack.name):
        return
    namespace = stack.namespace()
    if namespace is not None:
        require_namespace(stack.kubeconfig, stack.context, namespace, stack.name)


def _known(name: str, kubeconfig: Path | None) -> Stack:
    """Return the stack for a look at what is deployed: it is neither made in the backend nor written to its file; starts nothing."""
    if is_lab_stack(name):
        kubeconfig = paths.STATE / "kubeconfig"
        if not kubeconfig.exists():
            raise LabError("the lab does not run.", f"Start it: make up STACK={name}")
    elif kubeconfig is None:
        raise LabError(f"stack {name} is on a cluster of yours.", f"Name its kubeconfig: KUBECONFIG=... STACK={name}")
    return Stack(name=name, engine=_engine(name), kubeconfig=kubeconfig.expanduser())


def _engine(name: str) -> Engine:
    """Return the engine, and tell where stand-ins for Pulumi's own plugins would work on a cluster that is not the lab's."""
    engine = ensure_engine()
    if not is_lab_stack(name) and (stand_ins := [plugin for plugin, genuine in engine.genuine_plugins.items() if not genuine]):
        errors.print(
            f"note: Pulumi's own plugins ({', '.join(stand_ins)}) are not installed and could not be downloaded, so the lab's stand-ins "
            f"serve stack {name}. For anything of worth install them first (docs/develop/lab.md)."
        )
    return engine


def _require_no_sweep(stack: Stack, namespace: str) -> None:
    """Let no push meet a garbage collection: the deployment may end the window in which the registry takes none."""
    from ops.gc.guard import require_no_sweep  # noqa: PLC0415 - its part of the doctor takes time to import

    require_no_sweep(stack.name, namespace, stack.kube)


def _require_client(name: str) -> None:
    """Refuse what ends with a push where this machine cannot push; for a lab stack it has all that its cluster needs, and that is more."""
    if not is_lab_stack(name):
        require_client()


def _reached(name: str, kubeconfig: Path | None) -> Deployment:
    """Return the deployed stack ``name``, whose cluster answers."""
    stack = _known(name, kubeconfig)
    deployment = _deployment(stack)
    require_cluster(stack.kubeconfig, stack.context)
    return deployment


def _deployment(stack: Stack) -> Deployment:
    return Deployment(stack=stack.name, outputs=stack.outputs(), kubeconfig=stack.kubeconfig, context=stack.context)


def _publish(stack: Stack, deployment: Deployment) -> None:
    """Publish every lab stack that is deployed: ``stack``, just now, and the others; one whose deployment was cut off is left out."""
    publications = []
    addresses = {name: ADDRESSES.format(number) for number, name in enumerate(lab_stack_names(), start=1)}
    for name, address in addresses.items():
        other = Stack(name=name, engine=stack.engine, kubeconfig=stack.kubeconfig)
        if name == stack.name:
            publications += _publications(deployment, address)
        elif other.has_state() and other.is_whole():
            publications += _publications(_deployment(other), address)
    cluster.publish(publications, addresses=set(addresses.values()))


def _publications(deployment: Deployment, address: str) -> list[Publication]:
    ports = deployment.node_ports()
    if "https" not in ports:
        return []
    found = [Publication(address=address, port=deployment.https_port, node_port=ports["https"], names=deployment.hosts)]
    if "http" in ports:
        found.append(Publication(address=address, port=80, node_port=ports["http"]))
    return found


def _forget() -> None:
    """Remove the lab stacks' state along with the cluster that they described."""
    shutil.rmtree(paths.STATE, ignore_errors=True)


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
