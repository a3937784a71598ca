"""What is done to a stack that runs: backups of its database, and their way back."""

from components.backup.backups import backups

__all__ = ["backups"]
