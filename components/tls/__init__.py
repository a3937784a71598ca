"""The certificate and key that Portus, the registry and the edge serve, and who signs the registry's tokens."""

from components.tls.certificate import Certificate, CertificateSource, KeyPair, Signer
from components.tls.provided import ExistingCertificate, ProvidedCertificate
from components.tls.self_signed import SelfSignedCertificate
from components.tls.served import ServedTls
from components.tls.sources import certificate

__all__ = [
    "Certificate",
    "CertificateSource",
    "ExistingCertificate",
    "KeyPair",
    "ProvidedCertificate",
    "SelfSignedCertificate",
    "ServedTls",
    "Signer",
    "certificate",
]
