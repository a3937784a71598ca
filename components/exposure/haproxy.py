"""haproxy.cfg of the front proxy, rendered as text; pure.

It ends TLS, refuses what must not come from outside, and speaks TLS again to Portus and the registry, whose certificates it verifies.
With two hosts it can pass the registry's connections through undecrypted: the second encryption costs a third of a push's speed, and
the refused paths concern Portus' host alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from components.common import names
from components.exposure import paths

HTTPS: Final = 8443
HTTP: Final = 8080
HEALTH: Final = 8404
PROXIED_HTTPS: Final = 8444
PROXIED_HTTP: Final = 8081
"""The ports whose connections begin with the PROXY protocol's header; clients inside the cluster send none and use the others."""

CERTIFICATE: Final = "/run/secrets/edge-tls"
CERTIFICATE_FILES: Final = {"tls.crt": "edge.pem", "tls.key": "edge.pem.key"}
"""The names by which haproxy finds the key of a certificate."""
CONFIGURATION: Final = "/usr/local/etc/haproxy"
"""Where the official image looks."""
TRUST: Final = f"{CONFIGURATION}/ca.crt"

CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""Of TLS 1.2: Mozilla's intermediate list (wiki.mozilla.org/Security/Server_Side_TLS, 5.7) without its DHE suites, which need parameters of
their own and serve no client that lacks ECDHE."""
CIPHER_SUITES: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Of TLS 1.3: all three that there are in practice, the fastest with AES in hardware first."""
CURVES: Final = ("X25519", "prime256v1", "secp384r1")

PIPE_BYTES: Final = 256 * 1024
"""Of the pipes through which the kernel moves what is passed on undecrypted: four times its default, for fewer calls per layer. An ordinary
user may have 64 MiB of pipes (pipe(7), pipe-user-pages-soft): 256 of these; further ones get the kernel's smallest size."""

HELLO_SECONDS: Final = 5
"""How long a client may take for the first message of its TLS handshake."""
CONNECT_SECONDS: Final = 5
PORTUS_CONNECT_SECONDS: Final = 30
"""The TLS handshake is part of it, and Portus answers that only when it has a thread for the connection."""
QUEUE_SECONDS: Final = 60
"""How long a request waits for one of Portus' threads: 50 clients that log in at once take two threads some ten seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Routes:
    """What the front proxy serves.

    Args:
        host: public name of Portus.
        registry_name: public name of the registry; equal to ``host`` where one name serves both by path.
        public_port: port in the public URLs, to which plain requests are sent.
        portus: address of Portus' Service, ``address:port``; a variable of the environment as ``${NAME}``.
        registry: address of the registry's Service.
        shield: whether the application tokens' paths are refused.
        wildcards: whether Portus can be asked for ``*`` in a repository; what it cannot check is refused in any case.
        behind_proxy: whether another proxy is in front, which says who the client is.
        proxy_protocol: whether there are ports for the PROXY protocol.
        ipv6: whether clients come by IPv6, too.
        hsts_max_age: of Portus' pages, in seconds; None sends no such header.
        passes_registry_through: whether connections for ``registry_name`` go to the registry as they are.
        portus_threads: how many requests Portus handles at once; the others wait here. None: any number.
    """

    host: str
    registry_name: str
    public_port: int
    portus: str
    registry: str
    shield: bool
    wildcards: bool = True
    behind_proxy: bool = False
    proxy_protocol: bool = False
    ipv6: bool = False
    hsts_max_age: int | None = None
    portus_threads: int | None = None
    passes_registry_through: bool = False


def haproxy_cfg(routes: Routes) -> str:
    """Return haproxy.cfg.

    Paths are decoded before they are matched (``url_dec``; ``normalize-uri`` is still experimental in the series), after those that
    decoding could make ambiguous were refused. Headers whose names hold ``_`` or ``.`` are dropped: Rack, as CGI does, reads
    ``X_Forwarded_For`` as ``X-Forwarded-For``. Long timeouts: a push of a large layer is one request. The servers are addresses, not
    names: haproxy looks names up once, at its start, and would keep the address of a Service that was deleted and created again.
    """
    sections = (_defaults(routes), _passing(routes), _https(routes), _http(routes), _health(routes), _servers(routes))
    return "\n".join(section for section in sections if section)


def _defaults(routes: Routes) -> str:
    """Return what holds for every connection."""
    return f"""global
    log stdout format raw local0 info
    maxconn 2000
    tune.pipesize {PIPE_BYTES}
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets prefer-client-ciphers
    ssl-default-bind-ciphers {":".join(CIPHERS)}
    ssl-default-bind-ciphersuites {":".join(CIPHER_SUITES)}
    ssl-default-bind-curves {":".join(CURVES)}
    hard-stop-after 60s

