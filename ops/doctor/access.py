"""Access to Portus' database for commands that only read it. An error is one line."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import pymysql
from kubernetes.client import ApiException

from components.common.names import WEB
from ops import rights
from ops.doctor.database import session
from ops.doctor.facts import Expected, Pod
from ops.doctor.objects import examine_objects
from ops.doctor.snapshot import Snapshot
from ops.errors import OpsError
from ops.kube.client import Kube
from ops.kube.errors import no_way_to_pod
from ops.kube.http import NoAnswer, NotChecked
from ops.kube.pods import Pods, hushed
from ops.kube.sql import Rows

NEEDED: Final = f"grant the rights to {rights.READ}."


@dataclass(frozen=True, kw_only=True)
class Access:
    """A deployed stack whose Portus says where its database is.

    Args:
        web: the Pod of Portus that knows where the database is, and its own account's password.
    """

    expected: Expected
    kube: Kube
    snapshot: Snapshot
    web: Pod

    @classmethod
    def of(cls, expected: Expected, kube: Kube) -> Self:
        """Return the stack as the cluster has it now.

        Raises:
            OpsError: the cluster does not answer or refuses, or no Pod of Portus is there.
        """
        found = examine_objects(kube, Snapshot(expected=expected, now=time.time()))
        look = f"find the cause: make doctor STACK={expected.stack}"
        if isinstance(found.cluster, NoAnswer):
            raise OpsError(found.cluster.reason, found.cluster.fix)
        if isinstance(found.cluster, NotChecked):
            raise OpsError(f"the cluster of {kube.kubeconfig} cannot be read: {found.cluster.reason}", NEEDED)
        if not found.namespace or isinstance(found.namespace, NotChecked):
            raise OpsError(f"the cluster has no namespace '{expected.namespace}' of stack {expected.stack}.", look)
        web = found.pod(WEB)
        if web is None:
            raise OpsError("Portus has no Pod, and only its Pod has the address of the database.", look)
        return cls(expected=expected, kube=kube, snapshot=found, web=web)

    @contextlib.contextmanager
    def rows(self) -> Iterator[Rows]:
        """Give what runs a statement: in the stack's own database, or through Portus' Pod in an external one.

        Raises:
            OpsError: the database does not answer.
        """
        pods = Pods(kube=self.kube, namespace=self.expected.namespace)
        with hushed(), database_errors(self.expected.stack), session(pods, self.snapshot, self.web) as rows:
            yield rows


@contextlib.contextmanager
def database_errors(stack: str) -> Iterator[None]:
    """Turn what goes wrong on the way to the database into one line."""
    try:
        yield
    except ApiException as error:
        problem = no_way_to_pod(error)
    except pymysql.MySQLError as error:
        problem = str(error.args[-1] if error.args else error)
    except OSError as error:
        problem = str(error)
    else:
        return
    raise OpsError(f"Portus' database cannot be read: {problem}", f"find the cause: make doctor STACK={stack}")
