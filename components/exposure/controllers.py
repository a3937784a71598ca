"""What each ingress controller has to be told, in its own annotations; pure.

All get the same: any size of body, streamed; long time-outs; HTTPS to the front proxy, whose certificate is verified.
Sources: ingress-nginx "Annotations"; doc.traefik.io "Kubernetes Ressource: Ingress" and "ServersTransport"; haproxytech/kubernetes-ingress
documentation/annotations.md.
"""

from __future__ import annotations

from typing import Final, assert_never

from components.common import names
from components.settings.sections.exposure import IngressController, IngressExposure, TlsMode

SECONDS: Final = 900
"""As the front proxy's own time-outs: a push of a large layer is one request."""

TRAEFIK: Final = "traefik.ingress.kubernetes.io"
TRANSPORT: Final = names.EDGE
"""Name of Traefik's ServersTransport."""


def ingress_annotations(controller: IngressController, mode: TlsMode, *, host: str, trust: str) -> dict[str, str]:
    """Return the Ingress' annotations.

    Args:
        host: the name that the front proxy's certificate has to hold.
        trust: ``namespace/name`` of the Secret with the CA that has signed it.
    """
    passes = mode is TlsMode.PASSTHROUGH
    match controller:
        case IngressController.NGINX:
            return _under("nginx.ingress.kubernetes.io", {"ssl-passthrough": "true"} if passes else _nginx(host, trust))
        case IngressController.HAPROXY:
            return _under("haproxy.org", {"ssl-passthrough": "true"} if passes else _haproxy(trust))
        case IngressController.TRAEFIK:
            return _under(TRAEFIK, {"router.entrypoints": "websecure", "router.tls": "true"})
        case IngressController.OTHER:
            return {}
        case _:
            assert_never(controller)


def service_annotations(exposure: IngressExposure, namespace: str) -> dict[str, str]:
    """Return the front proxy's Service's annotations; only Traefik looks there. The stack file's win."""
    if exposure.controller is not IngressController.TRAEFIK:
        return {}
    transport = f"{namespace}-{TRANSPORT}@kubernetescrd"
    told = _under(TRAEFIK, {"service.serversscheme": "https", "service.serverstransport": transport})
    return told | {key: value for key, value in exposure.annotations.items() if is_for_service(key)}


def is_for_service(annotation: str) -> bool:
    """Whether Traefik looks for ``annotation`` at the Service, not at the Ingress."""
    return annotation.startswith(f"{TRAEFIK}/service.")


def _nginx(host: str, trust: str) -> dict[str, str]:
    return {
        "backend-protocol": "HTTPS",
        "force-ssl-redirect": "true",
        "proxy-body-size": "0",
        "proxy-buffering": "off",
        "proxy-read-timeout": str(SECONDS),
        "proxy-request-buffering": "off",
        "proxy-send-timeout": str(SECONDS),
        "proxy-ssl-name": host,
        "proxy-ssl-secret": trust,
        "proxy-ssl-server-name": "on",
        "proxy-ssl-verify": "on",
    }


def _haproxy(trust: str) -> dict[str, str]:
    return {
        "forwarded-for": "true",
        "server-ca": trust,
        "server-ssl": "true",
        "ssl-redirect": "true",
        "timeout-server": f"{SECONDS}s",
    }


def _under(prefix: str, values: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}/{name}": value for name, value in values.items()}
