"""Addresses inside the cluster, and the connections that are allowed."""

from components.network.addresses import Addresses
from components.network.flows import Parts
from components.network.policies import restrict

__all__ = ["Addresses", "Parts", "restrict"]
