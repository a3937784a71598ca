"""Where each text and secret of the registry's Pod is, the token signers as a JSON Web Key Set among them.

Registry 3.x names the certificates of a ``rootcertbundle`` by their RFC 7638 thumbprints, while Portus signs with libtrust's key id: only
a key set can say that id (distribution v3.1.2, registry/auth/token/accesscontroller.go). The certificates are read here, by a few lines of
ASN.1, because the import of ``cryptography`` alone would be a tenth of the program's memory.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
from pydantic import SecretStr

from components.common import pods
from components.common.objects import config_map, secret
from components.common.pods import SecretKey
from components.common.versions import RegistryVersion
from components.registry import configuration
from components.settings.sections.registry import ExternalRedis
from components.tls.signing_key import key_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_kubernetes.core import v1 as core

    from components.common.pods import SecretInput
    from components.common.stack_context import Labels, StackContext
    from components.registry.configuration import Wiring
    from components.settings.sections.registry import RegistrySettings
    from components.settings.types.secrets import ExistingSecret


RSA: Final = bytes.fromhex("2a864886f70d010101")
"""rsaEncryption (RFC 8017, appendix C): 1.2.840.113549.1.1.1."""
VERSION: Final = 0xA0
"""The explicit tag of a certificate's version, which version 1 leaves out (RFC 5280, 4.1)."""
PUBLIC_KEY_POSITION: Final = 5
"""After serial number, signature, issuer, validity and subject."""

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Element:
    """One ASN.1 value in DER: its tag, its content, and the whole of it."""

    tag: int
    content: bytes
    whole: bytes

    def children(self) -> list[_Element]:
        """Return the elements that the content is made of."""
        found, rest = [], self.content
        while rest:
            child = _first(rest)
            found.append(child)
            rest = rest[len(child.whole) :]
        return found


def jwks(bundle_pem: str) -> str:
    """Return the key set of the RSA keys in ``bundle_pem``'s certificates, each under libtrust's key id.

    Raises:
        ValueError: a certificate is not DER inside its armour, or its key is not RSA.
    """
    keys = [_jwk(_public_key(base64.b64decode(body))) for body in _CERTIFICATE.findall(bundle_pem)]
    return json.dumps({"keys": keys}, indent=1) + "\n"


def _jwk(public_key: _Element) -> dict[str, str]:
    algorithm, bits = public_key.children()
    if algorithm.children()[0].content != RSA:
        raise ValueError("the certificate's key is not RSA")
    numbers = _first(bits.content[1:])  # the first byte counts the unused bits: none
    modulus, exponent = (_number(element.content) for element in numbers.children())
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id(public_key.whole), "n": modulus, "e": exponent}


def _public_key(certificate: bytes) -> _Element:
    """Return the SubjectPublicKeyInfo of a certificate."""
    fields = [element for element in _first(certificate).children()[0].children() if element.tag != VERSION]
    return fields[PUBLIC_KEY_POSITION]


def _first(data: bytes) -> _Element:
    """Return the element that ``data`` begins with."""
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("the certificate is cut off")
    return _Element(data[0], data[start : start + length], data[: start + length])


def _number(integer: bytes) -> str:
    return base64.urlsafe_b64encode(integer.lstrip(b"\0")).decode().rstrip("=")


HTTP_SECRET: Final = "http-secret"  # noqa: S105 - a key's name
CONFIG: Final = "config.yml"


def public_texts(
    settings: RegistrySettings, signers: pulumi.Output[str], authorities: Sequence[pulumi.Output[str]]
) -> dict[str, pulumi.Input[str]]:
    """Return the files with what is trusted: token signers, certificate authorities."""
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


def secret_variables(settings: RegistrySettings) -> Mapping[str, SecretStr | ExistingSecret]:
    """Return variable -> secret of the storage driver, and of an external Redis."""
    redis = settings.redis
    password = redis.password if isinstance(redis, ExternalRedis) else None
    return {**settings.storage.secret_variables(), **({} if password is None else {"REGISTRY_REDIS_PASSWORD": password})}


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
        files: every secret that comes as a file of `KEY_FILES`.
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
    http_secret: SecretInput,
    labels: Labels,
    context: StackContext,
    opts: pulumi.ResourceOptions,
) -> RegistryInputs:
    """Make the ConfigMap and the Secret, and return where everything is.

    Args:
        signers: PEM, the certificates of the tokens' signers.
        authorities: PEM, whom the registry's own clients trust: of Portus' events, of the object store.
    """
    trust, config = public_texts(settings, signers, authorities), {CONFIG: config_text(settings, wiring)}
    in_secret = configuration.holds_a_secret(settings)
    variables, files = secret_variables(settings), settings.storage.secret_files()
    content: dict[str, pulumi.Input[str]] = {**_texts(variables), **_texts(files), **(config if in_secret else {})}
    if not isinstance(http_secret, SecretKey):
        content[HTTP_SECRET] = http_secret
    config_name = config_map(f"{name}-config", trust if in_secret else {**config, **trust}, labels, context, opts).metadata.name
    secret_name = secret(f"{name}-http", content, labels, context, opts).metadata.name if content else ""  # then nothing refers to it
    items = {CONFIG: CONFIG}
    own_or_foreign = http_secret if isinstance(http_secret, SecretKey) else SecretKey(secret_name, HTTP_SECRET)
    return RegistryInputs(
        config=pods.secret_volume("config", secret_name, items) if in_secret else pods.config_volume("config", config_name, items),
        trust=pods.config_volume("trust", config_name, {file: file for file in trust}),
        variables={"REGISTRY_HTTP_SECRET": own_or_foreign, **_places(variables, secret_name)},
        files=_places(files, secret_name),
    )


def _texts(secrets: Mapping[str, SecretStr | ExistingSecret]) -> dict[str, pulumi.Input[str]]:
    return {name: variable_text(name, value.get_secret_value()) for name, value in secrets.items() if isinstance(value, SecretStr)}


def _places(secrets: Mapping[str, SecretStr | ExistingSecret], secret_name: pulumi.Input[str]) -> dict[str, SecretKey]:
    return {
        name: SecretKey(secret_name, name) if isinstance(value, SecretStr) else SecretKey(value.secret, value.key)
        for name, value in secrets.items()
    }


def _name(path: str) -> str:
    return path.rpartition("/")[2]
