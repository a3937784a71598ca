"""The registry's config.yml and REGISTRY_* variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import yaml

from ops.adopt import keys
from ops.adopt.classify import values
from ops.adopt.classify.values import has_password, inner_names
from ops.adopt.model import Findings, Item, Mount, Role, Source, Workload

_PARAMETERS: Final = """
s3 region bucket regionendpoint accesskey secretkey forcepathstyle accelerate usedualstack encrypt keyid secure skipverify v4auth
s3 chunksize multipartcopychunksize multipartcopymaxconcurrency multipartcopythresholdsize rootdirectory storageclass objectacl
gcs bucket keyfile rootdirectory chunksize maxconcurrency
azure accountname accountkey container realm rootdirectory
swift authurl username password container tenant tenantid domain domainid tenantdomain tenantdomainid trustid region
oss accesskeyid accesskeysecret region bucket endpoint internal encrypt secure chunksize rootdirectory
"""
DRIVERS: Final[Mapping[str, frozenset[str]]] = {
    driver: frozenset(name for line in _PARAMETERS.splitlines() if line.startswith(f"{driver} ") for name in line.split()[1:])
    for driver in ("s3", "gcs", "azure", "swift", "oss")
}
"""Parameters of each storage driver that this program's settings have, by the same name."""
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "s3": ("bucket", "region", "accesskey"),
    "gcs": ("bucket", "keyfile"),
    "azure": ("accountname", "container", "accountkey"),
    "swift": ("authurl", "container", "username", "password"),
    "oss": ("accesskeyid", "accesskeysecret", "bucket", "region"),
}
"""Parameters without which the stack file does not load."""
IDENTITIES: Final = frozenset({"accesskey", "keyfile", "accountkey"})
"""Those that another identity replaces, such as a role of the machine that runs the old registry."""
SECRETS: Final = frozenset({"accesskey", "secretkey", "keyfile", "accountkey", "password", "accesskeyid", "accesskeysecret"})
FILES: Final = frozenset({"keyfile"})
ADDRESSES: Final = frozenset({"regionendpoint", "endpoint", "authurl"})
NUMBERS: Final = frozenset(
    {"chunksize", "multipartcopychunksize", "multipartcopymaxconcurrency", "multipartcopythresholdsize", "maxconcurrency"}
)
FLAGS: Final = frozenset({"forcepathstyle", "accelerate", "usedualstack", "encrypt", "secure", "skipverify", "v4auth", "internal"})

SWITCHES: Final = {"storage.delete.enabled": keys.REGISTRY_DELETE, "storage.redirect.disable": keys.REGISTRY_REDIRECT}

CERTIFICATES: Final = re.compile(r"cert|secret|ssl|tls|pki|keys?$", re.IGNORECASE)
"""Of a path inside a container."""
_OWN = "this program writes it, from the stack's names and certificates"
_RULES: Final[tuple[tuple[str, str], ...]] = (
    (r"version", "form of the file"),
    (r"configuration\.path", "names the configuration file, which is judged where it is mounted"),
    (r"http\.(addr|net|prefix|secret|host|relativeurls|tls|debug)(\..*)?", _OWN),
    (r"http\.headers\.X-Content-Type-Options", "the front proxy sends it"),
    (r"auth", "tokens, as here"),
    (r"auth\.token\.(realm|service|issuer|rootcertbundle|autoredirect)", _OWN),
    (r"log\.(fields|formatter|accesslog)(\..*)?", "the registry's own default"),
    (r"storage\.filesystem(\.rootdirectory)?", "the stack's claim is mounted there"),
    (r"storage\.cache\.blobdescriptor", f"in memory unless {keys.PREFIX}{keys.REGISTRY_REDIS} says otherwise; only a cache"),
    (r"health\..*", "Kubernetes' probes ask the registry"),
    (r"storage\.maintenance\.readonly(\..*)?", "the plan freezes the old registry; the new one accepts pushes"),
)
"""Pattern of a dotted key -> why nothing has to be written."""


def classify(source: Source, findings: Findings) -> None:
    """Judge the registry's configuration: environment over file."""
    entries, driver = dict(source.registry_config), storage_driver(source)
    for workload in source.workloads:
        if workload.role is Role.REGISTRY:
            _version(workload.image, findings)
            _environment(workload, driver, entries, findings)
    inner = inner_names(source)
    for key, item in entries.items():
        other = re.match(r"storage\.(filesystem|s3|gcs|azure|swift|oss)\b", key)
        if other and other[1] != driver:
            findings.not_needed(item, f"the registry keeps its images in {driver}")
        else:
            _entry(key, item, inner, findings)
    if driver in DRIVERS:
        _require(driver, findings)


