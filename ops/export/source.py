"""A deployed stack as what is exported: its Portus' records and what its registry holds; reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from ops.doctor.access import Access
from ops.doctor.facts import Expected
from ops.errors import OpsError
from ops.export.model import SYSTEM_USER, Portus
from ops.export.records import read
from ops.export.registry_client import Inventory, RegistryClient
from ops.kube.client import Kube
from ops.kube.http import NoAnswer, trusting

SECONDS: Final = 30.0
"""How long one answer may take; a registry on object storage needs long for its catalog."""
CONNECTIONS_TRIED: Final = 3


@dataclass(frozen=True, kw_only=True)
class Source(Access):
    """A deployed stack."""

    def records(self) -> Portus:
        """Return what Portus knows, out of its database: the stack's own, or an external one through Portus' Pod.

        Raises:
            OpsError: the database does not answer, or is none of Portus.
        """
        with self.rows() as rows:
            found = read(rows)
        if found.migration is None:
            raise OpsError(
                "Portus' database is empty: Portus never started on it.", f"find the cause: make doctor STACK={self.expected.stack}"
            )
        return found

    def inventory(self, say: Callable[[str], None]) -> Inventory:
        """Return what the registry holds; raises as `registry` and `RegistryClient.inventory`."""
        with self.registry() as client:
            return client.inventory(say)

    @contextmanager
    def registry(self) -> Iterator[RegistryClient]:
        """Give a client of the registry's public name, as Portus' own account, whose password is not changed by hand.

        Raises:
            OpsError: that password is in no Secret that Portus' Pod reads.
        """
        password = self.web.setting("PORTUS_PASSWORD") or self.web.setting("PORTUS_PORTUS_PASSWORD")
        if not password:
            raise OpsError(
                f"the password of Portus' own account '{SYSTEM_USER}' is in no Secret that its Pod reads.",
                "write the stack's credentials as Secrets of its namespace, and use an account with rights to read them.",
            )
        trust = trusting(self.expected.trust, system=True)
        if isinstance(trust, NoAnswer):
            raise OpsError(f"the stack's output ca_certificate cannot be used: {trust.reason}", "deploy the stack again: make up")
        transport = httpx.HTTPTransport(verify=trust, retries=CONNECTIONS_TRIED - 1)
        with httpx.Client(transport=transport, timeout=SECONDS) as http:
            yield RegistryClient(registry=self.expected.registry, portus_url=self.expected.portus_url, password=password, http=http)


def source(expected: Expected, kube: Kube) -> Source:
    """Return the stack as the cluster has it now; raises as `Access.of`."""
    return Source.of(expected, kube)
