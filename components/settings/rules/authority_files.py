"""Paths of CA certificates inside Portus' containers."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.stack import StackSettings

FOLDER: Final = "/certificates"
"""Where this program mounts the stack's own CA, and ``tls.extraCaCertificates`` as ``extra-ca-1.crt`` and so on."""
OF_THE_IMAGE: Final = ("/etc/ssl", "/etc/pki", "/usr/share/pki", "/var/lib/ca-certificates")
"""Where openSUSE, which Portus' images are made of, keeps authorities; what it imports from ``/certificates`` ends here, too."""


@rule(requires=("tls", "workloads.web", "workloads.worker", "portus.version"))
def authority_files_are_in_the_container(stack: StackSettings) -> Iterator[Problem]:
    """Ruby raises at the first connection where the file is missing."""
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
            wanted = "/etc/ssl/certs" if is_folder else f"{FOLDER}/{files[-1]}"
            also = "" if extra or is_folder else "; a CA under portus:tls.extraCaCertificates is /certificates/extra-ca-1.crt"
            yield Problem(
                key=f"portus.config.{key}",
                value=path,
                rule=f"must be a path in the container: this path is not mounted in the Pods of {' and '.join(lacking)}",
                remedy=f"write {wanted}{also}; or mount the file with volumes and volumeMounts",
            )


def _mounts(stack: StackSettings, workload: str) -> Iterator[str]:
    for mount in getattr(stack.workloads, workload).volume_mounts:
        yield mount.mount_path


def _lies_below(path: str, folders: tuple[str, ...]) -> bool:
    normal = posixpath.normpath(path)
    return any(normal == folder or normal.startswith(folder.rstrip("/") + "/") for folder in folders)
