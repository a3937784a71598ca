"""The registry's own API, for what skopeo has no command for."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from ops.deployment import Deployment


@contextmanager
def registry_api(reached: Deployment, repository: str, actions: str = "push,pull") -> Iterator[httpx.Client]:
    """Give a client at ``/v2/<repository>`` with a token of now, the administrator's, which it keeps."""
    context = ssl.create_default_context(cadata=str(reached.outputs["ca_certificate"]))
    login = (str(reached.outputs["administrator"]), reached.administrator_password)
    asked = {"service": reached.registry, "account": login[0], "scope": f"repository:{repository}:{actions}"}
    token = httpx.get(f"{reached.portus_url}/v2/token", params=asked, auth=login, verify=context, timeout=60).json()["token"]
    base, headers = f"https://{reached.registry}/v2/{repository}", {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=base, headers=headers, verify=context, timeout=60) as http:
        yield http
