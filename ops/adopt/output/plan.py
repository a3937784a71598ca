"""The plan: every step from the old Portus to the stack, with its commands, and the way back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from ops.adopt import keys
from ops.adopt.classify.overview import RECORD_QUERY, SCHEMA_QUERY, Names
from ops.adopt.classify.registry import blob_folder, blob_mount
from ops.adopt.classify.values import host_and_port
from ops.adopt.model import Findings, Role, Source, Workload
from ops.adopt.output import cluster, hosts, swarm
from ops.adopt.output.cluster import READ_ONLY, shell

BLOBS: Final = "/var/lib/registry"
"""Where the stack's registry keeps its images, as the published image does."""
FREEZE: Final = "freeze.yml"


def freeze(source: Source) -> str:
    """Return the Compose file that makes the old registry read-only, "" where there is none."""
    registry = source.with_role(Role.REGISTRY)
    if source.kind != "compose" or registry is None or source.commands.get("swarm"):
        return ""
    form = source.commands.get("form", "")
    service: dict[str, object] = {registry.name: {"environment": {"REGISTRY_STORAGE_MAINTENANCE_READONLY": READ_ONLY}}}
    # Compose 1 merges only files of the same form, so this one has the first file's.
    version = {"version": form} if form else {}
    content = service if form == "1" else {**version, "services": service}
    return "# Pulls continue; pushes and deletions get 405.\n" + yaml.safe_dump(content, sort_keys=False)


def render(source: Source, findings: Findings, names: Names, stack: str, folder: Path) -> str:
    """Return the plan as Markdown; ``folder`` is where `freeze` lies."""
    namespace = str(findings.settings.get(keys.NAMESPACE, "portus"))
    steps = [
        ("Prepare, on any day before", _prepare(source, findings, stack, namespace)),
        ("Freeze", _freeze(source, findings, folder)),
        ("Database", _database(source, findings, stack, namespace)),
        ("Blobs", _blobs(source, findings, names, namespace)),
        ("Check", _check(stack, names)),
        ("DNS", _dns(source, findings, stack, namespace)),
        ("The way back", _back(source, findings, stack)),
        ("Afterwards", _afterwards()),
    ]
    parts = [f"# Plan: from the running Portus to the stack `{stack}`\n"]
    if names.survive:
        parts.append(f"Images keep their names: `{names.old}/...`.\n")
    elif names.old:
        parts.append(f"**Images get new names.** {names.old}: {names.why}. Inform all users who pull before you start.\n")
    else:
        parts.append(f"**Do images keep their names?** Not known: {names.why}. Step 1 asks it. Inform all users who pull if they change.\n")
    for number, (title, lines) in enumerate(steps, start=1):
        parts.append(f"## {number}. {title}\n")
        parts += [*lines, ""]
    return "\n".join(parts)


def _prepare(source: Source, findings: Findings, stack: str, namespace: str) -> Iterator[str]:
    yield "Read report.md; answer its decisions in the stack file. Lower the TTL of the public names to 60 s."
    yield "For every step below: run the commands in the folder of this program, with its `.venv` activated, and set the cluster:"
    yield shell("export KUBECONFIG=~/.kube/config   # of the stack's cluster, which is its current context")
    if kubectl := source.commands.get("kubectl"):
        yield f"Commands with `{kubectl}` are for the old deployment. If it is in another cluster, add its `--kubeconfig` to each of them."
    if source.commands.get("swarm"):
        yield from swarm.nodes(source)
    elif names_of_shell := source.commands.get("shell"):
        yield "The compose file takes variables from the shell. Export them as for the old Portus: without them Compose takes empty texts."
        yield shell("export " + " ".join(f"{name}=..." for name in names_of_shell.split()))
    if command := _sql(source, SCHEMA_QUERY):
        yield "Which release is the database of, and by which name do clients pull?"
        yield shell(command, _sql(source, RECORD_QUERY))
        yield "2.0: 20151215152138. 2.1, 2.2: 20160927141850. 2.3: 20180207145522. 2.4: 20181213101302. 2.5: 20190314173309."
        yield "Clients pull by `external_hostname` (2.1 and later), else by `hostname`."
        yield f"If that is another name than the stack file's, correct `{keys.PREFIX}{keys.REGISTRY_HOST}` before you deploy."
    if old := _old_blobs(source, findings):
        run, path = old
        yield f"\nHow large are the images? `{keys.PREFIX}{keys.REGISTRY_CLAIM_SIZE}` must be larger: write it before you deploy."
        yield shell(f"{run}du -sh {path}")
    yield from cluster.shared_address(source, findings)
    if image := findings.settings.get(keys.IMAGE_PORTUS):
        yield f"The stack runs your own image `{image}`: let the cluster pull it first (`{keys.PREFIX}{keys.PULL_SECRETS}`)."
    yield "Then deploy:"
    yield shell(
        f"make verify STACK={stack}           # names what the stack file lacks, with line and fix",
        f"pulumi stack select --create {stack}",
        f"pulumi up --stack {stack}",
    )
    yield "The stack runs empty beside the old Portus, and users do not notice it."
    yield from hosts.add(findings, stack, namespace, cluster.exposure_until_dns(source, findings))