def _environment(workload: Workload, driver: str, entries: dict[str, Item], findings: Findings) -> None:
    """Judge variables; those that set a key of config.yml become ``entries``."""
    for name, item in workload.environment.items():
        if not name.startswith("REGISTRY_"):
            _other(name, item, driver, findings)
        elif name == "REGISTRY_NOTIFICATIONS_ENDPOINTS":
            _endpoints(item, item.value, findings)
        elif name == "REGISTRY_STORAGE":
            findings.not_needed(item, "names the driver; its parameters are taken")
        else:
            key = _dotted(name)
            if key in entries:
                findings.not_needed(entries[key], f"{name} ({item.place}) overrides it")
            entries[key] = item


def _require(driver: str, findings: Findings) -> None:
    """Write the driver of a store, and name what the stack file still lacks for it."""
    findings.settings[f"{keys.REGISTRY_STORAGE}.driver"] = driver
    pair = ["secretkey"] if f"{keys.REGISTRY_STORAGE}.accesskey" in findings.secrets else []
    for parameter in (*NEEDED[driver], *pair):
        key = f"{keys.REGISTRY_STORAGE}.{parameter}"
        if key not in findings.settings and key not in findings.secrets:
            other = ", or another identity (docs/deploy/registry.md#storage)" if parameter in IDENTITIES else ""
            findings.missing[key] = f"{driver} needs it{other}; the source does not have it"


def storage_driver(source: Source) -> str:
    """Return where the registry keeps its images: REGISTRY_STORAGE names the driver, else the parameters do."""
    registry = source.with_role(Role.REGISTRY)
    variables = registry.environment if registry else {}
    named = variables["REGISTRY_STORAGE"].text.strip() if "REGISTRY_STORAGE" in variables else ""
    if named in {"filesystem", *DRIVERS}:
        return named
    written = [*dict(source.registry_config), *map(_dotted, variables)]
    return next((driver for driver in DRIVERS for key in written if re.match(rf"storage\.{driver}\b", key)), "filesystem")


def blob_mount(source: Source) -> Mount | None:
    """Return what holds the images in the registry's container: by the folder that is set, else by its name, else the only one left."""
    registry, folder = source.with_role(Role.REGISTRY), blob_folder(source)
    data = [each for each in registry.mounts if not _is_small(each)] if registry else []
    if folder:
        return next((each for each in data if PurePosixPath(folder).is_relative_to(each.target)), None)
    named = [each for each in data if PurePosixPath(each.target).name in {"registry", "registry_data", "storage"}]
    return next(iter(named or data), None) if named or len(data) == 1 else None


def _is_small(mount: Mount) -> bool:
    """Whether a mount is a file of configuration, or certificates."""
    return mount.kind in {"secret", "config", "configMap"} or mount.target.startswith("/etc/") or bool(CERTIFICATES.search(mount.target))


def blob_folder(source: Source) -> str:
    """Return the folder of the images in the registry's container, "" where no line sets it: variable over file."""
    rootdirectory = dict(source.registry_config).get("storage.filesystem.rootdirectory")
    for workload in source.workloads:
        if workload.role is Role.REGISTRY:
            rootdirectory = workload.environment.get("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", rootdirectory)
    return rootdirectory.text if rootdirectory else ""


def _dotted(name: str) -> str:
    return name.removeprefix("REGISTRY_").lower().replace("_", ".")


def _other(name: str, item: Item, driver: str, findings: Findings) -> None:
    if name.startswith(("VIRTUAL_", "LETSENCRYPT_", "ACME_")):
        findings.not_needed(item, "read by the old front proxy; the stack has its own")
    elif name in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} and driver == "s3":
        key = f"{keys.REGISTRY_STORAGE}.{'accesskey' if name.endswith('ID') else 'secretkey'}"
        findings.take_secret(item, key, item.text)
    else:
        findings.drop(item, "neither the registry nor this program reads it")


def _version(image: Item | None, findings: Findings) -> None:
    if image is None:
        return
    tag = image.text.partition("@")[0].rpartition("/")[2].partition(":")[2]
    if tag.startswith("3"):
        findings.take(image, keys.REGISTRY_VERSION, "3.1", "the newest of that series")
    elif tag.startswith("2") or tag == "":
        findings.take(image, keys.REGISTRY_VERSION, "2.8", "reads the data of every registry 2")
    else:
        findings.settings[keys.REGISTRY_VERSION] = "2.8"
        findings.ask(image, "the tag names no release: 2.8 is written. A registry 3? Then write 3.1")


