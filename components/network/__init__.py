"""Addresses inside the cluster, and the connections that are allowed."""

from components.network.addresses import Addresses
from components.network.flows import Parts
from components.network.policies import NetworkPolicies

__all__ = ["Addresses", "NetworkPolicies", "Parts"]
