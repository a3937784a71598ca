"""Generated secrets that never churn."""

from components.credentials.component import Credentials

__all__ = ["Credentials"]
