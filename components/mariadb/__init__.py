"""The database: one ``DatabaseEndpoint``, in the cluster or external."""

from components.mariadb.database import database
from components.mariadb.endpoint import DatabaseEndpoint
from components.mariadb.external import ExternalMariaDb
from components.mariadb.in_cluster import InClusterMariaDb

__all__ = ["DatabaseEndpoint", "ExternalMariaDb", "InClusterMariaDb", "database"]