def _freeze(source: Source, findings: Findings, folder: Path) -> Iterator[str]:
    yield "From here on pushes are refused, pulls continue. Ask people not to change users and teams."
    worker, registry = source.with_role(Role.WORKER), source.with_role(Role.REGISTRY)
    if source.commands.get("swarm"):
        yield from swarm.freeze(source)
        return
    if source.kind == "compose":
        compose = source.commands["compose"]
        lines = []
        if registry:
            lines.append(f"{compose} -f {shlex.quote(str(folder / FREEZE))} up -d --no-deps {shlex.quote(registry.name)}")
        if worker:
            lines.append(f"{compose} stop {shlex.quote(worker.name)}")
        yield shell(*lines) if lines else "Stop all pushes: this file has no registry."
        if not registry:
            yield "Run the registry with `REGISTRY_STORAGE_MAINTENANCE_READONLY='{enabled: true}'`."
        return
    yield from cluster.freeze(source, findings)


def _sql(source: Source, query: str) -> str:
    """Return the command that asks the old database, with the password that its container already has."""
    database = source.with_role(Role.DATABASE)
    if database is None:
        return ""
    name = _database_name(source)
    client = f'{_login(source, database)} exec $(command -v mariadb || command -v mysql) -u{_user(database)} {name} -e "{query}"'
    return f"{_exec(source, database)} sh -c {shlex.quote(client)}"


def _exec(source: Source, workload: Workload) -> str:
    if source.commands.get("swarm"):
        return swarm.execute(source, workload)
    if source.kind == "compose":
        return f"{source.commands['compose']} exec -T {shlex.quote(workload.name)}"
    name = (
        source.commands.get("database", f"deployment/{workload.name}") if workload.role is Role.DATABASE else f"deployment/{workload.name}"
    )
    return f"{source.commands.get('kubectl', 'kubectl')} exec -i {name} --"


def _login(source: Source, database: Workload) -> str:
    """Return the variable that gives the client its password, which the container has as a variable or in a file."""
    names = [f"{server}_{kind}_PASSWORD" for kind in ("ROOT", "USER") for server in ("MARIADB", "MYSQL")]
    names = [name.replace("_USER_", "_") for name in names]
    for name in names:
        if name in database.environment:
            return f'MYSQL_PWD="${name}"'
        if f"{name}_FILE" in database.environment:
            return f'MYSQL_PWD="$(cat "${name}_FILE")"'
    return f'MYSQL_PWD="${source.commands.get("root_variable", "MYSQL_ROOT_PASSWORD")}"'


def _user(database: Workload) -> str:
    """Return root, or the account of Portus where the container does not know root's password."""
    if any(re.fullmatch(r"(MARIADB|MYSQL)_ROOT_PASSWORD(_FILE)?", name) for name in database.environment):
        return "root"
    return next((f'"${name}"' for name in ("MARIADB_USER", "MYSQL_USER") if name in database.environment), "root")


def _database_name(source: Source) -> str:
    found = [source.commands.get("database_name", "")]
    for role, names in ((Role.PORTUS, ("PORTUS_DB_DATABASE", "PORTUS_PRODUCTION_DATABASE", "MARIADB_DATABASE")),
                        (Role.DATABASE, ("MYSQL_DATABASE", "MARIADB_DATABASE"))):  # fmt: skip
        workload = source.with_role(role)
        found += [workload.environment[name].text for name in names if workload and name in workload.environment]
    return next((name for name in found if re.fullmatch(r"\w+", name)), "portus_production")


def _database(source: Source, findings: Findings, stack: str, namespace: str) -> Iterator[str]:
    database, name = source.with_role(Role.DATABASE), _database_name(source)
    if database:
        tool = "$(command -v mariadb-dump || command -v mysqldump)"
        options = f"--single-transaction --no-tablespaces -u{_user(database)} {name}"
        dump = f"{_login(source, database)} exec {tool} {options}"
        yield "The password stays inside the old container."
        yield shell("umask 077", f"{_exec(source, database)} sh -c {shlex.quote(dump)} | gzip > portus.sql.gz")
    else:
        yield "The source has no database of its own. Where the server is:"
        yield shell("umask 077", f"mysqldump --single-transaction --no-tablespaces -h HOST -u USER -p {name} | gzip > portus.sql.gz")
    yield "Check the dump, import it as a backup of the stack, and restore that backup."
    yield "The import prints the backup's name; CHECK_USER is a user of the old Portus:"
    yield shell(
        f"python -m ops import-database --stack {stack} --dump portus.sql.gz",
        f"CHECK_USER=... CHECK_PASSWORD_FILE=... make restore STACK={stack} DUMP=...",
    )
    yield "The backup's record of the registry names the stack's registry: the import corrects it. The old database stays as it is."
    yield "If you know no password, set one: docs/operate/passwords.md."
    if keys.EXISTING_PORTUS_PASSWORD in findings.secrets:
        yield "Portus up to 2.2 keeps the hidden user's password in its database. If the report says that it was replaced, set the new one:"
        runner = 'bundle exec rails runner \'User.find_by(username: "portus").update!(password: ENV["PORTUS_PORTUS_PASSWORD"])\''
        yield shell(f"kubectl -n {namespace} exec -it deployment/portus -- bash   # set its secrets' variables, cd /srv/Portus", runner)


