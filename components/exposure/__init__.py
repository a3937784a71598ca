"""How clients reach Portus and the registry from outside the cluster."""

from components.exposure.edge import Edge

__all__ = ["Edge"]
