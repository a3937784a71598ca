"""Addresses inside the cluster, and who may talk to whom."""

from components.network.addresses import Addresses
from components.network.flows import Parts
from components.network.policies import NetworkPolicies

__all__ = ["Addresses", "NetworkPolicies", "Parts"]
