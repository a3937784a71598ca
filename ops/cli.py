"""What every command shares: its options and help, its rights, and its errors as lines.

A command is a function of a stack and an `Environment`, with `click.option` for each further option. Its docstring is its help. It
imports what is heavy only when it runs: ``--help`` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ops.errors import OpsError, Terminated
from ops.kube.kubeconfig import files_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.environment import Environment

INTERRUPTED: Final = 130
"""Exit code of a shell command that Ctrl-C ended."""

USAGE: Final = 2
"""Exit code of a command line that is wrong."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """The program that a command is a part of.

    Args:
        name: as it is called: ``python -m ops``.
        environment: gives the environment for a kubeconfig.
        stack: the stack if the command line names none; '' if it must name one.
    """

    name: str
    environment: Callable[[Path | None], Environment]
    stack: str = ""


class OperatorCommand(click.Command):
    """A command whose help lists the rights that it needs in the stack's namespace."""

    def __init__(self, *words: Any, rights: str = "", **named: Any) -> None:
        super().__init__(*words, **named)
        self.rights = rights

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the rights."""
        super().format_epilog(ctx, formatter)
        if self.rights:
            with formatter.section("Rights in the stack's namespace"):
                formatter.write_text(self.rights)


def command_of(run: Callable[..., int | None], *, name: str = "", rights: str = "") -> OperatorCommand:
    """Return the command that runs ``run`` with a stack and an environment; what it returns is the exit code.

    Args:
        name: by default the function's.
        rights: what it does in the stack's namespace, in the words of Kubernetes' roles.
    """
    called = name or run.__name__.replace("_", "-")

    def call(stack: str | None, kubeconfig: str, **options: Any) -> None:
        from ops.kube.errors import cluster_errors  # noqa: PLC0415 - a wrong word on the command line is reported at once

        program = click.get_current_context().find_object(Program)
        assert program is not None
        stack = program.stack if stack is None else stack
        if not stack:  # an unset variable of a pipeline must not reach the default
            raise click.UsageError(f"--stack must name a stack. fix: {program.name} {called} --stack prod (make: STACK=prod)")
        with cluster_errors(called, rights):
            code = run(stack, program.environment(kubeconfig_of(kubeconfig)), **options)
        click.get_current_context().exit(code or 0)

    own = list(reversed(getattr(run, "__click_params__", [])))
    shared = [
        click.Option(["--stack"], default=None, help="Name of the stack: its file is stacks/Pulumi.NAME.yaml."),
        click.Option(["--kubeconfig"], envvar="KUBECONFIG", default="", help="Kubeconfig of its cluster (default: KUBECONFIG)."),
    ]
    return OperatorCommand(called, callback=call, params=[*shared, *own], help=run.__doc__, rights=rights)


class Commands(click.Group):
    """A group that imports a command when it is needed.

    Args:
        modules: command -> module that has it in its ``COMMANDS``.
        old_names: previous name -> name of a command; not listed.
    """

    def __init__(self, *, modules: Mapping[str, str], old_names: Mapping[str, str], **named: Any) -> None:
        super().__init__(**named)
        self._modules = modules
        self._old_names = old_names

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in their order."""
        del ctx
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        name = self._old_names.get(cmd_name, cmd_name)
        module = self._modules.get(name)
        command: click.Command | None = import_module(module).COMMANDS[name] if module else None
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or name the one that is meant."""
        if self.get_command(ctx, args[0]) is None:
            near = get_close_matches(args[0], self._modules, 1)
            fix = f"did you mean '{near[0]}'?" if near else f"it must be one of {', '.join(self._modules)}."
            raise click.UsageError(f"there is no command '{args[0]}': {fix}")
        return super().resolve_command(ctx, args)


def run(group: click.Group, program: Program, arguments: Sequence[str]) -> int:
    """Run one command; return the exit code. What its user can fix is one line, never a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = group.main(list(arguments), prog_name=program.name, obj=program, standalone_mode=False)
    except click.UsageError as error:
        return _usage(error, program)
    except OpsError as error:
        _show(error)
        return 1
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {"ops", "lab"}:
            raise
        sys.stderr.write(f"error: the Python package '{error.name}' is not installed.\n       fix: pip install -r requirements-ops.txt\n")
        return 1
    except (KeyboardInterrupt, click.Abort):
        from ops import console  # noqa: PLC0415 - heavy

        console.errors.print("interrupted; run the same command again to go on.")
        return INTERRUPTED
    return int(code or 0)


def kubeconfig_of(named: str) -> Path | None:
    """Return the kubeconfig that ``named`` is: a file, or those files of a list that there are, as kubectl reads them; None for ''."""
    return Path(os.pathsep.join(map(str, files_of(named)))) if named.strip(os.pathsep) else None


def _usage(error: click.UsageError, program: Program) -> int:
    command = error.ctx.command_path if error.ctx is not None else program.name
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        sys.stderr.write(f"{error.format_message()}\n")
        return USAGE
    text = error.format_message()
    if isinstance(error, click.MissingParameter) and isinstance(error.param, click.Option):
        option = error.param.opts[0]
        text = f"{option} must be set: {error.param.help} fix: add {option} ..."
    sys.stderr.write(f"error: {text}\n       Options: {command} --help\n")
    return USAGE


def _show(error: OpsError) -> None:
    from ops import console  # noqa: PLC0415 - heavy

    console.show_error(error)


def _interrupt(*_: object) -> None:
    raise Terminated
