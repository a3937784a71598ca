"""The results that a check can have."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from ops.doctor.snapshot import Snapshot
from ops.kube.http import Answer, NotChecked, Reply

__all__ = ["Failed", "Judge", "NotChecked", "Ok", "Skipped", "Verdict", "deploy_again", "in_words", "kubectl", "no_answer", "sql"]


@dataclass(frozen=True, slots=True)
class Ok:
    """It passed; ``seen`` says what shows that."""

    seen: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not; ``fix`` is a command or a setting."""

    seen: str
    fix: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The stack does not have what it is about."""

    reason: str


Verdict = Ok | Failed | Skipped | NotChecked
Judge = Callable[[Snapshot], Verdict]


def in_words(reply: Reply) -> str:
    """Return an answer in words."""
    if isinstance(reply, Answer):
        text = " ".join(reply.body.split())[:160]
        return f"{reply.status} {text}".strip()
    return reply.reason


def no_answer(snapshot: Snapshot, who: str, reason: str, target: str) -> Failed:
    """Return the message about a server that gave no answer: of its speed, and never of keys, passwords or certificates.

    Args:
        target: its workload, as kubectl takes it.
    """
    busy = f"{kubectl(snapshot, 'top pod')} shows what is busy: give it more CPU, threads or replicas (stack file)"
    return Failed(f"{who}: {reason}", f"{busy}; its log: {kubectl(snapshot, f'logs {target}')}")


def kubectl(snapshot: Snapshot, words: str) -> str:
    """Return a kubectl command in the stack's namespace."""
    return f"kubectl -n {snapshot.expected.namespace} {words}"


def deploy_again(snapshot: Snapshot) -> str:
    """Return the deployment that undoes what was deleted or changed by hand: without a refresh Pulumi looks at its own state alone.

    It starts Portus, too, which has to wait where a restore is not through.
    """
    stack = snapshot.expected.stack
    when = "once the restore that stopped Portus is through, " if snapshot.is_being_restored else ""
    return f"{when}make up REFRESH=1 STACK={stack} (or pulumi up --refresh --stack {stack})"


def sql(snapshot: Snapshot, statement: str, *, database: str | None = None) -> str:
    """Return how a statement is run on Portus' database, or on ``database`` ('' for none), with no password on the command line."""
    pod, web = snapshot.pod("database"), snapshot.pod("web")
    name = (web and (web.setting("PORTUS_DB_DATABASE") or web.setting("MARIADB_DATABASE"))) or "portus_production"
    if pod is None:
        return f'on the database {name}: "{statement}"' if database is None else f'as its administrator: "{statement}"'
    name = name if database is None else database
    script = f'MYSQL_PWD="$(cat $MARIADB_ROOT_PASSWORD_FILE)" mariadb -u root {name} -e "{statement}"'
    return kubectl(snapshot, f"exec {pod.name} -- sh -c {shlex.quote(script)}")
