"""Portus' own settings: texts on their way into Portus, CA files in its containers, deletion and scanning of images, tasks."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from pydantic import SecretStr

from components.common.versions import PortusVersion
from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules.rule import rule
from components.settings.sections.portus_config.flatten import leaves
from components.settings.stack import Accepted, StackSettings
from components.settings.types.secrets import ExistingSecret

RUBY_INTEGER: Final = re.compile(
    r"\s*[+-]?(0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*|0[bB][01]+(_[01]+)*|0[oO]?[0-7]*(_[0-7]+)*|0[dD][0-9]+(_[0-9]+)*|[1-9][0-9]*(_[0-9]+)*)\s*"
)
"""What Ruby's ``Integer()`` takes; cconfig tries it on every variable (cconfig, hash_utils.rb)."""


def is_mangled(text: str) -> bool:
    """Whether cconfig would make something else of ``text`` than a text."""
    return text.strip().lower() in {"true", "false"} or RUBY_INTEGER.fullmatch(text) is not None


@rule(requires=("portus.version",))
def texts_survive_the_environment(stack: StackSettings) -> Iterator[Problem]:
    """A password of digits would reach the directory as a number, an octal one as another number."""
    if not stack.portus.version.is_puma:
        return
    for leaf in leaves(stack.portus.config):
        secret = isinstance(leaf.value, SecretStr)
        text = leaf.value.get_secret_value() if isinstance(leaf.value, SecretStr) else leaf.value
        if isinstance(text, str) and is_mangled(text):
            yield Problem(
                key=leaf.key,
                value=HIDDEN if secret else text,
                rule="must not be digits, 0x.., 0b.., 1_000, true or false: Portus reads these as numbers and booleans",
                fix="choose another text, with a letter that is not part of a number",
            )


@rule()
def secrets_are_single_lines(stack: StackSettings) -> Iterator[Problem]:
    """The images read a secret's file by the shell, which drops line ends; an empty one would switch Portus' own default off."""
    for leaf in leaves(stack.portus.config):
        if isinstance(leaf.value, SecretStr):
            text = leaf.value.get_secret_value()
            if not text or text != text.strip() or not text.isprintable():
                yield Problem(
                    key=leaf.key,
                    value=HIDDEN,
                    rule="must be one line, not empty and without spaces around it",
                    fix=f"set it again, e.g. from a file: tr -d '\\n' < file | pulumi config set --secret --path 'portus:{leaf.key}'",
                )


@rule(requires=("portus.version",))
def apache_writes_its_secrets_itself(stack: StackSettings) -> Iterator[Problem]:
    """2.0-2.2 read these from config-local.yml alone, which cannot quote an existing Secret."""
    if stack.portus.version.is_puma:
        return
    for leaf in leaves(stack.portus.config):
        if isinstance(leaf.value, ExistingSecret):
            yield Problem(
                key=leaf.key,
                value="",
                rule=f"must be text for Portus {stack.portus.version}: this program writes it into config-local.yml",
                fix=f"pulumi config set --secret --path 'portus:{leaf.key}', or use Portus 2.3 or later",
            )


FOLDER: Final = "/certificates"
"""Where this program mounts the stack's own CA, and ``tls.extraCaCertificates`` as ``extra-ca-1.crt`` and so on."""
OF_THE_IMAGE: Final = ("/etc/ssl", "/etc/pki", "/usr/share/pki", "/var/lib/ca-certificates")
"""Where openSUSE, which Portus' images are made of, keeps authorities; what it imports from ``/certificates`` ends here, too."""


@rule(requires=("tls", "workloads.web", "workloads.worker", "portus.version"))
def authority_files_are_in_the_container(stack: StackSettings) -> Iterator[Problem]:
    """Ruby fails at the first connection if the file is missing."""
    config, extra = stack.portus.config, len(stack.tls.extra_ca_certificates)
    smtp, options = config.email.smtp, config.ldap.encryption.options
    files = ["portus-stack-ca.crt", *(f"extra-ca-{number}.crt" for number in range(1, extra + 1))]
    known = {f"{FOLDER}/{name}" for name in files}
    by_worker = stack.portus.version.is_puma
    for key, path, is_folder, both in (
        ("email.smtp.ca_file", smtp.ca_file, False, False),
        ("email.smtp.ca_path", smtp.ca_path, True, False),
        ("ldap.encryption.options.ca_file", options.ca_file, False, by_worker),
    ):
        if path is None or posixpath.normpath(path) in (known if not is_folder else {FOLDER}) or _lies_below(path, OF_THE_IMAGE):
            continue
        workloads = ["web", *(["worker"] if both else [])]
        lacking = [name for name in workloads if not _lies_below(path, tuple(_mounts(stack, name)))]
        if lacking:
            mounted_path = "/etc/ssl/certs" if is_folder else f"{FOLDER}/{files[-1]}"
            also = "" if extra or is_folder else "; a CA under portus:tls.extraCaCertificates is /certificates/extra-ca-1.crt"
            yield Problem(
                key=f"portus.config.{key}",
                value=path,
                rule=f"must be a path in the container: this path is not mounted in the Pods of {' and '.join(lacking)}",
                fix=f"write {mounted_path}{also}; or mount the file with volumes and volumeMounts",
            )


def _mounts(stack: StackSettings, workload: str) -> Iterator[str]:
    for mount in getattr(stack.workloads, workload).volume_mounts:
        yield mount.mount_path


