"""A stack as Pulumi keeps it."""
