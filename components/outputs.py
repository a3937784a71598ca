"""What a stack tells its user; secrets only as Pulumi secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.common import versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from components.settings.images import Images
    from components.settings.stack import StackSettings
    from components.tls import Certificate


def outputs(stack: StackSettings, images: Images, certificate: Certificate, administrator: pulumi.Output[str]) -> Mapping[str, Any]:
    """Return the stack's outputs by name."""
    bootstrap = stack.portus.bootstrap
    return {
        "portus_url": stack.portus_url,
        "registry_host": stack.registry_authority,
        "login_command": f"docker login {stack.registry_authority} --username {bootstrap.username}",
        "administrator": bootstrap.username,
        "administrator_password": administrator,
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
        steps.append(f"Trust the CA: pulumi stack output ca_certificate > /etc/docker/certs.d/{registry}/ca.crt")
    if stack.portus.bootstrap.enabled:
        steps.append(f"Read the password of {username}: pulumi stack output administrator_password --show-secrets")
    else:
        steps.append(f"Make the first administrator and the registry's record (host {registry}, with SSL) at {stack.portus_url}")
    build = "docker buildx build --provenance=false --output"
    image = f"type=image,name={registry}/{username}/app:1,oci-mediatypes=false,push=true"
    steps += [
        f"Log in: docker login {registry} --username {username}",
        f"Push in Docker's own format, for Portus drops OCI manifests: {build} {image} .",
    ]
    return steps
