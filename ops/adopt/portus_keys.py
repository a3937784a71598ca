"""Portus' own settings by release (config/config.yml of SUSE/Portus, branches portus-2.0 to portus-2.5).

``tests/ops/adopt/test_tables.py`` holds the table to the settings of this program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Known:
    """A setting of Portus: kind of its value, first and last release that read it."""

    kind: str
    first: str
    last: str


_TABLE: Final = """
email.from text 2.0 2.5
email.name text 2.0 2.5
email.reply_to text 2.0 2.5
email.smtp.enabled flag 2.0 2.5
email.smtp.address text 2.0 2.5
email.smtp.port number 2.0 2.5
email.smtp.domain text 2.0 2.5
email.smtp.user_name text 2.0 2.5
email.smtp.password secret 2.0 2.5
email.smtp.authentication text 2.4 2.5
email.smtp.ssl_tls text 2.4 2.5
email.smtp.enable_starttls_auto flag 2.4 2.5
email.smtp.openssl_verify_mode text 2.4 2.5
email.smtp.ca_path text 2.4 2.5
email.smtp.ca_file text 2.4 2.5
gravatar.enabled flag 2.0 2.5
delete.enabled flag 2.1 2.5
delete.contributors flag 2.4 2.5
delete.garbage_collector.enabled flag 2.4 2.5
delete.garbage_collector.older_than number 2.4 2.5
delete.garbage_collector.keep_latest number 2.5 2.5
delete.garbage_collector.tag text 2.4 2.5
ldap.enabled flag 2.0 2.5
ldap.hostname text 2.0 2.5
ldap.port number 2.0 2.5
ldap.timeout number 2.4 2.5
ldap.method text 2.0 2.2
ldap.encryption.method text 2.3 2.5
ldap.encryption.options.ca_file text 2.3 2.5
ldap.encryption.options.ssl_version text 2.3 2.5
ldap.base text 2.0 2.5
ldap.admin_base text 2.5 2.5
ldap.group_base text 2.5 2.5
ldap.filter text 2.1 2.5
ldap.uid text 2.0 2.5
ldap.authentication.enabled flag 2.0 2.5
ldap.authentication.bind_dn text 2.0 2.5
ldap.authentication.password secret 2.0 2.5
ldap.group_sync.enabled flag 2.5 2.5
ldap.group_sync.default_role text 2.5 2.5
ldap.guess_email.enabled flag 2.0 2.5
ldap.guess_email.attr text 2.0 2.5
oauth.local_login.enabled flag 2.4 2.5
oauth.google_oauth2.enabled flag 2.3 2.5
oauth.google_oauth2.domain text 2.3 2.5
oauth.google_oauth2.id text 2.3 2.5
oauth.google_oauth2.secret secret 2.3 2.5
oauth.google_oauth2.options.hd text 2.3 2.5
oauth.open_id.enabled flag 2.3 2.5
oauth.open_id.domain text 2.3 2.5
oauth.open_id.identifier text 2.3 2.5
oauth.openid_connect.enabled flag 2.5 2.5
oauth.openid_connect.issuer text 2.5 2.5
oauth.openid_connect.identifier text 2.5 2.5
oauth.openid_connect.secret secret 2.5 2.5
oauth.github.enabled flag 2.3 2.5
oauth.github.domain text 2.3 2.5
oauth.github.client_id text 2.3 2.5
oauth.github.client_secret secret 2.3 2.5
oauth.github.organization text 2.3 2.5
oauth.github.team text 2.3 2.5
oauth.gitlab.enabled flag 2.3 2.5
oauth.gitlab.domain text 2.3 2.5
oauth.gitlab.application_id text 2.3 2.5
oauth.gitlab.secret secret 2.3 2.5
oauth.gitlab.group text 2.3 2.5
oauth.gitlab.server text 2.3 2.5
oauth.bitbucket.enabled flag 2.3 2.5
oauth.bitbucket.domain text 2.3 2.5
oauth.bitbucket.key text 2.3 2.5
oauth.bitbucket.secret secret 2.3 2.5
oauth.bitbucket.options.team text 2.3 2.5
first_user_admin.enabled flag 2.0 2.5
signup.enabled flag 2.1 2.5
check_ssl_usage.enabled flag 2.0 2.5
registry.jwt_expiration_time.value number 2.1 2.5
registry.catalog_page.value number 2.1 2.5
registry.timeout.value number 2.3 2.5
registry.read_timeout.value number 2.3 2.5
jwt_expiration_time.value text 2.0 2.0
display_name.enabled flag 2.1 2.5
user_permission.change_visibility.enabled flag 2.1 2.5
user_permission.create_team.enabled flag 2.3 2.5
user_permission.manage_team.enabled flag 2.1 2.5
user_permission.create_namespace.enabled flag 2.3 2.5
user_permission.manage_namespace.enabled flag 2.1 2.5
user_permission.create_webhook.enabled flag 2.4 2.5
user_permission.manage_webhook.enabled flag 2.4 2.5
user_permission.push_images.policy text 2.4 2.5
security.clair.server text 2.3 2.5
security.clair.health_port number 2.3 2.5
security.clair.timeout number 2.3 2.5
security.zypper.server text 2.3 2.5
anonymous_browsing.enabled flag 2.3 2.5
background.registry.enabled flag 2.3 2.5
background.sync.enabled flag 2.3 2.5
background.sync.strategy text 2.3 2.5
pagination.limit number 2.4 2.4
pagination.per_page number 2.5 2.5
pagination.before_after number 2.4 2.5
"""

KEYS: Final = {key: Known(kind, first, last) for key, kind, first, last in map(str.split, _TABLE.strip().splitlines())}
"""Dotted key -> what is known of it. Kinds: text, flag, number, secret."""

VARIABLES: Final = {"PORTUS_" + key.replace(".", "_").upper(): key for key in KEYS}
"""Environment variable -> dotted key."""

SAMPLES: Final = {"email.from": "portus@example.com", "email.name": "Portus", "email.reply_to": "no-reply@example.com"}
"""What Portus ships, and the public charts repeat: no team chose it."""

HOST_KEY: Final = "machine_fqdn.value"
"""Portus' own name, which is `keys.HOST` here."""

