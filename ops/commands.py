"""The operator's commands, in the order of their list: name, help, options, rights, and what each runs.

A command imports its work when it runs, so that help appears at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click

from ops.cli import command_of
from ops.environment import Environment
from ops.errors import OpsError
from ops.rights import CHECK, EXEC, JOBS, PASSWORD, READ, STATE

COMMANDS: Final[dict[str, click.Command]] = {}
"""Name -> command, of this module."""


Run = TypeVar("Run", bound=Callable[..., "int | None"])


def _command(*, rights: str = "") -> Callable[[Run], Run]:
    """Make a command of the function below, which takes a stack and an environment (`ops.cli.command_of`)."""

    def listed(run: Run) -> Run:
        made = command_of(run, rights=rights)
        COMMANDS[str(made.name)] = made
        return run

    return listed


@_command()
@click.option("--refresh", is_flag=True, help="Look at the cluster first, to undo changes by hand, too.")
@click.option("--yes", is_flag=True, help="Do not ask. The preview is still shown.")
def up(stack: str, environment: Environment, *, refresh: bool = False, yes: bool = False) -> None:
    """Deploy a stack, and check it with a push and a pull."""
    from ops import lifecycle  # noqa: PLC0415 - heavy

    lifecycle.up(stack, environment, refresh=refresh, yes=yes)


@_command()
@click.option("--refresh", is_flag=True, help="Look at the cluster first: show what was changed by hand, too.")
def preview(stack: str, environment: Environment, *, refresh: bool = False) -> None:
    """Show what up would change; change nothing."""
    from ops import lifecycle  # noqa: PLC0415 - heavy

    lifecycle.preview(stack, environment, refresh=refresh)


@_command()
@click.option("--yes", is_flag=True, help="Do not ask. The preview is still shown.")
def down(stack: str, environment: Environment, *, yes: bool = False) -> None:
    """Delete a stack. For a lab stack, delete the whole lab. A stack with protected resources is refused."""
    from ops import lifecycle  # noqa: PLC0415 - heavy

    lifecycle.down(stack, environment, yes=yes)


@_command(rights=CHECK)
def check(stack: str, environment: Environment) -> None:
    """Push and pull an image; wait until Portus records it.

    The user is the first administrator, or the one that CHECK_USER and CHECK_PASSWORD_FILE name.
    """
    from ops.check import checked  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    environment.require_client(stack)
    checked(reached(stack, environment))


@_command(rights=READ)
@click.option("--json", "as_data", is_flag=True, help="Print JSON, for machines.")
@click.option("--push", is_flag=True, help="Push and pull an image, too.")
@click.option("--drift", is_flag=True, help="Have Pulumi compare the cluster with the stack file, too: as slow as a preview.")
def doctor(stack: str, environment: Environment, *, push: bool = False, drift: bool = False, as_data: bool = False) -> int:
    """Find what does not work, and print the fix. The exit code is 0 if every check passes."""
    from ops.doctor.command import doctor as examine  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    return 0 if examine(known(stack, environment), environment, push=push, drift=drift, as_data=as_data) else 1


@_command(rights=JOBS)
def backup(stack: str, environment: Environment) -> None:
    """Back up the database of the deployed stack now. The backup is loaded into a throw-away server and compared."""
    from ops.backup import commands  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    commands.backup(stack, reached(stack, environment))


@_command(rights=JOBS)
def backups(stack: str, environment: Environment) -> None:
    """List the backups of the deployed stack."""
    from ops.backup import commands  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    commands.backups(stack, reached(stack, environment))


@_command(rights=f"{JOBS}, get and patch Deployments, {CHECK}")
@click.option("--dump", default="", help="Name of the backup; backups lists them.")
@click.option("--safety", type=click.Choice(["yes", "no"]), default="yes", show_default=True, help="Back up the present state first.")
def restore(stack: str, environment: Environment, *, dump: str = "", safety: str = "yes") -> None:
    """Replace the database by a backup, and check Portus."""
    from ops.backup import commands  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    environment.require_client(stack)
    commands.restore(stack, reached(stack, environment), environment.kubeconfig, dump=dump, safety=safety == "yes")


@_command(rights=f"{JOBS}, and {EXEC}")
@click.option(
    "--dump", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File of mariadb-dump or mysqldump, gzip or not."
)
def import_database(stack: str, environment: Environment, *, dump: Path) -> None:
    """Make a dump of Portus 2.0 to 2.5 a backup for restore. It is checked and converted first."""
    from ops.imports import command  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    dump_file = command.read_dump(dump)
    command.import_database(reached(stack, environment), dump, dump_file)


@_command(rights=READ)
def check_images(stack: str, environment: Environment) -> None:
    """Ask the registry for every image of Portus' database. With all layers, by digest. Changes nothing."""
    from ops.imports.images import check as compare  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    compare(known(stack, environment))


