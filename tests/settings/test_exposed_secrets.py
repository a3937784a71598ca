"""A secret in a setting that is stored as plain text is refused and not shown: passwords in URLs, tokens, private keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.recorder import run_program, texts
from tests.settings.authority import private
from tests.settings.chains import KEY, OTHER_FORMS, intermediate, leaf, root
from tests.settings.tables import BASE, merged, report, stack_with
from tests.settings.test_certificate_paths import provided

PASSWORD = "geheim123"
BASIC = "Basic QWxhZGRpbjpnZWhlaW0xMjM="
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJnZWhlaW0xMjMifQ.c2lnbmF0dXJl"

URLS = [
    ("portus.config.security.clair.server", ""),
    ("portus.config.security.zypper.server", ""),
    ("portus.config.oauth.gitlab.server", "oauth"),
    ("portus.config.oauth.open_id.identifier", "oauth"),
    ("portus.config.oauth.openid_connect.issuer", "oauth"),
    ("portus.config.ldap.hostname", "ldap"),
    ("portus.config.email.smtp.address", "smtp"),
    ("registry.storage.regionendpoint", "s3"),
    ("registry.storage.redirectendpoint", "s3"),
    ("registry.storage.authurl", "swift"),
    ("registry.redis.addr", "redis"),
    ("registry.notifications.extraEndpoints.0.url", "endpoint"),
    ("database.host", "external database"),
    ("host", ""),
    ("images.mirror", ""),
    ("images.portus", ""),
    ("workloads.web.env", ""),
    ("registry.extraConfig.log.fields", ""),
    ("registry.extraConfig.validation.manifests.urls.allow", ""),
    ("exposure.annotations", "ingress"),
]


@pytest.mark.parametrize("url", [f"https://AKIA:{PASSWORD}@s3.example.com", f"mysql2://portus:{PASSWORD}@db.example.com:3306/portus"])
@pytest.mark.parametrize(("path", "base"), URLS, ids=[path for path, _ in URLS])
def test_a_password_in_a_url_is_refused_and_not_shown(path: str, base: str, url: str) -> None:
    value: Any = url
    match path.rpartition(".")[2]:
        case "env":
            value = [{"name": "HTTP_UPSTREAM", "value": url}]
        case "fields" | "annotations":
            value = {"example.com/upstream": url}
        case "allow":
            value = [url]
    text, problems = report(stack_with(path, value, base))
    assert PASSWORD not in text
    keys = {problem.key for problem in problems}
    assert len(keys) == 1, text
    assert any("change the password" in problem.fix for problem in problems), text


ACCOUNTS = {
    "encoded colon": "https://portus%3Ageheim123@ci.example.com/hook",
    "token alone": "https://Geheim123abcde@ci.example.com/hook",
    "no user": "https://:geheim123@ci.example.com/hook",
    "quote": "https://portus:o'geheim123@ci.example.com/hook",
    "double quote": 'https://portus:o"geheim123@ci.example.com/hook',
    "capitals": "HTTPS://portus:geheim123@ci.example.com/hook",
}


@pytest.mark.parametrize("url", ACCOUNTS.values(), ids=ACCOUNTS)
@pytest.mark.parametrize(("path", "base"), URLS, ids=[path for path, _ in URLS])
def test_no_spelling_of_an_account_in_a_url_is_accepted_or_shown(path: str, base: str, url: str) -> None:
    """Also beside a secret in clear whose key is as long as the URL's: both are reported."""
    value: Any = {"env": [{"name": "HTTP_UPSTREAM", "value": url}], "fields": {"upstream": url}, "annotations": {"upstream": url}}.get(
        path.rpartition(".")[2], url
    )
    text, problems = report(stack_with(path, [url] if path.endswith("allow") else value, base), encrypted=False)
    assert len({problem.key for problem in problems if "encrypted" not in problem.rule}) == 1, text
    assert "geheim" not in text.casefold()


FREE = [
    "host=db.example.com user=portus password=geheim123",
    "portus:geheim123@tcp(db.example.com:3306)/portus",
    "portus:geheim123@db.example.com:3306",
    "//portus:geheim123@db.example.com",
    "https:/portus:geheim123@ci.example.com",
    r"https:\\portus:geheim123@ci.example.com",
    "-Djavax.net.ssl.trustStorePassword=geheim123",
    '{"user": "portus", "password": "geheim123"}',
    "password: geheim123",
]
"""Secrets by their form alone, in places that take any text."""


