"""The whole program for a stack file that a test changes in some sections."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from unittest import mock

from tests.recorder import Program, Registered, run_program
from tests.settings.authority import made

BASE: dict[str, Any] = {
    "profile": "development",
    "host": "portus.example.com",
    "registry": {"host": "registry.example.com"},
    "portus": {"version": "2.5"},
    "exposure": {"kind": "load_balancer"},
}


def program(**sections: Any) -> Program:
    """Return what the program registers for ``BASE`` with ``sections`` instead; ``{"secure": text}`` is an encrypted text."""
    return _run(sections, into=None)


def run_again(**sections: Any) -> Program:
    """Return the same, of a run of its own: for a test that changes what answers the program."""
    return _run(sections, into=Program("sample"))


def _run(sections: Mapping[str, Any], *, into: Program | None) -> Program:
    told = {f"portus:{name}": value for name, value in (BASE | dict(sections)).items()}
    secret = [key for key, value in told.items() if "secure" in json.dumps(value)]
    configuration = {key: value if isinstance(value, str) else json.dumps(_opened(value)) for key, value in told.items()}
    with mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": json.dumps(secret)}):
        return run_program("sample", configuration, into=into)


def pem(name: str) -> str:
    """Return a certificate or key of ``tests.settings.authority``."""
    return made(name)


def volume(workload: Registered, name: str) -> dict[str, Any]:
    """Return a Pod's volume."""
    return next(dict(each) for each in workload.pod["volumes"] if each["name"] == name)


def variable(workload: Registered, name: str) -> str:
    """Return a plain variable of a Pod's first container."""
    return str(next(each["value"] for each in workload.containers[0]["env"] if each["name"] == name))


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return value["secure"] if set(value) == {"secure"} else {key: _opened(item) for key, item in value.items()}
    return value