def _entry(key: str, item: Item, inner: frozenset[str], findings: Findings) -> None:
    driver, _, parameter = key.removeprefix("storage.").partition(".")
    purging = re.fullmatch(r"storage\.maintenance\.uploadpurging\.(enabled|age|interval|dryrun)", key)
    if key.startswith("notifications.endpoints"):
        _endpoints(item, item.value, findings)
    elif key.startswith("storage.") and driver in DRIVERS:
        if not _address(parameter, item, inner, findings):
            _parameter(driver, parameter.replace(".", ""), item, findings)
    elif key in SWITCHES:
        _switch(SWITCHES[key], item, findings)
    elif key in {"loglevel", "log.level"} and item.text in {"error", "warn", "info", "debug"}:
        findings.take(item, keys.REGISTRY_LOG_LEVEL, item.text)
    elif purging and item.text:
        value = values.flag(item.value)
        findings.take(item, f"{keys.REGISTRY_PURGING}.{purging[1]}", item.text if value is None else value)
    elif key == "catalog.maxentries" and (count := values.number(item.value)):
        findings.take(item, keys.REGISTRY_CATALOG, max(count, 100))
    else:
        _by_rule(key, item, findings)


def _address(name: str, item: Item, inner: frozenset[str], findings: Findings) -> bool:
    """Judge the address of a store that cannot be taken as it is; return whether it is one."""
    key = f"{keys.REGISTRY_STORAGE}.{name}"
    if name not in ADDRESSES or item.text == "":
        return False
    if has_password(item.text):
        findings.ask(item, "has a password in it, which would be stored as plain text, so it is left out: write only the address")
    elif values.host_and_port(item.text)[0] in inner:
        findings.settings[key] = item.text
        findings.ask(item, "the store is a service of the old deployment: at which address does the cluster reach it?")
    elif name != "endpoint" and not item.text.startswith(("http://", "https://")):
        findings.settings[key] = f"https://{item.text}"
        findings.ask(item, "must begin with http:// or https://: https:// is written. Is it that?")
    else:
        return False
    return True


def _by_rule(key: str, item: Item, findings: Findings) -> None:
    """Judge a key that is not taken as it is."""
    why = next((why for pattern, why in _RULES if re.fullmatch(pattern, key)), "")
    if key.startswith("redis."):
        findings.settings[keys.REGISTRY_REDIS_KIND] = "in_cluster"
        findings.not_needed(item, "only a cache: the stack runs a Redis of its own")
    elif key.startswith("auth.") and not key.startswith("auth.token."):
        findings.drop(item, "Portus decides who may log in")
    elif why:
        findings.not_needed(item, why)
    else:
        findings.ask(item, f"does the registry still need it? Then write it under {keys.PREFIX}{keys.REGISTRY_EXTRA}")


def _switch(key: str, item: Item, findings: Findings) -> None:
    value = values.flag(item.value)
    if value is None:
        findings.ask(item, "must be true or false, so it is left out: what was meant?")
    else:
        findings.take(item, key, value)


def _parameter(driver: str, name: str, item: Item, findings: Findings) -> None:
    key = f"{keys.REGISTRY_STORAGE}.{name}"
    number, flag = values.number(item.value), values.flag(item.value)
    if item.text == "":
        findings.not_needed(item, "empty: the driver's default")
    elif name not in DRIVERS[driver]:
        findings.ask(
            item, f"no setting here for this parameter of {driver}: is it needed? Then write it under {keys.PREFIX}{keys.REGISTRY_EXTRA}"
        )
    elif name in FILES:
        findings.ask(item, f"a file inside the container: pulumi config set --secret --path '{keys.PREFIX}{key}' < FILE")
    elif name in SECRETS:
        findings.take_secret(item, key, item.text)
    elif name in NUMBERS and number is not None:
        findings.take(item, key, number)
    elif name in FLAGS and flag is not None:
        findings.take(item, key, flag)
    elif name in NUMBERS | FLAGS:
        findings.ask(item, "has a value that the driver cannot read, so it is left out: what was meant?")
    else:
        findings.take(item, key, item.text)


def _endpoints(item: Item, value: Any, findings: Findings) -> None:
    """Judge the receivers of notifications: Portus is one of them."""
    endpoints = value
    if isinstance(value, str):
        try:
            endpoints = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError):
            endpoints = None
    if not isinstance(endpoints, list):
        findings.ask(item, "must be a list of receivers in YAML: which receivers besides Portus are there?")
        return
    others = [each for each in endpoints if not (isinstance(each, dict) and "/v2/webhooks/events" in str(each.get("url")))]
    if others:
        names = ", ".join(str(each.get("name", "?")) if isinstance(each, dict) else "?" for each in others)
        findings.ask(item, f"receivers besides Portus ({names}): still needed? Then write {keys.PREFIX}{keys.REGISTRY_RECEIVERS}")
    else:
        findings.not_needed(item, "Portus is told of each push, inside the cluster")