defaults
    mode http
    log global
    option httplog
    option dontlognull
    option forwardfor{" if-none" if routes.behind_proxy else ""}
    timeout connect {CONNECT_SECONDS}s
    timeout queue {QUEUE_SECONDS}s
    timeout client 15m
    timeout server 15m
    timeout http-request 30s
    timeout http-keep-alive 60s
    default-server verify required ca-file {TRUST}
"""


def _https(routes: Routes) -> str:
    """Return the frontend that decrypts, refuses what must not come from outside, and chooses between Portus and the registry."""
    return f"""frontend https
{_https_binds(routes)}
{_hosts(routes)}
    acl token path,url_dec,lower -m reg '{paths.TOKEN}'
    acl registry_path path,url_dec,lower -m reg '{paths.REGISTRY}'
    http-request deny deny_status 400 if {{ path,lower -m reg '{paths.TWISTED}' }}
    http-request deny deny_status 404 if {{ path,url_dec,lower -m reg '{paths.EVENTS}' }}
{_shield(routes)}{_scopes(routes)}    http-request deny deny_status 421 unless for_portus or for_registry
    http-request del-header _ -m sub
    http-request del-header . -m sub
{_client(routes)}    http-request del-header Forwarded
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Forwarded-Port {routes.public_port}
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    use_backend portus if for_portus token
    use_backend registry if for_registry registry_path
    use_backend portus if for_portus
    default_backend nowhere
"""


def _http(routes: Routes) -> str:
    """Return the frontend that redirects plain HTTP."""
    return f"""frontend http
{_binds(routes, HTTP, PROXIED_HTTP)}
{_hosts(routes)}
    http-request deny deny_status 421 unless for_portus or for_registry
    http-request redirect code 301 location https://%[req.hdr(host),field(1,:),lower]{_port(routes)}%[pathq]
"""


def _health(routes: Routes) -> str:
    """Return the frontend that answers the kubelet's probes."""
    return f"""frontend health
    bind {_address(routes, HEALTH)}
    option dontlog-normal
    http-request return status 200 content-type text/plain string ok if {{ path /healthz }}
    http-request deny deny_status 404
"""


def _servers(routes: Routes) -> str:
    """Return the backends, each verified by its name, and the one that refuses everything."""
    return f"""backend portus
    timeout connect {PORTUS_CONNECT_SECONDS}s
{SECURE_COOKIES}
{_hsts(routes)}    server portus "{routes.portus}" ssl sni str({routes.host}) verifyhost {routes.host}{_queue(routes)}

backend registry
    server registry "{routes.registry}" ssl sni str({routes.registry_name}) verifyhost {routes.registry_name}

backend nowhere
    http-request deny deny_status 404
"""


SECURE_COOKIES: Final = r"""    http-response replace-header Set-Cookie '(.*);[ ]*[Ss][Ee][Cc][Uu][Rr][Ee][ ]*(;.*)?$' '\1\2'
    http-response replace-header Set-Cookie '(.+)' '\1; Secure'"""
"""Every cookie with ``Secure``, once: the first rule takes away what the second adds."""


def _queue(routes: Routes) -> str:
    return "" if routes.portus_threads is None else f" maxconn {routes.portus_threads}"


def _https_binds(routes: Routes) -> str:
    options = f" ssl crt {CERTIFICATE}/{CERTIFICATE_FILES['tls.crt']} alpn h2,http/1.1"
    if routes.passes_registry_through:
        return f"    bind {_inside()} accept-proxy{options}"
    return _binds(routes, HTTPS, PROXIED_HTTPS, options)


def _inside() -> str:
    """Return the socket between the two frontends: in the Pod's own network, and without a file because the container is read-only."""
    return f"abns@edge-https-{HTTPS}"


