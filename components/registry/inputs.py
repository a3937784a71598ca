"""Where each text and secret of the registry's Pod stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
from pydantic import SecretStr

from components.common import pods
from components.common.pods import SecretKey
from components.common.secrets import config_map, secret
from components.common.versions import RegistryVersion
from components.registry import configuration
from components.registry.jwks import jwks
from components.registry.storage import secret_files, secret_variables
from components.settings.sections.registry import ExternalRedis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_kubernetes.core import v1 as core

    from components.common.labels import Labels
    from components.common.placement import Placement
    from components.common.pods import Placed
    from components.registry.configuration import Wiring
    from components.settings.sections.registry import RegistrySettings
    from components.settings.types.secrets import ExistingSecret

HTTP_SECRET: Final = "http-secret"  # noqa: S105 - a key's name
CONFIG: Final = "config.yml"


def public_texts(
    settings: RegistrySettings, signers: pulumi.Output[str], authorities: Sequence[pulumi.Output[str]]
) -> dict[str, pulumi.Input[str]]:
    """Return the files that show who is trusted: token signers, certificate authorities."""
    texts: dict[str, pulumi.Input[str]] = {f"authority-{number}.crt": text for number, text in enumerate(authorities, start=1)}
    if settings.version is RegistryVersion.V2_8:
        texts[_name(configuration.BUNDLE)] = signers
    else:
        texts[_name(configuration.JWKS)] = signers.apply(jwks)
    if isinstance(settings.redis, ExternalRedis) and settings.redis.tls is not None:
        texts[_name(configuration.REDIS_CA)] = settings.redis.tls.rootcas
    return texts


def config_text(settings: RegistrySettings, wiring: Wiring) -> str:
    """Return config.yml."""
    return configuration.as_yaml(configuration.configuration(settings, wiring), settings.extra_config)


def variable_text(variable: str, value: str) -> str:
    """Return ``value`` as a Secret holds it for ``variable``: the registry reads its own variables as YAML, which JSON is, too."""
    return json.dumps(value) if variable.startswith("REGISTRY_") else value


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryInputs:
    """Where the Pod finds what it reads.

    Args:
        config: volume with config.yml: of the Secret where it holds one, else of the ConfigMap.
        trust: volume of the files of `public_texts`.
        variables: every secret that comes by a variable.
        files: every secret that comes as a file of `storage.KEY_FILES`.
    """

    config: core.VolumeArgs
    trust: core.VolumeArgs
    variables: Mapping[str, SecretKey]
    files: Mapping[str, SecretKey]


def registry_inputs(
    name: str,
    settings: RegistrySettings,
    wiring: Wiring,
    *,
    signers: pulumi.Output[str],
    authorities: Sequence[pulumi.Output[str]],
    http_secret: Placed,
    labels: Labels,
    placement: Placement,
    opts: pulumi.ResourceOptions,
) -> RegistryInputs:
    """Make the ConfigMap and the Secret, and return where everything stands.

    Args:
        signers: PEM, the certificates of who signs tokens.
        authorities: PEM, whom the registry's own clients trust: of Portus' events, of the object store.
    """
    trust, config = public_texts(settings, signers, authorities), {CONFIG: config_text(settings, wiring)}
    in_secret = configuration.holds_a_secret(settings)
    wanted, files = secret_variables(settings), secret_files(settings.storage)
    content: dict[str, pulumi.Input[str]] = {**_held(wanted), **_held(files), **(config if in_secret else {})}
    if not isinstance(http_secret, SecretKey):
        content[HTTP_SECRET] = http_secret
    shown = config_map(f"{name}-config", trust if in_secret else {**config, **trust}, labels, placement, opts).metadata.name
    held = secret(f"{name}-http", content, labels, placement, opts).metadata.name if content else ""  # then nothing refers to it
    items = {CONFIG: CONFIG}
    own_or_foreign = http_secret if isinstance(http_secret, SecretKey) else SecretKey(held, HTTP_SECRET)
    return RegistryInputs(
        config=pods.secret_volume("config", held, items) if in_secret else pods.config_volume("config", shown, items),
        trust=pods.config_volume("trust", shown, {file: file for file in trust}),
        variables={"REGISTRY_HTTP_SECRET": own_or_foreign, **_places(wanted, held)},
        files=_places(files, held),
    )


def _held(secrets: Mapping[str, SecretStr | ExistingSecret]) -> dict[str, pulumi.Input[str]]:
    return {name: variable_text(name, value.get_secret_value()) for name, value in secrets.items() if isinstance(value, SecretStr)}


def _places(secrets: Mapping[str, SecretStr | ExistingSecret], held: pulumi.Input[str]) -> dict[str, SecretKey]:
    return {
        name: SecretKey(held, name) if isinstance(value, SecretStr) else SecretKey(value.secret, value.key)
        for name, value in secrets.items()
    }


def _name(path: str) -> str:
    return path.rpartition("/")[2]