@pytest.mark.parametrize("secret", FREE)
def test_secrets_in_free_texts_are_refused_and_not_shown(secret: str) -> None:
    for path, value, base in (
        ("workloads.web.env", [{"name": "UPSTREAM", "value": secret}], ""),
        ("workloads.all.annotations", {"example.com/upstream": secret}, ""),
        ("exposure.annotations", {"example.com/upstream": secret}, "ingress"),
        ("registry.extraConfig.log.fields", {"upstream": secret}, ""),
        ("registry.http.headers", {"X-Upstream": [secret]}, ""),
        ("registry.notifications.extraEndpoints.0.headers", {"X-Upstream": [secret]}, "endpoint"),
    ):
        text, problems = report(stack_with(path, value, base))
        assert len(problems) == 1, (path, text)
        assert PASSWORD not in text
        assert "exposed" in problems[0].fix
        assert ("secretKeyRef" in problems[0].fix) == (path == "workloads.web.env")


@pytest.mark.parametrize(
    ("path", "base", "value"),
    [
        ("registry.storage.bucket", "s3", f"mysql2://portus:{PASSWORD}@db.example.com/portus"),
        ("registry.storage.bucket", "s3", f"portus:{PASSWORD}@db.example.com:443"),
        ("registry.storage.bucket", "s3", f"BUCKET_TOKEN={PASSWORD}"),
        ("registry.storage.container", "swift", f"https://portus:a/{PASSWORD}@db.example.com"),
        ("portus.config.ldap.hostname", "ldap", f"Bearer {PASSWORD}"),
        ("network.proxy.http", "", f"password: {PASSWORD}"),
        ("network.proxy.https", "", json.dumps({"password": PASSWORD})),
    ],
)
def test_no_fix_is_made_of_a_secret(path: str, base: str, value: str) -> None:
    """The nearest name for a bucket or a host would be the password in small letters."""
    text, problems = report(stack_with(path, value, base))
    assert len(problems) == 1
    assert PASSWORD not in text


def test_the_text_that_the_report_gives_in_place_of_a_url_with_a_password_is_accepted() -> None:
    wrong = f"https://u:{PASSWORD}@ci.example.com/hook"
    for path in ("registry.extraConfig.log.fields", "workloads.all.annotations"):
        _, (problem,) = report(stack_with(path, {"upstream": wrong}))
        written = problem.fix.partition("'")[2].partition("'")[0]
        assert written == "https://ci.example.com/hook"
        assert report(stack_with(path, {"upstream": written})) == ("", ())


@pytest.mark.parametrize(
    ("path", "base"),
    [("database.host", "external database"), ("portus.config.ldap.hostname", "ldap"), ("portus.config.email.smtp.address", "smtp")],
)
@pytest.mark.parametrize(
    "value",
    [f"mysql2://portus:{PASSWORD}@db.example.com:3306/portus", f"portus:{PASSWORD}@db.example.com:3306", "db.example.com/portus?a=b"],
)
def test_a_server_given_as_a_url_gets_its_host_to_write(path: str, base: str, value: str) -> None:
    text, (problem,) = report(stack_with(path, value, base))
    assert PASSWORD not in text
    assert "write 'db.example.com'; the port has its own key" in problem.fix
    assert report(stack_with(path, "db.example.com", base)) == ("", ())


LONG = "x" * 70


@pytest.mark.parametrize(
    "value",
    [
        f"ftp://{LONG}:{PASSWORD}@s3.example.com",
        f"https://a:{PASSWORD}@b:{PASSWORD}@s3.example.com",
        f"user:{PASSWORD}@clair.example.com:6060",
    ],
    ids=["longer than a line of the report", "two", "no scheme"],
)
def test_no_part_of_a_password_is_shown(value: str) -> None:
    for path, base in (("portus.config.security.clair.server", ""), ("registry.storage.regionendpoint", "s3"), ("host", "")):
        assert "geheim" not in report(stack_with(path, value, base))[0]


QUERIES = ["token", "access_token", "api_key", "X-Amz-Signature", "sig", "password", "client_secret"]


