"""``new-stack``: the stack file of a new environment: as little as loads, with what is to be decided later as comments."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from components.common.versions import PORTUS_IMAGES, PortusVersion
from ops.adopt.classify.values import is_public_name
from ops.errors import OpsError
from ops.paths import ROOT

STACKS: Final = ROOT / "stacks"

VERSIONS: Final = tuple(str(version) for version in sorted(PortusVersion, reverse=True))
EXPOSURES: Final = ("load_balancer", "node_port", "ingress", "gateway", "cluster_ip")
PROFILES: Final = ("development", "production")

HTTPS_NODE_PORT: Final = 30443
"""Inside Kubernetes' default range of node ports."""

_NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_IMAGE: Final = re.compile(
    r"(?:[a-z0-9.-]+(?::\d{1,5})?/)?[a-z0-9]+(?:[._/-][a-z0-9]+)*(?=[:@])(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)

CERTIFICATE: Final = """\
  # TODO: users must trust the certificate. As it is, the stack makes a CA of its own, which each client has to be given. For one that
  # cert-manager keeps (docs/deploy/tls.md has the other sources), remove "portus:accept" and set:
  # portus:tls:
  #   source: cert_manager
  #   certificate:
  #     issuerRef: {name: NAME-OF-YOUR-CLUSTERISSUER}
  #   caCertificate: |
  #     PEM OF THE ROOT
  portus:accept:
    - self_signed_certificate
"""


@dataclass(frozen=True, kw_only=True)
class NewStack:
    """What a new environment is asked for.

    Args:
        gateway: the Gateway's name, by ``gateway`` only.
        image: Portus' image; must be set where the release has no public one.
    """

    name: str
    host: str
    version: str
    exposure: str
    profile: str
    gateway: str = ""
    image: str = ""

    @property
    def file(self) -> Path:
        """The stack file."""
        return STACKS / f"Pulumi.{self.name}.yaml"

    def render(self) -> str:
        """Return the text of the stack file."""
        return "".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield "# yaml-language-server: $schema=stack.schema.json\n"
        yield "# Every key: docs/reference/settings.md. Encrypt a secret: pulumi config set --secret --path portus:KEY\n"
        yield f"config:\n  portus:profile: {self.profile}\n"
        if self.profile == "production":
            yield CERTIFICATE
        else:
            yield "  # `pulumi destroy` deletes the data, too.\n"
            yield '  portus:protect: "false"\n'
        yield f"  portus:host: {json.dumps(self.host)}\n"
        yield "  # Keeps this stack from another cluster that the kubeconfig may name:\n"
        yield f"  # portus:cluster: {{context: CONTEXT-OF-THE-KUBECONFIG, identifier: {self.name}}}\n"
        if self.image:
            yield f"  portus:images:\n    portus: {json.dumps(self.image)}\n"
        yield f'  portus:portus:\n    version: "{self.version}"\n'
        if self.version == PortusVersion.V2_0:
            yield "    # 2.0 has no task for it: make the administrator and the registry's record on the pages of Portus.\n"
            yield "    bootstrap:\n      enabled: false\n"
        yield f"  portus:exposure:\n    kind: {self.exposure}\n"
        if self.exposure == "node_port":
            yield f"    # One stack of a cluster has it.\n    httpsNodePort: {HTTPS_NODE_PORT}\n"
        elif self.exposure == "ingress":
            yield "    # Without it, the cluster's default class. `controller` says whose annotations are written.\n"
            yield "    # ingressClassName: nginx\n    controller: nginx\n"
        elif self.exposure == "gateway":
            namespace, _, gateway = self.gateway.rpartition("/")
            yield f"    parentRefs:\n      - name: {json.dumps(gateway)}\n"
            yield f"        namespace: {json.dumps(namespace)}\n" if namespace else ""


def require_name(name: str) -> None:
    """Refuse a name that the program refuses, and one that has a stack file.

    Raises:
        OpsError: one of the two.
    """
    if not _NAME.fullmatch(name):
        raise OpsError(
            "the stack's name must have at most 63 letters, digits, '-', '_' and '.', and begin and end with a letter or digit.",
            "python -m ops new-stack qa",
        )
    if name.startswith("lab"):
        raise OpsError("the stack's name must not begin with 'lab': those are this project's own.", "python -m ops new-stack qa")
    file = STACKS / f"Pulumi.{name}.yaml"
    if file.exists():
        raise OpsError(f"{STACKS.name}/{file.name} must not exist: it is not overwritten.", "choose another name, or move the file away")


def problem_of_host(host: str) -> str:
    """Return what is wrong with a host; '' for nothing."""
    return "" if is_public_name(host) else "must be a public DNS name in lower case, without scheme, port and path: portus.example.com"


def problem_of_gateway(gateway: str) -> str:
    """Return what is wrong with the name of a Gateway; '' for nothing."""
    fits = 1 <= len(parts := gateway.split("/")) <= 2 and all(_LABEL.fullmatch(part) for part in parts)  # noqa: PLR2004 - as the message says
    return "" if fits else "must be NAME or NAMESPACE/NAME of the Gateway: gateways/public"


def problem_of_image(image: str, version: str) -> str:
    """Return what is wrong with Portus' image; '' for nothing."""
    if not image and PortusVersion(version) in PORTUS_IMAGES:
        return ""
    why = "" if image else f", because Portus {version} has no public image"
    floats = image.rpartition(":")[2] in {"latest", "head", "master", "stable", "edge"}
    fits = _IMAGE.fullmatch(image) and not floats
    return "" if fits else f"must be an image with a version or digest{why}: registry.example.com/team/portus:{version}"


def write(stack: NewStack) -> None:
    """Write the stack file.

    Raises:
        OpsError: it is there already, or the folder cannot be written.
    """
    require_name(stack.name)
    try:
        stack.file.parent.mkdir(parents=True, exist_ok=True)
        with stack.file.open("x", encoding="utf-8") as file:
            file.write(stack.render())
    except FileExistsError:
        require_name(stack.name)
        raise
    except OSError as error:
        raise OpsError(f"{stack.file} must be a file that can be written: {error.strerror}.", "correct the folder's permissions") from None


@click.command("new-stack")
@click.argument("name")
@click.option("--host", default="", help="Public name of Portus.")
@click.option("--version", type=click.Choice(VERSIONS), help="Release of Portus.")
@click.option("--image", default="", help="Portus' image; 2.0 to 2.2 have no public one.")
@click.option("--exposure", type=click.Choice(EXPOSURES), help="How clients reach it (docs/deploy/exposure.md).")
@click.option("--gateway", default="", help="NAME or NAMESPACE/NAME of the Gateway, for --exposure gateway.")
@click.option("--profile", type=click.Choice(PROFILES), help="What the program refuses; production refuses more.")
def command(
    name: str, *, host: str, version: str | None, image: str, exposure: str | None, gateway: str, profile: str | None
) -> None:  # fmt: skip
    """Write the stack file of a new environment. It is stacks/Pulumi.NAME.yaml. Asks you for what no option sets; asks no cluster."""
    require_name(name)
    asking = _is_terminal()
    answers = {"host": host, "version": version, "exposure": exposure, "profile": profile}
    if not asking and (missing := [f"--{option}" for option, answer in answers.items() if not answer]):
        raise click.UsageError(f"{', '.join(missing)} must be set where there is no terminal to ask at.")
    host = _fit("--host", host, problem_of_host, "Public name of Portus", asking=asking)
    version = version or _choose("Release of Portus", VERSIONS)
    image = _fit("--image", image, lambda answer: problem_of_image(answer, version), "Portus' image", asking=asking)
    exposure = exposure or _choose("How clients reach it", EXPOSURES)
    if gateway and exposure != "gateway":
        raise click.UsageError(f"--gateway must not be set with --exposure {exposure}: only --exposure gateway uses it.")
    if exposure == "gateway":
        gateway = _fit("--gateway", gateway, problem_of_gateway, "The Gateway, as NAMESPACE/NAME", asking=asking)
    profile = profile or _choose("Profile", PROFILES)
    stack = NewStack(
        name=name, host=host, version=version, image=image, exposure=exposure, gateway=gateway, profile=profile
    )  # fmt: skip
    write(stack)
    click.echo(f"{stack.file.parent.name}/{stack.file.name} is written.")
    if profile == "production":
        click.echo("Before users come: replace the self-signed certificate that it accepts for now (its TODO says how).")
    click.echo(f"Next: make verify STACK={name}, then make up STACK={name} KUBECONFIG=...")


def _choose(question: str, choices: tuple[str, ...]) -> str:
    chosen: str = click.prompt(question, type=click.Choice(choices), default=choices[0])
    return chosen


def _fit(option: str, answer: str, problem_of: Callable[[str], str], question: str, *, asking: bool) -> str:
    """Return what fits: what an option says, or the first fitting answer."""
    if answer or not asking:
        if problem := problem_of(answer):
            raise click.UsageError(f"{option} {problem}")
        return answer
    while problem := problem_of(answer):
        if answer:
            click.echo(f"It {problem}")
        answer = click.prompt(question, type=str).strip()
    return answer


def _is_terminal() -> bool:
    return sys.stdin.isatty()


COMMANDS: Final = {"new-stack": command}