FEATURES: Final = (
    "email.smtp", "ldap", "ldap.authentication", "ldap.guess_email", "oauth.google_oauth2", "oauth.open_id", "oauth.openid_connect",
    "delete.garbage_collector",
    "oauth.github", "oauth.gitlab", "oauth.bitbucket",
)  # fmt: skip
"""Switched off unless their ``enabled`` is true: their other keys then mean nothing."""

REQUIRED: Final = {
    "email.smtp": ("email.from", "email.smtp.address"),
    "ldap": ("ldap.hostname", "ldap.base"),
    "ldap.authentication": ("ldap.authentication.bind_dn", "ldap.authentication.password"),
    "oauth.google_oauth2": ("oauth.google_oauth2.id", "oauth.google_oauth2.secret"),
    "oauth.openid_connect": ("oauth.openid_connect.issuer", "oauth.openid_connect.identifier", "oauth.openid_connect.secret"),
    "oauth.github": ("oauth.github.client_id", "oauth.github.client_secret"),
    "oauth.gitlab": ("oauth.gitlab.application_id", "oauth.gitlab.secret"),
    "oauth.bitbucket": ("oauth.bitbucket.key", "oauth.bitbucket.secret"),
}
"""Feature -> keys that it needs when it is on."""
REQUIRED_BEFORE_2_4: Final = ("email.smtp.user_name", "email.smtp.password")
"""Of mail: older releases log in with a sample account otherwise."""
PROVIDERS: Final = (
    "ldap", "oauth.google_oauth2", "oauth.open_id", "oauth.openid_connect", "oauth.github", "oauth.gitlab", "oauth.bitbucket",
)  # fmt: skip
"""Features that let users log in without Portus' own password."""
