"""What a monitoring system gets from the stack: the registry's metrics, alerts, a dashboard."""

from components.observability.component import observe

__all__ = ["observe"]
