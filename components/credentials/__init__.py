"""Generated secrets that never churn."""

from components.credentials.component import Credentials, Generations

__all__ = ["Credentials", "Generations"]
