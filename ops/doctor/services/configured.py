"""Portus' own settings as its Pod has them, and the servers that they name.

The settings come from the environment (2.3 and later), else from config-local.yml.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import yaml

from ops.doctor.facts import Pod, Step
from ops.doctor.servers import portus_trust
from ops.kube.http import NoAnswer, trusting

LDAP: Final = "ldap"
MAIL: Final = "mail"
OAUTH: Final = "oauth"


class RefusalError(Exception):
    """The server does not do what Portus needs; ``step`` says where that ended, ``problem`` why. Neither has a secret."""

    def __init__(self, step: Step, problem: str) -> None:
        super().__init__(problem)
        self.step, self.problem = step, problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server that Portus uses.

    Args:
        name: as the report names it.
        host: to which Portus' Pod connects; with a proxy, the proxy.
        talk: speaks over an open connection as Portus does and returns what shows that it works. Raises `RefusalError` or as `ssl` and
            `socket` do.
    """

    name: str
    host: str
    port: int
    talk: Callable[[socket.socket], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Configured:
    """Settings by their paths, such as ``ldap.encryption.method``.

    Args:
        version: Portus', such as 2.5.
        read: returns the text of a file in the Pod, such as a CA of the image. Raises `RefusalError`.
    """

    pod: Pod
    version: str
    read: Callable[[str], str]
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, pod: Pod, version: str, read: Callable[[str], str]) -> Self:
        """Return the settings of Portus' Pod; a document that is not YAML counts as empty: Portus does not start with it."""
        text = next((text for path, text in pod.files.items() if path.endswith("/config-local.yml")), "")
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError:
            document = None
        return cls(pod=pod, version=version, read=read, document=document if isinstance(document, dict) else {})

    def is_since(self, version: str) -> bool:
        """Return whether Portus is as new as ``version``."""
        mine, its = (tuple(int(part) for part in each.split(".")) for each in (self.version, version))
        return mine >= its

    def text(self, path: str, default: str = "") -> str:
        """Return a setting as text; ``default``, which is Portus' own, if it is not set or empty."""
        if given := self.pod.setting("PORTUS_" + path.replace(".", "_").upper()):
            return given
        value: Any = self.document
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if value is None or value == "":
            return default
        return str(value).lower() if isinstance(value, bool) else str(value)

    def number(self, path: str, default: int) -> int:
        """Return a setting as a number; ``default`` if it is none."""
        text = self.text(path)
        return int(text) if text.isdecimal() else default

    def is_on(self, path: str) -> bool:
        """Return whether a switch is on."""
        return self.text(path) == "true"

    def public_trust(self) -> ssl.SSLContext:
        """Return a client's context as Portus' images have it: public CAs, and those in /certificates.

        Raises:
            RefusalError: one of them is not a certificate.
        """
        return context_of(portus_trust(self.pod), system=True)


def context_of(trust: str, *, system: bool) -> ssl.SSLContext:
    """Return a client's context that trusts ``trust``, and public CAs if ``system``.

    Raises:
        RefusalError: ``trust`` holds what is not a certificate.
    """
    context = trusting(trust, system=system)
    if isinstance(context, NoAnswer):
        raise RefusalError("tls", context.reason)
    return context