def _lies_below(path: str, folders: tuple[str, ...]) -> bool:
    normal = posixpath.normpath(path)
    return any(normal == folder or normal.startswith(folder.rstrip("/") + "/") for folder in folders)


@rule(requires=("portus.version", "portus.config.delete"))
def deletion_is_on_in_the_registry(stack: StackSettings) -> Iterator[Problem]:
    """A registry without ``storage.delete.enabled`` answers 405, and Portus still shows its buttons."""
    if stack.registry.delete_enabled:
        return
    delete, version = stack.portus.config.delete, stack.portus.version
    deletes = delete.enabled if delete.enabled is not None else version >= PortusVersion.V2_4
    collects = bool(delete.garbage_collector.enabled)
    for key, on in (("delete.enabled", deletes), ("delete.garbage_collector.enabled", collects)):
        if on:
            shipped = " (Portus' default since 2.4)" if delete.enabled is None and key == "delete.enabled" else ""
            yield Problem(
                key="registry.deleteEnabled",
                value="false",
                rule=f"must be true while portus.config.{key} is true{shipped}: otherwise the registry refuses what Portus offers",
                fix=f"remove it, or set portus.config.{key} to false",
            )


@rule()
def collector_pauses_while_the_registry_is_read_only(stack: StackSettings) -> Iterator[Problem]:
    """Refused with 405, the tag stays, but ``marked``: no later round collects it, and no notification removes it (tag.rb, 2.2 to 2.5)."""
    if stack.registry.maintenance.readonly.enabled and stack.portus.config.delete.garbage_collector.enabled:
        yield Problem(
            key="portus.config.delete.garbage_collector.enabled",
            value="true",
            rule="must be false while registry.maintenance.readonly.enabled is true: Portus never retries a tag that it could not delete",
            fix="set it to false until the registry accepts pushes again",
        )


@rule()
def contributors_delete_only_if_deletion_is_on(stack: StackSettings) -> Iterator[Problem]:
    """If deletion is off for owners, it is off for contributors, too."""
    delete = stack.portus.config.delete
    if delete.contributors and delete.enabled is False:
        yield Problem(
            key="portus.config.delete.contributors",
            value="true",
            rule="has no effect while delete.enabled is false",
            fix="remove it, or set delete.enabled to true",
        )


@rule(requires=("portus.version",))
def contributors_delete_only_in_versions_that_can(stack: StackSettings) -> Iterator[Problem]:
    """2.5 calls a method that its class does not have, for each team (app/policies/team_policy.rb, ``contributor?``)."""
    if stack.portus.config.delete.contributors and stack.portus.version is PortusVersion.V2_5:
        yield Problem(
            key="portus.config.delete.contributors",
            value="true",
            rule="must not be true for Portus 2.5: its page of teams then answers 500 to every user",
            fix="remove it; owners of a team and administrators can delete",
        )


@rule(requires=("portus.version", "accept"))
def collection_by_age_is_accepted(stack: StackSettings) -> Iterator[Problem]:
    """2.4 deletes what was not pushed for a while, however often it is pulled (portus-images.md)."""
    collector = stack.portus.config.delete.garbage_collector
    unsafe = collector.enabled and stack.portus.version is PortusVersion.V2_4
    if unsafe and Accepted.COLLECTION_OF_PULLED_IMAGES not in stack.accept:
        yield Problem(
            key="portus.config.delete.garbage_collector.enabled",
            value="true",
            rule="must be accepted for Portus 2.4: it deletes images by the age of their last push, even if they are pulled daily",
            fix=f"use Portus 2.5, which keeps them, or add '{Accepted.COLLECTION_OF_PULLED_IMAGES}' to portus:accept",
        )


@rule(requires=("portus.config.security.clair.server",))
def clair_settings_need_its_server(stack: StackSettings) -> Iterator[Problem]:
    """Scanning is switched on by the server's address alone."""
    clair = stack.portus.config.security.clair
    if clair.server is None:
        for name, value in (("health_port", clair.health_port), ("timeout", clair.timeout)):
            if value is not None:
                yield Problem(
                    key=f"portus.config.security.clair.{name}",
                    value=str(value),
                    rule="has no effect without security.clair.server: Portus scans only with it",
                    fix="set the server, or remove it",
                )


@rule(requires=("accept",))
def deleting_synchronization_is_accepted(stack: StackSettings) -> Iterator[Problem]:
    """One wrong catalog (an empty volume, another registry under the name) empties Portus (SUSE/Portus#1599, #1664)."""
    strategy = stack.portus.config.background.sync.strategy
    if strategy in {"update-delete", "on-start"} and Accepted.DELETING_SYNCHRONISATION not in stack.accept:
        yield Problem(
            key="portus.config.background.sync.strategy",
            value=strategy,
            rule=f"must not be {strategy}: it deletes each repository, with its history, that the registry fails to list even once",
            fix=f"use initial or update; to accept the risk add '{Accepted.DELETING_SYNCHRONISATION}' to portus:accept",
        )


@rule(requires=("accept",))
def pushes_are_recorded(stack: StackSettings) -> Iterator[Problem]:
    """Without the task Portus never learns of a push, and its pages stay empty."""
    if stack.portus.config.background.registry.enabled is False and Accepted.UNRECORDED_PUSHES not in stack.accept:
        yield Problem(
            key="portus.config.background.registry.enabled",
            value="false",
            rule="must be true: without this task Portus shows no pushed image",
            fix=f"remove it; to accept the risk add '{Accepted.UNRECORDED_PUSHES}' to portus:accept",
        )