def _passing(routes: Routes) -> str:
    """Return what reads the name in each TLS handshake and passes the connection to the registry, or to the frontend that decrypts.

    A client that names none, or Portus' host, and then asks for the registry is served by that frontend: HTTP/2 clients use one
    connection for every name of its certificate.
    """
    if not routes.passes_registry_through:
        return ""
    return f"""frontend tls
{_binds(routes, HTTPS, PROXIED_HTTPS)}
    mode tcp
    option tcplog
    option splice-auto
    tcp-request inspect-delay {HELLO_SECONDS}s
    acl to_registry req.ssl_sni -i {routes.registry_name}
    tcp-request content set-log-level silent if !to_registry
    tcp-request content accept if {{ req.ssl_hello_type 1 }}
    use_backend registry-tls if to_registry
    default_backend decrypted

backend registry-tls
    mode tcp
    option splice-auto
    server registry "{routes.registry}"

backend decrypted
    mode tcp
    server https {_inside()} send-proxy-v2
"""


def _binds(routes: Routes, port: int, proxied: int, options: str = "") -> str:
    lines = [f"    bind {_address(routes, port)}{options}"]
    if routes.proxy_protocol:
        lines.append(f"    bind {_address(routes, proxied)} accept-proxy{options}")
    return "\n".join(lines)


def _address(routes: Routes, port: int) -> str:
    return f":::{port} v4v6" if routes.ipv6 else f":{port}"  # a node without IPv6 has no [::] to bind to


def _hosts(routes: Routes) -> str:
    return (
        f"    acl for_portus req.hdr(host),field(1,:),lower -m str {routes.host}\n"
        f"    acl for_registry req.hdr(host),field(1,:),lower -m str {routes.registry_name}"
    )


def _shield(routes: Routes) -> str:
    if not routes.shield:
        return ""
    return f"    http-request deny deny_status 403 if {{ path,url_dec,lower -m reg '{paths.APPLICATION_TOKENS}' }}\n"


def _scopes(routes: Routes) -> str:
    """Return the rules that refuse the scopes which Portus would grant without a check.

    A body is refused: Portus 2.0.0 to 2.0.2 read scopes from a form in it, which the front proxy cannot check. Rack reads a form by its
    type, whatever the method; HTTP/2 has bodies without a length. Any other method gets 404 as from Portus itself: clients that try POST
    first (containerd, BuildKit) then use GET.
    """
    unchecked = [paths.MIXED_WILDCARD, *([] if routes.wildcards else [paths.REPOSITORY_WILDCARD])]
    reason = "content-type text/plain string 'scope refused: a * stands alone in the actions of a scope that Portus can judge'"
    return "\n".join(
        [
            f"    acl token_request path,url_dec,lower -m reg '{paths.TOKEN_REQUEST}'",
            "    http-request set-var(txn.is_of_portus) bool(true) if token_request !for_registry or token for_portus",
            "    acl asks_portus var(txn.is_of_portus) -m bool",
            "    http-request deny deny_status 404 if asks_portus !{ method GET HEAD }",
            "    http-request deny deny_status 400 if asks_portus { req.hdr_cnt(transfer-encoding) gt 0 }",
            "    http-request deny deny_status 400 if asks_portus { req.hdr_val(content-length) gt 0 }",
            "    http-request del-header Content-Type if asks_portus",
            f"    http-request deny deny_status 400 if token_request {{ query -m reg '{paths.BROKEN_QUERY}' }}",
            *(
                f"    http-request deny deny_status 403 {reason} if token_request {{ query,url_dec -m reg '{pattern}' }}"
                for pattern in unchecked
            ),
            "",
        ]
    )


def _client(routes: Routes) -> str:
    """Return the rule that ignores the client's own headers on its address, unless a proxy is in front."""
    return "" if routes.behind_proxy else "    http-request del-header X-Forwarded-For\n"


def _hsts(routes: Routes) -> str:
    if routes.hsts_max_age is None:
        return ""
    return f"    http-response set-header Strict-Transport-Security max-age={routes.hsts_max_age}\n"


def _port(routes: Routes) -> str:
    return "" if routes.public_port == names.HTTPS_PORT else f":{routes.public_port}"
