"""``recover-state``: steps that change nothing but the state of an empty stack, and prove it by a preview."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ops.console import console, escape, step
from ops.errors import OpsError
from ops.kube.client import CLAIM
from ops.state import engine
from ops.state.certificates import Certificates
from ops.state.document import document, judged, refined
from ops.state.objects import Contents, LiveObjects, as_deployed
from ops.state.passwords import recovered
from ops.state.values import Resource, name_of, provider_of

if TYPE_CHECKING:
    from ops.pulumi.stack import Stack

PAGE: Final = "docs/operate/lost.md"
OF_CA: Final = frozenset({"tls-ca-key", "tls-ca", "tls-request", "tls-certificate"})
"""What is made again with a new CA. The certificate's key is not: it signs the tokens."""
WITH_CA: Final = frozenset({"served-tls-certificate", "served-tls-trust"})
"""The objects that then change."""
SUPPORTED: Final = frozenset({"", "pulumi", "random", "tls", "kubernetes"})


@dataclass(frozen=True, kw_only=True)
class Made:
    """A state that was made again, before it is written.

    Args:
        state: for ``pulumi stack import``; it holds secrets.
        known: URN -> id, inputs and outputs; it holds secrets, too.
        notes: what the user must know of it.
    """

    state: Mapping[str, Any] = field(repr=False)
    known: Mapping[str, Mapping[str, Any]] = field(repr=False)
    objects: int
    notes: Sequence[str]

    @property
    def resources(self) -> int:
        """How many resources of plugins it has."""
        return len(self.known)


def recover(stack: Stack, *, new_ca: bool = False) -> None:
    """Make the state of ``stack`` again from the program and the live objects.

    Args:
        new_ca: leave the self-signed CA out, so that the next deployment makes another one.

    Raises:
        OpsError: the stack has a state, the cluster has not what it needs, or the state would not leave passwords, keys, certificates,
            Secrets and claims as they are; then the stack is empty as before.
    """
    empty = stack.export()
    if existing := (empty.get("deployment") or {}).get("resources"):
        raise OpsError(
            f"the state of stack {stack.name} must be empty, and has {len(existing)} resources.",
            f"if it is the right state, nothing needs to be recovered: make preview STACK={stack.name}. If a deployment wrote it that"
            f" failed because the objects exist, remove it first ({PAGE}#a-deployment-was-tried-without-the-state). Nothing was changed.",
        )
    with step("asking the program for its resources"):
        resources = engine.program(stack)
    live = LiveObjects(stack.kube)
    with step("reading the objects of the cluster"):
        made = build(empty, resources, live, new_ca=new_ca)
    try:
        with step(f"writing the state of {made.resources} resources"):
            engine.write(stack, made.state)
        with step("comparing it with the program"):
            steps = engine.preview(stack)
            if objects := _with_inputs(refined(resources, steps), made, live):
                made = replace(made, state=document(empty, resources, objects), known=objects)
                engine.write(stack, made.state)
                steps = engine.preview(stack)
            judgement = judged(steps, expected=OF_CA | WITH_CA if new_ca else ())
            _require_nothing_lost(judgement.lost)
    except BaseException:
        engine.write(stack, empty)
        raise
    _report(stack, made, judgement.made, judgement.changed)


def _with_inputs(resources: Sequence[Resource], made: Made, live: LiveObjects) -> dict[str, Mapping[str, Any]] | None:
    """Return what is known of each resource, with the inputs of its object; None if no input differs."""
    known = dict(made.known)
    for each in resources:
        urn = str(each["urn"])
        if provider_of(each) == "kubernetes" and urn in known and (there := live.find(each)) is not None:
            inputs = as_deployed(each, there)["inputs"]
            known[urn] = {**known[urn], "inputs": inputs, "outputs": {**known[urn]["outputs"], "__inputs": inputs}}
    return known if any(known[urn]["inputs"] != made.known[urn]["inputs"] for urn in known) else None


