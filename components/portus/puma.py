"""2.3-2.5: Puma on port 3000 over TLS, a separate worker; root inside the image.

Source: SUSE/Portus branches 2.3 to 2.5, config/{puma.rb,database.yml,secrets.yml,initializers}, the images' init; see portus-images.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from components.common.availability import FORGET_SECONDS
from components.common.pods import Privileges, Probes, exec_probe, http_probe, tcp_probe
from components.common.versions import PortusVersion
from components.portus import inputs as keys
from components.portus.inputs import START_SECONDS, UTF_8, FirstSetUp, Role
from components.portus.pod import UNBUFFERED, running_command, signal_command
from components.portus.settings_text import as_environment, secret_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.common.pods import Environment
    from components.portus.inputs import PortusInputs

PORT: Final = 3000
SECRETS: Final = "/secrets"
CERTIFICATES: Final = "/certificates"
CREDENTIALS: Final = "/run/secrets/portus"
SECRET_FILES: Final = {
    keys.SECRET_KEY_BASE: "PORTUS_SECRET_KEY_BASE",
    keys.PORTUS_PASSWORD: "PORTUS_PASSWORD",
    keys.DATABASE_PASSWORD: "PORTUS_DB_PASSWORD",
    secret_key(("email", "smtp", "password")): "PORTUS_EMAIL_SMTP_PASSWORD",
    secret_key(("ldap", "authentication", "password")): "PORTUS_LDAP_AUTHENTICATION_PASSWORD",
}
"""Secret -> variable of the five that the images' init reads from a file named by ``<variable>_FILE``. 2.3 and 2.4 export the variable
empty where that is unset, which would win over any other way (fixed in 2.5)."""

PING: Final = "/api/v1/_ping"
"""Answers without login and database, and does not trigger the check that the first page request decides for all users
(portus-images.md)."""

STARTUP_PERIOD: Final = 2
STARTUP_FAILURES: Final = START_SECONDS // STARTUP_PERIOD
"""27 s (2.4) and 34 s (2.5) on a busy machine, 240 s have been seen on a starved one."""

SERVER: Final = "puma "
"""How the command line of Puma's first process begins; those of its workers begin with ``puma:``."""
BACKGROUND: Final = "/srv/Portus/bin/background.rb"
"""How that of the worker begins once its Rails has booted, and not before: ``rails runner`` then takes its script's name (railties,
commands/runner). Until it handles events it asks once more, by a rake task, whether the database is migrated."""
WORKER_CHECK_PERIOD: Final = 20
WORKER_CHECK_FAILURES: Final = 3


