"""haproxy.cfg of the edge, rendered as text; pure.

It ends TLS, refuses what must not come from outside, and speaks TLS again to Portus and the registry, whose certificates it verifies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from components.exposure import paths

HTTPS: Final = 8443
HTTP: Final = 8080
HEALTH: Final = 8404
CERTIFICATE: Final = "/run/secrets/edge-tls"
CONFIGURATION: Final = "/usr/local/etc/haproxy"
"""Where the official image looks."""
TRUST: Final = f"{CONFIGURATION}/ca.crt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Routes:
    """What the edge serves.

    Args:
        host: public name of Portus.
        registry_name: public name of the registry; equal to ``host`` where one name serves both by path.
        public_port: port in the public URLs, to which plain requests are sent.
        portus: address of Portus' Service, ``name:port``.
        registry: address of the registry's Service.
        shield: whether the application tokens' paths are refused.
    """

    host: str
    registry_name: str
    public_port: int
    portus: str
    registry: str
    shield: bool


def haproxy_cfg(routes: Routes) -> str:
    """Return haproxy.cfg.

    Decoded and normalised paths are matched (``url_dec``, ``normalize-uri`` is still experimental in the series), so that ``%77ebhooks`` is
    no way round. Long time-outs: a push of a large layer is one request. The Services' names are looked up once, at the start: their
    addresses stay, and haproxy's own resolver would not complete the names as the system's does.
    """
    shield = (
        f"    http-request deny deny_status 403 if {{ path,url_dec,lower -m reg {paths.APPLICATION_TOKENS} }}\n" if routes.shield else ""
    )
    port = "" if routes.public_port == 443 else f":{routes.public_port}"  # noqa: PLR2004
    return f"""global
    log stdout format raw local0 info
    maxconn 2000
    ssl-default-bind-options ssl-min-ver TLSv1.2
    hard-stop-after 60s

defaults
    mode http
    log global
    option httplog
    option dontlognull
    option forwardfor
    timeout connect 5s
    timeout client 15m
    timeout server 15m
    timeout http-request 30s
    timeout http-keep-alive 60s
    default-server init-addr libc verify required ca-file {TRUST}

frontend https
    bind :{HTTPS} ssl crt {CERTIFICATE}/edge.pem alpn h2,http/1.1
    acl for_portus req.hdr(host),field(1,:),lower -m str {routes.host}
    acl for_registry req.hdr(host),field(1,:),lower -m str {routes.registry_name}
    acl token path,url_dec,lower -m reg {paths.TOKEN}
    acl registry_path path,url_dec,lower -m reg {paths.REGISTRY}
    http-request deny deny_status 404 if {{ path,url_dec,lower -m reg {paths.EVENTS} }}
{shield}    http-request deny deny_status 421 unless for_portus or for_registry
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Forwarded-Port {routes.public_port}
    use_backend portus if for_portus token
    use_backend registry if for_registry registry_path
    use_backend portus if for_portus
    default_backend nowhere

frontend http
    bind :{HTTP}
    http-request redirect code 301 location https://%[req.hdr(host),field(1,:)]{port}%[capture.req.uri]

frontend health
    bind :{HEALTH}
    option dontlog-normal
    http-request return status 200 content-type text/plain string ok if {{ path /healthz }}
    http-request deny deny_status 404

backend portus
    server portus {routes.portus} ssl sni str({routes.host}) verifyhost {routes.host}

backend registry
    server registry {routes.registry} ssl sni str({routes.registry_name}) verifyhost {routes.registry_name}

backend nowhere
    http-request deny deny_status 404
"""