@pytest.mark.parametrize("name", QUERIES)
def test_a_secret_in_a_query_is_refused_where_it_would_be_stored_in_clear(name: str) -> None:
    url = f"https://example.com/hook?a=1&{name}={PASSWORD}&b=2"
    for path, value in (
        ("registry.extraConfig.health.http", [{"uri": url}]),
        ("workloads.web.annotations", {"example.com/hook": url}),
        ("exposure.annotations", {"example.com/hook": url}),
        ("workloads.web.env", [{"name": "HOOK", "value": url}]),
    ):
        text, problems = report(stack_with(path, value, "ingress"))
        assert PASSWORD not in text
        assert [name in problem.rule for problem in problems] == [True], text
        cleaned = json.loads(json.dumps(value).replace(f"&{name}={PASSWORD}", ""))
        assert report(stack_with(path, cleaned, "ingress")) == ("", ())


def test_a_connection_string_with_its_key_is_refused() -> None:
    key = base64.b64encode(PASSWORD.encode()).decode()
    for value in (
        f"DefaultEndpointsProtocol=https;AccountName=images;AccountKey={key};EndpointSuffix=core.windows.net",
        f"Server=db.example.com;User=portus;Password={key};",
        f"jdbc:mysql://db.example.com/portus?user=portus&password={key}",
    ):
        text, problems = report(stack_with("workloads.web.env", [{"name": "UPSTREAM", "value": value}]))
        assert [problem.key for problem in problems] == ["workloads.web.env[0].value"]
        assert key not in text


CREDENTIALS = [BASIC, "Bearer abcdefghijkl", JWT, "AWS4-HMAC-SHA256 Credential=AKIA/20260101"]


@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_credentials_in_lists_and_maps_are_refused_and_not_shown(credentials: str) -> None:
    for path, value, base in (
        ("registry.extraConfig.health.http", [{"uri": "http://a.example.com", "headers": {"X-Check": [credentials]}}], ""),
        ("registry.extraConfig.middleware.storage", [{"name": "redirect", "options": {"deep": {"deeper": [[credentials]]}}}], ""),
        ("registry.http.headers", {"X-Check": [credentials]}, ""),
        ("registry.notifications.extraEndpoints.0.headers", {"X-Check": [credentials]}, "endpoint"),
        ("workloads.worker.env", [{"name": "CHECK", "value": credentials}], ""),
        ("exposure.annotations", {"example.com/header": credentials}, "ingress"),
    ):
        text, problems = report(stack_with(path, value, base))
        assert len(problems) == 1, (path, text)
        assert credentials.rsplit(maxsplit=1)[-1] not in text
        assert "exposed" in problems[0].fix


SNIPPETS = [
    f'proxy_set_header Authorization "{BASIC}";',
    "more_set_input_headers 'Authorization: Bearer geheim123abc';",
    "proxy_set_header X-Api-Token geheim123abc;",
    'http-request set-header authorization "Token geheim123abc"',
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_headers_with_credentials_inside_a_snippet_are_refused_and_not_shown(snippet: str) -> None:
    for path, base in (("exposure.annotations", "ingress"), ("workloads.web.annotations", "")):
        text, problems = report(stack_with(path, {"example.com/snippet": f"gzip on;\n{snippet}\n"}, base))
        assert [problem.rule for problem in problems] == ["must not have credentials: this setting is stored as plain text"]
        assert "geheim" not in text
        assert BASIC[6:] not in text


ASSIGNED = [
    ("workloads.web.env", ["DB_PASSWORD={}"]),
    ("workloads.web.env", ["SMTP_TOKEN: {}", "TZ=UTC"]),
    ("workloads.web.env", "DB_PASSWORD={} TZ=UTC"),
    ("workloads.web.env", [{"name": "DB_PASSWORD={}", "value": "x"}]),
    ("workloads.all.annotations", "api-token={}"),
    ("database", "kind: external\nhost: db.example.com\npassword: {}\n"),
    ("registry.storage", "s3 accesskey=AKIA secretkey={}"),
    ("registry.extraConfig", "redis: {{password: {}}}"),
    ("portus.config.email.smtp", "user_name=x;password={}"),
    ("network.extraEgress", ["API_KEY={}"]),
    ("backup.keep", "token={}"),
    ("nonsense", "password={}"),
]
"""Texts in the place of sections, lists and numbers, as Docker Compose, a shell and a block of YAML bring them."""


def _filled(value: Any, password: str) -> Any:
    if isinstance(value, str):
        return value.format(password)
    if isinstance(value, list):
        return [_filled(item, password) for item in value]
    return {key: _filled(item, password) for key, item in value.items()}


@pytest.mark.parametrize(("path", "value"), ASSIGNED, ids=[f"{path} {value}" for path, value in ASSIGNED])
def test_a_secret_that_a_text_assigns_is_not_shown(path: str, value: Any) -> None:
    text, problems = report(stack_with(path, _filled(value, PASSWORD)), encrypted=False)
    assert problems
    assert PASSWORD not in text


def test_a_variable_with_its_secret_in_one_text_is_told_to_come_from_a_secret() -> None:
    _, (problem,) = report(stack_with("workloads.web.env", [f"DB_PASSWORD={PASSWORD}"]), encrypted=False)
    assert problem.fix == (
        "write {name: <name>, valueFrom: {secretKeyRef: {name: <Secret>, key: <key>}}}; replace the secret, because the file exposes it"
    )


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": [BASIC]}, {"authorization": BASIC}, {"X-Auth-Token": ["abc"]}, {"Proxy-Authorization": ["x", "y"]}],
    ids=["a list", "a text", "a token", "a list of two"],
)
def test_headers_named_like_a_secret_are_refused_inside_lists_too(headers: Mapping[str, Any]) -> None:
    check = {"uri": "http://server.example.com", "statuscode": 200}
    _, problems = report(stack_with("registry.extraConfig.health.http", [{**check, "headers": headers}]))
    assert [problem.key for problem in problems] == [f"registry.extraConfig.health.http[0].headers.{next(iter(headers))}"]
    assert report(stack_with("registry.extraConfig.health.http", [check])) == ("", ())


