"""Addresses inside the cluster, and who may talk to whom."""

from components.network.addresses import Addresses
from components.network.namespace import OwnedNamespace

__all__ = ["Addresses", "OwnedNamespace"]
