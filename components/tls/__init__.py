"""The certificate and key that Portus, the registry and the front proxy serve, and the signers of the registry's tokens."""

from components.tls.certificate import Certificate
from components.tls.mounted import ServedTls
from components.tls.select import certificate
from components.tls.self_signed import SelfSignedCertificate

__all__ = ["Certificate", "SelfSignedCertificate", "ServedTls", "certificate"]
