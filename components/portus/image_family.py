"""What differs between the image families; no other module asks for the version.

2.0-2.2 run Apache and Passenger on 80 and 443, 2.3-2.5 run Puma on 3000 with a separate worker (portus-images.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from components.portus.apache import Apache
from components.portus.puma import Puma

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.common.pods import Environment, Privileges, Probes
    from components.common.versions import PortusVersion
    from components.portus.inputs import FirstSetUp, PortusInputs, Role
    from components.portus.settings_text import Document


class ImageFamily(Protocol):
    """One image family of Portus."""

    version: PortusVersion
    ports: Mapping[str, int]
    """Container ports: ``https`` always, ``http`` where the registry's notifications come in plain."""
    has_worker: bool
    """Whether events wait in the database for a worker; else the web server handles them inside the request."""
    privileges: Privileges
    first_set_up: FirstSetUp
    tls_files: Mapping[str, Mapping[str, str]]
    """Folder -> key of the TLS Secret -> file name, as the image expects them."""
    secret_files: Mapping[str, str]
    """Secret -> variable of those that the image reads from files."""
    notification_timeout: str
    """Go duration that one notification may take."""
    rake: Sequence[str]
    """How the image calls rake (docker/init and packaging/suse/portusctl of each branch)."""
    judges_wildcards: bool
    """Whether a token loses ``*`` where its owner may not have it (app/controllers/api/v2/tokens_controller.rb: not in 2.0)."""

    def environment(self, inputs: PortusInputs, role: Role) -> Environment:
        """Return the whole environment of a container; pure."""

    def local_config(self, inputs: PortusInputs) -> Document | None:
        """Return config-local.yml, None where the environment says everything; pure."""

    def stop_command(self, role: Role) -> Sequence[str]:
        """Return what is run before the container of a server must stop."""

    def probes(self, role: Role) -> Probes:
        """Return the probes of a server."""


def image_family(version: PortusVersion) -> ImageFamily:
    """Return the family that ``version`` belongs to."""
    return Puma(version) if version.is_puma else Apache(version)
