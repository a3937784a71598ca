"""The commands; ``python -m ops`` joins the group `adopt`."""

from __future__ import annotations

import functools
import itertools
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from ops.adopt import compose, helm, kubernetes, objects
from ops.adopt.classify import Answers, classify
from ops.adopt.classify.overview import RELEASES, names
from ops.adopt.classify.values import is_public_name
from ops.adopt.model import AdoptError, Findings, Place, Problem, Role, Source
from ops.adopt.output import report
from ops.adopt.output.write import Target, refuse_existing, write
from ops.cli import kubeconfig_of
from ops.errors import OpsError

File = click.Path(path_type=Path, dir_okay=False)
Configs = Mapping[Role, Sequence[Path]]
"""Whose configuration -> the files that options name."""


@click.group()
def adopt() -> None:
    """Write a stack file for a Portus that already runs. It comes with a report and a plan."""


def _common(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--stack", required=True, help="Name of the stack to write."),
        click.option(
            "--dir",
            "folder",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path(),
            help="The folder of this program, with its Pulumi.yaml.",
        ),
        click.option("--host", default="", help="Public name of Portus, if it is to be another or the source has none."),
        click.option("--registry-host", default="", help="Public name of the registry, likewise."),
        click.option("--version", type=click.Choice(RELEASES), help="Release of Portus, if the image does not say it."),
        click.option("--secret", default="", help="Print one secret into a pipe and write nothing."),
    ):
        command = option(command)
    return command


