"""The token chain: challenge, token, issuer, key, clock, login, catalog."""

from __future__ import annotations

import base64
import email.utils
import json
import re
from http import HTTPStatus
from typing import Any, Final

from components.common.names import REGISTRY
from ops.doctor.pem import trusted_signers
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Ok, Skipped, Verdict, deploy_again, in_words, kubectl, no_answer
from ops.kube.http import Answer, NoAnswer, NotChecked, Reply

SKEW_SECONDS: Final = 60
"""The registry's own leeway (distribution, registry/auth/token)."""
PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


def claims_of(reply: Reply, part: int = 1) -> dict[str, Any]:
    """Return a token's claims, or with ``part`` 0 its header; empty where there is no token."""
    if not isinstance(reply, Answer) or reply.status != HTTPStatus.OK:
        return {}
    try:
        text = json.loads(reply.body)["token"].split(".")[part]
        return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    except (ValueError, KeyError, IndexError):
        return {}


def web(snapshot: Snapshot) -> Verdict:
    """Portus' web server answers."""
    for pod, reply in snapshot.served.get("web", {}).items():
        if isinstance(reply, NotChecked):
            return reply
        if isinstance(reply, NoAnswer):
            return no_answer(snapshot, f"Pod {pod}, asked for {snapshot.expected.ping}", reply.reason, "deployment/portus")
        if reply.status != HTTPStatus.OK:
            return Failed(f"Pod {pod} answers {snapshot.expected.ping} with {in_words(reply)}", kubectl(snapshot, f"logs {pod}"))
    return Ok(f"200 at {snapshot.expected.ping}") if snapshot.served.get("web") else NotChecked("no Pod was asked")


def health(snapshot: Snapshot) -> Verdict:
    """Portus itself finds its database and its registry."""
    if not snapshot.expected.is_puma:
        return Skipped("before 2.3 Portus does not examine itself")
    if not isinstance(snapshot.health, Answer):
        return NotChecked(f"/api/v1/health: {snapshot.health.reason}")
    try:
        parts = {name: part for name, part in json.loads(snapshot.health.body).items() if isinstance(part, dict)}
    except ValueError:
        return Failed(f"/api/v1/health answers {in_words(snapshot.health)}", kubectl(snapshot, "logs deployment/portus"))
    wrong = [f"{name}: {part.get('msg')}" for name, part in parts.items() if not part.get("success")]
    if wrong:
        return Failed(f"Portus says of {'; '.join(wrong)}", kubectl(snapshot, "logs deployment/portus"))
    return Ok("; ".join(str(part.get("msg")) for part in parts.values()))


def challenge(snapshot: Snapshot) -> Verdict:
    """The registry sends clients to Portus, with the service that Portus knows."""
    for pod, reply in snapshot.served.get(REGISTRY, {}).items():
        if isinstance(reply, NotChecked):
            return reply
        if (verdict := challenged(snapshot, reply, f"Pod {pod}")) is not None:
            return verdict
    if not snapshot.served.get(REGISTRY):
        return NotChecked("no Pod was asked")
    return Ok(f"realm {snapshot.expected.portus_url}/v2/token, service {snapshot.expected.registry}")


def challenged(snapshot: Snapshot, reply: Reply, who: str) -> Failed | None:
    """Return what is wrong with the answer of a registry to a client without a token."""
    expected = snapshot.expected
    config = f"auth.token of the registry's config.yml ({kubectl(snapshot, 'get configmap')}), rendered again by {deploy_again(snapshot)}"
    if not isinstance(reply, Answer) or reply.status != HTTPStatus.UNAUTHORIZED:
        return Failed(f"{who} answers /v2/ with {in_words(reply)}, not with 401 and a challenge", config)
    given = dict(PARAMETER.findall(reply.headers.get("www-authenticate", "")))
    for name, right in (("realm", f"{expected.portus_url}/v2/token"), ("service", expected.registry)):
        if given.get(name) != right:
            return Failed(f"{who} sends clients to {name} {given.get(name) or '(none)'}, not {right}", config)
    return None


def token(snapshot: Snapshot) -> Verdict:
    """Portus issues tokens."""
    if isinstance(snapshot.token, NotChecked):
        return snapshot.token
    if claims_of(snapshot.token):
        return Ok("/v2/token gives one")
    if isinstance(snapshot.token, NoAnswer):
        return no_answer(snapshot, "/v2/token", snapshot.token.reason, "deployment/portus")
    key = "PORTUS_KEY_PATH must be an unencrypted RSA key, and secret_key_base must be set"
    return Failed(f"/v2/token answers {in_words(snapshot.token)}", f"{key}: {kubectl(snapshot, 'logs deployment/portus')}")


