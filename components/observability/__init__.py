"""What a monitoring system is told of the stack: the registry's metrics, alerts, a dashboard."""

from components.observability.component import Observability

__all__ = ["Observability"]
