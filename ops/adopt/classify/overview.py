"""What no single line says: release, public names, certificate, exposure, and what is still missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ops.adopt import keys
from ops.adopt.classify import values
from ops.adopt.classify.portus import resolved
from ops.adopt.classify.settings import UNREAD
from ops.adopt.model import Answers, Findings, Item, Role, Source
from ops.adopt.portus_keys import HOST_KEY
from ops.adopt.roles import image_name

RELEASES: Final = ("2.0", "2.1", "2.2", "2.3", "2.4", "2.5")
SCHEMA_QUERY: Final = "SELECT MAX(version) FROM schema_migrations"
RECORD_QUERY: Final = "SELECT * FROM registries"
"""By no column's name: ``external_hostname`` came with 2.1."""
AGAIN: Final = "delete the stack file and the folder of this report, and run this again with"
"""How an answer that changes more than one key is given later."""
NEVER_HTTPS: Final = ("80", "5001")
"""Ports of the front proxy and of the registry that have another use (rules of the setting ``exposure.publicPort``)."""
_TAGS: Final = {"head": "2.5", "development": "2.5", "latest": "2.4", "": "2.4"}


@dataclass(frozen=True)
class Names:
    """Public names before and after."""

    old: str
    """First part of the images' names today, "" when the source does not say it."""
    new: str
    survive: bool
    why: str


def choose_version(source: Source, answers: Answers, findings: Findings) -> None:
    """Set the release: from the answer, the image's tag, or the variables that only some releases read."""
    web = source.with_role(Role.PORTUS)
    assert web is not None
    item = web.image or web.item
    tag = _tag(item.text) if web.image else "head"
    exact = re.match(r"v?(2\.[0-5])(?:\D|$)", tag)
    old = "MARIADB_SERVICE_HOST" in web.environment
    version = exact[1] if exact else "2.2" if old else _TAGS.get(tag, "2.5")
    official = image_name(item.text) == "portus" and "opensuse/" in item.text
    findings.settings[keys.VERSION] = answers.version or version
    if answers.version or (exact and official):
        findings.take(item, keys.VERSION, findings.settings[keys.VERSION], "release; the stack has its own image of it")
    else:
        findings.settings[keys.VERSION] = version
        why = "no release in the image's tag" if not exact else "another team's image"
        findings.ask(
            item, f"{why}: {version} is written. Is it that? The plan asks the database. If it is another one, {AGAIN} --version {version}"
        )
    if findings.settings[keys.VERSION] < "2.3":
        _old_image(item, findings)


def _old_image(item: Item, findings: Findings) -> None:
    """Name the image: of 2.0 to 2.2 each team built its own."""
    if item.text and " " not in item.text and "$" not in item.text:
        pinned = "@" in item.text
        findings.settings[keys.IMAGE_PORTUS] = item.text if _tag(item.text) or pinned else f"{item.text}:latest"
        if _tag(item.text) in {"", "latest", "head"} and not pinned:
            findings.accept(keys.FLOATING_TAGS, "the image of Portus has no fixed tag")
        findings.questions.append(
            f"The stack runs {item.text} itself (portus:{keys.IMAGE_PORTUS}): can the cluster pull it, "
            "and is it built as opensuse/portus 2.0 to 2.2 was?"
        )
    else:
        findings.missing[keys.IMAGE_PORTUS] = "the image of Portus 2.0 to 2.2, which this program does not have"


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def choose_hosts(source: Source, answers: Answers, findings: Findings) -> None:
    """Set the public names, where the source or the answer has usable ones."""
    host, _ = values.host_and_port(answers.host or old_host(source))
    registry, _ = values.host_and_port(answers.registry_host or _registry_name(source))
    if values.is_public_name(host):
        findings.settings[keys.HOST] = host
    else:
        why = f"the source has {host}, which is none" if host else "the source has none"
        findings.missing[keys.HOST] = (
            f"the public DNS name of Portus ({why}): write {keys.PREFIX}{keys.HOST} into the stack file, "
            f"or {AGAIN} --host portus.example.com"
        )
    if values.is_public_name(registry) and registry != host:
        findings.settings[keys.REGISTRY_HOST] = registry
    tokens = _token_host(source)
    if tokens not in {"", host, registry} and not answers.host and keys.HOST in findings.settings:
        findings.questions.append(
            f"Two names of Portus: it calls itself {host}, and clients get their tokens at {tokens}. The stack's Portus has the first one. "
            f"If users open {tokens}, {AGAIN} --host {tokens}."
        )


