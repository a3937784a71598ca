"""What is alike in every Pod of MariaDB's image, whether its server or only its client runs there."""

from __future__ import annotations

from typing import Final

from components.common import pods

PRIVILEGES: Final = pods.Privileges(user=10999, group=10999)
"""Any uid works on an empty volume (mariadb-docker Dockerfile); above 10000 it belongs to no user of the node."""

CLIENT_RESOURCES: Final = pods.Resources(
    requests={"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
    limits={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "32Mi"},
)
"""Of a step that asks the server a few questions."""