def _configs(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a configuration file, as the argument ``configs``."""

    @functools.wraps(command)
    def joined(*, portus_config: Sequence[Path], registry_config: Sequence[Path], **options: Any) -> None:
        command(configs={Role.PORTUS: portus_config, Role.REGISTRY: registry_config}, **options)

    unread = "if it is in an image or a volume that this command cannot read."
    portus = click.option("--portus-config", type=File, multiple=True, help=f"Portus' config-local.yml, {unread}")
    return portus(click.option("--registry-config", type=File, multiple=True, help=f"The registry's config.yml, {unread}")(joined))


def _config_words(configs: Configs) -> list[str]:
    return _words("--portus-config", configs[Role.PORTUS]) + _words("--registry-config", configs[Role.REGISTRY])


@adopt.command("compose")
@click.option("--file", "files", type=File, multiple=True, required=True, help="A compose file; several are merged in this order.")
@click.option("--env-file", "env_files", type=File, multiple=True, help="Variables; without it, the file .env beside the first file.")
@click.option("--swarm", default="", help="Name of the Swarm stack, if docker stack deploy runs the file; for the plan's commands.")
@_configs
@_common
def compose_command(files: Sequence[Path], env_files: Sequence[Path], configs: Configs, swarm: str, **options: Any) -> None:
    """Adopt what a compose file runs."""
    given = [*_words("--file", files), *_words("--env-file", env_files), *_config_words(configs)]
    given += ["--swarm", swarm] if swarm else []
    _run(lambda: compose.read(files, env_files, configs, os.environ, swarm), "compose", given, files, **options)


@adopt.command("helm")
@click.option("--values", "files", type=File, multiple=True, required=True, help="A values file; later ones win.")
@click.option("--chart", type=click.Path(path_type=Path, file_okay=False), help="The chart's folder, if it is at hand.")
@click.option("--release", default="portus", show_default=True, help="Name of the release, for the plan's commands.")
@click.option("--namespace", default="default", show_default=True, help="Namespace of the release, for the plan's commands.")
@_common
def helm_command(files: Sequence[Path], chart: Path | None, release: str, namespace: str, **options: Any) -> None:
    """Adopt the values of a Helm chart. The chart is kubic's or GrantStreetGroup's; the values: helm get values RELEASE --all."""
    given = _words("--values", files) + (["--chart", str(chart.absolute())] if chart else [])
    given += ["--release", release, "--namespace", namespace]
    _run(lambda: helm.read(files, chart, release, namespace), "helm", given, files, **options)


@adopt.command("kubernetes")
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, help="Objects in YAML or JSON, or a folder of such files.")
@click.option("--namespace", default="", help="Namespace of the old deployment. Without it: that of the objects in --file, else default.")
@click.option("--context", help="Context of the kubeconfig, if it is not the current one.")
@click.option("--kubeconfig", envvar="KUBECONFIG", default="~/.kube/config", show_default=True, help="The kubeconfig.")
@_configs
@_common
def kubernetes_command(
    files: Sequence[Path], namespace: str, context: str | None, kubeconfig: str, configs: Configs, **options: Any
) -> None:
    """Adopt the objects of a namespace, or of files. The files are those of kubectl get -o yaml, or helm get manifest."""
    given = [*_words("--file", files), *(["--namespace", namespace] if namespace else []), *(["--context", context] if context else [])]
    given += _config_words(configs)

    def read() -> Source:
        if files:
            found = objects.load(files)
            return kubernetes.read(found, namespace or objects.namespace_of(found), str(files[0]), configs)
        asked = namespace or objects.DEFAULT_NAMESPACE
        source = kubernetes.read(objects.live(kubeconfig_of(kubeconfig) or Path(), context, asked), asked, f"namespace {asked}", configs)
        if context:  # the plan's other commands are for the stack's cluster
            source.commands["kubectl"] = f"kubectl --context {shlex.quote(context)} -n {asked}"
        return source

    _run(read, "kubernetes", given, files, **options)


def _words(option: str, paths: Sequence[Path]) -> list[str]:
    return [word for path in paths for word in (option, str(path.absolute()))]


def _run(
    read: Callable[[], Source], kind: str, given: Sequence[str], files: Sequence[Path], *,
    stack: str, folder: Path, host: str, registry_host: str, version: str | None, secret: str,
) -> None:  # fmt: skip
    """Read, classify and write; an error is one line for each problem, never a traceback."""
    answers = Answers(host=host, registry_host=registry_host, version=version or "")
    words = ["python", "-m", "ops", "adopt", kind, *given, "--stack", stack]
    for option, value in (("--host", host), ("--registry-host", registry_host), ("--version", version)):
        words += [option, value] if value else []
    target = Target(stack, folder, ", ".join(path.name for path in files) or kind, shlex.join(words))
    try:
        _check_name(stack)
        _check_hosts({"--host": host, "--registry-host": registry_host})
        if not secret:
            refuse_existing(target)
        source = read()
        findings = classify(source, answers)
        if secret:
            _print_secret(findings, secret)
            return
        files, why = write(source, findings, target)
    except AdoptError as error:
        _refuse(error)
    except OpsError as error:
        _refuse(AdoptError([Problem(Place("the cluster"), error.problem, error.fix)]))
    except (OSError, UnicodeError) as error:
        _refuse(AdoptError([Problem(Place(str(getattr(error, "filename", "") or "file")), f"cannot be used: {error}", "correct it")]))
    _tell(source, findings, target, files, complete=not why)


def _check_name(stack: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", stack):
        raise AdoptError([Problem(Place("--stack"), "must be letters, digits, '-', '_' and '.'", "for example --stack portus")])


def _check_hosts(given: Mapping[str, str]) -> None:
    rule = "must be a public DNS name, without scheme, port and path"
    for option, text in given.items():
        if text and not is_public_name(text):
            raise AdoptError([Problem(Place(option), rule, f"for example {option} portus.example.com")])


def _print_secret(findings: Findings, key: str) -> None:
    if key not in findings.secrets:
        known = ", ".join(findings.secrets) or "none"
        raise AdoptError([Problem(Place("--secret"), f"must be a secret of this source: {known}", "take one of these")])
    if sys.stdout.isatty():
        raise AdoptError([Problem(Place("--secret"), "must go into a pipe, not onto the screen", "add: | pulumi config set --secret ...")])
    click.echo(findings.secrets[key], nl=False)


def _refuse(error: AdoptError) -> NoReturn:
    count = len(error.problems)
    click.echo(f"{count} problem{'s' if count != 1 else ''}; nothing was written.\n", err=True)
    for fix, problems in itertools.groupby(error.problems, key=lambda problem: problem.fix):
        for problem in problems:
            click.echo(f"  {problem.place}\n    {problem.rule}", err=True)
        click.echo(f"    fix: {fix}", err=True)
    raise SystemExit(1)


def _tell(source: Source, findings: Findings, target: Target, files: Sequence[Path], *, complete: bool) -> None:
    found = names(source, findings)
    if found.old:
        click.echo(f"Image names {'survive' if found.survive else 'do not survive'}: {found.old} ({found.why}).")
    else:
        click.echo(f"Image names are not known: {found.why}.")
    click.echo(f"{len(findings.verdicts)} keys: {report.summary(findings)}.")
    if findings.missing:
        click.echo("The stack file does not load until you set: " + ", ".join(f"portus:{key}" for key in findings.missing))
    if not complete:
        click.echo(f"Secrets that are not in the stack file yet: {len(findings.secrets)}. report.md has the commands.")
    count = len(report.decisions(findings))
    click.echo()
    for path in files:
        click.echo(f"  {path}" + (f"  ({count} decisions)" if path == target.report else ""))


COMMANDS: Final = {"adopt": adopt}
