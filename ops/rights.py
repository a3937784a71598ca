"""What commands do in a stack's namespace, in the words of Kubernetes' roles; what several of them do is here once."""

from __future__ import annotations

from typing import Final

JOBS: Final = "get CronJobs, create, get, list and delete Jobs, list Pods and read their logs"
EXEC: Final = "exec into Pods"
PASSWORD: Final = "get Secrets, if the administrator's password is in one of yours"  # noqa: S105 - words
CHECK: Final = f"{EXEC}, get Pods and Deployments, and {PASSWORD}"
READ: Final = (
    "get the namespace; list Secrets, ConfigMaps, Pods, Deployments, StatefulSets, Jobs, PersistentVolumeClaims and events; open ports of"
    f" Pods, and {EXEC}"
)
"""Of what looks at the stack's objects and into Portus' database."""
STATE: Final = "get and list the kinds of the stack's objects, Secrets included; what pulumi preview needs"
"""Of what makes a state again."""