@_command(
    rights="get and list Deployments, Pods, ConfigMaps, Secrets, PersistentVolumeClaims and Jobs, create and delete Jobs, read logs of"
    " Pods, list events, and exec into Pods"
)
@click.option("--confirm", type=click.Choice(["yes", "no"]), default="no", help="Delete it. Without this, gc only reports.")
@click.option("--untagged", type=click.Choice(["no", "yes", "even-of-indexes"]), default="no", help="Delete what no tag names, too.")
@click.option("--cache", type=click.Choice(["by-hand"]), help="You flush the registry's Redis yourself, which is not the stack's.")
def gc(stack: str, environment: Environment, *, confirm: str = "no", untagged: str = "no", cache: str | None = None) -> None:
    """Report what a garbage collection would delete. Delete it if --confirm yes. The registry must be read-only."""
    from ops.gc import Request, collect  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    collect(known(stack, environment), Request(confirm=confirm == "yes", untagged=untagged, cache_by_hand=cache is not None))


@_command(rights=READ)
@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="New folder to write to (make: DIR=...).")
def export(stack: str, environment: Environment, *, folder: Path) -> None:
    """Write users, rights and images for another registry. The files are for skopeo, Harbor and zot. Changes nothing."""
    from ops.export.command import export as write  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    write(known(stack, environment), folder)


@_command()
def replace_secrets(stack: str, environment: Environment) -> None:
    """Let the next up replace secrets that the state shows. Nothing else changes."""
    from ops.lifecycle import known, unprotect_readable_secrets  # noqa: PLC0415 - heavy

    deployed = known(stack, environment)
    deployed.require_known()
    unprotect_readable_secrets(deployed)


@_command(rights=STATE)
@click.option("--new-ca", is_flag=True, help="Leave the self-signed CA out: the next deployment makes a new one, which clients must trust.")
def recover_state(stack: str, environment: Environment, *, new_ca: bool = False) -> None:
    """Create the lost Pulumi state of a running stack again. Reads the program and the cluster's objects; changes no object."""
    from ops.kube.client import require_cluster  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy
    from ops.state.command import recover  # noqa: PLC0415 - heavy

    with environment.alone(stack):
        deployed = known(stack, environment)
        require_cluster(deployed.kubeconfig, deployed.context)
        deployed.select()
        recover(deployed, new_ca=new_ca)


@_command(rights=PASSWORD)
def password(stack: str, environment: Environment) -> None:
    """Print the first administrator's password. Prints nothing else."""
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    sys.stdout.write(f"{known(stack, environment).deployment(environment).administrator_password}\n")


@_command(rights=READ)
@click.option("--user", required=True, help="Name of the user.")
@click.option("--generate", is_flag=True, help="Make a random password, and print it once.")
def reset_password(stack: str, environment: Environment, *, user: str, generate: bool = False) -> None:
    """Set the password of a user of Portus. It is asked on the terminal, or read from standard input."""
    from ops.lifecycle import known  # noqa: PLC0415 - heavy
    from ops.reset_password import reset_password as reset  # noqa: PLC0415 - heavy

    reset(known(stack, environment), user, generate=generate)


@_command()
@click.option("--name", default="", metavar="NAME", help="Print this output only: text as it is, a list with one entry per line.")
def outputs(stack: str, environment: Environment, *, name: str = "") -> None:
    """Print the outputs of a stack, without its secrets."""
    from ops.console import console  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    printable = {key: value for key, value in known(stack, environment).outputs().items() if "password" not in key}
    if not name:
        console.print_json(json.dumps(printable))
        return
    if name not in printable:
        fix = f"make password STACK={stack} prints the password" if "password" in name else f"use one of {', '.join(sorted(printable))}"
        raise OpsError(f"stack {stack} has no output '{name}' to print.", fix)
    value = printable[name]
    lines = value if isinstance(value, list) else [value if isinstance(value, str) else json.dumps(value)]
    sys.stdout.write("".join(f"{str(line).rstrip()}\n" for line in lines))


MODULES: Final = {**dict.fromkeys(COMMANDS, __name__), "adopt": "ops.adopt.commands", "new-stack": "ops.new_stack"}
"""Command -> the module that has it in its ``COMMANDS``."""

OLD_NAMES: Final = {"collect": "gc"}
"""Previous name -> name: it still works."""
