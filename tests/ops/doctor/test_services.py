"""Mail and OAuth as Portus' Pod gets them: TLS and login as Portus does them, and no password anywhere but on the connection."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ops.doctor import services
from ops.doctor.facts import Contact, Pod
from ops.doctor.services.configured import Configured
from ops.kube.http import NotChecked
from tests.ops.doctor.pod import HOST, SECRET, LocalPods, ask, authority, only, server_tls, serving


@pytest.fixture(scope="module")
def server_context() -> ssl.SSLContext:
    return server_tls()


def test_nothing_is_asked_that_the_settings_do_not_turn_on() -> None:
    assert ask({}) == []
    assert ask({"ldap.enabled": "false", "email.smtp.enabled": "false", "oauth.github.enabled": "false"}) == []


class MailServer:
    """Enough of a mail server."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, at_once: bool = False, offers: str = "", accepts: bool = True) -> None:
        self.tls, self.at_once, self.offers, self.accepts = tls, at_once, offers, accepts
        self.seen: list[str] = []

    def __call__(self, end: socket.socket) -> None:
        if self.at_once and self.tls:
            end = self.tls.wrap_socket(end, server_side=True)
        file = end.makefile("rwb", buffering=0)
        file.write(b"220 mail\r\n")
        for line in file:
            said = line.decode().strip()
            self.seen.append(said)
            word = said.partition(" ")[0].upper()
            if word == "EHLO":
                file.write(f"250-mail\r\n250 {self.offers or 'HELP'}\r\n".encode())
            elif word == "STARTTLS" and self.tls:
                file.write(b"220 go on\r\n")
                end = self.tls.wrap_socket(end, server_side=True)
                file = end.makefile("rwb", buffering=0)
                return self._more(file)
            else:
                self._answer(file, said)
        return None

    def _more(self, file: Any) -> None:
        for line in file:
            said = line.decode().strip()
            self.seen.append(said)
            if said.upper().startswith("EHLO"):
                file.write(b"250 mail\r\n")
            else:
                self._answer(file, said)

    def _answer(self, file: Any, said: str) -> None:
        if said.upper() == "AUTH LOGIN":
            for prompt in (b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n"):
                file.write(prompt)
                self.seen.append(base64.b64decode(file.readline()).decode())
        elif not said.upper().startswith("AUTH"):
            file.write(b"221 bye\r\n")
            return
        file.write(b"235 ok\r\n" if self.accepts else b"535 5.7.8 authentication failed\r\n")


def smtp(port: int, **more: Any) -> dict[str, Any]:
    named = {f"email.smtp.{key}": value for key, value in more.items()}
    return {"email.smtp.enabled": "true", "email.smtp.address": HOST, "email.smtp.port": port, **named}


MAIL_ACCOUNT = {"user_name": "portus", "password": SECRET}


class TestMail:
    """The mail server."""

    def test_without_an_account_it_is_greeted_by_the_domain_and_no_login_is_made(self) -> None:
        server = MailServer()
        with serving(server) as port:
            found = only(smtp(port, domain="portus.example.test"))
        assert found.seen == "not encrypted, no account is set"
        assert server.seen == ["ehlo portus.example.test"]

    def test_portus_logs_in_by_login_unless_another_way_is_set(self) -> None:
        server, pods = MailServer(), LocalPods()
        with serving(server) as port:
            assert only(smtp(port, **MAIL_ACCOUNT), pods=pods).seen == "not encrypted, it accepts portus"
            assert server.seen[1:] == ["AUTH LOGIN", "portus", SECRET]
            assert only(smtp(port, **MAIL_ACCOUNT, authentication="plain")).seen
        assert server.seen[-1].startswith("AUTH PLAIN ")
        assert SECRET not in " ".join(pods.words)

    def test_a_refused_account_is_a_failed_login_in_the_servers_words(self) -> None:
        with serving(MailServer(accepts=False)) as port:
            found = only(smtp(port, **MAIL_ACCOUNT))
        assert (found.step, found.problem) == ("login", "it refuses 'portus' by login: 535 5.7.8 authentication failed")

    def test_starttls_is_used_where_it_is_set_and_offered_and_not_checked_unless_set(self, server_context: ssl.SSLContext) -> None:
        server = MailServer(server_context, offers="STARTTLS")
        with serving(server) as port:
            assert only(smtp(port)).seen.startswith("not encrypted")
            assert only(smtp(port, enable_starttls_auto="true")).seen.startswith("encrypted")
            assert only(smtp(port, **MAIL_ACCOUNT), version="2.2").seen.startswith("encrypted")
            checked = smtp(port, enable_starttls_auto="true", openssl_verify_mode="peer", **MAIL_ACCOUNT)
            assert only(checked, trust=authority()).step == "tls", "Ruby trusts nothing without ca_file or ca_path"
            assert only(checked | {"email.smtp.ca_path": "/etc/ssl/certs"}, trust=authority()).seen.startswith("encrypted")
        with serving(MailServer()) as port:
            assert only(smtp(port, enable_starttls_auto="true")).seen.startswith("not encrypted")

    @pytest.mark.parametrize("how", ["ssl", "tls"])
    def test_both_words_for_tls_from_the_first_byte_on_mean_the_same(self, server_context: ssl.SSLContext, how: str) -> None:
        with serving(MailServer(server_context, at_once=True)) as port:
            assert only(smtp(port, ssl_tls=how)).seen.startswith("encrypted")
            checked = smtp(port, ssl_tls=how, openssl_verify_mode="peer", ca_file="/ca.pem")
            assert only(checked, pods=LocalPods(files={"/ca.pem": authority()})).seen.startswith("encrypted")

    def test_a_server_that_closes_the_connection_is_reported(self) -> None:
        with serving(lambda end: end.close()) as port:
            found = only(smtp(port))
        assert (found.step, found.problem) == ("answer", "the connection is closed without an answer")

    def test_a_server_that_accepts_no_mail_is_reported_with_its_answer(self) -> None:
        with serving(lambda end: end.sendall(b"554 no service\r\n")) as port:
            assert only(smtp(port)).problem == "554 no service"


def site(status: int, body: str = "", seen: list[str] | None = None, tls: ssl.SSLContext | None = None) -> Callable[[socket.socket], None]:
    """Return a web server that answers one request."""

    def handle(end: socket.socket) -> None:
        end = tls.wrap_socket(end, server_side=True) if tls else end
        asked = end.recv(4096).decode()
        if seen is not None:
            seen.append(asked.partition("\r\n")[0])
        head = asked.startswith("HEAD ")
        end.sendall(f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n\r\n{'' if head else body}".encode())

    return handle


def oidc(issuer: str) -> dict[str, str]:
    return {"oauth.openid_connect.enabled": "true", "oauth.openid_connect.issuer": issuer}


class TestOAuth:
    """The sites of OAuth."""

    def test_an_issuer_names_itself_in_its_discovery_document_to_the_letter(self, server_context: ssl.SSLContext) -> None:
        seen: list[str] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
        answers: dict[str, str] = {}

        def handle(end: socket.socket) -> None:
            site(200, json.dumps(answers), seen, server_context)(end)

        with serving(handle) as port:
            issuer = f"https://{HOST}:{port}/realms/users"
            answers["issuer"] = issuer
            assert only(oidc(issuer), trust=authority()).seen == "its discovery document names it"
            assert seen == ["GET /realms/users/.well-known/openid-configuration HTTP/1.1"]
            found = only(oidc(f"{issuer}/"), trust=authority())
            assert (found.step, found.problem) == ("answer", f"it calls itself '{issuer}', and the stack file '{issuer}/'")
            assert only(oidc(issuer)).step == "tls"

    @pytest.mark.parametrize(
        ("status", "body", "problem"),
        [(404, "", "it answers 404 for"), (200, "<html>", "is not a discovery document"), (503, "", "it answers 503")],
    )
    def test_what_is_no_issuer_is_reported(self, status: int, body: str, problem: str) -> None:
        with serving(site(status, body)) as port:
            assert problem in only(oidc(f"http://{HOST}:{port}")).problem

    def test_a_server_of_gitlab_only_has_to_answer(self) -> None:
        with serving(site(302)) as port:
            settings = {"oauth.gitlab.enabled": "true", "oauth.gitlab.server": f"http://{HOST}:{port}"}
            assert only(settings).seen == "it answers 302"

    def test_every_site_of_a_provider_is_asked(self) -> None:
        class Forbidden(LocalPods):
            def run(self, _: str, command: Any) -> Any:
                self.words += command
                return NotChecked("nothing is to leave this machine")

        pods = Forbidden()
        on = {f"oauth.{name}.enabled": "true" for name in ("google_oauth2", "github", "gitlab", "bitbucket", "open_id")}
        assert all(isinstance(each, NotChecked) for each in ask(on, pods=pods))
        hosts = {word for word in pods.words if word.endswith((".com", ".org"))}
        assert hosts == {"www.googleapis.com", "github.com", "api.github.com", "bitbucket.org", "gitlab.com"}

    def test_a_proxy_opens_the_way_unless_no_proxy_has_the_host(self, server_context: ssl.SSLContext) -> None:
        seen: list[str] = []

        def proxy(end: socket.socket) -> None:
            if asked := end.recv(4096).decode():  # nothing comes of the first look, whether it can be reached
                seen.append(asked)
            end.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            site(200, json.dumps({"issuer": "https://localhost"}), tls=server_context)(end)

        with serving(proxy) as port:
            settings = oidc("https://localhost") | {"HTTPS_PROXY": f"http://me:{SECRET}@127.0.0.1:{port}"}
            found = only(settings, trust=authority())
            assert found.seen == "its discovery document names it"
            assert found.server == "https://localhost (by the proxy 127.0.0.1)"
            assert seen[0].startswith("CONNECT localhost:443 HTTP/1.1\r\n")
            assert base64.b64encode(f"me:{SECRET}".encode()).decode() in seen[0]
            around = only(settings | {"NO_PROXY": ".svc,localhost"}, trust=authority())
            assert (len(seen), around.server) == (1, "https://localhost")

    def test_a_proxy_that_wants_an_account_is_a_failed_login(self) -> None:
        with serving(site(407)) as port:
            found = only(oidc("https://localhost") | {"https_proxy": f"127.0.0.1:{port}"})
        assert (found.step, found.problem) == ("login", "the proxy 127.0.0.1 answers 407 x")


def test_2_2_has_its_settings_in_a_file() -> None:
    document = {"ldap": {"enabled": True, "port": 636, "authentication": {"bind_dn": "cn=a", "password": SECRET}}}
    pod = Pod(name="p", ready=True, files={"/srv/Portus/config/config-local.yml": yaml.safe_dump(document)})
    settings = Configured.of(pod, "2.2", lambda _: "")
    assert settings.is_on("ldap.enabled")
    assert settings.number("ldap.port", 389) == 636
    assert settings.text("ldap.authentication.password") == SECRET
    assert settings.text("ldap.encryption.method") == ""
    assert SECRET not in repr(settings)
    broken = Pod(name="p", ready=True, files={"/srv/Portus/config/config-local.yml": "a: b: c"})
    assert Configured.of(broken, "2.2", lambda _: "").text("ldap.enabled") == ""


def test_a_relay_ends_in_time_even_if_the_server_never_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SECONDS", 0.5)

    def endless(end: socket.socket) -> None:
        while True:
            end.sendall(b"250-more\r\n" * 100)

    with serving(endless) as port:
        found = only(smtp(port))
    assert isinstance(found, Contact)
    assert found.problem
