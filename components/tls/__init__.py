"""The certificate and key that Portus, the registry and the front proxy serve, and the signers of the registry's tokens."""

from components.tls.certificate import Certificate, CertificateSource, KeyPair, Signer
from components.tls.mounted import ServedTls
from components.tls.select import ExistingCertificate, ProvidedCertificate, certificate
from components.tls.self_signed import SelfSignedCertificate

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
