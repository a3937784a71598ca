"""Who gets in, and the first set-up."""

from __future__ import annotations

from collections.abc import Iterator

from components.common.versions import PortusVersion
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.stack import StackSettings


@rule(requires=("portus.config.oauth", "portus.config.ldap.enabled"))
def a_user_can_log_in(stack: StackSettings) -> Iterator[Problem]:
    """Without local accounts, provider and directory the login page is empty, also for the administrator."""
    config = stack.portus.config
    oauth = config.oauth
    providers = (oauth.google_oauth2, oauth.open_id, oauth.openid_connect, oauth.github, oauth.gitlab, oauth.bitbucket)
    if oauth.local_login.enabled is False and not config.ldap.enabled and not any(provider.enabled for provider in providers):
        yield Problem(
            key="portus.config.oauth.local_login.enabled",
            value="false",
            rule="must be true if no oauth provider and no LDAP is enabled: no user could log in",
            fix="enable a provider, or remove it",
        )


@rule()
def github_team_names_its_organization(stack: StackSettings) -> Iterator[Problem]:
    """Teams belong to organizations; without one Portus accepts every GitHub account."""
    github = stack.portus.config.oauth.github
    if github.team is not None and github.organization is None:
        yield Problem(
            key="portus.config.oauth.github.organization",
            value="",
            rule="must be set if github.team is set: Portus checks the team only within an organization",
            fix="set it to the organization of that team, or remove team",
        )


@rule(requires=("portus.version",))
def bootstrap_can_be_done(stack: StackSettings) -> Iterator[Problem]:
    """The first administrator is made by the API (2.4 on) or a rake task (2.1 on)."""
    bootstrap = stack.portus.bootstrap
    if not bootstrap.enabled:
        return
    if stack.portus.version is PortusVersion.V2_0:
        yield Problem(
            key="portus.bootstrap.enabled",
            value="true",
            rule="must be false for Portus 2.0, which has no task that creates the first administrator and the registry's record",
            fix="set it to false and create both on the pages of Portus, or use 2.1 or later",
        )
    if bootstrap.username == "portus":
        yield Problem(
            key="portus.bootstrap.username",
            value="portus",
            rule="must not be 'portus': Portus' own hidden user has that name",
            fix="choose another name, e.g. portus-admin",
        )
    if stack.portus.config.first_user_admin.enabled is False:
        yield Problem(
            key="portus.config.first_user_admin.enabled",
            value="false",
            rule="must be true while portus.bootstrap.enabled is true: the first set-up creates an administrator",
            fix="remove it, or set portus.bootstrap.enabled to false",
        )


@rule()
def bootstrap_address_needs_the_first_set_up(stack: StackSettings) -> Iterator[Problem]:
    """The outputs and the commands use name and password, however the account is made."""
    bootstrap = stack.portus.bootstrap
    if not bootstrap.enabled and bootstrap.email is not None:
        yield Problem(
            key="portus.bootstrap.email",
            value=bootstrap.email,
            rule="has no effect while portus.bootstrap.enabled is false",
            fix="remove it, or set portus.bootstrap.enabled to true",
        )
