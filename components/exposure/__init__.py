"""How clients reach Portus and the registry from outside the cluster."""

from components.exposure.expose import client_ports, expose

__all__ = ["client_ports", "expose"]
