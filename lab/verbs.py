"""The verbs of the Makefile: each a list of steps that can be interrupted and repeated."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

from lab import cluster, paths
from lab.check import check as check_deployment
from lab.cluster import Publication
from lab.console import console, escape, step
from lab.deployment import Deployment, require_cluster
from lab.engine import ensure_engine
from lab.errors import LabError
from lab.healing import heal
from lab.images import build
from lab.stack import Stack, images_of, is_lab_stack, stack_names

ADDRESSES: Final = "127.88.0.{}"
"""Each lab stack gets a loopback address of its own, so that all can serve port 443."""


def up(name: str, kubeconfig: Path | None) -> None:
    """Deploy stack ``name``, check it, and say how to use it."""
    stack, deployment = deploy(name, kubeconfig)
    with step("checking it: a push, a pull, and Portus' record of the push") as current:
        image = check_deployment(deployment, current)
    _summary(stack, deployment, image)


def deploy(name: str, kubeconfig: Path | None) -> tuple[Stack, Deployment]:
    """Deploy stack ``name`` with all that it needs, and make a lab stack reachable on this machine."""
    stack = prepare(name, kubeconfig)
    heal(stack)
    console.print(f"deploying stack {name}")
    stack.up()
    if is_lab_stack(name):
        with step("publishing it on this machine"):
            _publish()
    return stack, _deployment(stack)


def preview(name: str, kubeconfig: Path | None) -> None:
    """Show what `up` would change; changes nothing."""
    prepare(name, kubeconfig).preview("--diff")


def check(name: str, kubeconfig: Path | None) -> None:
    """Push and pull an image through the deployed stack ``name``."""
    stack = _selected(name, kubeconfig)
    with step(f"checking stack {name}") as current:
        check_deployment(_deployment(stack), current)


def outputs(name: str, kubeconfig: Path | None) -> None:
    """Print the outputs of the deployed stack ``name``; secrets are left out."""
    stack = _selected(name, kubeconfig)
    shown = {key: value for key, value in stack.outputs().items() if "password" not in key}
    console.print_json(json.dumps(shown))


def password(name: str, kubeconfig: Path | None) -> None:
    """Print the administrator's password, and nothing else, to standard output."""
    sys.stdout.write(f"{_selected(name, kubeconfig).outputs()['administrator_password']}\n")


def down(name: str, kubeconfig: Path | None) -> None:
    """Remove stack ``name``. For a lab stack the whole lab goes, whatever state it is in: it holds nothing that is not made again."""
    if is_lab_stack(name):
        with step("removing the lab"):
            cluster.down()
            _forget()
        return
    _selected(name, kubeconfig).destroy()


def prepare(name: str, kubeconfig: Path | None) -> Stack:
    """Return the stack with everything in place that it needs: engine, cluster, images."""
    lab = is_lab_stack(name)
    if not lab and kubeconfig is None:
        raise LabError(
            f"stack {name} is for a cluster of yours.",
            f"Name its kubeconfig: make up STACK={name} KUBECONFIG=~/.kube/config (the lab's own cluster runs the stacks "
            f"{', '.join(each for each in stack_names() if is_lab_stack(each))}).",
        )
    engine = ensure_engine()
    if lab:
        kubeconfig = cluster.up()
        build.load(build.build_images(images_of(name)), cluster.import_image)
    assert kubeconfig is not None
    stack = Stack(name=name, engine=engine, kubeconfig=kubeconfig.expanduser())
    require_cluster(stack.kubeconfig, stack.context)
    stack.select()
    return stack


def _selected(name: str, kubeconfig: Path | None) -> Stack:
    """Return the stack for a look at what is deployed; starts nothing."""
    if is_lab_stack(name):
        kubeconfig = paths.STATE / "kubeconfig"
        if not kubeconfig.exists():
            raise LabError("the lab does not run.", f"Start it: make up STACK={name}")
    elif kubeconfig is None:
        raise LabError(f"stack {name} is on a cluster of yours.", f"Name its kubeconfig: KUBECONFIG=... STACK={name}")
    stack = Stack(name=name, engine=ensure_engine(), kubeconfig=kubeconfig)
    stack.select()
    return stack


def _deployment(stack: Stack) -> Deployment:
    return Deployment(outputs=stack.outputs(), kubeconfig=stack.kubeconfig, context=stack.context)


def _publish() -> None:
    """Publish every lab stack that is deployed; one whose deployment was cut off is left out until it is whole."""
    publications = []
    for number, name in enumerate((each for each in stack_names() if is_lab_stack(each)), start=1):
        stack = Stack(name=name, engine=ensure_engine(), kubeconfig=paths.STATE / "kubeconfig")
        if stack.is_whole():
            publications += _publications(_deployment(stack), ADDRESSES.format(number))
    cluster.publish(publications)


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


def _summary(stack: Stack, deployment: Deployment, image: str) -> None:
    authority = paths.STATE / f"ca-{stack.name}.crt"
    authority.parent.mkdir(exist_ok=True)
    authority.write_text(str(deployment.outputs["ca_certificate"]), encoding="utf-8")
    password = f"make password STACK={stack.name}"
    console.print(f"\nPortus and its registry work: {escape(image)} was pushed and pulled, and Portus recorded the push.\n")
    for label, text in (
        ("Portus", deployment.portus_url),
        ("registry", deployment.registry),
        ("login", str(deployment.outputs["login_command"])),
        ("password", f"{password} (of the user {deployment.outputs['administrator']})"),
        ("CA file", str(authority.relative_to(paths.ROOT))),
        ("kubeconfig", str(stack.kubeconfig)),
    ):
        console.print(f"  {label:<11} {escape(text)}")
