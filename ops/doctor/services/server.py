"""A server outside the stack, and how it refuses."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ops.doctor.facts import Step

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