def old_host(source: Source) -> str:
    """Return the old name of Portus: the first usable one, else the first."""
    return _best(_hosts(source))


def _hosts(source: Source) -> Iterator[str]:
    for name in ("PORTUS_MACHINE_FQDN_VALUE", "PORTUS_MACHINE_FQDN"):
        for workload in source.workloads:
            if workload.role in {Role.PORTUS, Role.WORKER} and (item := workload.environment.get(name)):
                yield resolved(name, item, workload).text.replace(UNREAD, "")
    yield from (item.text for key, item in reversed(source.portus_config) if key == HOST_KEY)
    yield source.commands.get("host", "")
    yield _token_host(source)


def _token_host(source: Source) -> str:
    """Return the host that the registry sends clients to for their tokens; "" where it is not a public name."""
    realms = [item.text for key, item in source.registry_config if key == "auth.token.realm"]
    if (registry := source.with_role(Role.REGISTRY)) and (item := registry.environment.get("REGISTRY_AUTH_TOKEN_REALM")):
        realms.append(item.text)
    host = values.host_and_port(realms[-1])[0] if realms else ""
    return host if values.is_public_name(host) else ""


def _best(found: Iterable[str]) -> str:
    texts = [text for text in found if text]
    usable = [text for text in texts if values.is_public_name(values.host_and_port(text)[0])]
    return next(iter([*usable, *texts]), "")


def _registry_name(source: Source) -> str:
    """Return host and port that the registry's tokens are for: the first part of the images' names, as a rule."""
    return _best(_registry_names(source))


def _registry_names(source: Source) -> Iterator[str]:
    web, registry = source.with_role(Role.PORTUS), source.with_role(Role.REGISTRY)
    if registry and (item := registry.environment.get("REGISTRY_AUTH_TOKEN_SERVICE")):
        yield item.text
    yield from (item.text for key, item in source.registry_config if key == "auth.token.service")
    if web and (item := web.environment.get("REGISTRY_HOSTNAME")):
        port = web.environment.get("REGISTRY_PORT")
        yield item.text + (f":{port.text}" if port and port.text not in {"", "443"} else "")
    yield source.commands.get("registry_name", "")
    if registry and (item := registry.environment.get("REGISTRY_AUTH_TOKEN_REALM")) and source.kind == "kubernetes":
        yield ":".join(part for part in values.host_and_port(item.text) if part)


def names(source: Source, findings: Findings) -> Names:
    """Return what becomes of the images' names."""
    old = _registry_name(source).strip("'\"")
    host, port = values.host_and_port(old)
    new = str(findings.settings.get(keys.REGISTRY_HOST) or findings.settings.get(keys.HOST) or "")
    if not host:
        return Names("", new, survive=False, why="the source does not name the registry; the database does")
    if values.is_address(host):
        why = "no certificate and no stack has an IP address for a name"
    elif not values.is_public_name(host):
        why = "it is not a public DNS name; where clients use another one, the database's external_hostname says which"
    elif port in NEVER_HTTPS:
        why = f"no stack serves HTTPS on port {port}"
    elif (port or "443") != str(findings.settings.get(keys.EXPOSURE_NODE_PORT, 443)):
        why = f"both names have one port here; set {keys.PREFIX}{keys.EXPOSURE_PUBLIC_PORT} to {port or 443}, and the names survive"
    elif host != new:
        why = "you chose another name"
    else:
        return Names(old, new, survive=True, why="same host, same port")
    return Names(old, new, survive=False, why=why)


