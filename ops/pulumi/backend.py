"""Which Pulumi backend keeps a stack of the user's: the one that the user's own ``pulumi`` asks, else this checkout's.

A token is never read here: Pulumi itself finds it where ``pulumi login`` has put it. Handed over in a variable, it would be written down a
second time, into the home of the lab's engine (``defaultLoginManager.Current`` of pkg/backend/httpstate).
"""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from ops import paths

OWN_STATE: Final = paths.ROOT / ".pulumi-state"
"""State of stacks on the user's own clusters when nothing names another backend. ``make down`` never removes it."""

PASSPHRASE: Final = OWN_STATE / "passphrase"

URL: Final = "PULUMI_BACKEND_URL"
LOGIN: Final = "PULUMI_CREDENTIALS_PATH"
"""Folder of ``credentials.json``, where that is not Pulumi's home."""

_FILE: Final = "file://"


def variables(users: Mapping[str, str]) -> dict[str, str]:
    """Return what a ``pulumi`` process needs on top of ``users``, the user's own variables, to ask the same backend as the user's.

    In Pulumi's own order: PULUMI_BACKEND_URL, ``backend`` of Pulumi.yaml, ``pulumi login``. Only where there is none of them, nor a token
    for Pulumi's cloud, the state is kept in this checkout, under a passphrase of its own where the user names none.
    """
    file = _credentials(users)
    login = {LOGIN: str(file.parent)} if file.is_file() and file.stat().st_size else {}
    named = users.get(URL) or _of_project(paths.ROOT / "Pulumi.yaml") or (_of_login(file) if login else "")
    if named is None or (not named and users.get("PULUMI_ACCESS_TOKEN")):
        return login
    if named:
        return {URL: named, **login}
    own = {URL: f"{_FILE}{OWN_STATE}"}
    if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & users.keys():
        own["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(PASSPHRASE)
    return own


def shown(environment: Mapping[str, str]) -> str:
    """Return the backend that a ``pulumi`` process with this environment asks, for a message: without login and options."""
    url = environment.get(URL)
    return re.sub(r"(?<=://).*@", "", url).partition("?")[0] if url else "that 'pulumi login' names"


def folder_of(url: str) -> Path | None:
    """Return the folder of a file backend, as Pulumi run in the checkout understands it; None for every other."""
    if not url.startswith(_FILE):
        return None
    path = url.removeprefix(_FILE).partition("?")[0]
    return _home() / path[1:].lstrip("/") if path.startswith("~") else paths.ROOT / path


def is_kept_here(name: str) -> bool:
    """Whether this checkout's own state holds stack ``name``."""
    return any(OWN_STATE.glob(f".pulumi/stacks/*/{name}.json*"))


def keeps_stacks() -> bool:
    """Whether this checkout's own state holds any stack, be it a removed one's copy."""
    return any(OWN_STATE.glob(".pulumi/stacks/**/*.json*"))


def _credentials(users: Mapping[str, str]) -> Path:
    return Path(users.get(LOGIN) or users.get("PULUMI_HOME") or _home() / ".pulumi") / "credentials.json"


def _home() -> Path:
    """Return the home as Pulumi takes it: the user database's, whatever HOME says."""
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def _of_login(file: Path) -> str | None:
    """Return the backend that the user is logged in to, '' for none; None if only Pulumi can read that, because it is encrypted."""
    try:
        written = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(written, dict) or "$pulumiSecureStore" in written:
        return None
    return str(written.get("current") or "")


def _of_project(file: Path) -> str:
    try:
        written = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return ""  # Pulumi says what is wrong with it
    backend = written.get("backend") if isinstance(written, dict) else None
    return str(backend.get("url") or "") if isinstance(backend, dict) else ""