class Puma:
    """The Puma family."""

    ports: Mapping[str, int] = {"https": PORT}
    has_worker: bool = True
    judges_wildcards: bool = True
    privileges: Privileges = Privileges(root=True, writable_root=True, drop_all=False)
    """The images start as root, import CA certificates and write to /srv/Portus (2.5 even to its schema file)."""
    tls_files: Mapping[str, Mapping[str, str]] = {
        SECRETS: {"tls.key": "portus.key", "tls.crt": "portus.crt"},
        CERTIFICATES: {"ca.crt": "portus-stack-ca.crt"},
    }
    secret_files: Mapping[str, str] = SECRET_FILES
    notification_timeout: str = "2000ms"

    def __init__(self, version: PortusVersion) -> None:
        self.version = version
        self.rake: Sequence[str] = ("portusctl", "exec", "rake") if version >= PortusVersion.V2_4 else ("portusctl", "rake")
        self.first_set_up: FirstSetUp = FirstSetUp.API if version >= PortusVersion.V2_4 else FirstSetUp.RAKE

    def environment(self, inputs: PortusInputs, role: Role) -> Environment:
        """Return the environment; secrets come as files where the images' init reads them, else as references to a Secret."""
        stack, database = inputs.stack, inputs.database
        secrets, signing_key = inputs.secrets.keys, inputs.secrets.tls.signing_key
        return {
            "LANG": UTF_8,
            "RACK_ENV": "production",
            "RAILS_ENV": "production",
            "CCONFIG_PREFIX": "PORTUS",
            "PORTUS_MACHINE_FQDN_VALUE": stack.host,
            "PORTUS_KEY_PATH": f"{SECRETS}/{signing_key.key if signing_key else 'portus.key'}",
            "PORTUS_DB_ADAPTER": "mysql2",
            "PORTUS_DB_HOST": database.host,
            "PORTUS_DB_PORT": str(database.port),
            "PORTUS_DB_DATABASE": database.name,
            "PORTUS_DB_USERNAME": database.user,
            "PORTUS_DB_POOL": str(stack.portus.web.puma_max_threads),
            "PORTUS_LOG_LEVEL": stack.portus.log_level,
            **{f"{name}_FILE": f"{CREDENTIALS}/{key}" for key, name in SECRET_FILES.items() if key in secrets},
            **as_environment(stack, {key: place for key, place in secrets.items() if key not in SECRET_FILES}),
            **self._role(inputs, role),
        }

    def _role(self, inputs: PortusInputs, role: Role) -> dict[str, str]:
        stack = inputs.stack
        match role:
            case Role.WORKER:
                unbuffered = {"RUBYOPT": f"-r{UNBUFFERED}"} if self.version >= PortusVersion.V2_5 else {}
                return {"PORTUS_BACKGROUND": "true", **unbuffered}
            case Role.TASK:
                return {}
            case Role.WEB:
                web = {
                    "PORTUS_PUMA_TLS_KEY": f"{SECRETS}/portus.key",
                    "PORTUS_PUMA_TLS_CERT": f"{SECRETS}/portus.crt",
                    "PORTUS_PUMA_WORKERS": str(stack.portus.web.puma_workers),
                    "PORTUS_PUMA_MAX_THREADS": str(stack.portus.web.puma_max_threads),
                    "RAILS_SERVE_STATIC_FILES": "true",
                }
                return {**web, **self._registry_record(inputs)}
            case _:
                assert_never(role)

    def _registry_record(self, inputs: PortusInputs) -> dict[str, str]:
        """Return the variables by which Portus itself makes a registry record that is missing at its start (2.4 on).

        They complete a first set-up that was interrupted between the administrator and the record; a wrong attempt is a log line only.
        """
        if self.version < PortusVersion.V2_4 or not inputs.stack.portus.bootstrap.enabled:
            return {}
        return {
            "PORTUS_INIT_REGISTRY_NAME": "registry",
            "PORTUS_INIT_REGISTRY_HOSTNAME": inputs.stack.registry_authority,
            "PORTUS_INIT_REGISTRY_USE_SSL": "true",
        }

    def local_config(self, inputs: PortusInputs) -> None:
        """Return None: the environment says everything."""

    def stop_command(self, role: Role) -> Sequence[str]:
        """Return the command that ends the server alone: the first process is a shell that forwards no signal."""
        if role is Role.WORKER:
            return signal_command(BACKGROUND, 0)
        return signal_command(SERVER, FORGET_SECONDS)

    def probes(self, role: Role) -> Probes:
        """Return the web's probes on ``_ping`` alone, because ``/api/v1/health`` takes seconds and says 503 until a registry is recorded.

        The worker listens nowhere: its probes look for its process, which a lack of memory ends while the Pod goes on running.
        """
        if role is Role.WORKER:
            running = running_command(BACKGROUND)
            return Probes(
                startup=exec_probe(running, period=STARTUP_PERIOD, failures=STARTUP_FAILURES),
                readiness=exec_probe(running, period=WORKER_CHECK_PERIOD, failures=1),
                liveness=exec_probe(running, period=WORKER_CHECK_PERIOD, failures=WORKER_CHECK_FAILURES),
            )
        return Probes(
            startup=http_probe("https", PING, scheme="HTTPS", period=STARTUP_PERIOD, failures=STARTUP_FAILURES),
            readiness=http_probe("https", PING, scheme="HTTPS", period=5, failures=3),
            liveness=tcp_probe("https", period=20, failures=6),
        )
