"""The outputs of a stack, for its user; secrets only as Pulumi secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.common import versions
from components.settings.types.secrets import ExistingSecret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.common.pods import SecretInput
    from components.images import Images
    from components.settings.stack import StackSettings
    from components.tls import Certificate


def outputs(stack: StackSettings, instance: str, images: Images, certificate: Certificate, administrator: SecretInput) -> Mapping[str, Any]:
    """Return the stack's outputs by name; ``instance`` is the Pulumi stack's."""
    bootstrap, given = stack.portus.bootstrap, stack.credentials.existing.administrator
    elsewhere = {"administrator_secret": {"name": given.secret, "key": given.key}} if isinstance(given, ExistingSecret) else {}
    return {
        **elsewhere,
        "portus_url": stack.portus_url,
        "registry_host": stack.registry_authority,
        "login_command": f"docker login {stack.registry_authority} --username {bootstrap.username}",
        "administrator": bootstrap.username,
        "administrator_made": bootstrap.enabled,
        "administrator_password": _whereabouts(stack, given) if isinstance(given, ExistingSecret) else administrator,
        "ca_certificate": certificate.trust,
        "token_key_id": certificate.key_id,
        "namespace": stack.cluster.namespace,
        "database_name": stack.database.name,
        "versions": {
            "portus": stack.portus.version.value,
            "registry": stack.registry.version.value,
            "mariadb": versions.MARIADB_VERSION,
            "images": {"portus": images.portus, "registry": images.registry, "mariadb": images.mariadb},
        },
        "first_steps": first_steps(stack, instance, private_ca=certificate.is_private),
    }


def first_steps(stack: StackSettings, instance: str, *, private_ca: bool) -> list[str]:
    """Return what to do after the first deployment, a line each; pure.

    Commands are indented. Pulumi cuts longer texts off in its display, so a line is short. A reader has ``make`` or ``pulumi``: what needs
    one of them is there for both.
    """
    registry, username = stack.registry_authority, stack.portus.bootstrap.username
    outputs = f"make --silent outputs STACK={instance} NAME="
    steps = ["On a cluster of your own, name its kubeconfig once:", "  export KUBECONFIG=~/.kube/config"]
    if private_ca:
        steps += [
            "Trust the CA:",
            f"  folder=/etc/docker/certs.d/{registry}; mkdir -p $folder",
            f"  {outputs}ca_certificate > $folder/ca.crt",
            "  or: pulumi stack output ca_certificate > $folder/ca.crt",
        ]
    steps.append(f"Read the password of {username}:")
    if isinstance(given := stack.credentials.existing.administrator, ExistingSecret):
        steps.append(f"  {_whereabouts(stack, given)}")
    else:
        steps += [
            f"  make --silent password STACK={instance}",
            "  or: pulumi stack output administrator_password --show-secrets",
        ]
    if not stack.portus.bootstrap.enabled:
        steps += [
            f"Make the first administrator, {username} with that password, at {stack.portus_url}",
            f"Make the registry's record there: host {registry}, with SSL",
        ]
    return [
        *steps,
        "Log in:",
        f"  docker login {registry} --username {username}",
        "Push in Docker's own format, because Portus drops OCI manifests:",
        f"  image={registry}/{username}/app:1",
        "  docker buildx build --provenance=false -o type=image,name=$image,oci-mediatypes=false,push=true .",
    ]


def _whereabouts(stack: StackSettings, given: ExistingSecret) -> str:
    """Return the command that reads an existing Secret; this program never sees its content."""
    template = f'{{{{index .data "{given.key}" | base64decode}}}}'
    return f"kubectl -n {stack.cluster.namespace} get secret {given.secret} -o go-template='{template}'"