def _require_nothing_lost(names: Sequence[str]) -> None:
    if names:
        raise OpsError(
            f"the next deployment would replace or change what must stay: {', '.join(names)}.",
            "the stack file must be the one of the last deployment: correct it, and repeat this command"
            f" ({PAGE}#the-stack-file-has-changed). The state is empty as before.",
        )


def build(empty: Mapping[str, Any], resources: Sequence[Resource], live: LiveObjects, *, new_ca: bool) -> Made:
    """Return the state of the program's ``resources``.

    Raises:
        OpsError: the cluster has not what it needs.
    """
    if others := sorted({str(each["type"]) for each in resources if provider_of(each) not in SUPPORTED}):
        raise OpsError(
            f"this command must know every type of resource, and does not know {', '.join(others)}.",
            "give their secrets by the stack file, and make the stack again (docs/operate/lost.md#cluster-lost). Nothing was changed.",
        )
    objects = [each for each in resources if provider_of(each) == "kubernetes"]
    there = {str(each["urn"]): found for each in objects if (found := live.find(each)) is not None}
    if not there:
        raise OpsError(
            "the cluster must have the objects of the stack, and has none of them.",
            "name the right cluster: KUBECONFIG=..., or cluster.context and cluster.namespace of the stack file. If the cluster is lost"
            " too, see docs/operate/lost.md#cluster-lost. Nothing was changed.",
        )
    content = Contents(list(resources), there)
    known: dict[str, Mapping[str, Any]] = {urn: as_deployed(each, there[urn]) for each in objects if (urn := str(each["urn"])) in there}
    passwords, new = recovered(resources, content)
    certificates = Certificates([each for each in resources if not (new_ca and name_of(each) in OF_CA)], content)
    known |= passwords | certificates.recovered()
    notes = [*_of_ca(certificates.renewal, new_ca=new_ca)]
    if new:
        notes.append(f"{len(new)} passwords that nothing reads got a new value: {', '.join(new)}")
    if live.leftovers:
        notes.append(f"not in the state, because newer ones are in use: {', '.join(live.leftovers)}; delete them after the next deployment")
    return Made(state=document(empty, resources, known), known=known, objects=len(there), notes=notes)


def _of_ca(renewal: dt.datetime | None, *, new_ca: bool) -> Sequence[str]:
    """Return what to say of a self-signed CA, whose key is in no cluster.

    Raises:
        OpsError: the certificate must be renewed, and no key can sign the next one.
    """
    if new_ca:
        return ["the next deployment makes a new CA and certificate; all clients must trust the new CA (output ca_certificate)"]
    if renewal is None:
        return []
    if renewal <= dt.datetime.now(dt.UTC):
        raise OpsError(
            f"the certificate is to be renewed since {renewal:%Y-%m-%d}, and the key of its CA was in the lost state only.",
            f"repeat this command with --new-ca: the next deployment makes a new CA, which all clients must trust ({PAGE}#a-new-ca)."
            " Nothing was changed.",
        )
    return [f"the key of the self-signed CA is lost: make a new CA before {renewal:%Y-%m-%d} ({PAGE}#a-new-ca)"]


def _report(stack: Stack, made: Made, missing: Sequence[str], changed: Sequence[str]) -> None:
    notes = list(made.notes)
    if missing:
        notes.append(f"not in the cluster, and made by the next deployment: {', '.join(missing)}")
    if claims := [name for name in missing if name.startswith(f"{CLAIM.kind} ")]:
        notes.append(f"a new claim is empty: if there must be data, find it before the next deployment ({', '.join(claims)})")
    if changed:
        notes.append(f"not as the program wants them, and changed by the next deployment: {', '.join(changed)}")
    console.print(f"\nThe state of stack {escape(stack.name)} is back: {made.resources} resources, {made.objects} of them in the cluster.")
    for note in notes:
        console.print(f"  note: {escape(note)}")
    console.print(f"Next: make preview STACK={stack.name}, then make up STACK={stack.name}")
