"""A recordings file: its cases, which of them are the core, and which Portus answered in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ops.errors import OpsError

CORE: Final = (
    "ping-",
    "health-",
    "ssl-check-",
    "bootstrap-",
    "app-token-create",
    "registry-",
    "registries-",
    "token-",
    "events-",
    "v2-root-",
)
"""A case belongs to the core by the beginning of its name."""

VERSIONS: Final = ("2.4", "2.5")
UNSET: Final = "<unset>"

SCENARIO: Final = {
    "PORTUS_CHECK_SSL_USAGE_ENABLED": "false",
    "PORTUS_MACHINE_FQDN_VALUE": "portus.example.test",
    "PORTUS_PASSWORD": "portuspass1234",
}
"""What every case runs with unless its ``server`` says otherwise."""


@dataclass(frozen=True)
class Case:
    """One exchange: what was sent, what came back, and what the recorder says about both."""

    name: str
    why: str
    request: dict[str, Any]
    response: dict[str, Any]
    server: dict[str, str] = field(default_factory=dict)
    jwt: dict[str, Any] | None = None
    events_added: list[dict[str, Any]] | None = None
    saves_token_as: str | None = None
    caution: str = ""

    @property
    def is_core(self) -> bool:
        """Whether the core has it."""
        return self.name.startswith(CORE)

    @property
    def without_registry(self) -> bool:
        """Whether the registry is gone when it is played; the recorder says so by the name alone."""
        return self.name.endswith("-registry-down")

    @property
    def environment(self) -> dict[str, str]:
        """The settings the application runs with."""
        merged = {**SCENARIO, **self.server}
        return {name: value for name, value in merged.items() if value != UNSET}


@dataclass(frozen=True)
class Recording:
    """A whole file: one scenario from an empty database, in order."""

    path: Path
    version: str
    cases: tuple[Case, ...]


def load(path: Path, version: str = "") -> Recording:
    """Read a recordings file.

    Args:
        version: 2.4 or 2.5; by default what the file's name says, else what its answers show.

    Raises:
        OpsError: no such file, not the expected form, or no telling which version answered.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, list):
            raise TypeError("not a list")  # noqa: TRY301 - told to the user below
        cases = tuple(_case(entry) for entry in content)
    except OSError as error:
        raise OpsError(f"{path} cannot be read ({error.strerror}).", "name a recordings file: make replay RECORDINGS=file.json") from error
    except (ValueError, KeyError, TypeError) as error:
        raise OpsError(f"{path} must be a recordings file ({error!r}).", "write a JSON list of cases with request and response.") from error
    known = version or _named(path) or _shown(cases)
    if known not in VERSIONS:
        raise OpsError(f"{path.name} does not tell which Portus it was recorded from.", f"add VERSION={' or VERSION='.join(VERSIONS)}.")
    return Recording(path, known, cases)


def _case(entry: dict[str, Any]) -> Case:
    request, response = entry["request"], entry["response"]
    return Case(
        name=entry["case"],
        why=entry.get("why", ""),
        request={"method": request["method"], "path": request["path"], **request},
        response={"status": response["status"], **response},
        server=entry.get("server") or {},
        jwt=entry.get("jwt"),
        events_added=entry.get("registry_events_added"),
        saves_token_as=entry.get("saves_plain_token_as"),
        caution=entry.get("caution", ""),
    )


def _named(path: Path) -> str:
    found = re.findall(r"2\.[45](?!\d)", path.name)
    return found[0] if len(set(found)) == 1 else ""


def _shown(cases: tuple[Case, ...]) -> str:
    """Tell the version by what only one of them does: 2.5 pages its lists and keeps pulls."""
    for case in cases:
        if any(event.get("action") == "pull" for event in case.events_added or ()):
            return "2.5"
        listed = case.request["method"] == "GET" and re.fullmatch(r"/api/v1/(users|teams|namespaces)(\?.*)?", case.request["path"])
        if listed and case.response["status"] == 200:  # noqa: PLR2004 - HTTP
            return "2.5" if "X-Total" in (case.response.get("headers") or {}) else "2.4"
    return ""
