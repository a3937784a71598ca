"""The Docker registry (distribution 2.8 or 3.1), with token authentication and notifications wired to Portus."""

from components.registry.component import Registry

__all__ = ["Registry"]
