"""Who gets in."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.stack import StackSettings


@rule(requires=("portus.config.oauth", "portus.config.ldap.enabled"))
def someone_can_log_in(stack: StackSettings) -> Iterator[Problem]:
    """Without local accounts, provider and directory the log-in page is empty, for the administrator too."""
    config = stack.portus.config
    oauth = config.oauth
    providers = (oauth.google_oauth2, oauth.open_id, oauth.openid_connect, oauth.github, oauth.gitlab, oauth.bitbucket)
    if oauth.local_login.enabled is False and not config.ldap.enabled and not any(provider.enabled for provider in providers):
        yield Problem(
            key="portus.config.oauth.local_login.enabled",
            value="false",
            rule="must be true if no oauth provider and no LDAP is enabled: no user could log in",
            remedy="enable a provider, or remove it",
        )


@rule()
def github_team_names_its_organization(stack: StackSettings) -> Iterator[Problem]:
    """Teams belong to organizations; without one Portus lets every GitHub account in."""
    github = stack.portus.config.oauth.github
    if github.team is not None and github.organization is None:
        yield Problem(
            key="portus.config.oauth.github.organization",
            value="",
            rule="must be set if github.team is set: Portus checks the team only within an organization",
            remedy="set it to the organization of that team, or remove team",
        )
