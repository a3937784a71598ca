"""The database: one ``DatabaseEndpoint``, in the cluster or external."""

from components.mariadb.database import database
from components.mariadb.endpoint import DatabaseEndpoint

__all__ = ["DatabaseEndpoint", "database"]