def issuer(snapshot: Snapshot) -> Verdict:
    """The token's issuer and audience are those that the registry expects."""
    expected = snapshot.registry_config().get("auth", {}).get("token", {})
    claims = claims_of(snapshot.token)
    for claim, key, setting in (("iss", "issuer", "PORTUS_MACHINE_FQDN_VALUE"), ("aud", "service", "the service it was asked for")):
        if claims.get(claim) != expected.get(key):
            seen = f"the token's {claim} is {claims.get(claim)!r}, the registry's {key} {expected.get(key)!r}"
            follow = f"{setting} and auth.token.{key} both follow from host and registry.host of the stack file"
            return Failed(seen, f"{follow}: {deploy_again(snapshot)}")
    return Ok(f"issuer {claims.get('iss')}, audience {claims.get('aud')}")


def signing_key(snapshot: Snapshot) -> Verdict:
    """The key that signs tokens is one that the registry trusts."""
    kid = str(claims_of(snapshot.token, 0).get("kid"))
    pod, config = snapshot.pod(REGISTRY), snapshot.registry_config().get("auth", {}).get("token", {})
    place = str(config.get("jwks") or config.get("rootcertbundle"))
    try:
        trusted = trusted_signers(pod.files[place] if pod else "")
    except KeyError:
        return Failed(f"the registry mounts no {place}", deploy_again(snapshot))
    except ValueError as error:
        return Failed(f"the registry's {place} cannot be read: {error}", f"it is rendered again by {deploy_again(snapshot)}")
    if kid not in trusted:
        seen = f"Portus signs with the key {kid}, the registry trusts {', '.join(trusted) or 'none'}"
        bundle = f"the registry's bundle is rendered from Portus' key by {deploy_again(snapshot)}"
        return Failed(seen, f"{bundle}; a key of your own that was changed goes to tls first, docs/deploy/tls.md")
    also = f" (and {len(trusted) - 1} more are trusted)" if len(trusted) > 1 else ""
    return Ok(f"kid {kid}{also}")


def clock(snapshot: Snapshot) -> Verdict:
    """The clocks of Portus, the registry and this machine agree."""
    skews: dict[str, float] = {}
    issued = claims_of(snapshot.token).get("iat")
    if isinstance(snapshot.token, Answer) and isinstance(issued, int | float):
        skews["Portus"] = issued - snapshot.token.at
    for reply in snapshot.served.get(REGISTRY, {}).values():
        if isinstance(reply, Answer) and (date := email.utils.parsedate_tz(reply.headers.get("date", ""))):
            skews["the registry"] = email.utils.mktime_tz(date) - reply.at
    if not skews:
        return NotChecked("no server told its time")
    measured = {"this machine": 0.0, **skews}
    low, high = min(measured, key=lambda who: measured[who]), max(measured, key=lambda who: measured[who])
    between = measured[high] - measured[low]
    if between > SKEW_SECONDS:
        return Failed(f"the clock of {high} is {between:.0f} s ahead of that of {low}", "set both by NTP: on the nodes, on this machine")
    return Ok(f"at most {between:.0f} s apart")


def portus_login(snapshot: Snapshot) -> Verdict:
    """Portus' own user, as whom it reads the registry's catalog, may log in and has access."""
    reply = snapshot.login
    if isinstance(reply, NotChecked):
        return reply
    if isinstance(reply, NoAnswer):
        return no_answer(snapshot, "/v2/token, asked by the user portus", reply.reason, "deployment/portus")
    if reply.status != HTTPStatus.OK:
        fix = "web and worker must read the same password of Portus' user, and start after it: "
        return Failed(
            f"/v2/token answers the user portus with {in_words(reply)}", fix + kubectl(snapshot, "rollout restart deployment/portus")
        )
    if not claims_of(reply).get("access"):
        seen = f"the user portus gets a token without access for the service {snapshot.expected.registry}"
        return Failed(seen, "Portus started before its registry was recorded as it is now: " + kubectl(snapshot, "logs deployment/portus"))
    return Ok("the user portus may read the catalog")


def catalog(snapshot: Snapshot) -> Verdict:
    """The registry accepts Portus' token."""
    if isinstance(snapshot.catalog, NotChecked):
        return snapshot.catalog
    if isinstance(snapshot.catalog, NoAnswer):
        return no_answer(snapshot, "the registry, asked for its catalog", snapshot.catalog.reason, "deployment/registry")
    if snapshot.catalog.status == HTTPStatus.OK:
        return Ok("200 at /v2/_catalog")
    logs = kubectl(snapshot, "logs deployment/registry")
    restart = kubectl(snapshot, "rollout restart deployment/registry")
    seen = f"the registry answers a good token with {in_words(snapshot.catalog)}"
    return Failed(seen, f"{restart} where its config or bundle was changed in place (it reads them once); else {logs}")
