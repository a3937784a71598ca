"""The certificate and key that Portus, the registry and the edge serve, and that sign the registry's tokens."""

from components.tls.certificate import Certificate
from components.tls.provided import ProvidedCertificate
from components.tls.secret import TlsSecret
from components.tls.self_signed import SelfSignedCertificate
from components.tls.sources import certificate

__all__ = ["Certificate", "ProvidedCertificate", "SelfSignedCertificate", "TlsSecret", "certificate"]