def _blobs(source: Source, findings: Findings, names: Names, namespace: str) -> Iterator[str]:
    old = _old_blobs(source, findings)
    if old is None:
        driver = findings.settings[f"{keys.REGISTRY_STORAGE}.driver"]
        yield f"They stay: the stack uses the same {driver} store. From here on only one registry may write it."
        return
    run, path = old
    yield "Copy them; the registry's user owns what it unpacks:"
    yield shell(f"{run}tar -C {path} -cf - docker | kubectl -n {namespace} exec -i deployment/registry -- tar -C {BLOBS} -xf -")
    yield "If the copy is interrupted, run it again. Blobs are named by their digest, so nothing is stored twice."
    if host_and_port(names.old)[0] not in hosts.public(findings):
        yield "Or copy image by image:"
        yield shell("skopeo copy --all --preserve-digests docker://OLD/NAMESPACE/IMAGE:TAG docker://NEW/NAMESPACE/IMAGE:TAG")


def _old_blobs(source: Source, findings: Findings) -> tuple[str, str] | None:
    """Return what runs a command where the old blobs are, and their path there; None for a store that both registries use."""
    if str(findings.settings.get(f"{keys.REGISTRY_STORAGE}.driver", "filesystem")) != "filesystem":
        return None
    folder = blob_folder(source)
    if source.kind != "compose":
        kubectl, name = source.commands.get("kubectl", "kubectl"), source.commands.get("registry", "deployment/registry")
        return f"{kubectl} exec {name} -- ", folder or source.commands.get("registry_path", BLOBS)
    registry = source.with_role(Role.REGISTRY)
    if registry is None:
        return "", "/PATH/OF/THE/REGISTRY"
    mount = blob_mount(source)
    return f"{_exec(source, registry)} ", folder or (mount.target if mount else BLOBS)


def _check(stack: str, names: Names) -> Iterator[str]:
    yield "The administrator is the old one: check as a user of the old Portus (docs/operate/credentials.md)."
    yield "`check-images` asks for every image that the old database names, with all layers, by digest:"
    yield shell(
        f"python -m ops check-images --stack {stack}",
        f"CHECK_USER=... CHECK_PASSWORD_FILE=... make check STACK={stack}",
        f"make doctor STACK={stack}",
        f"docker pull {names.new or 'REGISTRY'}/NAMESPACE/IMAGE@sha256:...   # an old image, by its digest; on other machines after step 6",
    )


def _dns(source: Source, findings: Findings, stack: str, namespace: str) -> Iterator[str]:
    yield from cluster.take_address_over(source, findings, stack)
    yield f"Point {' and '.join(f'`{host}`' for host in hosts.public(findings))} at the stack's address:"
    yield shell(f"kubectl -n {namespace} get service,ingress")
    yield "Remove the line of step 1 from /etc/hosts; from now on DNS must give the stack's address on this machine, too:"
    yield shell(hosts.remove(stack), f"getent ahostsv4 {hosts.public(findings)[0]}", f"make doctor STACK={stack}")
    yield "Stop the old front door only when its log shows no more clients."


def _back(source: Source, findings: Findings, stack: str) -> Iterator[str]:
    yield "Until step 6: nothing to undo but the freeze and the line of step 1 in /etc/hosts."
    yield "After it: DNS back first; the old one lacks what was pushed since then."
    if source.commands.get("swarm"):
        yield from swarm.back(source)
        yield shell(hosts.remove(stack))
    elif source.kind == "compose":
        yield shell(f"{source.commands['compose']} up -d   # without {FREEZE}: as before", hosts.remove(stack))
    else:
        yield from cluster.give_address_back(source, findings, stack)
        yield from cluster.back(source, findings)
        yield shell(hosts.remove(stack))
    yield "The old database and blobs are untouched by every step above."


def _afterwards() -> Iterator[str]:
    yield "Keep the old deployment stopped and its volumes until the first backup of the stack is verified (`make backups`)."
    yield "Then switch on what the report left off (synchronization that deletes, clean-up of old tags)."
    yield "Delete portus.sql.gz: it holds every user's address and password hash."
