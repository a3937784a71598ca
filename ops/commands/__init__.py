"""The operator's commands: one module each, with its name, help, options, rights, and what it runs. This is the list of them."""

from __future__ import annotations

from typing import Final

NAMES: Final = (
    "up",
    "preview",
    "down",
    "check",
    "doctor",
    "backup",
    "backups",
    "restore",
    "import-database",
    "gc",
    "export",
    "replace-secrets",
    "password",
    "reset-password",
    "outputs",
    "adopt",
    "new-stack",
)

MODULES: Final = {name: f"{__name__}.{name.replace('-', '_')}" for name in NAMES}
"""Command -> its module, which has it as ``command``."""

OLD_NAMES: Final = {"collect": "gc"}
"""Previous name -> name: it still works."""
