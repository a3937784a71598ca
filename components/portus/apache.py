"""2.0-2.2: Apache and Passenger on 80 and 443, events handled inside the request; uid 30 (wwwrun) with sudo.

Source: openSUSE/docker-containers derived_images/portus/docker @aaa6914 and its branches (portus-images.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from components.common import names
from components.common.availability import FORGET_SECONDS
from components.common.pods import Privileges, Probes, http_probe, tcp_probe
from components.common.versions import PortusVersion
from components.portus import inputs as keys
from components.portus.inputs import START_SECONDS, UTF_8, FirstSetUp, Role
from components.portus.settings_text import as_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.common.pods import Environment
    from components.portus.inputs import PortusInputs
    from components.portus.settings_text import Document

TOKEN: Final = names.TOKEN_PATH
"""Answers 200 to any client and only when key and database work; ``/`` would decide the SSL check, ``/v2/`` answers 401."""

STARTUP_PERIOD: Final = 3
STARTUP_FAILURES: Final = START_SECONDS // STARTUP_PERIOD
"""The image waits 18 times 5 s for its database and boots Rails before each look."""


class Apache:
    """The Apache family."""

    ports: Mapping[str, int] = {"https": names.HTTPS_PORT, "http": names.HTTP_PORT}
    has_worker: bool = False
    rake: Sequence[str] = ("portusctl", "rake")
    privileges: Privileges = Privileges(user=30, group=8, escalation=True, writable_root=True, drop_all=False)
    """wwwrun in group www (helm/charts#2766); its init needs sudo for the CA import and for Apache's start."""
    tls_files: Mapping[str, Mapping[str, str]] = {
        "/secrets": {"tls.key": "portus.key"},
        "/certificates": {"tls.crt": "portus-ca.crt", "ca.crt": "portus-stack-ca.crt"},
    }
    secret_files: Mapping[str, str] = {}
    notification_timeout: str = "10s"

    def __init__(self, version: PortusVersion) -> None:
        self.version = version
        self.judges_wildcards = version is not PortusVersion.V2_0
        self.first_set_up: FirstSetUp = FirstSetUp.BY_HAND if version is PortusVersion.V2_0 else FirstSetUp.RAKE

    def environment(self, inputs: PortusInputs, role: Role) -> Environment:  # noqa: ARG002 - one process does everything
        """Return the seed's variables. The image reads no files for its secrets, so they come as references to the Secret."""
        database, secrets = inputs.database, inputs.secrets.keys
        return {
            "LANG": UTF_8,
            "PORTUS_MACHINE_FQDN_VALUE": inputs.stack.host,
            "PORTUS_SECRET_KEY_BASE": secrets[keys.SECRET_KEY_BASE],
            "PORTUS_PORTUS_PASSWORD": secrets[keys.PORTUS_PASSWORD],
            "MARIADB_SERVICE_HOST": database.host,
            "MARIADB_DATABASE": database.name,
            "MARIADB_USER": database.user,
            "MARIADB_PASSWORD": secrets[keys.DATABASE_PASSWORD],
        }

    def local_config(self, inputs: PortusInputs) -> Document:
        """Return config-local.yml: Apache hands Passenger only the variables its apache.conf lists, in 2.0 and 2.1 not even the name."""
        return as_document(inputs.stack)

    def stop_command(self, role: Role) -> Sequence[str]:  # noqa: ARG002 - one process does everything
        """Return a pause: the Service must remove the Pod before Apache stops."""
        return ("/bin/sh", "-c", f"sleep {FORGET_SECONDS}")

    def probes(self, role: Role) -> Probes:  # noqa: ARG002 - one process does everything
        """Return probes on the token endpoint; liveness only asks whether Apache listens."""
        return Probes(
            startup=http_probe("https", TOKEN, scheme="HTTPS", period=STARTUP_PERIOD, failures=STARTUP_FAILURES),
            readiness=http_probe("https", TOKEN, scheme="HTTPS", period=10, failures=3),
            liveness=tcp_probe("https", period=20, failures=6),
        )
