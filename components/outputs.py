"""What a stack tells its user; secrets only as Pulumi secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.common import versions
from components.settings.types.secrets import ExistingSecret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.common.pods import Placed
    from components.images import Images
    from components.settings.stack import StackSettings
    from components.tls import Certificate


def outputs(stack: StackSettings, images: Images, certificate: Certificate, administrator: Placed) -> Mapping[str, Any]:
    """Return the stack's outputs by name."""
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
        "first_steps": first_steps(stack, private_ca=certificate.is_private),
    }


def first_steps(stack: StackSettings, *, private_ca: bool) -> list[str]:
    """Return what to do after the first deployment, in order; pure."""
    registry, username = stack.registry_authority, stack.portus.bootstrap.username
    steps = []
    if private_ca:
        folder = f"/etc/docker/certs.d/{registry}"
        steps.append(f"Trust the CA: mkdir -p {folder} && pulumi stack output ca_certificate > {folder}/ca.crt")
    given = stack.credentials.existing.administrator
    own = "pulumi stack output administrator_password --show-secrets"
    password = f"Read the password of {username}: {_whereabouts(stack, given) if isinstance(given, ExistingSecret) else own}"
    record = f"the registry's record (host {registry}, with SSL)"
    by_hand = f"Make the first administrator, {username} with that password, and {record} at {stack.portus_url}"
    steps += [password] if stack.portus.bootstrap.enabled else [password, by_hand]
    build = "docker buildx build --provenance=false --output"
    image = f"type=image,name={registry}/{username}/app:1,oci-mediatypes=false,push=true"
    steps += [
        f"Log in: docker login {registry} --username {username}",
        f"Push in Docker's own format, for Portus drops OCI manifests: {build} {image} .",
    ]
    return steps


def _whereabouts(stack: StackSettings, given: ExistingSecret) -> str:
    """Return the command that reads an existing Secret; this program never sees its content."""
    template = f'{{{{index .data "{given.key}" | base64decode}}}}'
    return f"kubectl get secret --namespace {stack.cluster.namespace} {given.secret} --output go-template='{template}'"