def complete(source: Source, findings: Findings) -> None:
    """Write what every adopted stack needs, and the questions that no single line asks."""
    findings.settings.setdefault(keys.TLS_SOURCE, "self_signed")
    findings.settings[keys.DATABASE_KIND] = "in_cluster"
    findings.accept(keys.SELF_SIGNED, "until you decide on the certificate")
    findings.questions.append(
        "The certificate: the stack makes one of its own CA, which every client must trust. A certificate of yours, or cert-manager's: "
        f"docs/deploy/tls.md; then remove `self_signed_certificate` from {keys.PREFIX}{keys.ACCEPT}."
    )
    if others := source.commands.get("other_files"):
        findings.questions.append(
            f"Compose merges {others} where its operator gives no file: is it so here? Then {AGAIN} --file for each file. "
            "Else the plan's commands start the old services without it."
        )
    if signs := source.commands.get("swarm_signs"):
        findings.questions.append(
            f"Does Docker Swarm run the file ({signs})? The plan's commands are those of Compose. If `docker stack deploy` runs it, "
            f"{AGAIN} --swarm and the name of the stack."
        )
    _from_cluster(source, findings)
    if keys.EXPOSURE_KIND not in findings.settings:
        findings.settings[keys.EXPOSURE_KIND] = "load_balancer"
        findings.questions.append("How clients reach the stack: a load balancer is written. Others: docs/deploy/exposure.md.")
    if f"{keys.REGISTRY_STORAGE}.driver" not in findings.settings:
        findings.settings[f"{keys.REGISTRY_STORAGE}.driver"] = "filesystem"
    if findings.settings[f"{keys.REGISTRY_STORAGE}.driver"] == "filesystem" and keys.REGISTRY_CLAIM_SIZE not in findings.settings:
        findings.questions.append(
            f"The registry's claim: 50Gi unless you write {keys.PREFIX}{keys.REGISTRY_CLAIM_SIZE}. The plan measures the blobs."
        )
    findings.questions.extend(_accepted_by_need(findings))


def _from_cluster(source: Source, findings: Findings) -> None:
    """Write what the objects of the old deployment say together."""
    commands = source.commands
    if commands.get("namespace") == "portus":
        findings.settings[keys.NAMESPACE] = "portus-stack"
        findings.questions.append("The old deployment has the namespace portus, so the stack gets portus-stack: is that name free?")
    if commands.get("exposure") and keys.EXPOSURE_KIND not in findings.settings:
        port = values.number(commands.get("node_port", ""))
        findings.settings[keys.EXPOSURE_KIND] = commands["exposure"]
        if port:
            findings.settings[keys.EXPOSURE_NODE_PORT] = port
            findings.questions.append(f"The node port {port} is the old Service's: free it before you deploy, or choose another one.")
            if others := commands.get("other_ports"):
                findings.questions.append(f"The stack has one node port. Users of the other ones ({others}) get a new address: tell them.")
        else:
            findings.questions.append(
                f"The Ingress: ingress-nginx is assumed ({keys.PREFIX}{keys.EXPOSURE_CONTROLLER}). Others: docs/deploy/exposure.md."
            )
    if commands.get("registry_size") and findings.settings.get(f"{keys.REGISTRY_STORAGE}.driver", "filesystem") == "filesystem":
        findings.settings[keys.REGISTRY_CLAIM_SIZE] = commands["registry_size"]
        findings.questions.append(
            f"The images: copy them, or use the claim {commands['registry_claim']} where it is"
            f" ({keys.PREFIX}{keys.REGISTRY_EXISTING_CLAIM})?"
        )


def _accepted_by_need(findings: Findings) -> Iterator[str]:
    """Yield questions on what production refuses and the old deployment does."""
    config = keys.PORTUS_CONFIG
    version = str(findings.settings[keys.VERSION])
    settings = findings.settings
    method = settings.get(f"{config}.ldap.method" if version < "2.3" else f"{config}.ldap.encryption.method")
    if settings.get(f"{config}.ldap.enabled") and method in {None, "plain"}:
        findings.accept(keys.CLEAR_TEXT, "LDAP without encryption")
        yield "Passwords reach the directory in clear: can it speak TLS? Then set ldap.encryption.method."
    smtp = f"{config}.email.smtp"
    encrypted = settings.get(f"{smtp}.ssl_tls") or settings.get(f"{smtp}.enable_starttls_auto")
    if settings.get(f"{smtp}.enabled") and settings.get(f"{smtp}.user_name") and version >= "2.4" and not encrypted:
        findings.accept(keys.CLEAR_TEXT, "mail without encryption")
        yield f"The mail account's password is sent in clear: set {smtp}.enable_starttls_auto to true?"
    if settings.get(f"{config}.background.registry.enabled") is False:
        findings.accept(keys.UNRECORDED_PUSHES, "background.registry.enabled is false")
    if settings.get(f"{config}.ldap.enabled") and version <= "2.4":
        settings[keys.BOOTSTRAP_ENABLED] = False
        yield "LDAP up to 2.4: the first set-up is off, since users and the registry's record come with the dump."
    if version < "2.1":
        settings[keys.BOOTSTRAP_ENABLED] = False
    kept = list(findings.secrets.values())
    if len(kept) != len(set(kept)):
        findings.accept(keys.SHARED_PASSWORDS, "two of the old secrets are the same text")
        yield f"Two of the secrets are the same text: make one of them new, then remove `shared_passwords` from {keys.PREFIX}{keys.ACCEPT}."
