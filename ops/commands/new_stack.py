"""``new-stack``: write the stack file of a new environment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import click

from components.common.versions import PortusVersion

VERSIONS: Final = tuple(str(version) for version in sorted(PortusVersion, reverse=True))
EXPOSURES: Final = ("load_balancer", "node_port", "ingress", "gateway", "cluster_ip")
PROFILES: Final = ("development", "production")


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
    """Write stacks/Pulumi.NAME.yaml of a new environment; ask for what no option says. Asks no cluster."""
    from ops import new_stack  # noqa: PLC0415 - the help is there at once

    new_stack.require_name(name)
    asking = _is_terminal()
    answers = {"host": host, "version": version, "exposure": exposure, "profile": profile}
    if not asking and (missing := [f"--{option}" for option, said in answers.items() if not said]):
        raise click.UsageError(f"{', '.join(missing)} must be set where there is no terminal to ask at.")
    host = _fit("--host", host, new_stack.problem_of_host, "Public name of Portus", asking=asking)
    version = version or _choose("Release of Portus", VERSIONS)
    image = _fit("--image", image, lambda said: new_stack.problem_of_image(said, version), "Portus' image", asking=asking)
    exposure = exposure or _choose("How clients reach it", EXPOSURES)
    if exposure == "gateway":
        gateway = _fit("--gateway", gateway, new_stack.problem_of_gateway, "The Gateway, as NAMESPACE/NAME", asking=asking)
    profile = profile or _choose("Profile", PROFILES)
    stack = new_stack.NewStack(
        name=name, host=host, version=version, image=image, exposure=exposure, gateway=gateway, profile=profile
    )  # fmt: skip
    new_stack.write(stack)
    click.echo(f"{stack.file.parent.name}/{stack.file.name} is written.")
    if profile == "production":
        click.echo("Before users come: replace the self-signed certificate that it accepts for now (its TODO says how).")
    click.echo(f"Next: make verify STACK={name}, then make up STACK={name} KUBECONFIG=...")


def _choose(question: str, choices: tuple[str, ...]) -> str:
    chosen: str = click.prompt(question, type=click.Choice(choices), default=choices[0])
    return chosen


def _fit(option: str, said: str, problem_of: Callable[[str], str], question: str, *, asking: bool) -> str:
    """Return what fits: what an option says, or the first fitting answer."""
    if said or not asking:
        if problem := problem_of(said):
            raise click.UsageError(f"{option} {problem}")
        return said
    while problem := problem_of(said):
        if said:
            click.echo(f"It {problem}")
        said = click.prompt(question, type=str).strip()
    return said


def _is_terminal() -> bool:
    return sys.stdin.isatty()