def test_answers_of_the_registry_carry_no_secret_either() -> None:
    _, problems = report(stack_with("registry.http.headers", {"X-Api-Token": ["abc"]}))
    assert [problem.key for problem in problems] == ["registry.http.headers.X-Api-Token"]


KEYS = {
    "PKCS#8": KEY,
    "RSA": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0000\n-----END RSA PRIVATE KEY-----\n",
    "EC": private("ec"),
    "encrypted": private("server", b"passphrase"),
    "OpenSSH": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n",
    "base64": base64.b64encode(KEY.encode()).decode(),
    "cut off": KEY[:300],
    "one line": KEY.replace("\n", "\\n"),
    **OTHER_FORMS,
}


def _with_a_key(key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    chain = leaf() + intermediate()
    own = {"source": "self_signed"}
    manager = {"source": "cert_manager", "certificate": {"issuerRef": {"name": "acme"}}}
    given = {"source": "existing_secret", "secret": "corp-tls", "certificate": chain, "caCertificate": root()}
    redis = {"kind": "external", "addr": "redis.example.com:6380", "tls": {"rootcas": root() + key}}
    yield "tls.certificate", {"tls": provided(key + chain, root())}
    yield "tls.certificate", {"tls": provided(chain + root() + key)}
    yield "tls.certificate", {"tls": {**given, "certificate": leaf() + key + intermediate()}}
    yield "tls.caCertificate", {"tls": provided(chain, key + root())}
    yield "tls.caCertificate", {"tls": {**given, "caCertificate": root() + key}}
    yield "tls.caCertificate", {"tls": {**manager, "caCertificate": root() + key}}
    yield "tls.extraCaCertificates[1]", {"tls": {**own, "extraCaCertificates": [root(), key]}}
    yield "tls.additionalSigners[0]", {"tls": {**own, "additionalSigners": [leaf() + key]}}
    yield "registry.redis.tls.rootcas", {"registry": {"version": "3.1", "redis": redis}}
    yield "workloads.web.annotations.example", {"workloads": {"web": {"annotations": {"example": key}}}}
    yield "workloads.web.env[0].value", {"workloads": {"web": {"env": [{"name": "A", "value": key}]}}}
    yield "registry.extraConfig.log.fields.a", {"registry": {"extraConfig": {"log": {"fields": {"a": [key]}}}}}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_private_key_in_a_public_setting_is_refused_and_has_to_be_replaced(key: str) -> None:
    secret = "".join(key.split("-----")[2].split())[:40] if key.count("-----") > 1 else key[-40:]
    for setting, changes in _with_a_key(key):
        raw = merged(BASE, changes)
        for encrypted in (True, False):
            text, problems = report(raw, encrypted=encrypted)
            about = [problem for problem in problems if problem.key != "tls.privateKey"]
            assert [problem.key.removesuffix("[0]") for problem in about] == [setting.removesuffix("[0]")], text
            assert about[0].fix == "remove it, and replace the key: it is exposed"
            assert secret not in text


def test_variables_named_like_a_secret_come_from_one() -> None:
    for name in ("SMTP_PASSWORD", "API_TOKEN", "CLIENT_SECRET", "AWS_KEY_PASSPHRASE"):
        text, problems = report(stack_with("workloads.web.env", [{"name": name, "value": PASSWORD}]))
        assert [problem.key for problem in problems] == ["workloads.web.env[0].value"]
        assert PASSWORD not in text
        by_reference = [{"name": name, "valueFrom": {"secretKeyRef": {"name": "own", "key": "password"}}}]
        assert report(stack_with("workloads.web.env", by_reference)) == ("", ())


def test_annotations_named_like_a_secret_are_refused() -> None:
    for path, base in (("exposure.annotations", "ingress"), ("workloads.web.annotations", "")):
        for name in ("example.com/password", "example.com/api-key", "example.com/token"):
            text, problems = report(stack_with(path, {name: PASSWORD}, base))
            assert len(problems) == 1
            assert PASSWORD not in text


@pytest.mark.parametrize(
    ("path", "value", "base"),
    [
        ("exposure.annotations", {"nginx.ingress.kubernetes.io/auth-tls-secret": "portus/corp-ca"}, "ingress"),
        ("workloads.web.annotations", {"vault.hashicorp.com/agent-inject-token": "true"}, ""),
        ("workloads.web.annotations", {"example.com/contact": "mailto:portus@example.com"}, ""),
        ("workloads.web.annotations", {"example.com/image": "registry.example.com/a:1@sha256:" + "0" * 64}, ""),
        ("workloads.web.annotations", {"example.com/note": "Basic authentication is switched off here"}, ""),
        ("exposure.annotations", {"example.com/snippet": "proxy_set_header Authorization $http_authorization;"}, "ingress"),
        ("exposure.annotations", {"example.com/snippet": 'proxy_set_header Authorization "Basic $credentials1";'}, "ingress"),
        ("exposure.annotations", {"example.com/cors-allow-headers": "Authorization, X-Api-Token, Content-Type"}, "ingress"),
        ("exposure.annotations", {"example.com/auth-response-headers": "Authorization: X-Forwarded-User2"}, "ingress"),
        ("workloads.web.env", [{"name": "TOKEN_FILE", "value": "/run/secrets/token"}], ""),
        ("workloads.web.env", [{"name": "SMTP_PASSWORD", "value": "/run/secrets/password"}], ""),
        ("workloads.web.env", [{"name": "UPSTREAM", "value": "https://user@example.com:8443/a?b=c"}], ""),
        ("registry.extraConfig.middleware.storage", [{"name": "cloudfront", "options": {"privatekey": "/etc/cf.pem"}}], ""),
        ("registry.extraConfig.log.fields", {"service": "https://example.com:5000/path@2"}, ""),
        ("workloads.web.annotations", {"example.com/source": "git+ssh://git@git.example.com:22/portus"}, ""),
        ("workloads.web.annotations", {"example.com/contact": "sip:alice1@example.com:5060"}, ""),
        ("workloads.web.annotations", {"example.com/note": "Password: see the wiki; auth-secret: basic1; max-token: 4096"}, ""),
        ("workloads.web.annotations", {"example.com/server": "http://[fd00::1]:443/a@b"}, ""),
        ("exposure.annotations", {"example.com/snippet": "set $token=$http_x_token; password={{ .Values.own }}"}, "ingress"),
        ("exposure.annotations", {"example.com/idp": '{"issuer":"https://a.example.com","secretName":"oidc-2026"}'}, "ingress"),
    ],
    ids=str,
)
def test_what_is_no_secret_is_accepted(path: str, value: Any, base: str) -> None:
    assert report(stack_with(path, value, base)) == ("", ())


def test_the_query_of_an_endpoint_is_held_by_a_secret_alone() -> None:
    url = f"https://ci.example.com/hook?token={PASSWORD}"
    raw = stack_with("registry.notifications.extraEndpoints.0.url", url, "endpoint")
    program = run_program("query", {f"portus:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in raw.items()})
    assert url in base64.b64decode(program.one("Secret", "registry-http").inputs["data"]["config.yml"]).decode()
    for resource in program.resources:
        assert not [text for text in texts(resource.inputs) if PASSWORD in text], resource.name
